"""`make test`: the whole suite on SQLite, and every test that touches the database once more on PostgreSQL.

Two lanes side by side, of processes that take a file at a time: four run what is not torch on SQLite (three are first
busy with the faults of jobs, which mostly wait), two the rooms of torch (importing it takes each process seconds) and
then three the tests that touch the database on PostgreSQL, so that both lanes end together. Of the tests in a browser
those marked `both_databases` run there too. With three and two, a quarter of two cores' time was left unused
(docs/log.md). What the second lane says is shown when the first is done.

A few tests that wait for a browser or for other processes may fail because seven processes and two cores keep them
waiting too long. Where no other test failed, and three of those at most, each is run once more in a process of its
own; what passes then is named at the lane's end and does not fail the run.

Where the run has an end (CI's), MAMMO_TEST_HURRY_AFTER names minutes: when the rooms of torch end later than that
after the start, the machine is slow, and the pass on PostgreSQL leaves the tests marked `slow` out (they ran on
SQLite) and says so. Without the variable nothing is left out.

PostgreSQL is the server of MAMMO_TEST_POSTGRES (default: the local one) or, where none answers and one is
installed, a cluster of the run's own. Where there is none that pass is left out and the run says so; in CI that is
a failure.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TextIO

import pytest

from tests import migrated
from tests.selection import DATABASE_OPTION, FAILED_OPTION, TESTS, TORCH_OPTION, TORCH_ROOMS
from tests.servers import POSTGRES_VARIABLE, ServerError, drop_databases, postgres, with_database

# What the pages do is one thing on both databases, but for the few where a browser meets locks and conflicts.
ON_POSTGRESQL = "not browser or both_databases"
HURRY_VARIABLE = "MAMMO_TEST_HURRY_AFTER"
SHARED_OUT = ["--dist", "loadfile", "--no-loadscope-reorder"]
# More than this is no chance.
MOST_ONCE_MORE = 3


def main() -> int:
    """Run every pass; 0 when every test passed."""
    began = time.monotonic()
    with tempfile.TemporaryFile("w+") as told, ThreadPoolExecutor(1) as second:
        try:
            with postgres() as address:
                name = f"mammo_{os.getpid()}"  # other runs on the same server have other databases
                with migrated.postgres_template(address, f"{name}_template"):
                    shared = {POSTGRES_VARIABLE: address, migrated.TEMPLATE_VARIABLE: f"{name}_template"}

                    def beside() -> int:
                        status = _torch(told)
                        hurries = is_late(time.monotonic() - began)
                        return max(status, _on_postgresql(address, name, shared, told, hurries=hurries))

                    statuses = _lanes(beside, shared, second)
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
    return [_pytest([TORCH_OPTION], variables, None, processes=4), lane.result()]


def _torch(told: TextIO) -> int:
    rooms = [str(room.relative_to(TESTS.parent)) for room in TORCH_ROOMS]
    return _pytest([], {}, told, "The rooms of torch", paths=rooms)


def is_late(seconds: float) -> bool:
    """Whether the first half of the second lane took longer than MAMMO_TEST_HURRY_AFTER minutes, where that is set."""
    limit = os.environ.get(HURRY_VARIABLE, "")
    return bool(limit) and seconds > 60 * float(limit)


def _on_postgresql(
    address: str, name: str, shared: dict[str, str], told: TextIO, *, hurries: bool = False
) -> int:
    marks = f"({ON_POSTGRESQL}) and (not slow or both_databases)" if hurries else ON_POSTGRESQL
    if hurries:
        _say(
            told, f"Left out on PostgreSQL, since this machine is slow ({HURRY_VARIABLE}): tests marked slow."
        )
    try:
        chosen = [TORCH_OPTION, DATABASE_OPTION, "-m", marks]
        # Tests need no row to survive a power cut.
        url = f"{with_database(address, name)}?options=-c%20synchronous_commit%3Doff"
        title = "Once more on PostgreSQL: every test that touches the database"
        return _pytest(chosen, {**shared, "DATABASE_URL": url}, told, title, processes=3)
    finally:
        drop_databases(address, f"test_{name}")


def _pytest(
    options: Sequence[str],
    variables: Mapping[str, str],
    told: TextIO | None,
    title: str = "",
    *,
    paths: Sequence[str] = (),
    processes: int = 2,
) -> int:
    _say(told, title)
    environment = {"OMP_NUM_THREADS": "1", **os.environ, **variables}
    with tempfile.TemporaryDirectory() as folder:
        failed = Path(folder) / "failed.json"
        shared = ["--durations=15", "-n", str(processes), *SHARED_OUT, f"{FAILED_OPTION}={failed}"]
        status = _run([*shared, *options, *sys.argv[1:], *paths], environment, told)
        narrowed = bool(sys.argv[1:])  # by `-k`, say: then a pass may have nothing to run
        if narrowed and status == pytest.ExitCode.NO_TESTS_COLLECTED:
            return 0
        names = once_more(json.loads(failed.read_text("utf-8"))) if failed.exists() else []
    if status != pytest.ExitCode.TESTS_FAILED or not names:
        return status
    _say(told, f"Once more, in a process of its own: {', '.join(names)}")
    status = _run([*options, *names], environment, told)
    if status == pytest.ExitCode.OK:
        _say(told, f"Failed beside the others and passed alone, so the run goes on: {', '.join(names)}")
    return status


def once_more(failed: Mapping[str, bool]) -> list[str]:
    """Which of the failed tests are run again: all of them, where they are few and each waits for others; else none.

    Args:
        failed: whether it waits for a browser or other processes, by name.
    """
    return list(failed) if len(failed) <= MOST_ONCE_MORE and all(failed.values()) else []


def _run(options: Sequence[str], environment: Mapping[str, str], told: TextIO | None) -> int:
    command = [sys.executable, "-m", "pytest", *options]
    return subprocess.run(command, env=environment, check=False, stdout=told, stderr=told).returncode


def _say(told: TextIO | None, line: str) -> None:
    if line:
        print(f"\n{line}", file=told or sys.stdout, flush=True)


if __name__ == "__main__":
    sys.exit(main())
