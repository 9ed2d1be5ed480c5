"""Designing a trial: made, changed while it is a draft, filled with questions, arms, raters and practice."""

import csv
import io
from pathlib import Path
from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST

from annotation.models import Campaign, Question
from annotation.question_table import SUFFIXES, read_question_table
from evaluation.forms import PowerForm, TrialForm, spec_from, trial_initial, written_aspects
from evaluation.models import Arm, Trial
from evaluation.services import drafts
from evaluation.services.access import DESIGNERS
from evaluation.services.amendments import amend
from evaluation.services.arms import (
    ANSWERING_STAGES,
    FED_TABLES,
    add_human_arm,
    add_system_arm,
    add_written_arm,
    leave_out,
    set_tables,
)
from evaluation.services.cohorts import bound_by, excluded_of
from evaluation.services.raters import add_rater, remove_rater, withdraw
from evaluation.services.shared_wordings import wording_notes
from evaluation.services.trials import add_questions, create_trial, eligible_questions, sample_questions
from evaluation.views.power_of_designs import calculate_power, questions_per_patient
from evaluation.views.trials import user_of, visible_trial
from mammo.accounts.models import Membership, Role, User
from mammo.archive.tables import decoded_text
from mammo.core import raw_files
from mammo.core.conflicts import both_texts, form_as_text
from mammo.core.digits import number_in
from mammo.core.errors import NotAllowedError, StaleVersionError, UserError, WrongStateError
from mammo.core.idempotency import once
from mammo.core.jsonlines import read_jsonlines
from modeling.inference.spec_files import read_spec, ready_specs, without_description
from modeling.models import Checkpoint

LARGEST_TABLE = 20_000_000


def designed_trial(request: HttpRequest, trial_id: UUID) -> Trial:
    """The trial, for those who may design at its site; else the 404 of an unknown one."""
    trial = visible_trial(request, trial_id)
    if not user_of(request).has_role(*DESIGNERS, site=trial.site):
        raise Http404
    return trial


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@once
def new_trial(request: HttpRequest) -> HttpResponse:
    """Make a draft trial."""
    user = user_of(request)
    if not user.has_role(*DESIGNERS):
        raise Http404
    form = TrialForm(request.POST or None, user=user)
    if request.method == "POST" and form.is_valid():
        data = dict(form.cleaned_data)
        scale = (data.pop("scale_min"), data.pop("scale_max"))
        try:
            row = create_trial(
                data.pop("name"), protocol=data.pop("protocol"), by_user=user, scale=scale, **data
            )
        except UserError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("The trial is a draft: give it questions, arms and raters."))
            return redirect("evaluation:design", row.pk)
    return render(request, "evaluation/trial_form.html", {"form": form}, status=400 if form.errors else 200)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def edit_trial(request: HttpRequest, trial_id: UUID) -> HttpResponse:
    """Change the settings and aspects of a draft."""
    row = designed_trial(request, trial_id)
    user = user_of(request)
    form = TrialForm(request.POST or None, user=user, trial=row, initial=trial_initial(row))
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            with transaction.atomic():
                drafts.change_trial(row, form.settings(), by_user=user, expected_version=data["version"])
                drafts.set_aspects(row, data["aspects"], by_user=user)
        except StaleVersionError as stale:
            stored = form_as_text(form, trial_initial(cast("Trial", stale.current)))
            sent = form_as_text(form, data | {"aspects": written_aspects(data["aspects"])})
            return both_texts(request, stored=stored, sent=sent)
        except UserError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("Saved."))
            return redirect("evaluation:design", row.pk)
    context = {"form": form, "trial": row}
    return render(request, "evaluation/trial_form.html", context, status=400 if form.errors else 200)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def design(request: HttpRequest, trial_id: UUID) -> HttpResponse:
    """Questions, arms, raters and practice of a draft."""
    row = designed_trial(request, trial_id)
    if request.method != "POST":
        return _design_page(request, row)
    try:
        return _act(request, row)
    except UserError as error:
        # What a state or a right forbids is no field to mend.
        if row.state != Trial.State.DRAFT or isinstance(error, (WrongStateError, NotAllowedError)):
            raise
        return _design_page(request, row, refused=str(error))


