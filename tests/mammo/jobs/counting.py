"""The test kind: its effects are audit events, which can be counted."""

import time
from collections.abc import Iterable
from typing import Any

from mammo.accounts import audit
from mammo.accounts.models import AuditEvent
from mammo.core.errors import UserError
from mammo.jobs import kinds
from mammo.jobs.models import Job

KIND = "tests.count"
KEEPING_KIND = "tests.keep"
EFFECT = "tests.effect"


def build_request(job: Job) -> dict[str, Any]:
    if job.parameters.get("mode") == "unbuildable":
        raise UserError("question 7: has no text; write one")
    return dict(job.parameters)


def ingest(job: Job, rows: Iterable[dict[str, Any]]) -> dict[str, Any]:
    found = list(rows)
    audit.record(EFFECT, by_user=None, on=job, attempt=job.attempt)
    if job.parameters.get("mode") == "uningestible":
        raise KeyError("a column that is not there")
    # Rows of a real kind take a moment too: a kill must be able to strike between them and the commit.
    time.sleep(job.parameters.get("ingest_seconds", 0))
    return {"total": sum(row["value"] for row in found), "environment": found[0]["environment"]}


def effects(job: Job) -> int:
    """How often the job's results became rows."""
    return AuditEvent.objects.filter(action=EFFECT, object_id=str(job.pk)).count()


def register() -> None:
    kinds.register(kinds.JobKind(KIND, "tests.mammo.jobs.child", build_request, ingest))
    kinds.register(kinds.JobKind(KEEPING_KIND, "tests.mammo.jobs.child", build_request, ingest, keeps=True))
