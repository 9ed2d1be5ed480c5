"""Arms of a trial that are endpoints: each one's transmissions are on record, each under an approval that covers it."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from annotation.models import EndpointAllowance, EndpointApproval, Transmission
from annotation.services.endpoints import ask_approval, decide
from evaluation.models import Arm, Trial
from evaluation.services.answer_requests import build_request
from evaluation.services.answers import queue_answers
from evaluation.services.arms import add_system_arm
from mammo.accounts.models import Site, User
from mammo.core.errors import UserError
from mammo.jobs.models import Job
from tests.evaluation import scene


def approved(
    draft: Trial, rita: User, adam: User, host: str, *, days: int = 9, **more: int
) -> EndpointApproval:
    """An approval of this host for so many days."""
    last = timezone.localdate() + timedelta(days=days)
    asked = ask_approval(
        draft.site, by_user=rita, host=host, country="CN", reason="合同", expires_on=last, **more
    )
    return decide(asked, by_user=adam, approve=True)


def endpoint_arm(draft: Trial, rita: User, name: str, host: str) -> Arm:
    """An arm that this host answers for."""
    spec = {"kind": "openai", "base_url": f"https://{host}/v1", "model": "m"}
    return add_system_arm(draft, name, by_user=rita, spec=spec)


@pytest.fixture
def adam(site: Site) -> User:
    """The administrator who approves."""
    return scene.person(site, "Adam", "admin")


def queued(draft: Trial, rita: User, *arms: Arm) -> Job:
    """The job that asks these arms."""
    job = queue_answers(draft, by_user=rita, arms=arms)
    assert job is not None
    return job


def test_every_endpoint_of_a_job_has_transmissions_of_its_own(draft: Trial, rita: User, adam: User) -> None:
    first, second = (endpoint_arm(draft, rita, name, f"{name}.example.org") for name in ("one", "two"))
    rows = [approved(draft, rita, adam, f"{name}.example.org") for name in ("one", "two")]
    job = queued(draft, rita, first, second)
    build_request(job)
    for row, arm in zip(rows, (first, second), strict=True):
        sent = row.transmissions.all()
        assert sent.count() == 9
        assert {one.system for one in sent} == {str(arm.pk)}
    # The same once more is no second transmission: nothing is dropped without a word.
    again = Transmission.objects.first()
    assert again is not None
    again.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        again.save(force_insert=True)


def test_two_arms_under_one_approval_are_both_on_record_and_their_answers_are_not_counted_as_proposals(
    draft: Trial, rita: User, adam: User
) -> None:
    arms = [endpoint_arm(draft, rita, name, "llm.example.org") for name in ("one", "two")]
    approval = approved(draft, rita, adam, "llm.example.org")
    build_request(queued(draft, rita, *arms))
    assert approval.transmissions.count() == 2 * 9
    reader = Client()
    reader.force_login(rita)
    page = reader.get(reverse("annotation:endpoint-transmissions", args=[approval.pk])).content.decode()
    assert page.count('<td class="number">–</td><td><code>') == 18
    results = reader.get(f"/api/v1/endpoints/{approval.pk}/transmissions/").json()["results"]
    assert {row["answers"] for row in results} == {None}
    assert {row["system"] for row in results} == {str(arm.pk) for arm in arms}


def test_an_arm_is_asked_under_the_approval_that_covers_all_questions(
    draft: Trial, rita: User, adam: User
) -> None:
    arms = [endpoint_arm(draft, rita, name, "llm.example.org") for name in ("one", "two")]
    approved(draft, rita, adam, "llm.example.org", days=90, most_requests=8)
    ample = approved(draft, rita, adam, "llm.example.org", days=9, most_requests=18)
    job = queued(draft, rita, *arms)
    # The first arm reserves all of the ample one: no approval covers the second, and neither is asked.
    with pytest.raises(UserError, match="budget"):
        build_request(job)
    assert not EndpointAllowance.objects.exists()
    assert not Transmission.objects.exists()
    third = approved(draft, rita, adam, "llm.example.org", days=3, most_requests=9)
    build_request(job)
    found = EndpointAllowance.objects.order_by("created_at").values_list("approval", "requests")
    assert list(found) == [(ample.pk, 18), (third.pk, 9)]


def test_an_arm_names_no_other_secret_of_the_server_as_its_key(draft: Trial, rita: User) -> None:
    spec = {"kind": "openai", "base_url": "https://llm.example.org/v1", "model": "m"}
    with pytest.raises(UserError, match=r"spec\.api_key_env: give the name of the variable"):
        add_system_arm(draft, "Other", by_user=rita, spec={**spec, "api_key_env": "MAMMO_MASTER_KEY"})
    assert not draft.arms.filter(name="Other").exists()
    add_system_arm(draft, "Other", by_user=rita, spec={**spec, "api_key_env": "GLM_API_KEY"})
