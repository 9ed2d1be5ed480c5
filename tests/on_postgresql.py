"""`python -m tests.on_postgresql`: the rooms whose promises rest on the database, once more on PostgreSQL.

Uses the server of MAMMO_TEST_POSTGRES (default: the local one). Where none answers it says so and ends; in CI
that is a failure.
"""

import os
import subprocess
import sys

SERVER = os.environ.get("MAMMO_TEST_POSTGRES", "postgres://postgres@127.0.0.1:5432/postgres")
ROOMS = [
    "tests/mammo/core",
    "tests/mammo/accounts",
    "tests/mammo/jobs/test_services.py",
    "tests/annotation",
    "tests/evaluation/services",
]


def main() -> int:
    """Run them; returns pytest's exit code."""
    import psycopg

    try:
        psycopg.connect(SERVER, connect_timeout=5).close()
    except psycopg.OperationalError as error:
        print(f"not tested on PostgreSQL: {SERVER} does not answer ({str(error).splitlines()[0]})")
        return 1 if os.environ.get("CI") else 0
    print(f"once more on PostgreSQL: {', '.join(ROOMS)}", flush=True)
    command = [sys.executable, "-m", "pytest", "-q", "-m", "not browser and not slow", *ROOMS]
    return subprocess.run(command, env={**os.environ, "DATABASE_URL": SERVER}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
