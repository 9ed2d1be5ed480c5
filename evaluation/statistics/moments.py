r"""Means and contrasts where scores are missing, or patients have different numbers of questions.

Raters and patients are random. The mean of the cells present of one layer (a system, or the difference of two), with n_r
of them by rater r, n_c in cluster c (a patient, or a question where each has its own) and n_rc in both, N in all, has
under y = mean + rater + cluster + rater:cluster the variance

    v_r sum n_r^2 / N^2 + v_c sum n_c^2 / N^2 + v_e sum n_rc^2 / N^2.

The components solve G v = T: T holds the sums of squared totals of e = y - mean over raters, clusters and both (Rao's
MINQUE(0), 1971), G their expectations: of levels j and k, with n_jk cells in common,

    G_jk = sum (n_jk - n_j n_k / N)^2.

They are means over all layers, as the mean squares of `crossed` are (of differences with as many degrees of freedom as
are independent): of complete scores, equally many in each cluster, its results come out (those with
`rater_by_question` for contrasts; means with a little fewer degrees of freedom).
Degrees of freedom by Satterthwaite's method from the parts that are mean squares over N in complete layouts; unequal n
count as (sum n^2)^2 / sum n^4.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from evaluation.statistics.cluster_bootstrap import cluster_of_question
from evaluation.statistics.crossed import ONE_QUESTION, ONE_RATER, Combination, combine, estimate, t_test
from evaluation.statistics.results import Contrast, Estimate
from evaluation.statistics.score_cube import FloatArray, ScoreCube

METHOD = "moments of raters and {clusters} over the cells present, Satterthwaite t"
NO_SCORES = "no scores"
ONE_SCORE = "one score: no interval"
ONE_UNIT = "one rater and one patient: no interval"


@dataclass(frozen=True)
class Layer:
    """The cells present of one layer.

    Attributes:
        value: their mean; n: their number.
        weights: of the three components (raters, clusters, both) in the variance of the mean.
        components: (3,) as this layer alone gives them; they may be negative.
        df: (3,) of raters, clusters and what is left.
    """

    value: float
    n: int
    weights: FloatArray
    components: FloatArray
    df: FloatArray


def moment_means(cube: ScoreCube, *, level: float = 0.95) -> list[Estimate]:
    """Mean of each system over the cells present, with its interval."""
    layers = [_layer(cube, cube.values[:, :, place]) for place in range(len(cube.systems))]
    return _estimates(layers, _method(cube), level)


def moment_contrasts(cube: ScoreCube, *, level: float = 0.95) -> list[Contrast]:
    """All pairwise differences over the (rater, question) cells that hold both systems; p values are not adjusted."""
    pairs = list(combinations(range(len(cube.systems)), 2))
    layers = [_layer(cube, cube.values[:, :, i] - cube.values[:, :, j]) for i, j in pairs]
    found = _estimates(layers, _method(cube), level, pairs)
    return [
        Contrast(cube.systems[i], cube.systems[j], one, *t_test(one))
        for (i, j), one in zip(pairs, found, strict=True)
    ]


def _method(cube: ScoreCube) -> str:
    return METHOD.format(clusters="patients" if cube.has_clusters else "questions")


def _layer(cube: ScoreCube, values: FloatArray) -> Layer:
    """One layer (raters, questions), NaN where a cell is missing."""
    present = ~np.isnan(values)
    n = int(present.sum())
    if not n:
        return Layer(float("nan"), 0, np.zeros(3), np.zeros(3), np.zeros(3))
    value = float(values[present].mean())
    rest = np.where(present, values - value, 0.0)
    # What rounding leaves of equal scores is no variance.
    if float((rest**2).sum()) <= 1e-20 * max(1.0, float((values[present] ** 2).sum())):
        rest = np.zeros_like(rest)
    codes = cluster_of_question(cube)
    member = (codes[:, None] == np.arange(codes.max() + 1)).astype(np.float64)  # questions x clusters
    both, totals = present @ member, rest @ member
    raters, clusters = both.sum(1, keepdims=True), both.sum(0, keepdims=True)
    levels = (raters, clusters, both)
    sums = np.array([(part**2).sum() for part in (totals.sum(1), totals.sum(0), totals)])
    expected = np.array([[_overlap(a, b, both, n) for b in levels] for a in levels])
    left = int((both > 0).sum() - (raters > 0).sum() - (clusters > 0).sum()) + 1
    return Layer(
        value,
        n,
        np.array([(counts**2).sum() for counts in levels]) / n**2,
        np.linalg.pinv(expected, rcond=1e-10, hermitian=True) @ sums,
        np.array([_effective(raters) - 1, _effective(clusters) - 1, left]),
    )


def _overlap(a: FloatArray, b: FloatArray, both: FloatArray, n: int) -> float:
    """G of two levels: a level with itself has its own counts in common, two levels have `both`."""
    common = a if a is b else both
    return float((common**2).sum() - 2 * (common * a * b).sum() / n + (a**2).sum() * (b**2).sum() / n**2)


def _effective(counts: FloatArray) -> float:
    return float((counts**2).sum() ** 2 / (counts**4).sum())


def _estimates(
    layers: list[Layer], method: str, level: float, pairs: Sequence[tuple[int, int]] | None = None
) -> list[Estimate]:
    """Args:
    pairs: the systems that each layer is the difference of; None where layers are systems.
    """
    used = [place for place, layer in enumerate(layers) if min(layer.df[:2]) > 1e-9]
    used = used or [place for place, layer in enumerate(layers) if layer.n > 1]
    if not used:
        return [_without_error(layer, method, level) for layer in layers]
    components = np.mean([layers[place].components for place in used], axis=0)
    times = 1 if pairs is None else _independent([pairs[place] for place in used])
    df = times * np.mean([layers[place].df for place in used], axis=0)
    if max(df[:2]) <= 1e-9:
        return [_without_error(layer, method, level, ONE_UNIT) for layer in layers]
    notes: tuple[str, ...] = ()
    if min(df[:2]) <= 1e-9:
        notes = (ONE_RATER if df[0] <= 1e-9 else ONE_QUESTION,)
    found = []
    for layer in layers:
        if not layer.n:
            found.append(_without_error(layer, method, level))
            continue
        one = estimate(layer.value, _variance(layer, components, df), level, layer.n, method=method)
        found.append(replace(one, notes=(*notes, *one.notes)))
    return found


def _independent(pairs: Iterable[tuple[int, int]]) -> int:
    """How many of the differences of these pairs are independent: their systems less the groups that they connect."""
    groups: list[set[int]] = []
    for pair in pairs:
        met = [group for group in groups if group & set(pair)]
        groups = [group for group in groups if group not in met] + [set(pair).union(*met)]
    return sum(len(group) - 1 for group in groups)


def _variance(layer: Layer, components: FloatArray, df: FloatArray) -> Combination:
    by_rater, by_cluster, rest = layer.weights * components
    if min(df[:2]) <= 1e-9:  # one rater, or one cluster: the other alone is random
        total = by_rater + by_cluster + rest
        return combine([(1.0, total, float(max(df[:2])))], floor=0.0)
    parts = float(by_rater + rest), float(by_cluster + rest), float(rest)
    terms = [(1.0, parts[0], df[0]), (1.0, parts[1], df[1]), (-1.0, parts[2], max(df[2], 1.0))]
    return combine(terms, floor=max(*parts, 0.0))


def _without_error(layer: Layer, method: str, level: float, why: str = ONE_SCORE) -> Estimate:
    return Estimate(layer.value, None, method, level, layer.n, None, None, (why if layer.n else NO_SCORES,))
