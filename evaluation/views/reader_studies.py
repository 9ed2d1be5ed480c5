"""Reader studies as researchers see them: made, filled with cases and readers, frozen, opened, locked."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from evaluation.forms import LARGEST_SMALL
from evaluation.models import Protocol, ReaderStudy
from evaluation.services import reader_studies as services
from evaluation.services.access import ANALYSTS, DESIGNERS
from evaluation.services.amendments import amend_reader_study
from evaluation.services.cohorts import outside_cases
from evaluation.services.outside_cases import take_out_cases
from evaluation.services.proven_studies import with_pathology
from evaluation.services.readings import left_pictures_of_cases, reading_progress, withdraw_reader
from evaluation.views.trials import event_label, user_of
from mammo.accounts.models import Membership, User
from mammo.archive.models import Cohort
from mammo.core.errors import UserError
from mammo.core.idempotency import once
from modeling.models import Checkpoint


class ReaderStudyForm(forms.Form):
    """Everything about a reader study that is not its cases or readers."""

    protocol = forms.ModelChoiceField(Protocol.objects.none(), label=gettext_lazy("Protocol"))
    name = forms.CharField(max_length=120, label=gettext_lazy("Name"))
    checkpoint = forms.ModelChoiceField(Checkpoint.objects.none(), label=gettext_lazy("Checkpoint"))
    design = forms.ChoiceField(choices=ReaderStudy.Design.choices, label=gettext_lazy("Design"))
    unit = forms.ChoiceField(choices=ReaderStudy.Unit.choices, label=gettext_lazy("Unit"))
    reader_sees = forms.ChoiceField(choices=ReaderStudy.Sees.choices, label=gettext_lazy("Readers see"))
    show_earlier = forms.BooleanField(
        required=False,
        label=gettext_lazy("Readers see the patient's earlier study beside the case"),
        help_text=gettext_lazy(
            "the model gets the present study only; who reported either study doesn't read the case"
        ),
    )
    model_sees = forms.ChoiceField(choices=ReaderStudy.Sees.choices, label=gettext_lazy("The model sees"))
    scale = forms.ChoiceField(
        choices=[
            ("birads", gettext_lazy("BI-RADS 1 to 5, 4A to 4C")),
            ("forced_3_4", gettext_lazy("3, 4A, 4B or 4C (as in the paper)")),
        ],
        label=gettext_lazy("Categories"),
    )
    washout_days = forms.IntegerField(
        initial=services.LEAST_WASHOUT,
        min_value=0,
        max_value=LARGEST_SMALL,
        label=gettext_lazy("Washout in days"),
    )
    prevalence_statement = forms.CharField(
        required=False,
        max_length=300,
        label=gettext_lazy("What readers are told about the share of cancers"),
    )
    instructions = forms.CharField(
        required=False, label=gettext_lazy("Instructions"), widget=forms.Textarea(attrs={"rows": 3})
    )

    def __init__(self, *args: Any, user: User, **kw: Any) -> None:
        super().__init__(*args, **kw)
        sites = user.sites_as(*DESIGNERS)
        rows: dict[str, Any] = {
            "protocol": Protocol.objects.visible_to(user).filter(site__in=sites),
            "checkpoint": Checkpoint.objects.filter(run__site__in=sites, predictions__kind="malignancy")
            .select_related("run")
            .distinct(),
        }
        for name, found in rows.items():
            field = self.fields[name]
            assert isinstance(field, forms.ModelChoiceField)
            field.queryset = found.order_by("-created_at")


def _visible(request: HttpRequest, study_key: UUID) -> ReaderStudy:
    rows = ReaderStudy.objects.visible_to(user_of(request)).select_related("site", "protocol", "checkpoint")
    return get_object_or_404(rows, pk=study_key)


@login_required
@require_safe
def reader_studies(request: HttpRequest) -> HttpResponse:
    """All reader studies of the account's sites."""
    user = user_of(request)
    if not user.has_role(*ANALYSTS):
        raise Http404
    rows = ReaderStudy.objects.visible_to(user).select_related("site", "protocol").order_by("-created_at")
    context = {"studies": rows, "is_designer": user.has_role(*DESIGNERS)}
    return render(request, "evaluation/reader_studies.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@once
def new_reader_study(request: HttpRequest) -> HttpResponse:
    """Make a draft reader study."""
    user = user_of(request)
    if not user.has_role(*DESIGNERS):
        raise Http404
    form = ReaderStudyForm(request.POST or None, user=user)
    if request.method == "POST" and form.is_valid():
        data = dict(form.cleaned_data)
        try:
            row = services.create_reader_study(data.pop("name"), by_user=user, **data)
        except UserError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("The reader study is a draft: give it cases and readers."))
            return redirect("evaluation:reader-study", row.pk)
    status = 400 if form.errors else 200
    return render(request, "evaluation/reader_study_form.html", {"form": form}, status=status)


