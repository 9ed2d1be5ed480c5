"""18 parallel raters on 50 questions: 0 over-assigned, 0 twice to one person, on both databases."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from django.conf import settings

from tests.annotation.eighteen_raters import OVERLAP, QUESTIONS
from tests.servers import LOCAL_POSTGRES, POSTGRES_VARIABLE

SERVER = os.environ.get(POSTGRES_VARIABLE, LOCAL_POSTGRES)


def run(database: str) -> dict[str, Any]:
    """The race in a process of its own."""
    known = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    paths = os.pathsep.join(str(settings.BASE_DIR / part) for part in ("", "platform"))
    if database:
        known["DATABASE_URL"] = database
    done = subprocess.run(
        [sys.executable, "-m", "tests.annotation.eighteen_raters"],
        cwd=settings.BASE_DIR,
        env={**known, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    "database", ["", pytest.param(SERVER, marks=pytest.mark.services)], ids=["sqlite", "postgresql"]
)
def test_nobody_gets_a_question_twice_and_none_goes_to_too_many(database: str) -> None:
    found = run(database)
    assert found["errors"] == []
    assert (found["twice"], found["over_assigned"], found["over_done"]) == (0, 0, 0)
    assert found["done"] == found["taken"] == QUESTIONS * OVERLAP
    assert found["corrected_stage"] == QUESTIONS
