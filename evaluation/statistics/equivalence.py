r"""Non-inferiority and equivalence of two arms from a difference with its standard error.

Non-inferiority (margin M > 0, higher is better): H0: difference <= -M, one-sided at alpha / 2 by default as
guidelines ask (ICH E9). Equivalence: two one-sided tests (Schuirmann 1987), each at alpha; p is the larger one,
and equivalence at alpha is the same as the 1 - 2 alpha interval lying within the margins.
"""

from dataclasses import dataclass

from scipy import stats

from evaluation.statistics.results import Estimate, Interval, t_interval

NO_SE = "the difference has no standard error: no test"


@dataclass(frozen=True)
class MarginTest:
    """A test against a margin.

    Attributes:
        hypothesis: non_inferiority or equivalence.
        margin: in units of the difference, above zero.
        p: one-sided (non-inferiority) or the larger of two one-sided ones; None where there is no test.
        interval: two-sided interval whose limits decide: level 1 - 2 alpha.
        is_shown: the claim holds at alpha.
        alpha: of each one-sided test.
    """

    hypothesis: str
    margin: float
    p: float | None
    interval: Interval | None
    is_shown: bool
    alpha: float
    notes: tuple[str, ...] = ()


def non_inferiority(difference: Estimate, margin: float, *, alpha: float = 0.025) -> MarginTest:
    """Is the first arm no worse than the second by `margin`? `difference` is first - second, higher is better.

    Raises:
        ValueError: the margin is not above zero.
    """
    _check(margin)
    if not difference.se:
        return _without_se("non_inferiority", difference, margin, alpha, difference.value > -margin)
    df = _df(difference)
    p = float(stats.t.sf((difference.value + margin) / difference.se, df))
    interval = t_interval(difference.value, difference.se, df, 1 - 2 * alpha)
    return MarginTest("non_inferiority", margin, p, interval, p < alpha, alpha)


def equivalence(difference: Estimate, margin: float, *, alpha: float = 0.05) -> MarginTest:
    """Do the arms differ by less than `margin` either way (TOST)?

    Raises:
        ValueError: the margin is not above zero.
    """
    _check(margin)
    if not difference.se:
        return _without_se("equivalence", difference, margin, alpha, abs(difference.value) < margin)
    df = _df(difference)
    lower = float(stats.t.sf((difference.value + margin) / difference.se, df))
    upper = float(stats.t.sf((margin - difference.value) / difference.se, df))
    interval = t_interval(difference.value, difference.se, df, 1 - 2 * alpha)
    p = max(lower, upper)
    return MarginTest("equivalence", margin, p, interval, p < alpha, alpha)


def _check(margin: float) -> None:
    if not margin > 0:
        raise ValueError(f"a margin of {margin:g} is not above zero; give it in units of the difference")


def _df(difference: Estimate) -> float:
    return difference.df if difference.df is not None else float("inf")


def _without_se(
    hypothesis: str, difference: Estimate, margin: float, alpha: float, holds: bool
) -> MarginTest:
    """Scores that don't vary at all: the value decides where the variance is zero, and nothing where it is unknown."""
    if difference.se is None:
        return MarginTest(hypothesis, margin, None, None, False, alpha, (NO_SE,))
    return MarginTest(hypothesis, margin, None, difference.interval, holds, alpha, (NO_SE,))
