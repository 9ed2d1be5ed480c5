"""What opens after a choice, who said what on a question, and lines of news."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils.translation import gettext as _

from annotation.models import (
    Campaign,
    Comment,
    Correction,
    ErrorTag,
    Lease,
    NewsKind,
    Notification,
    Pick,
    Purpose,
    Question,
    ShownOrder,
)
from annotation.querysets import STAGE_FOR
from annotation.reasons import PickReason, ReturnReason
from annotation.services.adjudication import disputed_picks
from annotation.services.shown_orders import letter, still_shown
from annotation.text_safety import WarningKind
from mammo.accounts.models import User
from mammo.core.news import Line

# News of one kind of work only.
_WORK_OF_NEWS = {
    NewsKind.RETURNED.value: Purpose.CORRECT.value,
    NewsKind.ADJUDICATE.value: Purpose.ADJUDICATE.value,
}


@dataclass(frozen=True)
class OpenedCard:
    """A corrected answer with everything that was hidden before the choice."""

    letter: str
    text: str
    proposed: str
    system: str
    no_change: bool
    tags: tuple[str, ...]
    warnings: tuple[str, ...]
    notes: str
    is_picked: bool


def opened_cards(question: Question, user: User) -> list[OpenedCard]:
    """The answers in the order in which this senior saw them, with proposal, changes, tags and warnings."""
    rows = {row.pk: row for row in Correction.objects.candidates(question).select_related("proposal")}
    shown = ShownOrder.objects.filter(question=question, user=user, round=question.round).exclude(
        purpose=Purpose.CORRECT
    )
    stored = shown.select_related("question__campaign", "user").first()
    order = still_shown(stored, rows) if stored is not None else sorted(rows)
    mine = Pick.objects.standing().filter(question=question, by_user=user, round=question.round).first()
    picked = mine.correction_id if mine is not None else None
    return [_opened(letter(place), rows[pk], pk == picked) for place, pk in enumerate(order)]


def _opened(letter: str, row: Correction, is_picked: bool) -> OpenedCard:
    tags, warnings = dict(ErrorTag.choices), dict(WarningKind.choices)
    return OpenedCard(
        letter=letter,
        text=row.text,
        proposed=row.proposal.text,
        system=row.proposal.system,
        no_change=row.no_change,
        tags=tuple(str(tags[tag]) for tag in row.error_tags if tag in tags),
        warnings=tuple(str(warnings[kind]) for kind in row.warnings if kind in warnings),
        notes=row.notes,
        is_picked=is_picked,
    )


@dataclass(frozen=True)
class DisputedCard:
    """What one of two seniors chose, without their name."""

    id: uuid.UUID
    text: str
    reasons: tuple[str, ...]
    reason: str
    is_written: bool


def disputed_cards(question: Question) -> list[DisputedCard]:
    """The choices that an adjudicator decides between, in the order of their ids: no name, no time."""
    labels = {**dict(PickReason.choices), **dict(ReturnReason.choices)}
    return [
        DisputedCard(
            id=pick.pk,
            text=pick.text,
            reasons=tuple(str(labels[code]) for code in pick.reason_codes),
            reason=pick.reason,
            is_written=pick.correction_id is None,
        )
        for pick in sorted(disputed_picks(question), key=lambda pick: str(pick.pk))
    ]


@dataclass(frozen=True)
class RemarkLine:
    """One remark as this reader sees it: by role; by name to researchers and to the person who wrote it."""

    who: str
    text: str
    at: datetime
    is_own: bool


def remarks_of(question: Question, user: User) -> list[RemarkLine]:
    """The remarks that this person may read now, oldest first."""
    with_names = user.has_role("researcher", "admin", site=question.campaign.site)
    roles = {
        "correct": _("Junior"),
        "pick": _("Senior"),
        "adjudicate": _("Senior"),
        "research": _("Researcher"),
    }
    return [
        RemarkLine(
            who=str(row.by_user) if with_names or row.by_user_id == user.pk else roles[row.role],
            text=row.text,
            at=row.created_at,
            is_own=row.by_user_id == user.pk,
        )
        for row in Comment.objects.readable_by(user, question).select_related("by_user")
    ]


def news_line(row: Notification, user: User) -> Line:
    """The sentence of a notification; the way leads to where this person can do something about it."""
    about = _("question %(number)s of %(campaign)s")
    subject = ""
    if row.question is not None:
        subject = about % {"number": row.question.position, "campaign": row.question.campaign.name}
    elif row.campaign is not None:
        subject = row.campaign.name
    label = str(row.get_kind_display())
    return Line(
        text=f"{label}: {subject}" if subject else label,
        url=_way(row, user),
        at=row.created_at,
        is_read=row.read_at is not None,
    )


def _way(row: Notification, user: User) -> str:
    if row.kind == NewsKind.APPROVAL:
        return reverse("annotation:endpoints")
    if row.question is None:
        return (
            reverse("annotation:correct-list") if user.has_role("junior") else reverse("annotation:pick-list")
        )
    if row.kind in (NewsKind.FLAGGED, NewsKind.SKIPPED):
        return reverse("annotation:campaign-stuck", args=[row.question.campaign_id])
    if Campaign.objects.read_in_full_by(user).filter(pk=row.question.campaign_id).exists():
        return reverse("annotation:timeline", args=[row.question_id])
    purpose = _purpose_of(row.kind, row.question, user)
    return reverse(f"annotation:{purpose}", args=[row.question_id]) if purpose else reverse("annotation:news")


def _purpose_of(kind: str, question: Question, user: User) -> str | None:
    """The kind of work on whose page this person finds what the news tells; None where no page is open to them."""
    is_corrector = Correction.objects.filter(proposal__question=question, by_user=user).exists()
    open_now = [
        purpose
        for purpose in (Purpose.ADJUDICATE.value, Purpose.PICK.value, Purpose.CORRECT.value)
        if (purpose == Purpose.CORRECT or not is_corrector)
        and Question.objects.open_to(user, purpose).filter(pk=question.pk).exists()
    ]
    seats = Lease.objects.standing().filter(question=question, user=user, round=question.round)
    chosen = Pick.objects.filter(question=question, by_user=user).values_list("is_adjudication", flat=True)
    wished = [
        _WORK_OF_NEWS.get(kind),
        *seats.values_list("purpose", flat=True),
        *(Purpose.ADJUDICATE.value if decided else Purpose.PICK.value for decided in chosen),
        *(purpose for purpose, stage in STAGE_FOR.items() if stage == question.stage),
        *open_now,
    ]
    return next((purpose for purpose in wished if purpose in open_now), None)
