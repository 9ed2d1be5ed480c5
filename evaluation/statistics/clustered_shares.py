r"""A share of units in clusters (breasts in patients): Rao & Scott (1992), Biometrics 48:577.

With x_i events of n_i units in cluster i, I clusters and p = sum x_i / sum n_i = x / n:

    v = I / (I - 1) / n^2 sum (x_i - p n_i)^2,    design effect d = v / (p (1 - p) / n)

The interval is Wilson's at the effective number of units n / d; d is taken as at least 1, so that the interval is never
narrower than that of independent units. Where no or every unit is an event, d is not defined and the units of a cluster
are taken as one (n / d = I).
"""

from collections.abc import Sequence

import numpy as np
from scipy import stats

from evaluation.statistics.fourfold import Fourfold, rates
from evaluation.statistics.mrmc_readings import BoolArray
from evaluation.statistics.results import Estimate

METHOD = "Wilson, patients as clusters (Rao-Scott)"
ONE_CLUSTER = "all units are of one patient: no interval"


def effective_size(events: BoolArray, clusters: Sequence[str]) -> float:
    """Number of independent units that would tell as much as these (units,).

    Raises:
        ValueError: there is no unit.
    """
    n = len(events)
    if n == 0 or n != len(clusters):
        raise ValueError(f"different numbers of units and clusters: {n} and {len(clusters)}")
    _, codes = np.unique(np.asarray(clusters, dtype=object).astype(str), return_inverse=True)
    count = int(codes.max()) + 1
    if count == n:
        return float(n)
    p = float(events.mean())
    if p in (0.0, 1.0) or count < 2:
        return float(count)
    apart = np.bincount(codes, weights=events - p)
    variance = count / (count - 1) / n**2 * float((apart**2).sum())
    return n / max(1.0, variance * n / (p * (1 - p)))


def clustered_share(events: BoolArray, clusters: Sequence[str], *, level: float = 0.95) -> Estimate:
    """Share of units (n,) that are events.

    Raises:
        ValueError: there is no unit.
    """
    size, p = effective_size(events, clusters), float(events.mean())
    if len(set(clusters)) < 2 and len(events) > 1:
        return Estimate(p, None, METHOD, level, len(events), notes=(ONE_CLUSTER,))
    z = float(stats.norm.isf((1 - level) / 2))
    centre = (p + z**2 / (2 * size)) / (1 + z**2 / size)
    half = z / (1 + z**2 / size) * float(np.sqrt(p * (1 - p) / size + z**2 / (4 * size**2)))
    lower = 0.0 if p == 0 else centre - half
    upper = 1.0 if p == 1 else centre + half
    return Estimate(p, (lower, upper), METHOD, level, len(events))


def rates_of_units(
    truth: BoolArray, called: BoolArray, clusters: Sequence[str] | None, *, level: float = 0.95
) -> dict[str, Estimate]:
    """Sensitivity, specificity, ppv, npv and accuracy of units; a rate of no units is left out.

    Wilson's intervals where each cluster has one unit (or `clusters` is None), else those of clustered shares: for
    every rate, also where its own units happen to be of different patients.
    """
    counts = Fourfold(
        *(int(cells.sum()) for cells in (truth & called, ~truth & called, truth & ~called, ~truth & ~called))
    )
    if clusters is None or len(set(clusters)) == len(clusters):
        return rates(counts, level=level)
    names = np.asarray(clusters, dtype=object)
    right = truth == called
    every = np.ones(len(truth), dtype=bool)
    parts = {"accuracy": every, "sensitivity": truth, "specificity": ~truth, "ppv": called, "npv": ~called}
    return {
        name: clustered_share(right[used], names[used].tolist(), level=level)
        for name, used in parts.items()
        if used.any()
    }
