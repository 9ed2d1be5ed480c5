"""The practice set: worked on before real questions, with feedback; the first try is what is kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Max, Sum
from django.utils.translation import gettext as _

from annotation.models import Campaign, CampaignMember, ErrorTag, PracticeItem, PracticeResult, Purpose
from annotation.services.access import require_member, require_researcher
from annotation.services.wording import LONGEST_TEXT, plain
from mammo.accounts import audit
from mammo.accounts.models import User
from mammo.core.choices import Language
from mammo.core.errors import UserError, WrongStateError


@dataclass(frozen=True, kw_only=True)
class PracticeAnswer:
    """One proposed answer of a practice item, what is wrong with it, and how it should read."""

    text: str
    tags: Sequence[str] = ()
    reference: str = ""


def add_item(
    campaign: Campaign,
    *,
    by_user: User,
    question: str,
    answers: Sequence[PracticeAnswer],
    best: int,
    language: str,
    context: str = "",
    feedback: str = "",
) -> PracticeItem:
    """Add an example to the practice set; written by the department, about no patient.

    Raises:
        NotAllowedError: not a researcher of the site.
        WrongStateError: somebody has practised already: the set is frozen.
        UserError: question or answers are missing, a tag is unknown, or the best answer has faults.
    """
    require_researcher(campaign.site, by_user)
    if language not in Language.values:
        raise UserError(_("language: choose one of %(known)s") % {"known": ", ".join(Language.values)})
    if not plain(question):
        raise UserError(_("question: empty; write the question"))
    _check_answers(answers, best)
    with transaction.atomic():
        Campaign.objects.select_for_update().get(pk=campaign.pk)
        if PracticeResult.objects.filter(item__campaign=campaign).exists():
            raise WrongStateError(_("Somebody has practised already: the practice set is frozen."))
        last = campaign.practice_items.aggregate(last=Max("position"))["last"] or 0
        item = PracticeItem.objects.create(
            campaign=campaign,
            position=last + 1,
            language=language,
            context=plain(context),
            question=plain(question),
            answers=[
                {"text": plain(one.text), "tags": sorted(set(one.tags)), "reference": plain(one.reference)}
                for one in answers
            ],
            best=best,
            feedback=plain(feedback),
        )
        audit.record("annotation.practice_added", by_user=by_user, on=campaign, site=campaign.site)
    return item


def _check_answers(answers: Sequence[PracticeAnswer], best: int) -> None:
    if len(answers) < 2:
        raise UserError(_("answers: give at least two"))
    for number, one in enumerate(answers, start=1):
        if not plain(one.text) or len(one.text) > LONGEST_TEXT:
            raise UserError(_("answer %(number)s: empty or too long") % {"number": number})
        unknown = sorted(set(one.tags) - set(ErrorTag.values))
        if unknown:
            raise UserError(
                _("error_tags: %(unknown)r is unknown; known: %(known)s")
                % {"unknown": unknown[0], "known": ", ".join(ErrorTag.values)}
            )
        if one.tags and not plain(one.reference):
            raise UserError(_("answer %(number)s: has faults; write how it should read") % {"number": number})
    if not 0 <= best < len(answers):
        raise UserError(_("best: name one of the answers"))


def next_item(campaign: Campaign, user: User, purpose: str) -> PracticeItem | None:
    """The first example that this person has not done yet."""
    done = PracticeResult.objects.filter(by_user=user, purpose=purpose, item__campaign=campaign)
    return campaign.practice_items.exclude(pk__in=done.values("item")).order_by("position").first()


def must_practise(campaign: Campaign, user: User, purpose: str) -> bool:
    """Whether real work waits until this person has done the practice set (adjudicators have)."""
    return (
        campaign.practice_required
        and purpose != Purpose.ADJUDICATE
        and next_item(campaign, user, purpose) is not None
    )


def require_practice(campaign: Campaign, user: User, purpose: str) -> None:
    """Let people pass who did the practice set, where the campaign asks for it.

    Raises:
        WrongStateError: examples wait to be done first.
    """
    if must_practise(campaign, user, purpose):
        raise WrongStateError(
            _("The practice set of “%(name)s” comes first; you find it above your worklist.")
            % {"name": campaign.name}
        )


def submit_correction(
    item: PracticeItem,
    *,
    by_user: User,
    tags: Mapping[int, Sequence[str]],
    texts: Mapping[int, str] | None = None,
    active_seconds: float = 0.0,
) -> PracticeResult:
    """A junior says what is wrong with each answer. Right is an answer with exactly the expected tags.

    Args:
        tags: error tags by index of the answer; a missing one is positively without fault.

    Raises:
        NotAllowedError: the account does not correct in this campaign.
        WrongStateError: it did this example before; the first try stands.
    """
    require_member(item.campaign, by_user, Purpose.CORRECT)
    right = sum(set(tags.get(index, ())) == set(answer["tags"]) for index, answer in enumerate(item.answers))
    given = {
        str(index): {
            "tags": sorted(set(tags.get(index, ())) & set(ErrorTag.values)),
            "text": plain((texts or {}).get(index, answer["text"]))[:LONGEST_TEXT],
        }
        for index, answer in enumerate(item.answers)
    }
    return _keep(item, by_user, Purpose.CORRECT, given, right, len(item.answers), active_seconds)


def submit_pick(
    item: PracticeItem, *, by_user: User, picked: int, active_seconds: float = 0.0
) -> PracticeResult:
    """A senior picks the best answer (as corrected: the references).

    Raises:
        NotAllowedError: the account does not pick in this campaign.
        WrongStateError: it did this example before; the first try stands.
        UserError: no such answer.
    """
    require_member(item.campaign, by_user, Purpose.PICK)
    if not 0 <= picked < len(item.answers):
        raise UserError(_("best: name one of the answers"))
    right = int(picked == item.best)
    return _keep(item, by_user, Purpose.PICK, {"picked": picked}, right, 1, active_seconds)


def _keep(
    item: PracticeItem,
    by_user: User,
    purpose: str,
    given: dict[str, Any],
    right: int,
    possible: int,
    active_seconds: float,
) -> PracticeResult:
    try:
        with transaction.atomic():
            row = PracticeResult.objects.create(
                item=item,
                by_user=by_user,
                purpose=purpose,
                given=given,
                right=right,
                possible=possible,
                active_seconds=max(active_seconds, 0.0),
            )
            audit.record(
                "annotation.practised",
                by_user=by_user,
                on=item.campaign,
                site=item.campaign.site,
                right=right,
                possible=possible,
            )
    except IntegrityError:
        raise WrongStateError(_("You did this example before; the first try stands.")) from None
    return row


@dataclass(frozen=True)
class PracticeScore:
    """How a person did on the practice set."""

    done: int
    right: int
    possible: int


def score_of(campaign: Campaign, user: User, purpose: str) -> PracticeScore:
    """What a person has done of the practice set, and how much of it was right."""
    rows = PracticeResult.objects.filter(item__campaign=campaign, by_user=user, purpose=purpose)
    sums = rows.aggregate(right=Sum("right"), possible=Sum("possible"))
    return PracticeScore(rows.count(), int(sums["right"] or 0), int(sums["possible"] or 0))


def scores_of(campaign: Campaign) -> list[tuple[CampaignMember, PracticeScore]]:
    """How each member who has to practise did, by user name; empty where there is no practice set."""
    if not campaign.practice_items.exists():
        return []
    members = campaign.members.exclude(purpose=Purpose.ADJUDICATE).select_related("user")
    return [
        (member, score_of(campaign, member.user, member.purpose))
        for member in members.order_by("user__username", "purpose")
    ]
