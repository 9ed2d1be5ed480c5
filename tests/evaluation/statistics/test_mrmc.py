"""Multi-reader multi-case analysis against MRMCaov and iMRMC (mrmcaov.json, imrmc.json) and its own definitions."""

import csv
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluation.statistics import gallas
from evaluation.statistics import obuchowski_rockette as oro
from evaluation.statistics.mrmc import analyse_mrmc
from evaluation.statistics.mrmc_covariance import cell_statistics, sensitivity_at
from evaluation.statistics.mrmc_readings import ReadingRow, Readings, readings
from evaluation.statistics.nested_readers import between_groups

Reference = Callable[[str], Any]
MODELS = {
    "random_readers_random_cases": oro.RANDOM_RANDOM,
    "fixed_readers_random_cases": oro.FIXED_RANDOM,
    "random_readers_fixed_cases": oro.RANDOM_FIXED,
}


@pytest.fixture
def vandyke(shared_data: Path) -> Callable[..., Readings]:
    """VanDyke's 5 readers x 2 treatments x 114 cases; `cases` names the case column, `cut` makes calls."""

    def load(cases: str = "case", cut: float | None = None) -> Readings:
        with (shared_data / "statistics" / "vandyke.csv").open(encoding="utf-8") as handle:
            rows = list(csv.DictReader(handle))
        return readings(
            ReadingRow(
                row["reader"],
                row["treatment"],
                row[cases],
                row["truth"] == "1",
                float(row["rating"]) if cut is None else float(float(row["rating"]) >= cut),
            )
            for row in rows
        )

    return load


def simulated(rng: np.random.Generator, readers: int = 4, modalities: int = 2, cases: int = 40) -> Readings:
    """Ratings with ties; no modality better than another."""
    truth = np.arange(cases) % 2 == 0
    of_case = rng.normal(truth * 1.0, 1.0, cases)
    ratings = np.round(of_case + rng.normal(0, 0.7, (readers, modalities, cases)), 1)
    return Readings(
        ratings,
        truth,
        tuple(f"r{i}" for i in range(readers)),
        tuple(f"m{i}" for i in range(modalities)),
        tuple(f"c{i}" for i in range(cases)),
    )


def close(found: float | None, expected: float, rel: float = 1e-8) -> None:
    assert found == pytest.approx(expected, rel=rel, abs=1e-13)


def matches(found: oro.ModelResult, expected: dict[str, Any]) -> None:
    for mean, row in zip(found.means, expected["test_means"], strict=True):
        close(mean.value, row["Estimate"])
        close(mean.se, row["StdErr"])
        if "df" in row:
            close(mean.df, row["df"])
        assert mean.interval == pytest.approx((row["ci_lo"], row["ci_hi"]), rel=1e-8)
    [difference], row = found.differences, expected["test_diffs"][0]
    close(difference.estimate.value, row["Estimate"])
    close(difference.estimate.se, row["StdErr"])
    close(difference.statistic, row.get("t", row.get("z")))
    close(difference.p, row["p-value"], 1e-6)
    assert difference.estimate.interval == pytest.approx((row["ci_lo"], row["ci_hi"]), rel=1e-8)
    overall = expected["test_equality"][0]
    close(found.statistic, overall.get("F", overall.get("X2")))
    close(found.p, overall["p-value"], 1e-6)
    if "df2" in overall:
        close(found.df2, overall["df2"])


def components_match(found: oro.Components, expected: list[dict[str, Any]]) -> None:
    values = {row["_row"].replace("treatment", "trt"): row["Estimate"] for row in expected}
    for name, value in (
        ("reader", found.reader),
        ("trt:reader", found.modality_reader),
        ("Error", found.error),
        ("Cov1", found.cov1),
        ("Cov2", found.cov2),
        ("Cov3", found.cov3),
    ):
        close(value, values[name])


