"""Raters: who may score, what they may not see, and what is known of their part in the arms' training."""

from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from annotation.models import Correction, Pick
from evaluation.models import Answer, Trial, TrialRater
from evaluation.services.access import locked_trial, require_designer
from evaluation.services.leakage import training_side
from mammo.accounts import audit
from mammo.accounts.models import Role, User
from mammo.archive.reporting_doctors import hashes_of, is_reported_by
from mammo.core.errors import NotAllowedError, UserError, WrongStateError


def add_rater(trial: Trial, user: User, *, by_user: User) -> TrialRater:
    """Let a senior score in a trial.

    Raises:
        WrongStateError: the trial is no draft.
        UserError: the account is no senior of the site, is a rater already, or writes answers of it.
    """
    require_designer(trial.site, by_user)
    if not user.has_role(Role.SENIOR, site=trial.site):
        raise UserError(_("%(user)s: is no senior radiologist at this site") % {"user": user.username})
    with transaction.atomic():
        row = locked_trial(trial, Trial.State.DRAFT)
        if row.raters.filter(user=user).exists():
            raise UserError(_("%(user)s: is a rater of this trial already") % {"user": user.username})
        if wrote_an_answer(row, user):
            raise UserError(
                _("%(user)s: wrote an answer of this trial and can't score in it") % {"user": user.username}
            )
        rater = TrialRater.objects.create(trial=row, user=user, is_simulated=user.is_simulated)
        audit.record("evaluation.rater_added", by_user=by_user, on=row, site=row.site, rater=str(user.pk))
    return rater


def remove_rater(rater: TrialRater, *, by_user: User) -> None:
    """Take a rater out of a draft.

    Raises:
        WrongStateError: the trial is no draft (withdraw the rater instead).
    """
    require_designer(rater.trial.site, by_user)
    with transaction.atomic():
        row = locked_trial(rater.trial, Trial.State.DRAFT)
        user = rater.user_id
        rater.delete()
        audit.record("evaluation.rater_removed", by_user=by_user, on=row, site=row.site, rater=str(user))


def wrote_an_answer(trial: Trial, user: User) -> bool:
    """Whether the account wrote an answer of the trial, or is named as an author of one of its arms."""
    if Answer.objects.filter(arm__trial=trial, author=user).exists():
        return True
    return any(str(user.pk) in arm.spec.get("authors", []) for arm in trial.arms.all())


def reported_questions(trial: Trial, user: User) -> set[UUID]:
    """Trial questions that are left out of a rater's slots because this person reported a study they show: the
    question's own, or the earlier one that the design hangs beside it."""
    hashes = hashes_of(user, trial.site)
    rows = trial.trial_questions.select_related("trial", "question__study", "earlier")
    return {row.pk for row in rows if is_reported_by(hashes, row.question.study, row.shown_earlier)}


def trained_arm_codes(trial: Trial, user: User) -> list[str]:
    """Codes of arms whose training campaigns the person corrected or picked in; recorded, not forbidden."""
    codes = []
    for arm in trial.arms.exclude(checkpoint=None).select_related("checkpoint__run__snapshot"):
        campaigns = training_side(arm.checkpoint).campaigns if arm.checkpoint is not None else set()
        took_part = (
            Correction.objects.filter(by_user=user, proposal__question__campaign__in=campaigns).exists()
            or Pick.objects.filter(by_user=user, question__campaign__in=campaigns).exists()
        )
        if took_part:
            codes.append(arm.code)
    return sorted(codes)


def consent(rater: TrialRater, *, by_user: User) -> None:
    """Record that the rater read what the trial asks of them and agreed.

    Raises:
        NotAllowedError: it is another person's consent.
        WrongStateError: the trial is not open for scoring.
    """
    if by_user != rater.user:
        raise NotAllowedError(_("Only the rater gives this consent."))
    with transaction.atomic():
        row = locked_trial(rater.trial, Trial.State.SCORING)
        if rater.consented_at is None:
            rater.consented_at = timezone.now()
            rater.save(update_fields=["consented_at"])
            audit.record("evaluation.rater_consented", by_user=by_user, on=rater, site=row.site)


def withdraw(rater: TrialRater, reason: str, *, by_user: User) -> None:
    """Take a rater out of a running trial; what they scored stays on the record.

    Raises:
        NotAllowedError: neither the rater nor a researcher.
        WrongStateError: the trial is not being scored, or the rater withdrew already.
        UserError: no reason was given.
    """
    if by_user != rater.user:
        require_designer(rater.trial.site, by_user)
    if not reason.strip():
        raise UserError(_("reason: say why, for the record"))
    with transaction.atomic():
        row = locked_trial(rater.trial, Trial.State.FROZEN, Trial.State.SCORING)
        # Read behind the lock: two people may say it at once.
        rater.refresh_from_db(fields=["withdrawn_at"])
        if rater.withdrawn_at is not None:
            raise WrongStateError(_("This rater withdrew already."))
        rater.withdrawn_at = timezone.now()
        rater.save(update_fields=["withdrawn_at"])
        audit.record(
            "evaluation.rater_withdrawn", by_user=by_user, on=rater, site=row.site, reason=reason.strip()
        )
