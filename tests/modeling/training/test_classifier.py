"""The classifier stage: all three learn plain images, and predict breasts of held-out patients for Table 7."""

import pytest
import torch

from modeling.data.snapshot import open_snapshot
from modeling.nn.classifiers import METHODS, BreastClassifier
from modeling.training.classifier import CaseSamples, ClassifierObjective, phase
from modeling.training.config import ClassifierConfig
from modeling.training.typed_fields import ConfigError
from tests.modeling.training.killed import SIZE, Scene


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    # So many that both classes are among the breasts of either held-out split.
    return Scene(tmp_path_factory.mktemp("classifier"), studies=48)


def config(**more):
    return ClassifierConfig.from_overrides(
        {"preset": "demo", "image_size": list(SIZE), "encoder": "test_resnet", **more}
    )


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_it_predicts_every_biopsied_breast_of_the_patients_held_out(scene, method):
    assert scene.train("classifier", method, method=method).code == 0
    rows = scene.result(method)
    snapshot = open_snapshot(scene.folder / "snapshot")
    breasts = {f"{s.study}:{p.laterality}" for s in snapshot.in_split("test") for p in s.pathology}
    predictions = [row for row in rows if row["kind"] == "prediction" and row["split"] == "test"]
    assert {row["unit"] for row in predictions} == breasts
    assert {(row["name"], row["method"], row["unit_kind"]) for row in predictions} == {
        ("malignancy", "image", "breast")
    }
    (checkpoint,) = [row for row in rows if row["kind"] == "checkpoint"]
    figures = checkpoint["metrics"]
    assert figures["test_breasts"] == len(breasts)
    assert {
        f"test_image_{name}"
        for name in ("brier", "calibration_error", "calibration_error_scaled", "sensitivity", "specificity",
                     "threshold_from_validation", "temperature_from_validation")
    } <= set(figures)  # fmt: skip
    known = {
        row["unit"]: row["value"]
        for row in rows
        if row["kind"] == "prediction" and row["split"] == "validation"
    }
    assert figures["test_image_threshold_from_validation"] in known.values()


@pytest.mark.parametrize("method", METHODS)
def test_it_learns_a_difference_that_is_plain_to_see(scene, method):
    torch.manual_seed(0)
    model = BreastClassifier(method, encoder="test_resnet", image_size=SIZE, width=32)
    objective = ClassifierObjective(model)
    labels = torch.tensor([0.0, 1.0] * 6)
    images = (60 + 120 * labels[:, None, None, None]).expand(12, 4, *SIZE) + torch.randn(12, 4, *SIZE)
    own = torch.tensor([[True, True, False, False]] * 12)
    inputs = {
        "view_mask": torch.ones(12, 4, dtype=torch.bool),
        "own": own,
        "places": torch.arange(4).expand(12, 4),
    }
    optimiser = torch.optim.Adam(objective.parameters(), lr=1e-3)
    for _ in range(12):
        optimiser.zero_grad()
        objective(images=images, labels=labels, **inputs)["loss"].backward()
        optimiser.step()
    with torch.no_grad():
        chance = model.probability(model(images, **inputs))
    assert chance[labels == 1].min() > chance[labels == 0].max()


def test_contrast_alone_comes_first_and_only_where_the_method_asks_for_it():
    contrastive = phase(config(method="contrastive", batch_size=4, pretraining_epochs=2), 10)
    assert [contrastive(step)["pretraining"] for step in (0, 5, 6)] == [True, True, False]  # 3 steps an epoch
    assert phase(config(method="mirai"), 10)(0) == {"pretraining": False}


@pytest.mark.parametrize(
    ("accumulated", "ranks", "per_epoch"), [(1, 1, 25), (1, 2, 13), (1, 8, 4), (2, 2, 7), (4, 8, 1)]
)
def test_its_epochs_are_those_of_the_group_whatever_the_number_of_processes(
    monkeypatch, accumulated, ranks, per_epoch
):
    monkeypatch.setenv("WORLD_SIZE", str(ranks))
    setting = config(
        method="contrastive", batch_size=4, pretraining_epochs=2, gradient_accumulation=accumulated
    )
    of_step = phase(setting, 100)
    assert [of_step(2 * per_epoch - 1), of_step(2 * per_epoch)] == [
        {"pretraining": True},
        {"pretraining": False},
    ]


def test_a_setting_that_leaves_no_epoch_to_train_the_classifier_is_refused():
    with pytest.raises(ConfigError, match="pretraining_epochs: 8 of 8 epochs leaves none"):
        config(method="contrastive", epochs=8)
    assert config(method="mirai", epochs=8).pretraining_epochs == 8


def test_patience_counts_from_the_end_of_the_contrast_where_the_head_begins_to_learn(scene):
    setting = {"method": "contrastive", "epochs": 5, "pretraining_epochs": 3, "early_stopping_epochs": 1}
    assert scene.train("classifier", "patient", batch_size=16, **setting).code == 0
    rows = [row for row in scene.result("patient") if row["kind"] == "metric"]
    measured = {name: [r["epoch"] for r in rows if r["name"] == name] for name in {r["name"] for r in rows}}
    assert measured["validation_loss"][0] == 4
    assert measured["validation_image_auc"] == measured["validation_loss"]
    assert measured["validation_image_accuracy"] == measured["validation_loss"]


def test_a_sample_is_a_breast_among_its_studys_views(scene):
    snapshot = open_snapshot(scene.folder / "snapshot")
    samples = CaseSamples(snapshot, config(), seed=0)
    sample, breast = samples[0, 0], samples.items[0]
    assert sample.images.shape == (4, *SIZE)
    assert [breast.study.views[i].laterality for i, own in enumerate(sample.own) if own] == [
        breast.laterality
    ] * 2
    assert sample.malignant == breast.malignant
