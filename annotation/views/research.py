"""For the researcher: how far a campaign is, how good the proposals are, what is stuck, a question's history."""

import csv
import uuid
from collections.abc import Iterable, Sequence

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from annotation import opened, presentation
from annotation.models import Campaign, ErrorTag, Flag, Lease, Purpose, Question, Skip, TrainingExport
from annotation.services import assignments, campaign_settings, export, pools, quality_file, withdrawals
from annotation.services.practice import scores_of
from annotation.services.wording import safe_cell
from annotation.statistics import pick_rates, progress, quality, support, timeline
from annotation.views.shared import managed_campaign, managed_question, require_full_reading, user_of
from mammo.accounts import audit
from mammo.accounts.models import User
from mammo.core.charts import line_chart
from mammo.core.errors import UserError
from mammo.core.idempotency import once

DAYS = 30
STUCK_ROWS = 100


@login_required
@require_safe
def campaign(request: HttpRequest, campaign_id: uuid.UUID) -> HttpResponse:
    """One campaign: state, progress by stage and day, people, exports."""
    row = managed_campaign(request, campaign_id)
    reads_in_full = Campaign.objects.read_in_full_by(user_of(request)).filter(pk=row.pk).exists()
    days = progress.by_day(row, days=DAYS)
    stages = progress.by_stage(row)
    total = sum(stages.values())
    context = {
        "campaign": row,
        "proposer": next(
            (row.proposer[name] for name in ("name", "model", "path") if row.proposer.get(name)), ""
        ),
        "parameters": [
            *((name, row.parameters[name]) for name in sorted(row.parameters)),
            ("seed", row.seed),
        ],
        "total": total,
        "stages": [
            {"label": label, "count": stages[stage], "share": 100 * stages[stage] / total if total else 0}
            for stage, label in Question.Stage.choices
        ],
        "chart": _chart(days) if any(day.corrected or day.picked for day in days) else "",
        "people": progress.by_person(row, only=None if reads_in_full else user_of(request)),
        "scores": scores_of(row),
        "exports": row.exports.select_related("by_user").order_by("-created_at")[:20],
        "export_choices": export.CHOICES,
        "export_splits": export.splits_for(row).values_list("name", flat=True),
        "frozen": campaign_settings.is_answered(row),
        "last": progress.last_activity(row),
    }
    return render(request, "annotation/campaign.html", context)


def _chart(days: list[progress.DayCount]) -> str:
    lines = {
        str(_("Corrected")): [
            (float(n), float(day.corrected)) for n, day in enumerate(days, start=1 - len(days))
        ],
        str(_("Picked")): [(float(n), float(day.picked)) for n, day in enumerate(days, start=1 - len(days))],
    }
    return line_chart(_("Questions settled per day"), lines, x_label=_("Days before today"))


@login_required
@require_safe
def campaign_quality(request: HttpRequest, campaign_id: uuid.UUID) -> HttpResponse:
    """How good the proposals are, and how far people agree; as a page, or as a file with `?as=csv`."""
    row = managed_campaign(request, campaign_id)
    require_full_reading(request, row)
    if request.GET.get("as") == "csv":
        audit.record("annotation.quality_downloaded", by_user=user_of(request), on=row, site=row.site)
        return _csv_file("quality.csv", quality_file.HEADER, quality_file.rows_of(row))
    tags = dict(ErrorTag.choices)
    context = {
        "campaign": row,
        "systems": quality.by_system(row),
        "tags": [
            (tags[tag], count, distance) for tag, (count, distance) in quality.distance_by_tag(row).items()
        ],
        "rates": [
            (_("By the order in which the proposals were made"), pick_rates.by_index(row)),
            (_("By the place at which the senior saw the answer"), pick_rates.by_place(row)),
        ],
        "juniors": [
            (tags.get(name, _("No change needed")), found)
            for name, found in quality.junior_agreement(row).items()
            if found.units
        ],
        "seniors": quality.senior_agreement(row),
        "picked_and_returned": quality.picked_and_returned(row),
        "times": quality.time_per_task(row),
        "proposed": support.support_of_proposals(row),
        "picked": support.support_of_picks(row),
    }
    return render(request, "annotation/campaign_quality.html", context)


@login_required
@require_safe
def campaign_stuck(request: HttpRequest, campaign_id: uuid.UUID) -> HttpResponse:
    """Questions that do not move by themselves; flags to settle, skips to give to somebody else."""
    row = managed_campaign(request, campaign_id)
    flags = Flag.objects.filter(question__campaign=row, settled_at__isnull=True)
    skipped = Skip.objects.filter(
        question__campaign=row, lifted_at__isnull=True, question__patient__erased_at=None
    )
    reasons = {
        "skipped": _("skipped"),
        "flagged": _("flagged"),
        "returned": _("sent back twice or more"),
        "unanswered": _(
            "the proposer gave no answer: refused, too long for it, over budget, or it broke off"
        ),
        "no_proposals": _("waits for proposals for a week"),
        "waiting": _("untouched for a week"),
        "no_people": _("nobody is in its pool for the work that it waits for"),
        "holder_gone": _("held by name by somebody who can't work on it any more"),
    }
    context = {
        "campaign": row,
        "stuck": [
            (one, [reasons[name] for name in one.reasons]) for one in progress.stuck(row, most=STUCK_ROWS)
        ],
        "total": progress.count_stuck(row),
        "flags": flags.select_related("question__campaign__site", "question__patient", "by_user"),
        "skips": skipped.select_related("question__campaign__site", "question__patient", "by_user")[:100],
    }
    return render(request, "annotation/campaign_stuck.html", context)


