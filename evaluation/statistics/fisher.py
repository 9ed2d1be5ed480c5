"""Fisher's exact test of two independent proportions."""

from scipy import stats


def fisher_exact(x1: int, n1: int, x2: int, n2: int) -> float:
    """Two-sided p of x1 of n1 against x2 of n2: all tables with these margins that are no likelier (R's rule).

    Raises:
        ValueError: impossible counts.
    """
    for x, n in ((x1, n1), (x2, n2)):
        if n < 1 or not 0 <= x <= n:
            raise ValueError(f"{x} of {n} is not a proportion: give 0 <= events <= total and total >= 1")
    return float(stats.fisher_exact([[x1, n1 - x1], [x2, n2 - x2]]).pvalue)
