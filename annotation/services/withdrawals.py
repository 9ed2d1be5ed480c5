"""Taking a question out of its campaign: nobody works on it any more, and no training set holds it."""

from django.db import transaction
from django.utils.translation import gettext as _

from annotation.models import Comment, Lease, Question
from annotation.services import stages
from annotation.services.access import require_not_erased, require_researcher
from annotation.services.remarks import RESEARCH
from annotation.services.wording import LONGEST_REMARK, plain
from mammo.accounts import audit
from mammo.accounts.models import User
from mammo.core.errors import UserError, WrongStateError


def withdraw(question: Question, reason: str, *, by_user: User) -> None:
    """Take a question out of its campaign; what was judged stays on record, drafts stay their writers'.

    Args:
        reason: kept as a remark of research on the question, because it may say something of the patient.

    Raises:
        NotAllowedError: not a researcher of the site.
        WrongStateError: it is out already, or the patient withdrew.
        UserError: no reason is given, or it is too long.
    """
    require_researcher(question.campaign.site, by_user)
    said = plain(reason)
    if not said or len(said) > LONGEST_REMARK:
        raise UserError(
            _("reason: say in 1 to %(limit)s characters why the question is taken out")
            % {"limit": LONGEST_REMARK}
        )
    with transaction.atomic():
        question = stages.locked(question)
        if question.stage == Question.Stage.WITHDRAWN:
            raise WrongStateError(_("This question is out of the campaign already."))
        require_not_erased(question)
        before = question.stage
        Lease.objects.filter(question=question, round=question.round).delete()
        Comment.objects.create(question=question, by_user=by_user, role=RESEARCH, text=said)
        stages.move(question, Question.Stage.WITHDRAWN)
        audit.record(
            "annotation.withdrawn", by_user=by_user, on=question, site=question.campaign.site, stage=before
        )
