"""Runs side by side, repeated by one click, and what a run's page tells while it trains."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from annotation.models import Campaign
from mammo.accounts.models import Site, User
from mammo.accounts.services import create_account
from mammo.archive.models import Split
from mammo.core.code_version import code_version
from mammo.jobs.attempt_files import AttemptFiles
from mammo.jobs.models import Job
from modeling.comparing import side_by_side
from modeling.models import Checkpoint, Metric, Run, Snapshot
from modeling.services import start_run
from modeling.services.runs import build_request, repeat_run
from modeling.services.zero_shot import start_zero_shot


def signed_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def test_two_runs_side_by_side_show_what_differs_their_figures_and_one_chart_for_a_measure(
    frozen: Snapshot, rita: User
) -> None:
    runs = [
        start_run(
            "density",
            snapshot=frozen,
            by_user=rita,
            config={"preset": "demo", "epochs": n},
            seed=n,
            name=f"r{n}",
        )
        for n in (2, 3)
    ]
    for number, run in enumerate(runs):
        Checkpoint.objects.create(
            run=run, folder="/x", sha256=f"{number}" * 64, metrics={"test_macro_auc": 0.9 + number / 100}
        )
        for step in (1, 2):
            Metric.objects.create(run=run, step=step, name="loss", value=2.0 / step + number)
    shown = side_by_side(runs)
    settings: dict[str, list[Any]] = dict(shown["settings"])
    assert settings["epochs"] == [2, 3]
    assert settings["Seed"] == [2, 3]
    assert "image_size" not in settings
    assert shown["figures"] == [("test_macro_auc", [0.9, 0.91])]
    (chart,) = shown["curves"]
    assert "1: r2" in chart
    assert "2: r3" in chart
    url = reverse("modeling:compare")
    body = signed_in(rita).get(url, {"run": [str(run.pk) for run in runs]}).content.decode()
    assert "epochs" in body
    assert "0.91" in body


def test_nobody_compares_what_they_may_not_see(frozen: Snapshot, rita: User, june: User, otto: User) -> None:
    run = start_run("density", snapshot=frozen, by_user=rita)
    url = reverse("modeling:compare")
    assert signed_in(june).get(url).status_code == 404
    for wanted in (str(run.pk), "no-uuid"):
        assert signed_in(otto).get(url, {"run": wanted}).status_code == 404


def test_one_click_repeats_a_run_with_all_that_made_it(frozen: Snapshot, rita: User, site: Site) -> None:
    first = start_run(
        "density", snapshot=frozen, by_user=rita, config={"preset": "demo"}, seed=11, name="spring"
    )
    selector = Checkpoint.objects.create(run=first, folder="/runs/selector", sha256="a" * 64)
    run = start_run(
        "umicon_unsupervised", snapshot=frozen, by_user=rita, config={"preset": "demo", "negatives": "none"}, seed=5,
        starts_from=[selector], variant="no negatives",
    )  # fmt: skip
    url, key = (
        reverse("modeling:repeat", args=[run.pk]),
        {"idempotency_key": "6e0b6c1c-0f5c-4a07-9a5e-0a4a0a3b8f12"},
    )
    client = signed_in(rita)
    answers = [client.post(url, key), client.post(url, key)]
    again = Run.objects.exclude(pk__in=[first.pk, run.pk]).get()
    assert {response.headers["Location"] for response in answers} == {
        reverse("modeling:run", args=[again.pk])
    }
    assert (again.config, again.seed, again.variant) == (run.config, 5, "no negatives")
    assert list(again.starts_from.all()) == [selector]
    assert run.job is not None
    assert again.job is not None
    one, two = build_request(run.job), build_request(again.job)
    assert {**one, "output": ""} == {**two, "output": ""}
    assert one["output"] != two["output"]


def test_a_run_from_a_folder_of_weights_is_repeated_from_the_same_folder(
    frozen: Snapshot, rita: User, tmp_path: Path
) -> None:
    supervised = Run.objects.create(site=frozen.site, stage="umicon_supervised", snapshot=frozen)
    umicon = Checkpoint.objects.create(run=supervised, folder="/runs/u", sha256="b" * 64)
    run = start_run("sft", snapshot=frozen, by_user=rita, starts_from=[umicon], language_model=tmp_path)
    again = repeat_run(run, by_user=rita)
    assert again.job is not None
    assert again.job.parameters["init"] == {"umicon": "/runs/u", "language_model": str(tmp_path)}


def test_a_statistician_sees_a_run_and_repeats_nothing(frozen: Snapshot, rita: User, site: Site) -> None:
    run = start_run("density", snapshot=frozen, by_user=rita)
    roles = {"statistician": [site]}
    client = signed_in(create_account("stan-runs", password="long-enough-1", roles=roles, by_user=None))
    assert "repeat-run" not in client.get(reverse("modeling:run", args=[run.pk])).content.decode()
    key = {"idempotency_key": "6e0b6c1c-0f5c-4a07-9a5e-0a4a0a3b8f13"}
    assert client.post(reverse("modeling:repeat", args=[run.pk]), key).status_code == 404
    assert Run.objects.count() == 1


def test_the_page_tells_curves_while_it_trains_and_the_log_the_version_and_the_whole_hash(
    frozen: Snapshot, rita: User, settings: Any
) -> None:
    run = start_run("density", snapshot=frozen, by_user=rita)
    folder = Path(settings.MAMMO_HOME) / "runs" / str(run.pk)
    folder.mkdir(parents=True)
    points = [{"step": step, "epoch": step / 10, "name": "loss", "value": 3.0 / step} for step in (10, 20)]
    (folder / "metrics.jsonl").write_text(
        "".join(json.dumps(point) + "\n" for point in points) + '{"step": 3'
    )
    assert run.job is not None
    files = AttemptFiles(run.job)
    files.make()
    files.note("epoch 2 of 6")
    address = reverse("modeling:run", args=[run.pk])
    body = signed_in(rita).get(address).content.decode()
    for text in ("0.3 → 0.15", "epoch 2 of 6", "c" * 64, run.code_version, "Repeat this run"):
        assert text in body
    # What is asked for every few seconds brings the curves along: beside the state, out of its place.
    part = signed_in(rita).get(address, headers={"HX-Request": "true"}).content.decode()
    assert "0.3 → 0.15" in part
    assert '<div id="run-curves" hx-swap-oob="true">' in part
    assert "hx-swap-oob" not in body
    now = timezone.now()
    Job.objects.filter(pk=run.job.pk).update(
        state="running",
        started_at=now - timedelta(minutes=10),
        lease_until=now + timedelta(minutes=1),
        progress={"done": 1, "total": 4},
    )
    assert "about 30 minutes left" in signed_in(rita).get(address).content.decode()


def test_a_run_that_starts_from_a_folders_weights_is_not_called_random(frozen: Snapshot, rita: User) -> None:
    random = start_run("density", snapshot=frozen, by_user=rita)
    named = start_run(
        "density", snapshot=frozen, by_user=rita, config={"pretrained_folder": "weights/resnet50"}
    )
    pages = [
        signed_in(rita).get(reverse("modeling:run", args=[run.pk])).content.decode()
        for run in (random, named)
    ]
    assert ["random weights" in page for page in pages] == [True, False]
    assert "pretrained weights of folders" in pages[1]


@pytest.mark.parametrize("stage", ["preferences", "classifier"])
def test_the_new_stages_can_be_queued(frozen: Snapshot, rita: User, stage: str) -> None:
    tuned = Run.objects.create(site=frozen.site, stage="sft", snapshot=frozen)
    start = (
        [Checkpoint.objects.create(run=tuned, folder="/t", sha256="d" * 64)] if stage == "preferences" else []
    )
    run = start_run(stage, snapshot=frozen, by_user=rita, starts_from=start, config={"preset": "demo"})
    assert run.job is not None
    request = build_request(run.job)
    assert request["init"] == ({"mammovlm": "/t"} if start else {})


def test_one_click_repeats_a_zero_shot_run(
    campaign: Campaign, split: Split, frozen: Snapshot, rita: User
) -> None:
    Snapshot.objects.filter(pk=frozen.pk).update(split=split)
    frozen.refresh_from_db()
    spec = {"kind": "dual_encoder", "path": "/models/clip", "name": "CLIP"}
    run = start_zero_shot(spec, snapshot=frozen, method="similarity", language="en", by_user=rita, gpus=1)
    assert run.code_version == code_version()
    key = {"idempotency_key": "6e0b6c1c-0f5c-4a07-9a5e-0a4a0a3b8f14"}
    assert signed_in(rita).post(reverse("modeling:repeat", args=[run.pk]), key).status_code == 302
    again = Run.objects.exclude(pk=run.pk).get()
    assert (again.config, again.snapshot, again.stage) == (run.config, frozen, "zero_shot")
    assert again.job is not None
    assert (again.job.kind, again.job.gpus) == ("modeling.zero_shot", 1)


def test_runs_of_changed_sources_are_told_apart_when_they_stand_side_by_side(
    frozen: Snapshot, rita: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = start_run("density", snapshot=frozen, by_user=rita)
    monkeypatch.setattr("mammo.core.code_version.sources_sha256", lambda folders: "f" * 64)
    second = start_run("density", snapshot=frozen, by_user=rita)
    assert second.code_version.endswith(f"sources {'f' * 12}")
    told = dict(side_by_side([first, second])["settings"])
    assert told["Code version"] == [first.code_version, second.code_version]


def test_the_gpus_of_a_run_stand_on_its_page_and_beside_others(frozen: Snapshot, rita: User) -> None:
    runs = [start_run("density", snapshot=frozen, by_user=rita, gpus=gpus) for gpus in (0, 4)]
    assert ("GPUs", [0, 4]) in side_by_side(runs)["settings"]
    page = signed_in(rita).get(reverse("modeling:run", args=[runs[1].pk])).content.decode()
    assert '<th scope="row">GPUs</th><td class="verbatim">4</td>' in page