@pytest.mark.parametrize("covariance", ["DeLong", "jackknife", "unbiased"])
def test_vandyke_equals_mrmcaov_under_every_model(
    reference: Reference, vandyke: Callable[..., Readings], covariance: str
) -> None:
    expected = reference("mrmcaov.json")["VanDyke"]
    found = analyse_mrmc(vandyke(), covariance=covariance.lower())
    matches(found.main, expected[covariance]["random_readers_random_cases"])
    matches(found.models[oro.FIXED_RANDOM], expected[covariance]["fixed_readers_random_cases"])
    matches(found.models[oro.RANDOM_FIXED], expected["no_cov"]["random_readers_fixed_cases"])
    components_match(found.components, expected[covariance]["random_readers_random_cases"]["vcov_comps"])
    fixed = expected[covariance]["fixed_readers_random_cases"]
    for reader, row in zip(found.readers, fixed["reader_means"], strict=True):
        assert (reader.reader, reader.modality) == (row["reader"], row["trt"])
        close(reader.estimate.value, row["empirical_auc"])
        close(reader.estimate.se, row["StdErr"])
        assert reader.estimate.interval == pytest.approx((row["ci_lo"], row["ci_hi"]), rel=1e-8)
    for (name, difference), row in zip(found.reader_differences, fixed["reader_test_diffs"], strict=True):
        assert name == row["Reader"]
        close(difference.estimate.se, row["StdErr"])
        close(difference.p, row["p-value"], 1e-6)


@pytest.mark.parametrize("covariance", ["DeLong", "jackknife", "unbiased"])
def test_whole_covariance_matrix_equals_mrmcaov(
    reference: Reference, vandyke: Callable[..., Readings], covariance: str
) -> None:
    study = vandyke()
    expected = reference("mrmcaov.json")["VanDyke"][covariance]["random_readers_random_cases"]["cov"]
    cells = [[int(part) - 1 for part in name.split(".")] for name in expected["names"]]
    rows = np.stack([study.ratings[j, i] for i, j in cells])
    found = cell_statistics(rows, study.truth, endpoint="auc", covariance=covariance.lower())
    assert found.covariance == pytest.approx(np.array(expected["m"]), rel=1e-8, abs=1e-14)


@pytest.mark.parametrize(("endpoint", "key"), [("sensitivity", "sens"), ("specificity", "spec")])
def test_sensitivity_and_specificity_of_calls_equal_mrmcaov(
    reference: Reference, vandyke: Callable[..., Readings], endpoint: str, key: str
) -> None:
    expected = reference("mrmcaov.json")["VanDyke_binary_ge3"][key]
    for covariance in ("delong", "unbiased"):
        found = analyse_mrmc(vandyke(cut=3), endpoint=endpoint, covariance=covariance)
        matches(found.main, expected)
        components_match(found.components, expected["vcov_comps"])


def test_sensitivity_at_a_specificity_equals_mrmcaov(
    reference: Reference, vandyke: Callable[..., Readings]
) -> None:
    expected = reference("mrmcaov.json")["VanDyke_sens_at_spec80_jackknife"]
    found = analyse_mrmc(vandyke(), endpoint="sensitivity", specificity=0.8)
    assert found.covariance == "jackknife"
    for reader, row in zip(found.readers, expected["cells"], strict=True):
        close(reader.estimate.value, row["empirical_sens"])
    components_match(found.components, expected["vcov_comps"])
    close(found.main.statistic, expected["test_equality"][0]["F"])
    close(found.main.df2, expected["test_equality"][0]["df2"])


@pytest.mark.parametrize("cases", ["case2", "case3"])
def test_cases_nested_in_readers_or_modalities_equal_mrmcaov(
    reference: Reference, vandyke: Callable[..., Readings], cases: str
) -> None:
    expected = reference("mrmcaov.json")[f"VanDyke_nested_{cases}"]
    found = analyse_mrmc(vandyke(cases))
    assert found.covariance == "unbiased"
    assert any("unbiased covariance is used" in note for note in found.notes)
    assert any("share no case" in note for note in found.notes)
    matches(found.main, expected)
    components_match(found.components, expected["vcov_comps"])
    with pytest.raises(ValueError, match="balanced design"):
        analyse_mrmc(vandyke(cases), covariance="delong")


