"""Exports of raw data: a reason, a second person's approval, an end, and every download on the trail."""

from datetime import date, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from evaluation.models import DataExport, ReaderStudy, Trial
from evaluation.services.access import require_analyst
from mammo.accounts import audit
from mammo.accounts.models import User
from mammo.core.errors import NotAllowedError, UserError, WrongStateError

LONGEST = timedelta(days=90)
LOCKED = (Trial.State.LOCKED, Trial.State.UNBLINDED)


def ask_export(
    of: Trial | ReaderStudy, *, by_user: User, reason: str, expires_on: date, simulated: bool = False
) -> DataExport:
    """Ask for the raw data of a locked trial or reader study.

    Raises:
        NotAllowedError: neither researcher, statistician nor administrator of the site, or a rater of the trial
            before its unblinding.
        WrongStateError: it is not locked.
        UserError: no reason, or an end in the past or beyond 90 days.
    """
    require_analyst(of.site, by_user)
    if isinstance(of, Trial):
        _refuse_blind_rater(of, by_user)
    if not reason.strip():
        raise UserError(_("reason: say why, for the record"))
    today = timezone.localdate()
    if not today <= expires_on <= today + LONGEST:
        raise UserError(_("expires_on: give a day from today to 90 days on"))
    trial, study = (of, None) if isinstance(of, Trial) else (None, of)
    locked = LOCKED if isinstance(of, Trial) else (ReaderStudy.State.LOCKED,)
    if of.state not in locked:
        raise WrongStateError(_("%(name)s: raw data leave only after the lock.") % {"name": of.name})
    with transaction.atomic():
        row = DataExport.objects.create(
            site=of.site,
            trial=trial,
            reader_study=study,
            reason=reason.strip()[:500],
            expires_on=expires_on,
            simulated=simulated,
            asked_by=by_user,
        )
        audit.record(
            "evaluation.export_asked", by_user=by_user, on=row, site=of.site, reason=row.reason, of=str(of.pk)
        )
    return row


def _refuse_blind_rater(trial: Trial, user: User) -> None:
    if Trial.objects.rated_blind_by(user).filter(pk=trial.pk).exists():
        raise NotAllowedError(_("A rater of the trial gets its data after the unblinding."))


def decide_export(row: DataExport, state: str, *, by_user: User) -> DataExport:
    """Approve, refuse or revoke; the first two by another person than the one who asked.

    Raises:
        NotAllowedError: neither researcher, statistician nor administrator of the site, or a rater of the trial.
        WrongStateError: they asked themselves, or this step does not follow on the state.
        UserError: an unknown state.
    """
    require_analyst(row.site, by_user)
    if row.trial is not None and row.trial.raters.filter(user=by_user).exists():
        raise NotAllowedError(_("A rater of the trial does not decide on its data."))
    follows = {"approved": "asked", "refused": "asked", "revoked": "approved"}
    if state not in follows:
        raise UserError(
            _("state: %(state)r is unknown; known: %(known)s") % {"state": state, "known": ", ".join(follows)}
        )
    with transaction.atomic():
        held = DataExport.objects.select_for_update(of=("self",)).select_related("site").get(pk=row.pk)
        if state != DataExport.State.REVOKED and held.asked_by_id == by_user.pk:
            raise WrongStateError(_("Another person than the one who asked must decide."))
        if held.state != follows[state]:
            raise WrongStateError(_("This was decided already."))
        held.state, held.decided_by, held.decided_at = state, by_user, timezone.now()
        held.save(update_fields=["state", "decided_by", "decided_at"])
        audit.record(
            f"evaluation.export_{state}", by_user=by_user, on=held, site=held.site, reason=held.reason
        )
    row.refresh_from_db()
    return row


def export_for_command(request: str, of: Trial | ReaderStudy | None, reason: str) -> DataExport | None:
    """The approved request that a command writes out; none where all there is to export is simulated.

    Whoever runs the server is one person: real data leave only for a request that two people signed in for, on the
    page of exports.

    Raises:
        UserError: no such request, or neither a request nor simulated data with a reason.
        WrongStateError: the request is not approved, or over.
    """
    if request:
        try:
            row = DataExport.objects.select_related("site", "asked_by", "trial", "reader_study").get(
                pk=request
            )
        except (DataExport.DoesNotExist, ValidationError):
            raise UserError(
                _("--request %(request)s: there is no such request for an export") % {"request": request}
            ) from None
        return require_open_export(row, by_user=row.asked_by)
    if of is None or not reason.strip():
        raise UserError(
            _("give the --request that was approved (of simulated data: what to export, and a --reason)")
        )
    if not of.is_simulated:
        raise UserError(
            _(
                "%(of)s: real data need a second person's approval; "
                "ask for the export on the page of exports, then give its --request"
            )
            % {"of": of.name}
        )
    return None


def rows_for_command(request: str, of: Trial | ReaderStudy, *, simulated: bool) -> DataExport | None:
    """The approved request under which a command writes the rows behind a table; None where all rows are simulated.

    Args:
        simulated: the table takes rows marked as simulated too.

    Raises:
        UserError: real data without a request, one of other data, or one that was approved without simulated rows.
        WrongStateError: the request is not approved, or over.
    """
    if of.is_simulated and not request:
        return None
    row = export_for_command(request, of, "rows of a table")
    if row is not None and of not in (row.trial, row.reader_study):
        raise UserError(
            _("--request %(request)s: it is of other data than %(of)s") % {"request": request, "of": of.name}
        )
    if row is not None and simulated and not row.simulated:
        raise UserError(
            _("--request %(request)s: it was approved without simulated rows; leave out --simulated")
            % {"request": request}
        )
    return row


def require_open_export(row: DataExport, *, by_user: User) -> DataExport:
    """Let the download of an approved, unexpired export pass, and put it on record; inside a transaction.

    Raises:
        NotAllowedError: another person's export, or one of a trial that the person rates, before its unblinding.
        WrongStateError: not approved, or over.
    """
    if row.asked_by_id != by_user.pk:
        raise NotAllowedError(_("Only the person who asked downloads an export."))
    require_analyst(row.site, by_user)
    if row.trial is not None:
        _refuse_blind_rater(row.trial, by_user)
    if row.state != DataExport.State.APPROVED:
        raise WrongStateError(_("This export is not approved."))
    if row.expires_on < timezone.localdate():
        raise WrongStateError(_("This export is over; ask for another."))
    DataExport.objects.filter(pk=row.pk).update(downloads=F("downloads") + 1)
    audit.record(
        "evaluation.exported", by_user=by_user, on=row, site=row.site, reason=row.reason, of=str(row)
    )
    return row
