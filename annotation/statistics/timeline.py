"""The history of one question, oldest first: proposals, corrections, returns, picks, remarks, who and when."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from annotation.markdown_text import sections_of
from annotation.models import (
    Comment,
    Correction,
    ErrorTag,
    Flag,
    GuidelineVersion,
    Pick,
    Proposal,
    Question,
    Return,
    ShownOrder,
    Skip,
)
from annotation.reasons import PickReason, ReturnReason
from mammo.accounts.models import AuditEvent, User


@dataclass(frozen=True)
class Event:
    """One thing that happened.

    Attributes:
        kind: asked, proposed, seen, corrected, picked, returned, skipped, lifted (a skip), flagged, settled (a flag),
            remark or withdrawn.
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
    tags, guidelines = dict(ErrorTag.choices), _guidelines(question)
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
            *_cited(row, guidelines),
            *((row.notes,) if row.notes else ()),
        )
        before = "" if row.no_change else row.proposal.text
        yield Event(row.created_at, "corrected", title, row.by_user, row.text, before, details)


def _guidelines(question: Question) -> dict[int, GuidelineVersion]:
    return {row.number: row for row in GuidelineVersion.objects.filter(campaign=question.campaign)}


def _cited(row: Correction, guidelines: Mapping[int, GuidelineVersion]) -> Iterator[str]:
    """What was cited for which error, with the edition that the junior was shown."""
    tags = dict(ErrorTag.choices)
    shown = guidelines.get(row.guideline_version)
    titles = {section.code: section.title for section in sections_of(shown.text)} if shown else {}
    for tag, code in row.citations.items():
        yield _("%(error)s: cites “%(heading)s” of %(edition)s (version %(number)s)") % {
            "error": tags.get(tag, tag),
            "heading": titles.get(code, code),
            "edition": shown.edition if shown else "–",
            "number": row.guideline_version,
        }


def _picks(question: Question) -> Iterator[Event]:
    reasons = {**dict(PickReason.choices), **dict(ReturnReason.choices)}
    rows = Pick.objects.filter(question=question).select_related("correction__proposal", "by_user")
    corrected = Correction.objects.filter(proposal__question=question)
    places = {str(pk): index + 1 for pk, index in corrected.values_list("pk", "proposal__index")}
    for row in rows:
        if row.correction is None:
            title = _("The senior wrote the answer")
        else:
            title = _("Picked: the correction of proposal %(number)s") % {
                "number": row.correction.proposal.index + 1
            }
        if row.is_adjudication:
            title = _("Adjudicated. %(what)s") % {"what": title}
        details = (
            *(str(reasons[code]) for code in row.reason_codes),
            *_ranked(row, places),
            *((row.reason,) if row.reason else ()),
        )
        before = row.correction.text if row.edited and row.correction is not None else ""
        yield Event(row.created_at, "picked", title, row.by_user, row.text, before, details)


def _ranked(row: Pick, places: Mapping[str, int]) -> Iterator[str]:
    """The order in which a senior put the answers, where the campaign asks for it."""
    if row.ranking:
        order = " > ".join(str(places.get(pk, "–")) for pk in row.ranking)
        yield _("ranked, best first, by their proposals: %(order)s") % {"order": order}


def _returns(question: Question) -> Iterator[Event]:
    reasons, guidelines = dict(ReturnReason.choices), _guidelines(question)
    for row in Return.objects.filter(question=question).select_related("by_user"):
        details = (*(str(reasons[code]) for code in row.reason_codes), *_shown(row, guidelines))
        title = _("Sent back to be corrected, end of round %(round)s") % {"round": row.round}
        yield Event(row.created_at, "returned", title, row.by_user, row.reason, details=details)


def _shown(row: Return, guidelines: Mapping[int, GuidelineVersion]) -> Iterator[str]:
    """By which texts the senior judged; nothing where there were none, or where it was not kept."""
    if row.instruction_version:
        yield _("instructions shown: version %(number)s") % {"number": row.instruction_version}
    if row.guideline_version:
        shown = guidelines.get(row.guideline_version)
        yield _("guideline shown: %(edition)s (version %(number)s)") % {
            "edition": shown.edition if shown else "–",
            "number": row.guideline_version,
        }


def _asides(question: Question) -> Iterator[Event]:
    for skip in Skip.objects.filter(question=question).select_related("by_user", "lifted_by"):
        title = _("Skipped: %(why)s") % {"why": skip.get_code_display()}
        yield Event(skip.created_at, "skipped", title, skip.by_user, skip.reason)
        if skip.lifted_at is not None:
            again = _("On the list of %(who)s again") % {"who": skip.by_user}
            yield Event(skip.lifted_at, "lifted", again, skip.lifted_by)
    for flag in Flag.objects.filter(question=question).select_related("by_user", "settled_by"):
        title = _("Flagged: %(why)s") % {"why": flag.get_kind_display()}
        yield Event(flag.created_at, "flagged", title, flag.by_user, flag.note)
        if flag.settled_at is not None:
            settled = _("Flag settled: %(why)s") % {"why": flag.get_kind_display()}
            yield Event(flag.settled_at, "settled", settled, flag.settled_by, flag.settlement)
    for row in Comment.objects.filter(question=question).select_related("by_user"):
        yield Event(row.created_at, "remark", _("Remark"), row.by_user, row.text)
    # Why stands in the remark beside it.
    for taken in AuditEvent.objects.filter(
        action="annotation.withdrawn", object_id=str(question.pk)
    ).select_related("actor"):
        yield Event(taken.at, "withdrawn", _("Taken out of the campaign"), taken.actor)
