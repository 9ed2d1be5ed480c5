"""Cohorts: saving one, its patient flow, and its baseline table by split."""

import csv
import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from mammo.accounts import audit
from mammo.accounts.models import Site, User
from mammo.archive.cohorts import ALWAYS, RULES, baseline, flow_of, is_as_saved, save_cohort
from mammo.archive.models import Cohort, Split
from mammo.archive.views.studies import archive_reader
from mammo.core.choices import Vendor
from mammo.core.digits import number_in
from mammo.core.errors import UserError
from mammo.core.idempotency import once


@login_required
@require_safe
def cohorts(request: HttpRequest) -> HttpResponse:
    """Saved cohorts, and the form for another."""
    user = archive_reader(request)
    context = {
        "cohorts": Cohort.objects.visible_to(user).select_related("site", "by_user").order_by("-created_at"),
        "sites": Site.objects.filter(pk__in=user.sites_as("researcher")),
        "rules": [(name, label) for name, label in RULES.items() if name not in ALWAYS],
        "vendors": Vendor.choices,
    }
    return render(request, "archive/cohorts.html", context)


@login_required
@require_POST
@once
def save(request: HttpRequest) -> HttpResponse:
    """Save a cohort."""
    user = archive_reader(request)
    site = get_object_or_404(
        Site.objects.filter(pk__in=user.sites_as("researcher")), code=request.POST.get("site")
    )
    written = request.POST.get("min_age", "").strip()
    age = number_in(written)
    if written and age is None:
        raise UserError(_("%(field)s: give a number") % {"field": _("Age limit, years")})
    query = {
        "rules": request.POST.getlist("rules"),
        "vendor": request.POST.get("vendor", ""),
        **({"min_age": age} if age is not None else {}),
    }
    cohort = save_cohort(request.POST.get("name", ""), query, site=site, by_user=user)
    messages.success(request, _("The cohort is saved as it stands now."))
    return redirect("archive:cohort", cohort_id=cohort.pk)


@login_required
@require_safe
def cohort(request: HttpRequest, cohort_id: uuid.UUID) -> HttpResponse:
    """One cohort: patient flow and baseline table."""
    user = archive_reader(request)
    found = _visible(user, cohort_id)
    splits = Split.objects.visible_to(user).order_by("name")
    split = _chosen(request, user)
    columns, rows = baseline(found, split)
    context = {
        "cohort": found, "flow": flow_of(found), "is_as_saved": is_as_saved(found), "splits": splits,
        "split": split, "columns": columns, "rows": rows,
    }  # fmt: skip
    return render(request, "archive/cohort.html", context)


@login_required
@require_safe
def baseline_csv(request: HttpRequest, cohort_id: uuid.UUID) -> HttpResponse:
    """The baseline table as CSV (UTF-8 with a mark, so that spreadsheets read Chinese); put on record."""
    user = archive_reader(request)
    found, split = _visible(user, cohort_id), _chosen(request, user)
    columns, rows = baseline(found, split)
    details = {"split": split.name} if split is not None else {}
    audit.record("archive.baseline_downloaded", by_user=user, on=found, site=found.site, **details)
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="baseline.csv"'
    response.write("\ufeff")
    writer = csv.writer(response)
    writer.writerow([_("Characteristic"), _("Value"), *columns])
    writer.writerows([row.characteristic, row.value, *row.cells] for row in rows)
    return response


def _visible(user: User, cohort_id: uuid.UUID) -> Cohort:
    return get_object_or_404(Cohort.objects.visible_to(user).select_related("site", "by_user"), pk=cohort_id)


def _chosen(request: HttpRequest, user: User) -> Split | None:
    name = request.GET.get("split", "")
    return Split.objects.visible_to(user).filter(name=name).first() if name else None
