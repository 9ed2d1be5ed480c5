"""Pages of juniors and seniors: worklists, correcting, picking; the researcher's overview of campaigns."""

import uuid
from datetime import datetime

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from annotation import presentation
from annotation.models import (
    Campaign,
    Correction,
    Draft,
    ErrorTag,
    Pick,
    Proposal,
    Purpose,
    Question,
)
from annotation.reasons import PickReason, ReturnReason
from annotation.services import corrections, drafts, leases, picks, proposals
from annotation.services.access import require_not_own
from mammo.accounts.models import User
from mammo.core.errors import StaleVersionError
from mammo.core.idempotency import once

WORKLIST_ROWS = 50
DONE_ROWS = 20


def _user(request: HttpRequest) -> User:
    """The signed-in account (the views are behind `login_required`)."""
    if not isinstance(request.user, User):
        raise Http404
    return request.user


def _question(request: HttpRequest, question_id: uuid.UUID, purpose: str) -> Question:
    """A question this account works on for `purpose`; for everybody else it does not exist."""
    user = _user(request)
    rows = Question.objects.open_to(user, purpose).select_related(
        "campaign__site", "patient", "study__patient"
    )
    question = get_object_or_404(rows, pk=question_id)
    if purpose == Purpose.PICK:
        require_not_own(question, user)
    return question


def _worklist(request: HttpRequest, purpose: str, template: str) -> HttpResponse:
    user = _user(request)
    waiting = Question.objects.waiting_for(user, purpose).select_related("campaign__site", "patient")
    done = (
        Question.objects.open_to(user, purpose)
        .done_by(user, purpose)
        .select_related("campaign__site", "patient")
    )
    drafted = Draft.objects.filter(user=user, purpose=purpose).values_list("question", flat=True)
    context = {
        "waiting": list(waiting[:WORKLIST_ROWS]),
        "waiting_count": waiting.count(),
        "drafted": set(drafted),
        "done": list(done.order_by("-updated_at")[:DONE_ROWS]),
        "done_count": done.count(),
    }
    return render(request, template, context)


def _go(request: HttpRequest, url: str) -> HttpResponse:
    """Redirect a page or, through htmx, the whole window."""
    if getattr(request, "htmx", False):
        response = HttpResponse(status=204)
        response.headers["HX-Redirect"] = url
        return response
    return redirect(url)


@login_required
@require_safe
def correct_list(request: HttpRequest) -> HttpResponse:
    """The junior's worklist."""
    return _worklist(request, Purpose.CORRECT, "annotation/correct_list.html")


@login_required
@require_safe
def pick_list(request: HttpRequest) -> HttpResponse:
    """The senior's worklist."""
    return _worklist(request, Purpose.PICK, "annotation/pick_list.html")


@login_required
@require_POST
def next_question(request: HttpRequest, purpose: str) -> HttpResponse:
    """Hold the next question that waits for this account and go to it."""
    question = leases.next_question(by_user=_user(request), purpose=purpose)
    if question is None:
        messages.info(request, _("Nothing is waiting for you now."))
        return redirect(f"annotation:{purpose}-list")
    return redirect(f"annotation:{purpose}", question.pk)


@login_required
@require_safe
def correct(request: HttpRequest, question_id: uuid.UUID) -> HttpResponse:
    """The page where a junior settles the proposals of one question."""
    user, question = _user(request), _question(request, question_id, Purpose.CORRECT)
    mine = _own_corrections(question, user)
    if question.stage != Question.Stage.PROPOSED or any(row.round == question.round for row in mine):
        context = {"question": question, "turns": presentation.turns_of(question), "mine": mine}
        return render(request, "annotation/corrected.html", context)
    leases.hold(question, by_user=user, purpose=Purpose.CORRECT)
    draft = drafts.draft_of(question, user=user, purpose=Purpose.CORRECT)
    context = {
        "question": question,
        "turns": presentation.turns_of(question),
        **presentation.case_of(question),
        "cards": presentation.correction_cards(question, user),
        "tags": ErrorTag.choices,
        "returns": presentation.returns_of(question),
        "draft_version": draft.version if draft is not None else 0,
        "revision": 0,
    }
    return render(request, "annotation/correct.html", context)


