r"""Bradley & Terry's (1952) strengths of systems from pairwise preferences, with standard errors.

P(i preferred to j) = 1 / (1 + exp(b_j - b_i)); maximum likelihood by Newton's method, standard errors from the
inverse information with one system's strength fixed at zero. Ties are left out or count half to each side. Raters
and questions are not modelled: intervals hold for these judgements only.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from evaluation.statistics.results import Estimate
from evaluation.statistics.score_cube import FloatArray

METHOD = "Bradley-Terry, reference {reference}, ties {ties}"
SCOPE = "preferences are taken as independent: raters and questions are not modelled"


@dataclass(frozen=True)
class BradleyTerry:
    """Strengths on the logit scale against the reference, with their covariance and the deviance."""

    systems: tuple[str, ...]
    strengths: dict[str, Estimate]
    covariance: FloatArray
    deviance: float
    df: int
    notes: tuple[str, ...] = (SCOPE,)


def bradley_terry(
    wins: FloatArray,
    systems: tuple[str, ...],
    *,
    reference: str,
    tied: FloatArray | None = None,
    ties: str = "half",
    level: float = 0.95,
) -> BradleyTerry:
    """Fit strengths.

    Args:
        wins: (systems, systems), wins[i, j] counts i preferred to j.
        tied: (systems, systems), symmetric counts of ties.
        ties: half or dropped.

    Raises:
        ValueError: unknown reference, or a group of systems never lost to (or never met) the others, whose
            strength would be infinite.
    """
    if reference not in systems:
        raise ValueError(f"reference {reference!r} is not among {', '.join(systems)}")
    if ties not in ("half", "dropped"):
        raise ValueError(f"unknown treatment of ties {ties!r}; known: half, dropped")
    counts = wins + (tied / 2 if tied is not None and ties == "half" else 0.0)
    _must_be_connected(counts, systems)
    free = [i for i, name in enumerate(systems) if name != reference]
    strength, information = _newton(counts, free)
    covariance: FloatArray = np.linalg.inv(information).astype(np.float64)
    z = float(stats.norm.isf((1 - level) / 2))
    method, total = METHOD.format(reference=reference, ties=ties), round(float(counts.sum()))
    found = {reference: Estimate(0.0, None, method, level, total, notes=("the reference",))}
    for place, i in enumerate(free):
        value, se = float(strength[i]), float(np.sqrt(covariance[place, place]))
        found[systems[i]] = Estimate(value, (value - z * se, value + z * se), method, level, total, se)
    pairs = int((np.triu(counts + counts.T, 1) > 0).sum())
    return BradleyTerry(systems, found, covariance, _deviance(counts, strength), pairs - len(free))


def _newton(counts: FloatArray, free: list[int]) -> tuple[FloatArray, FloatArray]:
    strength, met = np.zeros(len(counts)), counts + counts.T
    for _ in range(100):
        chance = 1 / (1 + np.exp(strength[None] - strength[:, None]))
        gradient = (counts - met * chance).sum(axis=1)
        weight = met * chance * (1 - chance)
        information = np.diag(weight.sum(axis=1)) - weight
        step = np.linalg.solve(information[np.ix_(free, free)], gradient[free])
        strength[free] += step
        if np.abs(step).max() < 1e-12:
            break
    return strength, information[np.ix_(free, free)]


def _deviance(counts: FloatArray, strength: FloatArray) -> float:
    chance = 1 / (1 + np.exp(strength[None] - strength[:, None]))
    met = counts + counts.T
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = np.where(counts > 0, counts * np.log(counts / (met * chance)), 0.0)
    return float(2 * parts.sum())


def _must_be_connected(counts: FloatArray, systems: tuple[str, ...]) -> None:
    """Ford (1957): in every split of the systems some of each side must have beaten some of the other."""
    reach = (counts > 0) | np.eye(len(counts), dtype=bool)
    for _ in range(len(counts)):
        reach = (reach.astype(int) @ reach.astype(int)) > 0
    if not reach.all():
        i, j = (int(place[0]) for place in np.nonzero(~reach))
        raise ValueError(
            f"{systems[i]} never beat {systems[j]}, neither directly nor through others: strengths would be infinite"
        )
