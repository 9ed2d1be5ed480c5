"""Benchmarks that fill tables by raw SQL name every column that a migration added since; one that fails stops none."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client

from benchmarks import studies_list

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.skipif(connection.vendor != "postgresql", reason="the benchmark fills PostgreSQL by its own SQL")
@pytest.mark.django_db
def test_the_list_of_studies_is_filled_and_asked_for() -> None:
    user, places = studies_list.filled(studies=60, patients=50)
    client = Client()
    client.force_login(user)
    for name, query in studies_list.PAGES.items():
        answer = client.get("/archive/studies/" + query.format(**places))
        assert answer.status_code == 200, name
    assert "P-00000002" in client.get("/archive/studies/").content.decode()


def test_a_benchmark_that_fails_is_named_and_the_others_are_run() -> None:
    """The second and the third measure in a database that nobody serves."""
    unserved = {"MAMMO_BENCH_DATABASE": "postgres://nobody@127.0.0.1:1/none?connect_timeout=2"}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "studies_list", "studies_list"],
        cwd=ROOT,
        env=os.environ | unserved,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout.count("FAILED: RuntimeError: benchmarks.studies_list:") == 2
    assert done.stderr.strip() == "failed: studies_list, studies_list"
