"""`make test`: the whole suite, then every test that touches the database once more on PostgreSQL.

Both passes share the cores between processes, a file to a process at a time; one process more than there are cores,
because the tests of jobs and of receivers mostly wait. PostgreSQL is the server of
MAMMO_TEST_POSTGRES (default: the local one) or, where none answers and one is installed, a cluster of the run's
own. Where there is none the second pass is left out and the run says so; in CI that is a failure.
"""

import os
import subprocess
import sys
import time

from tests.servers import POSTGRES_VARIABLE, ServerError, drop_databases, postgres, with_database

MOST_PROCESSES = 4


def main() -> int:
    """Run both passes; 0 when every test passed."""
    began = time.monotonic()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    options = ["-n", str(min(cores + 1, MOST_PROCESSES)), "--dist", "loadfile", "--no-loadscope-reorder"]
    options += sys.argv[1:]
    try:
        with postgres() as address:
            statuses = [_pytest(options, {POSTGRES_VARIABLE: address}), _on_postgresql(options, address)]
            left_out = ""
    except ServerError as error:
        statuses = [_pytest(options, {})]
        left_out = f"not run: the second pass on PostgreSQL ({error})"
    print(f"\n{time.monotonic() - began:.0f} s for everything. {left_out}".rstrip())
    return max(statuses) or int(bool(left_out and os.environ.get("CI")))


def _on_postgresql(options: list[str], address: str) -> int:
    name = f"mammo_{os.getpid()}"  # other runs on the same server have other databases
    print("\nOnce more on PostgreSQL: every test that touches the database", flush=True)
    try:
        chosen = [*options, "--database-only", "-m", "not browser"]
        # Tests need no row to survive a power cut.
        url = f"{with_database(address, name)}?options=-c%20synchronous_commit%3Doff"
        return _pytest(chosen, {POSTGRES_VARIABLE: address, "DATABASE_URL": url})
    finally:
        drop_databases(address, f"test_{name}")


def _pytest(options: list[str], variables: dict[str, str]) -> int:
    command = [sys.executable, "-m", "pytest", "--durations=15", *options]
    environment = {"OMP_NUM_THREADS": "1", **os.environ, **variables}
    return subprocess.run(command, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
