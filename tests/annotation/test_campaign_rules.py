"""Rules of a campaign that nobody sees until they are needed: who approves, who is given what, what a file holds."""

import csv
import io
import re
import uuid
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from annotation.models import Campaign, Correction, EndpointApproval, Lease, Notification, Question
from annotation.services import endpoints
from annotation.services.campaign_settings import FROZEN, change_settings
from annotation.services.drafts import save_draft
from annotation.services.picks import pick
from annotation.services.practice import PracticeAnswer, add_item
from mammo.accounts.models import AuditEvent, User
from mammo.accounts.services import grant_role
from mammo.core.errors import WrongStateError
from tests.annotation import scene


def signed_in(person: User) -> Client:
    """A browser in which `person` is signed in."""
    client = Client()
    client.force_login(person)
    return client


def key() -> dict[str, str]:
    """A fresh idempotency key."""
    return {"idempotency_key": str(uuid.uuid4())}


@pytest.fixture
def campaign(rita: User, june: User, jack: User, sena: User) -> Campaign:
    """An open campaign whose questions need no study."""
    return scene.open_campaign_of(rita, [june, jack], [sena])


@pytest.mark.parametrize("role", ["data_manager", "admin"])
def test_who_asked_for_an_endpoint_never_decides_whatever_else_they_are(
    rita: User, dana: User, role: str
) -> None:
    site = rita.sites_as("researcher").get()
    grant_role(rita, role, site=site, by_user=None)
    rita = User.objects.get(pk=rita.pk)
    row = endpoints.ask_approval(
        site,
        by_user=rita,
        host="llm.example.org",
        country="CN",
        reason="合同",
        expires_on=timezone.localdate() + timedelta(days=9),
    )
    assert not Notification.objects.unread(rita).exists(), "nobody is asked to approve their own wish"
    assert Notification.objects.unread(dana).filter(kind="approval").exists()
    for approve in (True, False):
        with pytest.raises(WrongStateError, match="Another person"):
            endpoints.decide(row, by_user=rita, approve=approve)
    address = reverse("annotation:endpoint-decide", args=[row.pk])
    refused = signed_in(rita).post(address, {**key(), "do": "approve"})
    assert refused.status_code == 409
    assert "Another person" in refused.content.decode()
    row.refresh_from_db()
    assert (row.state, row.decided_by) == (EndpointApproval.State.ASKED, None)
    assert not AuditEvent.objects.filter(action="annotation.endpoint_approved").exists()
    assert signed_in(dana).post(address, {**key(), "do": "approve"}).status_code == 302
    row.refresh_from_db()
    assert (row.state, row.decided_by) == (EndpointApproval.State.APPROVED, dana)


@pytest.mark.parametrize("name", ['=HYPERLINK("http://x","y")', "+1+1", "-2", "@SUM(A1)", "\t=1"])
def test_the_file_of_figures_makes_no_formula_of_a_systems_name(
    campaign: Campaign, rita: User, june: User, sena: User, name: str
) -> None:
    Campaign.objects.filter(pk=campaign.pk).update(proposer=campaign.proposer | {"name": name})
    campaign.refresh_from_db()
    (question,) = scene.proposed(campaign, 1)
    scene.settle(question, june)
    pick(question, by_user=sena, correction=Correction.objects.candidates(question)[0].pk)
    address = reverse("annotation:campaign-quality", args=[campaign.pk])
    answer = signed_in(rita).get(address, {"as": "csv"})
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert any(name.strip() in cell for row in rows for cell in row)
    assert [cell for row in rows for cell in row if cell[:1] in "=+-@\t\r" and cell != ""] == []


