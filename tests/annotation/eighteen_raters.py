"""18 people take and settle 50 questions at once, each with a database connection of their own.

Run as a process (`python -m tests.annotation.eighteen_raters`), because the tests' SQLite lives in memory, where
threads share one lock; DATABASE_URL chooses the database. Prints one JSON object.
"""

import json
import os
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tests import migrated

RATERS, QUESTIONS, OVERLAP = 18, 50, 3
LONGEST_WAIT = 240.0


def main() -> dict[str, Any]:
    """Build the scene, let them loose, count."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    if connection.vendor == "postgresql":
        _own_database()
    else:
        migrated.put_into(Path(os.environ["MAMMO_HOME"]))
        # Nobody here pauses between two answers, beside six other test processes: who waits longest for SQLite's one
        # writer waited over the installation's 60 s. Who gets which question is what is asked.
        connection.settings_dict["OPTIONS"]["timeout"] = LONGEST_WAIT
    call_command("migrate", verbosity=0)
    people, question_ids = _scene()
    return _race(people, question_ids)


def _own_database() -> None:
    """A fresh database of this run, beside the one that DATABASE_URL names."""
    from django.conf import settings
    from django.db import connection, connections

    name = f"eighteen_raters_{os.getpid()}"
    template = os.environ.get(migrated.TEMPLATE_VARIABLE, "template1")
    with connection.cursor() as cursor:
        cursor.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    connections.close_all()
    settings.DATABASES["default"]["NAME"] = name
    connections["default"].settings_dict["NAME"] = name


def _scene() -> tuple[list[Any], list[Any]]:
    from mammo.accounts.services import create_account, create_site
    from tests.annotation import scene

    site = create_site("north", "North", by_user=None, is_simulated=False)

    def person(name: str, role: str) -> Any:
        return create_account(name, password="correct horse battery", roles={role: [site]}, by_user=None)

    rita, sena = person("rita", "researcher"), person("sena", "senior")
    people = [person(f"rater{number:02d}", "junior") for number in range(RATERS)]
    campaign = scene.open_campaign_of(rita, people, [sena], overlap=OVERLAP)
    questions = scene.proposed(campaign, QUESTIONS)
    return people, [question.pk for question in questions]


def _race(people: list[Any], question_ids: list[Any]) -> dict[str, Any]:
    from django.db import connections

    from annotation.models import Correction, Lease, Question

    errors: list[str] = []
    taken: list[tuple[str, str]] = []
    start = threading.Barrier(len(people))
    guard = threading.Lock()

    def work(person: Any) -> None:
        try:
            start.wait()
            while (question := _take(person)) is not None:
                with guard:
                    taken.append((person.username, str(question.pk)))
        except Exception as error:  # every kind is a finding
            with guard:
                errors.append(f"{person.username}: {type(error).__name__}: {error}")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=(person,)) for person in people]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=300)
    seats = Counter(Lease.objects.values_list("question", flat=True))
    corrected = Correction.objects.values("proposal__question", "by_user").distinct()
    pairs = Counter((row["proposal__question"], row["by_user"]) for row in corrected)
    done = Counter(question for question, _person in pairs)
    return {
        "questions": len(question_ids),
        "raters": len(people),
        "errors": errors,
        "taken": len(taken),
        "twice": sum(count - 1 for count in Counter(taken).values()),
        "over_assigned": sum(count > OVERLAP for count in seats.values()),
        "over_done": sum(count > OVERLAP for count in done.values()),
        "done": sum(done.values()),
        "corrected_stage": Question.objects.filter(stage="corrected").count(),
        "seconds": round(time.monotonic() - began, 1),
    }


def _take(person: Any) -> Any:
    """Take the next question and settle it."""
    from annotation.services import leases
    from tests.annotation import scene

    question = leases.next_question(by_user=person, purpose="correct")
    if question is not None:
        scene.settle(question, person)
    return question


if __name__ == "__main__":
    home = tempfile.mkdtemp(prefix="eighteen-raters-")
    os.environ["MAMMO_HOME"] = home
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mammo.settings")
    server = os.environ.get("DATABASE_URL", "")
    try:
        result = main()
        sys.stdout.write(json.dumps(result) + "\n")
    finally:
        if server:
            import psycopg
            from django.db import connections

            connections.close_all()
            with psycopg.connect(server, autocommit=True) as raw:
                raw.execute(f'DROP DATABASE IF EXISTS "eighteen_raters_{os.getpid()}" WITH (FORCE)')
        shutil.rmtree(home, ignore_errors=True)
