"""Unblinding: after the lock, by two persons, with a reason, as events that carry the design's hash."""

import hashlib

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from evaluation.models import Score, Trial, TrialEvent
from evaluation.services.access import locked_trial, require_analyst
from evaluation.services.freezing import require_unchanged
from mammo.accounts import audit
from mammo.accounts.models import User
from mammo.core.errors import NotAllowedError, UserError, WrongStateError
from mammo.core.versions import save_versioned

REQUESTED = "unblind_requested"
UNBLINDED = "unblinded"


def scores_hash(trial: Trial) -> str:
    """SHA-256 over every score of the trial, revisions included, in the order of their ids."""
    digest = hashlib.sha256()
    rows = Score.objects.filter(slot__rater__trial=trial).order_by("pk")
    for pk, slot, aspect, value, revision in rows.values_list(
        "pk", "slot_id", "aspect_id", "value", "revision"
    ).iterator(chunk_size=5000):
        digest.update(f"{pk} {slot} {aspect} {value} {revision}\n".encode())
    return digest.hexdigest()


def request_unblinding(trial: Trial, *, by_user: User, reason: str) -> TrialEvent:
    """Ask for the names of the arms.

    Raises:
        NotAllowedError: not a researcher or statistician of the site, or a rater of the trial.
        WrongStateError: the trial is not locked.
        UserError: no reason was given.
    """
    _require_person(trial, by_user)
    if not reason.strip():
        raise UserError(_("reason: say why, for the record"))
    with transaction.atomic():
        row = locked_trial(trial, Trial.State.LOCKED)
        event = TrialEvent.objects.create(
            trial=row,
            kind=REQUESTED,
            by_user=by_user,
            reason=reason.strip(),
            sha256=scores_hash(row),
            is_simulated=row.is_simulated,
        )
        audit.record(
            "evaluation.unblind_requested", by_user=by_user, on=row, site=row.site, reason=reason.strip()
        )
    return event


def pending_request(trial: Trial) -> TrialEvent | None:
    """The newest request that waits for a second person."""
    if trial.state != Trial.State.LOCKED:
        return None
    return trial.events.filter(kind=REQUESTED).select_related("by_user").order_by("-created_at").first()


def confirm_unblinding(trial: Trial, *, by_user: User) -> Trial:
    """Confirm another person's request: from now on tables and pages name the arms.

    Raises:
        NotAllowedError: not a researcher or statistician of the site, or a rater of the trial.
        WrongStateError: the trial is not locked, nobody asked, the same person asked, or design or
            scores changed.
    """
    _require_person(trial, by_user)
    with transaction.atomic():
        row = locked_trial(trial, Trial.State.LOCKED)
        asked = pending_request(row)
        if asked is None:
            raise WrongStateError(_("Nobody has asked for unblinding yet."))
        if asked.by_user_id == by_user.pk:
            raise WrongStateError(_("Another person has to confirm: you asked for it yourself."))
        require_unchanged(row)
        digest = scores_hash(row)
        if digest != asked.sha256:
            raise WrongStateError(_("The scores are not those of the request; ask again."))
        save_versioned(
            row,
            expected_version=row.version,
            changes={"state": Trial.State.UNBLINDED, "unblinded_at": timezone.now()},
        )
        TrialEvent.objects.create(
            trial=row,
            kind=UNBLINDED,
            by_user=by_user,
            reason=asked.reason,
            sha256=digest,
            is_simulated=row.is_simulated,
        )
        audit.record(
            "evaluation.unblinded",
            by_user=by_user,
            on=row,
            site=row.site,
            reason=asked.reason,
            sha256=digest,
            requested_by=str(asked.by_user_id),
        )
    trial.refresh_from_db()
    return trial


def _require_person(trial: Trial, by_user: User) -> None:
    require_analyst(trial.site, by_user)
    if trial.raters.filter(user=by_user).exists():
        raise NotAllowedError(_("A rater of the trial does not unblind it."))
