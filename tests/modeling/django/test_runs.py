"""Runs: checked before they are queued; their answers become rows once."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from annotation.models import Campaign
from mammo.accounts.models import Site, User
from mammo.archive.models import Study
from mammo.core.code_version import code_version
from mammo.core.errors import NotAllowedError, UserError
from mammo.jobs import kinds
from mammo.jobs import services as jobs
from mammo.jobs.models import Job
from modeling.models import Checkpoint, Metric, Prediction, Run, Snapshot
from modeling.services import start_run
from modeling.services.runs import build_request
from modeling.services.stages import SPECS, stage_spec


def answer(study: Study | None = None) -> list[dict[str, Any]]:
    """Rows of a stage's answer file."""
    rows: list[dict[str, Any]] = [
        {"kind": "metric", "step": 1, "epoch": 0.5, "name": "loss", "value": 1.25},
        {"kind": "metric", "step": 2, "epoch": 1.0, "name": "loss", "value": 0.75},
        {"kind": "metric", "step": 2, "epoch": 1.0, "name": "loss", "value": 0.70},
        {"kind": "checkpoint", "path": "/runs/x/model", "sha256": "e" * 64, "metrics": {"auc": 0.98}},
    ]
    if study is not None:
        common = {"kind": "prediction", "method": "image", "split": "test"}
        rows += [
            {**common, "unit_kind": "study", "unit": f"{study.pk}", "name": "density_A", "value": 0.25},
            {**common, "unit_kind": "breast", "unit": f"{study.pk}:L", "name": "malignancy", "value": 0.5},
        ]
    return rows


def finished(run: Run, rows: list[dict[str, Any]]) -> Job:
    """End a run's job with an answer, as a worker does."""
    assert run.job is not None
    job = jobs.claim(run.job.pk, "test worker")
    assert job is not None
    return jobs.finish(job, rows)


def test_a_run_is_queued_with_its_whole_setting(frozen: Snapshot, rita: User) -> None:
    run = start_run("density", snapshot=frozen, by_user=rita, config={"preset": "demo", "epochs": 2}, seed=5)
    assert run.job is not None
    assert (run.job.kind, run.job.queue) == ("modeling.train.density", "gpu")
    assert (run.config["epochs"], run.config["image_size"], run.seed) == (2, [126, 100], 5)
    assert run.code_version == code_version()
    assert run.environment == {"gpus": 0}
    request = build_request(run.job)
    assert request["snapshot"] == frozen.folder
    assert request["init"] == {}
    assert request["resume"] is False
    assert Path(request["output"]).name == str(run.pk)


def test_a_second_attempt_resumes(frozen: Snapshot, rita: User) -> None:
    run = start_run("density", snapshot=frozen, by_user=rita)
    assert run.job is not None
    first = jobs.claim(run.job.pk, "worker")
    assert first is not None
    jobs.requeue(first, "worker was killed")
    second = jobs.claim(run.job.pk, "worker")
    assert second is not None
    assert build_request(second)["resume"] is True


