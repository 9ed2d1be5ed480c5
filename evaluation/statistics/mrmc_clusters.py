r"""Covariances between cells where patients have several cases (breasts): the patient is what was drawn, not the breast.

- Obuchowski (1997), Biometrics 53:567, between any two cells a and b: with placements less the cell's AUC summed
  within patient i into P_i (positives) and N_i (negatives), m positives, n negatives, I10 and I01 patients that have
  any, I in all:

      cov(a, b) = I10 / ((I10 - 1) m^2) sum P_a P_b + I01 / ((I01 - 1) n^2) sum N_a N_b
                  + I / ((I - 1) m n) sum (P_a N_b + N_a P_b)

  A share (sensitivity, specificity) has the first term alone. With one case per patient this is DeLong's covariance.
- jackknife: patients are left out one after the other, (I-1)/I times the sum of products of the deviations.

The unbiased covariance has no such form here and is refused.
"""

import numpy as np
import numpy.typing as npt
from scipy import stats

from evaluation.statistics.mrmc_readings import BoolArray
from evaluation.statistics.score_cube import FloatArray

Codes = npt.NDArray[np.intp]
CLUSTERED = (
    "patients have several cases: the variance is over patients (patients: {patients}, cases: {cases})"
)


def codes_of(clusters: tuple[str, ...] | None) -> Codes | None:
    """Number of each case's cluster; None where no cluster has two cases."""
    if clusters is None or len(set(clusters)) == len(clusters):
        return None
    return np.asarray(np.unique(np.asarray(clusters, dtype=object).astype(str), return_inverse=True)[1])


def _within(values: FloatArray, codes: Codes) -> FloatArray:
    """Sums over the cases of each cluster: (cells, cases) to (cells, clusters)."""
    sums = np.zeros((len(values), int(codes.max()) + 1))
    np.add.at(sums.T, codes, values.T)
    return sums


def _must_have_two(codes: Codes, of_class: BoolArray, name: str) -> int:
    count = len(np.unique(codes[of_class]))
    if count < 2:
        raise ValueError(f"two patients with a {name} case are needed; there are {count}")
    return count


def obuchowski_auc(cells: FloatArray, truth: BoolArray, codes: Codes) -> tuple[FloatArray, FloatArray]:
    """AUC (cells,) and covariance (cells, cells) of cells that read the same cases.

    Raises:
        ValueError: fewer than two patients with a case of a class.
    """
    i10, i01 = (
        _must_have_two(codes, mask, name) for mask, name in ((truth, "positive"), (~truth, "negative"))
    )
    m, n, i = int(truth.sum()), int((~truth).sum()), len(np.unique(codes))
    values, placed = _placements(cells, truth)
    apart = placed - values[:, None]
    p = _within(np.where(truth, apart, 0.0), codes)
    q = _within(np.where(truth, 0.0, apart), codes)
    cross = p @ q.T
    found = i10 / ((i10 - 1) * m**2) * (p @ p.T) + i01 / ((i01 - 1) * n**2) * (q @ q.T)
    return values, found + i / ((i - 1) * m * n) * (cross + cross.T)


def _placements(cells: FloatArray, truth: BoolArray) -> tuple[FloatArray, FloatArray]:
    """AUC of each cell, and the placement of each case: share of the other class that it beats (ties by half)."""
    values, placed = np.empty(len(cells)), np.zeros(cells.shape)
    for index, ratings in enumerate(cells):
        read = ~np.isnan(ratings)
        positive, negative = ratings[read & truth], ratings[read & ~truth]
        joint = stats.rankdata(np.concatenate([positive, negative]))
        placed[index, read & truth] = (joint[: len(positive)] - stats.rankdata(positive)) / len(negative)
        placed[index, read & ~truth] = 1 - (joint[len(positive) :] - stats.rankdata(negative)) / len(positive)
        values[index] = placed[index, read & truth].mean()
    return values, placed


def clustered_share(calls: FloatArray, of_class: BoolArray, codes: Codes) -> tuple[FloatArray, FloatArray]:
    """Share of right calls (cells,) and covariance of cells that read the same cases.

    Args:
        calls: (cells, cases) 1 where the case of the class was called rightly; other cases count nothing.
    """
    count, size = _must_have_two(codes, of_class, "needed"), int(of_class.sum())
    values = calls[:, of_class].mean(axis=1)
    apart = _within(np.where(of_class, calls - values[:, None], 0.0), codes)
    return values, count / ((count - 1) * size**2) * (apart @ apart.T)


def auc_without_patients(cells: FloatArray, truth: BoolArray, codes: Codes) -> tuple[FloatArray, FloatArray]:
    """AUC of each cell, and with each patient left out: (cells,), (cells, patients)."""
    values, placed = _placements(cells, truth)
    read = ~np.isnan(cells)
    positives, negatives = (_within((read & mask).astype(np.float64), codes) for mask in (truth, ~truth))
    m, n = positives.sum(axis=1, keepdims=True), negatives.sum(axis=1, keepdims=True)
    # Of the sum over all pairs, what the patient's positives and negatives take part in, pairs of both counted once.
    lost = _within(np.where(truth, placed, 0.0), codes) * n + _within(np.where(truth, 0.0, placed), codes) * m
    lost -= _own_pairs(cells, truth, codes)
    left_m, left_n = m - positives, n - negatives
    if (left_m * left_n == 0).any():
        raise ValueError("one patient holds all cases of a class: none is left without her")
    return values, (values[:, None] * m * n - lost) / (left_m * left_n)


def _own_pairs(cells: FloatArray, truth: BoolArray, codes: Codes) -> FloatArray:
    """Kernel sums over the pairs of positive and negative cases of one patient, (cells, patients)."""
    own = np.zeros((len(cells), int(codes.max()) + 1))
    for patient in np.intersect1d(codes[truth], codes[~truth]):
        p = cells[:, (codes == patient) & truth][:, :, None]
        q = cells[:, (codes == patient) & ~truth][:, None, :]
        own[:, patient] = ((p > q) + 0.5 * (p == q)).sum(axis=(1, 2))
    return own


def share_without_patients(
    calls: FloatArray, of_class: BoolArray, codes: Codes
) -> tuple[FloatArray, FloatArray]:
    """Share of right calls of each cell, and with each patient left out: (cells,), (cells, patients)."""
    used = ~np.isnan(calls) & of_class
    right = _within(np.where(used, np.nan_to_num(calls), 0.0), codes)
    counts = _within(used.astype(np.float64), codes)
    total, size = right.sum(axis=1, keepdims=True), counts.sum(axis=1, keepdims=True)
    if (size - counts == 0).any():
        raise ValueError("one patient holds all cases of a class: none is left without her")
    return (total / size)[:, 0], (total - right) / (size - counts)


def jackknife(left_out: FloatArray, read: BoolArray, codes: Codes | None) -> FloatArray:
    """Covariance from leave-one-out values (cells, units); zero between cells that share no unit.

    Args:
        read: (cells, cases) which cases were read; codes: unit of each case, None where each is its own.
    """
    n = left_out.shape[1]
    deviations = left_out - left_out.mean(axis=1, keepdims=True)
    there = read.astype(np.float64) if codes is None else _within(read.astype(np.float64), codes)
    return np.where(there @ there.T == 0, 0.0, (n - 1) / n * (deviations @ deviations.T))
