"""Questions of a campaign: the list, bringing in tables, typing one, inviting a patient to the tablet."""

import io
import uuid
from dataclasses import asdict

import qrcode
import qrcode.image.svg
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import translation
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from annotation.forms import InviteForm, PoolTableForm, TypedQuestionForm, UploadForm
from annotation.models import Campaign, Question, QuestionUpload, TabletLink
from annotation.querysets import KEEPERS
from annotation.question_table import MOST_NAMED
from annotation.services import pools, tablet, uploads
from annotation.views.shared import managed_campaign, user_of
from mammo.core.errors import UserError
from mammo.core.idempotency import once, once_with
from mammo.core.old_forms import answered_by

PAGE_ROWS = 50


def _kept_campaign(request: HttpRequest, campaign_id: uuid.UUID) -> Campaign:
    """A campaign of a site where this account may bring in questions."""
    rows = Campaign.objects.filter(site__in=user_of(request).sites_as(*KEEPERS)).select_related("site")
    return get_object_or_404(rows, pk=campaign_id)


@login_required
@require_safe
def question_list(request: HttpRequest, campaign_id: uuid.UUID) -> HttpResponse:
    """A campaign's questions, page by page, and the ways to bring in more."""
    user, campaign = user_of(request), _kept_campaign(request, campaign_id)
    rows = Question.objects.filter(campaign=campaign).select_related("campaign__site", "patient")
    stage = request.GET.get("stage", "")
    if stage in Question.Stage.values:
        rows = rows.filter(stage=stage)
    page = Paginator(rows.order_by("position"), PAGE_ROWS).get_page(request.GET.get("page"))
    context = {
        "campaign": campaign,
        "page": page,
        "stage": stage,
        "stages": Question.Stage.choices,
        "upload_form": UploadForm(),
        "typed_form": TypedQuestionForm(auto_id="typed_%s"),
        "invite_form": InviteForm(auto_id="invite_%s", campaign=campaign),
        "pool_table_form": PoolTableForm(auto_id="pools_%s"),
        "uploads": QuestionUpload.objects.visible_to(user).filter(campaign=campaign).order_by("-created_at"),
        "reads_unconfirmed": user.has_role("data_manager", site=campaign.site),
        "is_researcher": user.has_role("researcher", "admin", site=campaign.site),
    }
    return render(request, "annotation/question_list.html", context)


@login_required
@require_POST
@once
def add_table(request: HttpRequest, campaign_id: uuid.UUID) -> HttpResponse:
    """Read a table and show what is in it."""
    campaign = _kept_campaign(request, campaign_id)
    file = request.FILES.get("table")
    if file is None:
        raise UserError(_("table: choose a file"))
    upload = uploads.read_upload(campaign, file, by_user=user_of(request))
    return redirect("annotation:upload", upload.pk)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def upload(request: HttpRequest, upload_id: uuid.UUID) -> HttpResponse:
    """A table that was read: its first rows, before cleaning; take it in, or throw it away."""
    rows = QuestionUpload.objects.visible_to(user_of(request))
    row = get_object_or_404(rows.select_related("campaign__site"), pk=upload_id)
    if request.method == "POST":
        return _settle_upload(request, row)
    preview = uploads.preview_upload(row, by_user=user_of(request))
    problems = preview.foreseen.problems
    context = {
        **asdict(preview),
        "upload": row,
        "campaign": row.campaign,
        "foreseen": preview.foreseen,
        "counts": preview.foreseen.result.counts,
        "problems": problems[:MOST_NAMED],
        "more_problems": max(len(problems) - MOST_NAMED, 0),
    }
    return render(request, "annotation/upload.html", context)


@once
def _settle_upload(request: HttpRequest, row: QuestionUpload) -> HttpResponse:
    campaign = row.campaign
    if request.POST.get("do") == "discard":
        uploads.discard_upload(row, by_user=user_of(request))
        messages.info(request, _("The table is thrown away; nothing was taken in."))
        return redirect("annotation:question-list", campaign.pk)
    result = uploads.confirm_upload(row, by_user=user_of(request))
    counts = result.counts
    messages.success(
        request,
        _("%(imported)s questions taken in, %(duplicate)s were there already, %(rejected)s rejected.")
        % counts,
    )
    rejected = [item for item in result.items if item.outcome == "rejected"]
    for item in rejected[:MOST_NAMED]:
        messages.warning(request, _("Row %(row)s: %(reason)s") % {"row": item.row, "reason": item.reason})
    if len(rejected) > MOST_NAMED:
        messages.warning(request, _("And %(count)s more rows.") % {"count": len(rejected) - MOST_NAMED})
    return redirect("annotation:question-list", campaign.pk)


@login_required
@require_POST
@once
def put_into_pools(request: HttpRequest, campaign_id: uuid.UUID) -> HttpResponse:
    """Put many questions into pools: those ticked, all that one list shows, or those of a table."""
    campaign, user = managed_campaign(request, campaign_id), user_of(request)
    file = request.FILES.get("table")
    if file is not None:
        moved = pools.set_pools(campaign, pools.read_pools(file), by_user=user)
    else:
        pool = request.POST.get("pool")
        if pool is None:
            raise UserError(_("pool: missing; open the page again"))
        chosen = _chosen_questions(request, campaign)
        if not chosen:
            raise UserError(_("question: tick those that shall wait for this pool"))
        moved = pools.put_into_pool(campaign, chosen, pool, by_user=user)
    messages.success(
        request,
        ngettext(
            "The pool of %(count)s question is changed.",
            "The pool of %(count)s questions is changed.",
            len(moved),
        )
        % {"count": len(moved)},
    )
    return redirect("annotation:question-list", campaign.pk)


