"""The Celery application; its messages are doorbells that carry a job id."""

import os
from pathlib import Path

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mammo.settings")

app = Celery("mammo")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["mammo.jobs"])


def make_queue_folders() -> None:
    """Make the folders of the filesystem transport, which it does not make itself."""
    options = app.conf.broker_transport_options or {}
    for name in ("data_folder_in", "control_folder", "processed_folder"):
        if name in options:
            Path(options[name]).mkdir(parents=True, exist_ok=True)
