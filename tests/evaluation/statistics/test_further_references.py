"""References of R that no other test meets, and independent formulas beside them."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluation.statistics import authors
from evaluation.statistics.cluster_bootstrap import bootstrap_contrasts
from evaluation.statistics.clustered_pairs import clustered_difference
from evaluation.statistics.crossed import crossed_contrasts, crossed_means
from evaluation.statistics.delong import auc
from evaluation.statistics.intraclass import intraclass
from evaluation.statistics.kappa import cross_table, kappa
from evaluation.statistics.marginal_homogeneity import stuart_maxwell
from evaluation.statistics.mcnemar import mcnemar
from evaluation.statistics.paired_difference import agresti_min, wald
from evaluation.statistics.repeated_measures import repeated_measures
from evaluation.statistics.results import adjust
from evaluation.statistics.score_cube import ScoreCube

Reference = Callable[[str], Any]
FORMS = {
    "ICC1": "icc_1",
    "ICC2": "icc_a1",
    "ICC3": "icc_c1",
    "ICC1k": "icc_1k",
    "ICC2k": "icc_ak",
    "ICC3k": "icc_ck",
}


def _columns(path: Path) -> np.ndarray:
    with path.open(encoding="utf-8") as handle:
        return np.array([[float(v.strip(". ")) for v in row] for row in list(csv.reader(handle))[1:]])


def test_correlations_of_the_anxiety_data_equal_psych(reference: Reference, shared_data: Path) -> None:
    found = intraclass(_columns(shared_data / "statistics" / "irr_anxiety.csv"))
    for row in reference("irr.json")["icc_anxiety"]["psych"]:
        estimate = getattr(found, FORMS[row["type"]])
        assert estimate.value == pytest.approx(row["ICC"], rel=1e-8)
        assert estimate.interval == pytest.approx((row["lower.bound"], row["upper.bound"]), rel=1e-6)


def test_kappa_and_margins_of_two_raters_equal_irr(reference: Reference, shared_data: Path) -> None:
    expected = reference("irr.json")
    folder = shared_data / "statistics"
    pair = _columns(folder / "irr_diagnoses.csv")[:, 1:3]
    table = cross_table(pair[:, 0], pair[:, 1], np.unique(pair))
    assert kappa(table).value == pytest.approx(expected["kappa2_diagnoses_r2r3"]["kappa"], rel=1e-8)
    counts = _columns(folder / "kappa_3x3.csv")
    # irr leaves out the category whose margins are equal; what is left is McNemar's table.
    reduced = stuart_maxwell(counts, skip_equal=True)
    assert reduced.chi2 == pytest.approx(expected["stuart_maxwell_3x3"]["chisq"][0][0], rel=1e-8)
    assert reduced.p == pytest.approx(expected["stuart_maxwell_3x3"]["p"][0][0], rel=1e-6)
    assert reduced.chi2 == pytest.approx(mcnemar(1, 9).chi2)
    # Fleiss and Everitt's (1971) closed form for three categories.
    whole, gap = stuart_maxwell(counts), counts.sum(axis=1) - counts.sum(axis=0)
    n = (counts + counts.T) / 2
    top = n[1, 2] * gap[0] ** 2 + n[0, 2] * gap[1] ** 2 + n[0, 1] * gap[2] ** 2
    below = 2 * (n[0, 1] * n[0, 2] + n[0, 1] * n[1, 2] + n[0, 2] * n[1, 2])
    assert (whole.df, whole.chi2) == (2, pytest.approx(top / below))
    assert stuart_maxwell(np.diag([3.0, 4.0])).p is None
    with pytest.raises(ValueError, match="square"):
        stuart_maxwell(np.ones((2, 3)))


def test_degenerate_curves_equal_proc(reference: Reference) -> None:
    expected = reference("proc_asah.json")["degenerate"]
    truth = np.array(expected["perfect"]["y"], dtype=bool)
    perfect = auc(truth, np.array(expected["perfect"]["x"], dtype=float))
    assert (perfect.value, *perfect.interval) == tuple(expected["perfect"]["ci"])
    assert auc(truth, np.ones(4)).value == expected["constant"]["auc"]


def test_paired_t_tests_and_all_adjustments_equal_base_r(
    reference: Reference, score_cubes: Callable[[str], dict[str, ScoreCube]]
) -> None:
    rows = reference("tests.json")["by_question"]["correctness"]["wilcoxon"]
    cube = score_cubes("scores_12x48x8x5.csv")["correctness"]
    means = ScoreCube(cube.values.mean(axis=0, keepdims=True), ("all",), cube.questions, cube.systems)
    found = {(c.first, c.second): c for c in crossed_contrasts(means)}
    for row in rows:
        one = found[row["a"], row["b"]]
        assert one.statistic == pytest.approx(row["t"], rel=1e-8)
        assert one.estimate.interval == pytest.approx((row["t_lo"], row["t_hi"]), rel=1e-8)
        assert np.log(one.p) == pytest.approx(np.log(row["t_p"]), rel=1e-6)
        assert np.log(one.p_adjusted) == pytest.approx(np.log(row["t_p_holm"]), rel=1e-6)
    plain = [row["p_normal_nocc"] for row in rows]
    for ours, name in (
        ("holm", "holm"),
        ("bonferroni", "bonferroni"),
        ("bh", "BH"),
        ("hochberg", "hochberg"),
    ):
        assert adjust(plain, ours) == pytest.approx([row[f"p_normal_nocc_{name}"] for row in rows], rel=1e-6)


def test_simple_paired_intervals_equal_propcis(reference: Reference) -> None:
    for row in reference("tests.json")["mcnemar"]:
        a, b, c, d = row["abcd"]
        n = a + b + c + d
        assert wald(b, c, n).interval == pytest.approx(row["wald_ci"], rel=1e-8, abs=1e-12)
        assert agresti_min(b, c, n).interval == pytest.approx(row["agresti_min_ci"], rel=1e-8, abs=1e-12)


def test_clusters_of_one_give_the_plain_paired_difference_and_twins_double_its_variance() -> None:
    rng = np.random.default_rng(3)
    first, second = rng.random(60) < 0.7, rng.random(60) < 0.5
    single = clustered_difference(first, second, [str(i) for i in range(60)])
    b, c = int((first & ~second).sum()), int((~first & second).sum())
    assert single.estimate.se == pytest.approx(wald(b, c, 60).se * np.sqrt(60 / 59))
    twins = clustered_difference(np.repeat(first, 2), np.repeat(second, 2), [str(i // 2) for i in range(120)])
    assert twins.estimate.se == pytest.approx(single.estimate.se)
    assert clustered_difference(first, first, ["a"] * 60).p is None


def test_repeated_measures_of_two_systems_are_the_paired_t_test() -> None:
    table = np.random.default_rng(4).normal(size=(9, 2))
    gaps = table[:, 0] - table[:, 1]
    found = repeated_measures(table)
    assert found.f == pytest.approx((gaps.mean() / (gaps.std(ddof=1) / 3)) ** 2)
    assert (found.epsilon, found.p_corrected) == (pytest.approx(1.0), pytest.approx(found.p))
    flat = repeated_measures(np.array([[1.0, 2, 3], [2, 3, 4]]))
    assert (flat.f, flat.p) == (None, None)


def test_random_authors_hold_their_level_where_fixed_ones_do_not() -> None:
    """Six authors of one arm with a standard deviation of 4 points among them, no difference between arms."""
    rng, questions = np.random.default_rng(11), tuple(f"q{i}" for i in range(24))
    of = {"doctors": {q: f"w{i % 6}" for i, q in enumerate(questions)}}
    wrong = {"fixed": 0, "random": 0}
    for _ in range(300):
        values = (
            70 + rng.normal(0, 5, (6, 24, 2)) + rng.normal(0, 2, (1, 24, 2)) + rng.normal(0, 1, (6, 1, 2))
        )
        values[:, :, 1] += rng.normal(0, 4, 6)[np.arange(24) % 6]
        cube = ScoreCube(values, tuple("abcdef"), questions, ("machine", "doctors"))
        fixed = crossed_contrasts(cube)
        found = authors.with_random_authors(cube, fixed, of)
        wrong["fixed"] += fixed[0].p < 0.05
        wrong["random"] += found[0].p < 0.05
    assert wrong["fixed"] > 40
    assert 3 <= wrong["random"] <= 27


def test_random_authors_equal_the_layout_of_their_means_and_fall_back_where_cells_miss() -> None:
    rng, questions = np.random.default_rng(2), tuple("wxyz")
    values = rng.normal(70, 5, (4, 4, 3))
    cube = ScoreCube(values, tuple("abcd"), questions, ("machine", "doctors", "others"))
    of = {"doctors": dict(zip(questions, "ABAB", strict=True))}
    plain = crossed_contrasts(cube)
    found = authors.with_random_authors(cube, plain, of)
    gaps = values[:, :, 0] - values[:, :, 1]
    means = np.stack([gaps[:, [0, 2]].mean(axis=1), gaps[:, [1, 3]].mean(axis=1)], axis=1)
    (expected,) = crossed_means(ScoreCube(means[:, :, None], tuple("abcd"), ("A", "B"), ("d",)))
    assert found[0].estimate.interval == pytest.approx(expected.interval)
    assert found[1].p == plain[1].p  # machine against others: no author
    values[:3, [0, 2], 1] = np.nan
    kept = authors.with_random_authors(cube, plain, of)
    assert kept[0].estimate.value == plain[0].estimate.value
    assert "taken as fixed" in kept[0].estimate.notes[-1]


def test_raters_who_lack_an_author_are_left_out_with_a_note_and_their_scores_are_not_counted() -> None:
    rng, questions = np.random.default_rng(5), tuple("uvwxyz")
    values = rng.normal(70, 5, (6, 6, 2))
    of = {"doctors": dict(zip(questions, "ABCABC", strict=True))}
    values[:3, [2, 5], 1] = np.nan  # three raters met no question of author C
    values[3, 0, 1] = np.nan  # one lacks a question of author A and has the other
    cube = ScoreCube(values, tuple("abcdef"), questions, ("machine", "doctors"))
    (found,) = authors.with_random_authors(cube, bootstrap_contrasts(cube, b=50), of)
    gaps = (values[:, :, 0] - values[:, :, 1])[3:]
    means = np.stack([np.nanmean(gaps[:, [i, i + 3]], axis=1) for i in range(3)], axis=1)
    (expected,) = crossed_means(ScoreCube(means[:, :, None], tuple("def"), tuple("ABC"), ("d",)))
    assert found.estimate.interval == pytest.approx(expected.interval)
    assert found.estimate.n == 17
    assert found.estimate.notes[-2:] == (
        "doctors: 3 authors, taken as random",
        "doctors: 3 of 6 raters, who scored every author",
    )


def test_a_contrast_of_two_systems_with_several_authors_says_whose_are_fixed() -> None:
    rng, questions = np.random.default_rng(6), tuple("wxyz")
    values = rng.normal(70, 5, (4, 4, 2))
    values[:3, [0, 2], 1] = np.nan
    cube = ScoreCube(values, tuple("abcd"), questions, ("juniors", "seniors"))
    # Of what is left, each rater has both juniors and one senior alone.
    of = {
        "juniors": dict(zip(questions, "ABBA", strict=True)),
        "seniors": dict(zip(questions, "CDCD", strict=True)),
    }
    (found,) = authors.with_random_authors(cube, bootstrap_contrasts(cube, b=50), of)
    assert found.estimate.method == authors.METHOD
    assert found.estimate.notes[-2:] == (
        "juniors: 2 authors, taken as random",
        "seniors: 2 authors, taken as fixed since raters lack scores of one of them",
    )
