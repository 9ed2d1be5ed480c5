"""Which models a site has on this server: its checkpoints, and what lies below MAMMO_MODELS."""

import os
from pathlib import Path
from uuid import UUID

from modeling.data.model_folders import HUB_NAME, MODELS_VARIABLE, located
from modeling.models import Checkpoint


def is_model_of(path: str, site_id: UUID) -> bool:
    """Whether a path leads to a checkpoint of the site or below MAMMO_MODELS, its links followed."""
    folder = path.rstrip("/")
    if folder and Checkpoint.objects.filter(run__site=site_id, folder=folder).exists():
        return True
    return _is_below_models(path)


def _is_below_models(path: str) -> bool:
    """Whether the path, its links followed, lies below MAMMO_MODELS, or is a hub name, looked for there alone."""
    models = os.environ.get(MODELS_VARIABLE)
    if not models:
        # Without it a relative path is one of the folder that the server runs in.
        return bool(HUB_NAME.fullmatch(path)) and not Path(path).exists()
    root = Path(models).expanduser().resolve()
    return root in located(path).expanduser().resolve().parents
