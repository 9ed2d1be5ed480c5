"""Checks of a table's own numbers; what they find is printed beside them.

The four of PAPER.md section 6: rates that fit no counts, an AUC from a binary rating, an interval narrower than one
case, and sums that do not add up.
"""

from collections.abc import Iterable, Sequence

from django.utils.translation import gettext as _

from evaluation.statistics.results import Estimate


def auc_of_two_values(label: str, scores: Iterable[float]) -> list[str]:
    """An AUC of scores with two values is one operating point."""
    if len(set(scores)) > 2:
        return []
    return [
        _(
            "%(label)s: the score has at most two values; its AUC is that of one operating point, (SEN + SPC) / 2."
        )
        % {"label": label}
    ]


def narrower_than_one_case(label: str, estimate: Estimate, cases: int) -> list[str]:
    """An interval of a share of `cases` cannot be narrower than one of them (unless it is a point at 0 or 1)."""
    if estimate.interval is None or cases < 1:
        return []
    width = estimate.interval[1] - estimate.interval[0]
    if width >= 1 / cases or (width == 0 and estimate.value in (0.0, 1.0)):
        return []
    return [
        _(
            "%(label)s: the interval [%(low).4f, %(high).4f] is narrower than one of %(cases)s cases (%(one).4f)."
        )
        % {
            "label": label,
            "low": estimate.interval[0],
            "high": estimate.interval[1],
            "cases": cases,
            "one": 1 / cases,
        }
    ]


def auc_without_width(label: str, estimate: Estimate, cases: int) -> list[str]:
    """An AUC of 0 or 1 has no variance by DeLong: its interval is a point, which says nothing of how sure it is."""
    if (
        estimate.interval is None
        or estimate.interval[0] < estimate.interval[1]
        or estimate.value not in (0.0, 1.0)
    ):
        return []
    return [
        _(
            "%(label)s: all of the %(cases)s cases are told apart, so the interval has no width. That is no "
            "certainty: an AUC somewhat nearer to chance looks the same in so few."
        )
        % {"label": label, "cases": cases}
    ]


def counts_of_rates(
    total: int, sen: float, spc: float, ppv: float, npv: float, *, digits: int = 2
) -> tuple[int, ...]:
    """Numbers of positives among `total` cases that give all four rates as printed (to `digits` decimals)."""
    half = 0.5 * 10**-digits + 1e-9
    return tuple(
        positives for positives in range(1, total) if _fits(total, positives, (sen, spc, ppv, npv), half)
    )


def _fits(total: int, positives: int, rates: tuple[float, float, float, float], half: float) -> bool:
    sen, spc, ppv, npv = rates
    negatives = total - positives
    for tp in _whole(sen, positives, half):
        for tn in _whole(spc, negatives, half):
            fp, fn = negatives - tn, positives - tp
            if (
                tp + fp
                and tn + fn
                and abs(tp / (tp + fp) - ppv) <= half
                and abs(tn / (tn + fn) - npv) <= half
            ):
                return True
    return False


def _whole(rate: float, cases: int, half: float) -> range:
    """Counts whose share of `cases` rounds to `rate`."""
    low = max(0, int(-(-((rate - half) * cases) // 1)))
    return range(low, min(cases, int((rate + half) * cases)) + 1)


def rates_fit(
    label: str,
    total: int,
    rates: tuple[float, float, float, float],
    *,
    digits: int = 2,
    positives: int | None = None,
) -> list[str]:
    """Sensitivity, specificity, PPV and NPV must come from some counts of `total` cases.

    Args:
        positives: how many of the cases are positive; where it is not known any number may be.
    """
    if positives is not None:
        fits = _fits(total, positives, rates, 0.5 * 10**-digits + 1e-9)
    else:
        fits = bool(counts_of_rates(total, *rates, digits=digits))
    if fits:
        return []
    return [
        _(
            "%(label)s: no counts of %(total)s cases give these sensitivity, specificity, PPV and NPV together."
        )
        % {"label": label, "total": total}
    ]


def sums_differ(label: str, parts: Sequence[int], total: int) -> list[str]:
    """Parts must add up to their total."""
    if sum(parts) == total:
        return []
    return [
        _("%(label)s: the parts add up to %(sum)s, the total says %(total)s.")
        % {"label": label, "sum": sum(parts), "total": total}
    ]