def _design_page(request: HttpRequest, row: Trial, *, refused: str = "") -> HttpResponse:
    """The page; after a refusal with what was typed and why it was refused, as 400."""
    held = Membership.objects.filter(site=row.site)
    raters = row.raters.select_related("user").order_by("created_at")
    people = User.objects.filter(is_active=True)
    seniors = people.filter(pk__in=held.filter(role=Role.SENIOR).values("user"))
    writers = people.filter(pk__in=held.filter(role__in=("author", "junior", "senior")).values("user"))
    practice = Question.objects.filter(campaign__site=row.site).exclude(trial_uses__trial=row)
    typed = request.POST if refused else None
    context = {
        "trial": row,
        "refused": refused,
        "typed": typed,
        "is_draft": row.state == Trial.State.DRAFT,
        "questions": row.trial_questions.select_related(
            "question__campaign__site", "question__patient"
        ).order_by("position"),
        "campaigns": _campaigns(row),
        "cohort": bound_by(row),
        "wordings": wording_notes(row),
        "arms": [
            {"arm": arm, "tables": [(number, number in arm.spec.get("tables", [])) for number in FED_TABLES]}
            for arm in row.arms.select_related("checkpoint__run").order_by("position")
        ],
        "raters": raters,
        "seniors": seniors.exclude(pk__in=raters.values("user")).order_by("username"),
        "writers": writers.exclude(pk__in=raters.values("user")).order_by("username"),
        "checkpoints": Checkpoint.objects.filter(
            run__site=row.site, run__stage__in=[stage.value for stage in ANSWERING_STAGES]
        ).select_related("run"),
        "specs": ready_specs(),
        "practice": row.practice_items.select_related("question__patient", "question__campaign__site"),
        "practice_questions": practice.filter(is_practice=True).select_related("campaign__site", "patient")[
            :50
        ],
        "power_form": PowerForm(
            initial=typed.dict()
            if typed and typed.get("do") == "power"
            else {
                "raters": raters.count() or 4,
                "questions": row.trial_questions.count() or 12,
                "per_patient": round(questions_per_patient(row), 2),
            }
        ),
    }
    return render(request, "evaluation/design.html", context, status=400 if refused else 200)


def _campaigns(trial: Trial) -> QuerySet[Campaign]:
    return Campaign.objects.filter(site=trial.site).order_by("name")


def _act(request: HttpRequest, trial: Trial) -> HttpResponse:
    act = ACTS.get(request.POST.get("do", ""))
    if act is None:
        raise UserError(_("do: give one of %(known)s") % {"known": ", ".join(ACTS)})
    return _once_act(request, trial, act)


@once
def _once_act(request: HttpRequest, trial: Trial, act: Any) -> HttpResponse:
    said = act(request, trial)
    for line in said if isinstance(said, list) else [said]:
        messages.info(request, line)
    if Trial.objects.rated_blind_by(user_of(request)).filter(pk=trial.pk).exists():
        messages.info(request, _("You rate in this trial: you meet it under its forms alone from now on."))
        return redirect("evaluation:trials")
    return redirect("evaluation:design", trial.pk)


def _whole(request: HttpRequest, field: str) -> int:
    number = number_in(request.POST.get(field, ""))
    if number is None:
        raise UserError(_("%(field)s: give a whole number") % {"field": field})
    return number


def _id(request: HttpRequest, field: str) -> UUID:
    return _key(request.POST.get(field, ""))


