"""The scores of a locked trial as the statistics want them, with the rows they come from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
from django.db.models import Q
from django.utils.translation import gettext as _

from evaluation.models import Answer, Arm, Score, Slot, Trial
from evaluation.reports.left_pictures import NOTHING_LEFT, LeftPictures, left_from_trial
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
        left_pictures: what was passed over, and what stays, of questions of which a picture was taken out.
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
    left_pictures: LeftPictures = NOTHING_LEFT


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
    erased = erased_questions(trial)
    of_erased = Q(slot__answer__question__in=erased)
    here = present.exclude(of_erased)
    used = here if simulated else here.filter(is_simulated=False)
    pseudonyms = _pseudonyms(trial)
    read = _read(trial, pseudonyms, simulated=simulated)
    found = read.cubes
    count = sum(int((~np.isnan(cube.values)).sum()) for cube in found.values())
    one = next(iter(found.values()), None)
    names = set(one.raters) if one else set()
    raters = trial.raters.filter(is_simulated=True).values_list("pk", flat=True)
    arms = {str(pk) for pk in trial.arms.filter(is_simulated=True).values_list("pk", flat=True)}
    questions = trial.trial_questions.filter(question__is_simulated=True).values_list("position", flat=True)
    return TrialScores(
        trial,
        found,
        ScoreRows(used, pseudonyms, arm_keys(trial), count),
        {
            "withdrawn": standing.filter(slot__rater__withdrawn_at__isnull=False).count()
            if trial.raters.filter(withdrawn_at__isnull=False).exists()
            else 0,
            "erased": present.filter(of_erased).count() if erased else 0,
            "simulated": 0 if simulated else read.simulated,
        },
        len(one.raters) if one else 0,
        len(one.questions) if one else 0,
        one.n_patients if one else 0,
        count > 0 and simulated and read.simulated > 0,
        any(pseudonyms[pk] in names for pk in raters),
        bool(arms & read.systems),
        one is not None and any(f"Q{position:03d}" in one.questions for position in questions),
        _trained(trial, pseudonyms),
        left_from_trial(Slot.objects.filter(rater__trial=trial, kind=Slot.Kind.SCORED), used),
    )


def erased_questions(trial: Trial) -> list[UUID]:
    """Questions of patients who withdrew: none of their scores is analysed, whenever it was given."""
    return list(trial.trial_questions.erased().values_list("pk", flat=True))


@dataclass(frozen=True)
class _Read:
    """Attributes:
    cubes: by aspect key.
    systems: ids of the arms with a score.
    simulated: how many of the scores that stand are marked as simulated.
    """

    cubes: dict[str, ScoreCube]
    systems: set[str]
    simulated: int


def _read(trial: Trial, pseudonyms: Mapping[Any, str], *, simulated: bool) -> _Read:
    """Cubes filled rater by rater as the rows come: the numbers alone are kept, nine bytes a score.

    Revisions come in their order and the last one stays: asking the database for rows that none replaced would join
    all scores with themselves once a rater. What a slot shows is looked up once a rater, not joined to every score.
    """
    axes = _Axes.of(trial, pseudonyms)
    values, invented = np.full(axes.shape, np.nan), np.zeros(axes.shape, dtype=bool)
    for place, rater in enumerate(axes.raters):
        slots = Slot.objects.filter(rater=rater, kind=Slot.Kind.SCORED, rater__withdrawn_at__isnull=True)
        shown = slots.values_list("position", "answer_id").iterator(CHUNK)
        at = {position: axes.answers[answer] for position, answer in shown}
        if not at:
            continue
        rows = Score.objects.filter(slot__rater=rater, slot__kind=Slot.Kind.SCORED).order_by("revision")
        fields = ("value", "slot__position", "aspect__key", "is_simulated")
        for value, position, aspect, is_simulated in rows.values_list(*fields).iterator(chunk_size=CHUNK):
            cell = (axes.aspects[aspect], place, *at[position])
            values[cell], invented[cell] = value, is_simulated
    for position in trial.trial_questions.erased().values_list("position", flat=True):
        values[:, :, axes.questions.index(position)] = np.nan
        invented[:, :, axes.questions.index(position)] = False
    count = int(invented.sum())
    if not simulated:
        values[invented] = np.nan
    is_there = ~np.isnan(values)
    raters, questions = is_there.any(axis=(0, 2, 3)), is_there.any(axis=(0, 1, 3))
    names = tuple(pseudonyms[pk] for pk, kept in zip(axes.raters, raters, strict=True) if kept)
    asked = [position for position, kept in zip(axes.questions, questions, strict=True) if kept]
    labels = tuple(f"Q{position:03d}" for position in asked)
    patients = tuple(axes.patients[position] for position in asked)
    values = values[:, raters][:, :, questions]
    cubes = {
        key: ScoreCube(values[place], names, labels, axes.systems, patients)
        for key, place in axes.aspects.items()
        if is_there[place].any()
    }
    systems = is_there.any(axis=(0, 1, 2))
    scored = {arm for arm, kept in zip(axes.systems, systems, strict=True) if kept}
    return _Read(cubes, scored, count)


@dataclass(frozen=True)
class _Axes:
    """Places along the axes: aspects and questions in their order, raters by id.

    Attributes:
        answers: (question, arm) of each answer of a scored arm.
        aspects: place of each aspect by key.
    """

    raters: list[Any]
    questions: list[int]
    systems: tuple[str, ...]
    answers: dict[Any, tuple[int, int]]
    aspects: dict[str, int]
    patients: dict[int, str]

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return len(self.aspects), len(self.raters), len(self.questions), len(self.systems)

    @classmethod
    def of(cls, trial: Trial, pseudonyms: Mapping[Any, str]) -> "_Axes":
        """Axes of a trial with all that could be scored."""
        arms = list(trial.arms.filter(left_out_reason="").order_by("position").values_list("pk", flat=True))
        rows = list(
            trial.trial_questions.order_by("position").values_list(
                "pk", "position", "question__patient_id", "question_id"
            )
        )
        question_at = {pk: place for place, (pk, *_rest) in enumerate(rows)}
        arm_at = {pk: place for place, pk in enumerate(arms)}
        answers = Answer.objects.filter(arm__in=arms).values_list("pk", "question_id", "arm_id")
        aspects = trial.aspects.order_by("position").values_list("key", flat=True)
        return cls(
            list(pseudonyms),
            [position for _pk, position, _patient, _question in rows],
            tuple(map(str, arms)),
            {pk: (question_at[question], arm_at[arm]) for pk, question, arm in answers},
            {key: place for place, key in enumerate(aspects)},
            {position: str(patient or question) for _pk, position, patient, question in rows},
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
