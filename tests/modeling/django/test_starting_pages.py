"""Pages that freeze a training set and start a run: what is chosen is what is queued, once; what lacks is said."""

import uuid
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from annotation.models import Campaign
from mammo.accounts.models import Site, User
from mammo.archive.models import Split
from modeling.models import Checkpoint, Run, Snapshot
from modeling.services import start_run

RUN, SET = "modeling:run-new", "modeling:snapshot-new"


def signed_in(person: User) -> Client:
    client = Client(headers={"Accept-Language": "en"})
    client.force_login(person)
    return client


def sent(client: Client, name: str, /, **fields: Any) -> Any:
    return client.post(reverse(name), {"idempotency_key": str(uuid.uuid4()), **fields})


def run_fields(snapshot: Snapshot, **changes: Any) -> dict[str, Any]:
    fields = {"stage": "density", "snapshot": str(snapshot.pk), "preset": "demo", "seed": "7", "gpus": "0"}
    return {**fields, "fields_over": '{"epochs": 2}', **changes}


def test_a_run_is_queued_as_chosen_and_once(frozen: Snapshot, rita: User) -> None:
    client = signed_in(rita)
    assert frozen.name in client.get(reverse(RUN)).content.decode()
    key = str(uuid.uuid4())
    first = sent(client, RUN, **run_fields(frozen), idempotency_key=key)
    again = sent(client, RUN, **run_fields(frozen), idempotency_key=key)
    run = Run.objects.get()
    assert first["Location"] == again["Location"] == reverse("modeling:run", args=[run.pk])
    assert (run.stage, run.seed, run.by_user, run.snapshot) == ("density", 7, rita, frozen)
    assert (run.config["epochs"], run.config["image_size"]) == (2, [126, 100])
    assert run.job is not None
    assert run.job.state == "queued"


def test_what_a_stage_lacks_is_said_and_nothing_is_queued(frozen: Snapshot, rita: User) -> None:
    answer = sent(signed_in(rita), RUN, **run_fields(frozen, stage="umicon_unsupervised"))
    assert answer.status_code == 400
    assert "starts from a density checkpoint" in answer.content.decode()
    assert 'value="7"' in answer.content.decode()  # what was typed is kept
    assert not Run.objects.exists()


@pytest.mark.parametrize(
    ("fields_over", "said"),
    [
        ("{", "Not JSON"),
        ("[" * 9000, "Not JSON (nested too deeply)"),
        ('{"epochs": ' + "[" * 800 + "]" * 800 + "}", "Not JSON (nested too deeply)"),
        (r'{"epochs": "\ud800"}', "Not JSON (a text holds half of a character"),
        ("[1]", "Give one JSON object"),
        ('{"preset": "demo"}', "leave preset out"),
        ('{"epoch": 2}', "epoch: DensityConfig has no such field"),
    ],
)
def test_a_setting_that_is_none_is_told(frozen: Snapshot, rita: User, fields_over: str, said: str) -> None:
    answer = sent(signed_in(rita), RUN, **run_fields(frozen, fields_over=fields_over))
    assert answer.status_code == 400
    assert said in answer.content.decode()
    assert not Run.objects.exists()


def test_a_later_stage_starts_from_the_chosen_checkpoint_and_model(
    frozen: Snapshot, rita: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tmp_path / "models" / "glm-4-9b"
    model.mkdir(parents=True)
    (model / "config.json").write_text("{}")
    (tmp_path / "models" / "empty").mkdir()
    monkeypatch.setenv("MAMMO_MODELS", str(tmp_path / "models"))
    selector = start_run("density", snapshot=frozen, by_user=rita)
    density = Checkpoint.objects.create(run=selector, folder="/runs/density", sha256="d" * 64)
    contrastive = start_run("umicon_unsupervised", snapshot=frozen, by_user=rita, starts_from=[density])
    umicon = Checkpoint.objects.create(run=contrastive, folder="/runs/umicon", sha256="e" * 64)
    client = signed_in(rita)
    page = client.get(reverse(RUN)).content.decode()
    assert '<option value="glm-4-9b">' in page
    assert 'value="empty"' not in page
    chosen = {
        "starts_from": [str(umicon.pk)],
        "language_model": "glm-4-9b",
        "stage": "sft",
        "fields_over": "",
    }
    answer = sent(client, RUN, **run_fields(frozen, **chosen))
    run = Run.objects.get(stage="sft")
    assert answer["Location"] == reverse("modeling:run", args=[run.pk])
    assert run.job is not None
    assert run.job.parameters["init"] == {"umicon": "/runs/umicon", "language_model": str(model)}


def test_no_folder_but_those_of_models_is_taken(
    frozen: Snapshot, rita: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAMMO_MODELS", str(tmp_path))
    answer = sent(signed_in(rita), RUN, **run_fields(frozen, stage="sft", language_model="../.."))
    assert answer.status_code == 400
    assert not Run.objects.exists()


def test_another_sites_training_set_and_checkpoints_are_unknown(
    frozen: Snapshot, rita: User, otto: User, other_site: Site
) -> None:
    start_run("density", snapshot=frozen, by_user=rita)
    body = signed_in(otto).get(reverse(RUN))
    assert body.status_code == 200
    assert frozen.name not in body.content.decode()
    assert sent(signed_in(otto), RUN, **run_fields(frozen)).status_code == 400
    assert Run.objects.count() == 1


def test_a_training_set_is_frozen_from_a_split_and_a_campaign(
    campaign: Campaign, split: Split, rita: User
) -> None:
    client = signed_in(rita)
    fields = {"split": str(split.pk), "site": str(campaign.site_id), "campaign": str(campaign.pk)}
    answer = sent(client, SET, name="spring", height="126", width="100", **fields)
    made = Snapshot.objects.get(name="spring")
    assert answer["Location"] == reverse("jobs:job", args=[made.job_id])
    assert made.job is not None
    assert (made.job.parameters["height"], made.job.parameters["width"]) == (126, 100)
    assert made.job.parameters["campaign"] == str(campaign.pk)
    taken = sent(client, SET, name="spring", height="126", width="100", **fields)
    assert taken.status_code == 400
    assert "exists already" in taken.content.decode()


def test_both_are_one_click_from_training_for_who_trains(frozen: Snapshot, rita: User, june: User) -> None:
    listed = signed_in(rita).get(reverse("modeling:run-list")).content.decode()
    assert reverse(RUN) in listed
    assert reverse(SET) in listed
    assert signed_in(june).get(reverse(RUN)).status_code == 404
