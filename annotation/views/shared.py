"""What the pages of annotation share: who asks, for which question, and how both texts are shown on a conflict."""

import uuid
from datetime import datetime
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from annotation import presentation
from annotation.field_names import field_name
from annotation.models import Campaign, Correction, Draft, Pick, Purpose, Question
from annotation.services import drafts, leases
from annotation.services.access import require_not_own
from annotation.services.collisions import EarlierRoundError, TakenError
from mammo.accounts.models import User
from mammo.core.conflicts import both_texts
from mammo.core.errors import StaleVersionError, UserError, WrongStateError


def user_of(request: HttpRequest) -> User:
    """The signed-in account (the views are behind `login_required`)."""
    if not isinstance(request.user, User):
        raise Http404
    return request.user


def question_for(request: HttpRequest, question_id: uuid.UUID, purpose: str) -> Question:
    """A question this account works on for `purpose`; for everybody else it does not exist."""
    user = user_of(request)
    rows = Question.objects.open_to(user, purpose).select_related(
        "campaign__site", "patient", "study__patient"
    )
    question = get_object_or_404(rows, pk=question_id)
    if purpose != Purpose.CORRECT:
        require_not_own(question, user)
    return question


def visible_question(request: HttpRequest, question_id: uuid.UUID) -> Question:
    """A question this account has anything to do with."""
    rows = Question.objects.visible_to(user_of(request)).select_related("campaign__site", "patient")
    return get_object_or_404(rows, pk=question_id)


def managed_campaign(request: HttpRequest, campaign_id: uuid.UUID) -> Campaign:
    """A campaign of a site where this account is researcher or administrator."""
    rows = Campaign.objects.managed_by(user_of(request)).select_related("site")
    return get_object_or_404(rows, pk=campaign_id)


def managed_question(request: HttpRequest, question_id: uuid.UUID) -> Question:
    """A question of a site where this account is researcher or administrator."""
    rows = Question.objects.managed_by(user_of(request)).select_related("campaign__site", "patient", "study")
    return get_object_or_404(rows, pk=question_id)


def require_full_reading(request: HttpRequest, campaign: Campaign) -> None:
    """Let researchers pass who do not work on the campaign themselves.

    Raises:
        WrongStateError: they do; what is opened here would tell them who wrote which answer.
    """
    if not Campaign.objects.read_in_full_by(user_of(request)).filter(pk=campaign.pk).exists():
        raise WrongStateError(
            _("You work on this campaign yourself: another researcher reads its figures and histories.")
        )


def go(request: HttpRequest, url: str) -> HttpResponse:
    """Redirect a page or, through htmx, the whole window."""
    if getattr(request, "htmx", False):
        response = HttpResponse(status=204)
        response.headers["HX-Redirect"] = url
        return response
    return redirect(url)


def chosen_reason(request: HttpRequest, name: str) -> str:
    """The reason that a person chose of a list, which begins with none.

    Raises:
        UserError: none was chosen.
    """
    given = request.POST.get(name, "")
    if not given:
        raise UserError(_("%(name)s: choose a reason") % {"name": field_name(name)})
    return given


def save_draft(
    request: HttpRequest,
    question: Question,
    purpose: str,
    content: dict[str, object],
) -> HttpResponse:
    """Store what was typed; the answer carries the draft's new version, and says if the seat went to somebody else."""
    user = user_of(request)
    try:
        draft = drafts.save_draft(
            question,
            by_user=user,
            purpose=purpose,
            content=content | {drafts.SECONDS: presentation.seconds(request)},
            expected_version=presentation.whole_number(request, "draft_version"),
            page_save=presentation.page_save(request),
            shown_round=presentation.shown_round(request),
        )
    except StaleVersionError as stale:
        letters = presentation.letters_on_page(question, user, purpose)
        return conflict(request, stale, letters, presentation.draft_as_text(content, letters))
    seat_lost = not leases.has_seat(question, by_user=user, purpose=purpose)
    is_closed = question.campaign.state == Campaign.State.CLOSED
    context = {"draft_version": draft.version, "oob": True, "seat_lost": seat_lost, "is_closed": is_closed}
    return render(request, "annotation/_draft_version.html", context)


def read_only(
    request: HttpRequest,
    template: str,
    context: dict[str, Any],
    user: User,
    purpose: str,
    refusal: WrongStateError | None = None,
) -> HttpResponse:
    """The page of a question that this person can't work on now, with what they had written.

    Raises:
        WrongStateError: the seat was refused, and there is nothing of theirs to read.
    """
    kept = presentation.kept_draft(context["question"], user, purpose)
    if refusal is not None and not kept:
        raise refusal
    context |= {"kept": kept, "refusal": refusal or ""}
    return render(request, template, context, status=200 if refusal is None else 409)


def draft_version(request: HttpRequest, question: Question, purpose: str) -> int:
    """Version of the draft that a page which sends its work holds, lost answers to its own saves included."""
    return drafts.version_held(
        question,
        user=user_of(request),
        purpose=purpose,
        version=presentation.whole_number(request, "draft_version"),
        page=presentation.page_of(request),
    )


def conflict(
    request: HttpRequest, stale: StaleVersionError, letters: dict[str, str], sent: str
) -> HttpResponse:
    """Both texts, side by side, with status 409; neither is lost."""
    stored, stored_at = _stored(stale.current, letters)
    if isinstance(stale, EarlierRoundError):
        part = "annotation/_earlier_round.html"
        return both_texts(request, stored=stored, sent=sent, stored_at=stored_at, part=part)
    if not isinstance(stale, TakenError):
        is_own = _is_own(stale.current, user_of(request))
        return both_texts(request, stored=stored, sent=sent, stored_at=stored_at, is_own=is_own)
    return both_texts(
        request,
        stored=stored,
        sent=sent,
        stored_at=stored_at,
        reload_url=reverse("home"),
        part="annotation/_conflict.html",
        taken=str(stale),
    )


def _is_own(current: object, user: User) -> bool:
    """Whether what stands now is this person's own: saved or sent in from another window."""
    if isinstance(current, Draft):
        return current.user_id == user.pk
    rows = current if isinstance(current, list) else []
    return bool(rows) and all(getattr(row, "by_user_id", None) == user.pk for row in rows)


def _stored(current: object, letters: dict[str, str]) -> tuple[str, datetime | None]:
    """What stands now, as text, and since when."""
    if isinstance(current, Draft):
        return presentation.draft_as_text(current, letters), current.updated_at
    if isinstance(current, Campaign):
        return letters.get("stored", ""), current.updated_at
    rows = current if isinstance(current, list) else []
    corrected = [row for row in rows if isinstance(row, Correction)]
    picked = [row for row in rows if isinstance(row, Pick)]
    text = presentation.corrections_as_text(corrected, letters) or presentation.picks_as_text(picked, letters)
    return text, rows[0].created_at if rows else None
