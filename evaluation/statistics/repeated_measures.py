r"""One-way repeated-measures analysis of variance: systems (fixed) within blocks (random), one value a cell.

F = MS_systems / MS_residual with (k-1) and (k-1)(n-1) degrees of freedom (Fisher). It takes differences of systems as
equally variable (sphericity); Greenhouse and Geisser (1959) multiply both degrees of freedom by Box's (1954) epsilon,
    e = (sum of eigenvalues)^2 / ((k-1) sum of squared eigenvalues)
of the covariance matrix of the systems after double centring; e lies between 1 / (k-1) and 1.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from evaluation.statistics.score_cube import FloatArray


@dataclass(frozen=True)
class RepeatedMeasures:
    """Attributes:
    f, p: None where nothing is left beside blocks and systems.
    ss_systems, ss_residual: sums of squares; df_systems, df_residual: their degrees of freedom.
    epsilon: Greenhouse and Geisser's; p_corrected: with degrees of freedom times epsilon.
    """

    f: float | None
    p: float | None
    ss_systems: float
    ss_residual: float
    df_systems: int
    df_residual: int
    epsilon: float | None
    p_corrected: float | None


def repeated_measures(table: FloatArray) -> RepeatedMeasures:
    """Compare systems over blocks.

    Args:
        table: (blocks, systems), without gaps.

    Raises:
        ValueError: fewer than two blocks or systems, or a value is missing.
    """
    n, k = table.shape
    if n < 2 or k < 2:
        raise ValueError(f"repeated measures need two blocks and two systems; found {n} and {k}")
    if np.isnan(table).any():
        raise ValueError("repeated measures need every system in every block")
    rest = table - table.mean(axis=1, keepdims=True) - table.mean(axis=0) + table.mean()
    between = float(n * ((table.mean(axis=0) - table.mean()) ** 2).sum())
    within, df = float((rest**2).sum()), (k - 1) * (n - 1)
    # What rounding leaves of an exact fit is no variance.
    if within <= 1e-20 * max(1.0, float((table**2).sum())):
        return RepeatedMeasures(None, None, between, 0.0, k - 1, df, None, None)
    f = between / (k - 1) / (within / df)
    roots = np.linalg.eigvalsh(rest.T @ rest / (n - 1))
    epsilon = float(min(1.0, roots.sum() ** 2 / ((k - 1) * (roots**2).sum())))
    return RepeatedMeasures(
        f,
        float(stats.f.sf(f, k - 1, df)),
        between,
        within,
        k - 1,
        df,
        epsilon,
        float(stats.f.sf(f, epsilon * (k - 1), epsilon * df)),
    )
