"""Drafts: settings, aspects, uploaded questions and answers, practice, endpoints, amendments."""

import uuid
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from annotation.models import Campaign, Transmission
from annotation.services.endpoints import ask_approval, decide
from evaluation.aspects import AspectDefinition
from evaluation.models import Arm, Score, Slot, Trial
from evaluation.services import drafts, screening
from evaluation.services.amendments import amend
from evaluation.services.answer_requests import build_request, system_spec
from evaluation.services.answers import queue_answers, record_human_answer
from evaluation.services.arms import add_system_arm, add_written_arm, set_tables
from evaluation.services.dealing import shrunk_spacing, spacing_note
from evaluation.services.freezing import freeze_trial
from evaluation.services.guesses import guess_sample, next_guess, record_guess
from evaluation.services.practice import next_practice, record_practice
from evaluation.services.remarks import Remark, record_form, standing_remark
from evaluation.services.scoring import next_slot, record_scores
from evaluation.services.trials import add_questions, create_trial, eligible_questions
from evaluation.services.writing import answers_waiting, next_to_write
from mammo.accounts.models import AuditEvent, User
from mammo.core.errors import NotAllowedError, StaleVersionError, UserError, WrongStateError
from tests.annotation import scene as annotation_scene
from tests.evaluation import scene


def test_a_stale_change_of_a_draft_is_refused(draft: Trial, rita: User) -> None:
    drafts.change_trial(draft, {"scale_max": 10}, by_user=rita, expected_version=draft.version)
    assert draft.scale_max == 10
    with pytest.raises(StaleVersionError):
        drafts.change_trial(draft, {"scale_max": 7}, by_user=rita, expected_version=draft.version - 1)
    with pytest.raises(UserError, match="can't be changed"):
        drafts.change_trial(draft, {"seed": 1}, by_user=rita, expected_version=draft.version)
    with pytest.raises(UserError, match="no room"):
        drafts.change_trial(draft, {"scale_min": 10}, by_user=rita, expected_version=draft.version)


def test_aspects_are_replaced_while_the_trial_is_a_draft(draft: Trial, rita: User) -> None:
    drafts.set_aspects(draft, [AspectDefinition("safety", "Safety", "No harm.")], by_user=rita)
    assert [a.key for a in draft.aspects.all()] == ["safety"]
    with pytest.raises(UserError, match="key of its own"):
        drafts.set_aspects(
            draft, [AspectDefinition("a", "A", ""), AspectDefinition("a", "B", "")], by_user=rita
        )


def test_an_uploaded_table_joins_and_says_what_did_not(draft: Trial, rita: User) -> None:
    known = annotation_scene.row("这是什么？", number=2, patient="", accession="")
    unknown = annotation_scene.row("她的结果如何？", number=3, patient="NOBODY", accession="A999")
    joined, said = drafts.upload_questions(draft, [known, unknown], table_name="t.csv", by_user=rita)
    # Nobody has looked at the cleaned wording yet: raters must not meet it.
    assert joined == 0
    assert len(said) == 2
    assert "row 3" in said[0]
    assert "confirm its wording" in said[1]
    campaign = Campaign.objects.get(name__contains=draft.name)
    annotation_scene.confirm_all(campaign)
    add_questions(draft, eligible_questions(draft, campaign), by_user=rita)
    assert draft.trial_questions.count() == 10
    assert draft.trial_questions.order_by("position").last().question.study is None


def test_a_file_of_answers_is_an_arm(draft: Trial, rita: User) -> None:
    rows = [
        {"question": q.position, "text": f"第{q.position}个参考回答。"} for q in draft.trial_questions.all()
    ]
    arm = add_written_arm(draft, "Reference", rows, by_user=rita, source="reference.csv")
    assert arm.kind == Arm.Kind.REFERENCE
    assert arm.answers.count() == 9
    assert len(arm.spec["sha256"]) == 64
    for bad, why in (
        (rows[:-1], "without an answer"),
        ([*rows, rows[0]], "second answer"),
        ([{"question": 99, "text": "x"}, *rows], "no question"),
    ):
        with pytest.raises(UserError, match=why):
            add_written_arm(draft, f"Other {why}", bad, by_user=rita)
    assert draft.arms.count() == 4


