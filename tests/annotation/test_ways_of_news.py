"""Each line of news leads its reader to a page that is open to them, where they can do something about it."""

from datetime import timedelta

from django.urls import reverse
from django.utils import timezone

from annotation import opened
from annotation.models import Campaign, Notification, Question
from annotation.services import endpoints, skips
from annotation.services.assignments import assign
from annotation.services.campaigns import add_member, change_instructions
from annotation.services.picks import return_to_juniors
from annotation.services.remarks import comment, flag
from mammo.accounts.models import User
from mammo.accounts.services import grant_role
from tests.annotation import scene
from tests.annotation.test_campaign_pages import signed_in


def led_to(person: User, kind: str) -> str:
    """Where the person's line of this kind leads: it stands on their page of news, and opens."""
    person = User.objects.get(pk=person.pk)
    line = opened.news_line(Notification.objects.get(user=person, kind=kind), person)
    client = signed_in(person)
    assert f'href="{line.url}"' in client.get(reverse("annotation:news")).content.decode()
    answer = client.get(line.url)
    assert answer.status_code == 200, (line.url, answer.status_code)
    return line.url


def test_what_came_back_leads_to_correcting(corrected: Question, june: User, sena: User) -> None:
    return_to_juniors(corrected, by_user=sena, reason="没有说明复查时间")
    assert led_to(june, "returned") == reverse("annotation:correct", args=[corrected.pk])


def test_who_corrects_and_picks_is_led_to_correct_what_came_back(
    corrected: Question, june: User, sena: User, rita: User
) -> None:
    grant_role(june, "senior", site=corrected.campaign.site, by_user=None)
    june = User.objects.get(pk=june.pk)
    add_member(corrected.campaign, june, "pick", by_user=rita)
    return_to_juniors(corrected, by_user=sena, reason="没有说明复查时间")
    assert led_to(june, "returned") == reverse("annotation:correct", args=[corrected.pk])


def test_a_researcher_who_picks_here_is_led_to_picking_not_to_a_history_that_is_closed_to_them(
    corrected: Question, sena: User, rita: User
) -> None:
    grant_role(sena, "researcher", site=corrected.campaign.site, by_user=None)
    sena = User.objects.get(pk=sena.pk)
    comment(corrected, "请看第二句", by_user=rita)
    assert led_to(sena, "comment") == reverse("annotation:pick", args=[corrected.pk])


def test_an_adjudicator_is_led_to_adjudicating_whatever_the_news(
    disputed: Question, ada: User, rita: User
) -> None:
    page = reverse("annotation:adjudicate", args=[disputed.pk])
    assert led_to(ada, "adjudicate") == page
    assign(disputed, ada, "adjudicate", by_user=rita)
    assert led_to(ada, "assigned") == page
    comment(disputed, "请尽快", by_user=rita)
    assert led_to(ada, "comment") == page
    # Also when the question went on to other work.
    return_to_juniors(disputed, by_user=ada, reason="都不对", purpose="adjudicate")
    assert led_to(ada, "comment") == page


def test_an_assignment_leads_to_the_work_that_was_assigned(
    question: Question, june: User, sena: User, rita: User
) -> None:
    for person, role, purpose in ((june, "senior", "pick"), (sena, "junior", "correct")):
        grant_role(person, role, site=question.campaign.site, by_user=None)
        add_member(question.campaign, User.objects.get(pk=person.pk), purpose, by_user=rita)
    assign(question, User.objects.get(pk=sena.pk), "correct", by_user=rita)
    assert led_to(sena, "assigned") == reverse("annotation:correct", args=[question.pk])
    scene.settle(question, User.objects.get(pk=sena.pk))
    assign(question, User.objects.get(pk=june.pk), "pick", by_user=rita)
    assert led_to(june, "assigned") == reverse("annotation:pick", args=[question.pk])


def test_a_researcher_is_led_to_what_is_stuck_and_to_the_history(
    question: Question, campaign: Campaign, june: User, rita: User
) -> None:
    stuck = reverse("annotation:campaign-stuck", args=[campaign.pk])
    comment(question, "哪一侧？", by_user=june)
    assert led_to(rita, "comment") == reverse("annotation:timeline", args=[question.pk])
    flag(question, by_user=june, kind="unclear")
    assert led_to(rita, "flagged") == stuck
    skips.skip(question, by_user=june, purpose="correct", code="unclear")
    assert led_to(rita, "skipped") == stuck


def test_news_of_no_question_lead_to_the_worklist_and_to_the_approvals(
    campaign: Campaign, june: User, sena: User, rita: User, dana: User
) -> None:
    change_instructions(campaign, "新的说明", by_user=rita, expected_version=campaign.version)
    assert led_to(june, "instruct") == reverse("annotation:correct-list")
    assert led_to(sena, "instruct") == reverse("annotation:pick-list")
    tomorrow = timezone.localdate() + timedelta(days=1)
    endpoints.ask_approval(
        campaign.site, by_user=rita, host="llm.example.org", country="CN", reason="合同", expires_on=tomorrow
    )
    assert led_to(dana, "approval") == reverse("annotation:endpoints")
