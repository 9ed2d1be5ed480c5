"""An endpoint is set up on the campaign's page; images leave only under an approval of images."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from annotation.forms import CampaignForm
from annotation.models import Campaign, EndpointApproval, Proposal, Transmission
from annotation.services import endpoints, proposals
from annotation.services.campaigns import change_proposer
from mammo.accounts.models import Site, User
from mammo.archive.models import Study
from mammo.core.errors import UserError
from mammo.jobs import runner
from tests.annotation import scene
from tests.annotation.test_campaign_pages import form_of, key, signed_in
from tests.modeling.inference.chat_server import ChatServer, answer_with, serve

ENDPOINT = {
    "proposer_kind": "openai",
    "proposer_place": "https://llm.example.org/v1",
    "proposer_name": "glm-4v",
    "proposer_licence": "GLM-4 licence",
    "proposer_context": "images",
    "endpoint_images": "data_url",
    "endpoint_supports_n": "on",
    "endpoint_at_once": "3",
    "endpoint_key": "GLM_API_KEY",
    "endpoint_timeout": "45",
    "endpoint_retries": "2",
}
SPEC = {
    "kind": "openai",
    "base_url": "https://llm.example.org/v1",
    "model": "glm-4v",
    "name": "glm-4v",
    "licence": "GLM-4 licence",
    "api_key_env": "GLM_API_KEY",
    "timeout_seconds": 45.0,
    "max_retries": 2,
    "capabilities": {
        "supports_n": True,
        "supports_seed": False,
        "image_mode": "data_url",
        "max_concurrency": 3,
    },
}


def test_the_page_sets_what_an_endpoint_can_do_and_shows_it_again(rita: User, site: Site) -> None:
    client = signed_in(rita)
    client.post(reverse("annotation:campaign-create"), form_of(site, **ENDPOINT))
    campaign = Campaign.objects.get()
    assert campaign.proposer == SPEC
    url = reverse("annotation:campaign-settings", args=[campaign.pk])
    page = client.get(url).content.decode()
    assert 'value="GLM_API_KEY"' in page
    assert '<option value="data_url" selected>' in page
    without = {name: value for name, value in ENDPOINT.items() if name != "endpoint_supports_n"}
    changed = {**without, "endpoint_key": "", "endpoint_supports_seed": "on", "proposer_licence": ""}
    assert client.post(url, form_of(site, version=campaign.version, **changed)).status_code == 302
    campaign.refresh_from_db()
    able = {**SPEC["capabilities"], "supports_n": False, "supports_seed": True}  # type: ignore[dict-item]
    left = {name: value for name, value in SPEC.items() if name not in ("api_key_env", "licence")}
    assert campaign.proposer == {**left, "capabilities": able}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"endpoint_key": "sk-12345"}, "ends in _API_KEY"),
        ({"endpoint_key": "MAMMO_SECRET_KEY"}, "ends in _API_KEY"),
        ({"endpoint_retries": "99"}, "less than or equal to 20"),
        ({"endpoint_images": "none"}, "is sent no mammograms"),
        ({"proposer_place": "/models/glm"}, "give an address such as"),
    ],
)
def test_the_page_refuses_what_cannot_be_used(
    rita: User, site: Site, wrong: dict[str, str], said: str
) -> None:
    sent = form_of(site, **(ENDPOINT | wrong))
    refused = signed_in(rita).post(reverse("annotation:campaign-create"), sent)
    assert refused.status_code == 400
    assert said in refused.content.decode()
    assert not Campaign.objects.exists()


def test_every_field_of_the_form_stands_in_one_part_of_the_page(rita: User) -> None:
    form = CampaignForm(user=rita)
    shown = [field.name for _part, _heading, fields in form.groups() for field in fields]
    assert sorted(shown) == sorted(form.fields)


def test_the_interface_takes_the_same_record_and_names_what_is_wrong(rita: User, site: Site) -> None:
    client = signed_in(rita)
    made = client.post(
        "/api/v1/campaigns/",
        {"site": site.code, "name": "Autumn", "proposer": SPEC, "proposer_context": "images"},
        content_type="application/json",
        headers={"Idempotency-Key": key()["idempotency_key"]},
    )
    assert made.status_code == 201, made.content
    campaign = Campaign.objects.get()
    assert campaign.proposer == SPEC
    for change, said in (
        ({"capabilities": {"sees": True}}, "sees is unknown"),
        ({"capabilities": {"image_mode": "link"}}, "image_mode"),
        ({"capabilities": ["n"]}, "give an object"),
        ({"api_key_env": "PATH"}, "api_key_env"),
        ({"timeout_seconds": 0}, "timeout_seconds"),
        ({"max_retries": True}, "max_retries"),
        ({"adress": "x"}, "adress is unknown"),
        ({"licence": 7}, "licence"),
        ({"base_url": "/models/glm"}, "base_url"),
        ({"base_url": "http://["}, "base_url"),
        ({"model": " "}, "model"),
    ):
        refused = client.post(
            f"/api/v1/campaigns/{campaign.pk}/proposer/",
            {"proposer": SPEC | change},
            content_type="application/json",
            headers={"Idempotency-Key": key()["idempotency_key"]},
        )
        assert refused.status_code == 400, change
        assert said in str(refused.json()["fields"]["proposer"]), change
    campaign.refresh_from_db()
    assert campaign.proposer == SPEC


@pytest.fixture
def server() -> Iterator[ChatServer]:
    """An endpoint that answers everything."""
    with serve(lambda number, body: (200, answer_with(f"第{number}个回答。"))) as running:
        yield running


def approved(
    campaign: Campaign, server: ChatServer, rita: User, dana: User, *, with_images: bool
) -> EndpointApproval:
    """An approval of the server's host, until tomorrow."""
    row = endpoints.ask_approval(
        campaign.site,
        by_user=rita,
        host=urlsplit(server.url).netloc,
        country="CN",
        reason="合同",
        expires_on=timezone.localdate() + timedelta(days=1),
        with_images=with_images,
    )
    return endpoints.decide(row, by_user=dana, approve=True)


