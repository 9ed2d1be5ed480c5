"""Remarks and flags on a question, a person's phrases, and the page of news."""

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from annotation import opened
from annotation.models import Campaign, Flag, Notification, Phrase
from annotation.services import news, phrases, remarks
from annotation.views.shared import chosen_reason, user_of, visible_question
from mammo.core.idempotency import once_with
from mammo.jobs import endings

NEWS_ROWS = 100


def _remarks(request: HttpRequest, question_id: uuid.UUID) -> HttpResponse:
    user, question = user_of(request), visible_question(request, question_id)
    context = {"question": question, "remarks": opened.remarks_of(question, user)}
    return render(request, "annotation/_remarks.html", context)


@login_required
@require_POST
@once_with(_remarks)
def comment(request: HttpRequest, question_id: uuid.UUID) -> HttpResponse:
    """Add a remark; the list of remarks comes back."""
    question = visible_question(request, question_id)
    remarks.comment(question, request.POST.get("text", ""), by_user=user_of(request))
    return _remarks(request, question_id)


def _flagged(request: HttpRequest, question_id: uuid.UUID) -> HttpResponse:
    question = visible_question(request, question_id)
    return render(request, "annotation/_flagged.html", {"question": question})


@login_required
@require_POST
@once_with(_flagged)
def flag(request: HttpRequest, question_id: uuid.UUID) -> HttpResponse:
    """Say that something is wrong with the question itself."""
    remarks.flag(
        visible_question(request, question_id),
        by_user=user_of(request),
        kind=chosen_reason(request, "kind"),
        note=request.POST.get("note", ""),
    )
    return _flagged(request, question_id)


@login_required
@require_POST
def settle_flag(request: HttpRequest, flag_id: uuid.UUID) -> HttpResponse:
    """A researcher says what was done about a flag."""
    rows = Flag.objects.select_related("question__campaign__site", "question__patient")
    row = get_object_or_404(
        rows.filter(question__campaign__in=Campaign.objects.managed_by(user_of(request))), pk=flag_id
    )
    remarks.settle_flag(row, request.POST.get("settlement", ""), by_user=user_of(request))
    messages.success(request, _("The flag is settled."))
    return redirect("annotation:campaign-stuck", row.question.campaign_id)


def _visible_campaign(request: HttpRequest, campaign_id: uuid.UUID) -> Campaign:
    rows = Campaign.objects.visible_to(user_of(request)).select_related("site")
    return get_object_or_404(rows, pk=campaign_id)


def _phrase_book(request: HttpRequest, campaign_id: uuid.UUID) -> HttpResponse:
    campaign = _visible_campaign(request, campaign_id)
    usable = Phrase.objects.usable_by(user_of(request), campaign)
    return render(request, "annotation/_phrases.html", {"campaign": campaign, "phrases": list(usable)})


@login_required
@require_POST
@once_with(_phrase_book)
def add_phrase(request: HttpRequest, campaign_id: uuid.UUID) -> HttpResponse:
    """Add a phrase to one's own book; the book comes back."""
    phrases.add(
        _visible_campaign(request, campaign_id),
        by_user=user_of(request),
        text=request.POST.get("phrase", ""),
        is_shared=request.POST.get("is_shared") == "on",
    )
    return _phrase_book(request, campaign_id)


@login_required
@require_POST
def remove_phrase(request: HttpRequest, phrase_id: uuid.UUID) -> HttpResponse:
    """Take one of one's own phrases out of the book."""
    user = user_of(request)
    row = get_object_or_404(
        Phrase.objects.filter(by_user=user).select_related("campaign__site"), pk=phrase_id
    )
    phrases.remove(row, by_user=user)
    context = {"campaign": row.campaign, "phrases": list(Phrase.objects.usable_by(user, row.campaign))}
    return render(request, "annotation/_phrases.html", context)


@login_required
@require_safe
def news_page(request: HttpRequest) -> HttpResponse:
    """What happened that concerns this person, ends of their jobs too; opening the page does not mark it as read."""
    user = user_of(request)
    rows = Notification.objects.filter(user=user).select_related("campaign", "question__campaign")
    found = [opened.news_line(row, user) for row in rows.order_by("-created_at")[:NEWS_ROWS]]
    found += endings.lines_for(user, most=NEWS_ROWS, with_seen=True)
    newest = sorted(found, key=lambda line: line.at, reverse=True)[:NEWS_ROWS]
    context = {"news": newest, "unread": any(not line.is_read for line in found)}
    return render(request, "annotation/news.html", context)


@login_required
@require_POST
def mark_read(request: HttpRequest) -> HttpResponse:
    """Mark everything as read."""
    news.mark_read(by_user=user_of(request))
    return redirect("annotation:news")
