"""The Celery application; its messages are doorbells that carry a job id."""

import json
import logging
import os
from pathlib import Path
from typing import Any

from celery import Celery
from kombu import Exchange, Queue

from mammo.core import folder_transport

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mammo.settings")

QUEUES = ("cpu", "gpu")
# The filesystem transport has no host, and kombu says so at each start.
logging.getLogger("kombu.connection").setLevel(logging.ERROR)
folder_transport.register()

app = Celery("mammo")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.task_queues = [Queue(name, Exchange(name, type="direct"), routing_key=name) for name in QUEUES]
app.conf.task_create_missing_queues = False
# A page that submits a job must not hang on a broker that is away: the row stands, the reaper rings again.
app.conf.broker_connection_timeout = 2.0
# A worker outlives its broker: it asks for ever, and a closed channel (RabbitMQ's consumer_timeout, while a
# second message waits behind a long training) must not end the training.
app.conf.broker_connection_max_retries = None
app.conf.broker_channel_error_retry = True
# Workers are steered by their job rows and by signals, not by messages.
app.conf.worker_enable_remote_control = False
app.conf.worker_send_task_events = False
if str(app.conf.broker_url).startswith(("redis", "sentinel")):
    app.conf.broker_transport_options = {
        **(app.conf.broker_transport_options or {}),
        "socket_connect_timeout": 2.0,
        "socket_timeout": 10.0,
    }
app.autodiscover_tasks(["mammo.jobs"])


def make_queue_folders() -> None:
    """Make the folders of the filesystem transport, which it does not make itself, and its routing files.

    Two processes that start at once could read a routing file before it is written, and one that a power cut
    left empty would stop every message for ever: so they are written here, whole, and mended when unreadable.
    """
    options: dict[str, Any] = app.conf.broker_transport_options or {}
    for name in ("data_folder_in", "control_folder", "processed_folder"):
        if name in options:
            Path(options[name]).mkdir(parents=True, exist_ok=True, mode=0o700)
    if "control_folder" in options:
        for queue in QUEUES:
            _mend_route(Path(options["control_folder"]) / f"{queue}.exchange", queue)


def _mend_route(path: Path, queue: str) -> None:
    from mammo.core.jsonlines import write_atomically

    route = [queue, "", queue]  # routing key, pattern, queue: kombu's exchange_queue_t
    try:
        table = json.loads(path.read_text())
        if route in table:
            return
    except (OSError, ValueError, TypeError):
        pass
    write_atomically(path, json.dumps([route]).encode())
