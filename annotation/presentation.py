"""What the pages of correcting and picking show, and what their forms send."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.http.request import QueryDict
from django.utils.translation import gettext as _

from annotation.markdown_text import sections_of
from annotation.models import (
    Campaign,
    Correction,
    Draft,
    ErrorTag,
    Pick,
    Proposal,
    Purpose,
    Question,
    Return,
)
from annotation.services.corrections import CorrectionItem
from annotation.services.drafts import draft_of
from annotation.services.shown_orders import shown_order
from annotation.services.study_context import newest_report, prior_study
from annotation.services.wording import plain
from mammo.accounts.models import Role, User
from mammo.core.errors import UserError


@dataclass(frozen=True)
class Turn:
    """One round of the conversation."""

    is_patient: bool
    text: str


@dataclass(frozen=True)
class ProposalCard:
    """One proposal as a junior works on it."""

    letter: str
    id: uuid.UUID
    proposed: str
    text: str
    no_change: bool
    tags: tuple[str, ...]
    citation: str = ""
    notes: str = ""


@dataclass(frozen=True)
class CandidateCard:
    """One corrected answer as a senior sees it: nothing that tells where it comes from."""

    letter: str
    id: uuid.UUID
    text: str
    wording: str
    rank: str = ""


def turns_of(question: Question) -> list[Turn]:
    """The conversation, oldest first."""
    return [Turn(index % 2 == 0, text) for index, text in enumerate(question.turns)]


def turns_for(question: Question, user: User) -> list[Turn]:
    """The conversation; nothing of it for all but data managers until one of them has confirmed the wording."""
    if question.is_unconfirmed and not user.has_role(Role.DATA_MANAGER, site=question.campaign.site):
        return []
    return turns_of(question)


def case_of(question: Question) -> dict[str, Any]:
    """What is shown of the study: the strip of facts and the report."""
    study = question.study
    report = newest_report(study) if study is not None else None
    return {
        "study": study,
        "report": report.cleaned if report is not None else "",
        "prior": prior_study(study) if study is not None else None,
    }


def guidance_of(campaign: Campaign) -> dict[str, Any]:
    """The headings of the campaign's guideline that an error tag can cite."""
    return {"sections": sections_of(campaign.guideline)}


def correction_cards(question: Question, user: User) -> list[ProposalCard]:
    """The proposals in this person's order, with the draft, else the last correction, else the proposal."""
    proposals = {row.pk: row for row in Proposal.objects.current(question)}
    order = shown_order(question, proposals, user=user, purpose=Purpose.CORRECT)
    draft = draft_of(question, user=user, purpose=Purpose.CORRECT)
    drafted: Mapping[str, Any] = draft.content.get("items", {}) if draft is not None else {}
    earlier = {
        row.proposal_id: row
        for row in Correction.objects.standing().filter(proposal__question=question, by_user=user)
    }
    return [
        _proposal_card(_letter(place), proposals[pk], drafted.get(str(pk)), earlier.get(pk))
        for place, pk in enumerate(order)
    ]


def _proposal_card(
    letter: str, proposal: Proposal, drafted: Mapping[str, Any] | None, earlier: Correction | None
) -> ProposalCard:
    proposed = plain(proposal.text)
    if drafted is not None:
        text, no_change, tags = drafted["text"], drafted["no_change"], drafted["tags"]
        citation, notes = drafted.get("citation", ""), drafted.get("notes", "")
    elif earlier is not None:
        text, no_change, tags = earlier.text, earlier.no_change, earlier.error_tags
        citation, notes = next(iter(earlier.citations.values()), ""), earlier.notes
    else:
        text, no_change, tags, citation, notes = proposed, False, [], "", ""
    return ProposalCard(
        letter, proposal.pk, proposed, str(text), bool(no_change), tuple(tags), citation, str(notes)
    )


def candidate_cards(question: Question, user: User, purpose: str = Purpose.PICK.value) -> list[CandidateCard]:
    """The corrected answers in this person's order; only those of the present round."""
    candidates = {row.pk: row for row in Correction.objects.candidates(question)}
    order = shown_order(question, candidates, user=user, purpose=purpose)
    draft = draft_of(question, user=user, purpose=purpose)
    wordings: Mapping[str, str] = draft.content.get("wordings", {}) if draft is not None else {}
    ranks: Mapping[str, str] = draft.content.get("ranks", {}) if draft is not None else {}
    return [
        CandidateCard(
            _letter(place),
            pk,
            candidates[pk].text,
            wordings.get(str(pk), candidates[pk].text),
            ranks.get(str(pk), ""),
        )
        for place, pk in enumerate(order)
    ]


def _letter(place: int) -> str:
    return chr(ord("A") + place)


def returns_of(question: Question) -> list[Return]:
    """Why the question came back, newest first."""
    return list(Return.objects.filter(question=question).order_by("-round", "-created_at"))


