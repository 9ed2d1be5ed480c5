"""Two more faults done on purpose: broken message files, and connections to the database that are cut."""

import random
import time

from mammo.jobs.timing import Timing
from tests.mammo.jobs.chaos import Ledger, Outcome, started
from tests.mammo.jobs.deployments import Deployment


def broken_messages(deployment: Deployment, times: int) -> Outcome:
    """A message file without a byte before a submitted job, at the platform's own pace (nothing is shortened).

    Held against as many jobs without one: what is longer than a period of the reaper beyond the slowest of those is
    counted as stuck.
    """
    ledger, installation = (
        Ledger("message file of zero bytes before a job", deployment),
        deployment.installation,
    )
    shortened, usual = installation.environment, Timing()
    installation.down()
    installation.environment = {k: v for k, v in shortened.items() if not k.startswith("MAMMO_JOBS_")}
    try:
        installation.up(web=False)
        without = [_seconds_of_a_job(ledger) for _ in range(times)]
        held = []
        for number in range(times):
            (installation.home / "queue" / "messages" / f"0_{number}.cpu.msg").touch()
            ledger.strike()
            held.append(_seconds_of_a_job(ledger))
        ledger.left_behind += sum(seconds > max(without) + usual.reap for seconds in held)
        said = (
            f"slowest job {max(held):.1f} s, {max(without):.1f} s without; reaper's period {usual.reap:g} s"
        )
        return ledger.close(said)
    finally:
        installation.down()
        installation.environment = shortened


def _seconds_of_a_job(ledger: Ledger) -> float:
    """Until a job that only counts has ended."""
    began = time.monotonic()
    ledger.deployment.installation.settled(ledger.submit({"mode": "count"}))
    return time.monotonic() - began


def cut_connections(deployment: Deployment, times: int, dice: random.Random) -> Outcome:
    """The database ends all connections while a job is at work; it goes on with others, at its first attempt."""
    ledger, installation = Ledger("connections to the database cut", deployment), deployment.installation
    installation.up(web=False)
    cut = 0
    for _ in range(times):
        job = started(ledger, seconds := dice.uniform(1.5, 2.5))
        time.sleep(dice.uniform(0, 0.7 * seconds))
        cut += installation.ask("cut")
        ledger.strike()
        installation.settled([job])
        (row,) = installation.jobs([job])
        ledger.left_behind += row["attempt"] != 1
    return ledger.close(f"{cut} connections ended")
