"""The scores of a locked trial as the statistics want them, with the rows they come from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from evaluation.models import Arm, Score, Slot, Trial
from evaluation.services.freezing import require_unchanged
from evaluation.statistics.score_cube import ScoreCube, ScoreRow, cubes
from mammo.core.errors import WrongStateError


@dataclass(frozen=True)
class TrialScores:
    """Standing scores of one trial.

    Attributes:
        cubes: by aspect key; raters and questions under pseudonyms, systems by arm id.
        sources: one mapping per score row.
        left_out: counts of rows that were not used, by reason.
        trained: pseudonyms of raters who picked or corrected for the training set of an arm.
    """

    trial: Trial
    cubes: dict[str, ScoreCube]
    sources: list[Mapping[str, Any]]
    left_out: dict[str, int]
    raters: int
    questions: int
    patients: int
    simulated_raters: bool
    simulated_arms: bool
    simulated_questions: bool
    trained: frozenset[str] = frozenset()

    @property
    def is_simulated(self) -> bool:
        """Some of the scores used are simulated."""
        return any(row["simulated"] for row in self.sources)


FIELDS = (
    "pk",
    "value",
    "revision",
    "is_simulated",
    "aspect__key",
    "slot_id",
    "slot__position",
    "slot__rater_id",
    "slot__rater__is_simulated",
    "slot__answer__arm_id",
    "slot__answer__arm__is_simulated",
    "slot__answer__question__position",
    "slot__answer__question__question_id",
    "slot__answer__question__question__patient_id",
    "slot__answer__question__question__is_simulated",
)


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


def trial_scores(trial: Trial, *, simulated: bool) -> TrialScores:
    """Read the standing scores of a locked or unblinded trial; withdrawn raters' scores are left out.

    Args:
        simulated: take scores marked as simulated too.

    Raises:
        WrongStateError: the trial is not locked, or its design was altered.
    """
    require_locked(trial)
    standing = Score.objects.standing().filter(slot__rater__trial=trial, slot__kind=Slot.Kind.SCORED)
    here = standing.filter(slot__rater__withdrawn_at__isnull=True)
    used = here if simulated else here.filter(is_simulated=False)
    found = list(used.order_by("slot__rater", "slot__position", "aspect__position").values(*FIELDS))
    pseudonyms = _pseudonyms(trial)
    arms = [
        str(pk)
        for pk in trial.arms.filter(left_out_reason="").order_by("position").values_list("pk", flat=True)
    ]
    rows = [_score_row(row, pseudonyms) for row in found]
    return TrialScores(
        trial,
        cubes(rows, systems=arms) if rows else {},
        [_source(row, pseudonyms) for row in found],
        {
            "withdrawn": standing.filter(slot__rater__withdrawn_at__isnull=False).count(),
            "simulated": 0 if simulated else here.filter(is_simulated=True).count(),
        },
        len({row["slot__rater_id"] for row in found}),
        len({row["slot__answer__question__position"] for row in found}),
        len({_patient(row) for row in found}),
        any(row["slot__rater__is_simulated"] for row in found),
        any(row["slot__answer__arm__is_simulated"] for row in found),
        any(row["slot__answer__question__question__is_simulated"] for row in found),
        _trained(trial, pseudonyms),
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


def _patient(row: Mapping[str, Any]) -> str:
    patient = row["slot__answer__question__question__patient_id"]
    return str(patient or row["slot__answer__question__question_id"])


def _score_row(row: Mapping[str, Any], pseudonyms: Mapping[Any, str]) -> ScoreRow:
    return ScoreRow(
        pseudonyms[row["slot__rater_id"]],
        f"Q{row['slot__answer__question__position']:03d}",
        str(row["slot__answer__arm_id"]),
        str(row["aspect__key"]),
        float(row["value"]),
        _patient(row),
    )


def _source(row: Mapping[str, Any], pseudonyms: Mapping[Any, str]) -> Mapping[str, Any]:
    return {
        "score": str(row["pk"]),
        "arm": str(row["slot__answer__arm_id"]),
        "aspect": row["aspect__key"],
        "rater": pseudonyms[row["slot__rater_id"]],
        "question": f"Q{row['slot__answer__question__position']:03d}",
        "slot": str(row["slot_id"]),
        "position": row["slot__position"],
        "value": row["value"],
        "revision": row["revision"],
        "simulated": bool(row["is_simulated"]),
    }


def arm_labels(trial: Trial) -> list[tuple[str, str]]:
    """(arm id, label) in table order: names once unblinded, until then codes in their own order."""
    arms = list(Arm.objects.filter(trial=trial, left_out_reason=""))
    if trial.state == Trial.State.UNBLINDED:
        return [(str(arm.pk), arm.name) for arm in sorted(arms, key=lambda arm: arm.position)]
    return [(str(arm.pk), arm.code) for arm in sorted(arms, key=lambda arm: arm.code)]
