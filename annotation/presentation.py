"""What the pages of correcting and picking show, and what their forms send."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
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
from annotation.services.campaign_settings import current_guideline
from annotation.services.campaigns import current_instructions
from annotation.services.corrections import CorrectionItem
from annotation.services.drafts import EARLIER, SECONDS, TYPED, PageSave, draft_of
from annotation.services.shown_orders import letter, letters_seen, order_to_show, shown_order
from annotation.services.study_context import labels_to_show, prior_study, report_to_show, report_waits
from annotation.services.wording import plain
from mammo.accounts.models import Role, User
from mammo.archive.models import Study
from mammo.core.digits import number_in
from mammo.core.errors import UserError
from mammo.core.page_seconds import page_seconds


@dataclass(frozen=True)
class Turn:
    """One round of the conversation."""

    is_patient: bool
    text: str


@dataclass(frozen=True)
class ErrorRow:
    """One kind of error as a junior tags it.

    Attributes:
        citation: code of the guideline's heading that says otherwise; "" for none.
    """

    tag: str
    label: str
    is_tagged: bool
    citation: str


@dataclass(frozen=True)
class ProposalCard:
    """One proposal as a junior works on it.

    Attributes:
        citations: error tag: code of the guideline's heading that says otherwise.
    """

    letter: str
    id: uuid.UUID
    proposed: str
    text: str
    no_change: bool
    tags: tuple[str, ...]
    citations: Mapping[str, str]
    notes: str = ""

    @property
    def errors(self) -> list[ErrorRow]:
        """All kinds of error, each with what is said of it here."""
        return [
            ErrorRow(value, str(label), value in self.tags, self.citations.get(value, ""))
            for value, label in ErrorTag.choices
        ]


@dataclass(frozen=True)
class CandidateCard:
    """One corrected answer as a senior sees it: nothing that tells where it comes from.

    Attributes:
        same_as: the letter of an answer above that reads word for word the same; "" for none.
    """

    letter: str
    id: uuid.UUID
    text: str
    wording: str
    rank: str = ""
    same_as: str = ""


@dataclass(frozen=True)
class ShownStudy:
    """What is shown of a study beside a question: no label that was read from a report which waits for a person."""

    pk: uuid.UUID
    date: date | None
    age: int | None
    density: str
    birads_left: str
    birads_right: str
    symptom: str
    indication: str
    history: str

    @property
    def id(self) -> uuid.UUID:
        """Its key, as programs name it."""
        return self.pk


def turns_of(question: Question) -> list[Turn]:
    """The conversation, oldest first; one tombstone after her patient's erasure."""
    return [Turn(index % 2 == 0, text) for index, text in enumerate(question.texts)]


def turns_for(question: Question, user: User) -> list[Turn]:
    """The conversation; nothing of it for all but data managers until one of them has confirmed the wording."""
    if question.is_unconfirmed and not user.has_role(Role.DATA_MANAGER, site=question.campaign.site):
        return []
    return turns_of(question)


def case_of(question: Question) -> dict[str, Any]:
    """What is shown of the study: the strip of facts and the report, if it does not wait for a data manager."""
    study = question.study
    report = report_to_show(study) if study is not None else None
    prior = prior_study(study) if study is not None else None
    return {
        "study": _shown_study(study) if study is not None else None,
        "report": report.cleaned if report is not None else "",
        "report_waits": study is not None and report is None and report_waits(study),
        "prior": _shown_study(prior) if prior is not None else None,
    }


def _shown_study(study: Study) -> ShownStudy:
    labels = labels_to_show(study)
    return ShownStudy(
        study.pk, study.date, study.age, labels["density"], labels["birads_left"], labels["birads_right"],
        study.symptom, study.indication, study.history,
    )  # fmt: skip


def guidance_of(campaign: Campaign) -> dict[str, Any]:
    """The headings of the campaign's guideline that an error tag can cite; which texts are shown."""
    return {
        "sections": sections_of(campaign.guideline),
        "instruction_version": current_instructions(campaign),
        "guideline_version": current_guideline(campaign),
    }


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
        _proposal_card(letter(place), proposals[pk], drafted.get(str(pk)), earlier.get(pk))
        for place, pk in enumerate(order)
    ]