def test_one_reader_and_one_modality_equal_mrmcaov(
    reference: Reference, vandyke: Callable[..., Readings]
) -> None:
    expected = reference("mrmcaov.json")
    one = analyse_mrmc(vandyke().of([0], [0, 1]))
    [difference], row = one.main.differences, expected["VanDyke_srmc_reader1"]["test_diffs"][0]
    close(difference.estimate.se, row["StdErr"])
    close(difference.p, row["p-value"], 1e-6)
    assert difference.estimate.interval == pytest.approx((row["ci_lo"], row["ci_hi"]), rel=1e-8)
    assert any("the reader is fixed" in note for note in one.notes)
    alone = analyse_mrmc(vandyke().of([0], [0])).main.means[0]
    close(alone.se, expected["VanDyke_stmc"]["StdErr"])
    close(alone.interval[1], expected["VanDyke_stmc"]["CI.Upper"])


def test_moments_and_variances_equal_imrmc(reference: Reference, vandyke: Callable[..., Readings]) -> None:
    study, expected = vandyke(), reference("imrmc.json")["vandyke"]
    first, second = study.ratings[:, 0], study.ratings[:, 1]
    for unbiased, key, part in ((True, "Ustat", "Ustat"), (False, "MLEstat", "MLE")):
        found = gallas.difference(first, second, study.truth, unbiased=unbiased)
        close(found.se**2, expected[key][2]["varAUCAminusAUCB"])
        assert found.interval == pytest.approx(
            (expected[key][2]["botCInormal"], expected[key][2]["topCInormal"]), rel=1e-8
        )
        for row, data in zip(expected[key], (first, second), strict=False):
            mean = gallas.mean_auc(data, study.truth, unbiased=unbiased)
            close(mean.value, row["AUCA"])
            close(mean.se**2, row["varAUCA"])
        of_first = expected["varDecomp"]["BDG"][part]
        moments = gallas.moments(first, first, study.truth, unbiased=unbiased)
        for i in range(8):
            close(moments.moments[i], of_first["comp"][0][f"M{i + 1}"])
            close(moments.coefficients[i], of_first["coeff"][0][f"M{i + 1}"])


def test_random_random_with_unbiased_covariance_is_the_u_statistic() -> None:
    # Two independent constructions of one variance (Obuchowski-Rockette's and Gallas').
    study = simulated(np.random.default_rng(3), readers=6, cases=60)
    found = analyse_mrmc(study, covariance="unbiased")
    if found.components.cov2 > found.components.cov3:
        u = gallas.difference(study.ratings[:, 0], study.ratings[:, 1], study.truth)
        close(found.main.differences[0].estimate.se, u.se, 1e-7)


def test_unbiased_covariance_of_partly_shared_cases_equals_its_definition() -> None:
    rng = np.random.default_rng(8)
    truth = np.array([True] * 5 + [False] * 6)
    cells = rng.integers(1, 5, (2, 11)).astype(float)
    cells[0, [0, 7]] = np.nan
    cells[1, [2, 10]] = np.nan
    found = cell_statistics(cells, truth, endpoint="auc", covariance="unbiased").covariance[0, 1]
    pairs = [
        [
            (k, n, float(cell[k] > cell[n]) + 0.5 * float(cell[k] == cell[n]))
            for k, n in product(range(5), range(5, 11))
            if not np.isnan(cell[k]) and not np.isnan(cell[n])
        ]
        for cell in cells
    ]
    apart = [a * b for k, n, a in pairs[0] for i, j, b in pairs[1] if k != i and n != j]
    areas = [np.mean([psi for _, _, psi in cell]) for cell in pairs]
    close(found, areas[0] * areas[1] - np.mean(apart))


def test_jackknife_equals_leaving_out_each_case_in_turn() -> None:
    study = simulated(np.random.default_rng(4), cases=20)
    cells = study.ratings[:2, 0].copy()
    cells[1, 3] = np.nan
    found = cell_statistics(cells, study.truth, endpoint="auc", covariance="jackknife").covariance

    def area(ratings: np.ndarray, keep: np.ndarray) -> float:
        p, q = (
            ratings[keep & study.truth & ~np.isnan(ratings)],
            ratings[keep & ~study.truth & ~np.isnan(ratings)],
        )
        return float(((p[:, None] > q) + 0.5 * (p[:, None] == q)).mean())

    left = np.array([[area(c, np.arange(20) != i) for i in range(20)] for c in cells])
    assert found == pytest.approx(np.cov(left) * 19**2 / 20, rel=1e-9)


