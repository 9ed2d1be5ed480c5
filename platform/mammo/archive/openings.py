"""Who opened a patient's data, and when: the events of the audit trail about her rows."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from django.core.cache import cache
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from mammo.accounts import audit
from mammo.accounts.models import AuditEvent, User
from mammo.archive.models import Image, LabelCorrection, Patient, Report, Study

# Keys of a room's rows about a patient, by which the trail names them.
Rows = Callable[[Patient], Iterable[Any]]
_rows: list[Rows] = []
# What an account did when it saw her data. Acts on it are named by the rows themselves.
OPENING = ("_opened", "_seen", "_fetched", "_shown", "_downloaded", "_exported")

IMAGES_OPENED = "archive.images_opened"
# The pictures of a page are fetched one by one, and again when it is drawn anew: they are one opening.
ONE_OPENING = timedelta(hours=1)


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


def note_images_opened(study: Study, *, by_user: User) -> None:
    """Put on record that an account was sent pictures of a study, unless the trail says so within the hour.

    The trail is asked once an hour in each process, not for each picture, and by the first of several at once; the
    study's site is needed.
    """
    known = f"{IMAGES_OPENED}.{by_user.pk}.{study.pk}"
    if not cache.add(known, True, ONE_OPENING.total_seconds()):
        return
    try:
        left = _left_of_opening(study, by_user)
    except BaseException:
        cache.delete(known)  # nothing is on record: whoever comes next tries again
        raise
    cache.touch(known, left)


def _left_of_opening(study: Study, by_user: User) -> float:
    """Seconds until another opening counts anew; one is recorded where the trail has none."""
    now = timezone.now()
    of_late = AuditEvent.objects.filter(
        actor=by_user, action=IMAGES_OPENED, object_id=str(study.pk), at__gt=now - ONE_OPENING
    )
    at = of_late.aggregate(at=Max("at"))["at"]
    with transaction.atomic():
        if at is None:
            at = audit.record(IMAGES_OPENED, by_user=by_user, on=study, site=study.site).at
    return float((at + ONE_OPENING - now).total_seconds())


def is_opening(event: AuditEvent) -> bool:
    """Whether somebody saw her data, rather than changed it."""
    return event.action.endswith(OPENING)
