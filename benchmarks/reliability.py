"""`python -m benchmarks.reliability`: what can go wrong with jobs, with the counts of docs/reliability.md.

Real processes on three deployments, each with its own servers; takes about half an hour for each. Prints a
table as Markdown and ends with 1 when a promise was not kept. Nothing here is timed against a limit.
"""

import argparse
import random
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.__main__ import machine
from tests.mammo.jobs import chaos, chaos_connections
from tests.mammo.jobs.deployments import DATABASES, NAMES, Deployment, deployed

SCENARIOS = (
    "rollback", "workers", "queue", "broken", "children", "supervisors", "outage", "flaps", "wipe", "duplicates",
    "held", "sleepers", "gpus", "poison", "cancels",
)  # fmt: skip
HEADER = "| fault | deployment | faults | jobs | right | lost | doubled | stuck | seconds | notes |"


def scenarios(
    deployment: Deployment, folder: Path, asked: argparse.Namespace
) -> dict[str, Callable[[], chaos.Outcome]]:
    """The scenarios by name, in order, each still to be run; random points depend on seed, deployment and name."""
    kills, jobs, few = asked.kills, asked.jobs, max(1, asked.kills // 4)

    def dice(name: str) -> random.Random:
        return random.Random(f"{asked.seed} {deployment.name} {name}")

    found: dict[str, Callable[[], chaos.Outcome]] = {
        "rollback": lambda: chaos.roll_back(deployment, kills),
        "workers": lambda: chaos.kill_workers(deployment, kills, dice("workers")),
        "queue": lambda: chaos.kill_workers_with_a_queue(deployment, few, 5),
        "broken": lambda: chaos_connections.broken_messages(deployment, kills),
        "children": lambda: chaos.kill_children(deployment, kills, dice("children"), folder),
        "supervisors": lambda: chaos.kill_supervisors(deployment, kills, dice("supervisors")),
        "outage": lambda: chaos.outage(deployment, jobs, asked.outage),
        "flaps": lambda: chaos.flaps(deployment, kills, dice("flaps")),
        "cut": lambda: chaos_connections.cut_connections(deployment, kills, dice("cut")),
        "wipe": lambda: chaos.wipe(deployment, jobs),
        "duplicates": lambda: chaos.duplicates(deployment, kills, 10),
        "held": lambda: chaos.held_messages(deployment, 30.0),
        "sleepers": lambda: chaos.sleepers(deployment, few, dice("sleepers"), folder),
        "gpus": lambda: chaos.gpus(deployment, kills, folder),
        "poison": lambda: chaos.poison(deployment, few, kills),
        "cancels": lambda: chaos.cancels(deployment, kills, max(1, kills // 2), folder),
    }
    if deployment.name != "rabbitmq":
        del found["held"]  # a rule of RabbitMQ's
    if DATABASES[deployment.name] != "PostgreSQL":
        del found["cut"]  # a file has no connections that somebody else ends
    if deployment.name != "embedded":
        del found["broken"]  # messages are files there
    return {name: run for name, run in found.items() if not asked.only or name in asked.only}


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
    kills = "of worker, child and supervisor, each; a quarter of it where a fault takes long (queue, sleepers, poison)"
    parser.add_argument("--kills", type=int, default=20, help=kills)
    parser.add_argument("--jobs", type=int, default=50, help="submitted while the broker is away; wiped")
    parser.add_argument("--outage", type=float, default=120.0, help="seconds (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the random points")
    parser.add_argument("--only", nargs="+", metavar="NAME", default=[], help=f"of {', '.join(SCENARIOS)}")
    asked = parser.parse_args()
    if unknown := sorted(set(asked.only) - set(SCENARIOS)):
        parser.error(f"--only {unknown[0]}: no such scenario; known: {', '.join(SCENARIOS)}")
    print(f"{datetime.now(UTC):%Y-%m-%d}, {machine()}; `python -m {' '.join(_command())}`\n")
    print(f"{HEADER}\n|{'---|' * 10}", flush=True)
    kept = True
    for name in asked.deployments:
        with tempfile.TemporaryDirectory() as folder, deployed(name, Path(folder)) as deployment:
            for scenario in scenarios(deployment, Path(folder), asked).values():
                outcome = scenario()
                kept &= outcome.holds
                print(line(outcome), flush=True)
    print("\n" + "; ".join(f"{name}: {DATABASES[name]}" for name in asked.deployments))
    return 0 if kept else 1


def _command() -> list[str]:
    return ["benchmarks.reliability", *sys.argv[1:]]


if __name__ == "__main__":
    sys.exit(main())
