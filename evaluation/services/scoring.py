"""Scoring: opened, one form at a time in the stored order, changed by new rows only, then locked."""

import math
from collections.abc import Mapping
from uuid import UUID

from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from evaluation.models import PracticeItem, Score, Slot, Trial, TrialEvent, TrialRater
from evaluation.services.access import locked_trial, require_designer
from evaluation.services.freezing import require_unchanged
from evaluation.services.shown_studies import require_all_shown
from mammo.accounts import audit
from mammo.accounts.models import User
from mammo.core.errors import NotAllowedError, StaleVersionError, UserError, WrongStateError
from mammo.core.versions import save_versioned

# A form left open over lunch is not hours of work.
LONGEST_FORM_SECONDS = 3600.0


def open_scoring(trial: Trial, *, by_user: User) -> Trial:
    """Open a frozen trial to its raters.

    Raises:
        WrongStateError: it is not frozen, or its design was altered.
    """
    return _move(trial, Trial.State.FROZEN, Trial.State.SCORING, "opened", by_user)


def lock_trial(trial: Trial, *, by_user: User, reason: str = "") -> Trial:
    """Lock the scores for good.

    Args:
        reason: needed when forms of raters who did not withdraw are still empty.

    Raises:
        WrongStateError: the trial is not being scored, its design was altered, or forms are empty and no
            reason was given.
    """
    require_designer(trial.site, by_user)
    with transaction.atomic():
        row = locked_trial(trial, Trial.State.SCORING)
        # Whoever stores a form holds its slot until the end: from here on no score is under way, and a form that
        # waits for its slot meets the locked trial.
        slots = Slot.objects.select_for_update(of=("self",)).filter(rater__trial=row).order_by("pk")
        list(slots.values_list("pk", flat=True))
        empty = open_forms(row)
        if empty and not reason.strip():
            raise WrongStateError(
                ngettext(
                    "%(name)s: %(count)s form is not scored; give a reason to lock it all the same.",
                    "%(name)s: %(count)s forms are not scored; give a reason to lock it all the same.",
                    empty,
                )
                % {"name": row.name, "count": empty}
            )
        return _move(trial, Trial.State.SCORING, Trial.State.LOCKED, "locked", by_user, reason, "locked_at")


def open_forms(trial: Trial) -> int:
    """Forms without scores that can be scored, of raters who did not withdraw."""
    slots = Slot.objects.filter(rater__trial=trial, rater__withdrawn_at__isnull=True)
    return slots.unscored().count()


def _move(
    trial: Trial, source: str, target: str, kind: str, by_user: User, reason: str = "", stamp: str = ""
) -> Trial:
    require_designer(trial.site, by_user)
    with transaction.atomic():
        row = locked_trial(trial, source)
        require_unchanged(row)
        changes: dict[str, object] = {"state": target}
        if stamp:
            changes[stamp] = timezone.now()
        save_versioned(row, expected_version=row.version, changes=changes)
        TrialEvent.objects.create(
            trial=row,
            kind=kind,
            by_user=by_user,
            reason=reason.strip(),
            sha256=row.design_sha256,
            is_simulated=row.is_simulated,
        )
        audit.record(
            f"evaluation.trial_{kind}", by_user=by_user, on=row, site=row.site, reason=reason.strip()
        )
    trial.refresh_from_db()
    return trial


def next_slot(rater: TrialRater) -> Slot | None:
    """The first form of the rater's sequence that is not scored; None when all are.

    Forms of patients who withdrew, and of questions of which a picture was taken out, are passed over.
    """
    return rater.slots.unscored().order_by("position").first()


def standing_scores(slot: Slot) -> dict[str, Score]:
    """The scores of a form that no later one replaced, by aspect key."""
    rows = Score.objects.filter(slot=slot, replaced_by__isnull=True).select_related("aspect")
    return {score.aspect.key: score for score in rows}


def record_scores(
    slot: Slot,
    *,
    by_user: User,
    values: Mapping[str, int],
    active_seconds: float = 0.0,
    expected_revision: int | None = None,
) -> list[Score]:
    """Store a whole form: every aspect, within the scale. A changed value is a new row.

    Args:
        values: a whole number for each aspect key of the trial.
        active_seconds: time the rater worked on it.
        expected_revision: `form_revision` of what the caller has seen; None does not ask.

    Returns:
        the new rows; none where nothing changed.

    Raises:
        NotAllowedError: the form is another rater's, or the rater withdrew.
        WrongStateError: the trial is not open for scoring, consent is missing, an earlier form is empty, the patient
            withdrew, or the archive took out a picture of the question.
        StaleVersionError: the form was scored anew meanwhile; carries the scores that stand.
        UserError: an aspect is missing or unknown, or a value is no whole number within the scale.
    """
    with transaction.atomic():
        Slot.objects.select_for_update().get(pk=slot.pk)
        # Read once more behind the lock: joined to it, trial and rater would be those from before the wait for it.
        row = Slot.objects.select_related("rater__trial__site", "rater__user", "answer").get(pk=slot.pk)
        rater, trial = row.rater, row.rater.trial
        _check_turn(row, by_user)
        aspects = {aspect.key: aspect for aspect in trial.aspects.all()}
        check_values(values, set(aspects), trial)
        seconds = _seconds(active_seconds)
        standing = standing_scores(row)
        _refuse_stale(row, standing, expected_revision)
        made = []
        for key, aspect in aspects.items():
            before = standing.get(key)
            if before is not None and before.value == values[key]:
                continue
            made.append(
                Score.objects.create(
                    slot=row,
                    aspect=aspect,
                    value=values[key],
                    revision=1 if before is None else before.revision + 1,
                    replaces=before,
                    by_user=by_user,
                    active_seconds=seconds,
                    is_simulated=rater.is_simulated or by_user.is_simulated or row.answer.is_simulated,
                )
            )
        if made:
            revision = max(score.revision for score in made)
            audit.record("evaluation.scored", by_user=by_user, on=row, site=trial.site, revision=revision)
    return made


