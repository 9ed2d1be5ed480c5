"""The register of backups: what the operator copied, so that a withdrawal can say which copies still hold a patient."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from mammo.accounts import audit
from mammo.accounts.models import User
from mammo.archive.models import Backup, Image, Patient
from mammo.core.errors import UserError, WrongStateError


def record_backup(
    content: str, *, taken_at: datetime, where: str, expires_on: date | None = None, by_user: User | None
) -> Backup:
    """Note a backup that was taken.

    Raises:
        UserError: the content is unknown, the place is missing, or a time makes no sense.
    """
    if content not in Backup.Content.values:
        raise UserError(_("content: one of %(known)s") % {"known": ", ".join(Backup.Content.values)})
    if not where.strip():
        raise UserError(_("where: say where the backup lies"))
    if taken_at > timezone.now():
        raise UserError(_("taken: lies in the future"))
    if expires_on is not None and expires_on < taken_at.date():
        raise UserError(_("expires: lies before the backup was taken"))
    with transaction.atomic():
        backup = Backup.objects.create(
            content=content,
            taken_at=taken_at,
            where=where.strip()[:300],
            expires_on=expires_on,
            by_user=by_user,
        )
        audit.record("archive.backup_recorded", by_user=by_user, on=backup, content=content)
    return backup


def mark_destroyed(backup: Backup, *, by_user: User | None) -> None:
    """Note that a backup was destroyed.

    Raises:
        WrongStateError: it was noted already.
    """
    with transaction.atomic():
        moved = Backup.objects.filter(pk=backup.pk, destroyed_at=None).update(destroyed_at=timezone.now())
        if not moved:
            raise WrongStateError(_("this backup is noted as destroyed already"))
        audit.record("archive.backup_destroyed", by_user=by_user, on=backup)


def standing_backups() -> Any:
    """Backups that are there, as far as anybody said."""
    today = timezone.localdate()
    return Backup.objects.filter(Q(expires_on=None) | Q(expires_on__gte=today), destroyed_at=None)


def backups_that_hold(patient: Patient) -> list[dict[str, str]]:
    """Standing backups that were taken while she was in the archive; a holder of withdrawals."""
    rows = standing_backups().filter(taken_at__gte=patient.created_at)
    if patient.erased_at is not None:
        rows = rows.filter(taken_at__lte=patient.erased_at)
    return _named(rows)


def backups_that_hold_picture(image: Image) -> list[dict[str, str]]:
    """Standing backups of image files that were taken since a picture came in; a holder of pictures with text."""
    files = standing_backups().filter(content__in=(Backup.Content.FILES, Backup.Content.ALL))
    return _named(files.filter(taken_at__gte=image.created_at))


def _named(rows: Iterable[Backup]) -> list[dict[str, str]]:
    return [{"kind": "backup", "name": str(row), "id": str(row.pk), "where": row.where} for row in rows]
