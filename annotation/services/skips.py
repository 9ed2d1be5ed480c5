"""Leaving a question to somebody else, with a reason; nothing that was typed is lost."""

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from annotation.models import Lease, NewsKind, Question, Skip, SkipReason
from annotation.querysets import STAGE_FOR
from annotation.services import leases, stages
from annotation.services.access import require_member, require_researcher
from annotation.services.news import researchers_of, tell
from annotation.services.wording import plain
from mammo.accounts import audit
from mammo.accounts.models import User
from mammo.core.errors import UserError, WrongStateError


def skip(question: Question, *, by_user: User, purpose: str, code: str, reason: str = "") -> Skip:
    """Leave the question to others in this round: it goes from this person's list, the seat is free again.

    Args:
        code: one of SkipReason; `other` needs a reason in words.

    Raises:
        NotAllowedError: the account does not work on this campaign in that way.
        WrongStateError: it was skipped already, or is not to be worked on now.
        UserError: the code is unknown, or says too little.
    """
    require_member(question.campaign, by_user, purpose)
    if code not in SkipReason.values:
        raise UserError(
            _("code: %(code)r is unknown; known: %(known)s")
            % {"code": code, "known": ", ".join(SkipReason.values)}
        )
    if code == SkipReason.OTHER and not plain(reason):
        raise UserError(_("reason: empty; say why you skip this question"))
    with transaction.atomic():
        question = stages.locked(question)
        stages.require_stage(question, STAGE_FOR[purpose])
        if not Question.objects.waiting_for(by_user, purpose).filter(pk=question.pk).exists():
            raise WrongStateError(_("This question does not wait for you."))
        row = Skip.objects.create(
            question=question,
            by_user=by_user,
            purpose=purpose,
            round=question.round,
            code=code,
            reason=plain(reason),
        )
        Lease.objects.filter(question=question, user=by_user, purpose=purpose, round=question.round).delete()
        tell(researchers_of(question.campaign), NewsKind.SKIPPED, question=question, by_user=by_user)
        audit.record(
            "annotation.skipped",
            by_user=by_user,
            on=question,
            site=question.campaign.site,
            purpose=purpose,
            code=code,
        )
    return row


def lift(row: Skip, *, by_user: User) -> None:
    """Put a skipped question back on the list of the person who skipped it.

    Raises:
        NotAllowedError: neither the person who skipped it nor a researcher of the site.
        WrongStateError: it was put back already.
    """
    if by_user.pk != row.by_user_id:
        require_researcher(row.question.campaign.site, by_user)
    with transaction.atomic():
        moved = Skip.objects.filter(pk=row.pk, lifted_at__isnull=True).update(
            lifted_at=timezone.now(), lifted_by=by_user
        )
        if not moved:
            raise WrongStateError(_("This question is on the list again already."))
        audit.record(
            "annotation.skip_lifted", by_user=by_user, on=row.question, site=row.question.campaign.site
        )


def give_back(question: Question, *, by_user: User, purpose: str) -> None:
    """Put the question down without a reason: somebody else may take it, the draft stays."""
    leases.release(question, by_user=by_user, purpose=purpose)