def _proposal_card(
    letter: str, proposal: Proposal, drafted: Mapping[str, Any] | None, earlier: Correction | None
) -> ProposalCard:
    proposed = plain(proposal.text)
    if drafted is not None:
        text, no_change, tags = drafted["text"], drafted["no_change"], drafted["tags"]
        citations, notes = _drafted_citations(drafted), drafted.get("notes", "")
    elif earlier is not None:
        text, no_change, tags = earlier.text, earlier.no_change, earlier.error_tags
        citations, notes = earlier.citations, earlier.notes
    else:
        text, no_change, tags, citations, notes = proposed, False, [], {}, ""
    return ProposalCard(
        letter, proposal.pk, proposed, str(text), bool(no_change), tuple(tags), dict(citations), str(notes)
    )


def _drafted_citations(drafted: Mapping[str, Any]) -> Mapping[str, str]:
    """Headings by tag; drafts of before, and callers that name one heading, mean it for every tag."""
    cited: Mapping[str, str] = drafted.get("citations") or {}
    one = drafted.get("citation", "")
    return cited if cited or not one else dict.fromkeys(drafted["tags"], one)


def candidate_cards(question: Question, user: User, purpose: str = Purpose.PICK.value) -> list[CandidateCard]:
    """The corrected answers in this person's order; only those of the present round."""
    candidates = {row.pk: row for row in Correction.objects.candidates(question)}
    order = shown_order(question, candidates, user=user, purpose=purpose)
    draft = draft_of(question, user=user, purpose=purpose)
    wordings: Mapping[str, str] = draft.content.get("wordings", {}) if draft is not None else {}
    ranks: Mapping[str, str] = draft.content.get("ranks", {}) if draft is not None else {}
    first: dict[str, str] = {}
    cards = []
    for place, pk in enumerate(order):
        text, here = str(candidates[pk].text), letter(place)
        above = first.setdefault(text, here)
        cards.append(
            CandidateCard(
                here,
                pk,
                text,
                # A box that was emptied, or never sent, holds no wording.
                wordings.get(str(pk)) or text,
                ranks.get(str(pk), ""),
                above if above != here else "",
            )
        )
    return cards


def letters_on_page(question: Question, user: User, purpose: str) -> dict[str, str]:
    """The letter of each text on this person's pages, by its id, those of earlier rounds too; no order is drawn."""
    rows = (
        Proposal.objects.current(question)
        if purpose == Purpose.CORRECT
        else Correction.objects.candidates(question)
    )
    order = order_to_show(question, rows.values_list("pk", flat=True), user=user, purpose=purpose)
    now = {str(pk): letter(place) for place, pk in enumerate(order)}
    return letters_seen(question, user=user, purpose=purpose) | now


def returns_of(question: Question) -> list[Return]:
    """Why the question came back, newest first."""
    return list(Return.objects.filter(question=question).order_by("-round", "-created_at"))


def posted_corrections(post: QueryDict, proposals: Sequence[uuid.UUID]) -> list[CorrectionItem]:
    """The form's items. Fields: `text-<id>`, `no_change-<id>`, `tags-<id>`, `cite-<id>-<tag>`, `notes-<id>`."""
    return [_posted_item(post, pk) for pk in proposals]


def _posted_item(post: QueryDict, pk: uuid.UUID) -> CorrectionItem:
    tags = [tag for tag in post.getlist(f"tags-{pk}") if tag in ErrorTag.values]
    cited = {tag: post.get(f"cite-{pk}-{tag}", "") for tag in tags}
    return CorrectionItem(
        proposal=pk,
        text=post.get(f"text-{pk}", ""),
        no_change=f"no_change-{pk}" in post,
        error_tags=tags,
        citations={tag: code for tag, code in cited.items() if code},
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
                "citations": dict(item.citations),
                "notes": item.notes.replace("\r\n", "\n"),
            }
            for item in items
        }
    }


