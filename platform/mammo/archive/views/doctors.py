"""Reporting doctors of a site and the accounts they are: a data manager's page."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db import models, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from mammo.accounts import audit
from mammo.accounts.models import Site, User
from mammo.archive.reporting_doctors import assign, names_of, reporters_of
from mammo.archive.views.access import require_data_manager, signed_in
from mammo.core.errors import UserError
from mammo.core.idempotency import once

PER_PAGE = 25
NOBODY = "nobody"


@login_required
@require_safe
def doctors(request: HttpRequest) -> HttpResponse:
    """Reporting doctors of one site by name; seeing their names is an audit event."""
    user = signed_in(request)
    require_data_manager(user)
    sites = list(user.sites_as("data_manager").order_by("code"))
    site = next((each for each in sites if each.code == request.GET.get("site")), sites[0])
    page = Paginator(reporters_of(site), PER_PAGE).get_page(request.GET.get("page"))
    hashes = [reporter.name_hash for reporter in page.object_list]
    names = names_of(site, hashes)
    with transaction.atomic():
        audit.record("archive.reporting_doctors_seen", by_user=user, on=site, site=site, shown=len(hashes))
    context = {
        "sites": sites,
        "site": site,
        "page": page,
        "rows": [(reporter, names.get(reporter.name_hash, "")) for reporter in page.object_list],
        "accounts": _accounts(site),
        "nobody": NOBODY,
    }
    return render(request, "archive/doctors.html", context)


@login_required
@require_POST
@once
def assign_doctor(request: HttpRequest) -> HttpResponse:
    """Say which account a reporting doctor is."""
    user = signed_in(request)
    require_data_manager(user)
    site = get_object_or_404(user.sites_as("data_manager"), code=request.POST.get("site", ""))
    chosen = request.POST.get("account", "")
    if not chosen:
        raise UserError(_("account: choose one, or that the doctor has none here"))
    account = None if chosen == NOBODY else get_object_or_404(_accounts(site), username=chosen)
    assign(request.POST.get("doctor", ""), account, site=site, by_user=user)
    messages.success(request, _("Noted: who reported a case never rates it."))
    return redirect(f"{reverse('archive:doctors')}?site={site.code}")


def _accounts(site: Site) -> models.QuerySet[User]:
    return User.objects.filter(memberships__site=site, is_active=True).distinct().order_by("display_name")