def test_a_question_is_given_moved_and_taken_back_on_its_page(
    campaign: Campaign, rita: User, june: User, jack: User, otto: User
) -> None:
    (question,) = scene.proposed(campaign, 1)
    address = reverse("annotation:question-give", args=[question.pk])
    client = signed_in(rita)

    def give(**sent: str) -> int:
        return int(client.post(address, {**key(), "purpose": "correct", **sent}).status_code)

    def lists(person: User) -> list[Question]:
        listed = signed_in(person).get(reverse("annotation:correct-list")).context
        return [*listed["mine"]]

    assert give(to=str(june.pk)) == 302
    assert (lists(june), lists(jack)) == ([question], [])
    assert Lease.objects.get().expires_at is None
    save_draft(question, by_user=june, purpose="correct", content={"items": {}}, expected_version=0)
    page = client.get(reverse("annotation:timeline", args=[question.pk])).content.decode()
    assert f'<option value="{june.pk}">June</option>' in page
    assert give(**{"from": str(june.pk), "to": str(jack.pk)}) == 302
    assert (lists(june), lists(jack)) == ([], [question])
    assert Notification.objects.unread(jack).get().question == question
    assert question.drafts.get().user == june, "her draft stays hers"
    assert give(**{"from": str(june.pk), "to": str(jack.pk)}) == 409, "she holds it no longer"
    assert give(**{"from": str(jack.pk)}) == 302
    assert not Lease.objects.exists()
    assert give() == 400
    assert give(to=str(otto.pk)) == 404
    assert signed_in(otto).post(address, {**key(), "purpose": "correct"}).status_code == 404
    assert signed_in(june).post(address, {**key(), "purpose": "correct"}).status_code == 404
    actions = AuditEvent.objects.filter(action__in=("annotation.assigned", "annotation.unassigned"))
    assert list(actions.order_by("sequence").values_list("action", "details__user")) == [
        ("annotation.assigned", str(june.pk)),
        ("annotation.unassigned", str(june.pk)),
        ("annotation.assigned", str(jack.pk)),
        ("annotation.unassigned", str(jack.pk)),
    ]


def test_questions_are_shared_out_in_equal_parts_on_the_page_of_people(
    campaign: Campaign, rita: User, june: User, jack: User
) -> None:
    scene.proposed(campaign, 5)
    address = reverse("annotation:campaign-people", args=[campaign.pk])
    client = signed_in(rita)
    people = [str(member.pk) for member in campaign.members.filter(purpose="correct")]
    sent = {"do": "share", "purpose": "correct", "people": people, "most": "2"}
    clicked = sent | key()
    answer = client.post(address, clicked, follow=True)
    assert "Assigned: jack 1, june 1" in answer.content.decode()
    assert client.post(address, clicked).status_code == 302, "a double click shares nothing more out"
    assert {person.username: person.leases.count() for person in (june, jack)} == {"june": 1, "jack": 1}
    held = signed_in(june).get(reverse("annotation:correct-list")).context["mine"]
    assert {lease.question for lease in june.leases.all()} == set(held)
    assert not Lease.objects.filter(question__position=3).exists(), "no more than were asked for"
    assert client.post(address, sent | key() | {"people": []}).status_code == 400
    assert client.post(address, sent | key() | {"purpose": "all"}).status_code == 400
    assert Lease.objects.count() == 2


def test_the_chart_of_days_shows_what_was_settled_today(
    campaign: Campaign, rita: User, june: User, sena: User
) -> None:
    first, second, _third = scene.proposed(campaign, 3)
    address = reverse("annotation:campaign", args=[campaign.pk])
    client = signed_in(rita)
    assert "Questions settled per day" not in client.get(address).content.decode()
    for question in (first, second):
        scene.settle(question, june)
    pick(first, by_user=sena, correction=Correction.objects.candidates(first)[0].pk)
    chart = client.get(address).content.decode().split("Questions settled per day", 1)[1]
    assert "<polyline" in chart
    for named in ("Corrected", "Picked", "Days before today"):
        assert named in chart
    table = chart.split("<tbody>", 1)[1].split("</tbody>")[0]
    today = re.findall(r">([^<]*)</t[hd]>", table.split("<tr>")[-1])
    assert today == ["0", "2", "1"]


TYPED = {"source": "电话", "consent": "IC-9", "patient": "", "accession": ""}


def test_a_typed_dialogue_is_taken_in_round_by_round(campaign: Campaign, rita: User, june: User) -> None:
    address = reverse("annotation:question-typed", args=[campaign.pk])
    client = signed_in(rita)
    rounds = "我要复查吗？\r\n---\r\n六个月后复查。\r\n---\r\n那我\r\n能怀孕吗？"
    assert client.post(address, {**key(), **TYPED, "text": rounds}).status_code == 302
    question = Question.objects.get()
    assert list(question.turns) == ["我要复查吗？", "六个月后复查。", "那我\n能怀孕吗？"]
    scene.confirm_all(campaign)
    scene.propose(campaign, [question])
    page = signed_in(june).get(reverse("annotation:correct", args=[question.pk]))
    assert [(turn.is_patient, turn.text) for turn in page.context["turns"]] == [
        (True, "我要复查吗？"),
        (False, "六个月后复查。"),
        (True, "那我\n能怀孕吗？"),
    ]
    halfway = client.post(address, {**key(), **TYPED, "text": "要复查吗？\r\n---\r\n六个月后复查。"})
    assert halfway.status_code == 400
    assert "end with the patient" in halfway.content.decode()
    assert Question.objects.count() == 1


