"""The leak report of a locked trial: what could have told raters the arms apart, by how much, and whether it did."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import numpy as np
from django.utils.translation import gettext as _
from scipy import stats

from evaluation.answers.dialogue import parts_of, readable
from evaluation.models import Answer, Arm, AuthorGuess, Score, Slot, Trial
from evaluation.reports.trial_scores import arm_labels, erased_questions, require_locked
from evaluation.services.dialogues import raw_answers
from evaluation.statistics.blinding import StyleResult, bang_index, style_classifier
from evaluation.statistics.results import Estimate


@dataclass(frozen=True)
class LengthRow:
    """Length of the shown text against the score of one aspect.

    Attributes:
        overall: Spearman's correlation over answers; within: the mean of the arms' own correlations.
    """

    aspect: str
    overall: float | None
    within: float | None
    answers: int


@dataclass(frozen=True)
class ArmRow:
    """One arm's texts and how they were taken; of a dialogue all its answers count.

    Attributes:
        changed: share of answers whose shown text differs from the raw one.
        raw, shown: mean lengths in characters. All three are None before unblinding: whoever uploaded the texts could
            tell the code of the arm by them.
        guesses: counts of ai, doctor, unknown.
        bang: Bang's index; None before unblinding, for the reference, or without guesses.
    """

    label: str
    answers: int
    changed: float | None
    raw: float | None
    shown: float | None
    guesses: Mapping[str, int]
    bang: Estimate | None


@dataclass(frozen=True)
class LeakReport:
    """Attributes:
    style: None where there are too few texts.
    groups: Bang's index over all systems and over all doctors, by kind; none before unblinding: beside the counts by
        code it would tell which codes are doctors.
    screened: how many rules settled findings of the screen before freezing, by their action.
    """

    lengths: list[LengthRow]
    arms: list[ArmRow]
    style: StyleResult | None
    groups: dict[str, Estimate]
    screened: dict[str, int] = field(default_factory=dict)

    @property
    def notes(self) -> list[str]:
        """What stands beside the indices; nothing where nobody guessed."""
        if not self.groups:
            return []
        indices = [*self.groups.values(), *(row.bang for row in self.arms if row.bang is not None)]
        unanimous = any(index.interval is None for index in indices)
        return [
            *(
                [
                    _(
                        "Where all guesses are alike Bang's index has no interval: its formula knows no variance then."
                    )
                ]
                if unanimous
                else []
            ),
            _(
                "Bang's intervals take all guesses as independent. Each rater gives several, and raters differ in how "
                "well they guess: the intervals are too narrow."
            ),
        ]


def leak_report(trial: Trial, *, simulated: bool = False) -> LeakReport:
    """Compute the report.

    Raises:
        WrongStateError: the trial is not locked, or its design was altered.
    """
    require_locked(trial)
    answers = list(
        Answer.objects.filter(arm__trial=trial, arm__left_out_reason="")
        .exclude(question__in=erased_questions(trial))
        .select_related("question__question__patient", "question__question__campaign__site")
        .order_by("question__position", "arm_id")
    )
    guesses = _guesses(trial, simulated=simulated)
    kinds = dict(trial.arms.values_list("pk", "kind"))
    return LeakReport(
        _lengths(trial, answers, simulated=simulated),
        _arms(trial, answers, guesses, kinds),
        _style(answers, trial.seed),
        _groups(guesses, kinds) if trial.state == Trial.State.UNBLINDED else {},
        dict(Counter(str(rule.get("action", "")) for rule in trial.screening)),
    )


def report_of(document: Mapping[str, Any]) -> LeakReport:
    """The report that `dataclasses.asdict` gave, after a passage through JSON."""
    style = document["style"]
    return LeakReport(
        [LengthRow(**row) for row in document["lengths"]],
        [ArmRow(**{**row, "bang": _estimate(row["bang"])}) for row in document["arms"]],
        StyleResult(**{**style, "accuracy": _estimate(style["accuracy"])}) if style else None,
        # JSON files hold the kinds in the order of their names.
        {
            kind.value: estimate
            for kind in (Arm.Kind.SYSTEM, Arm.Kind.HUMAN)
            if (estimate := _estimate(document["groups"].get(kind.value)))
        },
        dict(document["screened"]),
    )


def _estimate(row: Mapping[str, Any] | None) -> Estimate | None:
    if row is None:
        return None
    interval = tuple(row["interval"]) if row["interval"] is not None else None
    return Estimate(**{**row, "interval": interval, "notes": tuple(row["notes"])})


def _guesses(trial: Trial, *, simulated: bool) -> dict[UUID, dict[str, int]]:
    rows = AuthorGuess.objects.filter(slot__rater__trial=trial, slot__rater__withdrawn_at__isnull=True)
    rows = rows.exclude(slot__answer__question__in=erased_questions(trial))
    if not simulated:
        # Of earlier versions guesses on simulated answers bear no mark of their own.
        rows = rows.filter(is_simulated=False, slot__answer__is_simulated=False)
    counts: dict[UUID, dict[str, int]] = {}
    for arm, guess in rows.values_list("slot__answer__arm_id", "guess"):
        of_arm = counts.setdefault(arm, dict.fromkeys(AuthorGuess.Guess.values, 0))
        of_arm[guess] += 1
    return counts


def _bang(counts: Mapping[str, int], kind: str) -> Estimate | None:
    """Index of answers of one kind; the reference is neither a system nor one doctor."""
    if kind == Arm.Kind.REFERENCE or not sum(counts.values()):
        return None
    right, wrong = (counts["ai"], counts["doctor"])
    if kind == Arm.Kind.HUMAN:
        right, wrong = wrong, right
    return bang_index(right, wrong, counts["unknown"])


def _groups(guesses: Mapping[UUID, Mapping[str, int]], kinds: Mapping[UUID, str]) -> dict[str, Estimate]:
    found = {}
    for kind in (Arm.Kind.SYSTEM, Arm.Kind.HUMAN):
        total = dict.fromkeys(AuthorGuess.Guess.values, 0)
        for arm, counts in guesses.items():
            if kinds[arm] == kind:
                total = {guess: total[guess] + counts[guess] for guess in total}
        index = _bang(total, kind)
        if index is not None:
            found[kind.value] = index
    return found


def _arms(
    trial: Trial,
    answers: Sequence[Answer],
    guesses: Mapping[UUID, Mapping[str, int]],
    kinds: Mapping[UUID, str],
) -> list[ArmRow]:
    unmasked = trial.state == Trial.State.UNBLINDED
    by_arm: dict[str, list[Answer]] = {}
    for answer in answers:
        by_arm.setdefault(str(answer.arm_id), []).append(answer)
    rows = []
    for pk, label in arm_labels(trial):
        own = by_arm.get(pk, [])
        if not own:
            continue
        arm = own[0].arm_id
        changed, raw, shown = _texts(own) if unmasked else (None, None, None)
        counts = guesses.get(arm, dict.fromkeys(AuthorGuess.Guess.values, 0))
        rows.append(
            ArmRow(
                label,
                len(own),
                changed,
                raw,
                shown,
                counts,
                _bang(counts, kinds[arm]) if unmasked else None,
            )
        )
    return rows


def _texts(answers: Sequence[Answer]) -> tuple[float, float, float]:
    """Share changed, and mean lengths raw and shown."""
    return (
        sum(_changed(a) for a in answers) / len(answers),
        sum(len("\n\n".join(raw_answers(a))) for a in answers) / len(answers),
        sum(len(readable(a.shown_text)) for a in answers) / len(answers),
    )


def _changed(answer: Answer) -> bool:
    """Whether the shown text differs from the raw one, of a dialogue in any turn."""
    return [raw.strip() for raw in raw_answers(answer)] != parts_of(answer.shown_text)


def _style(answers: Sequence[Answer], seed: int) -> StyleResult | None:
    try:
        return style_classifier(
            [readable(answer.shown_text) for answer in answers],
            [str(answer.arm_id) for answer in answers],
            [str(answer.question_id) for answer in answers],
            seed=seed % (2**32),
        )
    except ValueError:
        return None


def _lengths(trial: Trial, answers: Sequence[Answer], *, simulated: bool) -> list[LengthRow]:
    standing = Score.objects.standing().filter(
        slot__rater__trial=trial, slot__kind=Slot.Kind.SCORED, slot__rater__withdrawn_at__isnull=True
    )
    if not simulated:
        standing = standing.filter(is_simulated=False)
    values: dict[str, dict[UUID, list[int]]] = {}
    for key, answer_id, value in standing.values_list("aspect__key", "slot__answer_id", "value"):
        values.setdefault(key, {}).setdefault(answer_id, []).append(value)
    lengths = {answer.pk: len(readable(answer.shown_text)) for answer in answers}
    arm_of = {answer.pk: answer.arm_id for answer in answers}
    rows = []
    for aspect in trial.aspects.order_by("position"):
        found = values.get(aspect.key, {})
        pairs = [(arm_of[pk], lengths[pk], float(np.mean(v))) for pk, v in found.items() if pk in lengths]
        own = [
            _spearman([(length, score) for of_arm, length, score in pairs if of_arm == arm])
            for arm in {pair[0] for pair in pairs}
        ]
        known = [value for value in own if value is not None]
        rows.append(
            LengthRow(
                aspect.key,
                _spearman([pair[1:] for pair in pairs]),
                float(np.mean(known)) if known else None,
                len(pairs),
            )
        )
    return rows


def _spearman(pairs: Sequence[tuple[int, float]]) -> float | None:
    """None where a correlation is not defined: fewer than three answers, or no spread."""
    if len(pairs) < 3:
        return None
    first, second = (np.array(side, dtype=float) for side in zip(*pairs, strict=True))
    if not first.std() or not second.std():
        return None
    return float(stats.spearmanr(first, second).statistic)
