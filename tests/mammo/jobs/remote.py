"""Runs inside an installation: one Django process that answers the tests' questions, a JSON line each."""

import json
import sys
import time
from typing import Any

import django

django.setup()

from django.db import connection, transaction  # noqa: E402  (models need a Django that is set up)
from django.db.models import Count  # noqa: E402

from mammo.accounts.models import AuditEvent  # noqa: E402
from mammo.jobs import services  # noqa: E402
from mammo.jobs.models import Job  # noqa: E402
from mammo.jobs.tasks import run_job  # noqa: E402
from tests.mammo.jobs.counting import EFFECT, KIND  # noqa: E402

SHOWN = ("state", "attempt", "failed_attempts", "error", "worker", "result", "progress", "rings", "queue")


def submit(*parameters: dict[str, Any]) -> list[str]:
    """Ids of new jobs; `max_attempts` and `gpus` among the parameters go to the row."""
    ids = []
    for each in parameters:
        most, gpus = each.pop("max_attempts", None), each.pop("gpus", 0)
        with transaction.atomic():
            job = services.submit(KIND, by_user=None, parameters=each, gpus=gpus)
            if most is not None:
                Job.objects.filter(pk=job.pk).update(max_attempts=most)
        ids.append(str(job.pk))
    return ids


def submit_slowly(count: int, seconds: float, parameters: dict[str, Any]) -> tuple[list[str], float]:
    """Ids of `count` jobs submitted over `seconds`, and how long the slowest submission took."""
    ids, slowest, began = [], 0.0, time.monotonic()
    for number in range(count):
        time.sleep(max(0.0, began + seconds * number / count - time.monotonic()))
        asked = time.monotonic()
        ids += submit(dict(parameters))
        slowest = max(slowest, time.monotonic() - asked)
    return ids, slowest


def look(*ids: str) -> list[dict[str, Any] | None]:
    """Rows of these jobs, and how often the results of each became rows; None for one that is not there."""
    jobs = {str(pk): job for pk, job in Job.objects.in_bulk(ids).items()}
    events = AuditEvent.objects.filter(action=EFFECT, object_id__in=ids).values_list("object_id")
    effects = dict(events.annotate(Count("pk")).values_list("object_id", "pk__count"))
    return [
        {**{name: getattr(jobs[each], name) for name in SHOWN}, "effects": effects.get(each, 0)}
        if each in jobs
        else None
        for each in ids
    ]


def cut() -> int:
    """Have PostgreSQL end every other connection of this database; how many there were."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        (ended,) = cursor.fetchone()
    return int(ended)


def cancel(job_id: str) -> str:
    return services.cancel(Job.objects.get(pk=job_id), by_user=None).state


def ring(copies: int, *ids: str) -> None:
    """Send messages for these jobs whatever their rows say."""
    for _ in range(copies):
        for each in ids:
            run_job.apply_async(kwargs={"job_id": each}, queue="cpu", retry=False)


def roll_back(count: int) -> int:
    """Submit jobs in transactions that are rolled back; how many of them have a row."""
    ids = []
    for _ in range(count):
        with transaction.atomic():
            ids += submit({"mode": "count"})
            transaction.set_rollback(True)
    return Job.objects.filter(pk__in=ids).count()


if __name__ == "__main__":
    known = (submit, submit_slowly, look, cancel, ring, roll_back, cut)
    for line in sys.stdin:
        name, arguments = json.loads(line)
        print(json.dumps({each.__name__: each for each in known}[name](*arguments)), flush=True)
