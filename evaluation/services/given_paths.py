"""Which files a person on a page or a program from afar may name as a system: those of the site's models alone."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from evaluation.models import Trial
from mammo.core.errors import UserError
from modeling.data.model_folders import HUB_NAME, MODELS_VARIABLE, located
from modeling.models import Checkpoint


def require_known_place(spec: Mapping[str, Any], trial: Trial) -> None:
    """Let a spec pass whose path leads to a checkpoint of the trial's site or below MAMMO_MODELS.

    Commands on the server may name any path; their reader has the files before them anyway.

    Raises:
        UserError: a file of answers on the server, a path that is no text, or one that leads elsewhere, be it by `..`
            or by a link.
    """
    if "path" not in spec:
        return
    path = spec["path"]
    if spec.get("kind") == "file":
        raise UserError(
            _("spec: a file on the server can't be named here; upload the file of answers instead")
        )
    if not isinstance(path, str) or "\0" in path:
        raise UserError(_("spec: give the path as text"))
    folder = path.rstrip("/")
    is_checkpoint = bool(folder) and Checkpoint.objects.filter(run__site=trial.site, folder=folder).exists()
    if not is_checkpoint and not _is_below_models(path):
        raise UserError(
            _(
                "spec: %(path)s is no model of this site; name a folder below %(variable)s, a hub name or a checkpoint"
            )
            % {"path": path, "variable": MODELS_VARIABLE}
        )


def _is_below_models(path: str) -> bool:
    """Whether the path, its links followed, lies below MAMMO_MODELS, or is a hub name, looked for there alone."""
    models = os.environ.get(MODELS_VARIABLE)
    if not models:
        # Without it a relative path is one of the folder that the server runs in.
        return bool(HUB_NAME.fullmatch(path)) and not Path(path).exists()
    root = Path(models).expanduser().resolve()
    return root in located(path).expanduser().resolve().parents
