"""The pages where a senior chooses among corrected answers, or decides between two other seniors."""

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from annotation import opened, presentation
from annotation.models import Campaign, Correction, FlagKind, Pick, Purpose, Question, SkipReason
from annotation.reasons import PickReason, ReturnReason
from annotation.services import adjudication, drafts, leases, picks
from annotation.services.judged_work import KIND
from annotation.views.shared import (
    conflict,
    draft_version,
    go,
    question_for,
    read_only,
    save_draft,
    user_of,
)
from mammo.accounts.models import User
from mammo.archive.services import judging
from mammo.core.errors import StaleVersionError, WrongStateError
from mammo.core.idempotency import once


@login_required
@require_safe
def pick(request: HttpRequest, question_id: uuid.UUID) -> HttpResponse:
    """Choose among the corrected answers of one question; nothing tells where they come from."""
    return _page(request, question_id, Purpose.PICK, Question.Stage.CORRECTED, "annotation/pick.html")


@login_required
@require_safe
def adjudicate(request: HttpRequest, question_id: uuid.UUID) -> HttpResponse:
    """Decide between the answers that two seniors chose."""
    stage = Question.Stage.ADJUDICATE
    return _page(request, question_id, Purpose.ADJUDICATE, stage, "annotation/adjudicate.html")


def _page(
    request: HttpRequest, question_id: uuid.UUID, purpose: str, stage: str, template: str
) -> HttpResponse:
    user, question = user_of(request), question_for(request, question_id, purpose)
    mine = Pick.objects.standing().filter(question=question, by_user=user, round=question.round).first()
    if question.campaign.state != Campaign.State.OPEN or question.stage != stage or mine is not None:
        return _chosen_page(request, question, user, purpose, mine)
    try:
        leases.hold(question, by_user=user, purpose=purpose)
    except WrongStateError as refusal:
        return _chosen_page(request, question, user, purpose, mine, refusal)
    draft = drafts.draft_of(question, user=user, purpose=purpose)
    context = {
        "question": question,
        "turns": presentation.turns_of(question),
        **presentation.case_of(question),
        **presentation.guidance_of(question.campaign),
        "cards": presentation.candidate_cards(question, user, purpose),
        "reasons": PickReason.choices,
        "return_reasons": ReturnReason.choices,
        "skip_reasons": SkipReason.choices,
        "flag_kinds": FlagKind.choices,
        "remarks": opened.remarks_of(question, user),
        "purpose": purpose,
        "draft": draft.content if draft is not None else {},
        "earlier_edits": drafts.edits_of_earlier_rounds(question, draft),
        "draft_version": draft.version if draft is not None else 0,
        "seconds": presentation.seconds_before(draft),
        "draft_saved_at": draft.updated_at if draft is not None else None,
    }
    if purpose == Purpose.ADJUDICATE:
        context["disputed"] = opened.disputed_cards(question)
    return render(request, template, context)


def _chosen_page(
    request: HttpRequest,
    question: Question,
    user: User,
    purpose: str,
    mine: Pick | None,
    refusal: WrongStateError | None = None,
) -> HttpResponse:
    """Once the question is settled everything opens: proposals, changes, error tags, warnings.

    Not before: another senior may still send it back, and who chose once would know the origins in the next round.
    """
    context = {
        "question": question,
        "turns": presentation.turns_of(question),
        "mine": mine,
        "opened": opened.opened_cards(question, user) if mine is not None and question.is_settled else [],
        "remarks": opened.remarks_of(question, user),
    }
    return read_only(request, "annotation/picked.html", context, user, purpose, refusal)


@login_required
@require_POST
@once
def submit_pick(request: HttpRequest, question_id: uuid.UUID) -> HttpResponse:
    """Take the senior's choice."""
    user, question = user_of(request), question_for(request, question_id, Purpose.PICK)
    candidates = _candidate_ids(question)
    chosen = _uuid(request, "correction")
    judged = judging(KIND, question.pk, by_user=user, study=question.study)
    try:
        row = picks.pick(
            question,
            by_user=user,
            correction=chosen,
            text=request.POST.get(f"text-{chosen}"),
            ranking=presentation.posted_ranking(request.POST, candidates, chosen),
            reason_codes=request.POST.getlist("reasons"),
            reason=request.POST.get("reason", ""),
            active_seconds=presentation.seconds(request),
            instruction_version=presentation.shown_instructions(request),
            draft_version=draft_version(request, question, Purpose.PICK),
            shown_round=presentation.shown_round(request),
        )
    except StaleVersionError as stale:
        return _conflict(request, stale, question, Purpose.PICK)
    judged(row)
    messages.success(request, _("Question %(number)s is picked. Thank you.") % {"number": question.position})
    return _to_next(request, user, Purpose.PICK)


