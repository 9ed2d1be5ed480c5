"""The one Celery task, and what a worker process does when it starts and stops."""

import os
import signal
import socket
from typing import Any

import psutil
from celery import signals
from django.db import connection

from mammo.celery import app
from mammo.core.append_only import require_triggers
from mammo.jobs import doorbell, runner, services
from mammo.jobs.shutdown import stopped_softly, stopping
from mammo.jobs.tether import die_with_parent


@app.task(name="mammo.jobs.tasks.run_job", ignore_result=True)
def run_job(*, job_id: str) -> None:
    """Answer a doorbell: claim the job and run it, or do nothing when someone else has it."""
    if stopping.is_set():
        return
    with stopped_softly():
        job = services.claim(job_id, f"{socket.gethostname()}:{os.getpid()}")
        if job is not None:
            runner.run(job)


@signals.worker_init.connect
def _refuse_without_triggers(**kwargs: object) -> None:
    require_triggers()


@signals.worker_process_init.connect
def _pool_process_starts(**kwargs: Any) -> None:
    die_with_parent()


@signals.worker_ready.connect
def _worker_is_ready(sender: Any, **kwargs: Any) -> None:
    doorbell.ring_for_all(set(sender.app.amqp.queues.consume_from))
    connection.close()


@signals.worker_shutting_down.connect
def _worker_stops(**kwargs: Any) -> None:
    for process in psutil.Process().children():
        try:
            process.send_signal(signal.SIGTERM)
        except psutil.Error:
            continue
