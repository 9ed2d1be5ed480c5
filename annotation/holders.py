"""Where a patient's data lives on outside the database: training sets that were written to folders."""

import contextlib
from datetime import datetime
from uuid import UUID

from django.utils import timezone

from annotation.models import Campaign, Draft, Flag, Lease, Question, QuestionUpload, TrainingExport
from annotation.services import export as exporting
from annotation.services.study_context import may_hold
from mammo.archive.held_files import destroy_folder, held_in_folder
from mammo.archive.marks import marks_of
from mammo.archive.models import Image, Patient
from mammo.core.errors import WrongStateError
from mammo.jobs import services as jobs
from mammo.jobs.models import Job


def exports_that_hold(patient: Patient) -> list[dict[str, str]]:
    """Training sets made from her questions, each with the folder where it lies."""
    held = TrainingExport.objects.filter(patients=patient).select_related("campaign").order_by("created_at")
    return [held_in_folder("export", row, row.folder) for row in held]


def forget(patient: Patient) -> dict[str, int]:
    """Empty what stands in plain columns, destroy the training sets with her in them that lie in this
    installation's own folders, drop her rows from tables that nobody confirmed, settle the flags on her questions,
    and ask nobody any more to work on these. Returns how many rows of tables those were.

    Raises:
        UserError: a folder can't be removed; it names the folder and the mend.
    """
    for export in TrainingExport.objects.filter(patients=patient):
        destroy_folder(export.folder)
    hers = Question.objects.filter(patient=patient) | Question.objects.filter(study__patient=patient)
    keys = list(hers.values_list("pk", flat=True))
    Draft.objects.filter(question__in=keys).delete()
    Lease.objects.filter(question__in=keys).delete()
    # Without words, which could not be kept: nobody is asked to settle them any more.
    Flag.objects.filter(question__in=keys, settled_at__isnull=True).update(settled_at=timezone.now())
    Question.objects.filter(pk__in=keys).update(consent_reference="", asked_on=None)
    unfinished = Question.objects.filter(pk__in=keys).exclude(stage=Question.Stage.PICKED)
    unfinished.update(stage=Question.Stage.WITHDRAWN)
    return {"question_rows": _forget_in_uploads(patient)}


def _forget_in_uploads(patient: Patient) -> int:
    """Drop the rows that name her from the site's tables of questions; a table without another row goes whole."""
    marks, dropped = marks_of(patient), 0
    uploads = QuestionUpload.objects.select_for_update(of=("self",)).select_related("campaign__site")
    for upload in uploads.filter(campaign__site=patient.site):
        kept = [row for row in upload.rows if not marks.stand_in((row["patient"], row["accession"]))]
        if len(kept) == len(upload.rows):
            continue
        dropped += len(upload.rows) - len(kept)
        upload.rows = kept
        if kept:
            upload.save(update_fields=["rows"])
        else:
            upload.delete()
    return dropped


def rows_about(patient: Patient) -> list[UUID]:
    """Keys of her questions, by which the audit trail names what was done with them."""
    hers = Question.objects.filter(patient=patient) | Question.objects.filter(study__patient=patient)
    return list(hers.values_list("pk", flat=True))


def forget_wording(moment: datetime, at_once: int) -> int:
    """Destroy the wording before cleaning of questions from before `moment`; returns how many those were."""
    old = Question.objects.filter(created_at__lt=moment).exclude(wording_received="")
    keys = list(old.order_by("pk").values_list("pk", flat=True)[:at_once])
    return Question.objects.filter(pk__in=keys).update(wording_received="")


def exports_that_hold_picture(image: Image) -> list[dict[str, str]]:
    """Training sets with this picture in them, each with the folder where it lies."""
    return [held_in_folder("export", row, row.folder) for row in _exports_with(image)]


def destroy_exports_with(image: Image) -> None:
    """Stop what writes a training set of a campaign that asks about the picture's study, and destroy the sets with the
    picture in them that lie in this installation's own folders. Their rows stay.

    Raises:
        UserError: a folder can't be removed; it names the folder and the mend.
    """
    campaigns = Campaign.objects.filter(questions__study=image.study).distinct()
    keys = [str(key) for key in campaigns.values_list("pk", flat=True)]
    writing = Job.objects.unfinished().filter(
        kind=exporting.JOB_KIND, started_at__isnull=False, parameters__campaign__in=keys
    )
    for job in writing:
        with contextlib.suppress(WrongStateError):  # it ended meanwhile
            jobs.cancel(job, by_user=None)
    for export in _exports_with(image):
        destroy_folder(export.folder)


def _exports_with(image: Image) -> list[TrainingExport]:
    rows = TrainingExport.objects.filter(
        campaign__questions__study=image.study, patients=image.study.patient_id
    )
    return [
        row
        for row in rows.distinct().select_related("campaign", "job").order_by("created_at")
        if may_hold(image, asked=row.job.created_at if row.job else None, written=row.created_at)
    ]
