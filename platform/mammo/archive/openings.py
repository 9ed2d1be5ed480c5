"""Who opened a patient's data, and when: the events of the audit trail about her rows."""

from collections.abc import Callable, Iterable
from typing import Any

from mammo.accounts.models import AuditEvent
from mammo.archive.models import Image, LabelCorrection, Patient, Report, Study

# Keys of a room's rows about a patient, by which the trail names them.
Rows = Callable[[Patient], Iterable[Any]]
_rows: list[Rows] = []
# What an account did when it saw her data. Acts on it are named by the rows themselves.
OPENING = ("_opened", "_seen", "_fetched", "_shown", "_downloaded", "_exported")


def register_rows(rows: Rows) -> None:
    """Make a room's rows about a patient known (in AppConfig.ready)."""
    if rows not in _rows:
        _rows.append(rows)


def events_about(patient: Patient) -> list[AuditEvent]:
    """Every event of the trail about her rows, the newest first."""
    keys: set[str] = {str(patient.pk)}
    studies = list(Study.objects.filter(patient=patient).values_list("pk", flat=True))
    keys |= {str(key) for key in studies}
    for model in (Image, Report, LabelCorrection):
        keys |= {
            str(key) for key in model._default_manager.filter(study__in=studies).values_list("pk", flat=True)
        }
    for rows in _rows:
        keys |= {str(key) for key in rows(patient)}
    events = AuditEvent.objects.filter(object_id__in=keys).select_related("actor", "site")
    return list(events.order_by("-sequence"))


def is_opening(event: AuditEvent) -> bool:
    """Whether somebody saw her data, rather than changed it."""
    return event.action.endswith(OPENING)
