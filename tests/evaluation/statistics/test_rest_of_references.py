"""What R gave that no other test reads: tests.json, irr.json, lmm.json, imrmc.json, proc_asah.json, mrmcaov.json."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from evaluation.statistics import gallas
from evaluation.statistics.best_threshold import best_threshold
from evaluation.statistics.crossed import crossed_contrasts, with_adjusted
from evaluation.statistics.fisher import fisher_exact
from evaluation.statistics.fixed_sensitivity import sensitivity_at_specificity
from evaluation.statistics.kappa import kappa
from evaluation.statistics.kendall_w import kendall_w
from evaluation.statistics.mcnemar import mcnemar
from evaluation.statistics.mixed_model import mixed_model
from evaluation.statistics.mrmc import analyse_mrmc
from evaluation.statistics.mrmc_covariance import cell_statistics
from evaluation.statistics.mrmc_readings import ReadingRow, Readings, readings
from evaluation.statistics.proportions import add_four
from evaluation.statistics.score_cube import ScoreCube
from evaluation.statistics.wilcoxon import signed_rank

Reference = Callable[[str], Any]
Cubes = Callable[[str], dict[str, ScoreCube]]
MARKERS = ("s100b", "ndka", "wfns", "age")
SCORES = "scores_12x48x8x5.csv"


@pytest.fixture
def asah(shared_data: Path) -> dict[str, np.ndarray]:
    rows = list(csv.DictReader((shared_data / "statistics" / "asah.csv").open(encoding="utf-8")))
    return {"y": np.array([r["y"] == "1" for r in rows])} | {
        name: np.array([float(r[name]) for r in rows]) for name in MARKERS
    }


@pytest.fixture
def vandyke(shared_data: Path) -> Readings:
    rows = csv.DictReader((shared_data / "statistics" / "vandyke.csv").open(encoding="utf-8"))
    return readings(
        ReadingRow(r["reader"], r["treatment"], r["case"], r["truth"] == "1", float(r["rating"]))
        for r in rows
    )


def test_mcnemar_with_edwards_correction_equals_base_r(reference: Reference) -> None:
    for row in reference("tests.json")["mcnemar"]:
        _a, b, c, _d = row["abcd"]
        found = mcnemar(b, c)
        if row["chisq_cc"] is None:
            assert b + c == 0
            assert (found.chi2_corrected, found.p_chi2_corrected) == (None, None)
            continue
        assert found.chi2_corrected == pytest.approx(row["chisq_cc"], rel=1e-8)
        assert found.p_chi2_corrected == pytest.approx(row["p_cc"], rel=1e-6)
        assert found.p_chi2 == pytest.approx(row["p"], rel=1e-6)


def test_fishers_exact_test_equals_base_r(reference: Reference) -> None:
    for row in reference("tests.json")["two_prop"]:
        assert fisher_exact(row["x1"], row["n1"], row["x2"], row["n2"]) == pytest.approx(
            row["fisher_p"], rel=1e-6
        )
    with pytest.raises(ValueError, match="3 of 2"):
        fisher_exact(3, 2, 1, 2)


def test_the_interval_with_four_cases_added_equals_propcis(reference: Reference) -> None:
    for row in reference("tests.json")["proportion_ci"]:
        found = add_four(row["x"], row["n"])
        assert found.interval == pytest.approx(row["agresti_coull"], rel=1e-8)
        assert found.value == row["x"] / row["n"]


def test_a_one_sided_signed_rank_test_equals_base_r(reference: Reference) -> None:
    row = reference("tests.json")["wilcoxon_exact"]
    first, second = np.array(row["x"]), np.array(row["y"])
    found = signed_rank(first, second, alternative="greater")
    assert (found.v, found.p) == (row["V"], pytest.approx(row["p_greater"], rel=1e-6))
    other = signed_rank(second, first, alternative="less")
    assert other.p == pytest.approx(row["p_greater"], rel=1e-6)
    assert signed_rank(first, second).p == pytest.approx(row["p_two"], rel=1e-6)
    assert "one-sided (greater)" in found.method


def test_concordance_without_the_correction_for_ties_equals_irr(
    reference: Reference, score_cubes: Cubes, shared_data: Path
) -> None:
    expected = reference("irr.json")
    with (shared_data / "statistics" / "irr_anxiety.csv").open(encoding="utf-8") as handle:
        table = np.array([[float(v) for v in row] for row in list(csv.reader(handle))[1:]])
    found = kendall_w(table, correct_ties=False)[0]
    assert found.value == pytest.approx(expected["kendallW_anxiety"]["W_uncorrected"], rel=1e-8)
    for aspect, cube in score_cubes(SCORES).items():
        units = cube.values.reshape(len(cube.raters), -1).T
        found = kendall_w(units, correct_ties=False)[0]
        assert found.value == pytest.approx(expected["kendallW_sim"][aspect]["W_uncorrected"], rel=1e-8)


def test_weighted_kappa_of_counts_equals_psych(reference: Reference, shared_data: Path) -> None:
    expected = reference("irr.json")["kappa_3x3"]["psych"]
    with (shared_data / "statistics" / "kappa_3x3.csv").open(encoding="utf-8") as handle:
        counts = np.array([[float(v) for v in row] for row in list(csv.reader(handle))[1:]])
    plain, squared = kappa(counts), kappa(counts, weights="quadratic")
    assert squared.value == pytest.approx(expected["weighted_quadratic"], rel=1e-8)
    assert plain.value == pytest.approx(expected["kappa"], rel=1e-8)
    assert plain.se is not None
    assert plain.se**2 == pytest.approx(expected["var"], rel=1e-8)
    limits = expected["confid"][0]
    assert plain.interval == pytest.approx((limits["lower"], limits["upper"]), rel=1e-6)


@pytest.mark.parametrize("file", [SCORES, "scores_incomplete.csv"])
@pytest.mark.parametrize("kind", ["interactions", "simple"])
def test_contrasts_with_one_system_and_walds_limits_equal_emmeans_and_lme4(
    reference: Reference, score_cubes: Cubes, file: str, kind: str
) -> None:
    for aspect, cube in score_cubes(file).items():
        expected = reference("lmm.json")[file][aspect].get(kind)
        if expected is not None:
            _contrasts_and_limits(cube, expected, kind)


def _contrasts_and_limits(cube: ScoreCube, expected: dict[str, Any], kind: str) -> None:
    found = mixed_model(cube, interactions=kind == "interactions")
    against = with_adjusted([c for c in found.contrasts if "MammoVLM" in (c.first, c.second)])
    by_name = {(c.second if c.first == "MammoVLM" else c.first): c for c in against}
    assert len(by_name) == len(expected["vs_MammoVLM_holm"]) == 7
    for row in expected["vs_MammoVLM_holm"]:
        contrast = by_name[row["contrast"].removesuffix(" - MammoVLM").strip("()")]
        sign = -1 if contrast.first == "MammoVLM" else 1
        assert sign * contrast.estimate.value == pytest.approx(row["estimate"], rel=1e-4, abs=1e-4)
        assert contrast.estimate.se == pytest.approx(row["SE"], rel=1e-3)
        assert contrast.estimate.df == pytest.approx(row["df"], abs=0.5)
        if row["p.value"] > 0:
            assert np.log(contrast.p_adjusted) == pytest.approx(np.log(row["p.value"]), rel=5e-3, abs=5e-3)
    # Fixed effects of R: the first system, and each other less the first.
    z = stats.norm.isf(0.025)
    first, *others = expected["fixed"]
    values = {"(Intercept)": found.means[0]} | {
        f"system{c.second}": c.estimate for c in found.contrasts if c.first == cube.systems[0]
    }
    for row in (first, *others):
        estimate = values[row["term"]]
        sign = 1 if row is first else -1
        for side, limit in ((-1, row["wald_lo"]), (1, row["wald_hi"])):
            own = sign * estimate.value + side * z * estimate.se
            assert own == pytest.approx(limit, rel=1e-4, abs=3e-3)


def test_contrasts_of_the_closed_form_with_one_system_equal_emmeans(
    reference: Reference, score_cubes: Cubes
) -> None:
    for aspect in ("correctness", "completeness"):
        expected = reference("lmm.json")[SCORES][aspect]["interactions"]["vs_MammoVLM_holm"]
        found = crossed_contrasts(score_cubes(SCORES)[aspect])
        against = with_adjusted([c for c in found if "MammoVLM" in (c.first, c.second)])
        by_name = {(c.second if c.first == "MammoVLM" else c.first): c for c in against}
        for row in expected:
            contrast = by_name[row["contrast"].removesuffix(" - MammoVLM").strip("()")]
            assert np.log(contrast.p_adjusted) == pytest.approx(np.log(row["p.value"]), rel=1e-3, abs=1e-3)


def test_each_readers_areas_and_unbiased_variances_equal_imrmc(
    reference: Reference, vandyke: Readings
) -> None:
    expected = reference("imrmc.json")["vandyke"]["perReader"]
    checked = 0
    for row in expected:
        reader = vandyke.readers.index(row["readerID"].removeprefix("r"))
        places = [
            int(row[name].removeprefix("m")) - 1
            for name in ("modalityA", "modalityB")
            if row[name] != "NO_MOD"
        ]
        rows = np.stack([vandyke.ratings[reader, place] for place in places])
        found = cell_statistics(rows, vandyke.truth, endpoint="auc", covariance="unbiased")
        variances = found.covariance
        assert found.values[0] == pytest.approx(row["AUCA"], rel=1e-8)
        assert variances[0, 0] == pytest.approx(row["varAUCA"], rel=1e-8)
        if len(places) == 2:
            assert found.values[0] - found.values[1] == pytest.approx(row["AUCAminusAUCB"], rel=1e-8)
            gap = variances[0, 0] + variances[1, 1] - 2 * variances[0, 1]
            assert gap == pytest.approx(row["varAUCAminusAUCB"], rel=1e-8)
            checked += 1
    assert checked == 5


@pytest.mark.parametrize(("key", "unbiased"), [("Ustat", True), ("MLE", False)])
def test_components_of_readers_and_cases_equal_imrmcs_bck(
    reference: Reference, vandyke: Readings, key: str, unbiased: bool
) -> None:
    expected = reference("imrmc.json")["vandyke"]["varDecomp"]["BCK"][key]
    sizes = {"N": 69, "D": 45, "R": 5}
    for comp, coeff in zip(expected["comp"], expected["coeff"], strict=True):
        places = [int(comp[f"modalityID.{i}"].removeprefix("m")) - 1 for i in (1, 2)]
        first, second = (vandyke.ratings[:, place] for place in places)
        found = gallas.moments(first, second, vandyke.truth, unbiased=unbiased)
        parts = found.components
        for name in ("N", "D", "ND", "R", "NR", "DR", "RND"):
            assert parts[name] == pytest.approx(comp[name], rel=1e-8), name
            assert np.prod([1 / sizes[part] for part in name]) == pytest.approx(coeff[name], rel=1e-8)
        if unbiased:
            total = sum(parts[name] * coeff[name] for name in parts)
            assert total == pytest.approx(found.covariance, rel=1e-8)


@pytest.mark.parametrize("marker", MARKERS)
def test_best_thresholds_equal_proc(reference: Reference, asah: dict[str, np.ndarray], marker: str) -> None:
    expected = reference("proc_asah.json")["markers"][marker]
    truth, score = asah["y"], asah[marker]
    for rule in ("youden", "closest_topleft"):
        found = best_threshold(truth, score, rule)
        theirs = [(row["specificity"], row["sensitivity"]) for row in expected[rule]]
        assert (found.specificity, found.sensitivity) in [pytest.approx(pair, rel=1e-8) for pair in theirs]
        # pROC writes the middle between the threshold and the score below it.
        below = score[score < found.threshold].max()
        assert (found.threshold + below) / 2 in [pytest.approx(row["threshold"]) for row in expected[rule]]
    with pytest.raises(ValueError, match="unknown rule"):
        best_threshold(truth, score, "luck")
    with pytest.raises(ValueError, match="positive and negative"):
        best_threshold(np.ones(4, dtype=bool), score[:4])


@pytest.mark.parametrize("marker", ["s100b", "ndka", "age"])
def test_sensitivity_at_a_specificity_is_within_one_case_of_proc(
    reference: Reference, asah: dict[str, np.ndarray], marker: str
) -> None:
    """pROC draws a line between two points of the curve, our rule takes a point of it."""
    truth, score = asah["y"], asah[marker]
    for row in reference("proc_asah.json")["markers"][marker]["sensitivity_at_specificity"]:
        found = sensitivity_at_specificity(truth, score, row["specificity"], b=20).estimate.value
        assert found <= row["sensitivity"] + 1e-9
        assert found == pytest.approx(row["sensitivity"], abs=1 / truth.sum() + 1e-9)


def test_sensitivity_at_a_specificity_on_few_levels_is_a_point_of_the_curve_below_procs_line(
    reference: Reference, asah: dict[str, np.ndarray]
) -> None:
    """Five grades of wfns: whole grades lie between two points, far more than one case."""
    truth, score = asah["y"], asah["wfns"]
    points = {(row["specificity"], row["sensitivity"]) for row in _coords(reference, "wfns")}
    for row in reference("proc_asah.json")["markers"]["wfns"]["sensitivity_at_specificity"]:
        found = sensitivity_at_specificity(truth, score, row["specificity"], b=20)
        assert any(
            found.reached == pytest.approx(spc) and found.estimate.value == pytest.approx(sen)
            for spc, sen in points
        )
        higher = min(spc for spc, _sen in points if spc >= row["specificity"] - 1e-9)
        assert found.reached == pytest.approx(higher)
        assert found.estimate.value <= row["sensitivity"] + 1e-9


def _coords(reference: Reference, marker: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = reference("proc_asah.json")["markers"][marker]["coords_all"]
    # The last point of the curve calls nobody positive.
    return [*rows, {"specificity": 1.0, "sensitivity": 0.0}]


def test_limits_of_one_reader_in_one_modality_equal_mrmcaov(reference: Reference, vandyke: Readings) -> None:
    expected = reference("mrmcaov.json")["VanDyke_stmc"]
    found = analyse_mrmc(vandyke, covariance="delong")
    (cell,) = (row for row in found.readers if (row.reader, row.modality) == ("1", "1"))
    assert cell.estimate.value == pytest.approx(expected["empirical_auc"], rel=1e-8)
    assert cell.estimate.interval == pytest.approx((expected["CI.Lower"], expected["CI.Upper"]), rel=1e-8)
