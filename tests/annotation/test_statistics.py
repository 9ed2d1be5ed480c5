"""Figures for the researcher: agreement against a published example, proposals' quality from known rows."""

import csv
import io
import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from annotation.models import Campaign, Correction, Draft, Question, Return
from annotation.services import leases, proposals
from annotation.services.adjudication import adjudicate
from annotation.services.assignments import assign
from annotation.services.campaigns import add_member
from annotation.services.corrections import CorrectionItem, submit_corrections
from annotation.services.picks import pick, return_to_juniors
from annotation.services.shown_orders import shown_order
from annotation.services.skips import skip
from annotation.statistics import pick_rates, progress, quality, support
from annotation.statistics.agreement import nominal_agreement
from annotation.views import research
from mammo.accounts.models import Membership, User
from mammo.accounts.services import revoke_role
from tests.annotation import scene

# Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), example C: four observers, twelve units,
# missing data; nominal alpha = .743.
OBSERVERS = (
    (1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None),
    (1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3),
    (None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None),
    (1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None),
)


def test_alpha_is_that_of_the_published_example() -> None:
    units = [[row[place] for row in OBSERVERS if row[place] is not None] for place in range(12)]
    found = nominal_agreement(units)  # type: ignore[arg-type]
    assert found.alpha == pytest.approx(0.743, abs=0.0005)
    assert found.units == 11


def test_agreement_of_nobody_and_of_one_label_is_said_not_computed() -> None:
    assert nominal_agreement([]).share is None
    same = nominal_agreement([["a", "a"], ["a", "a"]])
    assert (same.share, same.alpha) == (1.0, None)


@pytest.fixture
def twice(rita: User, june: User, jack: User, sena: User, sol: User) -> Campaign:
    """A campaign in which June and Jack settled one question and Sena and Sol picked."""
    campaign = scene.open_campaign_of(rita, [june, jack], [sena, sol], overlap=2, senior_overlap=2)
    (question,) = scene.proposed(campaign, 1)
    scene.settle(question, june)
    items = scene.items_for(question)
    items[0] = CorrectionItem(proposal=items[0].proposal, text=scene.ANSWERS[0], no_change=True)
    submit_corrections(question, by_user=jack, items=items)
    question.refresh_from_db()
    candidates = list(Correction.objects.candidates(question))
    same = [row for row in candidates if row.proposal.index == 1]
    for senior, row in zip((sena, sol), same, strict=True):
        shown_order(question, [one.pk for one in candidates], user=senior, purpose="pick")
        pick(question, by_user=senior, correction=row.pk)
    return campaign


def test_juniors_and_seniors_are_compared_on_the_same_thing(twice: Campaign) -> None:
    found = quality.junior_agreement(twice)
    assert (found["no_change"].units, found["no_change"].share) == (3, pytest.approx(2 / 3))
    assert found["wrong_fact"].share == pytest.approx(2 / 3)
    # Two juniors' versions of one proposal are the same choice.
    assert quality.senior_agreement(twice).share == 1.0


def test_each_round_is_compared_within_itself_after_a_return(
    rita: User, june: User, jack: User, sena: User, sol: User
) -> None:
    campaign = scene.open_campaign_of(rita, [june, jack], [sena, sol], overlap=2, senior_overlap=2)
    (question,) = scene.proposed(campaign, 1)
    for junior in (june, jack):
        scene.settle(question, junior)
    pick(question, by_user=sena, correction=Correction.objects.candidates(question)[0].pk)
    assert quality.picked_and_returned(campaign) == 0
    return_to_juniors(question, by_user=sol, reason="没有说明复查时间")
    question.refresh_from_db()
    assert quality.junior_agreement(campaign)["no_change"].units == 3
    scene.settle(question, june)
    # June's corrections of the second round replace hers of the first: Jack's have nothing to do with these.
    found = quality.junior_agreement(campaign)["no_change"]
    assert (found.units, found.share) == (3, 1.0)
    # A pick against a return is no pair of choices, and is told beside.
    assert quality.senior_agreement(campaign).units == 0
    assert quality.picked_and_returned(campaign) == 1
    page = Client()
    page.force_login(rita)
    address = reverse("annotation:campaign-quality", args=[campaign.pk])
    assert "Rounds in which one senior picked" in page.get(address).content.decode()
    told = page.get(address, {"as": "csv"}).content.decode()
    assert "rounds picked by one and sent back by another,seniors,1" in told
    assert page.get(f"/api/v1/campaigns/{campaign.pk}/quality/").json()["picked_and_returned"] == 1


