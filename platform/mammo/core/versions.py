"""Saving an editable row without losing anybody's text."""

from typing import Any

from django.db import models
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from mammo.core.errors import StaleVersionError
from mammo.core.models import VersionedModel


def save_versioned(row: VersionedModel, *, expected_version: int, changes: dict[str, Any]) -> None:
    """Write `changes` to `row` if it still has `expected_version`; else raise and change nothing.

    Raises:
        StaleVersionError: someone else saved in between; carries the row as it stands now.
    """
    model: type[models.Model] = type(row)
    for name, value in changes.items():
        setattr(row, name, value)
    values = {name: model._meta.get_field(name).pre_save(row, add=False) for name in changes}  # type: ignore[union-attr]
    moved = model._default_manager.filter(pk=row.pk, version=expected_version).update(
        **values, version=F("version") + 1, updated_at=timezone.now()
    )
    if moved != 1:
        current = model._default_manager.get(pk=row.pk)
        raise StaleVersionError(
            _("Someone saved this after you opened it. Both texts are kept: compare them and save again."),
            current=current,
            current_version=current.version,  # type: ignore[attr-defined]
        )
    row.version = expected_version + 1
