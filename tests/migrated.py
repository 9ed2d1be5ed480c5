"""A database in which every migration has run, made once and copied: migrating takes twenty seconds of a core.

The SQLite file is kept under .pytest_cache by a hash of the code and the pinned versions, so a test run after a
change of tests alone begins at once. On PostgreSQL the run (tests/everything.py) makes one database, from which
the server copies the others. Whoever starts from a copy still runs `migrate`, with nothing left to apply.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / ".pytest_cache" / "migrated"
CODE = ("platform/mammo", "annotation", "modeling", "evaluation")
# The name of a migrated database on the server of the run.
TEMPLATE_VARIABLE = "MAMMO_TEST_TEMPLATE"
MEMORY_NEEDED = 1 << 30
PREFIX = "mammo-test-database-"


def code_hash() -> str:
    """SHA-256 of all that decides what a migrated database holds."""
    found = hashlib.sha256()
    files = [ROOT / "constraints.txt", *(path for room in CODE for path in (ROOT / room).rglob("*.py"))]
    for path in sorted(files):
        found.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()[:24]


def migrate(home: Path, **variables: str) -> None:
    """Run `manage.py migrate` on this home, or on the database that DATABASE_URL names."""
    kept = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "BROKER_URL")}
    done = subprocess.run(
        [sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, capture_output=True, text=True, check=False,
        env={**kept, **variables, "DJANGO_SETTINGS_MODULE": "mammo.settings", "MAMMO_HOME": str(home)},
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"manage.py migrate: {done.stderr[-4000:]}")


def sqlite_file() -> Path:
    """The migrated SQLite file; made under a lock where there is none of this code yet."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    target = FOLDER / f"{code_hash()}.sqlite3"
    with (FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            with tempfile.TemporaryDirectory() as home:
                migrate(Path(home))
                made = Path(home) / "whole.sqlite3"
                with contextlib.closing(sqlite3.connect(Path(home) / "db.sqlite3")) as database:
                    database.execute("VACUUM INTO ?", (str(made),))
                for old in FOLDER.glob("*.sqlite3"):
                    old.unlink()
                shutil.move(made, target)
    return target


def put_into(home: Path) -> None:
    """Give a home that has no database yet a migrated one."""
    home.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(sqlite_file(), home / "db.sqlite3")


def start_from_a_copy(connection: Any) -> None:
    """Have Django's test database begin as a copy of the migrated one.

    On SQLite it is a file, as in an installation: the server of a browser test then has connections of its own. One
    in memory would be shared by all threads with its state, and a request in the middle of a transaction leaves the
    test without autocommit (docs/log.md).
    """
    if connection.vendor == "postgresql":
        connection.settings_dict["TEST"]["TEMPLATE"] = os.environ.get(TEMPLATE_VARIABLE)
        return
    place = _in_memory()
    remove_what_killed_runs_left(place)
    folder = tempfile.TemporaryDirectory(prefix=f"{PREFIX}{os.getpid()}-", dir=place)
    file = Path(folder.name) / "test.sqlite3"
    connection.settings_dict["TEST"]["NAME"] = str(file)
    # Tests need no row to survive a power cut.
    options = connection.settings_dict["OPTIONS"]
    options["init_command"] = options["init_command"].replace("synchronous=FULL", "synchronous=OFF")
    creation = connection.creation
    make, destroy = creation._create_test_db, creation._destroy_test_db

    def make_and_fill(*arguments: Any, **options: Any) -> str:
        name: str = make(*arguments, **options)
        shutil.copyfile(sqlite_file(), file)
        return name

    def destroy_with_its_folder(*arguments: Any, **options: Any) -> None:
        destroy(*arguments, **options)
        folder.cleanup()

    creation._create_test_db, creation._destroy_test_db = make_and_fill, destroy_with_its_folder


def remove_what_killed_runs_left(place: str | None) -> None:
    """A run that was killed could not remove its database, and memory is nobody's to waste."""
    for left in Path(place or tempfile.gettempdir()).glob(f"{PREFIX}*-*"):
        owner = left.name.removeprefix(PREFIX).partition("-")[0]
        if owner.isdecimal() and not Path("/proc", owner).exists():
            shutil.rmtree(left, ignore_errors=True)


def _in_memory() -> str | None:
    """A folder whose files lie in memory, where there is one with room for every process's database."""
    shared = Path("/dev/shm")
    roomy = os.access(shared, os.W_OK) and shutil.disk_usage(shared).free > MEMORY_NEEDED
    return str(shared) if roomy else None


@contextlib.contextmanager
def postgres_template(address: str, name: str) -> Iterator[None]:
    """A migrated database of this name on the server at `address`, dropped when the block ends."""
    from tests.servers import create_database, drop_databases, with_database

    create_database(address, name)
    try:
        with tempfile.TemporaryDirectory() as home:
            migrate(Path(home), DATABASE_URL=with_database(address, name))
        yield
    finally:
        drop_databases(address, name)