def test_proposals_are_judged_by_what_became_of_them(twice: Campaign) -> None:
    (row,) = quality.by_system(twice)
    assert (row.proposals, row.corrections) == (3, 6)
    assert row.unchanged == pytest.approx(3 / 6)
    assert row.distance == 6.0
    assert row.picked == 1.0
    assert row.tags["wrong_fact"] == pytest.approx(3 / 6)


def test_proposals_that_repeat_another_are_told_to_the_researcher(campaign: Campaign, rita: User) -> None:
    first, second = scene.ask(campaign, scene.plain_row("一？", 2), scene.plain_row("二？", 3))
    job = proposals.queue_proposals(campaign, by_user=None)
    assert job is not None
    rows = [*scene.answer_rows(first), *scene.answer_rows(second)]
    for place in (1, 2, 5):
        rows[place] |= {"text": rows[place // 3 * 3]["text"], "distinct": False}
    proposals.ingest(job, rows)
    (row,) = quality.by_system(campaign)
    assert (row.proposals, row.repeated) == (6, 3)
    client = Client()
    client.force_login(rita)
    address = reverse("annotation:campaign-quality", args=[campaign.pk])
    said = {"en": "Repeat another", "zh-hans": "与其他回答重复"}
    for language, heading in said.items():
        client.cookies["django_language"] = language
        page = client.get(address).content.decode()
        assert heading in page
        assert re.search(r"<td class=\"number\">6</td><td class=\"number\">3</td>", page)
    answer = client.get(address, {"as": "csv"}).content.decode("utf-8-sig")
    (line,) = [
        row for row in csv.DictReader(io.StringIO(answer)) if row["figure"] == "repeats another proposal"
    ]
    assert (line["count"], line["total"], line["value"]) == ("3", "6", "0.5")


def test_pick_rates_of_a_position_come_with_their_interval_and_what_chance_would_give(
    twice: Campaign,
) -> None:
    made = pick_rates.by_index(twice)
    assert [(rate.position, rate.picked, rate.of) for rate in made] == [(1, 0, 2), (2, 2, 2), (3, 0, 2)]
    # Wilson 1927 for 2 of 2 and 0 of 2: 2 / (2 + z^2) = 0.3424 to 1, and 0 to 0.6576.
    assert (made[1].share, made[1].low, made[1].high) == (1.0, pytest.approx(0.3424, abs=5e-5), 1.0)
    assert (made[0].share, made[0].low, made[0].high) == (0.0, 0.0, pytest.approx(0.6576, abs=5e-5))
    assert [rate.chance for rate in made] == [pytest.approx(1 / 3)] * 3
    seen = pick_rates.by_place(twice)
    # Two juniors settled three proposals each: six answers stood before each senior.
    assert [(rate.position, rate.of) for rate in seen] == [(place, 2) for place in range(1, 7)]
    assert sum(rate.picked for rate in seen) == 2
    assert seen[0].chance == pytest.approx(1 / 6)


def test_before_the_first_pick_there_is_no_rate(campaign: Campaign) -> None:
    assert [(rate.picked, rate.of, rate.share, rate.low) for rate in pick_rates.by_index(campaign)] == [
        (0, 0, None, None)
    ] * 3
    assert pick_rates.by_place(campaign) == []


def test_edit_distance_by_tag_is_the_median_of_the_corrections_that_carry_it(
    campaign: Campaign, june: User, jack: User
) -> None:
    first, second = scene.proposed(campaign, 2)
    for question, added in ((first, ("一", "二三四")), (second, ("五六", "七八九十一二三"))):
        items = scene.items_for(question)
        for place, more in enumerate(added):
            tags = ["wrong_side", "other"] if place else ["wrong_side"]
            items[place] = CorrectionItem(
                proposal=items[place].proposal, text=scene.ANSWERS[place] + more, error_tags=tags
            )
        submit_corrections(question, by_user=june, items=items)
    # wrong_side: 1, 3, 2 and 7 characters; other: 3 and 7.
    assert quality.distance_by_tag(campaign) == {"wrong_side": (4, 2.5), "other": (2, 5.0)}


def test_the_file_of_figures_holds_every_position_with_its_interval_and_no_formula(
    twice: Campaign, rita: User, june: User
) -> None:
    client = Client()
    client.force_login(rita)
    address = reverse("annotation:campaign-quality", args=[twice.pk])
    answer = client.get(address, {"as": "csv"})
    assert answer.headers["Content-Disposition"] == 'attachment; filename="quality.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    made = [row for row in rows if row["figure"] == "picked by order of making"]
    assert [(row["of"], row["count"], row["total"]) for row in made] == [
        ("1", "0", "2"),
        ("2", "2", "2"),
        ("3", "0", "2"),
    ]
    assert float(made[1]["low"]) == pytest.approx(0.3424, abs=5e-5)
    assert len([row for row in rows if row["figure"] == "picked by place seen"]) == 6
    page = client.get(address).content.decode()
    assert f"{address}?as=csv" in page
    assert "100 % (34–100)" in page
    stranger = Client()
    stranger.force_login(june)
    assert stranger.get(address, {"as": "csv"}).status_code == 404


def test_facts_are_held_against_the_labels_of_the_study(question: Question) -> None:
    # The study is density C: two of the three proposals say so, one says B.
    found = support.support_of_proposals(question.campaign)
    assert (found.stated, found.supported) == (3, 2)


def test_progress_counts_questions_not_rows(twice: Campaign, june: User) -> None:
    assert progress.by_stage(twice)["picked"] == 1
    today = progress.by_day(twice, days=3)[-1]
    assert (today.corrected, today.picked) == (1, 1)
    (own,) = progress.by_person(twice, only=june)
    assert (own.corrected, own.picked, own.held) == (1, 0, 0)


def test_every_reason_why_a_question_is_stuck_is_told(rita: User, june: User, jack: User, sena: User) -> None:
    campaign = scene.open_campaign_of(rita, [june, jack], [sena])
    skipped, returned, waiting, fresh, *_others = scene.proposed(campaign, 5)
    (unasked,) = scene.ask(campaign, scene.plain_row("还没有回答？", 99))[5:]
    assert progress.stuck(campaign) == []
    skip(skipped, by_user=june, purpose="correct", code="known")
    for _round in range(2):
        scene.settle(returned, june)
        return_to_juniors(returned, by_user=sena, reason="再改")
        returned.refresh_from_db()
    scene.settle(returned, june)
    week = timezone.now() - progress.STUCK_AFTER
    Question.objects.filter(pk__in=[waiting.pk, unasked.pk]).update(updated_at=week - timedelta(hours=1))
    Question.objects.filter(pk=fresh.pk).update(updated_at=week + timedelta(hours=1))
    found = {one.question: one.reasons for one in progress.stuck(campaign)}
    assert found == {
        skipped: ("skipped",),
        returned: ("returned",),
        waiting: ("waiting",),
        unasked: ("no_proposals",),
    }
    page = Client()
    page.force_login(rita)
    body = page.get(reverse("annotation:campaign-stuck", args=[campaign.pk])).content.decode()
    for said in (
        "skipped",
        "sent back twice or more",
        "untouched for a week",
        "waits for proposals for a week",
    ):
        assert said in body


def test_a_person_reads_their_own_hours_by_program_and_nobody_elses(
    twice: Campaign, june: User, jack: User, sena: User
) -> None:
    days = {}
    for person in (june, sena):
        client = Client()
        client.force_login(person)
        days[person] = client.get("/api/v1/campaigns/my-work/").json()["days"]
    today = timezone.localdate().isoformat()
    row = {"day": today, "campaign": "Spring", "minutes": 0.0, "cases": 1}
    assert days == {june: [row | {"purpose": "correct"}], sena: [row | {"purpose": "pick"}]}


@pytest.fixture
def sent_back(rita: User, june: User, sena: User, sol: User) -> Question:
    """A question of two seniors, corrected by June, picked by Sena and then sent back by Sol."""
    study = scene.patient_with_study(rita.sites_as("researcher").get())
    assert study.density == "C"
    campaign = scene.open_campaign_of(rita, [june], [sena, sol], senior_overlap=2)
    questions = scene.ask(campaign)
    scene.propose(campaign, questions)
    (question,) = questions
    scene.settle(question, june)
    pick(question, by_user=sena, correction=made_of(question, 1).pk)
    return_to_juniors(question, by_user=sol, reason="没有说明复查时间", active_seconds=90)
    question.refresh_from_db()
    return question


def made_of(question: Question, index: int) -> Correction:
    """The candidate made of this proposal: 0 and 2 state the study's density C, 1 states B."""
    found: Correction = Correction.objects.candidates(question).get(proposal__index=index)
    return found


def test_what_came_back_is_held_by_the_junior_and_by_no_senior(
    sent_back: Question, june: User, sena: User, sol: User
) -> None:
    def held() -> dict[User, int]:
        return {row.user: row.held for row in progress.by_person(sent_back.campaign)}

    assert held() == {june: 1, sena: 0, sol: 0}
    scene.settle(sent_back, june)
    assert held() == {june: 0, sena: 0, sol: 0}
    leases.hold(sent_back, by_user=sena, purpose="pick")
    assert held() == {june: 0, sena: 1, sol: 0}
    pick(sent_back, by_user=sena, correction=made_of(sent_back, 0).pk)
    assert held() == {june: 0, sena: 0, sol: 0}


def test_a_pick_of_a_round_that_was_sent_back_counts_no_longer(
    sent_back: Question, june: User, sena: User, sol: User
) -> None:
    campaign = sent_back.campaign
    scene.settle(sent_back, june)
    for senior in (sena, sol):
        pick(sent_back, by_user=senior, correction=made_of(sent_back, 0).pk)
    assert pick_rates.standing_picks(campaign).count() == 2
    assert [(rate.picked, rate.of) for rate in pick_rates.by_index(campaign)] == [(2, 2), (0, 2), (0, 2)]
    found = support.support_of_picks(campaign)
    assert (found.stated, found.supported, found.unread) == (1, 1, 0)


@pytest.mark.parametrize(("first", "second", "supported"), [(0, 1, 1), (1, 0, 0)])
def test_of_two_seniors_picks_the_one_that_decides_is_held_against_the_labels(
    sent_back: Question, june: User, sena: User, sol: User, first: int, second: int, supported: int
) -> None:
    scene.settle(sent_back, june)
    pick(sent_back, by_user=sena, correction=made_of(sent_back, first).pk)
    pick(sent_back, by_user=sol, correction=made_of(sent_back, second).pk)
    found = support.support_of_picks(sent_back.campaign)
    assert (found.stated, found.supported, found.unread) == (1, supported, 0)


@pytest.mark.parametrize(("upheld", "supported"), [(0, 1), (1, 0)])
def test_an_overruled_pick_is_no_answer_that_a_model_learns_from(
    sent_back: Question, june: User, sena: User, sol: User, ada: User, rita: User, upheld: int, supported: int
) -> None:
    campaign = sent_back.campaign
    Campaign.objects.filter(pk=campaign.pk).update(adjudication=True)
    add_member(campaign, ada, "adjudicate", by_user=rita)
    scene.settle(sent_back, june)
    for senior, index in ((sena, 0), (sol, 1)):
        pick(Question.objects.get(), by_user=senior, correction=made_of(sent_back, index).pk)
    chosen = made_of(sent_back, upheld).pk
    adjudicate(Question.objects.get(), by_user=ada, chosen=chosen, reason="更准确")
    found = support.support_of_picks(campaign)
    assert (found.stated, found.supported, found.unread) == (1, supported, 0)


def test_the_time_of_sending_back_counts_as_work_of_its_own(
    sent_back: Question, sol: User, rita: User
) -> None:
    (row,) = progress.by_person(sent_back.campaign, only=sol)
    assert (row.picked, row.returned, row.minutes, row.seconds_each) == (0, 1, 1.5, 90.0)
    (day,) = progress.work_days(sol)
    assert (day.purpose, day.cases, day.minutes) == ("return", 1, 1.5)
    assert progress.last_activity(sent_back.campaign) == Return.objects.get().created_at
    client = Client()
    client.force_login(rita)
    body = client.get(reverse("annotation:campaign", args=[sent_back.campaign_id])).content.decode()
    row_of = re.findall(r'<th scope="row">Sol.*?</tr>', body, re.S)[0]
    assert re.findall(r'class="number">([^<]*)<', row_of)[:3] == ["0", "0", "1"]
    (told,) = [
        one
        for one in client.get(f"/api/v1/campaigns/{sent_back.campaign_id}/progress/").json()["people"]
        if one["user"] == "sol"
    ]
    assert (told["returned"], told["minutes"]) == (1, 1.5)


def test_what_needs_somebody_is_not_pushed_out_by_what_only_waits(
    rita: User, june: User, sena: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = scene.open_campaign_of(rita, [june], [sena])
    *waiting, skipped = scene.proposed(campaign, 4)
    skip(skipped, by_user=june, purpose="correct", code="known")
    long_ago = timezone.now() - 2 * progress.STUCK_AFTER
    Question.objects.filter(pk__in=[question.pk for question in waiting]).update(updated_at=long_ago)
    shown = progress.stuck(campaign, most=2)
    assert [one.reasons for one in shown] == [("skipped",), ("waiting",)]
    assert progress.count_stuck(campaign) == 4
    page = Client()
    page.force_login(rita)
    assert page.get(f"/api/v1/campaigns/{campaign.pk}/stuck/").json()["total"] == 4
    address = reverse("annotation:campaign-stuck", args=[campaign.pk])
    assert "are shown" not in page.get(address).content.decode()
    monkeypatch.setattr(research, "STUCK_ROWS", 3)
    assert "3 of 4 are shown" in page.get(address).content.decode()


def test_a_question_held_by_name_by_somebody_who_is_gone_is_stuck(
    rita: User, june: User, jack: User, sena: User
) -> None:
    campaign = scene.open_campaign_of(rita, [june, jack], [sena], overlap=2)
    done, held, other = scene.proposed(campaign, 3)
    scene.settle(done, june)
    assign(held, june, "correct", by_user=rita)
    assign(other, jack, "correct", by_user=rita)
    assert progress.stuck(campaign) == []
    User.objects.filter(pk=june.pk).update(is_active=False)
    # What she had done before waits for the second junior, not for her.
    assert [(one.question, one.reasons) for one in progress.stuck(campaign)] == [(held, ("holder_gone",))]
    User.objects.filter(pk=june.pk).update(is_active=True)
    revoke_role(Membership.objects.get(user=jack, role="junior"), by_user=None)
    assert [one.question for one in progress.stuck(campaign)] == [other]
    page = Client()
    page.force_login(rita)
    body = page.get(reverse("annotation:campaign-stuck", args=[campaign.pk])).content.decode()
    assert "held by name by somebody who can&#x27;t work on it any more" in body


def test_a_question_that_somebody_types_in_is_not_left_untouched(plain: Campaign, june: User) -> None:
    typed, begun, left = scene.proposed(plain, 3)
    longer_ago = timezone.now() - progress.STUCK_AFTER - timedelta(hours=1)
    scene.settle(begun, june)
    Question.objects.filter(campaign=plain).update(updated_at=longer_ago)
    Draft.objects.create(question=typed, user=june, purpose="correct", content={"items": {}})
    (stuck,) = progress.stuck(plain)
    assert (stuck.question, stuck.reasons, stuck.since) == (left, ("waiting",), longer_ago)
    assert progress.count_stuck(plain) == 1
    Draft.objects.update(updated_at=longer_ago)
    assert {one.question for one in progress.stuck(plain)} == {typed, left}