def test_an_endpoint_arm_answers_only_under_an_approval_and_on_record(draft: Trial, rita: User, site) -> None:
    adam = scene.person(site, "Adam", "admin")
    spec = {"kind": "openai", "base_url": "https://llm.example.org/v1", "model": "m"}
    arm = add_system_arm(draft, "Endpoint", by_user=rita, spec=spec)
    with pytest.raises(UserError, match="no approval stands"):
        queue_answers(draft, by_user=rita, arms=[arm])
    day = timezone.localdate() + timedelta(days=3)
    for most in (8, 20):
        asked = ask_approval(
            draft.site,
            by_user=rita,
            host="llm.example.org",
            country="CN",
            reason="contract",
            expires_on=day + timedelta(days=most),
            most_requests=most,
        )
        decide(asked, by_user=adam, approve=True)
        job = queue_answers(draft, by_user=rita, arms=[arm])
        if most == 8:
            # An arm answers all nine questions or none: the budget of eight lets none leave.
            with pytest.raises(UserError, match="budget"):
                build_request(job)
            assert not Transmission.objects.exists()
    (system,) = build_request(job)["systems"]
    assert system["spec"]["budget"] == {"requests": 18, "tokens": None}
    assert system["spec"]["remote_allowed"] is True
    sent = Transmission.objects.filter(job=job)
    assert sent.count() == 9
    # The spec takes no images: none is on record as sent.
    assert {row.images for row in sent} == {0}


def test_amendments_are_events_of_a_sealed_trial(draft: Trial, rita: User, sena: User) -> None:
    with pytest.raises(WrongStateError):
        amend(draft, "two sittings more", by_user=rita, reason="holidays")
    freeze_trial(draft, by_user=rita)
    event = amend(draft, "two sittings more", by_user=rita, reason="holidays")
    assert (event.kind, event.details["text"]) == ("amended", "two sittings more")
    assert event.sha256 == draft.design_sha256
    assert AuditEvent.objects.filter(action="evaluation.trial_amended").exists()
    with pytest.raises(UserError, match="say what"):
        amend(draft, "x", by_user=rita, reason=" ")
    with pytest.raises(NotAllowedError):
        amend(draft, "x", by_user=sena, reason="y")


def test_remarks_are_rows_of_their_own_and_change_by_new_rows(trial: Trial, sena: User) -> None:
    slot = next_slot(trial.raters.get(user=sena))
    record_form(slot, by_user=sena, values=scene.values(), remark=Remark())
    assert standing_remark(slot) is None
    flagged = Remark(comment="Dose is wrong.", is_unsafe=True, is_typed=True)
    record_form(slot, by_user=sena, values=scene.values(), remark=flagged)
    row = standing_remark(slot)
    assert (str(row.comment), row.is_unsafe, row.is_typed) == ("Dose is wrong.", True, True)
    record_form(slot, by_user=sena, values=scene.values(), remark=Remark())
    assert standing_remark(slot).revision == 2
    assert slot.remarks.count() == 2
    assert Score.objects.count() == 5


def test_a_form_with_a_missing_value_stores_no_remark(trial: Trial, sena: User) -> None:
    slot = next_slot(trial.raters.get(user=sena))
    values = scene.values()
    del values["helpfulness"]
    with pytest.raises(UserError):
        record_form(slot, by_user=sena, values=values, remark=Remark(is_unsafe=True))
    assert not slot.remarks.exists()


def test_practice_comes_first_and_is_in_no_analysis(rita: User, june: User, sena: User, sol: User) -> None:
    questions = scene.questions_of(rita, [june, sena, sol], 4)
    trial = scene.draft_trial(rita, questions[:3], june)
    item = drafts.add_practice_item(trial, questions[3], "建议每年复查。", by_user=rita)
    with pytest.raises(UserError, match="practise with another"):
        drafts.add_practice_item(trial, questions[0], "建议每年复查。", by_user=rita)
    scene.answer_all(trial, rita, june)
    trial = scene.opened(trial, rita, [sena])
    rater = trial.raters.get(user=sena)
    assert next_practice(rater) == item
    first = next_slot(rater)
    with pytest.raises(WrongStateError, match="practice"):
        record_scores(first, by_user=sena, values=scene.values())
    record_practice(rater, item, by_user=sena, values=scene.values())
    assert next_practice(rater) is None
    record_scores(first, by_user=sena, values=scene.values())
    assert Score.objects.count() == 5


def test_guesses_are_asked_once_after_the_last_form(rita: User, june: User, sena: User, sol: User) -> None:
    trial = scene.open_trial(rita, june, [sena, sol], count=3, guesses=2)
    rater = trial.raters.get(user=sena)
    assert next_guess(rater) is None
    scene.score_forms(rater)
    sample = guess_sample(rater)
    assert len(sample) == 2
    assert sample == guess_sample(rater)
    outside = rater.slots.exclude(pk__in=sample).first()
    with pytest.raises(NotAllowedError):
        record_guess(outside, "ai", by_user=sena)
    slot = next_guess(rater)
    record_guess(slot, "ai", by_user=sena)
    with pytest.raises(WrongStateError, match="already"):
        record_guess(slot, "doctor", by_user=sena)
    record_guess(next_guess(rater), "unknown", by_user=sena)
    assert next_guess(rater) is None
    with pytest.raises(UserError, match="unknown"):
        record_guess(Slot.objects.first(), "chatbot", by_user=sena)


