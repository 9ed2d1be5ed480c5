"""Worklists: assignment to named people, pools, skipping, sharing out; what each list shows."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from annotation.models import Campaign, CampaignMember, Comment, Draft, Lease, Notification, Question, Skip
from annotation.services import leases
from annotation.services.assignments import assign, reassign, share_out, unassign
from annotation.services.campaign_settings import change_settings
from annotation.services.campaigns import remove_member
from annotation.services.drafts import save_draft
from annotation.services.pools import set_pool
from annotation.services.practice import PracticeAnswer, add_item
from annotation.services.remarks import comment
from annotation.services.skips import lift, skip
from annotation.statistics.progress import by_person
from mammo.accounts.models import User
from mammo.accounts.services import grant_role
from mammo.core.errors import NotAllowedError, UserError, WrongStateError
from tests.annotation import scene
from tests.annotation.test_views import signed_in


@pytest.fixture
def campaign(rita: User, june: User, jack: User, sena: User, sol: User) -> Campaign:
    """An open campaign whose questions need no study."""
    return scene.open_campaign_of(rita, [june, jack], [sena, sol])


def test_what_is_assigned_comes_before_the_pool(
    campaign: Campaign, june: User, jack: User, rita: User
) -> None:
    questions = scene.proposed(campaign, 3)
    assign(questions[2], june, "correct", by_user=rita)
    assert list(Question.objects.held_by(june, "correct")) == [questions[2]]
    assert leases.next_question(by_user=june, purpose="correct") == questions[2]
    assert questions[2] not in Question.objects.waiting_for(jack, "correct")
    assert Notification.objects.unread(june).get().kind == "assigned"


def test_a_skipped_question_leaves_the_list_with_its_reason_and_keeps_the_draft(
    campaign: Campaign, june: User, jack: User, rita: User
) -> None:
    (question,) = scene.proposed(campaign, 1)
    assign(question, june, "correct", by_user=rita)
    save_draft(question, by_user=june, purpose="correct", content={"items": {}}, expected_version=0)
    row = skip(question, by_user=june, purpose="correct", code="known", reason="我写的报告")
    assert not Question.objects.waiting_for(june, "correct").exists()
    assert list(Question.objects.skipped_by(june, "correct")) == [question]
    assert list(Question.objects.waiting_for(jack, "correct")) == [question]
    assert Draft.objects.filter(user=june).exists()
    assert Notification.objects.unread(rita).filter(kind="skipped").exists()
    lift(row, by_user=rita)
    assert question in Question.objects.waiting_for(june, "correct")
    with pytest.raises(WrongStateError):
        lift(row, by_user=rita)


def test_a_skip_says_why(campaign: Campaign, june: User, sena: User) -> None:
    (question,) = scene.proposed(campaign, 1)
    for code, reason, error in (("nonsense", "x", UserError), ("other", " ", UserError)):
        with pytest.raises(error):
            skip(question, by_user=june, purpose="correct", code=code, reason=reason)
    with pytest.raises(NotAllowedError):
        skip(question, by_user=sena, purpose="correct", code="known")
    assert not Skip.objects.exists()


def test_a_person_who_skipped_gets_it_back_when_it_is_assigned_to_them(
    campaign: Campaign, june: User, rita: User
) -> None:
    (question,) = scene.proposed(campaign, 1)
    skip(question, by_user=june, purpose="correct", code="unclear")
    assign(question, june, "correct", by_user=rita)
    assert question in Question.objects.held_by(june, "correct")


def test_reassignment_moves_the_seat_and_no_finished_work(
    campaign: Campaign, june: User, jack: User, rita: User, sena: User
) -> None:
    first, second = scene.proposed(campaign, 2)
    assign(first, june, "correct", by_user=rita)
    reassign(first, june, jack, "correct", by_user=rita)
    assert list(Question.objects.held_by(jack, "correct")) == [first]
    with pytest.raises(WrongStateError, match="does not hold"):
        reassign(first, june, jack, "correct", by_user=rita)
    with pytest.raises(NotAllowedError):
        reassign(first, jack, sena, "correct", by_user=rita)
    assert Lease.objects.get(question=first).user == jack, "a refused move takes nothing away"
    scene.settle(second, june)
    with pytest.raises(WrongStateError, match="done"):
        reassign(second, june, jack, "correct", by_user=rita)


def test_an_assignment_taken_back_frees_the_question(
    campaign: Campaign, june: User, jack: User, rita: User
) -> None:
    (question,) = scene.proposed(campaign, 1)
    assign(question, june, "correct", by_user=rita)
    unassign(question, june, "correct", by_user=rita)
    assert leases.next_question(by_user=jack, purpose="correct") == question


def test_questions_of_a_pool_wait_for_its_people_alone(
    campaign: Campaign, june: User, jack: User, rita: User
) -> None:
    first, second = scene.proposed(campaign, 2)
    set_pool(CampaignMember.objects.get(campaign=campaign, user=june), "north wing", by_user=rita)
    Question.objects.filter(pk=first.pk).update(pool="north wing")
    assert list(Question.objects.waiting_for(jack, "correct")) == [second]
    assert list(Question.objects.waiting_for(june, "correct")) == [first, second]
    first.refresh_from_db()
    with pytest.raises(NotAllowedError):
        leases.hold(first, by_user=jack, purpose="correct")
    with pytest.raises(NotAllowedError):
        assign(first, jack, "correct", by_user=rita)


def test_a_campaign_without_a_pool_gives_seats_by_name_only(
    campaign: Campaign, june: User, rita: User
) -> None:
    first, second = scene.proposed(campaign, 2)
    change_settings(campaign, by_user=rita, expected_version=campaign.version, is_assigned_only=True)
    assert leases.next_question(by_user=june, purpose="correct") is None
    with pytest.raises(WrongStateError, match="by name"):
        leases.hold(Question.objects.get(pk=first.pk), by_user=june, purpose="correct")
    assign(Question.objects.get(pk=second.pk), june, "correct", by_user=rita)
    assert leases.next_question(by_user=june, purpose="correct") == second


def test_sharing_out_gives_equal_parts_and_nobody_twice(
    rita: User, june: User, jack: User, sena: User
) -> None:
    campaign = scene.open_campaign_of(rita, [june, jack], [sena], overlap=2)
    scene.proposed(campaign, 5)
    assert share_out(campaign, [june, jack], "correct", by_user=rita) == {"june": 5, "jack": 5}
    assert share_out(campaign, [june, jack], "correct", by_user=rita) == {"june": 0, "jack": 0}
    assert Lease.objects.count() == 10
    assert not Lease.objects.filter(expires_at__isnull=False).exists()


def test_single_questions_are_shared_out_evenly(
    campaign: Campaign, june: User, jack: User, rita: User
) -> None:
    scene.proposed(campaign, 5)
    given = share_out(campaign, [june, jack], "correct", by_user=rita, most=4)
    assert given == {"june": 2, "jack": 2}
    with pytest.raises(UserError, match="at least one"):
        share_out(campaign, [], "correct", by_user=rita)
    with pytest.raises(NotAllowedError):
        share_out(campaign, [rita], "correct", by_user=rita)


def test_a_member_who_leaves_frees_what_they_held_and_keeps_what_they_did(
    campaign: Campaign, june: User, jack: User, rita: User
) -> None:
    first, second = scene.proposed(campaign, 2)
    scene.settle(first, june)
    assign(second, june, "correct", by_user=rita)
    remove_member(CampaignMember.objects.get(campaign=campaign, user=june), by_user=rita)
    assert not Question.objects.waiting_for(june, "correct").exists()
    assert leases.next_question(by_user=jack, purpose="correct") == second
    assert Lease.objects.filter(question=first, user=june).exists()
    counted = {row.user: (row.corrected, row.held) for row in by_person(campaign)}
    assert counted[june] == (1, 0)
    page = signed_in(rita).get(reverse("annotation:campaign", args=[campaign.pk])).content.decode()
    assert f'<th scope="row">{june}' in page
    told = signed_in(rita).get(f"/api/v1/campaigns/{campaign.pk}/progress/").json()["people"]
    assert {row["user"]: row["corrected"] for row in told}["june"] == 1


def test_a_lease_renewed_by_activity_does_not_lapse(campaign: Campaign, june: User, jack: User) -> None:
    (question,) = scene.proposed(campaign, 1)
    leases.hold(question, by_user=june, purpose="correct")
    Lease.objects.update(expires_at=timezone.now() + timedelta(seconds=30))
    save_draft(question, by_user=june, purpose="correct", content={"items": {}}, expected_version=0)
    lease = Lease.objects.get()
    assert lease.expires_at is not None
    assert lease.expires_at > timezone.now() + timedelta(minutes=29)
    assert leases.next_question(by_user=jack, purpose="correct") is None


def test_sharing_out_a_part_again_gives_the_next_ones(
    campaign: Campaign, june: User, jack: User, rita: User
) -> None:
    scene.proposed(campaign, 6)
    for _again in range(3):
        assert share_out(campaign, [june, jack], "correct", by_user=rita, most=2) == {"june": 1, "jack": 1}
    assert Lease.objects.filter(user=june).count() == 3


def test_an_assignment_by_name_waits_for_the_practice_set_too(
    campaign: Campaign, june: User, jack: User, rita: User
) -> None:
    first, second = scene.proposed(campaign, 2)
    save_draft(first, by_user=june, purpose="correct", content={"items": {}}, expected_version=0)
    assign(first, june, "correct", by_user=rita)
    Campaign.objects.filter(pk=campaign.pk).update(practice_required=True)
    campaign.refresh_from_db()
    answers = [PracticeAnswer(text="请半年后复查。"), PracticeAnswer(text="请一年后复查。")]
    add_item(campaign, by_user=rita, question="哪个？", answers=answers, best=0, language="zh")
    assign(second, jack, "correct", by_user=rita)
    with pytest.raises(WrongStateError, match="comes first"):
        leases.hold(second, by_user=jack, purpose="correct")
    with pytest.raises(WrongStateError, match="comes first"):
        scene.settle(second, jack)
    assert leases.next_question(by_user=jack, purpose="correct") is None
    # Who began before may finish.
    assert leases.next_question(by_user=june, purpose="correct") == first


def test_a_second_junior_reads_no_remark_of_the_first_before_correcting(
    rita: User, june: User, jack: User, sena: User
) -> None:
    campaign = scene.open_campaign_of(rita, [june, jack], [sena], name="Agreement", overlap=2)
    (question,) = scene.proposed(campaign, 1)
    scene.settle(question, june)
    comment(question, "我改了第二句", by_user=june)
    comment(question, "请看分类", by_user=rita)
    assert [row.by_user for row in Comment.objects.readable_by(jack, question)] == [rita]
    scene.settle(question, jack)
    assert [row.by_user for row in Comment.objects.readable_by(jack, question)] == [june, rita]


def test_a_researcher_who_works_on_the_campaign_reads_no_history_of_it(
    campaign: Campaign, june: User, rita: User, sena: User
) -> None:
    (question,) = scene.proposed(campaign, 1)
    scene.settle(question, june)
    comment(question, "我改了第二句", by_user=june)
    grant_role(sena, "researcher", campaign.site, by_user=None)
    client = Client()
    client.force_login(sena)
    for name, key in (("timeline", question.pk), ("campaign-quality", campaign.pk)):
        page = client.get(reverse(f"annotation:{name}", args=[key]))
        assert page.status_code == 409
        assert "我改了第二句" not in page.content.decode()
    assert not Comment.objects.readable_by(sena, question).exists()
    assert "June" not in client.get(reverse("annotation:campaign", args=[campaign.pk])).content.decode()
    assert comment(question, "选第一个吗？", by_user=sena).role == "pick"
    client.force_login(rita)
    assert client.get(reverse("annotation:timeline", args=[question.pk])).status_code == 200
