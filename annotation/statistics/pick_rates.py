"""How often the answer at each position was picked: what leans to one place is habit or the proposer, not truth."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import F

from annotation.models import Campaign, Pick, Question, ShownOrder
from annotation.querysets import PickQuerySet
from mammo.core.intervals import wilson


@dataclass(frozen=True)
class PickRate:
    """Picks of one position.

    Attributes:
        position: from 1.
        picked: picks of the answer that stood there.
        of: picks of questions that had an answer there.
        share, low, high: picked / of with Wilson's interval (95 %, each pick for itself), from 0 to 1; None where
            there was no pick.
        chance: the share that picking blindly would give; None where there was no pick.
    """

    position: int
    picked: int
    of: int
    share: float | None
    low: float | None
    high: float | None
    chance: float | None


def standing_picks(campaign: Campaign) -> PickQuerySet:
    """Picks of settled questions that no later revision replaces, made in the round that settled them."""
    return Pick.objects.standing().filter(
        question__campaign=campaign, question__stage=Question.Stage.PICKED, round=F("question__round")
    )


def by_index(campaign: Campaign) -> list[PickRate]:
    """By the place of the proposal in the order in which they were made; adjudications, which choose among few, apart."""
    rows = standing_picks(campaign).filter(correction__isnull=False, is_adjudication=False)
    found = Counter(rows.values_list("correction__proposal__index", flat=True))
    total, places = sum(found.values()), campaign.proposals_per_question
    return _rates(found, dict.fromkeys(range(places), total), dict.fromkeys(range(places), total / places))


def by_place(campaign: Campaign) -> list[PickRate]:
    """By the place at which the senior saw the answer."""
    shown = ShownOrder.objects.filter(question__campaign=campaign, purpose="pick")
    orders = {tuple(seen): order for *seen, order in shown.values_list("question", "user", "round", "order")}
    found: Counter[int] = Counter()
    offered: Counter[int] = Counter()
    expected: dict[int, float] = {}
    picks = standing_picks(campaign).filter(correction__isnull=False)
    for *seen, correction in picks.values_list("question", "by_user", "round", "correction"):
        order = orders.get(tuple(seen), [])
        if str(correction) not in order:
            continue
        found[order.index(str(correction))] += 1
        for place in range(len(order)):
            offered[place] += 1
            expected[place] = expected.get(place, 0.0) + 1 / len(order)
    return _rates(found, offered, expected)


def _rates(
    found: Mapping[int, int], offered: Mapping[int, int], expected: Mapping[int, float]
) -> list[PickRate]:
    """One row per position that was offered.

    Args:
        expected: picks that chance would bring to each position.
    """
    rows = []
    for place, of in sorted(offered.items()):
        picked = found.get(place, 0)
        low, high = wilson(picked, of) if of else (None, None)
        share, chance = (picked / of, expected[place] / of) if of else (None, None)
        rows.append(PickRate(place + 1, picked, of, share, low, high, chance))
    return rows