def test_nested_readers_with_equal_groups_give_hilliss_f(vandyke: Callable[..., Readings]) -> None:
    study = vandyke()
    ratings = study.ratings.copy()
    ratings[[0, 1], 1] = np.nan
    ratings[[2, 3], 0] = np.nan
    nested = Readings(ratings, study.truth, study.readers, study.modalities, study.cases).of(
        [0, 1, 2, 3], [0, 1]
    )
    found = analyse_mrmc(nested, covariance="jackknife")
    assert any("nested readers" in note for note in found.notes)
    # Hillis 2014: MS(T) / [MS(R(T)) + r (Cov2 - Cov3)+], df2 = [..]^2 / (MS(R(T))^2 / (t (r-1))).
    rows = np.stack([study.ratings[0, 0], study.ratings[1, 0], study.ratings[2, 1], study.ratings[3, 1]])
    cells = cell_statistics(rows, study.truth, endpoint="auc", covariance="jackknife")
    v, c = cells.values.reshape(2, 2), cells.covariance
    ms_t, ms_r = 2 * v.mean(axis=1).var(ddof=1), v.var(axis=1, ddof=1).mean()
    cov2, cov3 = (c[0, 1] + c[2, 3]) / 2, c[:2, 2:].mean()
    bracket = ms_r + 2 * max(cov2 - cov3, 0)
    close(found.main.statistic, ms_t / bracket)
    close(found.main.df2, bracket**2 / (ms_r**2 / 2))


def test_groups_and_their_interaction_are_differences_of_means(vandyke: Callable[..., Readings]) -> None:
    study = vandyke()
    groups = dict(zip(study.readers, ["junior", "junior", "senior", "senior", "senior"], strict=True))
    found = analyse_mrmc(study, groups=groups)
    areas = np.array([r.estimate.value for r in found.readers]).reshape(2, 5)
    [first] = found.groups.differences["1"]
    close(first.estimate.value, areas[0, :2].mean() - areas[0, 2:].mean())
    [interaction] = found.groups.interactions["1", "2"]
    by_reader = areas[0] - areas[1]
    close(interaction.estimate.value, by_reader[:2].mean() - by_reader[2:].mean())
    assert set(found.groups.groups) == {"junior", "senior"}
    close(found.groups.groups["senior"].means[1].value, areas[1, 2:].mean())
    with pytest.raises(ValueError, match="one group"):
        between_groups(areas[0], np.eye(5), ["a"] * 5, model=oro.RANDOM_RANDOM, level=0.95)


def test_standalone_system_is_compared_as_a_difference_per_reader(vandyke: Callable[..., Readings]) -> None:
    study = vandyke()
    ai = np.full((1, 2, 114), np.nan)
    ai[0, 1] = study.ratings[4, 1]
    people = study.ratings[:4].copy()
    people[:, 1] = np.nan
    mixed = Readings(
        np.vstack([people, ai]), study.truth, ("1", "2", "3", "4", "AI"), ("doctors", "AI"), study.cases
    )
    found = analyse_mrmc(mixed, standalone="AI")
    assert found.modalities == ("doctors",)
    [contrast] = found.against_standalone
    rows = np.vstack([study.ratings[:4, 0], study.ratings[4, 1][None]])
    cells = cell_statistics(rows, study.truth, endpoint="auc", covariance="delong")
    d = cells.values[:4] - cells.values[4]
    # The differences' own covariance by a linear map of the cells.
    L = np.hstack([np.eye(4), -np.ones((4, 1))])
    c = L @ cells.covariance @ L.T
    variance = (d.var(ddof=1) + 4 * c[~np.eye(4, dtype=bool)].mean()) / 4
    close(contrast.estimate.value, d.mean())
    close(contrast.estimate.se, np.sqrt(variance))
    close(contrast.estimate.df, (4 * variance) ** 2 / (d.var(ddof=1) ** 2 / 3))
    assert any("fewer" in note or "five or more" in note for note in found.notes)
    with pytest.raises(ValueError, match="no modality and no reader"):
        analyse_mrmc(mixed, standalone="robot")


