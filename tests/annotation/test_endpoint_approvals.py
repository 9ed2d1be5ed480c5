"""An approval ends what is being sent under it, and is none for the person who gave it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from annotation.models import Campaign, EndpointAllowance, EndpointApproval, Transmission
from annotation.services import endpoint_budgets, endpoints, proposals
from annotation.services.campaigns import change_proposer
from mammo.accounts.models import User
from mammo.accounts.services import grant_role
from mammo.core.errors import UserError
from mammo.jobs import services as jobs
from mammo.jobs.models import Job
from tests.annotation import scene

HOST = "llm.example.org"


@pytest.fixture
def campaign(rita: User, june: User, sena: User) -> Campaign:
    """An open campaign with a question, for which an endpoint proposes."""
    campaign = scene.open_campaign_of(rita, [june], [sena])
    scene.ask(campaign, scene.plain_row("要复查吗？"))
    spec = {"kind": "openai", "base_url": f"https://{HOST}/v1", "model": "glm-4"}
    change_proposer(campaign, by_user=rita, proposer=spec)
    return campaign


def approved(campaign: Campaign, asked_by: User, by_user: User) -> EndpointApproval:
    """An approval of the host for nine days."""
    later = timezone.localdate() + timedelta(days=9)
    row = endpoints.ask_approval(
        campaign.site, by_user=asked_by, host=HOST, country="CN", reason="合同", expires_on=later
    )
    return endpoints.decide(row, by_user=by_user, approve=True)


def sending(campaign: Campaign, rita: User) -> Job:
    """A job whose child was handed the campaign's questions."""
    queued = proposals.queue_proposals(campaign, by_user=rita)
    assert queued is not None
    job = jobs.claim(queued.pk, "worker")
    assert job is not None
    proposals.build_request(job)
    return job


def test_revoking_stops_the_job_that_is_sending_and_no_other(
    campaign: Campaign, rita: User, dana: User
) -> None:
    row = approved(campaign, rita, dana)
    job = sending(campaign, rita)
    queued = jobs.submit(proposals.JOB_KIND, by_user=rita, site=campaign.site, parameters={})
    other = jobs.claim(queued.pk, "worker")
    assert other is not None
    assert not jobs.is_cancel_requested(job)
    endpoints.revoke(row, by_user=dana)
    assert jobs.is_cancel_requested(job)
    assert not jobs.is_cancel_requested(other)


def test_revoking_leaves_an_attempt_that_ended_alone(campaign: Campaign, rita: User, dana: User) -> None:
    row = approved(campaign, rita, dana)
    job = sending(campaign, rita)
    jobs.requeue(job, "the machine stopped")
    endpoints.revoke(row, by_user=dana)
    job.refresh_from_db()
    assert (job.state, job.cancel_requested_at) == ("queued", None)
    again = jobs.claim(job.pk, "worker")
    assert again is not None
    with pytest.raises(UserError, match="no approval stands"):
        proposals.build_request(again)


def test_a_job_that_outlives_the_last_day_of_its_approval_is_stopped(
    campaign: Campaign, rita: User, dana: User
) -> None:
    row = approved(campaign, rita, dana)
    job = sending(campaign, rita)
    EndpointApproval.objects.update(expires_on=timezone.localdate())
    assert endpoints.stop_lapsed() == 0, "its last day is one on which it holds"
    EndpointApproval.objects.filter(pk=row.pk).update(expires_on=timezone.localdate() - timedelta(days=1))
    assert (endpoints.stop_lapsed(), endpoints.stop_lapsed()) == (1, 0)
    assert jobs.is_cancel_requested(job)


def test_an_approval_that_ends_between_look_and_reservation_reserves_nothing(
    campaign: Campaign, rita: User, dana: User
) -> None:
    row = approved(campaign, rita, dana)
    queued = proposals.queue_proposals(campaign, by_user=rita)
    assert queued is not None
    endpoints.revoke(EndpointApproval.objects.get(pk=row.pk), by_user=dana)
    with pytest.raises(UserError, match="no approval stands"):
        endpoint_budgets.allow(queued, row, [{"turns": ["？"]}], system="proposer", n=3, parameters={})
    assert not EndpointAllowance.objects.exists()


def test_who_approved_a_colleagues_wish_sends_nothing_under_it(
    campaign: Campaign, rita: User, dana: User
) -> None:
    grant_role(dana, "researcher", site=campaign.site, by_user=None)
    dana = User.objects.get(pk=dana.pk)
    approved(campaign, rita, dana)
    with pytest.raises(UserError, match="you gave this approval yourself"):
        proposals.queue_proposals(campaign, by_user=dana)
    assert not Job.objects.exists()
    # A job of hers from before is not handed anything either.
    queued = proposals.queue_proposals(campaign, by_user=rita)
    assert queued is not None
    Job.objects.filter(pk=queued.pk).update(by_user=dana)
    job = jobs.claim(queued.pk, "worker")
    assert job is not None
    with pytest.raises(UserError, match="you gave this approval yourself"):
        proposals.build_request(job)
    assert not Transmission.objects.exists()
