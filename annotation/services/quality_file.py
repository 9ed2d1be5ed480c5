"""A campaign's figures of quality as a table: one figure a row, with its counts and, where it has one, its interval."""

from collections.abc import Iterable, Iterator

from annotation.models import Campaign
from annotation.services.wording import safe_cell
from annotation.statistics import pick_rates, quality, support
from annotation.statistics.agreement import Agreement
from annotation.statistics.pick_rates import PickRate
from annotation.statistics.support import Support

HEADER = ("figure", "of", "count", "total", "value", "low", "high", "chance")
Row = tuple[object, ...]


def rows_of(campaign: Campaign) -> list[Row]:
    """Rows under HEADER; shares from 0 to 1, distances in characters, times in seconds; empty where there is none."""
    return [tuple("" if cell is None else cell for cell in row) for row in _rows(campaign)]


def _rows(campaign: Campaign) -> Iterator[Row]:
    for one in quality.by_system(campaign):
        name = safe_cell(one.system)
        share = one.repeated / one.proposals if one.proposals else None
        yield "repeats another proposal", name, one.repeated, one.proposals, share, None, None, None
        yield "left unchanged", name, None, one.corrections, one.unchanged, None, None, None
        yield "median edit", name, None, one.corrections, one.distance, None, None, None
        yield "questions won", name, None, None, one.picked, None, None, None
        for tag, tagged in one.tags.items():
            yield f"error tag {tag}", name, None, one.corrections, tagged, None, None, None
    for tag, (count, distance) in quality.distance_by_tag(campaign).items():
        yield "median edit by error tag", tag, count, None, distance, None, None, None
    yield from _of_positions("picked by order of making", pick_rates.by_index(campaign))
    yield from _of_positions("picked by place seen", pick_rates.by_place(campaign))
    for purpose, (count, seconds) in quality.time_per_task(campaign).items():
        yield "median seconds", purpose, count, None, seconds, None, None, None
    for judgement, found in quality.junior_agreement(campaign).items():
        yield from _of_agreement(f"juniors: {judgement}", found)
    yield from _of_agreement("seniors", quality.senior_agreement(campaign))
    if campaign.senior_overlap > 1:
        count = quality.picked_and_returned(campaign)
        yield "rounds picked by one and sent back by another", "seniors", count, None, None, None, None, None
    yield _of_support("proposals", support.support_of_proposals(campaign))
    yield _of_support("picked answers", support.support_of_picks(campaign))


def _of_positions(figure: str, rates: Iterable[PickRate]) -> Iterator[Row]:
    for rate in rates:
        yield figure, rate.position, rate.picked, rate.of, rate.share, rate.low, rate.high, rate.chance


def _of_agreement(who: str, found: Agreement) -> Iterator[Row]:
    if found.units:
        yield "pairs that agree", who, None, found.units, found.share, None, None, None
        yield "Krippendorff's alpha", who, None, found.units, found.alpha, None, None, None


def _of_support(where: str, found: Support) -> Row:
    return "facts that labels support", where, found.supported, found.stated, found.share, None, None, None
