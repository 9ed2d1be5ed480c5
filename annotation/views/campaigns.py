"""A campaign's own pages: making it, its settings, texts and people, opening and closing."""

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from annotation.forms import PROPOSER_FIELDS, CampaignForm, TextsForm, initial_of
from annotation.models import Campaign, CampaignMember, Purpose, Question
from annotation.services import assignments, campaign_settings, campaigns, pools, proposals
from annotation.services import members as member_services
from annotation.services.members import NewMember
from annotation.services.wording import plain
from annotation.views.shared import conflict, managed_campaign, user_of
from mammo.accounts.models import User
from mammo.core.conflicts import form_as_text
from mammo.core.digits import number_in
from mammo.core.errors import StaleVersionError, UserError
from mammo.core.idempotency import once


@login_required
@require_safe
def campaign_list(request: HttpRequest) -> HttpResponse:
    """The researcher's campaigns with how far each has come."""
    user = user_of(request)
    sites = user.sites_as("researcher", "admin")
    if not sites.exists():
        raise Http404
    counts = {stage: Count("questions", filter=Q(questions__stage=stage)) for stage in Question.Stage.values}
    rows = Campaign.objects.managed_by(user).select_related("site").annotate(**counts).order_by("name")
    return render(request, "annotation/campaign_list.html", {"campaigns": rows})


@login_required
@require_POST
@once
def propose(request: HttpRequest, campaign_id: uuid.UUID) -> HttpResponse:
    """Queue proposals for the questions of a campaign that lack them."""
    campaign = managed_campaign(request, campaign_id)
    job = proposals.queue_proposals(campaign, by_user=user_of(request))
    unread = Question.objects.filter(campaign=campaign).unconfirmed().count()
    if job:
        messages.info(request, _("Proposals are being made; the page of jobs shows how far it is."))
    elif not unread:
        messages.info(request, _("No question lacks proposals."))
    if unread:
        said = ngettext(
            "%(n)s wording waits for a data manager to confirm it.",
            "%(n)s wordings wait for a data manager to confirm them.",
            unread,
        )
        messages.warning(request, said % {"n": unread})
    return redirect("annotation:campaign-list")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    """Make a draft campaign."""
    user = user_of(request)
    if not user.sites_as("researcher", "admin").exists():
        raise Http404
    if request.method == "POST":
        return _create(request)
    initial = {"languages": ["zh", "en"], "site": user.sites_as("researcher", "admin").first()}
    return render(
        request, "annotation/campaign_form.html", {"form": CampaignForm(user=user, initial=initial)}
    )


@once
def _create(request: HttpRequest) -> HttpResponse:
    user = user_of(request)
    form = CampaignForm(request.POST, user=user)
    if form.is_valid():
        data = form.cleaned_data
        try:
            campaign = campaigns.create_campaign(
                data["name"],
                site=data["site"],
                by_user=user,
                proposer=form.proposer(),
                proposer_context=data["proposer_context"],
                parameters=form.parameters(),
                seed=data["seed"],
                is_from_afar=True,
                **form.settings(),
            )
        except UserError as error:
            form.add_refusal(error)
        else:
            messages.success(request, _("The campaign is a draft: add questions and people, then open it."))
            return redirect("annotation:campaign-people", campaign.pk)
    return render(request, "annotation/campaign_form.html", {"form": form}, status=400)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def settings(request: HttpRequest, campaign_id: uuid.UUID) -> HttpResponse:
    """Change a campaign's settings; what raters have seen is frozen."""
    user, campaign = user_of(request), managed_campaign(request, campaign_id)
    frozen = campaign_settings.is_answered(campaign)
    initial = initial_of(campaign)
    form = CampaignForm(request.POST or None, user=user, campaign=campaign, frozen=frozen, initial=initial)
    status = 200
    if request.method == "POST":
        status = 400
        if form.is_valid():
            try:
                _save_settings(request, campaign, form)
            except StaleVersionError as stale:
                now = Campaign.objects.get(pk=campaign.pk)
                stored = form_as_text(form, initial_of(now))
                return conflict(request, stale, {"stored": stored}, form_as_text(form, form.cleaned_data))
            except UserError as error:
                form.add_refusal(error)
            else:
                messages.success(request, _("The settings are saved."))
                return redirect("annotation:campaign", campaign.pk)
    context = {"form": form, "campaign": campaign, "frozen": frozen}
    return render(request, "annotation/campaign_form.html", context, status=status)


