"""What may be spent at an endpoint: refused before it is sent, counted, and on record."""

from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from annotation.models import (
    Campaign,
    EndpointAllowance,
    EndpointApproval,
    EndpointUse,
    Proposal,
    Question,
    Transmission,
)
from annotation.services import endpoint_budgets, endpoints, proposals
from annotation.services.campaigns import change_proposer
from mammo.accounts.models import AuditEvent, User
from mammo.core.errors import UserError
from mammo.jobs import runner
from mammo.jobs import services as jobs
from mammo.jobs.models import Job
from tests.annotation import scene
from tests.modeling.inference.chat_server import answer_with, serve


@pytest.fixture
def campaign(rita: User, june: User, sena: User) -> Campaign:
    """An open campaign with two questions without a study."""
    campaign = scene.open_campaign_of(rita, [june], [sena])
    scene.ask(campaign, scene.plain_row("要复查吗？"), scene.plain_row("密度高吗？", 3))
    return campaign


def approved(campaign: Campaign, host: str, rita: User, dana: User, **budget: int) -> EndpointApproval:
    """An approval with this budget."""
    later = timezone.localdate() + timedelta(days=9)
    row = endpoints.ask_approval(
        campaign.site, by_user=rita, host=host, country="CN", reason="合同", expires_on=later, **budget
    )
    return endpoints.decide(row, by_user=dana, approve=True)


def ask_at(campaign: Campaign, url: str, rita: User, **more: object) -> None:
    """Let an endpoint propose for the campaign."""
    spec = {"kind": "openai", "base_url": url, "model": "glm-4", **more}
    change_proposer(campaign, by_user=rita, proposer=spec, parameters={"max_new_tokens": 20})


def test_a_spent_budget_sends_nothing_more_and_a_larger_one_goes_on(
    campaign: Campaign, rita: User, dana: User
) -> None:
    with serve(lambda number, body: (200, answer_with(f"第{number}个回答，密度为C类。"))) as server:
        host = urlsplit(server.url).netloc
        ask_at(campaign, server.url, rita, budget={"requests": 10_000})
        first = approved(campaign, host, rita, dana, most_requests=4)
        job = proposals.queue_proposals(campaign, by_user=rita)
        assert job is not None
        done = runner.run_here(job)
        assert done.state == "succeeded", done.error
        # Three answers to the first question; what is left covers no second one, which was not even handed over.
        assert len(server.bodies) == 3
        assert Proposal.objects.count() == 3
        assert Transmission.objects.get().question == Question.objects.earliest("position")
        assert (done.progress["requests"], done.result["questions"]) == (3, 1)
        allowed, used = EndpointAllowance.objects.get(), EndpointUse.objects.get()
        assert (allowed.requests, allowed.tokens, used.requests, used.tokens) == (4, None, 3, 36)
        assert endpoint_budgets.left(first) == endpoint_budgets.Amount(1, None)
        # The job behind it is refused before it sends, in words, and that is on record.
        behind = proposals.unfinished_job(campaign)
        assert behind is not None
        refused = runner.run_here(behind)
        assert refused.state == "failed"
        assert "does not cover another question (requests: 3 of 4" in refused.error
        assert AuditEvent.objects.filter(action="annotation.budget_refused").count() == 1
        page = Client()
        page.force_login(rita)
        assert "requests: 3 of 4" in page.get(reverse("annotation:endpoints")).content.decode()
        # Another approval with a budget of its own is used once this one is spent.
        EndpointUse.objects.create(allowance=_another_attempt(allowed, done), requests=1, tokens=0)
        with pytest.raises(UserError, match="larger budget"):
            proposals.queue_proposals(campaign, by_user=rita)
        assert len(server.bodies) == 3
        second = approved(campaign, host, rita, dana, most_requests=900)
        assert proposals.queue_proposals(campaign, by_user=rita) is not None
        found = endpoints.standing_approval(campaign.site, campaign.proposer, with_images=False, not_by=rita)
        assert found == second