def test_a_question_in_a_language_that_is_not_the_campaigns_is_refused(
    campaign: Campaign, rita: User
) -> None:
    Campaign.objects.filter(pk=campaign.pk).update(languages=["zh"])
    address = reverse("annotation:question-typed", args=[campaign.pk])
    client = signed_in(rita)
    refused = client.post(address, {**key(), **TYPED, "text": "Do I need another examination?"})
    assert refused.status_code == 400
    assert "language: en is none of this campaign" in refused.content.decode()
    assert not Question.objects.exists()
    Campaign.objects.filter(pk=campaign.pk).update(languages=["zh", "en"])
    taken = client.post(address, {**key(), **TYPED, "text": "Do I need another examination?"})
    assert taken.status_code == 302
    assert Question.objects.get().language == "en"


@pytest.mark.parametrize("number", ["²", pytest.param("9" * 5000, id="5000 digits")])
def test_a_number_that_only_looks_like_one_is_no_failure_of_the_server(
    campaign: Campaign, rita: User, june: User, number: str
) -> None:
    scene.proposed(campaign, 1)
    address = reverse("annotation:campaign-people", args=[campaign.pk])
    people = [str(member.pk) for member in campaign.members.filter(purpose="correct")]
    sent = {"do": "share", "purpose": "correct", "people": people, "most": number}
    assert signed_in(rita).post(address, sent | key()).status_code == 302
    item = add_item(
        campaign,
        by_user=rita,
        question="要复查吗？",
        answers=[
            PracticeAnswer(text="六个月后复查。"),
            PracticeAnswer(text="不用。", tags=["unsafe_advice"], reference="六个月后复查。"),
        ],
        language="zh",
        best=0,
    )
    practise = reverse("annotation:practise", args=[campaign.pk, "pick"])
    sena = User.objects.get(username="sena")
    assert (
        signed_in(sena).post(practise, {**key(), "item": str(item.pk), "picked": number}).status_code == 400
    )


OTHER_THAN_AT_FIRST = {
    "languages": ["zh"],
    "overlap": 2,
    "senior_overlap": 2,
    "rank_all": True,
    "allow_small_edit": False,
    "adjudication": True,
}


def test_each_frozen_setting_is_tried() -> None:
    assert set(OTHER_THAN_AT_FIRST) == FROZEN


@pytest.mark.parametrize("name", sorted(OTHER_THAN_AT_FIRST))
def test_what_raters_have_seen_is_frozen_whoever_asks(
    campaign: Campaign, rita: User, june: User, name: str
) -> None:
    (question,) = scene.proposed(campaign, 1)
    campaign.refresh_from_db()
    before, value = getattr(campaign, name), OTHER_THAN_AT_FIRST[name]
    assert before != value

    def post(**more: object) -> int:
        answer = signed_in(rita).post(
            f"/api/v1/campaigns/{campaign.pk}/settings/",
            {"version": campaign.version, name: value, **more},
            content_type="application/json",
            headers={"Idempotency-Key": str(uuid.uuid4())},
        )
        campaign.refresh_from_db()
        return answer.status_code

    assert post() == 200, "before the first answer it may be changed"
    assert getattr(campaign, name) == value
    value = before
    assert post() == 200
    scene.settle(question, june)
    value = OTHER_THAN_AT_FIRST[name]
    with pytest.raises(WrongStateError, match=f"{name}: frozen"):
        change_settings(campaign, by_user=rita, expected_version=campaign.version, **{name: value})
    assert post(practice_required=True) == 409
    assert (getattr(campaign, name), campaign.practice_required) == (before, False)
    value = before
    assert post(practice_required=True) == 200, "what is named as it stands is no change"
    assert campaign.practice_required
