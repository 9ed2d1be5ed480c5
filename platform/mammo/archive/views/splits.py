"""Splits: making one under a rule, its sides, and freezing it."""

import math
import uuid
from datetime import date

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from mammo.accounts.models import Site
from mammo.archive.models import Split, SplitMembership, Study
from mammo.archive.splits import Plan, create_split, freeze_split, members_sha256
from mammo.archive.views.studies import archive_reader
from mammo.core.digits import number_in
from mammo.core.errors import UserError
from mammo.core.idempotency import once


@login_required
@require_safe
def splits(request: HttpRequest) -> HttpResponse:
    """Splits of the account's sites, and the form for another."""
    user = archive_reader(request)
    found = Split.objects.visible_to(user).select_related("site", "by_user")
    context = {
        "splits": found.annotate(patients=Count("members")).order_by("-created_at"),
        "sites": Site.objects.filter(pk__in=user.sites_as("researcher")),
        "rules": Split._meta.get_field("rule").flatchoices,
    }
    return render(request, "archive/splits.html", context)


@login_required
@require_POST
@once
def create(request: HttpRequest) -> HttpResponse:
    """Make a split."""
    user = archive_reader(request)
    posted = request.POST
    sites = Site.objects.filter(pk__in=user.sites_as("researcher"))
    site = get_object_or_404(sites, code=posted.get("site"))
    seed = number_in(posted.get("seed") or "0")
    if seed is None:
        raise UserError(_("%(field)s: give a number") % {"field": _("Seed")})
    plan = Plan(
        rule=posted.get("rule", ""),
        shares={side: _percent(posted.get(side, "0"), side) for side in SplitMembership.Side.values},
        seed=seed,
        begins=_day(posted.get("begins", "")),
        ends=_day(posted.get("ends", "")),
        test_site=sites.filter(code=posted.get("test_site", "")).first(),
    )
    split = create_split(
        posted.get("name", "").strip(),
        plan,
        site=site,
        purpose=posted.get("purpose", "").strip(),
        by_user=user,
    )
    messages.success(request, _("The split is made."))
    return redirect("archive:split", split_id=split.pk)


@login_required
@require_safe
def split(request: HttpRequest, split_id: uuid.UUID) -> HttpResponse:
    """One split: how it was made, how many stand on each side."""
    user = archive_reader(request)
    found = get_object_or_404(
        Split.objects.visible_to(user).select_related("site", "by_user", "frozen_by"), pk=split_id
    )
    sides = []
    for side, label in SplitMembership.Side.choices:
        patients = found.members.filter(side=side)
        counted = Study.objects.filter(patient__in=patients.values("patient"))
        sides.append((side, label, patients.count(), counted.count()))
    context = {
        "split": found,
        "sides": sides,
        "is_researcher": found.site is not None and user.has_role("researcher", site=found.site),
        "is_as_frozen": found.frozen_at is None or members_sha256(found) == found.members_sha256,
    }
    return render(request, "archive/split.html", context)


@login_required
@require_POST
@once
def freeze(request: HttpRequest, split_id: uuid.UUID) -> HttpResponse:
    """Freeze a split."""
    user = archive_reader(request)
    found = get_object_or_404(Split.objects.visible_to(user).select_related("site"), pk=split_id)
    freeze_split(found, by_user=user)
    messages.success(request, _("The split is frozen: nobody joins it any more."))
    return redirect("archive:split", split_id=found.pk)


def _percent(written: str, side: str) -> float:
    try:
        share = float(written or 0) / 100
    except ValueError:
        share = math.nan
    if not math.isfinite(share):
        raise UserError(_("%(side)s: give a percentage") % {"side": side})
    return share


def _day(written: str) -> date | None:
    try:
        return date.fromisoformat(written) if written else None
    except ValueError:
        raise UserError(_("“%(day)s” is no day: write it as 2019-03-01") % {"day": written}) from None
