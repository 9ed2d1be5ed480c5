"""Agreement of several people on the same thing. Pure functions of labels."""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations


@dataclass(frozen=True)
class Agreement:
    """Share of agreeing pairs, and Krippendorff's alpha for nominal labels.

    Attributes:
        units: things that at least two people judged.
        share: of pairs that agree; None without units.
        alpha: 1 is perfect, 0 what chance gives; None where only one label was ever given.
    """

    units: int
    share: float | None
    alpha: float | None


def nominal_agreement(units: Iterable[Sequence[Hashable]]) -> Agreement:
    """Agreement on nominal labels, any number of people per unit.

    alpha = 1 - D_observed / D_expected over the coincidence matrix (Krippendorff, Content Analysis, 3rd ed.,
    section 11.3; Computing Krippendorff's Alpha-Reliability, 2011, example C).

    Args:
        units: the labels that each thing got; things with fewer than two labels are left out.
    """
    paired = [list(labels) for labels in units if len(labels) > 1]
    if not paired:
        return Agreement(0, None, None)
    agreeing = pairs = 0
    observed = 0.0
    totals: Counter[Hashable] = Counter()
    for labels in paired:
        differing = sum(a != b for a, b in combinations(labels, 2))
        count = len(labels) * (len(labels) - 1) // 2
        pairs += count
        agreeing += count - differing
        # Each ordered pair counts 1 / (m - 1) in the coincidence matrix.
        observed += 2 * differing / (len(labels) - 1)
        totals.update(labels)
    n = sum(totals.values())
    expected = (n * n - sum(count * count for count in totals.values())) / (n - 1)
    alpha = None if expected == 0 else 1 - observed / expected
    return Agreement(len(paired), agreeing / pairs, alpha)
