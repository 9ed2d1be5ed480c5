"""What UMiCon's stages are put together from: samples, drawn experts, losses and rates (PAPER.md, section 3.2)."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional

from modeling.data.snapshot import Pathology, Snapshot, Study, View
from modeling.nn.losses import label_loss
from modeling.nn.text_encoder import corpus_tokenizer
from modeling.training.config import UmiconSupervisedConfig, UmiconUnsupervisedConfig
from modeling.training.umicon import expert_draw
from modeling.training.umicon_supervised import (
    MEAN_MOMENTUM,
    BreastSamples,
    SupervisedObjective,
    _figures,
    biopsied_breasts,
    described,
)
from modeling.training.umicon_unsupervised import MaskedCopies, UnsupervisedObjective, collate_copies
from tests.modeling.small_models import random_images, small_vision

SIDE = (40, 30)


def study(name, *pathology, sides="LLRR", first=0):
    """A training study whose views begin at row `first` of the images; `pathology` are (laterality, class)."""
    views = tuple(View(first + n, side, ("CC", "MLO")[n % 2]) for n, side in enumerate(sides))
    return Study(
        study=name, patient=f"patient of {name}", split="train", density="B", age=50, birads={},
        report=f"report of {name}", language="en", views=views,
        pathology=tuple(Pathology(*one) for one in pathology),
    )  # fmt: skip


def snapshot_of(*studies):
    """Images (N, 40, 30) without a dark pixel, brightest at their left edge, each of another grey."""
    count = sum(len(one.views) for one in studies)
    images = np.arange(60, 60 + count, dtype=np.uint8)[:, None, None].repeat(SIDE[0], 1).repeat(SIDE[1], 2)
    images[:, :, 0] = 250
    return Snapshot(
        folder=Path("unused"), name="made", content_hash="", simulated=True, images=images, studies=studies, sft=()
    )  # fmt: skip


# The unit of the supervised stage


def test_the_unit_is_a_biopsied_breast_with_its_own_two_views():
    both = study("both", ("L", "benign"), ("R", "malignant"))
    one = study("one", ("R", "benign"), first=4)
    found = biopsied_breasts([both, one, study("none", first=8)], high_risk="benign")
    assert [(breast.unit, [view.index for view in breast.views], breast.malignant) for breast in found] == [
        ("both:L", [0, 1], False),
        ("both:R", [2, 3], True),
        ("one:R", [6, 7], False),
    ]
    assert all(view.laterality == breast.laterality for breast in found for view in breast.views)


def test_a_biopsied_breast_without_images_is_no_unit():
    half = study("half", ("L", "benign"), ("R", "malignant"), sides="LL")
    assert [breast.unit for breast in biopsied_breasts([half], high_risk="benign")] == ["half:L"]


@pytest.mark.parametrize(
    ("results", "as_benign", "as_malignant", "excluded"),
    [
        (["benign"], False, False, False),
        (["malignant"], True, True, True),
        (["benign", "malignant"], True, True, True),
        (["malignant", "benign"], True, True, True),
        (["high_risk"], False, True, None),
        (["benign", "high_risk"], False, True, None),
        (["high_risk", "benign"], False, True, None),
        (["high_risk", "malignant"], True, True, True),
    ],
)
def test_a_breast_with_several_results_takes_the_worst_and_high_risk_counts_as_asked(
    results, as_benign, as_malignant, excluded
):
    one = study("one", *(("L", result) for result in results), ("R", "benign"))
    for high_risk, expected in (("benign", as_benign), ("malignant", as_malignant), ("exclude", excluded)):
        labels = {
            breast.laterality: breast.malignant for breast in biopsied_breasts([one], high_risk=high_risk)
        }
        assert labels.get("L") is expected, high_risk
        assert labels["R"] is False, "the other breast's result is its own"


@pytest.mark.parametrize("flip", [True, False])
def test_a_sample_holds_the_breasts_images_report_and_label(flip):
    snapshot = snapshot_of(study("a", ("L", "benign")), study("b", ("R", "malignant"), first=4))
    config = UmiconSupervisedConfig(report_dropout=0.0, image_dropout=0.0, flip_right=flip)
    left, right = (BreastSamples(snapshot, config, seed=1)[0, index] for index in (0, 1))
    assert np.array_equal(left.images, snapshot.images[[0, 1]])
    as_hung = snapshot.images[[6, 7]]
    assert np.array_equal(right.images, as_hung[:, :, ::-1] if flip else as_hung)
    assert (left.report, right.report) == ("report of a", "report of b")
    assert (left.malignant, right.malignant) == (False, True)
    assert left.patient != right.patient


def test_reports_and_images_are_left_out_as_often_as_asked_and_never_both():
    samples = BreastSamples(snapshot_of(study("a", ("L", "benign"))), UmiconSupervisedConfig(), seed=1)
    drawn = [samples[epoch, 0] for epoch in range(2000)]
    assert sum(not sample.with_report for sample in drawn) / 2000 == pytest.approx(0.5, abs=0.04)
    assert sum(not sample.with_image for sample in drawn) / 2000 == pytest.approx(0.1, abs=0.03)
    assert all(sample.with_image or sample.with_report for sample in drawn)
    again = [samples[epoch, 0] for epoch in range(2000)]
    assert [sample.with_report for sample in again] == [sample.with_report for sample in drawn]


# Two masked copies of an image


def hidden(image):
    """Where an image of `snapshot_of` was set to background."""
    return image == 0


def test_two_copies_hide_different_squares_of_the_papers_size_strictly_inside():
    samples = MaskedCopies(snapshot_of(study("a")), UmiconUnsupervisedConfig(), seed=1)
    assert len(samples) == 4, "a view a sample"
    side = round((0.08 * SIDE[0] * SIDE[1]) ** 0.5)
    for index in range(4):
        first, second, _, report = samples[0, index]
        assert report == "report of a"
        assert not np.array_equal(first, second)
        for copy in (first[0], second[0]):
            rows, columns = np.nonzero(hidden(copy))
            assert len(rows) == side**2
            assert (np.ptp(rows), np.ptp(columns)) == (side - 1, side - 1)
            assert 0 < rows.min() <= rows.max() < SIDE[0] - 1
            assert 0 < columns.min() <= columns.max() < SIDE[1] - 1


def test_copies_are_drawn_from_seed_epoch_and_image_alone():
    snapshot = snapshot_of(study("a"))
    samples, again, other = (MaskedCopies(snapshot, UmiconUnsupervisedConfig(), seed=s) for s in (1, 1, 2))
    again[0, 3]  # what was asked before changes nothing
    for copy in (0, 1):
        known = samples[3, 1][copy]
        assert np.array_equal(known, again[3, 1][copy])
        assert not np.array_equal(known, samples[4, 1][copy]), "another epoch"
        assert not np.array_equal(known, other[3, 1][copy]), "another seed"
        assert not np.array_equal(hidden(known), hidden(samples[3, 2][copy])), "another image"


def test_a_study_can_be_the_sample_and_each_of_its_views_hides_its_own_square():
    config = UmiconUnsupervisedConfig(sample="study")
    samples = MaskedCopies(snapshot_of(study("a"), study("b", sides="LR", first=4)), config, seed=1)
    assert len(samples) == 2
    first, second, patient, report = samples[0, 0]
    assert first.shape == second.shape == (4, *SIDE)
    assert len({hidden(view).tobytes() for view in first}) == 4
    assert report == "report of a"
    assert samples[0, 1][2] != patient
    assert samples[0, 1][0].shape == (2, *SIDE)


def test_a_batch_keeps_both_copies_apart():
    tokenizer = corpus_tokenizer(["report of a"], length=16)
    samples = MaskedCopies(snapshot_of(study("a")), UmiconUnsupervisedConfig(), seed=1)
    items = [samples[0, 0], samples[0, 1]]
    batch = collate_copies(tokenizer, 16)(items)
    for row, (first, second, patient, _) in enumerate(items):
        assert np.array_equal(batch["images"][row].numpy(), first)
        assert np.array_equal(batch["copies"][row].numpy(), second)
        assert batch["patients"][row] == patient


# The expert of a step


def drawn(config, seed=3, steps=60):
    draw = expert_draw(config, seed)
    return [draw(step)["expert"] for step in range(steps)]


@pytest.mark.parametrize("kind", [UmiconUnsupervisedConfig, UmiconSupervisedConfig])
def test_sixty_steps_draw_every_expert_and_the_same_again(kind):
    config = kind()
    found = drawn(config)
    assert set(found) == set(config.experts) == {"clip", "dinov2", "convnext"}
    assert min(found.count(name) for name in config.experts) >= 10
    draw = expert_draw(config, 3)
    assert [draw(step)["expert"] for step in reversed(range(60))] == found[::-1], "the step alone decides"
    assert drawn(config, seed=4) != found


def test_single_is_always_the_papers_convnext_or_the_one_that_is_named():
    for kind in (UmiconUnsupervisedConfig, UmiconSupervisedConfig):
        assert set(drawn(kind.faithful())) == {"convnext"}
    named = UmiconUnsupervisedConfig(expert_per_step="single", single_expert="dinov2")
    assert set(drawn(named)) == {"dinov2"}


@pytest.mark.slow
@pytest.mark.parametrize("how", ["random", "single"])
@pytest.mark.parametrize("stage", ["umicon_unsupervised", "umicon_supervised"])
def test_a_stage_trains_the_experts_that_its_steps_drew_and_no_other(bench, stage, how):
    options = {"batch_size": 16, "weight_decay": 0.0, "expert_per_step": how}
    names = [f"{stage}-{how}-{epochs}" for epochs in (1, 2)]
    for epochs, name in enumerate(names, 1):
        init = {"density": bench.weights("selector")}
        assert bench.run(stage, name, init=init, epochs=epochs, **options) == 0
    one, two = (load_file(bench.weights(name) / "model.safetensors") for name in names)
    first, last = (row["step"] for row in bench.rows(names[1], "metric") if row["name"] == "loss")
    config = UmiconUnsupervisedConfig(expert_per_step=how)
    expected = set(drawn(config, steps=last)[first:])
    for name in config.experts:
        for part in (f"visual.experts.{name}.", f"umicon.adapters.{name}."):
            keys = [key for key in one if key.startswith(part)]
            assert keys
            changed = any(not torch.equal(one[key], two[key]) for key in keys)
            assert changed is (name in expected), part


# The losses


@pytest.fixture
def model():
    """Random weights; stand-ins of a missing modality that are not zero."""
    made = small_vision()
    torch.manual_seed(7)
    made.umicon.mean_image.copy_(torch.randn(128))
    made.umicon.mean_report.copy_(torch.randn(128))
    return made


@pytest.fixture
def seen():
    """Six breasts of five patients, one of them with one view only, through one expert."""
    torch.manual_seed(8)
    view_mask = torch.ones(6, 2, dtype=torch.bool)
    view_mask[2, 1] = False
    return {
        "images": random_images(6, views=2, seed=1), "view_mask": view_mask,
        "patients": torch.tensor([0, 1, 2, 3, 4, 4]), "input_ids": torch.randint(5, 60, (6, 12)),
        "attention_mask": torch.ones(6, 12, dtype=torch.long), "expert": "convnext",
        "has_report": torch.ones(6, dtype=torch.bool),
    }  # fmt: skip


@pytest.fixture
def breasts(seen):
    """The same as a batch of the supervised stage, nothing left out."""
    every = torch.ones(6, dtype=torch.bool)
    labels = torch.tensor([0.0, 1.0, 0.0, 1.0, 1.0, 0.0])
    return {**seen, "labels": labels, "with_image": every, "with_report": every.clone()}


def supervised(model, batch, **config):
    objective = SupervisedObjective(model, UmiconSupervisedConfig(**config)).eval()
    with torch.no_grad():
        return objective(**batch)


@torch.no_grad()
def vectors(model, batch, images="images"):
    """View (B, V, C), study (B, C) and report (B, C) vectors, each from its own pass."""
    views, studies, _ = model.encode(batch[images], batch["view_mask"], expert=batch["expert"])
    return views, studies, model.umicon.report_vectors(batch["input_ids"], batch["attention_mask"])


@pytest.mark.parametrize("weight", [0.0, 1.0, 3.0])
def test_the_supervised_loss_is_cross_entropy_and_the_weighted_contrast_of_fused_vectors(
    model, breasts, weight
):
    _, image, report = vectors(model, breasts)
    with torch.no_grad():
        fused = model.umicon.fuse(image, report)
        logits = model.umicon.malignancy_logit(fused)
        entropy = functional.binary_cross_entropy(logits.sigmoid(), breasts["labels"])
        contrast = label_loss(fused, breasts["labels"], breasts["patients"], margin=1.0)
    assert contrast > 0.01
    found = supervised(model, breasts, contrast_weight=weight)
    torch.testing.assert_close(found["logits"], logits)
    torch.testing.assert_close(found["loss"], entropy + weight * contrast)


def test_the_margin_of_the_contrast_is_the_one_that_was_set(model, breasts):
    near, far = (supervised(model, breasts, margin=margin)["loss"] for margin in (1.0, 2.0))
    assert far > near


def test_each_alone_judges_images_and_report_by_themselves_as_well(model, breasts):
    _, image, report = vectors(model, breasts)
    umicon = model.umicon
    with torch.no_grad():
        fused = [umicon.fuse(image, report), umicon.fuse(image, None), umicon.fuse(None, report)]
        judged = [umicon.malignancy_logit(one).sigmoid() for one in fused]
        entropies = [functional.binary_cross_entropy(one, breasts["labels"]) for one in judged]
    found = supervised(model, breasts, contrast_weight=0.0, each_alone=True)["loss"]
    torch.testing.assert_close(found, torch.stack(entropies).mean())
    assert not torch.isclose(found, entropies[0])


def test_a_modality_that_was_left_out_is_replaced_by_its_mean(model, breasts):
    breasts["with_image"][0] = False
    breasts["with_report"][1] = False
    _, image, report = vectors(model, breasts)
    umicon = model.umicon
    with torch.no_grad():
        report_alone = umicon.malignancy_logit(umicon.fuse(None, report))
        image_alone = umicon.malignancy_logit(umicon.fuse(image, None))
        both = umicon.malignancy_logit(umicon.fuse(image, report))
    expected = torch.cat([report_alone[:1], image_alone[1:2], both[2:]])
    torch.testing.assert_close(supervised(model, breasts)["logits"], expected)


def test_the_means_follow_the_batches_of_training_alone(model, breasts):
    before = model.umicon.mean_image.clone(), model.umicon.mean_report.clone()
    supervised(model, breasts)
    assert torch.equal(model.umicon.mean_image, before[0]), "measuring moves nothing"
    _, image, _ = vectors(model, breasts)
    objective = SupervisedObjective(model, UmiconSupervisedConfig()).train()
    objective(**breasts)
    torch.testing.assert_close(model.umicon.mean_image, before[0].lerp(image.mean(0), MEAN_MOMENTUM))
    assert not torch.equal(model.umicon.mean_report, before[1])


# Studies without a report


def test_a_study_without_a_report_is_judged_from_its_images_and_the_mean_report(model, breasts):
    some = torch.tensor([True, True, False, True, False, True])
    batch = {**breasts, "has_report": some, "with_report": some}
    _, image, report = vectors(model, breasts)
    umicon, labels = model.umicon, breasts["labels"]
    with torch.no_grad():
        read = torch.where(some[:, None], report, umicon.mean_report)
        fused = [umicon.fuse(image, read), umicon.fuse(image, None), umicon.fuse(None, report[some])]
        judged = torch.cat([umicon.malignancy_logit(one) for one in fused])
    entropy = functional.binary_cross_entropy_with_logits(judged, torch.cat([labels, labels, labels[some]]))
    found = supervised(model, batch, contrast_weight=0.0, each_alone=True)["loss"]
    torch.testing.assert_close(found, entropy)
    # What stands in the empty texts' place changes nothing.
    other = batch["input_ids"].clone()
    other[~some] = 7
    torch.testing.assert_close(
        supervised(model, {**batch, "input_ids": other}, contrast_weight=0.0, each_alone=True)["loss"],
        entropy,
    )
    # Nor does it move the mean.
    before, means = umicon.mean_report.clone(), []
    for tokens in (batch["input_ids"], other):
        umicon.mean_report.copy_(before)
        torch.manual_seed(9)
        SupervisedObjective(model, UmiconSupervisedConfig()).train()(**{**batch, "input_ids": tokens})
        means.append(umicon.mean_report.clone())
    assert not torch.equal(means[0], before)
    torch.testing.assert_close(*means)


def test_a_batch_without_any_report_trains_on_images_alone(model, breasts):
    none = torch.zeros(6, dtype=torch.bool)
    before = model.umicon.mean_report.clone()
    objective = SupervisedObjective(model, UmiconSupervisedConfig(each_alone=True)).train()
    loss = objective(**{**breasts, "has_report": none, "with_report": none})["loss"]
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.equal(model.umicon.mean_report, before)


def test_studies_without_a_report_take_no_part_in_the_multimodal_branch(model, seen):
    some = torch.tensor([True, False, True, True, False, True])
    batch = {**seen, "copies": random_images(6, views=2, seed=2), "has_report": some}
    whole, found = (
        unsupervised(model, {**batch, "has_report": torch.ones(6, dtype=torch.bool)}),
        unsupervised(model, batch),
    )
    _, studies, reports = vectors(model, batch)
    _, others, _ = vectors(model, batch, "copies")
    patients = seen["patients"][some]
    expected = (
        sum(direct(images[some], reports[some], patients, negatives=True) for images in (studies, others)) / 2
    )
    assert found["multimodal"] == pytest.approx(expected, rel=1e-4)
    assert found["unimodal"] == pytest.approx(whole["unimodal"], rel=1e-5)
    none = unsupervised(model, {**batch, "has_report": torch.zeros(6, dtype=torch.bool)})
    assert none["multimodal"] == 0


def test_samples_say_whether_their_study_has_a_report():
    bare = dataclasses.replace(study("bare", ("L", "benign"), first=4), report="")
    snapshot = snapshot_of(study("whole", ("L", "malignant")), bare)
    samples = BreastSamples(snapshot, UmiconSupervisedConfig(report_dropout=0.0), seed=1)
    told = [(samples[0, row].has_report, samples[0, row].with_report) for row in range(2)]
    assert told == [(True, True), (False, False)]
    copies = MaskedCopies(snapshot, UmiconUnsupervisedConfig(sample="study"), seed=1)
    batch = collate_copies(corpus_tokenizer(["report of whole"], length=16), 16)([copies[0, 0], copies[0, 1]])
    assert batch["has_report"].tolist() == [True, False]
    assert described(samples.items).tolist() == [0]
    scores = {name: np.array([0.9, 0.1]) for name in ("image", "report", "fused")}
    figures = _figures(samples.items, scores, prefix="")
    assert (figures["report_accuracy"], figures["report_auc"]) == (1.0, None)
    assert figures["image_auc"] == figures["fused_auc"] == 1.0


def direct(first, second, patients, *, negatives, margin=1.0):
    """Hadsell's loss pair by pair: row i of both is one thing; rows of other patients repel if asked."""
    rows = range(len(first))
    same = [float((first[i] - second[i]).norm()) ** 2 for i in rows]
    other = [
        max(0.0, margin - float((first[i] - second[j]).norm())) ** 2
        for i in rows
        for j in rows
        if patients[i] != patients[j]
    ]
    return sum(same) / len(same) + (sum(other) / len(other) if negatives else 0.0)