@login_required
@require_POST
@once
def submit_adjudication(request: HttpRequest, question_id: uuid.UUID) -> HttpResponse:
    """Take the decision between two seniors."""
    user, question = user_of(request), question_for(request, question_id, Purpose.ADJUDICATE)
    judged = judging(KIND, question.pk, by_user=user, study=question.study)
    try:
        row = adjudication.adjudicate(
            question,
            by_user=user,
            chosen=_uuid(request, "chosen"),
            reason=request.POST.get("reason", ""),
            reason_codes=request.POST.getlist("reasons"),
            active_seconds=presentation.seconds(request),
            instruction_version=presentation.shown_instructions(request),
            draft_version=draft_version(request, question, Purpose.ADJUDICATE),
            shown_round=presentation.shown_round(request),
        )
    except StaleVersionError as stale:
        return _conflict(request, stale, question, Purpose.ADJUDICATE)
    judged(row)
    messages.success(request, _("Question %(number)s is decided. Thank you.") % {"number": question.position})
    return _to_next(request, user, Purpose.ADJUDICATE)


@login_required
@require_POST
@once
def write_answer(request: HttpRequest, question_id: uuid.UUID) -> HttpResponse:
    """None is acceptable: the senior writes the answer."""
    user, question = user_of(request), question_for(request, question_id, Purpose.PICK)
    judged = judging(KIND, question.pk, by_user=user, study=question.study)
    try:
        row = picks.write_answer(
            question,
            by_user=user,
            text=request.POST.get("written", ""),
            reason=request.POST.get("written_reason", ""),
            reason_codes=request.POST.getlist("return_reasons"),
            active_seconds=presentation.seconds(request),
            instruction_version=presentation.shown_instructions(request),
            draft_version=draft_version(request, question, Purpose.PICK),
            shown_round=presentation.shown_round(request),
        )
    except StaleVersionError as stale:
        return _conflict(request, stale, question, Purpose.PICK)
    judged(row)
    messages.success(request, _("Question %(number)s is picked. Thank you.") % {"number": question.position})
    return _to_next(request, user, Purpose.PICK)


@login_required
@require_POST
@once
def return_question(
    request: HttpRequest, question_id: uuid.UUID, purpose: str = Purpose.PICK.value
) -> HttpResponse:
    """None is acceptable: back to the juniors."""
    user, question = user_of(request), question_for(request, question_id, purpose)
    judged = judging(KIND, question.pk, by_user=user, study=question.study)
    try:
        row = picks.return_to_juniors(
            question,
            by_user=user,
            reason=request.POST.get("return_reason", ""),
            reason_codes=request.POST.getlist("return_reasons"),
            purpose=purpose,
            active_seconds=presentation.seconds(request),
            draft_version=draft_version(request, question, purpose),
            shown_round=presentation.shown_round(request),
            instruction_version=presentation.shown_instructions(request),
            guideline_version=presentation.shown_guideline(request),
        )
    except StaleVersionError as stale:
        return _conflict(request, stale, question, purpose)
    judged(row)
    messages.success(
        request, _("Question %(number)s went back to be corrected.") % {"number": question.position}
    )
    return _to_next(request, user, purpose)


@login_required
@require_POST
def save_pick_draft(request: HttpRequest, question_id: uuid.UUID) -> HttpResponse:
    """Keep what a senior has chosen and typed so far."""
    return _save_draft(request, question_id, Purpose.PICK)


@login_required
@require_POST
def save_adjudication_draft(request: HttpRequest, question_id: uuid.UUID) -> HttpResponse:
    """Keep what the senior who decides between two others has chosen and typed so far."""
    return _save_draft(request, question_id, Purpose.ADJUDICATE)


def _save_draft(request: HttpRequest, question_id: uuid.UUID, purpose: str) -> HttpResponse:
    question = question_for(request, question_id, purpose)
    return save_draft(request, question, purpose, _posted_draft(request, question, purpose))


def _posted_draft(request: HttpRequest, question: Question, purpose: str) -> dict[str, object]:
    if purpose == Purpose.ADJUDICATE:
        return presentation.adjudication_draft(request.POST)
    # Of all rounds: a page of an earlier one may still be open.
    answers = Correction.objects.filter(proposal__question=question).values_list("pk", flat=True)
    return presentation.pick_draft(request.POST, list(answers))


def _conflict(
    request: HttpRequest, stale: StaleVersionError, question: Question, purpose: str
) -> HttpResponse:
    """Both texts: what stands now, and everything that this page sent."""
    letters = presentation.letters_on_page(question, user_of(request), purpose)
    sent = presentation.draft_as_text(_posted_draft(request, question, purpose), letters)
    return conflict(request, stale, letters, sent)


def _uuid(request: HttpRequest, field: str) -> uuid.UUID:
    try:
        return uuid.UUID(request.POST.get(field, ""))
    except ValueError:
        # No candidate has this id: the service says so in words.
        return uuid.UUID(int=0)


def _to_next(request: HttpRequest, user: User, purpose: str) -> HttpResponse:
    following = leases.next_question(by_user=user, purpose=purpose)
    return go(
        request,
        reverse(f"annotation:{purpose}", args=[following.pk])
        if following
        else reverse(f"annotation:{purpose}-list"),
    )


def _candidate_ids(question: Question) -> list[uuid.UUID]:
    return list(Correction.objects.candidates(question).values_list("pk", flat=True))
