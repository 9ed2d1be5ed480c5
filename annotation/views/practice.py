"""The practice set: doing it, and writing it."""

import uuid
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from annotation import presentation
from annotation.models import Campaign, ErrorTag, PracticeItem, PracticeResult, Purpose
from annotation.practice_form import PracticeForm
from annotation.services import practice
from annotation.services.access import require_member
from annotation.views.shared import managed_campaign, user_of
from mammo.core.digits import number_in
from mammo.core.errors import UserError
from mammo.core.idempotency import once

DOABLE = (Purpose.CORRECT.value, Purpose.PICK.value)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@once
def practise(request: HttpRequest, campaign_id: uuid.UUID, purpose: str) -> HttpResponse:
    """The next example, and the feedback on the last one."""
    user = user_of(request)
    if purpose not in DOABLE:
        raise Http404
    campaign = get_object_or_404(Campaign.objects.visible_to(user).select_related("site"), pk=campaign_id)
    require_member(campaign, user, purpose)
    if request.method == "POST":
        result = _submit(request, campaign, purpose)
        return redirect(f"{request.path}?done={result.pk}")
    item = practice.next_item(campaign, user, purpose)
    context = {
        "campaign": campaign,
        "purpose": purpose,
        "item": item,
        "answers": _answers(item) if item is not None else [],
        "tags": ErrorTag.choices,
        "feedback": _feedback(request, campaign),
        "score": practice.score_of(campaign, user, purpose),
        "total": campaign.practice_items.count(),
    }
    return render(request, "annotation/practice.html", context)


def _submit(request: HttpRequest, campaign: Campaign, purpose: str) -> PracticeResult:
    try:
        pk = uuid.UUID(request.POST.get("item", ""))
    except ValueError:
        raise Http404 from None
    item = get_object_or_404(campaign.practice_items.select_related("campaign__site"), pk=pk)
    user, seconds = user_of(request), presentation.seconds(request)
    if purpose == Purpose.CORRECT:
        places = range(len(item.answers))
        tags = {place: request.POST.getlist(f"tags-{place}") for place in places}
        texts = {place: request.POST.get(f"text-{place}", "") for place in places}
        return practice.submit_correction(item, by_user=user, tags=tags, texts=texts, active_seconds=seconds)
    picked = number_in(request.POST.get("picked", ""))
    if picked is None:
        raise UserError(_("best: name one of the answers"))
    return practice.submit_pick(item, by_user=user, picked=picked, active_seconds=seconds)


def _answers(item: PracticeItem) -> list[dict[str, Any]]:
    """The answers as this purpose sees them; what is wrong with them stays on the server."""
    return [
        {
            "place": place,
            "letter": chr(ord("A") + place),
            "text": one["text"],
            "corrected": one["reference"] or one["text"],
        }
        for place, one in enumerate(item.answers)
    ]


def _feedback(request: HttpRequest, campaign: Campaign) -> dict[str, Any] | None:
    try:
        pk = uuid.UUID(request.GET.get("done", ""))
    except ValueError:
        return None
    rows = PracticeResult.objects.filter(by_user=user_of(request), item__campaign=campaign)
    row = rows.select_related("item").filter(pk=pk).first()
    if row is None:
        return None
    tags = dict(ErrorTag.choices)
    answers = []
    for place, one in enumerate(row.item.answers):
        given = row.given.get(str(place), {}) if row.purpose == Purpose.CORRECT else {}
        answers.append(
            {
                "letter": chr(ord("A") + place),
                "text": one["text"],
                "reference": one["reference"],
                "expected": [tags[tag] for tag in one["tags"]],
                "given": [tags[tag] for tag in given.get("tags", [])],
                "is_right": set(given.get("tags", [])) == set(one["tags"]),
                "is_best": place == row.item.best,
                "is_picked": row.given.get("picked") == place,
            }
        )
    return {"result": row, "item": row.item, "answers": answers}


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@once
def write_practice(request: HttpRequest, campaign_id: uuid.UUID) -> HttpResponse:
    """The researcher writes examples, until the first person has practised."""
    campaign = managed_campaign(request, campaign_id)
    form = PracticeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            practice.add_item(
                campaign,
                by_user=user_of(request),
                question=data["question"],
                answers=[
                    practice.PracticeAnswer(
                        text=one["text"], tags=one.get("tags") or (), reference=one.get("reference") or ""
                    )
                    for one in data["answers"]
                ],
                best=data["best"] - 1,
                language=data["language"],
                context=data["context"],
                feedback=data["feedback"],
            )
        except UserError as error:
            form.add_error(None, str(error))
        else:
            return redirect("annotation:campaign-practice", campaign.pk)
    context = {
        "campaign": campaign,
        "form": form,
        "items": campaign.practice_items.order_by("position"),
        "frozen": PracticeResult.objects.filter(item__campaign=campaign).exists(),
        "tags": ErrorTag.choices,
    }
    return render(request, "annotation/campaign_practice.html", context, status=400 if form.errors else 200)
