"""Where a patient's data was used: trials with her questions, reader studies with her cases."""

from django.db.models import Q

from evaluation.models import ReaderStudy, Trial
from mammo.archive.models import Patient


def trials_that_hold(patient: Patient) -> list[dict[str, str]]:
    """Trials and reader studies that stand on her.

    The rows of her scores stay and are analysed no more; her texts are gone with her key.
    """
    asked = Q(trial_questions__question__patient=patient) | Q(
        trial_questions__question__study__patient=patient
    )
    trials = Trial.objects.filter(asked).distinct().order_by("created_at")
    studies = ReaderStudy.objects.filter(cases__study__patient=patient).distinct().order_by("created_at")
    return [
        *({"kind": "trial", "name": str(row), "id": str(row.pk)} for row in trials),
        *({"kind": "reader study", "name": str(row), "id": str(row.pk)} for row in studies),
    ]
