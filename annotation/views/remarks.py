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
from annotation.views.shared import user_of, visible_question
from mammo.core.idempotency import once

NEWS_ROWS = 100


@login_required
@require_POST
@once
def comment(request: HttpRequest, question_id: uuid.UUID) -> HttpResponse:
    """Add a remark; the list of remarks comes back."""
    user, question = user_of(request), visible_question(request, question_id)
    remarks.comment(question, request.POST.get("text", ""), by_user=user)
    context = {"question": question, "remarks": opened.remarks_of(question, user)}
    return render(request, "annotation/_remarks.html", context)


@login_required
@require_POST
@once
def flag(request: HttpRequest, question_id: uuid.UUID) -> HttpResponse:
    """Say that something is wrong with the question itself."""
    question = visible_question(request, question_id)
    remarks.flag(
        question,
        by_user=user_of(request),
        kind=request.POST.get("kind", ""),
        note=request.POST.get("note", ""),
    )
    return render(request, "annotation/_flagged.html", {"question": question})


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


@login_required
@require_POST
@once
def add_phrase(request: HttpRequest, campaign_id: uuid.UUID) -> HttpResponse:
    """Add a phrase to one's own book; the book comes back."""
    user = user_of(request)
    campaign = get_object_or_404(Campaign.objects.visible_to(user).select_related("site"), pk=campaign_id)
    phrases.add(
        campaign,
        by_user=user,
        text=request.POST.get("phrase", ""),
        is_shared=request.POST.get("is_shared") == "on",
    )
    context = {"campaign": campaign, "phrases": list(Phrase.objects.usable_by(user, campaign))}
    return render(request, "annotation/_phrases.html", context)


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
    """What happened that concerns this person; opening the page does not mark it as read."""
    user = user_of(request)
    rows = Notification.objects.filter(user=user).select_related("campaign", "question__campaign")
    found = [opened.news_line(row, user) for row in rows.order_by("-created_at")[:NEWS_ROWS]]
    return render(
        request, "annotation/news.html", {"news": found, "unread": any(not n.is_read for n in found)}
    )


@login_required
@require_POST
def mark_read(request: HttpRequest) -> HttpResponse:
    """Mark everything as read."""
    news.mark_read(by_user=user_of(request))
    return redirect("annotation:news")
