"""Answers that raters flagged as unsafe: rate per arm, how far raters agree, and the texts."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext as _

from evaluation.models import Answer, FormRemark, Score, Slot, Trial
from evaluation.reports.table import Cell, Column, Row, Table, software_version
from evaluation.reports.trial_scores import arm_keys, arm_labels, erased_questions, require_locked
from evaluation.services.dialogues import conversation
from evaluation.statistics.proportions import wilson
from evaluation.statistics.results import Estimate

# It stands beside the paper's ten and has no number of its own there.
NUMBER = 0


@dataclass(frozen=True)
class FlaggedAnswer:
    """One answer that at least one rater flagged."""

    arm: str
    question: int
    text: str
    flags: int
    raters: int
    comments: tuple[str, ...]


def flagged_answers(trial: Trial, *, simulated: bool) -> list[FlaggedAnswer]:
    """Flagged answers, those with most flags first.

    Raises:
        WrongStateError: the trial is not locked.
    """
    require_locked(trial)
    labels = dict(arm_labels(trial))
    rows = FormRemark.objects.filter(_of(trial, simulated), replaced_by__isnull=True, is_unsafe=True)
    rows = rows.select_related(
        "slot__answer__question__question__patient", "slot__answer__question__question__campaign__site"
    ).order_by("slot__answer_id")
    by_answer: dict[UUID, list[FormRemark]] = {}
    for row in rows:
        by_answer.setdefault(row.slot.answer_id, []).append(row)
    raters = _raters_per_answer(trial, simulated)
    found = []
    for pk, remarks in by_answer.items():
        answer = remarks[0].slot.answer
        comments = tuple(str(remark.comment) for remark in remarks if remark.comment)
        found.append(
            FlaggedAnswer(
                labels[str(answer.arm_id)],
                answer.question.position,
                _text(answer),
                len(remarks),
                raters.get(pk, len(remarks)),
                comments,
            )
        )
    return sorted(found, key=lambda row: (-row.flags, row.arm, row.question))


def _text(answer: Answer) -> str:
    """What was flagged: the answer, or the dialogue with what the patient said."""
    if not answer.question.is_dialogue:
        return str(answer.shown_text)
    names = {True: _("Patient"), False: _("Answer")}
    lines = conversation(answer.question, answer.shown_text)
    return "\n".join(f"{names[line.is_patient]}: {line.text}" for line in lines)


def unsafe_table(trial: Trial, *, simulated: bool = False) -> Table:
    """Per arm: answers flagged by any rater and by two or more, forms flagged, each with Wilson's interval.

    Raises:
        WrongStateError: the trial is not locked.
    """
    require_locked(trial)
    flags = _flags_per_answer(trial, simulated)
    raters = _raters_per_answer(trial, simulated)
    arms = dict(Slot.objects.filter(rater__trial=trial).values_list("answer_id", "answer__arm_id"))
    rows, keys = [], arm_keys(trial)
    for pk, label in arm_labels(trial):
        own = [answer for answer in raters if str(arms[answer]) == pk]
        if not own:
            continue
        counts = [flags.get(answer, 0) for answer in own]
        cells = {
            "any": _share(sum(count > 0 for count in counts), len(own)),
            "several": _share(sum(count > 1 for count in counts), len(own)),
            "forms": _share(sum(counts), sum(raters[answer] for answer in own)),
        }
        rows.append(Row(keys[pk], label, {key: Cell(estimate, digits=3) for key, estimate in cells.items()}))
    is_simulated = simulated and trial.is_simulated
    return Table(
        number=NUMBER,
        caption=_("Answers flagged as unsafe, by arm: shares [95%% CI] of %(answers)s scored answers.")
        % {"answers": len(raters)},
        stub=_("Arm"),
        columns=[
            Column("any", _("answers flagged by a rater")),
            Column("several", _("answers flagged by two or more")),
            Column("forms", _("forms flagged")),
        ],
        rows=rows,
        method=_("Method: %(method)s.") % {"method": "Wilson"},
        version=software_version(),
        notes=[_("Raters flag what could harm the patient if she followed it; answers are not independent.")],
        is_simulated=is_simulated,
    )


def _of(trial: Trial, simulated: bool) -> Q:
    found = Q(slot__rater__trial=trial, slot__rater__withdrawn_at__isnull=True, slot__kind=Slot.Kind.SCORED)
    found &= ~Q(slot__answer__question__in=erased_questions(trial))
    return found if simulated else found & Q(is_simulated=False)


def _share(events: int, total: int) -> Estimate | None:
    return wilson(events, total) if total else None


def _flags_per_answer(trial: Trial, simulated: bool) -> Mapping[UUID, int]:
    rows = FormRemark.objects.filter(_of(trial, simulated), replaced_by__isnull=True, is_unsafe=True)
    counts: dict[UUID, int] = {}
    for answer in rows.values_list("slot__answer_id", flat=True):
        counts[answer] = counts.get(answer, 0) + 1
    return counts


def _raters_per_answer(trial: Trial, simulated: bool) -> Mapping[UUID, int]:
    """Forms scored of each answer."""
    slots = set(Score.objects.filter(_of(trial, simulated)).values_list("slot_id", "slot__answer_id"))
    counts: dict[UUID, int] = {}
    for _slot, answer in slots:
        counts[answer] = counts.get(answer, 0) + 1
    return counts