def test_authors_find_their_questions_and_nobody_elses(draft: Trial, june: User, jack: User) -> None:
    assert answers_waiting(june) == 0
    arm = draft.arms.get(kind="human")
    arm.answers.all()[0].delete()
    assert answers_waiting(june) == 1
    assert next_to_write(arm, june) is not None
    assert answers_waiting(jack) == 0


def test_authors_of_one_arm_begin_with_different_questions_and_leave_none(
    draft: Trial, june: User, jack: User
) -> None:
    arm = draft.arms.get(kind="human")
    arm.answers.all().delete()
    arm.spec["authors"].append(str(jack.pk))
    arm.save()
    assert [next_to_write(arm, who).position for who in (june, jack, june)] == [1, 2, 1]

    def write(who: User) -> int:
        asked = next_to_write(arm, who)
        record_human_answer(arm, asked, "每年复查。", by_user=who)
        return asked.position

    # Jack is through his share, and goes on with what June left, far from where she is.
    assert [write(jack) for _ in range(6)] == [2, 4, 6, 8, 7, 5]
    assert [write(june) for _ in range(3)] == [1, 3, 9]
    assert (next_to_write(arm, june), next_to_write(arm, jack)) == (None, None)


def test_settings_that_no_trial_can_have_are_refused(rita: User) -> None:
    protocol = scene.frozen_protocol(rita)
    for name, value in (("input_mode", "voice"), ("order", "random"), ("raters_per_answer", 0)):
        with pytest.raises(UserError, match=name):
            create_trial(f"T {name}", protocol=protocol, by_user=rita, **{name: value})


def test_outliers_are_settled_for_every_arm_alike_and_hold_for_later_answers(
    draft: Trial, rita: User
) -> None:
    long = "您的乳腺密度为C类。" + "建议每年复查一次，必要时到门诊复诊。" * 12
    texts = {str(q.pk): long if q.position == 1 else "C类。" for q in draft.trial_questions.all()}
    rows = [{"question": key, "text": text} for key, text in texts.items()]
    arm = add_written_arm(draft, "Reference", rows, by_user=rita)
    kinds = {hit.finding.kind: hit for hit in screening.screen_trial(draft)}
    assert not kinds["length"].settled
    assert kinds["length"].finding.blocks
    assert kinds["length"].can_be_cut
    for wrong in (
        {"kind": "length", "limit": 10},
        {"kind": "language", "limit": 90},
        {"limit": 90},
        {"kind": "x"},
    ):
        with pytest.raises(UserError):
            screening.settle(draft, "", "cut", "too long", by_user=rita, **wrong)
    assert screening.settle(draft, "", "cut", "too long", by_user=rita, kind="length", limit=90) == 1
    cut = arm.answers.get(question__position=1).shown_text
    assert cut == "您的乳腺密度为C类。" + "建议每年复查一次，必要时到门诊复诊。" * 4
    # The eight short ones are not settled by it: cutting makes nothing longer.
    hits = screening.screen_trial(Trial.objects.get(pk=draft.pk))
    assert [(hit.finding.kind, hit.answers, hit.settled) for hit in hits] == [("length", 8, False)]
    assert not hits[0].can_be_cut, "nothing is offered that settles none of them"
    with pytest.raises(WrongStateError, match="8 answers are of unusual length"):
        freeze_trial(draft, by_user=rita)
    later = add_written_arm(Trial.objects.get(pk=draft.pk), "Other", rows, by_user=rita)
    assert later.answers.get(question__position=1).shown_text == cut
    assert len(later.answers.get(question__position=1).raw_text) == len(long)