def form_revision(slot: Slot) -> int:
    """Moves with every save of the form, of a value or its remark: how many rows were ever stored of it; 0 for none.

    A number of each aspect's own would stand still where another aspect was changed more often.
    """
    return slot.scores.count() + slot.remarks.count()


def _refuse_stale(slot: Slot, standing: Mapping[str, Score], expected_revision: int | None) -> None:
    revision = form_revision(slot)
    if expected_revision is not None and revision != expected_revision:
        raise stale_form(standing, revision)


def stale_form(standing: Mapping[str, Score], revision: int) -> StaleVersionError:
    """The refusal of a form that came second, with the scores that stand."""
    return StaleVersionError(
        _("This form was scored anew since you opened it: compare the values and save again."),
        current=list(standing.values()),
        current_version=revision,
    )


def _check_turn(slot: Slot, by_user: User) -> None:
    rater, trial = slot.rater, slot.rater.trial
    if rater.user_id != by_user.pk or rater.withdrawn_at is not None:
        raise NotAllowedError(_("This form is not yours."))
    if trial.state != Trial.State.SCORING:
        raise WrongStateError(_("The scoring is not open: nothing was stored."))
    if rater.consented_at is None:
        raise WrongStateError(_("Read and accept the conditions of the scoring first."))
    if PracticeItem.objects.waiting_for(rater).exists():
        raise WrongStateError(_("Score the practice answers first."))
    if not Slot.objects.not_erased().filter(pk=slot.pk).exists():
        raise WrongStateError(
            _("This patient withdrew: her answers are scored no more. Go on with the next.")
        )
    if not Slot.objects.pictured().filter(pk=slot.pk).exists():
        raise WrongStateError(
            _("A picture of this question was taken out: it is scored no more. Go on with the next.")
        )
    earlier = rater.slots.unscored().filter(position__lt=slot.position)
    if earlier.exists():
        raise WrongStateError(_("An earlier form is still empty: score the forms in their order."))


def check_values(values: Mapping[str, int], keys: set[str], trial: Trial) -> None:
    """Refuse a form that is not whole.

    Raises:
        UserError: an aspect is missing or unknown, or a value is no whole number within the scale.
    """
    unknown = sorted(set(values) - keys)
    if unknown:
        raise UserError(_("%(aspect)s: no such aspect") % {"aspect": unknown[0]})
    for key in sorted(keys):
        if key not in values:
            raise UserError(_("%(aspect)s: not scored; every aspect needs a value") % {"aspect": key})
        value = values[key]
        if isinstance(value, bool) or not isinstance(value, int):
            raise UserError(_("%(aspect)s: give a whole number") % {"aspect": key})
        if not trial.scale_min <= value <= trial.scale_max:
            raise UserError(
                _("%(aspect)s: %(value)s is outside %(low)s to %(high)s")
                % {"aspect": key, "value": value, "low": trial.scale_min, "high": trial.scale_max}
            )


def _seconds(given: float) -> float:
    if not math.isfinite(given) or given < 0:
        return 0.0
    return min(float(given), LONGEST_FORM_SECONDS)


def open_positions(rater: TrialRater, ahead: int = 0) -> int:
    """The highest position that the rater may open: the first unscored form, or the last of all.

    Args:
        ahead: so many unscored forms behind that one count too.
    """
    waiting = rater.slots.unscored().order_by("position").values_list("position", flat=True)[: ahead + 1]
    return max(waiting, default=int(rater.slots.aggregate(last=Max("position"))["last"] or 0))


def form_of(user: User, slot_id: UUID, *, ahead: int = 0) -> Slot | None:
    """The form of this id if the account may open it now; None is the same for unknown and forbidden ones.

    Args:
        ahead: how many forms beyond the open one count too (their images are fetched early, nothing else).

    Raises:
        WrongStateError: a report or an image of it is not the frozen one.
    """
    slot = (
        Slot.objects.of(user)
        .pictured()
        .select_related(
            "rater__trial__site",
            "rater__user",
            "answer__question__question__patient",
            "answer__question__question__campaign__site",
            "answer__question__question__study",
        )
        .filter(pk=slot_id, rater__consented_at__isnull=False)
        .first()
    )
    if slot is None or slot.position > open_positions(slot.rater, ahead):
        return None
    require_all_shown([slot.answer.question], reports=True)
    return slot
