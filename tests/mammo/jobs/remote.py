"""Runs inside an installation: one Django process that answers the tests' questions, a JSON line each."""

import json
import sys
from typing import Any

import django

django.setup()

from mammo.jobs import services  # noqa: E402  (models need a Django that is set up)
from mammo.jobs.models import Job  # noqa: E402
from tests.mammo.jobs.counting import KIND, effects  # noqa: E402

SHOWN = ("state", "attempt", "failed_attempts", "error", "worker", "result", "progress", "rings", "queue")


def submit(*parameters: dict[str, Any]) -> list[str]:
    return [str(services.submit(KIND, by_user=None, parameters=each).pk) for each in parameters]


def look(*ids: str) -> list[dict[str, Any]]:
    jobs = [Job.objects.get(pk=each) for each in ids]
    return [{**{name: getattr(job, name) for name in SHOWN}, "effects": effects(job)} for job in jobs]


def cancel(job_id: str) -> str:
    return services.cancel(Job.objects.get(pk=job_id), by_user=None).state


if __name__ == "__main__":
    for line in sys.stdin:
        name, arguments = json.loads(line)
        print(json.dumps({"submit": submit, "look": look, "cancel": cancel}[name](*arguments)), flush=True)