def _own_corrections(question: Question, user: User) -> list[Correction]:
    rows = Correction.objects.standing().filter(proposal__question=question, by_user=user)
    return list(rows.select_related("proposal").order_by("proposal__index"))


@login_required
@require_POST
@once
def submit_correction(request: HttpRequest, question_id: uuid.UUID) -> HttpResponse:
    """Take the settled proposals; what can't be taken is answered beside the page, which stays as it is."""
    user, question = _user(request), _question(request, question_id, Purpose.CORRECT)
    items = presentation.posted_corrections(request.POST, _proposal_ids(question))
    try:
        corrections.submit_corrections(
            question,
            by_user=user,
            items=items,
            active_seconds=presentation.seconds(request),
            expected_revision=presentation.whole_number(request, "revision"),
            draft_version=presentation.whole_number(request, "draft_version"),
        )
    except StaleVersionError as stale:
        letters = _letters(presentation.correction_cards(question, user))
        sent = presentation.draft_as_text(presentation.correction_draft(items), letters)
        return _conflict(request, stale, letters, sent)
    messages.success(request, _("Question %(number)s is sent in. Thank you.") % {"number": question.position})
    following = leases.next_question(by_user=user, purpose=Purpose.CORRECT)
    return _go(
        request,
        reverse("annotation:correct", args=[following.pk])
        if following
        else reverse("annotation:correct-list"),
    )


@login_required
@require_POST
def save_correction_draft(request: HttpRequest, question_id: uuid.UUID) -> HttpResponse:
    """Keep what a junior has typed so far."""
    question = _question(request, question_id, Purpose.CORRECT)
    items = presentation.posted_corrections(request.POST, _proposal_ids(question))
    letters = _letters(presentation.correction_cards(question, _user(request)))
    return _save_draft(request, question, Purpose.CORRECT, presentation.correction_draft(items), letters)


def _proposal_ids(question: Question) -> list[uuid.UUID]:
    return list(Proposal.objects.current(question).values_list("pk", flat=True))


def _letters(
    cards: list[presentation.ProposalCard] | list[presentation.CandidateCard],
) -> dict[str, str]:
    return {str(card.id): card.letter for card in cards}


def _save_draft(
    request: HttpRequest,
    question: Question,
    purpose: str,
    content: dict[str, object],
    letters: dict[str, str],
) -> HttpResponse:
    try:
        draft = drafts.save_draft(
            question,
            by_user=_user(request),
            purpose=purpose,
            content=content,
            expected_version=presentation.whole_number(request, "draft_version"),
        )
    except StaleVersionError as stale:
        return _conflict(request, stale, letters, presentation.draft_as_text(content, letters))
    return render(request, "annotation/_draft_version.html", {"draft_version": draft.version, "oob": True})


def _conflict(
    request: HttpRequest, stale: StaleVersionError, letters: dict[str, str], sent: str
) -> HttpResponse:
    """Both texts, side by side, with status 409; neither is lost."""
    current = stale.current
    stored_at: datetime | None
    if isinstance(current, Draft):
        stored, stored_at = presentation.draft_as_text(current, letters), current.updated_at
    else:
        rows = [row for row in current if isinstance(row, Correction)] if isinstance(current, list) else []
        stored, stored_at = (
            presentation.corrections_as_text(rows, letters),
            rows[0].created_at if rows else None,
        )
    context = {"stored": stored, "sent": sent, "stored_at": stored_at}
    template = "_conflict.html" if getattr(request, "htmx", False) else "annotation/conflict.html"
    return render(request, template, context, status=409)


@login_required
@require_safe
def pick(request: HttpRequest, question_id: uuid.UUID) -> HttpResponse:
    """The page where a senior chooses among the corrected answers of one question."""
    user, question = _user(request), _question(request, question_id, Purpose.PICK)
    mine = Pick.objects.standing().filter(question=question, by_user=user, round=question.round).first()
    if question.stage != Question.Stage.CORRECTED or mine is not None:
        context = {"question": question, "turns": presentation.turns_of(question), "mine": mine}
        return render(request, "annotation/picked.html", context)
    leases.hold(question, by_user=user, purpose=Purpose.PICK)
    draft = drafts.draft_of(question, user=user, purpose=Purpose.PICK)
    context = {
        "question": question,
        "turns": presentation.turns_of(question),
        **presentation.case_of(question),
        "cards": presentation.candidate_cards(question, user),
        "reasons": PickReason.choices,
        "return_reasons": ReturnReason.choices,
        "draft": draft.content if draft is not None else {},
        "draft_version": draft.version if draft is not None else 0,
    }
    return render(request, "annotation/pick.html", context)