@login_required
@require_safe
def reader_study(request: HttpRequest, study_key: UUID) -> HttpResponse:
    """One reader study: design, cases by truth, readers with how far each is, and the next step."""
    row = _visible(request, study_key)
    is_designer = user_of(request).has_role(*DESIGNERS, site=row.site)
    is_draft = row.state == ReaderStudy.State.DRAFT
    held = Membership.objects.filter(site=row.site, role__in=("junior", "senior")).values("user")
    progress = reading_progress(row)
    context = {
        "study": row,
        "is_designer": is_designer,
        "is_draft": is_draft,
        "cases": row.cases.count(),
        "malignant": row.cases.filter(truth=True).count(),
        "progress": progress,
        "unread": sum(item["total"] - item["done"] for item in progress),
        "notes": left_pictures_of_cases(row),
        "obstacles": services.reader_study_obstacles(row) if is_draft else [],
        "has_outside": is_draft and outside_cases(row).exists(),
        "cohorts": Cohort.objects.filter(site=row.site).order_by("name"),
        "people": User.objects.filter(pk__in=held, is_active=True)
        .exclude(pk__in=row.readers.values("user"))
        .order_by("username"),
        "events": [
            {"row": event, "label": event_label(event.kind)}
            for event in row.events.select_related("by_user").order_by("created_at")
        ],
    }
    return render(request, "evaluation/reader_study.html", context)


@login_required
@require_POST
@once
def step(request: HttpRequest, study_key: UUID) -> HttpResponse:
    """Cases, readers, freezing, opening, locking, withdrawal."""
    row = _visible(request, study_key)
    posted, user = request.POST, user_of(request)
    act = posted.get("do", "")
    said = _("Saved.")
    if act == "cases":
        cohort = get_object_or_404(Cohort.objects.filter(site=row.site), pk=_id(posted.get("cohort")))
        count = services.add_cases(row, with_pathology(cohort), by_user=user)
        said = ngettext("%(count)s case joined.", "%(count)s cases joined.", count) % {"count": count}
    elif act == "take-out":
        count = take_out_cases(row, by_user=user)
        said = ngettext("%(count)s case was taken out.", "%(count)s cases were taken out.", count) % {
            "count": count
        }
    elif act == "readers":
        people = User.objects.filter(memberships__site=row.site).distinct()
        for name in posted.getlist("people"):
            services.add_reader(row, get_object_or_404(people, pk=_id(name)), by_user=user)
    elif act == "freeze":
        services.freeze_reader_study(row, by_user=user)
    elif act == "open":
        services.open_reading(row, by_user=user)
    elif act == "lock":
        services.lock_readings(row, by_user=user, reason=posted.get("reason", ""))
    elif act == "withdraw":
        reader = get_object_or_404(row.readers, pk=_id(posted.get("reader")))
        withdraw_reader(reader, posted.get("reason", ""), by_user=user)
    elif act == "amend":
        amend_reader_study(row, posted.get("text", ""), by_user=user, reason=posted.get("reason", ""))
        said = _("The amendment is on record.")
    else:
        raise UserError(_("do: give cases, take-out, readers, freeze, open, lock, withdraw or amend"))
    messages.success(request, said)
    return redirect("evaluation:reader-study", row.pk)


def _id(text: str | None) -> UUID:
    try:
        return UUID(text or "")
    except ValueError:
        raise Http404 from None
