"""Twenty people autosaving their drafts at once: saves per second, errors, and what was lost.

`python -m benchmarks.autosave` measures on SQLite in a folder of its own; with DATABASE_URL on PostgreSQL, in a
database of its own beside the named one. Each person types in their own question, one save after the other, through
the page's own address; afterwards every draft must hold the last text that was answered 200.
"""

import os
import shutil
import tempfile
import threading
import time
from typing import Any

PEOPLE, SAVES = 20, 15


def measure() -> dict[str, float]:
    """Saves per second, the slowest twentieth in milliseconds, errors and lost texts."""
    home = tempfile.mkdtemp(prefix="bench-autosave-")
    os.environ["MAMMO_HOME"] = home
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mammo.settings")
    server, name = os.environ.get("DATABASE_URL", ""), f"bench_autosave_{os.getpid()}"
    try:
        if server:
            _administer(server, f'CREATE DATABASE "{name}"')
            os.environ["DATABASE_URL"] = server.rsplit("/", 1)[0] + f"/{name}"
        return _measured()
    finally:
        if server:
            from django.db import connections

            connections.close_all()
            _administer(server, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            os.environ["DATABASE_URL"] = server
        shutil.rmtree(home, ignore_errors=True)


def _administer(server: str, statement: str) -> None:
    import psycopg

    with psycopg.connect(server, autocommit=True) as raw:
        raw.execute(statement)  # type: ignore[arg-type]


def _measured() -> dict[str, float]:
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    people, questions = _scene()
    seconds, errors, kept = _race(people, questions)
    took = max(end for _begin, end in seconds) - min(begin for begin, _end in seconds)
    each = sorted(end - begin for begin, end in seconds)
    return {
        "people": float(len(people)),
        "saves": float(len(seconds)),
        "saves per second": len(seconds) / took,
        "p95 of one save, ms": 1000 * each[int(len(each) * 0.95)],
        "errors": float(len(errors)),
        "lost": float(_lost(kept)),
    }


def _scene() -> tuple[list[Any], list[Any]]:
    """An open campaign with a question for each of twenty juniors, who are signed in."""
    from mammo.accounts.services import create_account, create_site
    from tests.annotation import scene

    site = create_site("north", "North", by_user=None, is_simulated=False)

    def person(name: str, role: str) -> Any:
        return create_account(name, password="correct horse battery", roles={role: [site]}, by_user=None)

    people = [person(f"junior{number:02d}", "junior") for number in range(PEOPLE)]
    campaign = scene.open_campaign_of(person("rita", "researcher"), people, [person("sena", "senior")])
    return people, scene.proposed(campaign, PEOPLE)


def _race(
    people: list[Any], questions: list[Any]
) -> tuple[list[tuple[float, float]], list[str], dict[Any, str]]:
    """Begin and end of each save, what went wrong, and the last text that was answered 200, by question."""
    from django.db import connections
    from django.test import Client
    from django.urls import reverse

    seconds: list[tuple[float, float]] = []
    errors: list[str] = []
    kept: dict[Any, str] = {}
    start = threading.Barrier(len(people))

    def work(person: Any, question: Any) -> None:
        try:
            client = Client(raise_request_exception=False)
            client.force_login(person)
            address = reverse("annotation:correct-draft", args=[question.pk])
            fields = [f"text-{one.pk}" for one in question.proposals.order_by("index")]
            start.wait()
            for version in range(SAVES):
                text = f"{person.username} {version} " + "您的乳腺密度为C类，请按时复查。" * 8
                form = dict.fromkeys(fields, text) | {"round": 1, "draft_version": str(version)}
                begin = time.perf_counter()
                status = client.post(address, form, HTTP_HX_REQUEST="true").status_code
                seconds.append((begin, time.perf_counter()))
                if status == 200:
                    kept[question.pk] = text
                else:
                    errors.append(f"{person.username}, save {version}: {status}")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=pair) for pair in zip(people, questions, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return seconds, errors, kept


def _lost(kept: dict[Any, str]) -> int:
    """Questions whose draft does not hold the last text that was answered 200."""
    from annotation.models import Draft

    stored = {
        draft.question_id: {item["text"] for item in draft.content["items"].values()}
        for draft in Draft.objects.select_related("question__patient", "question__campaign__site")
    }
    return PEOPLE - sum(stored.get(question) == {text.strip()} for question, text in kept.items())


if __name__ == "__main__":
    for name, value in measure().items():
        print(f"{name:30s} {value:10.2f}")