@transaction.atomic
def _save_settings(request: HttpRequest, campaign: Campaign, form: CampaignForm) -> None:
    """The proposer where it changed, then everything else, each by its own service: all of it or nothing."""
    user, data = user_of(request), form.cleaned_data
    _refuse_stale(campaign, data["version"])
    if {*PROPOSER_FIELDS, "seed"} & set(form.changed_data):
        campaigns.change_proposer(
            campaign,
            by_user=user,
            proposer=form.changed_proposer(campaign.proposer),
            parameters=form.parameters(campaign.parameters),
            proposer_context=data["proposer_context"],
            seed=data["seed"],
            is_from_afar=True,
        )
    campaign_settings.change_settings(
        campaign, by_user=user, expected_version=campaign.version, **form.settings()
    )


def _refuse_stale(campaign: Campaign, version: int) -> None:
    if campaign.version != version:
        raise StaleVersionError(
            _("Someone saved this after you opened it. Both texts are kept: compare them and save again."),
            current=campaign,
            current_version=campaign.version,
        )


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def texts(request: HttpRequest, campaign_id: uuid.UUID) -> HttpResponse:
    """Instructions and guideline: the wording, how it looks, and its versions."""
    campaign = managed_campaign(request, campaign_id)
    initial = {
        "version": campaign.version,
        "instructions": campaign.instructions,
        "guideline": campaign.guideline,
        "guideline_edition": campaign.guideline_edition,
    }
    form = TextsForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            _save_texts(request, campaign, form)
        except StaleVersionError as stale:
            now = Campaign.objects.get(pk=campaign.pk)
            stored = f"{now.instructions}\n\n{now.guideline}"
            sent = f"{form.cleaned_data['instructions']}\n\n{form.cleaned_data['guideline']}"
            return conflict(request, stale, {"stored": stored}, sent)
        except UserError as error:
            form.add_error(None, str(error))
        else:
            messages.success(
                request, _("The texts are saved; judgements name the version they were made under.")
            )
            return redirect("annotation:campaign-texts", campaign.pk)
    context = {
        "campaign": campaign,
        "form": form,
        "instruction_versions": campaign.instruction_versions.select_related("by_user").order_by("-number"),
        "guideline_versions": campaign.guideline_versions.select_related("by_user").order_by("-number"),
    }
    return render(request, "annotation/campaign_texts.html", context, status=400 if form.errors else 200)


@transaction.atomic
def _save_texts(request: HttpRequest, campaign: Campaign, form: TextsForm) -> None:
    user, data = user_of(request), form.cleaned_data
    version = int(data["version"])
    _refuse_stale(campaign, version)
    if plain(data["instructions"]) != plain(campaign.instructions):
        campaigns.change_instructions(campaign, data["instructions"], by_user=user, expected_version=version)
        version = campaign.version
    guideline, edition = plain(data["guideline"]), data["guideline_edition"]
    if (guideline, edition) != (plain(campaign.guideline), campaign.guideline_edition):
        campaign_settings.change_guideline(
            campaign,
            data["guideline"],
            edition=data["guideline_edition"],
            by_user=user,
            expected_version=version,
        )


@login_required
@require_POST
@once
def move(request: HttpRequest, campaign_id: uuid.UUID) -> HttpResponse:
    """Open or close a campaign."""
    user, campaign = user_of(request), managed_campaign(request, campaign_id)
    if request.POST.get("to") == "open":
        campaigns.open_campaign(campaign, by_user=user)
        messages.success(request, _("The campaign is open."))
    elif request.POST.get("to") == "closed":
        campaigns.close_campaign(campaign, by_user=user, reason=request.POST.get("reason", "")[:500])
        messages.success(request, _("The campaign is closed."))
    else:
        raise UserError(_("to: give open or closed"))
    return redirect("annotation:campaign", campaign.pk)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@once
