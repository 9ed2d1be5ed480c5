"""Everything that happened to one question, oldest first: proposals, corrections, returns, picks, who and when."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from annotation.models import (
    Comment,
    Correction,
    ErrorTag,
    Flag,
    Pick,
    Proposal,
    Question,
    Return,
    ShownOrder,
    Skip,
)
from annotation.reasons import PickReason, ReturnReason
from mammo.accounts.models import User


@dataclass(frozen=True)
class Event:
    """One thing that happened.

    Attributes:
        kind: asked, proposed, seen, corrected, picked, returned, skipped, flagged or remark.
        text: wording that came with it, as it was written.
        before: the wording it changed, for a difference.
    """

    at: datetime
    kind: str
    title: str
    by_user: User | None = None
    text: str = ""
    before: str = ""
    details: tuple[str, ...] = ()


def timeline(question: Question) -> list[Event]:
    """All events of a question; a researcher's view, with names."""
    events = [
        Event(
            question.created_at, "asked", _("The question came in (%(source)s)") % {"source": question.source}
        )
    ]
    for part in (_proposals, _seen, _corrections, _picks, _returns, _asides):
        events += part(question)
    return sorted(events, key=lambda event: event.at)


def _proposals(question: Question) -> Iterator[Event]:
    for row in Proposal.objects.filter(question=question).order_by("round", "index"):
        title = _("Proposal %(number)s by %(system)s") % {"number": row.index + 1, "system": row.system}
        details = (row.get_context_display(), _("seed %(seed)s") % {"seed": row.seed}, row.revision[:12])
        yield Event(row.created_at, "proposed", title, None, row.text, details=details)


def _seen(question: Question) -> Iterator[Event]:
    for row in ShownOrder.objects.filter(question=question).select_related("user"):
        title = _("Opened to %(purpose)s, round %(round)s") % {
            "purpose": row.get_purpose_display(),
            "round": row.round,
        }
        yield Event(row.created_at, "seen", title, row.user)


def _corrections(question: Question) -> Iterator[Event]:
    tags = dict(ErrorTag.choices)
    rows = Correction.objects.filter(proposal__question=question).select_related("proposal", "by_user")
    for row in rows:
        said = (
            _("needs no change")
            if row.no_change
            else _("%(n)s characters changed") % {"n": row.edit_distance}
        )
        title = _("Proposal %(number)s corrected: %(said)s") % {
            "number": row.proposal.index + 1,
            "said": said,
        }
        details = (
            _("round %(round)s, revision %(revision)s") % {"round": row.round, "revision": row.revision},
            *(str(tags[tag]) for tag in row.error_tags),
            *((row.notes,) if row.notes else ()),
        )
        before = "" if row.no_change else row.proposal.text
        yield Event(row.created_at, "corrected", title, row.by_user, row.text, before, details)


def _picks(question: Question) -> Iterator[Event]:
    reasons = {**dict(PickReason.choices), **dict(ReturnReason.choices)}
    rows = Pick.objects.filter(question=question).select_related("correction__proposal", "by_user")
    for row in rows:
        if row.correction is None:
            title = _("The senior wrote the answer")
        else:
            title = _("Picked: the correction of proposal %(number)s") % {
                "number": row.correction.proposal.index + 1
            }
        if row.is_adjudication:
            title = _("Adjudicated. %(what)s") % {"what": title}
        details = (*(str(reasons[code]) for code in row.reason_codes), *((row.reason,) if row.reason else ()))
        before = row.correction.text if row.edited and row.correction is not None else ""
        yield Event(row.created_at, "picked", title, row.by_user, row.text, before, details)


def _returns(question: Question) -> Iterator[Event]:
    reasons = dict(ReturnReason.choices)
    for row in Return.objects.filter(question=question).select_related("by_user"):
        details = tuple(str(reasons[code]) for code in row.reason_codes)
        title = _("Sent back to be corrected, end of round %(round)s") % {"round": row.round}
        yield Event(row.created_at, "returned", title, row.by_user, row.reason, details=details)


def _asides(question: Question) -> Iterator[Event]:
    for skip in Skip.objects.filter(question=question).select_related("by_user"):
        title = _("Skipped: %(why)s") % {"why": skip.get_code_display()}
        yield Event(skip.created_at, "skipped", title, skip.by_user, skip.reason)
    for flag in Flag.objects.filter(question=question).select_related("by_user"):
        title = _("Flagged: %(why)s") % {"why": flag.get_kind_display()}
        yield Event(flag.created_at, "flagged", title, flag.by_user, flag.note)
    for row in Comment.objects.filter(question=question).select_related("by_user"):
        yield Event(row.created_at, "remark", _("Remark"), row.by_user, row.text)
