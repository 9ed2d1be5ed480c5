"""Next question and worklist page with 1,000 and with 100,000 waiting questions, on the database of DATABASE_URL.

`DATABASE_URL=postgres://… python -m benchmarks.worklists` makes databases of its own beside the named one and
drops them; it prints p95 and median in milliseconds and their ratios. The two sizes take turns, round by round, so
that whatever else the machine does weighs on both alike.
"""

import os
import statistics
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

SIZES = (1_000, 100_000)
ROUNDS = 200
WARM_UP = 3
MEASURED = ("next question", "worklist page")


def measure() -> dict[str, float]:
    """p95 and median of both, and their ratios. Needs PostgreSQL in DATABASE_URL."""
    if not os.environ.get("DATABASE_URL", "").startswith("postgres"):
        sys.exit(
            "DATABASE_URL: name a PostgreSQL server, such as postgres://postgres@127.0.0.1:5432/postgres"
        )
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mammo.settings")
    django.setup()
    with _database(SIZES[0]) as small, _database(SIZES[1]) as large:
        seconds = _by_turns([small, large])
    found: dict[str, float] = {}
    for name in MEASURED:
        for kind, of in (("p95", _p95), ("median", statistics.median)):
            values = [1000 * of(seconds[place][name]) for place in range(len(SIZES))]
            for size, value in zip(SIZES, values, strict=True):
                found[f"{name}, {size:,} questions, {kind} ms"] = value
            found[f"{name}, ratio of {kind}"] = values[1] / values[0]
    return found


@contextmanager
def _database(size: int) -> Iterator[tuple[Any, Any, Any]]:
    """A filled database of its own: its connection, a junior, and a browser in which they are signed in."""
    import psycopg
    from django.core.management import call_command
    from django.db import connections
    from django.test import Client

    server, name = os.environ["DATABASE_URL"], f"bench_worklists_{os.getpid()}_{size}"
    with psycopg.connect(server, autocommit=True) as raw:
        raw.execute(f'CREATE DATABASE "{name}"')
    connection = connections.create_connection("default")
    connection.settings_dict = {**connection.settings_dict, "NAME": name}
    connections["default"] = connection
    try:
        call_command("migrate", verbosity=0)
        june, client = _fill(size), Client()
        client.force_login(june)
        yield connection, june, client
    finally:
        connection.close()
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


def _by_turns(databases: list[tuple[Any, Any, Any]]) -> list[dict[str, list[float]]]:
    """Seconds of each round, by database and by what was done."""
    from django.db import connections

    seconds: list[dict[str, list[float]]] = [{name: [] for name in MEASURED} for _ in databases]
    for round_number in range(WARM_UP + ROUNDS):
        for place, (connection, june, client) in enumerate(databases):
            connections["default"] = connection
            took = _round(june, client)
            if round_number >= WARM_UP:
                for name, value in zip(MEASURED, took, strict=True):
                    seconds[place][name].append(value)
    return seconds


def _round(june: Any, client: Any) -> tuple[float, float]:
    """The junior takes the next question, does it, and opens the worklist."""
    from django.urls import reverse

    from annotation.models import Lease
    from annotation.services import leases

    began = time.perf_counter()
    question = leases.next_question(by_user=june, purpose="correct")
    taking = time.perf_counter() - began
    if question is None:
        raise RuntimeError("no question was waiting")
    leases.keep(Lease.objects.get(question=question))
    question.stage = "corrected"
    question.save(update_fields=["stage"])
    began = time.perf_counter()
    answer = client.get(reverse("annotation:correct-list"))
    page = time.perf_counter() - began
    if answer.status_code != 200:
        raise RuntimeError(f"the worklist answered {answer.status_code}")
    return taking, page


def _p95(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=20)[-1]


if __name__ == "__main__":
    for name, value in measure().items():
        print(f"{name:50s} {value:10.2f}")
