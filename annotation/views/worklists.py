"""Worklists: what waits for a person, what came back, what is done; taking the next, putting one down."""

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from annotation.models import Campaign, Draft, Purpose, Question, Skip
from annotation.services import leases, skips
from annotation.services.practice import must_practise
from annotation.views.shared import chosen_reason, go, question_for, user_of
from mammo.accounts.models import User
from mammo.core.idempotency import once

ROWS = 50
DONE_ROWS = 20


def _shown(rows: QuerySet[Question], most: int) -> list[Question]:
    return list(rows.select_related("campaign__site", "patient")[:most])


def _to_practise(user: User, purpose: str) -> list[Campaign]:
    """Open campaigns of this person whose practice set stands before real work."""
    campaigns = Campaign.objects.visible_to(user).filter(
        members__user=user, members__purpose=purpose, state=Campaign.State.OPEN
    )
    return [campaign for campaign in campaigns if must_practise(campaign, user, purpose)]


def _worklist(request: HttpRequest, purpose: str, template: str) -> HttpResponse:
    user = user_of(request)
    mine = _shown(Question.objects.held_by(user, purpose), ROWS)
    returned = _shown(Question.objects.returned_to(user), ROWS) if purpose == Purpose.CORRECT else []
    done = Question.objects.open_to(user, purpose).done_by(user, purpose)
    skipped = Skip.objects.filter(
        by_user=user, purpose=purpose, lifted_at__isnull=True, question__patient__erased_at=None
    )
    # What stands in the lists above is neither shown nor counted again below.
    taken = {question.pk for question in (*mine, *returned)}
    waiting = Question.objects.first_waiting(user, purpose, most=ROWS, without=taken)
    drafted = set(Draft.objects.filter(user=user, purpose=purpose).values_list("question", flat=True))
    listed = [*returned, *mine, *waiting]
    context = {
        "purpose": purpose,
        "returned": returned,
        "mine": [question for question in mine if question not in returned],
        "waiting": waiting,
        "has_states": any(question.round > 1 or question.pk in drafted for question in listed),
        "waiting_count": Question.objects.count_waiting(user, purpose, without=taken),
        "drafted": drafted,
        "done": _shown(done.order_by("-updated_at"), DONE_ROWS),
        "done_count": done.count(),
        "skipped": list(skipped.select_related("question__campaign__site", "question__patient")[:DONE_ROWS]),
        "practice": _to_practise(user, purpose),
    }
    return render(request, template, context)


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
@require_safe
def adjudicate_list(request: HttpRequest) -> HttpResponse:
    """What waits for the senior who decides between two others."""
    return _worklist(request, Purpose.ADJUDICATE, "annotation/adjudicate_list.html")


@login_required
@require_POST
def next_question(request: HttpRequest, purpose: str) -> HttpResponse:
    """Hold the next question that waits for this account and go to it; where practice stands before all, to that."""
    question = leases.next_question(by_user=user_of(request), purpose=purpose)
    if question is None:
        for campaign in _to_practise(user_of(request), purpose)[:1]:
            said = _("The practice set of “%(name)s” comes before real work.")
            messages.info(request, said % {"name": campaign.name})
            return redirect("annotation:practise", campaign.pk, purpose)
        messages.info(request, _("Nothing is waiting for you now."))
        return redirect(f"annotation:{purpose}-list")
    return redirect(f"annotation:{purpose}", question.pk)


@login_required
@require_POST
@once
def skip(request: HttpRequest, question_id: uuid.UUID, purpose: str) -> HttpResponse:
    """Leave a question to somebody else."""
    question = question_for(request, question_id, purpose)
    skips.skip(
        question,
        by_user=user_of(request),
        purpose=purpose,
        code=chosen_reason(request, "code"),
        reason=request.POST.get("skip_reason", ""),
    )
    messages.success(
        request,
        _("Question %(number)s is left to somebody else; what you wrote is kept.")
        % {"number": question.position},
    )
    following = leases.next_question(by_user=user_of(request), purpose=purpose)
    if following is None:
        return go(request, reverse(f"annotation:{purpose}-list"))
    return go(request, reverse(f"annotation:{purpose}", args=[following.pk]))


@login_required
@require_POST
def lift_skip(request: HttpRequest, skip_id: uuid.UUID) -> HttpResponse:
    """Put a question that one skipped back on one's own list."""
    rows = Skip.objects.filter(by_user=user_of(request)).select_related("question__campaign__site")
    row = get_object_or_404(rows, pk=skip_id)
    skips.lift(row, by_user=user_of(request))
    messages.success(
        request, _("Question %(number)s is on your list again.") % {"number": row.question.position}
    )
    return redirect(f"annotation:{row.purpose}-list")
