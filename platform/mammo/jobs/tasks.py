"""The one Celery task, and what a worker process does when it starts and stops."""

import logging
import os
import signal
import threading
from typing import Any

import psutil
from celery import bootsteps, signals
from django.db import DatabaseError, close_old_connections, connection

from mammo.celery import app
from mammo.core.append_only import require_triggers
from mammo.jobs import deafness, devices, doorbell, runner, services
from mammo.jobs.shutdown import stopped_softly, stopping
from mammo.jobs.tether import die_with_parent

log = logging.getLogger(__name__)


@app.task(name="mammo.jobs.tasks.run_job", ignore_result=True)
def run_job(*, job_id: str) -> None:
    """Answer a doorbell: run the job, then what else waits in its queue; nothing if someone else has it.

    So one message that arrives empties the queue, though the messages of the other jobs were lost.
    """
    worker = services.worker_name(os.getpid())
    with stopped_softly():
        job = None if stopping.is_set() else services.claim(job_id, worker)
        while job is not None:
            runner.run(job)
            close_old_connections()
            job = None if stopping.is_set() else services.claim_next(job.queue, worker)


@signals.worker_init.connect
def _refuse_without_triggers(**kwargs: object) -> None:
    require_triggers()


deafness.watch_workers()


@signals.worker_process_init.connect
def _pool_process_starts(**kwargs: Any) -> None:
    die_with_parent()


@signals.worker_ready.connect
def _tell_of_gpus(sender: Any, **kwargs: object) -> None:
    """A worker of the queue `gpu` tells now and then how many GPUs its host offers."""
    if "gpu" in sender.app.amqp.queues.consume_from:
        threading.Thread(target=_tell_again_and_again, name="gpus", daemon=True).start()


def _tell_again_and_again() -> None:
    pause = threading.Event()
    while True:
        try:
            devices.tell(devices.visible_gpus())
        except DatabaseError as error:
            log.warning("this host's GPUs could not be told (%s)", type(error).__name__)
        finally:
            connection.close()
        pause.wait(devices.TOLD_EVERY)


class RingWhenConnected(bootsteps.StartStopStep):
    """Each time a worker has reached the broker (again): what waits may have lost its messages meanwhile."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def start(self, parent: Any) -> None:
        """Ring for what waits in the queues of this worker."""
        try:
            doorbell.ring_for_all(set(parent.app.amqp.queues.consume_from))
        except DatabaseError as error:
            log.warning("a worker that starts could not look for jobs (%s)", type(error).__name__)
        finally:
            connection.close()


app.steps["consumer"].add(RingWhenConnected)


@signals.worker_shutting_down.connect
def _worker_stops(**kwargs: Any) -> None:
    for process in psutil.Process().children():
        try:
            process.send_signal(signal.SIGTERM)
        except psutil.Error:
            continue