def unsupervised(model, batch, **config):
    objective = UnsupervisedObjective(model, UmiconUnsupervisedConfig(**config)).eval()
    with torch.no_grad():
        return {name: float(value) for name, value in objective(**batch).items()}


@pytest.mark.parametrize("negatives", ["in_batch", "none"])
def test_the_unsupervised_loss_is_the_weighted_sum_of_both_branches(model, seen, negatives):
    batch = {**seen, "copies": random_images(6, views=2, seed=2)}
    views, studies, reports = vectors(model, batch)
    other_views, other_studies, _ = vectors(model, batch, "copies")
    mask, patients = batch["view_mask"], batch["patients"]
    # Unit vectors are at most 2 apart: all other patients repel.
    repel = {"negatives": negatives == "in_batch", "margin": 2.5}
    of_views = patients[:, None].expand(mask.shape)[mask]
    unimodal = direct(views[mask], other_views[mask], of_views, **repel)
    pairs = (direct(image, reports, patients, **repel) for image in (studies, other_studies))
    multimodal = sum(pairs) / 2
    for unimodal_weight, multimodal_weight in ((1.0, 1.0), (0.0, 1.0), (1.0, 0.0), (0.5, 3.0)):
        found = unsupervised(
            model, batch, negatives=negatives, margin=2.5, unimodal_weight=unimodal_weight,
            multimodal_weight=multimodal_weight,
        )  # fmt: skip
        assert found["unimodal"] == pytest.approx(unimodal, rel=1e-3)
        assert found["multimodal"] == pytest.approx(multimodal, rel=1e-3)
        expected = unimodal_weight * unimodal + multimodal_weight * multimodal
        assert found["loss"] == pytest.approx(expected, rel=1e-3)
    assert unimodal > 1e-4
    assert multimodal > 1e-4