def test_an_attempt_is_named_by_the_code_that_does_it(
    frozen: Snapshot, rita: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start_run("density", snapshot=frozen, by_user=rita)
    assert run.job is not None
    monkeypatch.setattr("mammo.core.code_version.sources_sha256", lambda folders: "f" * 64)
    code = build_request(run.job)["code"]
    run.refresh_from_db()
    assert run.code_version == code
    assert code.endswith(f"sources {'f' * 12}")


def test_what_the_process_tells_of_its_machine_is_kept_with_the_run(frozen: Snapshot, rita: User) -> None:
    run = start_run("density", snapshot=frozen, by_user=rita, gpus=1)
    told = {"torch": "2.9", "device": "NVIDIA H200", "driver": "570.86.15", "weights pretrained": "a" * 64}
    job = finished(run, [{"kind": "environment", "told": told}, *answer()])
    run.refresh_from_db()
    assert run.environment == {"gpus": 1, **told}
    assert "environment" not in job.result


def test_a_language_model_is_found_by_its_hub_name(
    frozen: Snapshot, rita: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAMMO_MODELS", str(tmp_path))
    umicon = {"config": {"preset": "demo"}, "snapshot": frozen, "by_user": rita}
    with pytest.raises(
        UserError, match=r"acme/tiny-glm: no model of this hub name .*fetch_weights acme/tiny-glm"
    ):
        start_run("vision_language_sft", language_model="acme/tiny-glm", **umicon)
    (tmp_path / "tiny-glm").mkdir()
    run = start_run("vision_language_sft", language_model="acme/tiny-glm", **umicon)
    assert run.job is not None
    assert run.job.parameters["init"] == {"language_model": str(tmp_path / "tiny-glm")}


def test_answers_become_checkpoints_curves_and_predictions(
    campaign: Campaign, frozen: Snapshot, rita: User
) -> None:
    run = start_run("density", snapshot=frozen, by_user=rita)
    study = Study.objects.order_by("pk")[0]
    job = finished(run, answer(study))
    assert job.result == {"checkpoint": 1, "metric": 3, "prediction": 2}
    checkpoint = Checkpoint.objects.get(run=run)
    assert checkpoint.metrics == {"auc": 0.98}
    assert list(Metric.objects.order_by("step").values_list("step", "value")) == [(1, 1.25), (2, 0.70)]
    breast = Prediction.objects.get(unit_kind="breast")
    assert (breast.study, breast.laterality, breast.kind, breast.value) == (study, "L", "malignancy", 0.5)
    assert Prediction.objects.get(unit_kind="study").laterality == ""


@pytest.mark.parametrize(
    ("rows", "named"),
    [
        ([], "names no checkpoint"),
        ([{"kind": "surprise"}], "kind 'surprise'"),
        (
            [
                *answer(),
                {"kind": "prediction", "unit_kind": "study", "unit": "0" * 32, "name": "x", "value": 1},
            ],
            "not in the archive",
        ),
    ],
)
def test_an_answer_that_makes_no_sense_stores_nothing(
    frozen: Snapshot, rita: User, rows: list[dict[str, Any]], named: str
) -> None:
    run = start_run("density", snapshot=frozen, by_user=rita)
    with pytest.raises(UserError, match=named):
        finished(run, rows)
    assert not Checkpoint.objects.exists()
    assert not Metric.objects.exists()


def test_a_later_stage_starts_from_named_checkpoints(
    frozen: Snapshot, site: Site, rita: User, tmp_path: Path
) -> None:
    checkpoints = {}
    for stage in ("density", "umicon_unsupervised"):
        run = Run.objects.create(site=site, stage=stage)
        checkpoints[stage] = Checkpoint.objects.create(run=run, folder=f"/runs/{stage}", sha256=stage)
    run = start_run(
        "umicon_unsupervised", snapshot=frozen, by_user=rita, starts_from=[checkpoints["density"]]
    )
    assert run.job is not None
    assert build_request(run.job)["init"] == {"density": "/runs/density"}
    with pytest.raises(UserError, match="starts from a language_model checkpoint"):
        start_run("sft", snapshot=frozen, by_user=rita, starts_from=[checkpoints["umicon_unsupervised"]])
    tuned = start_run(
        "sft",
        snapshot=frozen,
        by_user=rita,
        starts_from=[checkpoints["umicon_unsupervised"]],
        language_model=tmp_path,
    )
    assert tuned.job is not None
    assert build_request(tuned.job)["init"] == {
        "umicon": "/runs/umicon_unsupervised",
        "language_model": str(tmp_path),
    }
    assert list(tuned.starts_from.all()) == [checkpoints["umicon_unsupervised"]]
    with pytest.raises(UserError, match="does not start from a umicon checkpoint"):
        start_run("density", snapshot=frozen, by_user=rita, starts_from=[checkpoints["umicon_unsupervised"]])


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"stage": "magic"}, "unknown; known: language, density"),
        ({"config": {"epoch": 3}}, "epoch"),
        ({"config": {"epochs": "three"}}, "epochs"),
        ({"snapshot": None}, "density: trains on a snapshot"),
        ({"stage": "umicon_supervised"}, "starts from a umicon checkpoint"),
        ({"stage": "language"}, "corpus of dialogues"),
        ({"stage": "language", "corpus": "/absent.jsonl"}, "no such file"),
    ],
)
def test_what_cant_run_is_refused_before_it_is_queued(
    frozen: Snapshot, rita: User, given: dict[str, Any], named: str
) -> None:
    arguments = {"stage": "density", "snapshot": frozen, **given}
    with pytest.raises(UserError, match=named):
        start_run(by_user=rita, **arguments)
    assert not Run.objects.exists()
    assert not Job.objects.exists()


