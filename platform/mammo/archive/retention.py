"""What is kept no longer than the site says: originals, and texts as they were received.

`MAMMO_RETENTION_DAYS` counts from the import. Viewing copies, cleaned texts and labels stay; the roster of a patient
stays too, since later texts are cleaned by it (her withdrawal destroys it).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from mammo.accounts import audit
from mammo.archive import storage
from mammo.archive.models import Image, Report

# Rows of one pass: it is a chore and must be short.
AT_ONCE = 500
# Empties a room's texts as received from before a moment, a given number at most; returns how many those were.
Forgetter = Callable[[datetime, int], int]
_forgetters: list[Forgetter] = []


@dataclass(frozen=True)
class Forgotten:
    """What one pass destroyed."""

    originals: int
    texts: int


def register_forgetter(forgetter: Forgetter) -> None:
    """Let a room destroy its own texts as received when their time is over (in AppConfig.ready)."""
    if forgetter not in _forgetters:
        _forgetters.append(forgetter)


def apply_retention() -> int:
    """Destroy what is older than the site's retention period; the chore of that name."""
    if not settings.MAMMO_RETENTION_DAYS:
        return 0
    done = forget_before(timezone.now() - timedelta(days=settings.MAMMO_RETENTION_DAYS))
    return done.originals + done.texts


def forget_before(moment: datetime, *, at_once: int = AT_ONCE) -> Forgotten:
    """Destroy originals and texts as received that came in before `moment`, `at_once` of each at most."""
    old = Image.objects.filter(created_at__lt=moment).exclude(original="").order_by("created_at")
    with transaction.atomic():
        images = list(old.values_list("pk", "original")[:at_once])
        Image.objects.filter(pk__in=[key for key, _ in images]).update(original="")
        reports = Report.objects.filter(created_at__lt=moment).exclude(original="")
        texts = list(reports.order_by("created_at").values_list("pk", flat=True)[:at_once])
        Report.objects.filter(pk__in=texts).update(original="")
        count = len(texts) + sum(forget(moment, at_once) for forget in _forgetters)
        if images or count:
            audit.record("archive.retention_applied", by_user=None, originals=len(images), texts=count)
        for _key, name in images:
            transaction.on_commit(
                lambda name=name: storage.remove(storage.originals_root(), name)  # type: ignore[misc]
            )
    return Forgotten(len(images), count)
