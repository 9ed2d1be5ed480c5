"""Next question and worklist page with 1,000 and with 100,000 waiting questions, on the database of DATABASE_URL.

`DATABASE_URL=postgres://… python -m benchmarks.worklists` makes databases of its own beside the named one and
drops them; it prints p95 in milliseconds and their ratio.
"""

import os
import statistics
import time
import uuid
from typing import Any

SIZES = (1_000, 100_000)
ROUNDS = 20


def measure() -> dict[str, float]:
    """p95 of both, and the ratios. Needs PostgreSQL in DATABASE_URL."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mammo.settings")
    django.setup()
    found: dict[str, float] = {}
    for size in SIZES:
        for name, value in _at(size).items():
            found[f"{name}, {size:,} questions, p95 ms"] = value
    for name in ("next question", "worklist page"):
        small, large = (found[f"{name}, {size:,} questions, p95 ms"] for size in SIZES)
        found[f"{name}, ratio"] = large / small
    return found


def _at(size: int) -> dict[str, float]:
    import psycopg
    from django.core.management import call_command
    from django.db import connections

    server = os.environ["DATABASE_URL"]
    name = f"bench_worklists_{os.getpid()}"
    with psycopg.connect(server, autocommit=True) as raw:
        raw.execute(f'CREATE DATABASE "{name}"')
    try:
        connections.close_all()
        connections["default"].settings_dict["NAME"] = name
        call_command("migrate", verbosity=0)
        return _timed(_fill(size))
    finally:
        connections.close_all()
        with psycopg.connect(server, autocommit=True) as raw:
            raw.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _fill(size: int) -> Any:
    """A campaign of `size` questions to be corrected; a tenth of them is done already."""
    from django.db import connection

    from annotation.models import Question
    from annotation.services.campaigns import add_member, create_campaign, open_campaign
    from mammo.accounts.services import create_account, create_site

    site = create_site("north", "North", by_user=None, is_simulated=False)

    def person(name: str, role: str) -> Any:
        return create_account(name, password="correct horse battery", roles={role: [site]}, by_user=None)

    rita, june, sena = person("rita", "researcher"), person("june", "junior"), person("sena", "senior")
    campaign = create_campaign("large", site=site, by_user=rita, proposer={"kind": "file", "path": "x"})
    add_member(campaign, june, "correct", by_user=rita)
    add_member(campaign, sena, "pick", by_user=rita)
    open_campaign(campaign, by_user=rita)
    for start in range(0, size, 5_000):
        rows = []
        for position in range(start, min(start + 5_000, size)):
            row = Question(campaign=campaign, position=position, language="zh", source="bench")
            row.stage = "corrected" if position % 10 == 0 else "proposed"
            row.turns_hash = uuid.uuid4().hex
            row.wording_received, row.turns = "", [f"question {position}"]
            rows.append(row)
        Question.objects.bulk_create(rows)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return june


def _timed(june: Any) -> dict[str, float]:
    from django.test import Client
    from django.urls import reverse

    from annotation.models import Lease
    from annotation.services import leases

    client = Client()
    client.force_login(june)
    taking, page = [], []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        question = leases.next_question(by_user=june, purpose="correct")
        taking.append(time.perf_counter() - began)
        assert question is not None
        leases.keep(Lease.objects.get(question=question))
        question.stage = "corrected"
        question.save(update_fields=["stage"])
        began = time.perf_counter()
        answer = client.get(reverse("annotation:correct-list"))
        page.append(time.perf_counter() - began)
        assert answer.status_code == 200
    return {"next question": _p95(taking), "worklist page": _p95(page)}


def _p95(seconds: list[float]) -> float:
    return 1000 * statistics.quantiles(seconds, n=20)[-1]


if __name__ == "__main__":
    for name, value in measure().items():
        print(f"{name:50s} {value:10.2f}")