def test_a_view_that_does_not_exist_changes_no_loss(model, seen):
    batch = {**seen, "copies": random_images(6, views=2, seed=2)}
    before = unsupervised(model, batch)
    for name in ("images", "copies"):
        batch[name] = batch[name].clone()
        batch[name][2, 1] = 255 - batch[name][2, 1]
    assert unsupervised(model, batch) == pytest.approx(before, rel=1e-4)


@pytest.mark.parametrize("expert", ["clip", "convnext"])
def test_the_unsupervised_stage_trains_the_drawn_expert_and_neither_selector_nor_head(model, seen, expert):
    batch = {**seen, "copies": random_images(6, views=2, seed=2), "expert": expert}
    objective = UnsupervisedObjective(model, UmiconUnsupervisedConfig()).train()
    objective(**batch)["loss"].backward()
    reached = {name for name, p in model.named_parameters() if p.grad is not None and p.grad.abs().max() > 0}
    experts = {
        name.split(".")[2] for name in reached if name.startswith(("visual.experts", "umicon.adapters"))
    }
    assert experts == {expert}
    assert any(name.startswith("umicon.text.") for name in reached)
    assert not [
        name for name in reached if name.startswith(("visual.selector.", "umicon.head.", "umicon.fusion_"))
    ]
    supervised_stage = SupervisedObjective(model, UmiconSupervisedConfig())
    trained = {name for name, p in supervised_stage.model.named_parameters() if p.requires_grad}
    assert {"umicon.head.weight", "umicon.fusion_norm.weight"} <= trained
    assert not any(name.startswith("visual.selector.") for name in trained)