def _key(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Http404 from None


def _sample(request: HttpRequest, trial: Trial) -> str:
    campaign = get_object_or_404(_campaigns(trial), pk=_id(request, "campaign"))
    user, dialogues = user_of(request), "dialogues" in request.POST
    if request.POST.get("count", "").strip():
        count = _whole(request, "count")
        added = sample_questions(trial, campaign, count, by_user=user, dialogues=dialogues)
    else:
        eligible = eligible_questions(trial, campaign, dialogues=dialogues)
        added = add_questions(trial, eligible, by_user=user, dialogues=dialogues)
    said = ngettext("%(count)s question joined.", "%(count)s questions joined.", len(added)) % {
        "count": len(added)
    }
    excluded = excluded_of(trial, campaign)
    if not excluded:
        return said
    return f"{said} " + _("%(count)s of the campaign are about studies outside of the protocol's cohort.") % {
        "count": excluded
    }


def _uploaded(request: HttpRequest, field: str, suffixes: tuple[str, ...], folder: Path) -> Path:
    """The uploaded file in a folder, under a name of ours."""
    file = request.FILES.get(field)
    if file is None:
        raise UserError(_("%(field)s: choose a file") % {"field": field})
    suffix = Path(file.name or "").suffix.lower()
    if suffix not in suffixes:
        raise UserError(
            _("%(field)s: files end in %(known)s") % {"field": field, "known": ", ".join(suffixes)}
        )
    if (file.size or 0) > LARGEST_TABLE:
        raise UserError(_("%(field)s: larger than 20 MB; divide it") % {"field": field})
    path = folder / f"{field}{suffix}"
    path.write_bytes(file.read())
    return path


def _upload(request: HttpRequest, trial: Trial) -> list[str]:
    with raw_files.laid_out() as folder:
        path = _uploaded(request, "table", SUFFIXES, folder)
        try:
            rows = read_question_table(path, dialogues=True)
        except UserError as error:
            raise UserError(str(error).replace(str(path), "table")) from None
    joined, said = drafts.upload_questions(
        trial, rows, table_name="table", by_user=user_of(request), dialogues="dialogues" in request.POST
    )
    return [
        ngettext("%(count)s question joined.", "%(count)s questions joined.", joined) % {"count": joined},
        *said[:50],
    ]


def _remove_question(request: HttpRequest, trial: Trial) -> str:
    row = get_object_or_404(trial.trial_questions, pk=_id(request, "question"))
    drafts.remove_question(row, by_user=user_of(request))
    return _("The question is out.")


def _add_system(request: HttpRequest, trial: Trial) -> str:
    posted = request.POST
    name, checkpoint, spec = posted.get("name", ""), None, None
    if posted.get("checkpoint"):
        checkpoint = _checkpoint(request, trial)
    elif posted.get("ready") in ready_specs():
        ready = read_spec(posted["ready"])
        name = name.strip() or str(ready.get("name", ""))
        spec = without_description(ready)
    else:
        spec = spec_from(posted.get("spec", ""))
    user = user_of(request)
    add_system_arm(trial, name, by_user=user, spec=spec, checkpoint=checkpoint, is_from_afar=True)
    return _("The arm is added.")


def _checkpoint(request: HttpRequest, trial: Trial) -> Checkpoint:
    rows = Checkpoint.objects.filter(run__site=trial.site).select_related("run__snapshot")
    return get_object_or_404(rows, pk=_id(request, "checkpoint"))


def _add_written(request: HttpRequest, trial: Trial) -> str:
    with raw_files.laid_out() as folder:
        path = _uploaded(request, "answers", (".jsonl", ".csv"), folder)
        try:
            rows = _answer_rows(path)
        except UserError as error:
            raise UserError(str(error).replace(str(path), "answers")) from None
    file = request.FILES.get("answers")
    source = (file.name if file is not None else "") or "answers"
    kind = request.POST.get("kind", Arm.Kind.REFERENCE)
    writer = _checkpoint(request, trial) if request.POST.get("checkpoint") else None
    add_written_arm(
        trial,
        request.POST.get("name", ""),
        rows,
        by_user=user_of(request),
        kind=kind,
        source=source,
        checkpoint=writer,
    )
    return _("The arm is added.")


def _answer_rows(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".jsonl":
        return list(read_jsonlines(path))
    try:
        rows = list(csv.DictReader(io.StringIO(decoded_text(path), newline=""), strict=True))
    except csv.Error as error:
        raise UserError(_("answers: not a table of CSV (%(error)s); mend it") % {"error": error}) from None
    if not rows or "question" not in rows[0] or not {"text", "turns"} & set(rows[0]):
        raise UserError(_("answers: give the columns question and text, for dialogues turns"))
    return [dict(row) for row in rows]


def _add_human(request: HttpRequest, trial: Trial) -> str:
    people = User.objects.filter(memberships__site=trial.site).distinct()
    authors = [get_object_or_404(people, pk=_key(name)) for name in request.POST.getlist("authors")]
    add_human_arm(trial, request.POST.get("name", ""), authors=authors, by_user=user_of(request))
    return _("The arm is added; its authors find the questions under “Writing”.")


def _leave_out(request: HttpRequest, trial: Trial) -> str:
    arm = get_object_or_404(trial.arms, pk=_id(request, "arm"))
    leave_out(arm, request.POST.get("reason", ""), by_user=user_of(request))
    return _("The arm is left out; it stays on the record.")


def _tables(request: HttpRequest, trial: Trial) -> str:
    arm = get_object_or_404(trial.arms.select_related("trial__site"), pk=_id(request, "arm"))
    # 0 is no table: what writes no number is refused with the others.
    named = [number_in(text) or 0 for text in request.POST.getlist("tables")]
    set_tables(arm, named, by_user=user_of(request), were=request.POST.get("were"))
    return _("Saved.")


def _add_rater(request: HttpRequest, trial: Trial) -> str:
    people = User.objects.filter(memberships__site=trial.site).distinct()
    for name in request.POST.getlist("people"):
        add_rater(trial, get_object_or_404(people, pk=_key(name)), by_user=user_of(request))
    return _("The raters are added.")


def _remove_rater(request: HttpRequest, trial: Trial) -> str:
    remove_rater(get_object_or_404(trial.raters, pk=_id(request, "rater")), by_user=user_of(request))
    return _("The rater is out.")


def _practice(request: HttpRequest, trial: Trial) -> str:
    rows = Question.objects.filter(campaign__site=trial.site).select_related("campaign__site", "patient")
    question = get_object_or_404(rows, pk=_id(request, "question"))
    drafts.add_practice_item(trial, question, request.POST.get("text", ""), by_user=user_of(request))
    return _("The practice answer is added.")


def _power(request: HttpRequest, trial: Trial) -> list[str]:
    return calculate_power(trial, request.POST, by_user=user_of(request))


ACTS = {
    "sample": _sample,
    "upload": _upload,
    "remove-question": _remove_question,
    "system": _add_system,
    "written": _add_written,
    "human": _add_human,
    "leave-out": _leave_out,
    "tables": _tables,
    "rater": _add_rater,
    "remove-rater": _remove_rater,
    "practice": _practice,
    "power": _power,
}


@login_required
@require_POST
@once
def record_amendment(request: HttpRequest, trial_id: UUID) -> HttpResponse:
    """Put an amendment on record; withdraw a rater with it where one is named."""
    row = designed_trial(request, trial_id)
    posted, user = request.POST, user_of(request)
    details: dict[str, Any] = {}
    if posted.get("rater"):
        rater = get_object_or_404(row.raters, pk=_id(request, "rater"))
        withdraw(rater, posted.get("reason", ""), by_user=user)
        details["withdrawn_rater"] = str(rater.pk)
    amend(row, posted.get("text", ""), by_user=user, reason=posted.get("reason", ""), details=details)
    messages.success(request, _("The amendment is on record."))
    return redirect("evaluation:trial", row.pk)
