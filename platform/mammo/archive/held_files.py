"""Folders outside the image stores in which a patient lives on: training sets that were written out."""

import shutil
from pathlib import Path

from django.conf import settings
from django.db.models import Model
from django.utils.translation import gettext as _

from mammo.core.errors import UserError


def held_in_folder(kind: str, row: Model, folder: str) -> dict[str, str]:
    """What an erasure's page says of one of them; `destroyed` is "yes" once its folder is gone from this home."""
    path = _in_this_home(folder)
    return {
        "kind": kind,
        "name": str(row),
        "id": str(row.pk),
        "where": folder,
        "destroyed": "yes" if path is not None and not path.exists() else "",
    }


def destroy_folder(folder: str) -> None:
    """Remove a folder of this installation with all that is in it; one that lies elsewhere is left to people.

    Raises:
        UserError: it can't be removed whole.
    """
    path = _in_this_home(folder)
    if path is None:
        return
    try:
        shutil.rmtree(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise UserError(
            _("%(folder)s: can't be removed (%(why)s); give the service the right to, then confirm again")
            % {"folder": path, "why": error.strerror or error}
        ) from None


def _in_this_home(folder: str) -> Path | None:
    """The folder, where it lies below MAMMO_HOME."""
    home, path = Path(settings.MAMMO_HOME).resolve(), Path(folder).resolve()
    return path if folder and path != home and path.is_relative_to(home) else None