@login_required
@require_POST
@once
def submit_pick(request: HttpRequest, question_id: uuid.UUID) -> HttpResponse:
    """Take the senior's choice."""
    user, question = _user(request), _question(request, question_id, Purpose.PICK)
    candidates = _candidate_ids(question)
    chosen = _chosen(request)
    try:
        picks.pick(
            question,
            by_user=user,
            correction=chosen,
            text=request.POST.get(f"text-{chosen}"),
            ranking=presentation.posted_ranking(request.POST, candidates, chosen),
            reason_codes=request.POST.getlist("reasons"),
            reason=request.POST.get("reason", ""),
            active_seconds=presentation.seconds(request),
            draft_version=presentation.whole_number(request, "draft_version"),
        )
    except StaleVersionError as stale:
        letters = _letters(presentation.candidate_cards(question, user))
        sent = presentation.draft_as_text(presentation.pick_draft(request.POST, candidates), letters)
        return _conflict(request, stale, letters, sent)
    messages.success(request, _("Question %(number)s is picked. Thank you.") % {"number": question.position})
    return _to_next_pick(request, user)


def _chosen(request: HttpRequest) -> uuid.UUID:
    try:
        return uuid.UUID(request.POST.get("correction", ""))
    except ValueError:
        # No candidate has this id: the service says so in words.
        return uuid.UUID(int=0)


def _to_next_pick(request: HttpRequest, user: User) -> HttpResponse:
    following = leases.next_question(by_user=user, purpose=Purpose.PICK)
    return _go(
        request,
        reverse("annotation:pick", args=[following.pk]) if following else reverse("annotation:pick-list"),
    )


def _candidate_ids(question: Question) -> list[uuid.UUID]:
    return list(Correction.objects.candidates(question).values_list("pk", flat=True))


@login_required
@require_POST
@once
def return_question(request: HttpRequest, question_id: uuid.UUID) -> HttpResponse:
    """None is acceptable: back to the juniors."""
    user, question = _user(request), _question(request, question_id, Purpose.PICK)
    picks.return_to_juniors(
        question,
        by_user=user,
        reason=request.POST.get("return_reason", ""),
        reason_codes=request.POST.getlist("return_reasons"),
    )
    messages.success(
        request, _("Question %(number)s went back to be corrected.") % {"number": question.position}
    )
    return _to_next_pick(request, user)


@login_required
@require_POST
def save_pick_draft(request: HttpRequest, question_id: uuid.UUID) -> HttpResponse:
    """Keep what a senior has chosen and typed so far."""
    question = _question(request, question_id, Purpose.PICK)
    content = presentation.pick_draft(request.POST, _candidate_ids(question))
    letters = _letters(presentation.candidate_cards(question, _user(request)))
    return _save_draft(request, question, Purpose.PICK, content, letters)


@login_required
@require_safe
def campaign_list(request: HttpRequest) -> HttpResponse:
    """The researcher's campaigns with how far each has come."""
    user = _user(request)
    sites = user.sites_as("researcher", "admin")
    if not sites.exists():
        raise Http404
    counts = {stage: Count("questions", filter=Q(questions__stage=stage)) for stage in Question.Stage.values}
    campaigns = (
        Campaign.objects.filter(site__in=sites).select_related("site").annotate(**counts).order_by("name")
    )
    return render(request, "annotation/campaign_list.html", {"campaigns": campaigns})


@login_required
@require_POST
@once
def propose(request: HttpRequest, campaign_id: uuid.UUID) -> HttpResponse:
    """Queue proposals for the questions of a campaign that lack them."""
    user = _user(request)
    rows = Campaign.objects.filter(site__in=user.sites_as("researcher", "admin"))
    job = proposals.queue_proposals(get_object_or_404(rows, pk=campaign_id), by_user=user)
    said = (
        _("Proposals are being made; the page of jobs shows how far it is.")
        if job
        else _("No question lacks proposals.")
    )
    messages.info(request, said)
    return redirect("annotation:campaign-list")