@pytest.mark.parametrize(
    ("kind", "text", "told"),
    [
        (
            "length",
            "您的乳腺密度为C类。" + "建议每年复查一次，必要时到门诊复诊。" * 12,
            "1 answer is of unusual length",
        ),
        ("language", "Your density is C; see us once a year.", "1 answer is in another language than"),
    ],
)
def test_outliers_keep_a_trial_from_being_frozen_until_they_are_accepted_with_a_reason(
    draft: Trial, rita: User, kind: str, text: str, told: str
) -> None:
    texts = {
        q: text if q.position == 1 else "您的乳腺密度为C类，每年复查。" for q in draft.trial_questions.all()
    }
    rows = [{"question": str(q.pk), "text": said} for q, said in texts.items()]
    arm = add_written_arm(draft, "Reference", rows, by_user=rita)
    with pytest.raises(WrongStateError, match=told):
        freeze_trial(draft, by_user=rita)
    for reason in ("", "  "):
        with pytest.raises(UserError, match="reason"):
            screening.settle(draft, "", "accept", reason, by_user=rita, kind=kind)
    other = "language" if kind == "length" else "length"
    screening.settle(draft, "", "accept", "as it came", by_user=rita, kind=other)
    with pytest.raises(WrongStateError, match=told):
        freeze_trial(draft, by_user=rita)
    assert screening.settle(draft, "", "accept", "the doctor wrote so", by_user=rita, kind=kind) == 0
    assert arm.answers.get(question__position=1).raw_text == text
    assert freeze_trial(draft, by_user=rita).screening[-1]["reason"] == "the doctor wrote so"


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("length", "您的乳腺密度为C类。" + "建议每年复查一次，必要时到门诊复诊。" * 12),
        ("language", "Your density is C; see us once a year."),
    ],
)
def test_outliers_that_come_after_others_were_accepted_are_asked_for_anew(
    draft: Trial, rita: User, kind: str, text: str
) -> None:
    usual = "您的乳腺密度为C类，每年复查。"
    first, second = (
        [
            {"question": str(q.pk), "text": text if q.position in odd else usual}
            for q in draft.trial_questions.all()
        ]
        for odd in ((1,), (2, 3))
    )
    add_written_arm(draft, "Reference", first, by_user=rita)
    screening.settle(draft, "", "accept", "the doctor wrote so", by_user=rita, kind=kind)
    assert screening.blocking_hits(Trial.objects.get(pk=draft.pk)) == []
    add_written_arm(draft, "Other", second, by_user=rita)
    hits = screening.screen_trial(Trial.objects.get(pk=draft.pk))
    assert [(hit.finding.kind, hit.answers, hit.settled) for hit in hits] == [
        (kind, 2, False),
        (kind, 1, True),
    ]
    with pytest.raises(WrongStateError, match="2 answers are"):
        freeze_trial(draft, by_user=rita)
    screening.settle(draft, "", "accept", "so did the other", by_user=rita, kind=kind)
    assert freeze_trial(draft, by_user=rita).state == Trial.State.FROZEN


def test_the_page_settles_an_outlier_by_its_kind(draft: Trial, rita: User) -> None:
    rows = [
        {"question": str(q.pk), "text": "Your density is C; see us once a year."}
        for q in draft.trial_questions.all()
    ]
    arm = add_written_arm(draft, "Reference", rows, by_user=rita)
    client = Client()
    client.force_login(rita)
    page = client.get(reverse("evaluation:trial", args=[draft.pk])).content.decode()
    assert "9 answers are in another language than their question" in page
    assert '<input type="hidden" name="kind" value="language">' in page
    posted = {
        "kind": "language",
        "action": "accept",
        "reason": "bilingual readers",
        "idempotency_key": str(uuid.uuid4()),
    }
    client.post(reverse("evaluation:screen-rule", args=[draft.pk]), posted)
    assert Trial.objects.get(pk=draft.pk).screening == [
        {
            "matched": "",
            "action": "accept",
            "reason": "bilingual readers",
            "kind": "language",
            "answers": sorted(str(answer.pk) for answer in arm.answers.all()),
        }
    ]
    assert freeze_trial(draft, by_user=rita).state == Trial.State.FROZEN


def test_arms_say_which_tables_they_feed_and_systems_are_not_told(draft: Trial, rita: User) -> None:
    arm = draft.arms.get(name="Untuned model")
    spec = dict(arm.spec)
    set_tables(arm, [3, 1, 3], by_user=rita)
    arm.refresh_from_db()
    assert arm.spec == spec | {"tables": [1, 3]}
    assert system_spec(arm) == spec
    with pytest.raises(UserError, match="give some of 1, 2, 3"):
        set_tables(arm, [4], by_user=rita)
    set_tables(arm, [], by_user=rita)
    arm.refresh_from_db()
    assert arm.spec == spec


def test_a_rater_with_fewer_than_nine_questions_is_told_of(draft: Trial, rita: User) -> None:
    assert shrunk_spacing(draft) is None
    drafts.remove_question(draft.trial_questions.first(), by_user=rita)
    assert shrunk_spacing(draft) == 7
    assert "7 slots apart instead of 8" in spacing_note(7)[0]
    drafts.change_trial(
        draft, {"raters_per_answer": 1}, by_user=rita, expected_version=Trial.objects.get(pk=draft.pk).version
    )
    assert shrunk_spacing(draft) == 3
    freeze_trial(draft, by_user=rita)
    fewest = min(r.slots.count() for r in draft.raters.all()) // 3
    assert shrunk_spacing(draft) == fewest - 1
    draft.order = Trial.Order.SIDE_BY_SIDE
    assert shrunk_spacing(draft) is None