def people(request: HttpRequest, campaign_id: uuid.UUID) -> HttpResponse:
    """Who works on a campaign, as what, in which pool; and sharing questions out among them."""
    campaign = managed_campaign(request, campaign_id)
    if request.method == "POST":
        _change_people(request, campaign)
        return redirect("annotation:campaign-people", campaign.pk)
    members = campaign.members.select_related("user").order_by("purpose", "user__username")
    choices = [(purpose, member_services.eligible(campaign, purpose)) for purpose in Purpose]
    context = {
        "campaign": campaign,
        "members": members,
        "choices": choices,
        "any_eligible": any(people for _purpose, people in choices),
        "purposes": Purpose.choices,
    }
    return render(request, "annotation/campaign_people.html", context)


def _change_people(request: HttpRequest, campaign: Campaign) -> None:
    act = {"add": _add, "remove": _remove, "pool": _set_pool, "share": _share_out}.get(
        request.POST.get("do", "")
    )
    if act is None:
        raise UserError(_("do: give add, remove, pool or share"))
    act(request, campaign)


def _add(request: HttpRequest, campaign: Campaign) -> None:
    """The ticked people, each under the work that their box stands under: all of them, or nobody."""
    pool = request.POST.get("pool", "").strip() or None
    wanted = [
        NewMember(_person_of(campaign, key), purpose, pool)
        for purpose in Purpose.values
        for key in request.POST.getlist(purpose)
    ]
    members = member_services.add_members(campaign, wanted, by_user=user_of(request))
    names = ", ".join(dict.fromkeys(str(member.user) for member in members))
    messages.success(request, _("Added to this campaign: %(names)s.") % {"names": names})


def _person_of(campaign: Campaign, key: str) -> User:
    rows = User.objects.filter(memberships__site=campaign.site).distinct()
    try:
        return get_object_or_404(rows, pk=uuid.UUID(key))
    except ValueError:
        raise Http404 from None


def _member(request: HttpRequest, campaign: Campaign) -> CampaignMember:
    rows = CampaignMember.objects.filter(campaign=campaign).select_related("campaign__site", "user")
    return get_object_or_404(rows, pk=_id(request, "member"))


def _remove(request: HttpRequest, campaign: Campaign) -> None:
    member = _member(request, campaign)
    campaigns.remove_member(member, by_user=user_of(request))
    messages.success(request, _("%(name)s no longer does this work here.") % {"name": member.user})


def _set_pool(request: HttpRequest, campaign: Campaign) -> None:
    pools.set_pool(_member(request, campaign), request.POST.get("pool", ""), by_user=user_of(request))
    messages.success(request, _("The pool is changed."))


def _share_out(request: HttpRequest, campaign: Campaign) -> None:
    purpose = request.POST.get("purpose", "")
    if purpose not in Purpose.values:
        raise UserError(
            _("purpose: %(purpose)r is unknown; known: %(known)s")
            % {"purpose": purpose, "known": ", ".join(Purpose.values)}
        )
    named = request.POST.getlist("people")
    rows = campaign.members.filter(purpose=purpose).select_related("user").order_by("user__username")
    chosen = [member.user for member in rows if str(member.pk) in named]
    given = assignments.share_out(
        campaign, chosen, purpose, by_user=user_of(request), most=number_in(request.POST.get("most", ""))
    )
    said = ", ".join(f"{name} {count}" for name, count in given.items())
    messages.success(request, _("Assigned: %(said)s") % {"said": said})


def _id(request: HttpRequest, field: str) -> uuid.UUID:
    try:
        return uuid.UUID(request.POST.get(field, ""))
    except ValueError:
        raise Http404 from None
