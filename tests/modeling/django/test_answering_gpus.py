"""How many GPUs a job sees that answers with weights of this machine, when a page or the API starts it."""

import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from annotation.models import Campaign
from mammo.accounts.models import Site, User
from mammo.archive.models import Split
from mammo.jobs.devices import answering_gpus
from mammo.jobs.models import Job
from modeling.models import Snapshot
from modeling.services import consultations
from modeling.services import exports as exports_service
from modeling.services.zero_shot import start_zero_shot
from tests.annotation import scene
from tests.modeling.django.test_checkpoint_exports import ASKED, checkpoint


@pytest.fixture(params=[0, 2])
def gpus(request: pytest.FixtureRequest, settings: Any) -> int:
    """The setting as it comes, and as a site with GPUs has it."""
    settings.MAMMO_ANSWERING_GPUS = request.param
    return int(request.param)


def newest() -> Job:
    return Job.objects.latest("created_at")


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_a_consultation(gpus: int, site: Site, rita: User, tmp_path: Path) -> None:
    protocol = consultations.open_protocol(
        site, by_user=rita, title="Asking", ethics_number="1",
        ends_on=timezone.localdate() + timedelta(days=9),
    )  # fmt: skip
    begun = consultations.begin(
        protocol, by_user=rita, checkpoint=checkpoint(site, tmp_path / "w"), study=None
    )
    address = reverse("modeling:consultation-ask", args=[begun.pk])
    form = {"question": "密度？", "idempotency_key": str(uuid.uuid4())}
    assert signed_in(rita).post(address, form).status_code == 302
    assert (newest().kind, newest().gpus) == (consultations.JOB_KIND, gpus)


def test_a_memorisation_test(gpus: int, frozen: Snapshot, rita: User, tmp_path: Path) -> None:
    made = checkpoint(frozen.site, tmp_path / "w", snapshot=frozen, planted=4)
    exports_service.ask_export(made, by_user=rita, **ASKED)
    assert (newest().kind, newest().gpus) == (exports_service.JOB_KIND, gpus)


@pytest.mark.parametrize("by", ["page", "API"])
def test_proposals(gpus: int, rita: User, june: User, sena: User, by: str) -> None:
    site = rita.sites_as("researcher").get()
    scene.patient_with_study(site)
    campaign = scene.open_campaign_of(rita, [june], [sena])
    scene.ask(campaign)
    if by == "page":
        address, key = (
            reverse("annotation:propose", args=[campaign.pk]),
            {"idempotency_key": str(uuid.uuid4())},
        )
        assert signed_in(rita).post(address, key).status_code == 302
    else:
        address, key = f"/api/v1/campaigns/{campaign.pk}/propose/", {"Idempotency-Key": str(uuid.uuid4())}
        sent = signed_in(rita).post(address, {}, content_type="application/json", headers=key)
        assert sent.status_code == 201
    assert (newest().kind, newest().gpus) == ("annotation.propose", gpus)


def test_zero_shot_malignancy(
    gpus: int, campaign: Campaign, split: Split, frozen: Snapshot, rita: User
) -> None:
    Snapshot.objects.filter(pk=frozen.pk).update(split=split)
    frozen.refresh_from_db()
    spec = {"kind": "mammovlm", "path": "/models/m"}
    for given, expected in ((None, gpus), (1, 1)):
        run = start_zero_shot(spec, snapshot=frozen, method="yes_no", language="zh", by_user=rita, gpus=given)
        assert run.job is not None
        assert run.job.gpus == expected


@pytest.mark.parametrize(
    ("kinds", "expected"), [(["openai"], 0), (["file", "openai"], 0), (["openai", "transformers"], 3)]
)
def test_what_another_machine_or_a_file_answers_holds_no_gpu_here(
    settings: Any, kinds: list[str], expected: int
) -> None:
    settings.MAMMO_ANSWERING_GPUS = 3
    assert answering_gpus([{"kind": kind} for kind in kinds]) == expected