def test_the_language_stage_takes_a_corpus(site: Site, rita: User, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text("{}\n")
    run = start_run("language", site=site, corpus=corpus, by_user=rita)
    assert run.job is not None
    assert build_request(run.job)["corpus"] == str(corpus)
    assert "snapshot" not in build_request(run.job)


def test_only_researchers_train(frozen: Snapshot, june: User, otto: User) -> None:
    for person in (june, otto):
        with pytest.raises(NotAllowedError):
            start_run("density", snapshot=frozen, by_user=person)


def test_every_stage_has_its_kind_of_job() -> None:
    for spec in SPECS:
        assert kinds.get(spec.job_kind).module == f"modeling.training.{spec.stage.value}"
        assert kinds.get(spec.job_kind).spreads
        spec.settings.from_overrides(spec.settings.preset("demo").to_dict())
    for answering in (
        "annotation.propose",
        "modeling.consult",
        "modeling.zero_shot",
        "modeling.memorisation",
    ):
        assert not kinds.get(answering).spreads
    with pytest.raises(UserError, match="known"):
        stage_spec("nothing")


def test_the_command_refuses_by_name(
    frozen: Snapshot, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = tmp_path / "wrong.json"
    wrong.write_text("not json")
    with pytest.raises(CommandError, match="unknown; known"):
        call_command("train", "magic", snapshot="frozen")
    with pytest.raises(CommandError, match="no such snapshot; known: frozen"):
        call_command("train", "density", snapshot="absent")
    with pytest.raises(CommandError, match="not JSON"):
        call_command("train", "density", snapshot="frozen", config=wrong)
    with pytest.raises(CommandError, match="no such checkpoint"):
        call_command("train", "umicon_supervised", "--from", "f" * 64, snapshot="frozen")
    assert not Run.objects.exists()
    call_command("train", "density", snapshot="frozen", preset="demo", json=True)
    said = json.loads(capsys.readouterr().out)
    assert said["run"] == str(Run.objects.get().pk)
    assert (said["state"], said["checkpoints"]) == ("queued", [])


def checkpoint_of_stage(stage: str, frozen: Snapshot) -> Checkpoint:
    run = Run.objects.create(site=frozen.site, stage=stage, snapshot=frozen)
    return Checkpoint.objects.create(run=run, folder=f"/runs/{stage}", sha256="a" * 64)


def test_the_supervised_stage_starts_from_umicon_or_from_the_selector_alone(
    frozen: Snapshot, rita: User
) -> None:
    for stage, name in (("umicon_unsupervised", "umicon"), ("density", "density")):
        given = [checkpoint_of_stage(stage, frozen)]
        run = start_run("umicon_supervised", snapshot=frozen, by_user=rita, starts_from=given)
        assert run.job is not None
        assert set(build_request(run.job)["init"]) == {name}
    with pytest.raises(UserError, match="starts from a umicon checkpoint"):
        start_run("umicon_supervised", snapshot=frozen, by_user=rita)


def test_nothing_starts_from_a_probed_encoder(frozen: Snapshot, rita: User) -> None:
    with pytest.raises(UserError, match="stage encoder_probe: no stage starts from its checkpoints"):
        start_run(
            "umicon_unsupervised",
            snapshot=frozen,
            by_user=rita,
            starts_from=[checkpoint_of_stage("encoder_probe", frozen)],
        )


def test_images_of_another_size_are_refused_before_a_job_stands(frozen: Snapshot, rita: User) -> None:
    """Also by command; the preset that fits is named, where one does."""
    frozen.manifest = {"image": {"height": 126, "width": 100}}
    frozen.save()
    said = "image_size: the setting asks for images of 1008 x 800, but the training set holds 126 x 100; make them"
    with pytest.raises(UserError, match=said):
        start_run("density", snapshot=frozen, by_user=rita)
    with pytest.raises(CommandError, match="preset demo, does"):
        call_command("train", "density", snapshot=frozen.name)
    assert not Run.objects.exists()
    assert not Job.objects.exists()
    assert start_run("density", snapshot=frozen, by_user=rita, config={"preset": "demo"}).job