def name_endpoint(campaign: Campaign, server: ChatServer, rita: User, context: str) -> None:
    """Let the server propose."""
    spec: dict[str, Any] = {"kind": "openai", "base_url": server.url, "model": "glm-4v"}
    spec["capabilities"] = {"image_mode": "data_url"}
    change_proposer(campaign, by_user=rita, proposer=spec, proposer_context=context)


def pictures_in(server: ChatServer) -> list[int]:
    """How many pictures each request held."""
    contents = [body["messages"][-1]["content"] for body in server.bodies]
    return [
        sum(part["type"] == "image_url" for part in content) if isinstance(content, list) else 0
        for content in contents
    ]


def test_images_are_sent_only_under_an_approval_that_covers_images(
    campaign: Campaign, study: Study, server: ChatServer, rita: User, dana: User
) -> None:
    scene.ask(campaign, scene.row())
    name_endpoint(campaign, server, rita, "images")
    approved(campaign, server, rita, dana, with_images=False)
    with pytest.raises(UserError, match="no approval stands for sending images"):
        proposals.queue_proposals(campaign, by_user=rita)
    assert (server.bodies, Transmission.objects.count()) == ([], 0)
    approved(campaign, server, rita, dana, with_images=True)
    job = proposals.queue_proposals(campaign, by_user=rita)
    assert job is not None
    assert runner.run_here(job).state == "succeeded"
    assert pictures_in(server) == [4, 4, 4]
    assert Transmission.objects.get().images == 4
    assert set(Proposal.objects.values_list("context", flat=True)) == {"images"}


def test_an_approval_of_images_sends_none_where_the_campaign_shows_none(
    campaign: Campaign, study: Study, server: ChatServer, rita: User, dana: User
) -> None:
    scene.ask(campaign, scene.row())
    name_endpoint(campaign, server, rita, "fields")
    approved(campaign, server, rita, dana, with_images=True)
    job = proposals.queue_proposals(campaign, by_user=rita)
    assert job is not None
    assert runner.run_here(job).state == "succeeded"
    assert pictures_in(server) == [0, 0, 0]
    assert Transmission.objects.get().images == 0


def test_nothing_is_sent_once_an_approval_has_expired(
    campaign: Campaign, study: Study, server: ChatServer, rita: User, dana: User
) -> None:
    scene.ask(campaign, scene.plain_row("要复查吗？"))
    name_endpoint(campaign, server, rita, "none")
    row = approved(campaign, server, rita, dana, with_images=False)
    job = proposals.queue_proposals(campaign, by_user=rita)
    assert job is not None
    # It ends while the job waits for a worker.
    EndpointApproval.objects.filter(pk=row.pk).update(expires_on=timezone.localdate() - timedelta(days=1))
    assert runner.run_here(job).state == "failed"
    with pytest.raises(UserError, match="no approval stands"):
        proposals.queue_proposals(campaign, by_user=rita)
    assert (server.bodies, Transmission.objects.count()) == ([], 0)
    page = Client()
    page.force_login(rita)
    said = page.post(reverse("annotation:propose", args=[campaign.pk]), key(), follow=True)
    assert "no approval stands" in said.content.decode()
    # The last day on which it holds is one on which it holds.
    EndpointApproval.objects.filter(pk=row.pk).update(expires_on=timezone.localdate())
    again = proposals.queue_proposals(campaign, by_user=rita)
    assert again is not None
    assert runner.run_here(again).state == "succeeded"
    assert len(server.bodies) == 3