def _another_attempt(allowed: EndpointAllowance, job: Job) -> EndpointAllowance:
    """A trial's attempt under the same approval."""
    return EndpointAllowance.objects.create(
        approval=allowed.approval, job=job, attempt=7, system="arm", requests=1, tokens=None
    )


def test_an_attempt_that_fails_counts_what_it_told_else_all_it_was_allowed(
    campaign: Campaign, rita: User, dana: User
) -> None:
    with serve(lambda number, body: (500, {})) as server:
        ask_at(campaign, server.url, rita, max_retries=0)
        row = approved(campaign, urlsplit(server.url).netloc, rita, dana, most_requests=50, most_tokens=9_000)
        job = proposals.queue_proposals(campaign, by_user=rita)
        assert job is not None
        assert runner.run_here(job).state == "failed"
        assert len(server.bodies) == 1
    # Two questions of three answers, twice that for repetitions and failures.
    assert endpoint_budgets.spent(row).requests == 12
    assert (endpoint_budgets.settle_ended(), endpoint_budgets.settle_ended()) == (1, 0)
    assert proposals.queue_proposals(campaign, by_user=rita) is not None
    assert endpoint_budgets.spent(row) == endpoint_budgets.Amount(1, 0)
    # Of a worker that was killed nothing is told.
    lost = proposals.unfinished_job(campaign)
    assert lost is not None
    claimed = jobs.claim(lost.pk, "worker")
    assert claimed is not None
    proposals.build_request(claimed)
    assert endpoint_budgets.spent(row).requests == 1 + 12


def test_a_budget_of_tokens_counts_every_character(campaign: Campaign, rita: User, dana: User) -> None:
    ask_at(campaign, "https://llm.example.org/v1", rita)
    # A question of 5 characters, answers of up to 20 tokens, three of them: 75 each.
    approved(campaign, "llm.example.org", rita, dana, most_tokens=149)
    job = proposals.queue_proposals(campaign, by_user=rita)
    assert job is not None
    claimed = jobs.claim(job.pk, "worker")
    assert claimed is not None
    request = proposals.build_request(claimed)
    assert len(request["questions"]) == 1
    assert request["systems"][0]["spec"]["budget"] == {"requests": None, "tokens": 149}


def test_an_approval_that_covers_no_question_any_more_stands_in_nobodys_way(
    campaign: Campaign, rita: User, dana: User
) -> None:
    ask_at(campaign, "https://llm.example.org/v1", rita)
    longer = approved(campaign, "llm.example.org", rita, dana, most_requests=2)
    # Three answers to a question are three requests: two are left, which is more than nothing.
    with pytest.raises(UserError, match=r"does not cover another question \(requests: 0 of 2"):
        proposals.queue_proposals(campaign, by_user=rita)
    shorter = approved(campaign, "llm.example.org", rita, dana, most_requests=900)
    EndpointApproval.objects.filter(pk=longer.pk).update(expires_on=timezone.localdate() + timedelta(days=90))
    job = proposals.queue_proposals(campaign, by_user=rita)
    assert job is not None
    claimed = jobs.claim(job.pk, "worker")
    assert claimed is not None
    assert len(proposals.build_request(claimed)["questions"]) == 2
    assert EndpointAllowance.objects.get().approval == shorter


def test_what_the_unfinished_job_reserved_refuses_no_second_click(
    campaign: Campaign, rita: User, dana: User
) -> None:
    ask_at(campaign, "https://llm.example.org/v1", rita)
    approved(campaign, "llm.example.org", rita, dana, most_requests=7)
    job = proposals.queue_proposals(campaign, by_user=rita)
    assert job is not None
    claimed = jobs.claim(job.pk, "worker")
    assert claimed is not None
    proposals.build_request(claimed)
    assert proposals.queue_proposals(campaign, by_user=rita) == job
