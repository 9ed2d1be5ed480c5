"""`make test`: the whole suite on SQLite, and every test that touches the database once more on PostgreSQL.

Two lanes side by side, of processes that take a file at a time: three run what is not torch on SQLite (its first
files, the faults of jobs, mostly wait), two the rooms of torch (importing it takes each process seconds) and then the
tests that touch the database on PostgreSQL. So both cores have work to the end. What the second lane says is shown
when the first is done.

PostgreSQL is the server of MAMMO_TEST_POSTGRES (default: the local one) or, where none answers and one is
installed, a cluster of the run's own. Where there is none that pass is left out and the run says so; in CI that is
a failure.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TextIO

import pytest

from tests import migrated
from tests.selection import DATABASE_OPTION, TESTS, TORCH_OPTION, TORCH_ROOMS
from tests.servers import POSTGRES_VARIABLE, ServerError, drop_databases, postgres, with_database

SHARED_OUT = ["--dist", "loadfile", "--no-loadscope-reorder"]


def main() -> int:
    """Run every pass; 0 when every test passed."""
    began = time.monotonic()
    with tempfile.TemporaryFile("w+") as told, ThreadPoolExecutor(1) as second:
        try:
            with postgres() as address:
                name = f"mammo_{os.getpid()}"  # other runs on the same server have other databases
                with migrated.postgres_template(address, f"{name}_template"):
                    shared = {POSTGRES_VARIABLE: address, migrated.TEMPLATE_VARIABLE: f"{name}_template"}
                    statuses = _lanes(
                        lambda: max(_torch(told), _on_postgresql(address, name, shared, told)), shared, second
                    )
            left_out = ""
        except ServerError as error:
            statuses = _lanes(lambda: _torch(told), {}, second)
            left_out = f"not run: the second pass on PostgreSQL ({error})"
        told.seek(0)
        sys.stdout.write(told.read())
    print(f"\n{time.monotonic() - began:.0f} s for everything. {left_out}".rstrip())
    return max(statuses) or int(bool(left_out and os.environ.get("CI")))


def _lanes(beside: Callable[[], int], variables: dict[str, str], second: ThreadPoolExecutor) -> list[int]:
    """Run the pass on SQLite, and the other lane beside it; their statuses."""
    lane: Future[int] = second.submit(beside)
    return [_pytest([TORCH_OPTION], variables, None, processes=3), lane.result()]


def _torch(told: TextIO) -> int:
    return _pytest(
        [str(room.relative_to(TESTS.parent)) for room in TORCH_ROOMS], {}, told, "The rooms of torch"
    )


def _on_postgresql(address: str, name: str, shared: dict[str, str], told: TextIO) -> int:
    try:
        chosen = [TORCH_OPTION, DATABASE_OPTION, "-m", "not browser"]
        # Tests need no row to survive a power cut.
        url = f"{with_database(address, name)}?options=-c%20synchronous_commit%3Doff"
        title = "Once more on PostgreSQL: every test that touches the database"
        return _pytest(chosen, {**shared, "DATABASE_URL": url}, told, title)
    finally:
        drop_databases(address, f"test_{name}")


def _pytest(
    options: list[str], variables: dict[str, str], told: TextIO | None, title: str = "", *, processes: int = 2
) -> int:
    if told is not None:
        told.write(f"\n{title}\n")
        told.flush()
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--durations=15",
        "-n",
        str(processes),
        *SHARED_OUT,
        *options,
        *sys.argv[1:],
    ]
    environment = {"OMP_NUM_THREADS": "1", **os.environ, **variables}
    status = subprocess.run(command, env=environment, check=False, stdout=told, stderr=told).returncode
    narrowed = bool(sys.argv[1:])  # by `-k`, say: then a pass may have nothing to run
    return 0 if narrowed and status == pytest.ExitCode.NO_TESTS_COLLECTED else status


if __name__ == "__main__":
    sys.exit(main())
