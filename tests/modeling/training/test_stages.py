"""The stages on a tiny snapshot: what they write, and that an interrupted run ends where a whole one does."""

import json
import shutil

import pytest

from modeling.data.snapshot import STUDIES_FILE, file_sha256, open_snapshot, write_snapshot
from modeling.nn.checkpoint import load_selector, load_umicon
from tests.modeling.training.conftest import StopAfter


def init_of(bench, stage):
    return {} if stage == "density" else {"density": bench.weights("selector")}


def test_density_writes_a_selector_its_figures_and_one_probability_per_class(bench, tiny):
    row = bench.checkpoint("selector")
    assert row["sha256"] == file_sha256(bench.weights("selector") / "model.safetensors")
    assert load_selector(bench.weights("selector")).encoder.image_size == (48, 38)
    assert {"test_macro_auc", "test_accuracy", "test_image_macro_auc"} <= set(row["metrics"])
    predictions = [p for p in bench.rows("selector", "prediction") if p["split"] == "test"]
    by_study = {}
    for prediction in predictions:
        by_study.setdefault(prediction["unit"], []).append(prediction["value"])
    assert set(by_study) == {study.study for study in tiny.in_split("test")}
    assert all(len(values) == 4 and sum(values) == pytest.approx(1) for values in by_study.values())
    assert {p["name"] for p in predictions} == {f"density_{d}" for d in "ABCD"}


def test_training_patients_are_never_predicted(bench, tiny):
    held_out = {study.study for study in tiny.studies if study.split != "train"}
    assert {row["unit"] for row in bench.rows("selector", "prediction")} <= held_out


def test_progress_and_loss_are_told_by_epoch(bench, capsys):
    assert bench.run("density", "told") == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(line.startswith('{"progress"') for line in lines)
    losses = [row for row in bench.rows("told", "metric") if row["name"] == "loss"]
    assert [row["epoch"] for row in losses] == [1, 2]


def test_umicon_stages_run_one_after_the_other(bench, tiny):
    assert bench.run("umicon_unsupervised", "u", init=init_of(bench, "umicon_unsupervised")) == 0
    figures = bench.checkpoint("u")["metrics"]
    assert {"collapse", "std", "distance", "r_at_1", "chance", "density_probe"} <= set(figures)
    assert figures["collapse"] is False
    model, _ = load_umicon(bench.weights("u"))
    assert model.umicon.mean_report.abs().max() > 0

    assert bench.run("umicon_supervised", "s", init={"umicon": bench.weights("u")}) == 0
    breasts = {
        f"{study.study}:{item.laterality}" for study in tiny.in_split("test") for item in study.pathology
    }
    predictions = [row for row in bench.rows("s", "prediction") if row["split"] == "test"]
    assert {row["unit"] for row in predictions} == breasts
    assert {row["method"] for row in predictions} == {"image", "report", "fused"}
    assert all(row["name"] == "malignancy" and 0 <= row["value"] <= 1 for row in predictions)
    trained, _ = load_umicon(bench.weights("s"))
    before = load_selector(bench.weights("selector")).state_dict()
    for name, value in trained.visual.selector.state_dict().items():
        assert value.equal(before[name]), f"the selector's {name} changed"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stage", "steps"), [("density", 5), ("umicon_unsupervised", 5), ("umicon_supervised", 2)]
)
def test_a_stopped_run_that_is_resumed_ends_bit_identical_to_a_whole_one(bench, stage, steps):
    init = init_of(bench, stage)
    assert bench.run(stage, f"{stage}-whole", init=init) == 0
    assert bench.run(stage, f"{stage}-halved", init=init, stop=StopAfter(steps)) == 75
    assert not (bench.folder / f"{stage}-halved.jsonl").exists()
    assert bench.run(stage, f"{stage}-halved", init=init, resume=True) == 0
    whole, halved = bench.checkpoint(f"{stage}-whole"), bench.checkpoint(f"{stage}-halved")
    assert halved["sha256"] == whole["sha256"]
    assert halved["metrics"] == whole["metrics"]


OWN_MEASURES = {
    "density": {"macro_auc", "accuracy", "calibration_error"},
    "umicon_unsupervised": {"unimodal", "multimodal", "std", "distance", "r_at_1", "collapse"},
    "umicon_supervised": {f"{method}_{what}" for method in ("image", "report", "fused") for what in ("auc", "accuracy")},
}  # fmt: skip


@pytest.fixture(scope="module")
def half_held_out(tiny, tmp_path_factory):
    """So many validation patients that every figure can be measured."""
    return resplit(tiny, tmp_path_factory.mktemp("half") / "snapshot", spoilt=False)


@pytest.mark.parametrize("stage", OWN_MEASURES)
def test_a_stages_own_measures_stand_in_its_rows_and_curves_and_leave_its_training_as_it_is(
    bench, half_held_out, stage
):
    init = init_of(bench, stage)
    sums = []
    for every in (1, 0):
        name = f"{stage}-measured-{every}"
        code = bench.run(stage, name, init=init, snapshot=half_held_out, validate_every_epochs=every)
        assert code == 0
        sums.append(bench.checkpoint(name)["sha256"])
    assert sums[0] == sums[1], "measuring draws no random number and moves no weight"
    told = [
        row for row in bench.rows(f"{stage}-measured-1", "metric") if row["name"].startswith("validation_")
    ]
    names = {row["name"].removeprefix("validation_") for row in told}
    assert names >= OWN_MEASURES[stage] | {"loss"}
    written = (bench.folder / f"{stage}-measured-1" / "metrics.jsonl").read_text().splitlines()
    points = [json.loads(line) for line in written]
    for name in names:
        rows = [(row["epoch"], row["value"]) for row in told if row["name"] == f"validation_{name}"]
        assert [epoch for epoch, _ in rows] == [1, 2], name
        assert rows == [(p["epoch"], p["value"]) for p in points if p["name"] == f"validation_{name}"]