def pick_draft(post: QueryDict, answers: Sequence[uuid.UUID]) -> dict[str, Any]:
    """What is kept of an unfinished choice: of `answers`, corrections of any round, those that the page sent."""
    return {
        "choice": post.get("correction", ""),
        "wordings": {
            str(pk): post.get(f"text-{pk}", "").replace("\r\n", "\n")
            for pk in answers
            if f"text-{pk}" in post
        },
        "ranks": {str(pk): post.get(f"rank-{pk}", "") for pk in answers if f"rank-{pk}" in post},
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
    places = {pk: place for pk, rank in ranks.items() if (place := number_in(rank)) is not None}
    if len(set(ranks.values())) != len(ranks) or len(places) != len(ranks):
        raise UserError(_("Rank all answers, each once."))
    return [chosen, *sorted(places, key=places.__getitem__)]


def draft_as_text(draft: Draft | dict[str, Any], letters: Mapping[str, str]) -> str:
    """A draft to be read beside another one."""
    content: dict[str, Any] = draft.content if isinstance(draft, Draft) else draft
    items = content.get("items", {})
    texts = content.get("wordings") or {pk: item["text"] for pk, item in items.items()}
    lines = []
    for pk in sorted(texts, key=lambda pk: letters.get(pk, "")):
        if pk in letters:
            lines += [f"{letters[pk]}: {texts[pk]}", items.get(pk, {}).get("notes", "")]
    if content.get("choice") in letters:
        lines.append(_("Chosen: %(letter)s") % {"letter": letters[content["choice"]]})
    typed = [content.get(name) for name in TYPED]
    return "\n\n".join(str(text) for text in [*lines, *typed, *content.get(EARLIER, [])] if text)


def kept_draft(question: Question, user: User, purpose: str) -> str:
    """What this person had written, to be read where it can't be sent in; "" where nothing of theirs is kept."""
    draft = draft_of(question, user=user, purpose=purpose)
    if draft is None:
        return ""
    ids = [*draft.content.get("items", {}), *draft.content.get("wordings", {})]
    # A program may keep texts that were never shown to it on a page.
    return draft_as_text(draft, dict.fromkeys(ids, "–") | letters_seen(question, user=user, purpose=purpose))


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


def shown_round(request: HttpRequest) -> int:
    """Round of the question that the page showed.

    Raises:
        UserError: the page does not say.
    """
    return whole_number(request, "round")


def shown_instructions(request: HttpRequest) -> int | None:
    """Number of the instructions that the page showed; None where a page does not say.

    Raises:
        UserError: it is no number that a page sends.
    """
    return _shown_number(request, "instruction_version")


def shown_guideline(request: HttpRequest) -> int | None:
    """Number of the guideline that the page showed; None where a page does not say.

    Raises:
        UserError: it is no number that a page sends.
    """
    return _shown_number(request, "guideline_version")


def _shown_number(request: HttpRequest, name: str) -> int | None:
    given = request.POST.get(name)
    if given is None:
        return None
    number = number_in(given)
    if number is None:
        raise UserError(_("%(name)s: missing; open the page again") % {"name": name})
    return number


def page_of(request: HttpRequest) -> uuid.UUID | None:
    """The name that an open page drew for itself; None where it has none.

    Raises:
        UserError: it is no name that a page draws.
    """
    given = request.POST.get("draft_page")
    if given is None:
        return None
    try:
        return uuid.UUID(given)
    except ValueError:
        raise UserError(_("%(name)s: missing; open the page again") % {"name": "draft_page"}) from None


def page_save(request: HttpRequest) -> PageSave | None:
    """Which page saves a draft, and its how manieth save this is; None where the page has no name.

    Raises:
        UserError: they are not what a page sends.
    """
    page, number = page_of(request), _shown_number(request, "draft_number")
    return PageSave(page, number) if page is not None and number is not None else None


def seconds_before(draft: Draft | None) -> float:
    """Seconds at work that a draft keeps of earlier visits; 0 where there is none."""
    return float(draft.content.get(SECONDS, 0)) if draft is not None else 0.0


def seconds(request: HttpRequest) -> float:
    """Seconds at work that the page counted; never below zero nor above a day."""
    return page_seconds(request.POST)
