"""McNemar's tests of two paired proportions from the discordant counts b and c."""

from dataclasses import dataclass

from scipy import stats


@dataclass(frozen=True)
class McNemar:
    """Two-sided p values.

    Attributes:
        exact: binomial, b of b + c at 1/2.
        mid_p: the same with half the probability of the observed count (Fagerland 2013): the default.
        chi2, p_chi2: without continuity correction; None without discordant pairs.
        chi2_corrected, p_chi2_corrected: Edwards' correction.
    """

    b: int
    c: int
    exact: float
    mid_p: float
    chi2: float | None
    p_chi2: float | None
    chi2_corrected: float | None
    p_chi2_corrected: float | None


def mcnemar(b: int, c: int) -> McNemar:
    """Tests that b and c come from equal chances; without discordant pairs p is 1.

    Raises:
        ValueError: a count is negative.
    """
    if min(b, c) < 0:
        raise ValueError(f"{b} and {c} are no counts")
    n = b + c
    if n == 0:
        return McNemar(b, c, 1.0, 1.0, None, None, None, None)
    exact = min(1.0, 2 * float(stats.binom.cdf(min(b, c), n, 0.5)))
    mid_p = min(
        1.0, 2 * float(stats.binom.cdf(min(b, c), n, 0.5)) - float(stats.binom.pmf(min(b, c), n, 0.5))
    )
    chi2, corrected = (b - c) ** 2 / n, max(abs(b - c) - 1, 0) ** 2 / n
    return McNemar(
        b,
        c,
        exact,
        mid_p if b != c else 1.0,
        chi2,
        float(stats.chi2.sf(chi2, 1)),
        corrected,
        float(stats.chi2.sf(corrected, 1)),
    )
