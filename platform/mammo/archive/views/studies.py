"""The list of studies, one study, its labels, and its report as it was received."""

import uuid
from collections.abc import Mapping
from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.db.models import Prefetch
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from mammo.accounts import audit
from mammo.accounts.models import Site, User
from mammo.archive.derived_labels import RULE, derived_label
from mammo.archive.erasure import ROLES as ERASURE_ROLES
from mammo.archive.label_corrections import correct_labels
from mammo.archive.label_sources import FIELDS
from mammo.archive.models import Erasure, Pathology, Report, Split, SplitMembership, Study
from mammo.archive.raw_text import open_raw_text
from mammo.archive.report_readings import is_doubtful, may_name_somebody, record_no_name
from mammo.archive.study_search import ATTENTION, DEAR, StudySearch, counted_page
from mammo.archive.views.access import signed_in
from mammo.core.choices import Birads, Density, Laterality
from mammo.core.conflicts import both_texts, lines_of
from mammo.core.digits import number_in
from mammo.core.errors import StaleVersionError, UserError
from mammo.core.idempotency import once

# Labels and reports are not for those who rate: they would see what they are asked.
READERS = ("data_manager", "researcher")


def archive_reader(request: HttpRequest) -> User:
    """The account, when it may see labels and reports; the same 404 as for an unknown page otherwise."""
    user = signed_in(request)
    if not user.has_role(*READERS):
        raise Http404
    return user


def readable_study(user: User, study_id: uuid.UUID) -> Study:
    """A study of a site at which the account may see labels and reports."""
    studies = Study.objects.readable_by(user).select_related("patient", "site")
    return get_object_or_404(studies, pk=study_id)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def studies(request: HttpRequest) -> HttpResponse:
    """Studies of the account's sites, the newest first, narrowed by the choices of the address.

    A POST brings what was typed, a hospital number perhaps, and leads to an address without it.
    """
    user = archive_reader(request)
    if request.method == "POST":
        asked = StudySearch.of(request.POST).address_of(request.POST.get("typed", ""), user)
        if asked is None:
            messages.info(request, _("No study is called what you typed."))
        return redirect(f"{reverse('archive:studies')}?{asked or ''}".rstrip("?"))
    search = StudySearch.of(request.GET)
    found = search.found_by(user)
    after = request.GET.get("after", "")
    page, count = counted_page(found, after, is_dear=search.attention in DEAR)
    context = {
        "search": search,
        "page": page,
        "is_first": not after,
        "count": count,
        "sites": Site.objects.filter(pk__in=user.sites_as(*READERS)),
        "splits": Split.objects.visible_to(user).order_by("name"),
        "sides": SplitMembership.Side.choices,
        "densities": Density.choices,
        "categories": Birads.choices,
        "attentions": [(name, _attention(name)) for name in ATTENTION],
        "is_data_manager": user.has_role("data_manager"),
    }
    return render(request, "archive/studies.html", context)


@login_required
@require_safe
def study(request: HttpRequest, study_id: uuid.UUID) -> HttpResponse:
    """One study: images, report as allowed, labels with where they came from, pathology, splits."""
    user = archive_reader(request)
    row = readable_study(user, study_id)
    with transaction.atomic():
        audit.record("archive.study_opened", by_user=user, on=row, site=row.site)
    return render(request, "archive/study.html", study_context(row, user))


@login_required
@require_POST
@once
def labels(request: HttpRequest, study_id: uuid.UUID) -> HttpResponse:
    """A person states the labels."""
    user = archive_reader(request)
    row = readable_study(user, study_id)
    version = number_in(request.POST.get("version", ""))
    if version is None:
        raise UserError(_("version: open the page again and send the form"))
    stated, reason = {name: request.POST.get(name, "") for name in FIELDS}, request.POST.get("reason", "")
    try:
        correct_labels(row, stated, reason=reason, expected_version=version, by_user=user)
    except StaleVersionError as stale:
        return both_texts(
            request,
            stored=_labels_now(cast("Study", stale.current)),
            sent=labels_as_text(stated, reason),
            reload_url=reverse("archive:study", args=[row.pk]),
        )
    messages.success(request, _("The labels stand as you stated them."))
    return redirect("archive:study", study_id=row.pk)


