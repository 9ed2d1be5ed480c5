"""No process of the platform starts over a database that has lost an append-only trigger."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mammo.core import append_only
from tests import migrated

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 240.0
LOST = "append_only_annotation_pick_delete"
STARTS = {
    "up": ["manage.py", "up", "--no-web"],
    "web": ["-c", "import mammo.asgi"],
    "worker": ["-m", "celery", "-A", "mammo", "worker", "-Q", "cpu", "-c", "1", "-l", "error"],
    "receive": ["manage.py", "receive", "--port", "0"],
    "reap": ["manage.py", "reap"],
}


def environment(home: Path) -> dict[str, str]:
    """That of a platform with a home of its own: SQLite and the filesystem queue."""
    ours = ("MAMMO_", "DATABASE_URL", "BROKER_URL", "DJANGO_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    paths = f"{ROOT}{os.pathsep}{ROOT / 'platform'}"
    return {
        **kept,
        "MAMMO_HOME": str(home),
        "PYTHONPATH": paths,
        "DJANGO_SETTINGS_MODULE": "mammo.settings",
        # Celery may run as root in a container that tests.
        "C_FORCE_ROOT": "1",
    }


def run(home: Path, words: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        env=environment(home),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose database was migrated."""
    home = tmp_path_factory.mktemp("whole")
    migrated.put_into(home)
    done = run(home, ["manage.py", "migrate", "--verbosity", "0"])
    assert done.returncode == 0, done.stderr
    return home


def database(home: Path) -> Path:
    (found,) = home.glob("*.sqlite3")
    return found


@pytest.fixture(params=["dropped", "hollow"])
def broken(request: pytest.FixtureRequest, whole: Path) -> Iterator[Path]:
    """The home with one trigger dropped, or replaced by one that lets everything pass."""
    with sqlite3.connect(database(whole)) as connection:
        (written,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", [LOST]).fetchone()
        connection.execute(f"DROP TRIGGER {LOST}")
        if request.param == "hollow":
            connection.execute(f"CREATE TRIGGER {LOST} BEFORE DELETE ON annotation_pick BEGIN SELECT 1; END")
    yield whole
    with sqlite3.connect(database(whole)) as connection:
        connection.execute(f"DROP TRIGGER IF EXISTS {LOST}")
        connection.execute(written)


@pytest.mark.slow
@pytest.mark.parametrize("start", STARTS)
def test_it_ends_and_names_the_trigger_and_the_mend(broken: Path, start: str) -> None:
    ended = run(broken, STARTS[start])
    said = ended.stdout + ended.stderr
    assert ended.returncode != 0, said
    assert LOST in said
    assert "manage.py migrate --skip-checks" in said
    with sqlite3.connect(database(broken)) as connection:
        (found,) = connection.execute(
            "SELECT count(*) FROM sqlite_master WHERE name = ? AND sql LIKE '%RAISE%'", [LOST]
        ).fetchone()
    assert found == 0, "the start did not put it back and so hide that it was gone"


def test_the_web_process_starts_over_a_whole_database(whole: Path) -> None:
    """So the refusals above are about the trigger."""
    assert LOST in {f"append_only_{table}_delete" for table in append_only.append_only_tables()}
    ended = run(whole, ["-c", "import mammo.asgi, tempfile; print(tempfile.gettempdir())"])
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.strip() == str(whole / "temporary"), "where bodies of requests wait while they come"
