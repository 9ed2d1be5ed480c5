"""Where a patient's data lives on outside the database: training sets that were written to folders."""

from datetime import datetime
from uuid import UUID

from annotation.models import Draft, Lease, Question, TrainingExport
from mammo.archive.models import Patient


def exports_that_hold(patient: Patient) -> list[dict[str, str]]:
    """Training sets made from her questions, each with the folder where it lies."""
    held = TrainingExport.objects.filter(patients=patient).select_related("campaign").order_by("created_at")
    return [{"kind": "export", "name": str(row), "id": str(row.pk), "where": row.folder} for row in held]


def forget(patient: Patient) -> None:
    """Empty what stands in plain columns; nobody is asked to work on her questions any more."""
    hers = Question.objects.filter(patient=patient) | Question.objects.filter(study__patient=patient)
    keys = list(hers.values_list("pk", flat=True))
    Draft.objects.filter(question__in=keys).delete()
    Lease.objects.filter(question__in=keys).delete()
    Question.objects.filter(pk__in=keys).update(consent_reference="", asked_on=None)
    unfinished = Question.objects.filter(pk__in=keys).exclude(stage=Question.Stage.PICKED)
    unfinished.update(stage=Question.Stage.WITHDRAWN)


def rows_about(patient: Patient) -> list[UUID]:
    """Keys of her questions, by which the audit trail names what was done with them."""
    hers = Question.objects.filter(patient=patient) | Question.objects.filter(study__patient=patient)
    return list(hers.values_list("pk", flat=True))


def forget_wording(moment: datetime, at_once: int) -> int:
    """Destroy the wording before cleaning of questions from before `moment`; returns how many those were."""
    old = Question.objects.filter(created_at__lt=moment).exclude(wording_received="")
    keys = list(old.order_by("pk").values_list("pk", flat=True)[:at_once])
    return Question.objects.filter(pk__in=keys).update(wording_received="")
