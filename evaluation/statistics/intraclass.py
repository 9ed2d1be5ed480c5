"""Intraclass correlations of a complete units x raters table.

McGraw & Wong (1996) names; Shrout & Fleiss (1979) estimators. Interval of ICC(A,k): Spearman-Brown step-up of
the limits of ICC(A,1), as the R package psych gives it (irr gives other limits).
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from evaluation.statistics.results import Estimate
from evaluation.statistics.score_cube import FloatArray

TOO_SMALL = "intraclass correlation needs two units and two raters; found {units} and {raters}"
ALL_EQUAL = "all scores are equal: agreement is not defined"
CANCELLED = "the variance components cancel each other: ICC(A) is not defined"


@dataclass(frozen=True)
class IntraclassCorrelations:
    """ICC(1), ICC(A,1), ICC(C,1) and their averages over k raters."""

    icc_1: Estimate
    icc_a1: Estimate
    icc_c1: Estimate
    icc_1k: Estimate
    icc_ak: Estimate
    icc_ck: Estimate


def step_up(value: float, k: float) -> float:
    """Spearman-Brown: reliability of the mean of k raters from that of one."""
    return k * value / (1 + (k - 1) * value) if 1 + (k - 1) * value != 0 else float("nan")


def intraclass(table: FloatArray, *, level: float = 0.95) -> IntraclassCorrelations:
    """Intraclass correlations of `table` (units, raters).

    Raises:
        ValueError: fewer than two units or raters, a missing value, or no variation at all.
    """
    n, k = table.shape
    if n < 2 or k < 2:
        raise ValueError(TOO_SMALL.format(units=n, raters=k))
    if np.isnan(table).any():
        raise ValueError("intraclass correlation needs a complete table of units x raters")
    grand, rows, columns = table.mean(), table.mean(1), table.mean(0)
    ms_units = float(k * ((rows - grand) ** 2).sum() / (n - 1))
    ms_raters = float(n * ((columns - grand) ** 2).sum() / (k - 1))
    ss_within = float(((table - rows[:, None]) ** 2).sum())
    ms_within = ss_within / (n * (k - 1))
    ms_error = float(((table - rows[:, None] - columns + grand) ** 2).sum() / ((n - 1) * (k - 1)))
    if ms_units == 0 and ss_within == 0:
        raise ValueError(ALL_EQUAL)
    one = _one_way(ms_units, ms_within, n, k, level)
    absolute = _absolute(ms_units, ms_raters, ms_error, n, k, level)
    consistent = _consistent(ms_units, ms_error, n, k, level)
    return IntraclassCorrelations(one[0], absolute[0], consistent[0], one[1], absolute[1], consistent[1])


def _pair(
    name: str, value: float, lower: float, upper: float, n: int, k: int, level: float
) -> tuple[Estimate, Estimate]:
    """ICC of one rater, and of the mean of k by stepping up the value and its limits."""
    single = Estimate(value, (lower, upper), f"ICC({name}1)", level, n)
    average = Estimate(step_up(value, k), (step_up(lower, k), step_up(upper, k)), f"ICC({name}k)", level, n)
    return single, average


def _from_f(f: float, k: int) -> float:
    return (f - 1) / (f + k - 1) if np.isfinite(f) else 1.0


def _f_limits(f: float, df1: float, df2: float, level: float) -> tuple[float, float]:
    tail = (1 - level) / 2
    return f / float(stats.f.isf(tail, df1, df2)), f * float(stats.f.isf(tail, df2, df1))


def _one_way(ms_units: float, ms_within: float, n: int, k: int, level: float) -> tuple[Estimate, Estimate]:
    f = ms_units / ms_within if ms_within else float("inf")
    lower, upper = _f_limits(f, n - 1, n * (k - 1), level)
    return _pair("", _from_f(f, k), _from_f(lower, k), _from_f(upper, k), n, k, level)


def _consistent(ms_units: float, ms_error: float, n: int, k: int, level: float) -> tuple[Estimate, Estimate]:
    f = ms_units / ms_error if ms_error else float("inf")
    lower, upper = _f_limits(f, n - 1, (n - 1) * (k - 1), level)
    return _pair("C,", _from_f(f, k), _from_f(lower, k), _from_f(upper, k), n, k, level)


def _absolute(
    ms_units: float, ms_raters: float, ms_error: float, n: int, k: int, level: float
) -> tuple[Estimate, Estimate]:
    below = ms_units + (k - 1) * ms_error + k * (ms_raters - ms_error) / n
    if below <= 0:
        raise ValueError(CANCELLED)
    value = (ms_units - ms_error) / below
    # Satterthwaite df of the denominator (McGraw & Wong 1996, table 7).
    a = k * value / (n * (1 - value)) if value != 1 else float("inf")
    b = 1 + k * value * (n - 1) / (n * (1 - value)) if value != 1 else float("inf")
    if not np.isfinite(a):
        return _pair("A,", value, 1.0, 1.0, n, k, level)
    spread = (a * ms_raters) ** 2 / (k - 1) + (b * ms_error) ** 2 / ((n - 1) * (k - 1))
    if spread == 0:
        notes = ("the degrees of freedom of its interval are not defined",)
        return (
            Estimate(value, None, "ICC(A,1)", level, n, notes=notes),
            Estimate(step_up(value, k), None, "ICC(A,k)", level, n, notes=notes),
        )
    v = (a * ms_raters + b * ms_error) ** 2 / spread
    tail = (1 - level) / 2
    f_lower, f_upper = float(stats.f.isf(tail, n - 1, v)), float(stats.f.isf(tail, v, n - 1))
    rest = k * ms_raters + (k * n - k - n) * ms_error
    lower = n * (ms_units - f_lower * ms_error) / (f_lower * rest + n * ms_units)
    upper = n * (f_upper * ms_units - ms_error) / (rest + n * f_upper * ms_units)
    return _pair("A,", value, lower, upper, n, k, level)


def cronbach_alpha(table: FloatArray) -> float:
    """Cronbach's alpha of `table` (units, items): ICC(C,k) of raters as items.

    Raises:
        ValueError: as for `intraclass`.
    """
    return intraclass(table).icc_ck.value