@login_required
@require_safe
def raw_report(request: HttpRequest, report_id: uuid.UUID) -> HttpResponse:
    """A report as it was received; opening it is an audit event."""
    user = signed_in(request)
    reports = Report.objects.filter(
        study__site__in=user.sites_as("data_manager"), study__patient__erased_at=None
    )
    report = get_object_or_404(reports.select_related("study__site", "study__patient"), pk=report_id)
    text = open_raw_text(report, by_user=user)
    return render(request, "archive/raw_report.html", {"report": report, "study": report.study, "text": text})


def labels_as_text(labels: Mapping[str, str], reason: str) -> str:
    """Labels by their names, a line each, with what they rest on."""
    names = (_("Density"), _("BI-RADS left"), _("BI-RADS right"), _("BI-RADS overall"))
    choices = (Density.choices, Birads.choices, Birads.choices, Birads.choices)
    lines = [
        (name, dict(known).get(labels[field], labels[field]))
        for name, field, known in zip(names, FIELDS, choices, strict=True)
    ]
    return lines_of([*lines, (_("What the labels rest on"), reason)])


def _labels_now(study: Study) -> str:
    last = study.label_corrections.filter(replaced_by=None).select_related("study__patient").first()
    return labels_as_text({name: getattr(study, name) for name in FIELDS}, str(last.reason) if last else "")


@login_required
@require_POST
@once
def no_name(request: HttpRequest, report_id: uuid.UUID) -> HttpResponse:
    """A data manager has read a report's cleaned text and found no name in it."""
    user = signed_in(request)
    reports = Report.objects.filter(
        study__site__in=user.sites_as("data_manager"), study__patient__erased_at=None
    )
    report = get_object_or_404(reports.select_related("study__site", "study__patient"), pk=report_id)
    record_no_name(report, by_user=user)
    messages.success(request, _("Noted: you read the report and found no name in it."))
    return redirect("archive:study", study_id=report.study_id)


def study_context(row: Study, user: User) -> dict[str, object]:
    """What the page of a study shows."""
    corrections = list(row.label_corrections.select_related("by_user", "study__patient"))
    reports = list(row.reports.select_related("study__patient", "read_by").order_by("-created_at"))
    for report in reports:
        report.study = row
    pathology = Pathology.objects.filter(study=row, replaced_by=None).order_by("laterality", "lesion")
    members = (
        SplitMembership.objects.filter(patient=row.patient).select_related("split").order_by("split__name")
    )
    others = Study.objects.filter(patient=row.patient).exclude(pk=row.pk).order_by("-date")
    is_erased = row.patient.erased_at is not None
    return {
        "study": row,
        "is_erased": is_erased,
        "images": row.images.order_by("-laterality", "view", "-acquired_order"),
        "missing": [] if is_erased else missing_views(row),
        "reports": [] if is_erased else reports,
        "doubtful": {report.pk for report in reports if is_doubtful(report)},
        "naming": {report.pk for report in reports if may_name_somebody(report)},
        "corrections": [] if is_erased else corrections,
        "pathology": pathology,
        "derived": [(side, derived_label(row, side.value).label) for side in Laterality] if pathology else [],
        "derived_rule": RULE,
        "members": members,
        "others": others.prefetch_related(Prefetch("images")),
        "densities": Density.choices,
        "categories": Birads.choices,
        "is_data_manager": user.has_role("data_manager", site=row.site),
        "may_erase": not is_erased and user.has_role(*ERASURE_ROLES, site=row.site),
        "erasure": Erasure.objects.filter(patient=row.patient).first(),
        "viewer_src": reverse("archive:viewer", args=[row.pk]),
    }


def missing_views(row: Study) -> list[str]:
    """Which of the four standard views the study lacks; it is usable without them."""
    there = set(row.images.filter(is_extra=False).values_list("laterality", "view"))
    return [f"{side} {view}" for view in ("CC", "MLO") for side in "RL" if (side, view) not in there]


def _attention(name: str) -> str:
    return {
        "doubtful": _("reading of the report to confirm"),
        "quarantine": _("files of its import in quarantine"),
        "incomplete": _("a standard view is missing"),
        "unlabelled": _("density or BI-RADS not stated"),
    }[name]
