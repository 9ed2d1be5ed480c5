"""Operating points, partial areas, clustered areas, calibration: against pROC and independent formulas."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from evaluation.reports.validators import narrower_than_one_case
from evaluation.statistics import delong
from evaluation.statistics.bland_altman import bland_altman
from evaluation.statistics.bootstrap_auc import bootstrap_auc
from evaluation.statistics.calibration import calibration
from evaluation.statistics.clustered_roc import clustered_auc, compare_clustered
from evaluation.statistics.fixed_sensitivity import sensitivity_at_specificity, specificity_at_sensitivity
from evaluation.statistics.fourfold import at_threshold, rates
from evaluation.statistics.partial_auc import partial_auc, roc_points
from evaluation.statistics.proportions import wilson

Reference = Callable[[str], Any]
MARKERS = ("s100b", "ndka", "wfns", "age")


@pytest.fixture
def asah(shared_data: Path) -> dict[str, np.ndarray]:
    """aSAH: truth `y` and four markers."""
    rows = list(csv.DictReader((shared_data / "statistics" / "asah.csv").open(encoding="utf-8")))
    return {"y": np.array([r["y"] == "1" for r in rows])} | {
        name: np.array([float(r[name]) for r in rows]) for name in MARKERS
    }


@pytest.mark.parametrize("marker", MARKERS)
def test_points_of_the_curve_equal_proc(
    reference: Reference, asah: dict[str, np.ndarray], marker: str
) -> None:
    expected = reference("proc_asah.json")["markers"][marker]["coords_all"]
    false, called = roc_points(asah["y"], asah[marker])
    theirs = {(round(1 - row["specificity"], 9), round(row["sensitivity"], 9)) for row in expected}
    assert {(round(x, 9), round(y, 9)) for x, y in zip(false, called, strict=True)} == theirs
    for row in expected:
        if row["threshold"] is None:
            continue
        table = at_threshold(asah["y"], asah[marker], row["threshold"])
        assert (table.tp, table.fp, table.fn, table.tn) == (row["tp"], row["fp"], row["fn"], row["tn"])
        assert rates(table)["accuracy"].value == pytest.approx(row["accuracy"])


@pytest.mark.parametrize("marker", MARKERS)
def test_partial_areas_equal_proc(reference: Reference, asah: dict[str, np.ndarray], marker: str) -> None:
    expected = reference("proc_asah.json")["markers"][marker]["partial_auc"]
    truth, score = asah["y"], asah[marker]
    for low, high, axis, key in (
        (0.9, 1.0, "specificity", "spec_100_90"),
        (0.8, 1.0, "specificity", "spec_100_80"),
        (0.8, 0.9, "specificity", "spec_90_80"),
        (0.9, 1.0, "sensitivity", "sens_100_90"),
    ):
        found = partial_auc(truth, score, low=low, high=high, axis=axis, b=2)
        assert found.estimate.value == pytest.approx(expected[key], rel=1e-8)
        mcclish = expected.get(f"{key}_mcclish", "absent")
        if mcclish is None:
            assert found.corrected is None
            assert "chance line" in found.estimate.notes[0]
        elif mcclish != "absent":
            assert found.corrected == pytest.approx(mcclish, rel=1e-8)


@pytest.mark.parametrize("marker", MARKERS)
@pytest.mark.parametrize("target", [0.2, 0.5, 0.8, 0.9, 0.95])
def test_specificity_at_a_sensitivity_is_within_one_case_of_proc(
    reference: Reference, asah: dict[str, np.ndarray], marker: str, target: float
) -> None:
    markers = reference("proc_asah.json")["markers"][marker]
    expected = {row["sensitivity"]: row["specificity"] for row in markers["specificity_at_sensitivity"]}
    found = specificity_at_sensitivity(asah["y"], asah[marker], target, b=20)
    assert found.reached >= target
    # Our point is on the curve at or beyond the target; pROC interpolates between it and the one before.
    points = sorted(1 - x for x, y in zip(*roc_points(asah["y"], asah[marker]), strict=True) if y >= target)
    assert found.estimate.value == pytest.approx(points[-1])
    step = max(np.diff(np.unique(points)), default=0) if marker == "wfns" else 0.16
    assert found.estimate.value <= expected[target] + 1e-9
    assert expected[target] - found.estimate.value <= max(step, 1 / 72) + 1e-9
    at = at_threshold(asah["y"], asah[marker], found.threshold)
    assert rates(at)["specificity"].value == pytest.approx(found.estimate.value)


def test_bootstrap_limits_of_fixed_points_are_near_procs(
    reference: Reference, asah: dict[str, np.ndarray]
) -> None:
    row = reference("proc_asah.json")["markers"]["s100b"]["specificity_at_sensitivity"][1]
    found = specificity_at_sensitivity(asah["y"], asah["s100b"], 0.5, b=4000)
    assert found.estimate.interval == pytest.approx((row["X2.5."], row["X97.5."]), abs=0.03)


def test_sensitivity_at_a_specificity_is_the_turned_question(asah: dict[str, np.ndarray]) -> None:
    truth, score = asah["y"], asah["s100b"]
    found = sensitivity_at_specificity(truth, score, 0.8, b=20)
    table = at_threshold(truth, score, found.threshold)
    assert rates(table)["specificity"].value == pytest.approx(found.reached)
    assert found.reached >= 0.8
    assert rates(table)["sensitivity"].value == pytest.approx(found.estimate.value)
    lower = np.unique(score[score < found.threshold])[-1]
    assert rates(at_threshold(truth, score, lower))["specificity"].value < 0.8
    with pytest.raises(ValueError, match="no share"):
        sensitivity_at_specificity(truth, score, 1.2)


def test_clustered_area_of_single_units_is_delongs(asah: dict[str, np.ndarray]) -> None:
    truth, names = asah["y"], [str(i) for i in range(113)]
    plain, found = delong.auc(truth, asah["s100b"]), clustered_auc(truth, asah["s100b"], names)
    # Obuchowski's I10/(I10-1) is over clusters: with one unit each it is DeLong's n/(n-1).
    assert found.se == pytest.approx(plain.se, rel=1e-10)
    pair = compare_clustered(truth, asah["s100b"], asah["wfns"], names)
    assert pair.z == pytest.approx(delong.compare(truth, asah["s100b"], asah["wfns"]).z, rel=1e-10)


def test_clustered_variance_agrees_with_a_bootstrap_of_clusters() -> None:
    rng = np.random.default_rng(7)
    patients = np.repeat(np.arange(150), 2)
    truth = rng.random(300) < np.repeat(rng.random(150), 2)
    score = truth * 0.8 + np.repeat(rng.normal(0, 1, 150), 2) + rng.normal(0, 0.5, 300)
    found = clustered_auc(truth, score, [str(p) for p in patients])
    assert found.value == pytest.approx(roc_auc_score(truth, score))
    drawn = []
    for _ in range(400):
        kept = np.concatenate([np.flatnonzero(patients == p) for p in rng.integers(0, 150, 150)])
        drawn.append(delong.auc(truth[kept], score[kept]).value)
    assert found.se == pytest.approx(np.std(drawn), rel=0.13)
    with pytest.raises(ValueError, match="two clusters"):
        clustered_auc(truth, score, ["one"] * 300)


def test_calibration_of_true_chances_and_of_distorted_ones() -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(0, 1.5, 20_000)
    chance = 1 / (1 + np.exp(-x))
    truth = rng.random(20_000) < chance
    right = calibration(truth, chance)
    assert right.slope == pytest.approx(1, abs=0.05)
    assert right.intercept == pytest.approx(0, abs=0.05)
    assert right.brier == pytest.approx(np.mean((chance - truth) ** 2))
    assert all(est.interval[0] - 0.03 < mean < est.interval[1] + 0.03 for mean, est in right.bins)
    extreme = calibration(truth, 1 / (1 + np.exp(-2 * x - 1)))
    assert extreme.slope == pytest.approx(0.5, abs=0.03)
    assert extreme.intercept < 0
    assert calibration(np.ones(20, bool), np.full(20, 0.5)).slope is None
    with pytest.raises(ValueError, match="between 0 and 1"):
        calibration(truth, x)


def test_a_chance_that_parts_the_classes_has_no_slope() -> None:
    truth = np.repeat([False, True], 20)
    for chance in (np.linspace(0.01, 0.99, 40), 1 - np.linspace(0.01, 0.99, 40)):
        found = calibration(truth, chance)
        assert found.slope is None
        assert found.notes == ("perfect separation: no slope",)
        assert found.intercept is not None
    # One case on the wrong side, and there is a slope.
    assert calibration(truth, np.r_[np.linspace(0.01, 0.6, 20), np.linspace(0.5, 0.99, 20)]).slope > 0


def test_classes_that_lie_apart_have_an_interval_at_their_threshold_and_say_so() -> None:
    truth = np.repeat([True, False], [40, 20])
    score = np.r_[np.linspace(0.6, 0.9, 40), np.linspace(0.1, 0.4, 20)]
    point = specificity_at_sensitivity(truth, score, 0.8, b=200)
    assert point.estimate.interval == pytest.approx(wilson(20, 20).interval)
    assert point.estimate.method.endswith("Wilson at this threshold")
    assert "takes the threshold as known" in point.estimate.notes[0]
    assert narrower_than_one_case("x", point.estimate, 20) == []
    turned = sensitivity_at_specificity(truth, score, 0.8, b=200)
    assert turned.estimate.interval == pytest.approx(wilson(40, 40).interval)
    assert turned.estimate.notes == point.estimate.notes
    # Two studies of each patient count as one.
    patients = [f"p{place // 2}" for place in range(60)]
    clustered = specificity_at_sensitivity(truth, score, 0.8, b=200, clusters=patients).estimate
    assert clustered.interval == pytest.approx(wilson(10, 10).interval)
    assert "patients as clusters" in clustered.method
    mixed = specificity_at_sensitivity(truth, np.r_[score[:50], score[50:] + 0.4], 0.8, b=200)
    assert "bootstrap" in mixed.estimate.method
    assert mixed.estimate.notes == ()


def test_limits_of_agreement_of_bland_and_altman_1986() -> None:
    # Peak flow by Wright meter, first and second blow (Lancet 1986;i:307, table): 17 people.
    first = np.array([494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427.0])
    second = np.array([490, 397, 512, 401, 470, 611, 415, 431, 638, 429, 420, 633, 275, 492, 165, 372, 421.0])
    found = bland_altman(first, second)
    gaps = second - first
    assert found.bias.value == pytest.approx(gaps.mean())
    assert found.upper.value - found.lower.value == pytest.approx(2 * 1.96 * gaps.std(ddof=1))
    assert found.repeatability == pytest.approx(1.96 * gaps.std(ddof=1))
    assert found.lower.interval[0] < found.lower.value < found.bias.value
    same = bland_altman(first, first)
    assert same.bias.interval == (0.0, 0.0)
    with pytest.raises(ValueError, match="two pairs"):
        bland_altman(first[:1], second[:1])


def test_unpaired_comparison_equals_proc(reference: Reference, asah: dict[str, np.ndarray]) -> None:
    for row in reference("proc_asah.json")["paired_delong"]:
        a, b = (asah["y"], asah[row["a"]]), (asah["y"], asah[row["b"]])
        found = delong.compare_unpaired(a, b)
        assert found.z == pytest.approx(row["unpaired_D"], rel=1e-8)
        assert found.difference.df == pytest.approx(row["unpaired_df"], rel=1e-8)
        assert found.p == pytest.approx(row["unpaired_p"], rel=1e-6)
    same = delong.compare_unpaired(
        (np.array([True, True, False, False]), np.array([4.0, 3, 2, 1])),
        (np.array([True, True, False, False]), np.array([4.0, 3, 2, 1])),
    )
    assert same.p is None


@pytest.mark.parametrize("name", ["stratified", "unstratified"])
def test_bootstrap_of_the_area_is_near_procs(
    reference: Reference, asah: dict[str, np.ndarray], name: str
) -> None:
    expected = reference("proc_asah.json")["markers"]["wfns"]["bootstrap"][name]
    found = bootstrap_auc(asah["y"], asah["wfns"], stratified=name == "stratified", b=1500)
    assert found.interval == pytest.approx((expected[0], expected[2]), abs=0.02)
    with pytest.raises(ValueError, match="positive and negative"):
        bootstrap_auc(np.array([True, True]), np.array([1.0, 2.0]))
