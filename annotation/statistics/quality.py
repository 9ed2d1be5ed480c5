"""How good the proposals are: left unchanged, how far edited, which were picked. No text is read for it."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from statistics import median
from uuid import UUID

from django.db.models import Count, F, Sum

from annotation.models import Campaign, Correction, ErrorTag, Pick, Proposal, Question, Return
from annotation.services.picks import choice_of
from annotation.services.training_samples import deciding_pick
from annotation.statistics.agreement import Agreement, nominal_agreement
from annotation.statistics.pick_rates import standing_picks


@dataclass(frozen=True)
class SystemQuality:
    """Proposals of one system.

    Attributes:
        repeated: proposals that repeat another of their question, after all draws that the campaign allows.
        unchanged: share that juniors left as they were.
        distance: median edit distance in characters of those that were changed.
        picked: share of questions (whose deciding pick is of a corrected answer) whose picked answer came from this
            system's proposals.
        tags: share of corrections with each error tag.
    """

    system: str
    proposals: int
    repeated: int
    corrections: int
    unchanged: float | None
    distance: float | None
    picked: float | None
    tags: dict[str, float]


def by_system(campaign: Campaign) -> list[SystemQuality]:
    """One row per system and revision, in alphabetical order; texts are read only where seniors chose differently."""
    corrections = Correction.objects.standing().filter(proposal__question__campaign=campaign)
    rows: dict[str, list[_Corrected]] = defaultdict(list)
    for system, revision, *judged in corrections.values_list(
        "proposal__system", "proposal__revision", "no_change", "edit_distance", "error_tags"
    ):
        rows[_name(system, revision)].append(_Corrected(*judged))
    made: Counter[str] = Counter()
    repeated: Counter[str] = Counter()
    counted = Proposal.objects.filter(question__campaign=campaign).order_by()
    for system, revision, is_distinct, n in counted.values_list("system", "revision", "is_distinct").annotate(
        n=Count("pk")
    ):
        made[_name(system, revision)] += n
        repeated[_name(system, revision)] += 0 if is_distinct else n
    chosen: dict[str, set[object]] = defaultdict(set)
    picks = Pick.objects.filter(pk__in=_deciding(campaign), correction__isnull=False)
    for question, system, revision in picks.values_list(
        "question", "correction__proposal__system", "correction__proposal__revision"
    ):
        chosen[_name(system, revision)].add(question)
    questions = len(set().union(*chosen.values()))
    return [
        _quality(name, made[name], repeated[name], rows[name], len(chosen[name]), questions)
        for name in sorted(made)
    ]


def _deciding(campaign: Campaign) -> list[UUID]:
    """Of each settled question the pick that counts."""
    rows: dict[UUID, list[Pick]] = defaultdict(list)
    for row in standing_picks(campaign).defer("text", "reason").order_by("created_at", "pk"):
        rows[row.question_id].append(row)
    found = []
    for picks in rows.values():
        last = next((row for row in picks if row.is_adjudication), picks[0])
        if not last.is_adjudication and len({row.correction_id for row in picks}) > 1:
            last = deciding_pick(
                Question.objects.select_related("campaign__site", "patient").get(pk=last.question_id)
            )
        found.append(last.pk)
    return found


@dataclass(frozen=True)
class _Corrected:
    no_change: bool
    edit_distance: int
    error_tags: list[str]


def _name(system: str, revision: str) -> str:
    return f"{system} ({revision[:8]})"


def _quality(
    name: str, proposals: int, repeated: int, rows: list[_Corrected], chosen: int, questions: int
) -> SystemQuality:
    changed = [row.edit_distance for row in rows if not row.no_change]
    tags = Counter(tag for row in rows for tag in row.error_tags)
    return SystemQuality(
        system=name,
        proposals=proposals,
        repeated=repeated,
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


def time_per_task(campaign: Campaign) -> dict[str, tuple[int, float]]:
    """Tasks that were timed and their median seconds at work: to correct a question, to pick for one, to adjudicate."""
    # A junior's time on a question is shared out over the rows of its proposals.
    corrections = (
        Correction.objects.filter(proposal__question__campaign=campaign)
        .order_by()
        .values_list("proposal__question", "by_user", "round", "revision")
        .annotate(seconds=Sum("active_seconds"))
    )
    picks = Pick.objects.filter(question__campaign=campaign).values_list("is_adjudication", "active_seconds")
    timed = {
        "correct": [seconds for *_task, seconds in corrections if seconds > 0],
        "pick": [seconds for decided, seconds in picks if seconds > 0 and not decided],
        "adjudicate": [seconds for decided, seconds in picks if seconds > 0 and decided],
    }
    return {purpose: (len(seconds), float(median(seconds))) for purpose, seconds in timed.items() if seconds}


def junior_agreement(campaign: Campaign) -> dict[str, Agreement]:
    """Where several juniors settled one proposal in one round: on whether it needed a change, and on each error tag."""
    rows = Correction.objects.filter(proposal__question__campaign=campaign)
    # What a later round replaced stands in the comparison of its own round.
    rows = rows.exclude(replaced_by__round=F("round"))
    units: dict[object, list[tuple[bool, frozenset[str]]]] = defaultdict(list)
    for proposal, turn, no_change, tags in rows.values_list("proposal", "round", "no_change", "error_tags"):
        units[(proposal, turn)].append((no_change, frozenset(tags)))
    found = {"no_change": nominal_agreement([[one[0] for one in unit] for unit in units.values()])}
    for tag in ErrorTag.values:
        found[tag] = nominal_agreement([[tag in one[1] for one in unit] for unit in units.values()])
    return found


def picked_and_returned(campaign: Campaign) -> int:
    """Rounds in which one senior picked and another sent the question back: no pair of choices, so in no agreement.

    What was sent back after all seniors had picked was the adjudicator's to decide and is not counted.
    """
    picks = Pick.objects.filter(question__campaign=campaign, is_adjudication=False).order_by()
    counted = picks.values_list("question", "round").annotate(n=Count("by_user", distinct=True))
    some = {(question, turn) for question, turn, n in counted if n < campaign.senior_overlap}
    returns = Return.objects.filter(question__campaign=campaign)
    return len(some.intersection(returns.values_list("question", "round")))


def senior_agreement(campaign: Campaign) -> Agreement:
    """Where several seniors picked for one question (adjudications left out): on the picked proposal.

    Corrected answers that read word for word the same are one choice, as for the question's own agreement.
    """
    rows = Pick.objects.standing().filter(question__campaign=campaign, is_adjudication=False)
    units: dict[object, dict[UUID, object]] = defaultdict(dict)
    for question, turn, proposal, pick in rows.values_list("question", "round", "correction__proposal", "pk"):
        # Of several juniors' corrections of one proposal any counts as the same choice.
        units[(question, turn)][pick] = proposal or pick
    # Texts are read where the proposals differ, and nowhere else: each has to be decrypted.
    differing = [pick for labels in units.values() if len(set(labels.values())) > 1 for pick in labels]
    read = Pick.objects.filter(pk__in=differing).select_related("correction__proposal__question__patient")
    # Of a patient who withdrew nothing is left to read.
    choices = {row.pk: choice_of(row) for row in read if row.correction is None or row.correction.text}
    return nominal_agreement([_joined(labels, choices) for labels in units.values()])


def _joined(labels: dict[UUID, object], choices: dict[UUID, str]) -> list[object]:
    """The labels of one question's picks; proposals whose picked answers read the same have one label."""
    first: dict[str, object] = {}
    one: dict[object, object] = {}
    for pick, label in labels.items():
        if pick in choices:
            one.setdefault(label, first.setdefault(choices[pick], label))
    return [one.get(label, label) for label in labels.values()]
