"""Rows that a table is computed from, by name or id, for the command line."""

from typing import TypeVar
from uuid import UUID

from django.db.models import Model
from django.utils.translation import gettext as _

from evaluation.models import ReaderStudy
from mammo.core.begun_names import only_one_beginning
from mammo.core.errors import UserError
from modeling.models import Run, Snapshot

Row = TypeVar("Row", bound=Model)


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _by_name(model: type[Row], name: str, what: str) -> Row:
    """The row of this name, its only beginning, or id.

    Raises:
        UserError: there is none, or several have the name.
    """
    rows = model._default_manager.all()
    found = list(rows.filter(pk=_id(name)) if _id(name) is not None else rows.filter(name=name)[:2])
    if len(found) > 1:
        raise UserError(
            _("%(what)s %(name)s: several have this name; give the id") % {"what": what, "name": name}
        )
    begun = only_one_beginning(rows, name) if not found else None
    if begun is not None:
        return begun
    if not found:
        known = ", ".join(sorted(str(row) for row in rows.exclude(name="")[:20])) or _("none yet")
        raise UserError(
            _("%(what)s %(name)s: there is none; known: %(known)s")
            % {"what": what, "name": name, "known": known}
        )
    return found[0]


def snapshot_by_name(name: str) -> Snapshot:
    """The snapshot of this name or id."""
    return _by_name(Snapshot, name, _("snapshot"))


def run_by_name(name: str) -> Run:
    """The run of this name or id."""
    return _by_name(Run, name, _("run"))


def reader_study_by_name(name: str) -> ReaderStudy:
    """The reader study of this name or id."""
    return _by_name(ReaderStudy, name, _("reader study"))
