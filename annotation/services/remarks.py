"""Remarks on a question between those who work on it, and flags on the question itself."""

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from annotation.models import (
    Comment,
    Correction,
    Flag,
    FlagKind,
    Lease,
    NewsKind,
    Pick,
    Purpose,
    Question,
)
from annotation.services.access import require_not_erased, require_researcher
from annotation.services.news import researchers_of, tell
from annotation.services.wording import LONGEST_REMARK, plain
from mammo.accounts import audit
from mammo.accounts.models import User
from mammo.core.errors import NotAllowedError, UserError, WrongStateError

RESEARCH = "research"


def role_in(question: Question, user: User) -> str:
    """As what a person speaks about a question: correct, pick, adjudicate or research.

    A researcher who works on the campaign speaks as one of those who work on it: others read it as such.

    Raises:
        NotAllowedError: the account has nothing to do with the question.
    """
    for purpose in Purpose.values:
        if Question.objects.open_to(user, purpose).filter(pk=question.pk).exists():
            return purpose
    if user.has_role("researcher", "admin", site=question.campaign.site):
        return RESEARCH
    raise NotAllowedError(_("This account does not work on this campaign in that way."))


def comment(question: Question, text: str, *, by_user: User) -> Comment:
    """Add a remark and tell the others who spoke or work on the question and may read it now.

    Raises:
        NotAllowedError: the account has nothing to do with the question.
        WrongStateError: the patient withdrew.
        UserError: the remark is empty or too long.
    """
    role, said = role_in(question, by_user), _remark(text)
    require_not_erased(question)
    with transaction.atomic():
        row = Comment.objects.create(question=question, by_user=by_user, role=role, text=said)
        tell(_listeners(row), NewsKind.COMMENT, question=question, by_user=by_user)
        audit.record(
            "annotation.commented", by_user=by_user, on=question, site=question.campaign.site, role=role
        )
    return row


def _remark(text: str) -> str:
    said = plain(text)
    if not said:
        raise UserError(_("text: empty; write a remark"))
    if len(said) > LONGEST_REMARK:
        raise UserError(_("text: longer than %(limit)s characters; shorten it") % {"limit": LONGEST_REMARK})
    return said


def _listeners(row: Comment) -> list[User]:
    """Researchers, whoever spoke, corrected or picked, and whoever has the question now; none who may not read it.

    (News of a junior's remark would tell a senior, before the choice, that there is something to know.)
    """
    question = row.question
    held = Lease.objects.standing().filter(question=question, round=question.round)
    concerned = User.objects.filter(
        Q(pk__in=researchers_of(question.campaign).values("pk"))
        | Q(pk__in=Comment.objects.filter(question=question).values("by_user"))
        | Q(pk__in=Correction.objects.filter(proposal__question=question).values("by_user"))
        | Q(pk__in=Pick.objects.filter(question=question).values("by_user"))
        | Q(pk__in=held.values("user")),
        is_active=True,
    )
    return [person for person in concerned if _may_read(row, person)]


def _may_read(row: Comment, person: User) -> bool:
    """Whether this person's page of the question shows the remark now."""
    return (
        Question.objects.visible_to(person).filter(pk=row.question_id).exists()
        and Comment.objects.readable_by(person, row.question).filter(pk=row.pk).exists()
    )


def flag(question: Question, *, by_user: User, kind: str, note: str = "") -> Flag:
    """Say that something is wrong with the question itself; its researchers are told.

    Raises:
        NotAllowedError: the account has nothing to do with the question.
        WrongStateError: the patient withdrew.
        UserError: the kind is unknown, or `other` without words.
    """
    role_in(question, by_user)
    require_not_erased(question)
    if kind not in FlagKind.values:
        raise UserError(
            _("kind: %(kind)r is unknown; known: %(known)s")
            % {"kind": kind, "known": ", ".join(FlagKind.values)}
        )
    if kind == FlagKind.OTHER and not plain(note):
        raise UserError(_("note: empty; say what is wrong with the question"))
    with transaction.atomic():
        row = Flag.objects.create(
            question=question, by_user=by_user, kind=kind, note=plain(note)[:LONGEST_REMARK]
        )
        tell(researchers_of(question.campaign), NewsKind.FLAGGED, question=question, by_user=by_user)
        audit.record(
            "annotation.flagged", by_user=by_user, on=question, site=question.campaign.site, kind=kind
        )
    return row


def settle_flag(row: Flag, settlement: str, *, by_user: User) -> None:
    """A researcher says what was done about a flag.

    Raises:
        NotAllowedError: not a researcher of the site.
        WrongStateError: it was settled already (an erasure settles it, without words), or the patient withdrew.
        UserError: nothing is said.
    """
    require_researcher(row.question.campaign.site, by_user)
    said = _remark(settlement)
    with transaction.atomic():
        locked = Flag.objects.select_for_update().get(pk=row.pk)
        if locked.settled_at is not None:
            raise WrongStateError(_("This flag was settled already."))
        locked.settled_at, locked.settled_by, locked.settlement = timezone.now(), by_user, said
        locked.save(update_fields=["settled_at", "settled_by", "settlement"])
        audit.record(
            "annotation.flag_settled", by_user=by_user, on=row.question, site=row.question.campaign.site
        )
