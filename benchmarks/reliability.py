"""`python -m benchmarks.reliability`: what can go wrong with jobs, with the counts of docs/reliability.md.

Real processes on three deployments, each with its own servers; takes about half an hour for each. Prints a
table as Markdown and ends with 1 when a promise was not kept. Nothing here is timed against a limit.
"""

import argparse
import random
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.__main__ import machine
from tests.mammo.jobs import chaos
from tests.mammo.jobs.deployments import DATABASES, NAMES, Deployment, deployed

HEADER = "| fault | deployment | faults | jobs | right | lost | doubled | stuck | seconds | notes |"


def scenarios(
    deployment: Deployment, folder: Path, asked: argparse.Namespace
) -> Iterator[Callable[[], chaos.Outcome]]:
    """The scenarios in order, each still to be run."""
    dice = random.Random(f"{asked.seed} {deployment.name}")
    kills, jobs = asked.kills, asked.jobs
    yield lambda: chaos.roll_back(deployment, kills)
    yield lambda: chaos.kill_workers(deployment, kills, dice)
    yield lambda: chaos.kill_children(deployment, kills, dice, folder)
    yield lambda: chaos.kill_supervisors(deployment, kills, dice)
    yield lambda: chaos.outage(deployment, jobs, asked.outage)
    yield lambda: chaos.flaps(deployment, kills, dice)
    yield lambda: chaos.wipe(deployment, jobs)
    yield lambda: chaos.duplicates(deployment, kills, 10)
    if deployment.name == "rabbitmq":
        yield lambda: chaos.held_messages(deployment, 30.0)
    yield lambda: chaos.sleepers(deployment, max(1, kills // 4), dice, folder)
    yield lambda: chaos.gpus(deployment, kills, folder)
    yield lambda: chaos.poison(deployment, max(1, kills // 4), kills)
    yield lambda: chaos.cancels(deployment, kills, max(1, kills // 2), folder)


def line(outcome: chaos.Outcome) -> str:
    """An outcome as a row of the table."""
    cells = [
        outcome.scenario, outcome.deployment, outcome.injected, outcome.jobs, outcome.right, outcome.lost,
        outcome.doubled, outcome.stuck, f"{outcome.seconds:.0f}", outcome.note,
    ]  # fmt: skip
    return f"| {' | '.join(map(str, cells))} |"


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--deployments", nargs="+", choices=NAMES, default=NAMES)
    parser.add_argument("--kills", type=int, default=20, help="of worker, child and supervisor, each")
    parser.add_argument("--jobs", type=int, default=50, help="submitted while the broker is away; wiped")
    parser.add_argument("--outage", type=float, default=120.0, help="seconds (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the random points")
    asked = parser.parse_args()
    print(f"{datetime.now(UTC):%Y-%m-%d}, {machine()}; `python -m {' '.join(_command())}`\n")
    print(f"{HEADER}\n|{'---|' * 10}", flush=True)
    kept = True
    for name in asked.deployments:
        with tempfile.TemporaryDirectory() as folder, deployed(name, Path(folder)) as deployment:
            for scenario in scenarios(deployment, Path(folder), asked):
                outcome = scenario()
                kept &= outcome.holds
                print(line(outcome), flush=True)
    print("\n" + "; ".join(f"{name}: {DATABASES[name]}" for name in asked.deployments))
    return 0 if kept else 1


def _command() -> list[str]:
    return ["benchmarks.reliability", *sys.argv[1:]]


if __name__ == "__main__":
    sys.exit(main())
