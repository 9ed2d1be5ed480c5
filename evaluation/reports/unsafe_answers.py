"""Answers that raters flagged as unsafe: rate per arm, how far raters agree, and the texts."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from django.db.models import Q
from django.utils.translation import gettext as _

from evaluation.models import Answer, FormRemark, Score, Slot, Trial
from evaluation.reports.table import Cell, Column, Row, Table, software_version
from evaluation.reports.trial_scores import (
    arm_keys,
    arm_labels,
    erased_questions,
    is_any_simulated,
    require_locked,
)
from evaluation.services.dialogues import conversation
from evaluation.statistics.krippendorff import alpha
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
    """Per arm: answers flagged by any rater and by two or more, forms flagged, each with Wilson's interval, and how
    often another rater agreed.

    Raises:
        WrongStateError: the trial is not locked.
    """
    require_locked(trial)
    forms = _forms(trial, simulated)
    by_arm: dict[str, list[_Form]] = {}
    for form in forms:
        by_arm.setdefault(form.arm, []).append(form)
    keys = arm_keys(trial)
    rows = [Row(keys[pk], label, _cells(by_arm[pk])) for pk, label in arm_labels(trial) if pk in by_arm]
    is_simulated = any(form.is_simulated for form in forms)
    caption = _("Answers flagged as unsafe, by arm: shares [95%% CI] of %(answers)s scored answers.") % {
        "answers": len({form.answer for form in forms})
    }
    if is_simulated:
        caption += " " + _("Not a result: %(what)s.") % {"what": _("simulated rows")}
    return Table(
        number=NUMBER,
        caption=caption,
        stub=_("Arm"),
        columns=[
            Column("any", _("answers flagged by a rater")),
            Column("several", _("answers flagged by two or more")),
            Column("forms", _("forms flagged")),
            Column("agreed", _("another rater agreed")),
        ],
        rows=rows,
        method=_("Method: %(method)s.") % {"method": "Wilson"},
        version=software_version(),
        notes=[
            *_agreement(forms),
            _("Raters flag what could harm the patient if she followed it; answers are not independent."),
        ],
        is_simulated=is_simulated,
        sources=[form.source() for form in forms],
    )


@dataclass(frozen=True)
class _Form:
    """One scored form: whose answer, who read it, and whether it was flagged."""

    slot: str
    answer: UUID
    arm: str
    question: int
    rater: str
    is_flagged: bool
    is_simulated: bool

    def source(self) -> Mapping[str, object]:
        return {
            "form": self.slot,
            "arm": self.arm,
            "question": f"Q{self.question:03d}",
            "rater": self.rater,
            "unsafe": int(self.is_flagged),
            "simulated": self.is_simulated,
        }


def _forms(trial: Trial, simulated: bool) -> list[_Form]:
    """Every form that counts, raters under their pseudonyms."""
    remarks = FormRemark.objects.filter(_of(trial, simulated), replaced_by__isnull=True, is_unsafe=True)
    flagged = set(remarks.values_list("slot_id", flat=True))
    raters = trial.raters.order_by("pk").values_list("pk", flat=True)
    names = {pk: f"R{place:02d}" for place, pk in enumerate(raters, start=1)}
    fields = (
        *("slot_id", "slot__answer_id", "slot__answer__arm_id", "slot__answer__question__position"),
        *("slot__rater_id", "is_simulated"),
    )
    rows = Score.objects.standing().filter(_of(trial, simulated)).order_by("slot__rater", "slot__position")
    # What a form shows may be simulated too: random-weight models, synthetic patients.
    invented = is_any_simulated(trial)
    forms: dict[UUID, _Form] = {}
    for slot, answer, arm, question, rater, is_simulated in rows.values_list(*fields):
        forms[slot] = _Form(
            *(str(slot), answer, str(arm), question, names[rater]),
            *(slot in flagged, bool(is_simulated) or invented),
        )
    return list(forms.values())


def _cells(forms: list[_Form]) -> dict[str, Cell]:
    flags, raters = _counts(forms)
    values = list(flags.values())
    # Of the other raters of an answer that someone flagged, how many flagged it too.
    pairs = sum(count * (raters[answer] - 1) for answer, count in flags.items())
    both = sum(count * (count - 1) for count in values)
    found = {
        "any": wilson(sum(count > 0 for count in values), len(values)),
        "several": wilson(sum(count > 1 for count in values), len(values)),
        "forms": wilson(sum(values), len(forms)),
    }
    sources = tuple(form.slot for form in forms if form.is_flagged)
    cells = {key: Cell(estimate, digits=3, sources=sources) for key, estimate in found.items()}
    agreed = Estimate(both / pairs, None, "share of pairs", n=pairs) if pairs else None
    return cells | {"agreed": Cell(agreed, digits=3, sources=sources)}


def _counts(forms: list[_Form]) -> tuple[dict[UUID, int], dict[UUID, int]]:
    """Flags and raters of each answer."""
    flags: dict[UUID, int] = {}
    raters: dict[UUID, int] = {}
    for form in forms:
        flags[form.answer] = flags.get(form.answer, 0) + form.is_flagged
        raters[form.answer] = raters.get(form.answer, 0) + 1
    return flags, raters


def _agreement(forms: list[_Form]) -> list[str]:
    """Krippendorff's alpha of the flags over all answers; nothing where nobody or everybody flagged."""
    answers = {answer: place for place, answer in enumerate(dict.fromkeys(f.answer for f in forms))}
    names = {name: place for place, name in enumerate(sorted({f.rater for f in forms}))}
    table = np.full((len(answers), len(names)), np.nan)
    for form in forms:
        table[answers[form.answer], names[form.rater]] = float(form.is_flagged)
    try:
        found = alpha(table, level="nominal")
    except ValueError:
        return []
    return [
        _(
            "Agreement of the raters on the flags, all arms together: Krippendorff's alpha %(alpha).2f (nominal); "
            "“another rater agreed” is the share of the other raters of a flagged answer who flagged it too."
        )
        % {"alpha": found.value}
    ]


def _of(trial: Trial, simulated: bool) -> Q:
    found = Q(slot__rater__trial=trial, slot__rater__withdrawn_at__isnull=True, slot__kind=Slot.Kind.SCORED)
    found &= ~Q(slot__answer__question__in=erased_questions(trial))
    return found if simulated else found & Q(is_simulated=False)


def _raters_per_answer(trial: Trial, simulated: bool) -> Mapping[UUID, int]:
    """Forms scored of each answer."""
    slots = set(Score.objects.filter(_of(trial, simulated)).values_list("slot_id", "slot__answer_id"))
    counts: dict[UUID, int] = {}
    for _slot, answer in slots:
        counts[answer] = counts.get(answer, 0) + 1
    return counts