@login_required
@require_safe
def question_timeline(request: HttpRequest, question_id: uuid.UUID) -> HttpResponse:
    """The history of one question; who holds it now."""
    question = managed_question(request, question_id)
    require_full_reading(request, question.campaign)
    context = {
        "question": question,
        "turns": presentation.turns_for(question, user_of(request)),
        "events": timeline.timeline(question),
        "leases": Lease.objects.filter(question=question, round=question.round).select_related("user"),
        "members": question.campaign.members.select_related("user").order_by("purpose", "user__username"),
        "remarks": opened.remarks_of(question, user_of(request)),
        "purposes": Purpose.choices,
        "pools": sorted(set(question.campaign.members.exclude(pool="").values_list("pool", flat=True))),
    }
    return render(request, "annotation/timeline.html", context)


@login_required
@require_POST
@once
def give_question(request: HttpRequest, question_id: uuid.UUID) -> HttpResponse:
    """Assign a question to a person, move it from one to another, or take it back."""
    user, question = user_of(request), managed_question(request, question_id)
    purpose = request.POST.get("purpose", "")
    if purpose not in Purpose.values:
        raise UserError(
            _("purpose: %(purpose)r is unknown; known: %(known)s")
            % {"purpose": purpose, "known": ", ".join(Purpose.values)}
        )
    to, come_from = _person(request, question, "to"), _person(request, question, "from")
    assignments.change_holder(question, to=to, come_from=come_from, purpose=purpose, by_user=user)
    messages.success(request, _("The assignment is changed."))
    return redirect("annotation:timeline", question.pk)


@login_required
@require_POST
@once
def move_to_pool(request: HttpRequest, question_id: uuid.UUID) -> HttpResponse:
    """Let a question wait for the people of one pool."""
    question, pool = managed_question(request, question_id), request.POST.get("pool")
    if pool is None:
        raise UserError(_("pool: missing; open the page again"))
    pools.set_question_pool(question, pool, by_user=user_of(request))
    messages.success(request, _("The pool is changed."))
    return redirect("annotation:timeline", question.pk)


@login_required
@require_POST
@once
def withdraw_question(request: HttpRequest, question_id: uuid.UUID) -> HttpResponse:
    """Take a question out of its campaign."""
    question = managed_question(request, question_id)
    withdrawals.withdraw(question, request.POST.get("reason", ""), by_user=user_of(request))
    messages.success(
        request, _("Question %(number)s is out of the campaign.") % {"number": question.position}
    )
    return redirect("annotation:campaign-stuck", question.campaign_id)


def _person(request: HttpRequest, question: Question, field: str) -> User | None:
    given = request.POST.get(field, "")
    if not given:
        return None
    try:
        pk = uuid.UUID(given)
    except ValueError:
        raise Http404 from None
    members = question.campaign.members.values("user")
    held = assignments.seats_known_to(question, user_of(request)).values("user")
    return get_object_or_404(User.objects.filter(pk__in=members) | User.objects.filter(pk__in=held), pk=pk)


@login_required
@require_safe
def own_hours(request: HttpRequest) -> HttpResponse:
    """A person's own hours and cases as a CSV file that no spreadsheet computes with; put on record."""
    user = user_of(request)
    days = progress.work_days(user)
    rows = [
        (row.day.isoformat(), safe_cell(row.campaign), row.purpose, row.cases, row.minutes) for row in days
    ]
    audit.record("annotation.own_hours_downloaded", by_user=user, on=user)
    return _csv_file("my-work.csv", ("day", "campaign", "work", "cases", "minutes"), rows)


def _csv_file(name: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> HttpResponse:
    """A table as a CSV file, marked as UTF-8 for spreadsheets."""
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.write("\ufeff")
    writer = csv.writer(response)
    writer.writerow(header)
    writer.writerows(rows)
    return response


@login_required
@require_POST
@once
def export_campaign(request: HttpRequest, campaign_id: uuid.UUID) -> HttpResponse:
    """Queue a training set."""
    row: Campaign = managed_campaign(request, campaign_id)
    # One field says both on the page, so that only what goes together can be chosen there.
    chosen, _comma, images = request.POST.get("format", "").partition(",")
    export.queue_export(
        row,
        by_user=user_of(request),
        format=chosen,
        preferences=request.POST.get("preferences") == "on",
        images=images or request.POST.get("images", "reference"),
        split=request.POST.get("split", ""),
    )
    messages.success(request, _("The training set is being written; the page of jobs shows how far it is."))
    return redirect("annotation:campaign", row.pk)


@login_required
@require_POST
def download_export(request: HttpRequest, export_id: uuid.UUID) -> FileResponse:
    """An export as one zip file; put on record."""
    user = user_of(request)
    rows = TrainingExport.objects.filter(campaign__in=Campaign.objects.managed_by(user))
    row = get_object_or_404(rows.select_related("campaign__site"), pk=export_id)
    name = f"training-set-{row.export_id or row.pk}.zip"
    return FileResponse(export.packed_export(row, by_user=user), as_attachment=True, filename=name)