def posted_corrections(post: QueryDict, proposals: Sequence[uuid.UUID]) -> list[CorrectionItem]:
    """The form's items. Fields: `text-<id>`, `no_change-<id>`, `tags-<id>`, `cite-<id>`, `notes-<id>`."""
    return [_posted_item(post, pk) for pk in proposals]


def _posted_item(post: QueryDict, pk: uuid.UUID) -> CorrectionItem:
    tags = [tag for tag in post.getlist(f"tags-{pk}") if tag in ErrorTag.values]
    cited = post.get(f"cite-{pk}", "")
    return CorrectionItem(
        proposal=pk,
        text=post.get(f"text-{pk}", ""),
        no_change=f"no_change-{pk}" in post,
        error_tags=tags,
        citations=dict.fromkeys(tags, cited) if cited else {},
        notes=post.get(f"notes-{pk}", ""),
    )


def correction_draft(items: Sequence[CorrectionItem]) -> dict[str, Any]:
    """What is kept of unfinished corrections."""
    return {
        "items": {
            str(item.proposal): {
                "text": item.text.replace("\r\n", "\n"),
                "no_change": item.no_change,
                "tags": list(item.error_tags),
                "citation": next(iter(item.citations.values()), ""),
                "notes": item.notes.replace("\r\n", "\n"),
            }
            for item in items
        }
    }


def pick_draft(post: QueryDict, candidates: Sequence[uuid.UUID]) -> dict[str, Any]:
    """What is kept of an unfinished choice."""
    return {
        "choice": post.get("correction", ""),
        "wordings": {str(pk): post.get(f"text-{pk}", "").replace("\r\n", "\n") for pk in candidates},
        "ranks": {str(pk): post.get(f"rank-{pk}", "") for pk in candidates},
        "reasons": post.getlist("reasons"),
        "reason": post.get("reason", ""),
        "written": post.get("written", "").replace("\r\n", "\n"),
        "written_reason": post.get("written_reason", ""),
        **_return_draft(post),
    }


def adjudication_draft(post: QueryDict) -> dict[str, Any]:
    """What is kept of an unfinished decision between two seniors."""
    return {
        "chosen": post.get("chosen", ""),
        "reasons": post.getlist("reasons"),
        "reason": post.get("reason", "").replace("\r\n", "\n"),
        **_return_draft(post),
    }


def _return_draft(post: QueryDict) -> dict[str, Any]:
    return {
        "return_reasons": post.getlist("return_reasons"),
        "return_reason": post.get("return_reason", "").replace("\r\n", "\n"),
    }


def posted_ranking(post: QueryDict, candidates: Sequence[uuid.UUID], chosen: uuid.UUID) -> list[uuid.UUID]:
    """All candidates, best first, by the fields `rank-<id>`; the choice first. Empty if none is filled."""
    ranks = {pk: post.get(f"rank-{pk}", "").strip() for pk in candidates if pk != chosen}
    if not any(ranks.values()):
        return []
    if len(set(ranks.values())) != len(ranks) or not all(rank.isdigit() for rank in ranks.values()):
        raise UserError(_("Rank all answers, each once."))
    return [chosen, *sorted(ranks, key=lambda pk: int(ranks[pk]))]


def draft_as_text(draft: Draft | dict[str, Any], letters: Mapping[str, str]) -> str:
    """A draft to be read beside another one."""
    content: dict[str, Any] = draft.content if isinstance(draft, Draft) else draft
    texts = content.get("wordings") or {pk: item["text"] for pk, item in content.get("items", {}).items()}
    lines = [
        f"{letters[pk]}: {texts[pk]}"
        for pk in sorted(texts, key=lambda pk: letters.get(pk, ""))
        if pk in letters
    ]
    typed = [content.get(name) for name in ("reason", "written", "written_reason", "return_reason")]
    return "\n\n".join([*lines, *(str(text) for text in typed if text)])


def corrections_as_text(rows: Sequence[Correction], letters: Mapping[str, str]) -> str:
    """Corrections that were sent in, to be read beside a draft."""
    named = {letters.get(str(row.proposal_id), ""): row.text for row in rows}
    return "\n\n".join(f"{letter}: {named[letter]}" for letter in sorted(named))


def picks_as_text(rows: Sequence[Pick], letters: Mapping[str, str]) -> str:
    """Choices that were made, to be read beside another one; what a senior wrote has no letter."""
    return "\n\n".join(
        f"{letters[str(row.correction_id)]}: {row.text}"
        if str(row.correction_id) in letters
        else str(row.text)
        for row in rows
    )


def whole_number(request: HttpRequest, name: str) -> int:
    """A version or revision that the form carries.

    Raises:
        UserError: it is missing or no number: the page is broken or forged.
    """
    try:
        return int(request.POST[name])
    except (KeyError, ValueError):
        raise UserError(_("%(name)s: missing; open the page again") % {"name": name}) from None


def seconds(request: HttpRequest) -> float:
    """Seconds at work that the page counted; never below zero nor above a day."""
    try:
        return min(max(float(request.POST.get("active_seconds") or 0), 0.0), 86_400.0)
    except ValueError:
        return 0.0
