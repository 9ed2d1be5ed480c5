"""The scores of a locked trial as the statistics want them, with the rows they come from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from evaluation.models import Arm, Score, Slot, Trial
from evaluation.reports.score_rows import CHUNK, ScoreRows
from evaluation.services.freezing import require_unchanged
from evaluation.statistics.score_cube import ScoreCube
from mammo.core.errors import WrongStateError


@dataclass(frozen=True)
class TrialScores:
    """Standing scores of one trial.

    Attributes:
        cubes: by aspect key; raters and questions under pseudonyms, systems by arm id.
        sources: one mapping per score row, read when asked for.
        is_simulated: some of the scores used are simulated.
        left_out: counts of rows that were not used, by reason.
        trained: pseudonyms of raters who picked or corrected for the training set of an arm.
    """

    trial: Trial
    cubes: dict[str, ScoreCube]
    sources: ScoreRows
    left_out: dict[str, int]
    raters: int
    questions: int
    patients: int
    is_simulated: bool
    simulated_raters: bool
    simulated_arms: bool
    simulated_questions: bool
    trained: frozenset[str] = frozenset()


def require_locked(trial: Trial) -> None:
    """Let a trial pass whose scores are locked and whose design is the frozen one.

    Raises:
        WrongStateError: it is not locked, or its design was altered.
    """
    if trial.state not in (Trial.State.LOCKED, Trial.State.UNBLINDED):
        raise WrongStateError(
            _("trial %(name)s: it is “%(state)s”; tables are computed once the scores are locked")
            % {"name": trial.name, "state": trial.get_state_display()}
        )
    require_unchanged(trial)


def is_any_simulated(trial: Trial) -> bool:
    """Whether what raters were shown is simulated: an arm that is scored, or a question."""
    arms = trial.arms.filter(left_out_reason="", is_simulated=True)
    return arms.exists() or trial.trial_questions.filter(question__is_simulated=True).exists()


def trial_scores(trial: Trial, *, simulated: bool) -> TrialScores:
    """Read the standing scores of a locked or unblinded trial; those of raters and patients who withdrew are left out.

    Args:
        simulated: take scores marked as simulated too.

    Raises:
        WrongStateError: the trial is not locked, or its design was altered.
    """
    require_locked(trial)
    standing = Score.objects.standing().filter(slot__rater__trial=trial, slot__kind=Slot.Kind.SCORED)
    present = standing.filter(slot__rater__withdrawn_at__isnull=True)
    of_erased = Q(slot__answer__question__in=erased_questions(trial))
    here = present.exclude(of_erased)
    used = here if simulated else here.filter(is_simulated=False)
    pseudonyms = _pseudonyms(trial)
    found = _cubes(trial, used, pseudonyms)
    count = sum(int((~np.isnan(cube.values)).sum()) for cube in found.values())
    one = next(iter(found.values()), None)
    return TrialScores(
        trial,
        found,
        ScoreRows(used, pseudonyms, arm_keys(trial), count),
        {
            "withdrawn": standing.filter(slot__rater__withdrawn_at__isnull=False).count(),
            "erased": present.filter(of_erased).count(),
            "simulated": 0 if simulated else here.filter(is_simulated=True).count(),
        },
        len(one.raters) if one else 0,
        len(one.questions) if one else 0,
        one.n_patients if one else 0,
        count > 0 and used.filter(is_simulated=True).exists(),
        used.filter(slot__rater__is_simulated=True).exists(),
        used.filter(slot__answer__arm__is_simulated=True).exists(),
        used.filter(slot__answer__question__question__is_simulated=True).exists(),
        _trained(trial, pseudonyms),
    )


def erased_questions(trial: Trial) -> list[UUID]:
    """Questions of patients who withdrew: none of their scores is analysed, whenever it was given."""
    return list(trial.trial_questions.erased().values_list("pk", flat=True))


def _cubes(trial: Trial, used: QuerySet[Score], pseudonyms: Mapping[Any, str]) -> dict[str, ScoreCube]:
    """Cubes filled rater by rater as the rows come: the numbers alone are kept, eight bytes a score."""
    axes = _Axes.of(trial, pseudonyms)
    values = np.full(axes.shape, np.nan)
    for place, rater in enumerate(axes.raters):
        rows = used.filter(slot__rater=rater).values_list(
            "value", "slot__answer__question__position", "slot__answer__arm__code", "aspect__key"
        )
        for value, question, arm, aspect in rows.iterator(chunk_size=CHUNK):
            values[axes.aspects[aspect], place, axes.questions[question], axes.arms[arm]] = value
    is_there = ~np.isnan(values)
    raters, questions = is_there.any(axis=(0, 2, 3)), is_there.any(axis=(0, 1, 3))
    names = tuple(pseudonyms[pk] for pk, kept in zip(axes.raters, raters, strict=True) if kept)
    asked = [position for position, place in axes.questions.items() if questions[place]]
    labels = tuple(f"Q{position:03d}" for position in asked)
    patients = tuple(axes.patients[position] for position in asked)
    values = values[:, raters][:, :, questions]
    return {
        aspect: ScoreCube(values[place], names, labels, axes.systems, patients)
        for aspect, place in axes.aspects.items()
        if is_there[place].any()
    }


@dataclass(frozen=True)
class _Axes:
    """Places along the axes: aspects in their order, raters by id, questions as the first raters met them."""

    raters: list[Any]
    questions: dict[int, int]
    arms: dict[str, int]
    systems: tuple[str, ...]
    aspects: dict[str, int]
    patients: dict[int, str]

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return len(self.aspects), len(self.raters), len(self.questions), len(self.systems)

    @classmethod
    def of(cls, trial: Trial, pseudonyms: Mapping[Any, str]) -> "_Axes":
        """Axes of a trial with all that could be scored."""
        slots = Slot.objects.filter(rater__trial=trial, kind=Slot.Kind.SCORED)
        met = slots.order_by("rater", "position").values_list("answer__question__position", flat=True)
        order = dict.fromkeys(met.iterator(chunk_size=CHUNK))
        arms = trial.arms.filter(left_out_reason="").order_by("position").values_list("pk", "code")
        rows = trial.trial_questions.values_list("position", "question__patient_id", "question_id")
        return cls(
            list(pseudonyms),
            {position: place for place, position in enumerate(order)},
            {code: place for place, (_pk, code) in enumerate(arms)},
            tuple(str(pk) for pk, _code in arms),
            {
                key: place
                for place, key in enumerate(trial.aspects.order_by("position").values_list("key", flat=True))
            },
            {position: str(patient or question) for position, patient, question in rows},
        )


def _trained(trial: Trial, pseudonyms: Mapping[Any, str]) -> frozenset[str]:
    """Raters who took part in the training set of an arm that is scored."""
    scored = set(trial.arms.filter(left_out_reason="").values_list("code", flat=True))
    rows = trial.raters.values_list("pk", "trained_arms")
    return frozenset(pseudonyms[pk] for pk, codes in rows if scored & set(codes))


def _pseudonyms(trial: Trial) -> dict[Any, str]:
    """Raters as R01, R02, … in the order of their random ids."""
    return {
        pk: f"R{i:02d}"
        for i, pk in enumerate(trial.raters.order_by("pk").values_list("pk", flat=True), start=1)
    }


def arm_keys(trial: Trial) -> dict[str, str]:
    """What stands for an arm (by its id) in rows that people and programs read: its code until the unblinding.

    Until then the id would lead whoever designed the trial to its name.
    """
    is_masked = trial.state != Trial.State.UNBLINDED
    return {str(pk): code if is_masked else str(pk) for pk, code in trial.arms.values_list("pk", "code")}


def analysis_seed(trial: Trial) -> int:
    """Seed of the bootstrap, 32 bits: of the frozen design's hash, since the trial's own seed stays in the database."""
    return int(trial.design_sha256[:8], 16)


def arm_labels(trial: Trial) -> list[tuple[str, str]]:
    """(arm id, label) in table order: names once unblinded, until then codes in their own order."""
    arms = list(Arm.objects.filter(trial=trial, left_out_reason=""))
    if trial.state == Trial.State.UNBLINDED:
        return [(str(arm.pk), arm.name) for arm in sorted(arms, key=lambda arm: arm.position)]
    return [(str(arm.pk), arm.code) for arm in sorted(arms, key=lambda arm: arm.code)]
