"""Zero-shot malignancy by an endpoint: under an approval for images, within its budget, each study on record."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from annotation.models import Campaign, EndpointAllowance, EndpointApproval, EndpointUse, Transmission
from annotation.services.endpoints import ask_approval, decide, revoke
from mammo.accounts.models import User
from mammo.archive.models import Split
from mammo.core.errors import UserError
from mammo.jobs import runner
from mammo.jobs import services as jobs
from modeling.inference.systems import sha256_of
from modeling.models import Checkpoint, Prediction, Run, Snapshot
from modeling.services.zero_shot import build_request, start_zero_shot
from tests.modeling.inference.chat_server import answer_with, serve

ELSEWHERE = {
    "kind": "openai",
    "base_url": "https://elsewhere.example.org/v1",
    "model": "glm-4v",
    "remote_allowed": True,
    "budget": {"requests": 10_000},
    "capabilities": {"image_mode": "data_url"},
}


@pytest.fixture
def tested(campaign: Campaign, split: Split, frozen: Snapshot) -> Snapshot:
    """A training set whose split has studies on its test side."""
    Snapshot.objects.filter(pk=frozen.pk).update(split=split)
    frozen.refresh_from_db()
    return frozen


def approved(site: Any, host: str, rita: User, dana: User, **more: Any) -> EndpointApproval:
    """An approval of this host for nine days."""
    last = timezone.localdate() + timedelta(days=9)
    row = ask_approval(site, by_user=rita, host=host, country="CN", reason="合同", expires_on=last, **more)
    return decide(row, by_user=dana, approve=True)


def start(spec: dict[str, Any], snapshot: Snapshot, by_user: User | None, method: str = "stated") -> Run:
    """Queue the judging."""
    return start_zero_shot(spec, snapshot=snapshot, method=method, language="zh", by_user=by_user)


def test_no_spec_opens_the_way_out_by_itself(tested: Snapshot, rita: User, dana: User) -> None:
    host = "elsewhere.example.org"
    for by_user in (None, rita):
        with pytest.raises(UserError, match="no approval stands for sending images there"):
            start(ELSEWHERE, tested, by_user)
    approved(tested.site, host, rita, dana)
    with pytest.raises(UserError, match="no approval stands for sending images there"):
        start(ELSEWHERE, tested, rita)
    with pytest.raises(UserError, match="use stated"):
        start(ELSEWHERE, tested, rita, method="yes_no")
    assert not Run.objects.exists()
    row = approved(tested.site, host, rita, dana, with_images=True)
    run = start(ELSEWHERE, tested, rita)
    assert run.job is not None
    assert not {"remote_allowed", "budget"} & set(run.config["spec"])
    revoke(row, by_user=dana)
    claimed = jobs.claim(run.job.pk, "worker")
    assert claimed is not None
    with pytest.raises(UserError, match="no approval stands"):
        build_request(claimed)
    assert not Transmission.objects.exists()


def test_a_run_from_before_is_sent_out_no_more_by_what_its_spec_says(tested: Snapshot, rita: User) -> None:
    spec = {"kind": "dual_encoder", "path": "/models/clip"}
    run = start(spec, tested, rita, method="similarity")
    Run.objects.filter(pk=run.pk).update(config={"spec": ELSEWHERE, "method": "stated", "language": "zh"})
    assert run.job is not None
    claimed = jobs.claim(run.job.pk, "worker")
    assert claimed is not None
    with pytest.raises(UserError, match="no approval stands"):
        build_request(claimed)


@pytest.mark.slow
def test_each_study_is_on_record_and_what_was_spent_is_counted(
    tested: Snapshot, rita: User, dana: User
) -> None:
    with serve(lambda number, body: (200, answer_with("15%"))) as server:
        host = urlsplit(server.url).netloc
        row = approved(tested.site, host, rita, dana, with_images=True, most_requests=50)
        run = start({**ELSEWHERE, "base_url": server.url}, tested, rita)
        assert run.job is not None
        done = runner.run_here(run.job)
        assert done.state == "succeeded", done.error
    studies = set(Prediction.objects.filter(checkpoint__run=run).values_list("study", flat=True))
    assert studies
    sent = Transmission.objects.filter(approval=row, job=done)
    assert {one.study_id for one in sent} == studies
    assert {(one.question_id, one.images) for one in sent} == {(None, 4)}
    assert all(one.characters > 10 for one in sent)
    assert len(server.bodies) == len(studies)
    (allowed,) = EndpointAllowance.objects.all()
    assert allowed.requests == 2 * len(studies)
    assert EndpointUse.objects.get(allowance=allowed).requests == len(studies)
    reader = Client()
    reader.force_login(rita)
    page = reader.get(reverse("annotation:endpoint-transmissions", args=[row.pk])).content.decode()
    assert reverse("archive:study", args=[studies.pop()]) in page
    api = reader.get(f"/api/v1/endpoints/{row.pk}/transmissions/").json()["results"][0]
    assert (api["question"], api["campaign"], api["position"], api["answers"]) == (None, None, None, None)
    assert api["study"] == str(sent[0].study_id)
    # The same system has the same hash, whatever its approval allows.
    assert Checkpoint.objects.get(run=run).sha256 == sha256_of(run.config["spec"])


def test_a_budget_that_does_not_cover_every_study_is_said_before_a_job_is_made(
    tested: Snapshot, rita: User, dana: User
) -> None:
    approved(tested.site, "elsewhere.example.org", rita, dana, with_images=True, most_tokens=3)
    with pytest.raises(UserError, match="does not cover another question"):
        start(ELSEWHERE, tested, rita)
    assert not Run.objects.exists()