# The rates of the supervised stage


@pytest.mark.parametrize("fusion", ["concat", "attention"])
def test_experts_and_umicon_learn_at_a_fifth_of_the_heads_rate(model, fusion):
    umicon = model.umicon
    umicon.use_fusion(fusion)
    objective = SupervisedObjective(model, UmiconSupervisedConfig())
    groups = objective.parameter_groups(1e-4)
    counts = {group["lr"]: sum(p.numel() for p in group["params"]) for group in groups}
    assert sorted(counts) == pytest.approx([2e-5, 1e-4])
    head = 2 * 128 + 1 + 2 * 2 * 128  # the linear layer; scale and shift of the fused vector's LayerNorm
    if fusion == "attention":
        head += sum(p.numel() for p in umicon.cross_attention.parameters())
    assert counts[max(counts)] == head
    every = sum(p.numel() for part in (model.visual.experts, umicon) for p in part.parameters())
    assert counts[min(counts)] == every - head, "all but the selector, once"


@pytest.mark.parametrize(("asked", "share"), [({}, 0.2), ({"encoder_rate": 1.0}, 1.0)])
def test_one_step_moves_experts_and_umicon_by_their_share_of_what_it_moves_the_head(bench, asked, share):
    """Adam's first step moves a weight by the whole rate, whatever its gradient: here a sixth, by the warm-up."""
    init = {"density": bench.weights("selector")}
    assert bench.run("umicon_unsupervised", "before", init=init, epochs=1) == 0
    options = {"epochs": 1, "batch_size": 64, "weight_decay": 0.0, "learning_rate": 6e-3, **asked}
    assert bench.run("umicon_supervised", "after", init={"umicon": bench.weights("before")}, **options) == 0
    before, after = (load_file(bench.weights(name) / "model.safetensors") for name in ("before", "after"))
    (expert,) = set(drawn(UmiconSupervisedConfig(), steps=1))

    def moved(part):
        return max(float((after[k] - before[k]).abs().max()) for k in before if k.startswith(part))

    assert moved("umicon.head.") == pytest.approx(1e-3, rel=1e-2)
    for part in (
        f"visual.experts.{expert}.",
        f"umicon.adapters.{expert}.",
        "umicon.perceptron.",
        "umicon.text.",
    ):
        assert moved(part) == pytest.approx(share * 1e-3, rel=1e-2), part
