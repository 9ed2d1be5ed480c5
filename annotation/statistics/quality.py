"""How good the proposals are: left unchanged, how far edited, which were picked, what the record supports."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from annotation.models import Campaign, Correction, ErrorTag, Pick, Proposal, Question, ShownOrder
from annotation.querysets import PickQuerySet
from annotation.statistics.agreement import Agreement, nominal_agreement
from mammo.archive.models import Study
from mammo.archive.report_reading import read_report
from mammo.core.encryption import ErasedText


@dataclass(frozen=True)
class SystemQuality:
    """Proposals of one system.

    Attributes:
        unchanged: share that juniors left as they were.
        distance: median edit distance in characters of those that were changed.
        picked: share of questions (with a pick) whose picked answer came from this system's proposals.
        tags: share of corrections with each error tag.
    """

    system: str
    proposals: int
    corrections: int
    unchanged: float | None
    distance: float | None
    picked: float | None
    tags: dict[str, float]


def by_system(campaign: Campaign) -> list[SystemQuality]:
    """One row per system and revision, in alphabetical order."""
    corrections = Correction.objects.standing().filter(proposal__question__campaign=campaign)
    rows: dict[str, list[Correction]] = defaultdict(list)
    for row in corrections.select_related("proposal").defer(
        "text", "notes", "proposal__text", "proposal__raw"
    ):
        rows[_name(row.proposal)].append(row)
    made: Counter[str] = Counter()
    for proposal in Proposal.objects.filter(question__campaign=campaign).defer("text", "raw"):
        made[_name(proposal)] += 1
    picks = [
        pick
        for pick in _standing_picks(campaign).select_related("correction__proposal")
        if pick.correction is not None
    ]
    questions = {pick.question_id for pick in picks}
    chosen: dict[str, set[object]] = defaultdict(set)
    for pick in picks:
        if pick.correction is not None:
            chosen[_name(pick.correction.proposal)].add(pick.question_id)
    return [
        _quality(name, made[name], rows[name], len(chosen[name]), len(questions)) for name in sorted(made)
    ]


def _name(proposal: Proposal) -> str:
    return f"{proposal.system} ({proposal.revision[:8]})"


def _standing_picks(campaign: Campaign) -> PickQuerySet:
    return (
        Pick.objects.standing()
        .filter(question__campaign=campaign, question__stage=Question.Stage.PICKED)
        .defer("text", "reason")
    )


def _quality(name: str, proposals: int, rows: list[Correction], chosen: int, questions: int) -> SystemQuality:
    changed = [row.edit_distance for row in rows if not row.no_change]
    tags = Counter(tag for row in rows for tag in row.error_tags)
    return SystemQuality(
        system=name,
        proposals=proposals,
        corrections=len(rows),
        unchanged=1 - len(changed) / len(rows) if rows else None,
        distance=float(median(changed)) if changed else None,
        picked=chosen / questions if questions else None,
        tags={tag: tags[tag] / len(rows) for tag in ErrorTag.values if rows},
    )


def distance_by_tag(campaign: Campaign) -> dict[str, tuple[int, float]]:
    """Number and median edit distance of the corrections that carry each error tag."""
    found: dict[str, list[int]] = defaultdict(list)
    rows = Correction.objects.standing().filter(proposal__question__campaign=campaign)
    for tags, distance in rows.values_list("error_tags", "edit_distance"):
        for tag in tags:
            found[tag].append(distance)
    return {tag: (len(found[tag]), float(median(found[tag]))) for tag in ErrorTag.values if found[tag]}


def picks_by_index(campaign: Campaign) -> dict[int, int]:
    """Picks by the place of the proposal in the order it was made: chance would spread them evenly."""
    rows = _standing_picks(campaign).filter(correction__isnull=False)
    return dict(sorted(Counter(rows.values_list("correction__proposal__index", flat=True)).items()))


def picks_by_place(campaign: Campaign) -> dict[int, int]:
    """Picks by the place at which the senior saw the answer: what leans to the first place is habit."""
    orders = {
        (row.question_id, row.user_id, row.round): row.order
        for row in ShownOrder.objects.filter(question__campaign=campaign, purpose="pick")
    }
    found: Counter[int] = Counter()
    for pick in _standing_picks(campaign).filter(correction__isnull=False):
        order = orders.get((pick.question_id, pick.by_user_id, pick.round), [])
        if str(pick.correction_id) in order:
            found[order.index(str(pick.correction_id))] += 1
    return dict(sorted(found.items()))


def junior_agreement(campaign: Campaign) -> dict[str, Agreement]:
    """Where several juniors settled one proposal: on whether it needed a change, and on each error tag."""
    rows = Correction.objects.standing().filter(proposal__question__campaign=campaign)
    units: dict[object, list[tuple[bool, frozenset[str]]]] = defaultdict(list)
    for proposal, turn, no_change, tags in rows.values_list("proposal", "round", "no_change", "error_tags"):
        units[(proposal, turn)].append((no_change, frozenset(tags)))
    found = {"no_change": nominal_agreement([[one[0] for one in unit] for unit in units.values()])}
    for tag in ErrorTag.values:
        found[tag] = nominal_agreement([[tag in one[1] for one in unit] for unit in units.values()])
    return found


def senior_agreement(campaign: Campaign) -> Agreement:
    """Where several seniors picked for one question (adjudications left out): on the picked proposal."""
    rows = Pick.objects.standing().filter(question__campaign=campaign, is_adjudication=False)
    units: dict[object, list[object]] = defaultdict(list)
    for pick in rows.select_related("correction").defer("text", "reason", "correction__text"):
        # Of several juniors' corrections of one proposal any counts as the same choice.
        label = pick.correction.proposal_id if pick.correction is not None else pick.pk
        units[(pick.question_id, pick.round)].append(label)
    return nominal_agreement(list(units.values()))


@dataclass(frozen=True)
class Support:
    """Facts that answers state and the labels of the study can confirm or refute."""

    stated: int
    supported: int

    @property
    def share(self) -> float | None:
        """Supported of stated; None where nothing was stated."""
        return self.supported / self.stated if self.stated else None


def support_of_proposals(campaign: Campaign) -> Support:
    """Facts in the proposals (density, BI-RADS by side) that the labels of the study support."""
    rows = Proposal.objects.filter(question__campaign=campaign, question__study__isnull=False)
    return _support((row.text, row.question.study) for row in rows.select_related("question__study"))


def support_of_picks(campaign: Campaign) -> Support:
    """The same for the picked answers: what a model trained on them learns to assert."""
    rows = Pick.objects.standing().filter(
        question__campaign=campaign, question__stage="picked", question__study__isnull=False
    )
    return _support((row.text, row.question.study) for row in rows.select_related("question__study"))


def _support(texts: Iterable[tuple[str, Study | None]]) -> Support:
    stated = supported = 0
    for text, study in texts:
        if study is None or isinstance(text, ErasedText):
            continue
        said = read_report(str(text))
        facts = [(said.density, study.density)]
        sides = [(said.birads.left, study.birads_left), (said.birads.right, study.birads_right)]
        facts += (
            sides if any(value for value, _known in sides) else [(said.birads.overall, study.birads_overall)]
        )
        for value, known in facts:
            if value and known:
                stated += 1
                supported += _agrees(value, known)
    return Support(stated, supported)


def _agrees(said: str, known: str) -> bool:
    return said == known or (said[:1] == known[:1] == "4" and "4" in (said, known))
