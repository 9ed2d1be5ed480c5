"""What opens after a choice, who said what on a question, and lines of news: read by pages only."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext as _

from annotation.models import (
    Comment,
    Correction,
    ErrorTag,
    NewsKind,
    Notification,
    Pick,
    Purpose,
    Question,
    ShownOrder,
)
from annotation.reasons import PickReason, ReturnReason
from annotation.services.adjudication import disputed_picks
from annotation.text_safety import WarningKind
from mammo.accounts.models import User


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
    rows = {str(row.pk): row for row in Correction.objects.candidates(question).select_related("proposal")}
    shown = ShownOrder.objects.filter(question=question, user=user, round=question.round).exclude(
        purpose=Purpose.CORRECT
    )
    order = next(iter(shown.values_list("order", flat=True)), sorted(rows))
    mine = Pick.objects.standing().filter(question=question, by_user=user, round=question.round).first()
    picked = str(mine.correction_id) if mine is not None else ""
    return [
        _opened(chr(ord("A") + place), rows[pk], pk == picked) for place, pk in enumerate(order) if pk in rows
    ]


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


@dataclass(frozen=True)
class NewsLine:
    """A notification as a sentence with a way to go."""

    text: str
    url: str
    at: datetime
    is_read: bool


def news_line(row: Notification, user: User) -> NewsLine:
    """The sentence of a notification; the way leads to where this person can do something about it."""
    about = _("question %(number)s of %(campaign)s")
    subject = ""
    if row.question is not None:
        subject = about % {"number": row.question.position, "campaign": row.question.campaign.name}
    elif row.campaign is not None:
        subject = row.campaign.name
    label = str(row.get_kind_display())
    return NewsLine(
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
    if user.has_role("researcher", "admin", site=row.question.campaign.site):
        return reverse("annotation:timeline", args=[row.question_id])
    rows: Any = row.question.campaign.members.filter(user=user)
    for purpose in ("adjudicate", "pick", "correct"):
        stage_fits = purpose != "adjudicate" or row.kind == NewsKind.ADJUDICATE
        if stage_fits and rows.filter(Q(purpose=purpose)).exists():
            return reverse(f"annotation:{purpose}", args=[row.question_id])
    return reverse("annotation:news")
