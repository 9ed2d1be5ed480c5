"""What every statistic returns: an estimate with its interval and the name of its method."""

from dataclasses import dataclass, field, replace

from scipy import stats

from evaluation.statistics.names import ADJUSTMENTS as ADJUSTMENTS

Interval = tuple[float, float]


@dataclass(frozen=True)
class Estimate:
    """An estimate with its interval.

    Attributes:
        value: the point estimate, in the units of the input.
        interval: lower and upper limit; None where the data allow none (`notes` says why).
        method: name of estimator and interval.
        level: confidence level.
        n: number of observations behind the value.
        se: standard error; None for intervals that have none (bootstrap percentiles give their own spread).
        df: degrees of freedom of the t distribution behind the interval.
        notes: what a reader of the number must know.
    """

    value: float
    interval: Interval | None
    method: str
    level: float = 0.95
    n: int = 0
    se: float | None = None
    df: float | None = None
    notes: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class Contrast:
    """A difference `first - second` with its interval and two-sided test.

    `statistic`, `df` and `p` are None where no test is defined (`estimate.notes` says why); `p_adjusted` is p after
    the adjustment for several contrasts that the analysis was asked for.
    """

    first: str
    second: str
    estimate: Estimate
    statistic: float | None = None
    p: float | None = None
    p_adjusted: float | None = None


def turned(contrast: Contrast) -> Contrast:
    """The same difference the other way round."""
    estimate, interval = contrast.estimate, contrast.estimate.interval
    return Contrast(
        contrast.second,
        contrast.first,
        replace(estimate, value=-estimate.value, interval=(-interval[1], -interval[0]) if interval else None),
        None if contrast.statistic is None else -contrast.statistic,
        contrast.p,
        contrast.p_adjusted,
    )


def t_interval(value: float, se: float, df: float, level: float) -> Interval:
    """Symmetric interval from Student's t with `df` degrees of freedom."""
    half = float(stats.t.isf((1 - level) / 2, df)) * se
    return value - half, value + half


def adjust(p_values: list[float | None], adjustment: str) -> list[float | None]:
    """p values adjusted for several tests; None stays None and does not count.

    Args:
        adjustment: one of ADJUSTMENTS, or hochberg (1988, step-up) or bh (Benjamini and Hochberg 1995, the false
            discovery rate), which no protocol plans.

    Raises:
        ValueError: an unknown adjustment.
    """
    if adjustment == "none":
        return p_values
    if adjustment == "holm":
        return holm(p_values)
    if adjustment == "bonferroni":
        count = sum(p is not None for p in p_values)
        return [None if p is None else min(1.0, p * count) for p in p_values]
    if adjustment in ("hochberg", "bh"):
        return _step_up(p_values, is_rate=adjustment == "bh")
    raise ValueError(f"unknown adjustment {adjustment!r}; known: {', '.join(ADJUSTMENTS)}")


def holm(p_values: list[float | None]) -> list[float | None]:
    """Holm (1979) step-down adjusted p values; None stays None and does not count."""
    known = sorted((p, index) for index, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    running = 0.0
    for rank, (p, index) in enumerate(known):
        running = max(running, min(1.0, p * (len(known) - rank)))
        adjusted[index] = running
    return adjusted


def _step_up(p_values: list[float | None], *, is_rate: bool) -> list[float | None]:
    """From the largest p down: times its rank from above (Hochberg), or times m over its rank (the rate)."""
    known = sorted(((p, index) for index, p in enumerate(p_values) if p is not None), reverse=True)
    adjusted: list[float | None] = [None] * len(p_values)
    running, m = 1.0, len(known)
    for place, (p, index) in enumerate(known):
        running = min(running, p * (m / (m - place) if is_rate else place + 1))
        adjusted[index] = running
    return adjusted