def test_readers_of_some_modalities_are_left_out_with_a_note_or_refused() -> None:
    study = simulated(np.random.default_rng(1), readers=4)
    ratings = study.ratings.copy()
    ratings[0, 1] = np.nan
    part = Readings(ratings, study.truth, study.readers, study.modalities, study.cases)
    found = analyse_mrmc(part)
    assert found.n_readers == 3
    assert any("r0 read in some modalities only" in note for note in found.notes)
    ratings[1:3, 0] = np.nan
    with pytest.raises(ValueError, match="neither crossed nor nested"):
        analyse_mrmc(Readings(ratings, study.truth, study.readers, study.modalities, study.cases))


def test_partly_paired_cases_use_the_unbiased_covariance_and_say_so() -> None:
    study = simulated(np.random.default_rng(2), readers=5, cases=60)
    ratings = study.ratings.copy()
    ratings[:, 0, :15] = np.nan
    ratings[:, 1, 45:] = np.nan
    part = Readings(ratings, study.truth, study.readers, study.modalities, study.cases)
    found = analyse_mrmc(part)
    assert found.covariance == "unbiased"
    assert any("readings missing: 150 of 600" in note for note in found.notes)
    jackknife = analyse_mrmc(part, covariance="jackknife")
    assert jackknife.components.cov1 == pytest.approx(found.components.cov1, rel=0.3)


def test_an_unbiased_variance_below_zero_falls_back_to_the_jackknife() -> None:
    # One reader, four cases and three values: the unbiased variance of a difference is below zero now and then.
    rng = np.random.default_rng(0)
    truth = np.arange(4) % 2 == 0
    fallen_back = 0
    for _ in range(150):
        ratings = rng.integers(1, 4, (1, 2, 4)).astype(float)
        study = Readings(ratings, truth, ("r",), ("a", "b"), tuple("1234"))
        found = analyse_mrmc(study, covariance="unbiased")
        fallen_back += any("the jackknife covariance is used" in note for note in found.notes)
        assert found.main.differences[0].estimate.se >= 0
        assert not any("below zero" in n for n in found.main.differences[0].estimate.notes)
    assert 0 < fallen_back < 75


def test_equal_modalities_and_perfect_readers_have_a_defined_answer() -> None:
    study = simulated(np.random.default_rng(5))
    same = np.repeat(study.ratings[:, :1], 2, axis=1)
    equal = analyse_mrmc(Readings(same, study.truth, study.readers, study.modalities, study.cases))
    assert equal.main.p is None
    assert equal.main.differences[0].p is None
    assert "no test" in equal.main.differences[0].estimate.notes[-1]
    perfect = np.broadcast_to(study.truth.astype(float), study.ratings.shape).copy()
    found = analyse_mrmc(Readings(perfect, study.truth, study.readers, study.modalities, study.cases))
    assert found.main.means[0].interval == (1.0, 1.0)
    assert any("perfect separation" in note for note in found.notes)


def test_a_class_with_one_case_is_refused() -> None:
    study = simulated(np.random.default_rng(5), cases=6)
    truth = np.array([True] + [False] * 5)
    with pytest.raises(ValueError, match="two positive cases"):
        analyse_mrmc(Readings(study.ratings, truth, study.readers, study.modalities, study.cases))


def test_roc_is_interpolated_between_its_points() -> None:
    truth = np.array([True, True, False, False])
    ratings = np.array([4.0, 2.0, 3.0, 1.0])
    assert sensitivity_at(ratings, truth, 1.0) == 0.5
    assert sensitivity_at(ratings, truth, 0.75) == pytest.approx(0.75)
    assert sensitivity_at(ratings, truth, 0.5) == 1.0


def test_type_one_error_with_random_readers_and_cases_is_near_its_level() -> None:
    rng = np.random.default_rng(12)
    rejected = sum((analyse_mrmc(simulated(rng, readers=5, cases=50)).main.p or 1) < 0.05 for _ in range(200))
    assert 0.01 < rejected / 200 < 0.09