def test_the_last_curves_point_is_the_figure_of_the_finished_stage(bench):
    rows, figures = (
        bench.rows("density-measured-1", "metric"),
        bench.checkpoint("density-measured-1")["metrics"],
    )
    last = {row["name"]: row["value"] for row in rows}
    for name in ("validation_macro_auc", "validation_accuracy"):
        assert last[name] == pytest.approx(figures[name])


def test_another_seed_gives_other_weights(bench):
    assert bench.run("density", "other-seed", seed=4) == 0
    assert bench.checkpoint("other-seed")["sha256"] != bench.checkpoint("selector")["sha256"]


def test_a_checkpoint_that_was_cut_off_is_not_resumed_from(bench):
    assert bench.run("density", "cut", stop=StopAfter(5)) == 75
    (good,) = (bench.folder / "cut" / "trainer").glob("checkpoint-5")
    cut = shutil.copytree(good, good.with_name("checkpoint-9"))
    (cut / "trainer_state.json").write_text('{"epo')
    assert bench.run("density", "cut", resume=True) == 0
    assert bench.checkpoint("cut")["sha256"] == bench.checkpoint("selector")["sha256"]


def test_positives_only_is_watched_like_any_other_run(bench):
    init = init_of(bench, "umicon_unsupervised")
    assert bench.run("umicon_unsupervised", "none", init=init, negatives="none", normalise=False) == 0
    figures = bench.checkpoint("none")["metrics"]
    assert figures["negatives"] == "none"
    assert isinstance(figures["collapse"], bool)
    assert figures["distance"] < figures["start_distance"]


@pytest.mark.slow
def test_the_literal_loss_shrinks_its_vectors_to_a_point_and_the_stage_says_so(bench, capsys):
    init = init_of(bench, "umicon_unsupervised")
    literal = {"negatives": "none", "normalise": False, "epochs": 8, "learning_rate": 2e-3}
    assert bench.run("umicon_unsupervised", "literal", init=init, **literal, validate_every_epochs=1) == 0
    said = capsys.readouterr().err
    told = [row["value"] for row in bench.rows("literal", "metric") if row["name"] == "validation_collapse"]
    assert told[-1] == 1, "the curve shows it"
    assert said.count("collapse: image vectors shrank") >= 2, "when it happens, and at the end"
    figures = bench.checkpoint("literal")["metrics"]
    assert figures["distance"] < 0.1 * figures["start_distance"]
    assert figures["collapse"] is True
    assert f"mean distance {figures['start_distance']:.3f} -> {figures['distance']:.3f}" in said
    assert "train with negatives in_batch" in said


def resplit(tiny, folder, *, spoilt=False, watched=None):
    """The tiny snapshot, half of its patients held out; with `spoilt` the test studies tell lies.

    `watched` bounds the validation patients; the others are trained on.
    """
    rows = [json.loads(line) for line in (tiny.folder / STUDIES_FILE).read_text("utf-8").splitlines()]
    order = {patient: place for place, patient in enumerate(dict.fromkeys(row["patient"] for row in rows))}
    for row in rows:
        rounds, place = divmod(order[row["patient"]], 4)
        row["split"] = ("train", "validation", "train", "test")[place]
        if row["split"] == "validation" and watched is not None and rounds >= watched:
            row["split"] = "train"
        if spoilt and row["split"] == "test":
            row |= {"density": "DCBA"["ABCD".index(row["density"])], "report": "nothing"}
    write_snapshot(
        folder,
        name="resplit",
        images=list(tiny.images),
        image_size=tiny.image_size,
        studies=rows,
        simulated=True,
    )
    return folder


@pytest.mark.slow
def test_what_is_watched_and_probed_during_umicon_knows_nothing_of_the_test_patients(bench, tiny, tmp_path):
    figures = []
    for spoilt in (False, True):
        snapshot = resplit(tiny, tmp_path / f"spoilt-{spoilt}", spoilt=spoilt)
        init = init_of(bench, "umicon_unsupervised")
        for stage in ("umicon_unsupervised", "umicon_supervised"):
            name = f"{stage}-{spoilt}"
            assert bench.run(stage, name, init=init, snapshot=snapshot, epochs=1) == 0
            init = {"umicon": bench.weights(name)}
            found = bench.checkpoint(name)["metrics"]
            figures.append({key: value for key, value in found.items() if not key.startswith("test_")})
    assert figures[:2] == figures[2:]
    assert figures[0]["studies"] == len({s.patient for s in open_snapshot(snapshot).in_split("validation")})
    assert all(found["density_probe"] is not None for found in figures)


def test_one_validation_patient_gives_no_verdict_on_collapse(bench, tiny, tmp_path):
    snapshot = resplit(tiny, tmp_path / "one", watched=1)
    assert len({study.patient for study in open_snapshot(snapshot).in_split("validation")}) == 1
    init = init_of(bench, "umicon_unsupervised")
    assert bench.run("umicon_unsupervised", "one", init=init, snapshot=snapshot, epochs=1) == 0
    assert not {"collapse", "std", "start_std"} & set(bench.checkpoint("one")["metrics"])
