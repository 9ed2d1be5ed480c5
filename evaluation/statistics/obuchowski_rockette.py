r"""Obuchowski-Rockette analysis of readers x modalities with Hillis' degrees of freedom.

Obuchowski & Rockette (1995); Hillis (2007), Statistics in Medicine 26:596; Hillis, Berbaum & Metz (2008). With
t modalities, r readers, performances A_ij and covariances over cases (Cov1: same reader, other modality; Cov2:
other reader, same modality; Cov3: both differ; Var: same cell), a+ = max(a, 0):

    random readers, random cases   F = MS(T) / [MS(TR) + r (Cov2 - Cov3)+],  df2 = [..]^2 / (MS(TR)^2 / ((t-1)(r-1)))
    fixed readers, random cases    X2 = (t-1) MS(T) / [Var - Cov1 + (r-1)(Cov2 - Cov3)+],  df t-1
    random readers, fixed cases    F = MS(T) / MS(TR),  df (t-1), (t-1)(r-1)

A difference of two modalities has variance 2/r times the bracket. The mean of modality i alone has variance
[MS(R)_i + r Cov2_i+] / r with df [..]^2 / (MS(R)_i^2 / (r-1)); Cov2_i of that modality only.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import stats

from evaluation.statistics.results import Contrast, Estimate, Interval, t_interval
from evaluation.statistics.score_cube import FloatArray

RANDOM_RANDOM = "random readers, random cases"
FIXED_RANDOM = "fixed readers, random cases"
RANDOM_FIXED = "random readers, fixed cases"
MODELS = (RANDOM_RANDOM, FIXED_RANDOM, RANDOM_FIXED)
CLIPPED = (
    "Cov2 - Cov3 was estimated below zero and set to zero (Hillis' rule): with random readers and cases "
    "F then has (t-1)(r-1) denominator degrees of freedom"
)
NO_VARIANCE = "the variance of the difference is zero: no test"
# Variances of shares and areas below this are rounding: zero.
TINY = 1e-18
NEGATIVE = "the variance was estimated below zero and set to zero: no interval beyond the value and no test"


@dataclass(frozen=True)
class Components:
    """Mean squares and (co)variances of a study; None where the design has too few readers or modalities."""

    ms_modality: float | None
    ms_modality_reader: float | None
    ms_reader: float | None
    error: float
    cov1: float
    cov2: float
    cov3: float
    reader: float | None
    modality_reader: float | None


@dataclass(frozen=True)
class ModelResult:
    """One of the three models.

    Attributes:
        model: its name.
        means: one per modality.
        differences: all pairs of modalities, first - second.
        statistic: F, or X2 where readers are fixed; None where there is no test.
        df1, df2: degrees of freedom; df2 is None for X2.
        p: of the overall test that all modalities are equal.
    """

    model: str
    means: list[Estimate]
    differences: list[Contrast]
    statistic: float | None
    df1: int
    df2: float | None
    p: float | None
    notes: tuple[str, ...]


def _mean(values: FloatArray) -> float:
    return float(values.mean()) if values.size else 0.0


def components(values: FloatArray, covariance: FloatArray) -> Components:
    """Mean squares and averaged covariances.

    Args:
        values: (modalities, readers).
        covariance: (modalities, readers, modalities, readers).
    """
    t, r = values.shape
    flat = covariance.reshape(t * r, t * r)
    modality, reader = np.repeat(np.arange(t), r), np.tile(np.arange(r), t)
    same_modality, same_reader = modality[:, None] == modality, reader[:, None] == reader
    error = _mean(flat[same_modality & same_reader])
    cov1 = _mean(flat[~same_modality & same_reader])
    cov2 = _mean(flat[same_modality & ~same_reader])
    cov3 = _mean(flat[~same_modality & ~same_reader])
    grand, by_modality, by_reader = values.mean(), values.mean(axis=1), values.mean(axis=0)
    ms_t = float(r * ((by_modality - grand) ** 2).sum() / (t - 1)) if t > 1 else None
    ms_r = float(t * ((by_reader - grand) ** 2).sum() / (r - 1)) if r > 1 else None
    ms_tr = None
    if t > 1 and r > 1:
        rest = values - by_modality[:, None] - by_reader + grand
        ms_tr = float((rest**2).sum() / ((t - 1) * (r - 1)))
    between = None if ms_r is None or ms_tr is None else (ms_r - ms_tr) / t - cov1 + cov3
    within = None if ms_tr is None else ms_tr - error + cov1 + max(cov2 - cov3, 0.0)
    return Components(ms_t, ms_tr, ms_r, error, cov1, cov2, cov3, between, within)


def bounded(interval: Interval) -> Interval:
    """Limits of a share or an AUC, kept within 0 and 1."""
    return max(0.0, interval[0]), min(1.0, interval[1])


def estimate(
    value: float,
    variance: float,
    df: float,
    *,
    method: str,
    level: float,
    n: int,
    is_share: bool,
    notes: tuple[str, ...] = (),
) -> Estimate:
    """An estimate with its t interval (normal where df is infinite)."""
    if variance < -TINY:
        return Estimate(value, (value, value), method, level, n, 0.0, None, (*notes, NEGATIVE))
    se = float(np.sqrt(variance)) if variance > TINY else 0.0
    interval = t_interval(value, se, df, level) if se > 0 else (value, value)
    return Estimate(
        value,
        bounded(interval) if is_share else interval,
        method,
        level,
        n,
        se,
        df if se > 0 else None,
        notes,
    )


def contrast(first: str, second: str, found: Estimate) -> Contrast:
    """A contrast with its two-sided t test; none where there is no variance."""
    if not found.se or found.df is None:
        noted = Estimate(
            found.value,
            found.interval,
            found.method,
            found.level,
            found.n,
            found.se,
            None,
            (*found.notes, NO_VARIANCE),
        )
        return Contrast(first, second, noted)
    statistic = found.value / found.se
    return Contrast(first, second, found, statistic, float(2 * stats.t.sf(abs(statistic), found.df)))


def mean_of_readers(
    values: FloatArray, covariance: FloatArray, *, model: str, level: float, is_share: bool = True
) -> Estimate:
    """Mean over readers of one modality (or of one difference per reader).

    Args:
        values: (readers,).
        covariance: (readers, readers) over cases.
        is_share: the limits are kept within 0 and 1.
    """
    r = len(values)
    ms = float(values.var(ddof=1)) if r > 1 else 0.0
    apart = ~np.eye(r, dtype=bool)
    cov2 = max(_mean(covariance[apart]), 0.0)
    how = {"method": f"Obuchowski-Rockette, {model}", "level": level, "n": r, "is_share": is_share}
    if model == FIXED_RANDOM:
        variance = (float(np.diag(covariance).mean()) + (r - 1) * cov2) / r
        return estimate(float(values.mean()), variance, float("inf"), **how)  # type: ignore[arg-type]
    spread = ms + (r * cov2 if model == RANDOM_RANDOM else 0.0)
    df = spread**2 / (ms**2 / (r - 1)) if ms > TINY else float("inf")
    return estimate(float(values.mean()), spread / r, df, **how)  # type: ignore[arg-type]


def analyse_model(
    values: FloatArray, covariance: FloatArray, names: tuple[str, ...], *, model: str, level: float = 0.95
) -> ModelResult:
    """Means, pairwise differences and the overall test under one model.

    Args:
        values: (modalities, readers).
        covariance: (modalities, readers, modalities, readers).
        names: of the modalities.

    Raises:
        ValueError: random readers need at least two readers.
    """
    t, r = values.shape
    if model != FIXED_RANDOM and r < 2:
        raise ValueError(f"{model}: one reader only; readers can be random from two on")
    found = components(values, covariance)
    means = [mean_of_readers(values[i], covariance[i, :, i, :], model=model, level=level) for i in range(t)]
    if t < 2:
        return ModelResult(model, means, [], None, 0, None, None, ())
    spread, df2 = _denominator(found, model, t, r)
    notes = (CLIPPED,) if model != RANDOM_FIXED and r > 1 and found.cov2 < found.cov3 else ()
    differences = []
    for i, j in combinations(range(t), 2):
        difference = estimate(
            float(values[i].mean() - values[j].mean()),
            2 / r * spread,
            df2,
            method=f"Obuchowski-Rockette, {model}",
            level=level,
            n=r,
            is_share=False,
            notes=notes,
        )
        differences.append(contrast(names[i], names[j], difference))
    f, p = _overall(found, spread, df2, t)
    if model == FIXED_RANDOM:
        return ModelResult(
            model, means, differences, None if f is None else (t - 1) * f, t - 1, None, p, notes
        )
    return ModelResult(model, means, differences, f, t - 1, df2, p, notes)


def _denominator(found: Components, model: str, t: int, r: int) -> tuple[float, float]:
    """The bracket of the model, and the denominator degrees of freedom (infinite for X2)."""
    shared = max(found.cov2 - found.cov3, 0.0)
    if model == FIXED_RANDOM:
        return found.error - found.cov1 + (r - 1) * shared, float("inf")
    ms = found.ms_modality_reader or 0.0
    spread = ms + (r * shared if model == RANDOM_RANDOM else 0.0)
    return spread, spread**2 / (ms**2 / ((t - 1) * (r - 1))) if ms > TINY else float("inf")


def _overall(found: Components, spread: float, df2: float, t: int) -> tuple[float | None, float | None]:
    if spread <= TINY or found.ms_modality is None:
        return None, None
    f = found.ms_modality / spread
    # The survival function keeps tiny p values from becoming zero; F with infinite df2 is chi-squared.
    if np.isfinite(df2):
        return f, float(stats.f.sf(f, t - 1, df2))
    return f, float(stats.chi2.sf((t - 1) * f, t - 1))
