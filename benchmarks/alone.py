"""Measures a benchmark in a process of its own: Django reads its home and its database once per process."""

import json
import os
import subprocess
import sys


def measured_alone(module: str, **environment: str) -> dict[str, float]:
    """What `python -m benchmarks.MODULE --json` prints.

    Raises:
        RuntimeError: it ended badly; its last words are in the message.
    """
    known = {
        name: value for name, value in os.environ.items() if not name.startswith(("MAMMO_HOME", "DATABASE_"))
    }
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{module}", "--json"],
        env={**known, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"benchmarks.{module}: {done.stderr.strip()[-600:]}")
    *said, figures = done.stdout.strip().splitlines()
    for line in said:
        print(line)
    found: dict[str, float] = json.loads(figures)
    return found


def show(figures: dict[str, float]) -> None:
    """Print figures for a person, or as one JSON line where `--json` is given."""
    if "--json" in sys.argv[1:]:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"  {name:55s} {value:10.3f}")
