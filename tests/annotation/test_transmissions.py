"""Each transmission to an endpoint is listed: when, which question, how much, who asked, what became of it; no text."""

from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from annotation.models import EndpointApproval, Question, Transmission
from annotation.services import endpoints, proposals
from annotation.services.campaigns import change_proposer
from annotation.services.transmissions import sent_under, told
from annotation.views import endpoints as endpoint_pages
from mammo.accounts.models import User
from mammo.jobs import runner
from mammo.jobs.models import Job
from tests.annotation import scene
from tests.modeling.inference.chat_server import answer_with, serve

WORDS = "要复查吗？"


@pytest.fixture
def approval(rita: User, june: User, sena: User, dana: User) -> EndpointApproval:
    """An approval under which two questions were answered by an endpoint."""
    campaign = scene.open_campaign_of(rita, [june], [sena])
    scene.ask(campaign, scene.plain_row(WORDS), scene.plain_row("密度高吗？", 3))
    with serve(lambda number, body: (200, answer_with(f"第{number}个回答，密度为C类。"))) as server:
        later = timezone.localdate() + timedelta(days=9)
        row = endpoints.ask_approval(
            campaign.site,
            by_user=rita,
            host=urlsplit(server.url).netloc,
            country="CN",
            reason="合同",
            expires_on=later,
        )
        endpoints.decide(row, by_user=dana, approve=True)
        spec = {"kind": "openai", "base_url": server.url, "model": "glm-4"}
        change_proposer(campaign, by_user=rita, proposer=spec, parameters={"max_new_tokens": 20})
        job = proposals.queue_proposals(campaign, by_user=rita)
        assert job is not None
        assert runner.run_here(job).state == "succeeded"
    return row


def client_of(person: User) -> Client:
    """A browser in which `person` is signed in."""
    client = Client()
    client.force_login(person)
    return client


def test_the_page_lists_each_question_that_was_sent_and_holds_no_text(
    approval: EndpointApproval, rita: User, dana: User, june: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = reverse("annotation:endpoint-transmissions", args=[approval.pk])
    assert address in client_of(rita).get(reverse("annotation:endpoints")).content.decode()
    page = client_of(rita).get(address).content.decode()
    assert "2 transmissions" in page
    first = Transmission.objects.get(question__position=1)
    assert first.payload_sha256[:16] in page
    assert f'<td class="number">{first.characters}</td>' in page
    assert str(rita) in page
    assert "Done" in page
    assert WORDS not in page
    assert reverse("annotation:timeline", args=[first.question_id]) in page
    assert (
        reverse("annotation:timeline", args=[first.question_id])
        not in client_of(dana).get(address).content.decode()
    )
    assert client_of(june).get(address).status_code == 404
    monkeypatch.setattr(endpoint_pages, "PAGE_ROWS", 1)
    second = client_of(rita).get(address, {"page": "2"}).content.decode()
    assert second.count("<tr>") == 2
    assert "Nothing was sent" not in second


def test_the_page_and_the_interface_are_filtered_by_day(approval: EndpointApproval, rita: User) -> None:
    client, address = client_of(rita), reverse("annotation:endpoint-transmissions", args=[approval.pk])
    api = f"/api/v1/endpoints/{approval.pk}/transmissions/"
    today, before = timezone.localdate(), timezone.localdate() - timedelta(days=1)
    assert "2 transmissions" in client.get(address, {"day": today.isoformat()}).content.decode()
    assert "Nothing was sent" in client.get(address, {"day": before.isoformat()}).content.decode()
    assert client.get(address, {"day": "yesterday"}).status_code == 400
    rows = client.get(api, {"day": today.isoformat()}).json()["results"]
    assert {row["position"] for row in rows} == {1, 2}
    assert client.get(api, {"day": before.isoformat()}).json()["results"] == []
    assert client.get(api, {"day": "yesterday"}).status_code == 400
    assert client.get(api, {"week": "3"}).status_code == 400
    one = client.get(api, {"page_size": "1"}).json()
    assert len(one["results"]) == 1
    assert len(client.get(one["next"]).json()["results"]) == 1
    row = one["results"][0]
    assert (row["asked_by"], row["outcome"], row["answers"]) == ("rita", "succeeded", 3)
    # Every attempt tells once what it spent: 3 answers to each of two questions.
    assert row["attempt_tokens"] > 0
    assert WORDS not in str(rows)


def test_an_attempt_that_broke_off_is_told_from_the_one_that_answered(approval: EndpointApproval) -> None:
    question, job = Question.objects.get(position=1), Transmission.objects.first().job
    Job.objects.filter(pk=job.pk).update(attempt=2)
    Transmission.objects.create(
        approval=approval,
        question=question,
        job=job,
        attempt=2,
        characters=5,
        images=0,
        payload_sha256="a" * 64,
    )
    newest, *older = told(list(sent_under(approval)))
    assert (newest.row.attempt, newest.outcome, newest.attempt_tokens) == (2, "succeeded", None)
    assert {each.outcome for each in older} == {"again"}
