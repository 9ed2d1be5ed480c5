"""The page where a junior settles the proposals of one question."""

import uuid
from collections.abc import Sequence

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from annotation import opened, presentation
from annotation.models import Campaign, Correction, FlagKind, Phrase, Proposal, Purpose, Question, SkipReason
from annotation.services import corrections, drafts, leases, returned
from annotation.services.judged_work import KIND
from annotation.services.study_context import facts_of
from annotation.text_safety import warnings_in
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

STANDS = "stands_because"


@login_required
@require_safe
def correct(request: HttpRequest, question_id: uuid.UUID) -> HttpResponse:
    """The page where a junior settles the proposals of one question."""
    user, question = user_of(request), question_for(request, question_id, Purpose.CORRECT)
    mine = _own_corrections(question, user)
    is_open = question.campaign.state == Campaign.State.OPEN
    is_settled = any(row.round == question.round for row in mine)
    if not is_open or question.stage != Question.Stage.PROPOSED or is_settled:
        return _read_only(request, question, user, mine)
    try:
        leases.hold(question, by_user=user, purpose=Purpose.CORRECT)
    except WrongStateError as refusal:
        return _read_only(request, question, user, mine, refusal)
    draft = drafts.draft_of(question, user=user, purpose=Purpose.CORRECT)
    context = {
        "question": question,
        "turns": presentation.turns_of(question),
        **presentation.case_of(question),
        **presentation.guidance_of(question.campaign),
        "cards": presentation.correction_cards(question, user),
        "returns": presentation.returns_of(question),
        "sent_back": returned.texts_sent_back(question, user),
        "stands_because": draft.content.get(STANDS, "") if draft is not None else "",
        "remarks": opened.remarks_of(question, user),
        "phrases": list(Phrase.objects.usable_by(user, question.campaign)),
        "skip_reasons": SkipReason.choices,
        "flag_kinds": FlagKind.choices,
        "purpose": Purpose.CORRECT.value,
        "draft_version": draft.version if draft is not None else 0,
        "seconds": presentation.seconds_before(draft),
        "draft_saved_at": draft.updated_at if draft is not None else None,
        "revision": 0,
        "is_first": not Correction.objects.filter(by_user=user).exists(),
    }
    return render(request, "annotation/correct.html", context)


def _read_only(
    request: HttpRequest,
    question: Question,
    user: User,
    mine: list[Correction],
    refusal: WrongStateError | None = None,
) -> HttpResponse:
    """What can't be worked on: what this person sent in, and what they had written."""
    context = {
        "question": question,
        "turns": presentation.turns_of(question),
        "mine": mine,
        "remarks": opened.remarks_of(question, user),
    }
    return read_only(request, "annotation/corrected.html", context, user, Purpose.CORRECT, refusal)


def _own_corrections(question: Question, user: User) -> list[Correction]:
    rows = Correction.objects.standing().filter(proposal__question=question, by_user=user)
    return list(rows.select_related("proposal").order_by("proposal__index"))


@login_required
@require_POST
@once
def submit_correction(request: HttpRequest, question_id: uuid.UUID) -> HttpResponse:
    """Take the settled proposals; what can't be taken is answered beside the page, which stays as it is."""
    user, question = user_of(request), question_for(request, question_id, Purpose.CORRECT)
    items = presentation.posted_corrections(request.POST, _proposal_ids(question))
    judged = judging(KIND, question.pk, by_user=user, study=question.study)
    try:
        rows = corrections.submit_corrections(
            question,
            by_user=user,
            items=items,
            active_seconds=presentation.seconds(request),
            instruction_version=presentation.shown_instructions(request),
            guideline_version=presentation.shown_guideline(request),
            expected_revision=presentation.whole_number(request, "revision"),
            draft_version=draft_version(request, question, Purpose.CORRECT),
            shown_round=presentation.shown_round(request),
            stands_because=request.POST.get(STANDS, ""),
        )
    except StaleVersionError as stale:
        letters = presentation.letters_on_page(question, user, Purpose.CORRECT)
        sent = presentation.draft_as_text(_draft(request, items), letters)
        return conflict(request, stale, letters, sent)
    judged(rows)
    messages.success(request, _("Question %(number)s is sent in. Thank you.") % {"number": question.position})
    following = leases.next_question(by_user=user, purpose=Purpose.CORRECT)
    return go(
        request,
        reverse("annotation:correct", args=[following.pk])
        if following
        else reverse("annotation:correct-list"),
    )


@login_required
@require_POST
def save_correction_draft(request: HttpRequest, question_id: uuid.UUID) -> HttpResponse:
    """Keep what a junior has typed so far."""
    question = question_for(request, question_id, Purpose.CORRECT)
    items = presentation.posted_corrections(request.POST, _proposal_ids(question))
    return save_draft(request, question, Purpose.CORRECT, _draft(request, items))


def _draft(request: HttpRequest, items: Sequence[corrections.CorrectionItem]) -> dict[str, object]:
    """What is kept of the page: its answers, and after a return why they stand as they are."""
    because = request.POST.get(STANDS, "").replace("\r\n", "\n")
    return presentation.correction_draft(items) | ({STANDS: because} if because else {})


@login_required
@require_POST
def check_texts(request: HttpRequest, question_id: uuid.UUID) -> HttpResponse:
    """Look through what is typed for what should be read again; nothing is stored or changed."""
    question = question_for(request, question_id, Purpose.CORRECT)
    facts, asked = facts_of(question), list(question.turns[::2])
    ids = _proposal_ids(question)
    checked = [
        {"id": pk, "warnings": warnings_in(request.POST.get(f"text-{pk}", "")[:8000], facts, asked=asked)}
        for pk in ids
    ]
    return render(request, "annotation/_warnings.html", {"checked": checked})


def _proposal_ids(question: Question) -> list[uuid.UUID]:
    return list(Proposal.objects.current(question).values_list("pk", flat=True))
