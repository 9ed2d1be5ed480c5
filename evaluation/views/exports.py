"""Exports of raw data: asked for, decided by a second person, downloaded while they stand."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from evaluation.models import DataExport, ReaderStudy, Trial
from evaluation.services.access import ANALYSTS
from evaluation.services.exports import ask_export, decide_export, require_open_export
from evaluation.views.trials import TABULATED, user_of
from mammo.accounts.models import User
from mammo.core.errors import UserError
from mammo.core.idempotency import once

DEFAULT_DAYS = 14


class ExportForm(forms.Form):
    """What is exported, why, and until when."""

    trial = forms.ModelChoiceField(Trial.objects.none(), required=False, label=gettext_lazy("Trial"))
    reader_study = forms.ModelChoiceField(
        ReaderStudy.objects.none(), required=False, label=gettext_lazy("or reader study")
    )
    reason = forms.CharField(max_length=500, label=gettext_lazy("Reason"))
    expires_on = forms.DateField(
        label=gettext_lazy("Can be downloaded until"),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    simulated = forms.BooleanField(required=False, label=gettext_lazy("Simulated rows too"))

    def __init__(self, *args: Any, user: User, **kw: Any) -> None:
        super().__init__(*args, **kw)
        rows: dict[str, Any] = {
            "trial": Trial.objects.visible_to(user).filter(state__in=TABULATED),
            "reader_study": ReaderStudy.objects.visible_to(user).filter(state=ReaderStudy.State.LOCKED),
        }
        for name, found in rows.items():
            field = self.fields[name]
            assert isinstance(field, forms.ModelChoiceField)
            field.queryset = found.order_by("name")

    def clean(self) -> dict[str, Any]:
        """One of the two."""
        data: dict[str, Any] = super().clean() or {}
        if bool(data.get("trial")) == bool(data.get("reader_study")):
            raise forms.ValidationError(_("Choose a trial or a reader study."))
        return data


def _visible(request: HttpRequest) -> QuerySet[DataExport]:
    rows = DataExport.objects.visible_to(user_of(request))
    return rows.select_related("site", "trial__site", "reader_study__site", "asked_by", "decided_by")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@once
def exports(request: HttpRequest) -> HttpResponse:
    """Every request of one's sites; asking for one."""
    user = user_of(request)
    if not user.has_role(*ANALYSTS):
        raise Http404
    initial = {"expires_on": timezone.localdate() + timedelta(days=DEFAULT_DAYS)}
    form = ExportForm(request.POST or None, user=user, initial=initial)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            ask_export(
                data["trial"] or data["reader_study"],
                by_user=user,
                reason=data["reason"],
                expires_on=data["expires_on"],
                simulated=data["simulated"],
            )
        except UserError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("Asked; another person must approve it."))
            return redirect("evaluation:exports")
    context = {
        "rows": _visible(request).order_by("-created_at"),
        "form": form,
        "today": timezone.localdate(),
    }
    return render(request, "evaluation/exports.html", context, status=400 if form.errors else 200)


@login_required
@require_POST
@once
def decide(request: HttpRequest, data_export_id: UUID) -> HttpResponse:
    """Approve, refuse or revoke."""
    row = get_object_or_404(_visible(request), pk=data_export_id)
    decide_export(row, request.POST.get("do", ""), by_user=user_of(request))
    messages.success(request, _("The decision is on record."))
    return redirect("evaluation:exports")


@login_required
@require_POST
def download(request: HttpRequest, data_export_id: UUID) -> HttpResponse:
    """The files as one ZIP; on record each time."""
    from evaluation.reports.study.archives import export_archive  # statistics that no other page needs

    row = get_object_or_404(_visible(request), pk=data_export_id)
    with transaction.atomic():
        require_open_export(row, by_user=user_of(request))
        content = export_archive(row)
    response = HttpResponse(content, content_type="application/zip")
    response["Content-Disposition"] = f'attachment; filename="export-{row.pk}.zip"'
    return response
