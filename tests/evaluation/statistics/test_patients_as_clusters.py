"""Two breasts of one patient are not two independent cases: multi-reader analyses and rates take patients."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from evaluation.statistics.clustered_roc import clustered_auc
from evaluation.statistics.clustered_shares import clustered_share, effective_size, rates_of_units
from evaluation.statistics.fixed_sensitivity import specificity_at_sensitivity
from evaluation.statistics.fourfold import at_prevalence, fourfold, rates
from evaluation.statistics.mrmc import analyse_mrmc
from evaluation.statistics.mrmc_covariance import cell_statistics, sensitivity_at
from evaluation.statistics.mrmc_readings import ReadingRow, Readings, readings
from evaluation.statistics.proportions import wilson
from tests.evaluation.statistics.test_mrmc import simulated


def singles(study: Readings) -> Readings:
    """Every case with a patient of its own."""
    return replace(study, patients=tuple(f"p{i}" for i in range(len(study.cases))))


def doubled(study: Readings) -> Readings:
    """Every case twice, as the two breasts of one patient with equal readings."""
    return Readings(
        np.concatenate([study.ratings, study.ratings], axis=2),
        np.concatenate([study.truth, study.truth]),
        study.readers,
        study.modalities,
        tuple(f"{case}{side}" for side in "LR" for case in study.cases),
        tuple(study.cases) * 2,
    )


def paired_breasts(rng: np.random.Generator, patients: int = 25) -> Readings:
    """Two breasts a patient, some with a malignant and a benign one; ratings with ties."""
    truth = np.concatenate([np.arange(patients) % 2 == 0, np.arange(patients) % 3 == 0])
    of_patient = np.tile(rng.normal(0, 1, patients), 2)
    ratings = np.round(of_patient + truth + rng.normal(0, 0.8, (3, 2, 2 * patients)), 1)
    names = tuple(f"p{i}" for i in range(patients))
    return Readings(
        ratings,
        truth,
        ("r0", "r1", "r2"),
        ("m0", "m1"),
        tuple(f"{name}{side}" for side in "LR" for name in names),
        names * 2,
    )


@pytest.mark.parametrize("covariance", ["delong", "jackknife", "unbiased"])
def test_one_case_a_patient_changes_nothing(covariance: str) -> None:
    study = simulated(np.random.default_rng(1))
    assert analyse_mrmc(study, covariance=covariance) == analyse_mrmc(singles(study), covariance=covariance)


@pytest.mark.parametrize("covariance", ["delong", "jackknife"])
@pytest.mark.parametrize("endpoint", ["auc", "sensitivity", "specificity"])
def test_doubled_breasts_tell_no_more_than_one(endpoint: str, covariance: str) -> None:
    study = simulated(np.random.default_rng(2))
    if endpoint != "auc":
        study = replace(study, ratings=(study.ratings > 0.5).astype(float))
    once = analyse_mrmc(study, endpoint=endpoint, covariance=covariance)
    twice = analyse_mrmc(doubled(study), endpoint=endpoint, covariance=covariance)
    blind = analyse_mrmc(replace(doubled(study), patients=None), endpoint=endpoint, covariance=covariance)
    for mine, first in zip(twice.main.differences, once.main.differences, strict=True):
        assert mine.estimate.value == pytest.approx(first.estimate.value)
        assert mine.estimate.interval == pytest.approx(first.estimate.interval)
        assert mine.p == pytest.approx(first.p)
    for of_patients, of_breasts in zip(twice.readers, blind.readers, strict=True):
        assert of_breasts.estimate.se is not None
        assert of_breasts.estimate.se < 0.8 * (of_patients.estimate.se or 0)
    assert "the variance is over patients (patients: 40, cases: 80)" in " ".join(twice.notes)
    assert not any("over patients" in note for note in once.notes)


def test_the_clustered_covariance_is_obuchowski_s_sum_over_patients() -> None:
    """Between cells by the formula written out; within a cell it is the variance of `clustered_auc`."""
    study = paired_breasts(np.random.default_rng(3))
    cells = study.ratings.reshape(6, -1)
    assert study.patients is not None
    found = cell_statistics(
        cells, study.truth, endpoint="auc", covariance="delong", clusters=study.patients
    ).covariance
    for i, row in enumerate(cells):
        se = clustered_auc(study.truth, row, list(study.patients)).se
        assert found[i, i] == pytest.approx(float(se or 0) ** 2)
    a, b = cells[0], cells[4]
    assert found[0, 4] == pytest.approx(_by_hand(a, b, study.truth, study.patients))


def _by_hand(a: np.ndarray, b: np.ndarray, truth: np.ndarray, patients: tuple[str, ...]) -> float:
    positives, negatives = np.flatnonzero(truth), np.flatnonzero(~truth)
    names = sorted(set(patients))
    sums = []
    for x in (a, b):
        kernel = {
            (i, j): float(x[i] > x[j]) + 0.5 * float(x[i] == x[j]) for i in positives for j in negatives
        }
        area = sum(kernel.values()) / len(kernel)
        p = {
            n: sum(np.mean([kernel[i, j] for j in negatives]) - area for i in positives if patients[i] == n)
            for n in names
        }
        q = {
            n: sum(np.mean([kernel[i, j] for i in positives]) - area for j in negatives if patients[j] == n)
            for n in names
        }
        sums.append((p, q))
    (p1, q1), (p2, q2) = sums
    m, n, i = len(positives), len(negatives), len(names)
    i10 = len({patients[k] for k in positives})
    i01 = len({patients[k] for k in negatives})
    first = i10 / (i10 - 1) * sum(p1[k] * p2[k] for k in names) / m**2
    second = i01 / (i01 - 1) * sum(q1[k] * q2[k] for k in names) / n**2
    return float(first + second + i / (i - 1) * sum(p1[k] * q2[k] + q1[k] * p2[k] for k in names) / (m * n))


@pytest.mark.parametrize("endpoint", ["auc", "sensitivity", "at_specificity"])
@pytest.mark.parametrize("share_missing", [0.0, 0.2])
def test_the_jackknife_leaves_out_patients(endpoint: str, share_missing: float) -> None:
    """Against leaving each patient out and computing anew."""
    rng = np.random.default_rng(4)
    study = paired_breasts(rng)
    assert study.patients is not None
    cells = study.ratings.reshape(6, -1).copy()
    if endpoint == "sensitivity":
        cells = (cells > 0.3).astype(float)
    cells[rng.random(cells.shape) < share_missing] = np.nan
    specificity = 0.7 if endpoint == "at_specificity" else None
    name = "auc" if endpoint == "auc" else "sensitivity"
    found = cell_statistics(
        cells,
        study.truth,
        endpoint=name,
        covariance="jackknife",
        specificity=specificity,
        clusters=study.patients,
    )

    def value(row: np.ndarray) -> float:
        read = ~np.isnan(row)
        p, q = row[read & study.truth], row[read & ~study.truth]
        if endpoint == "auc":
            return float(np.mean([(x > y) + 0.5 * (x == y) for x, y in product(p, q)]))
        return float(p.mean()) if specificity is None else sensitivity_at(row, study.truth, specificity)

    names = np.array(study.patients)
    left = np.array(
        [[value(np.where(names == n, np.nan, row)) for n in dict.fromkeys(names)] for row in cells]
    )
    apart = left - left.mean(axis=1, keepdims=True)
    count = left.shape[1]
    assert found.values == pytest.approx([value(row) for row in cells])
    assert found.covariance == pytest.approx((count - 1) / count * apart @ apart.T)


def test_missing_readings_of_clustered_cases_fall_back_to_the_jackknife_over_patients() -> None:
    study = paired_breasts(np.random.default_rng(5))
    ratings = study.ratings.copy()
    ratings[0, 0, :3] = np.nan
    found = analyse_mrmc(replace(study, ratings=ratings))
    assert found.covariance == "jackknife"
    assert any("jackknife covariance over patients is used" in note for note in found.notes)
    with pytest.raises(ValueError, match="unbiased covariance takes cases as independent"):
        analyse_mrmc(study, covariance="unbiased")


def test_rows_carry_their_patients_and_one_case_has_one_patient() -> None:
    rows = [
        ReadingRow("r", "m", case, truth, 1.0, patient)
        for case, truth, patient in (("1L", True, "p1"), ("1R", False, "p1"), ("2L", True, "p2"))
    ]
    assert readings(rows).patients == ("p1", "p1", "p2")
    assert readings(row for row in rows if row.case != "1R").patients is None
    with pytest.raises(ValueError, match="case 1L has two patients"):
        readings([*rows, ReadingRow("s", "m", "1L", True, 1.0, "p9")])


def test_rates_of_one_breast_a_patient_are_wilson_s() -> None:
    rng = np.random.default_rng(6)
    truth, called = rng.random(60) < 0.5, rng.random(60) < 0.6
    patients = [f"p{i}" for i in range(60)]
    assert rates_of_units(truth, called, patients) == rates(fourfold(truth, called))
    assert rates_of_units(truth, called, None) == rates(fourfold(truth, called))


def test_rates_of_doubled_breasts_do_not_get_narrower() -> None:
    rng = np.random.default_rng(7)
    truth, called = rng.random(60) < 0.5, rng.random(60) < 0.6
    patients = [f"p{i}" for i in range(60)]
    once = rates(fourfold(truth, called))
    twice = rates_of_units(np.tile(truth, 2), np.tile(called, 2), patients * 2)
    for name, estimate in once.items():
        assert twice[name].value == pytest.approx(estimate.value)
        assert estimate.interval is not None
        assert (found := twice[name].interval) is not None
        assert found[0] <= estimate.interval[0] + 1e-12
        assert found[1] >= estimate.interval[1] - 1e-12
        assert twice[name].method == "Wilson, patients as clusters (Rao-Scott)"


def test_the_effective_number_is_rao_and_scott_s() -> None:
    """Four patients with 2, 2, 1 and 1 breasts and 2, 1, 0 and 1 events: p = 4/6; r = 2/3, -1/3, -2/3, 1/3.

    v = 4/3 / 36 x (4 + 1 + 4 + 1)/9 = 10/243; d = v x 6 / (2/9) = 10/9; 6 / d = 5.4.
    """
    events = np.array([True, True, True, False, False, True])
    patients = ["a", "a", "b", "b", "c", "d"]
    assert effective_size(events, patients) == pytest.approx(5.4)
    n, p, z = 5.4, 4 / 6, 1.959963984540054
    half = z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    assert clustered_share(events, patients).interval == pytest.approx((centre - half, centre + half))


def test_shares_of_none_and_all_count_patients_and_one_patient_has_no_interval() -> None:
    every = np.ones(6, dtype=bool)
    assert clustered_share(every, ["a", "a", "b", "b", "c", "c"]).interval == wilson(3, 3).interval
    alone = clustered_share(np.array([True, False]), ["a", "a"])
    assert (alone.value, alone.interval) == (0.5, None)


def test_predictive_values_at_a_prevalence_take_effective_numbers() -> None:
    table = fourfold(np.array([True] * 20 + [False] * 20), np.array(([True] * 15 + [False] * 5) * 2))
    plain = at_prevalence(table, 0.01)[0]
    fewer = at_prevalence(table, 0.01, sizes=(10.0, 10.0))[0]
    assert fewer.value == plain.value
    assert plain.interval is not None
    assert fewer.interval is not None
    logit = [np.log(x / (1 - x)) for x in (*plain.interval, *fewer.interval)]
    assert (logit[3] - logit[2]) / (logit[1] - logit[0]) == pytest.approx(np.sqrt(2))


def test_specificity_at_a_sensitivity_of_doubled_studies_keeps_its_width() -> None:
    rng = np.random.default_rng(8)
    truth = np.arange(80) % 2 == 0
    score = truth + rng.normal(0, 1, 80)
    patients = [f"p{i}" for i in range(80)]
    once = specificity_at_sensitivity(truth, score, 0.5, clusters=patients).estimate
    assert once == specificity_at_sensitivity(truth, score, 0.5).estimate
    twice = specificity_at_sensitivity(
        np.tile(truth, 2), np.tile(score, 2), 0.5, clusters=patients * 2
    ).estimate
    blind = specificity_at_sensitivity(np.tile(truth, 2), np.tile(score, 2), 0.5).estimate
    assert once.se is not None
    assert twice.se is not None
    assert blind.se is not None
    assert twice.se == pytest.approx(once.se, rel=0.15)
    assert blind.se < 0.85 * twice.se
    assert "bootstrap of patients" in twice.method