def _chosen_questions(request: HttpRequest, campaign: Campaign) -> list[Question]:
    """Questions that were ticked; with `all` those of a stage (or of all stages) that are still worked on."""
    rows = Question.objects.filter(campaign=campaign)
    if "all" in request.POST:
        stage = request.POST.get("stage", "")
        rows = rows.filter(stage=stage) if stage in Question.Stage.values else rows
        return list(rows.exclude(stage__in=(Question.Stage.PICKED, Question.Stage.WITHDRAWN)))
    ticked = set()
    for text in request.POST.getlist("question"):
        try:
            ticked.add(uuid.UUID(text))
        except ValueError:
            raise UserError(_("question: missing; open the page again")) from None
    found = list(rows.filter(pk__in=ticked))
    if len(found) < len(ticked):
        raise Http404
    return found


@login_required
@require_POST
@once
def add_typed(request: HttpRequest, campaign_id: uuid.UUID) -> HttpResponse:
    """Take in one question typed by hand."""
    campaign = _kept_campaign(request, campaign_id)
    form = TypedQuestionForm(request.POST)
    if not form.is_valid():
        raise UserError(_told(form))
    result = uploads.add_typed_question(campaign, by_user=user_of(request), **form.cleaned_data)
    duplicate = bool(result.counts["duplicate"])
    said = _("The campaign holds this question already.") if duplicate else _("The question is taken in.")
    messages.success(request, said)
    return redirect("annotation:question-list", campaign.pk)


def _told(form: Form) -> str:
    """What is wrong with a form, each field by the label that the page gives it."""
    return "; ".join(
        _("%(field)s: %(said)s") % {"field": form[name].label, "said": said[0]}
        for name, said in form.errors.items()
    )


def _invited(request: HttpRequest, campaign_id: uuid.UUID) -> HttpResponse:
    messages.warning(
        request, _("This form has made its link, which is shown once: if you have not seen it, make another.")
    )
    return redirect("annotation:question-list", _kept_campaign(request, campaign_id).pk)


@login_required
@require_POST
@once_with(_invited)
def invite(request: HttpRequest, campaign_id: uuid.UUID) -> HttpResponse:
    """Make a link for one patient and show it as a QR code; it is shown once."""
    campaign = _kept_campaign(request, campaign_id)
    form = InviteForm(request.POST, campaign=campaign)
    if not form.is_valid():
        raise UserError(_told(form))
    link, token = tablet.invite(campaign, by_user=user_of(request), **form.cleaned_data)
    address = request.build_absolute_uri(reverse("annotation:tablet", args=[token]))
    context = {"campaign": campaign, "link": link, "address": address, "code": _qr_code(address)}
    return render(request, "annotation/invite.html", context)


def _qr_code(address: str) -> SafeString:
    """The address as an SVG path."""
    image = qrcode.make(address, image_factory=qrcode.image.svg.SvgPathImage, border=2, box_size=12)
    target = io.BytesIO()
    image.save(target)
    svg = target.getvalue().decode()
    return mark_safe(svg[svg.index("<svg") :])  # noqa: S308 (drawn here from our own address)


def _tablet_too_old(request: HttpRequest, token: str) -> HttpResponse:
    """Her page once more, in her language and with her words: one more tap hands them in."""
    return _on_tablet(request, token, is_too_old=True)


@answered_by(_tablet_too_old)
@require_http_methods(["GET", "HEAD", "POST"])
def ask_on_tablet(request: HttpRequest, token: str) -> HttpResponse:
    """The one page that a patient touches: the consent, her question; no sign-in, no AI text.

    A second tap, or a page sent again because no answer came, is thanked as the first one was.
    """
    return _on_tablet(request, token)


def _on_tablet(request: HttpRequest, token: str, *, is_too_old: bool = False) -> HttpResponse:
    link = tablet.link_of(token) or tablet.used_for(token, request.POST.get("text", ""))
    if link is None:
        raise Http404
    with translation.override("en" if link.language == "en" else "zh-hans"):
        if link.used_at is not None:
            return _thanks(request, link)
        if is_too_old:
            said = _(
                "This page lay open for too long: your question is not handed in yet. "
                "Please tick that you agree, and hand it in once more."
            )
            return _tablet_page(request, link, error=said, status=403)
        return _taken_in(request, link, token) if request.method == "POST" else _tablet_page(request, link)


def _thanks(request: HttpRequest, link: TabletLink) -> HttpResponse:
    return render(request, "annotation/tablet_thanks.html", {"link": link})


def _taken_in(request: HttpRequest, link: TabletLink, token: str) -> HttpResponse:
    try:
        tablet.ask(token, text=request.POST.get("text", ""), agrees=request.POST.get("agrees") == "on")
    except UserError as refused:
        # Two taps at once: the first one was taken in meanwhile.
        if tablet.used_for(token, request.POST.get("text", "")) is not None:
            return _thanks(request, link)
        return _tablet_page(request, link, error=str(refused), status=400)
    return _thanks(request, link)


def _tablet_page(
    request: HttpRequest, link: TabletLink, *, error: str = "", status: int = 200
) -> HttpResponse:
    context = {"link": link, "error": error, "text": request.POST.get("text", "")}
    return render(request, "annotation/tablet.html", context, status=status)
