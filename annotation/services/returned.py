"""A round after a return: what was sent back does not go in again untouched, unless its junior says why it stands."""

from collections.abc import Mapping

from django.utils.translation import gettext as _

from annotation.models import Correction, Question
from annotation.services.remarks import comment
from annotation.services.wording import plain
from mammo.accounts.models import User
from mammo.core.errors import UserError

LONGEST_REASON = 500


def texts_sent_back(question: Question, by_user: User) -> dict[str, str]:
    """This person's own texts that came back with the question, by the id of their proposal; none in a first round."""
    rows = Correction.objects.filter(
        proposal__question=question, by_user=by_user, round__lt=question.round
    ).order_by("round", "revision")
    return {str(row.proposal_id): row.text for row in rows}


def reason_to_stand(question: Question, texts: Mapping[str, str], because: str, *, by_user: User) -> str:
    """Why untouched texts stand, in the junior's words; empty where something was changed, or nothing came back.

    Args:
        texts: all that is sent in, by the id of its proposal.

    Raises:
        UserError: every text is as it was sent back and nothing is said, or more than `LONGEST_REASON` characters.
    """
    before = texts_sent_back(question, by_user)
    if not before or texts != before:
        return ""
    said = plain(because)
    if not said:
        raise UserError(
            _(
                "Every answer is as it was sent back: change one, or say that you looked again and why it stands "
                "(stands_because)."
            )
        )
    if len(said) > LONGEST_REASON:
        raise UserError(
            _("stands_because: longer than %(limit)s characters; shorten it") % {"limit": LONGEST_REASON}
        )
    return said


def keep_reason(question: Question, said: str, *, by_user: User) -> None:
    """Keep why untouched texts stand as a remark: seniors read it as they read every remark of a junior."""
    if said:
        remark = _("I looked again; it stands as it is: %(reason)s") % {"reason": said}
        comment(question, remark, by_user=by_user)
