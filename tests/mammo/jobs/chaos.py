"""What can go wrong with jobs, done on purpose to a real installation, and counted.

Each scenario returns what became of its jobs. `faults.py` runs them with small counts; `python -m
benchmarks.reliability` with those of docs/reliability.md.
"""

import itertools
import random
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.mammo.jobs.deployments import Deployment
from tests.mammo.jobs.installation import ENDED, PATIENCE, Installation, eventually
from tests.mammo.jobs.struck import child_of, is_alive, kill, soon

# Of a job that a test kills: its rows take a moment, so that a kill can strike while they are stored.
STORING = 0.3
# No job of a kill test gives up: what is counted is whether it is done, however often it was hit.
ENDLESS = 1000
Row = dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """What became of the jobs of one scenario.

    Attributes:
        injected: how often the fault was made.
        jobs: how many jobs were meant to come to an end.
        right: jobs that ended as they should, in effect once (cancelled and poisoned ones: never).
        lost: jobs without a row, or ended without the effect they should have had.
        doubled: jobs whose results became rows more often than they should.
        stuck: jobs that had not ended when the waiting was over; and processes left behind.
        note: where the faults struck, and times.
    """

    scenario: str
    deployment: str
    injected: int
    jobs: int
    right: int
    lost: int
    doubled: int
    stuck: int
    seconds: float
    note: str = ""

    @property
    def holds(self) -> bool:
        """Whether the promise was kept."""
        return (
            self.right == self.jobs > 0 and self.injected > 0 and not (self.lost + self.doubled + self.stuck)
        )


class Ledger:
    """Jobs of a scenario, how each should end, and the faults that were made."""

    def __init__(self, scenario: str, deployment: Deployment) -> None:
        self.scenario, self.deployment = scenario, deployment
        self.expected: dict[str, str] = {}
        self.injected = self.left_behind = 0
        self.met: Counter[str] = Counter()
        self._began = time.monotonic()

    def submit(self, *parameters: dict[str, Any], ends: str = "succeeded") -> list[str]:
        """Submit jobs that should end in this state."""
        return self.add(self.deployment.installation.submit(*parameters), ends=ends)

    def add(self, ids: list[str], *, ends: str = "succeeded") -> list[str]:
        """Note jobs that should end in this state."""
        self.expected |= dict.fromkeys(ids, ends)
        return ids

    def strike(self, met: str = "") -> None:
        """Note that the fault was made, and what it met."""
        self.injected += 1
        if met:
            self.met[met] += 1

    def close(self, note: str = "", *, within: float = PATIENCE) -> Outcome:
        """Wait for all the jobs and count."""
        rows = self.deployment.installation.settled(list(self.expected), within=within)
        counts = Counter(
            _verdict(row, state) for row, state in zip(rows, self.expected.values(), strict=True)
        )
        met = ", ".join(f"{name}: {count}" for name, count in sorted(self.met.items()))
        return Outcome(
            self.scenario,
            self.deployment.name,
            self.injected,
            len(rows),
            counts["right"],
            counts["lost"],
            counts["doubled"],
            counts["stuck"] + self.left_behind,
            time.monotonic() - self._began,
            "; ".join(filter(None, [f"struck while {met}" if met else "", note])),
        )


def _verdict(row: Row | None, state: str) -> str:
    wanted = 1 if state == "succeeded" else 0
    if row is None:
        return "lost"
    if row["state"] not in ENDED:
        return "stuck"
    if row["effects"] > wanted:
        return "doubled"
    return "right" if row["state"] == state and row["effects"] == wanted else "lost"


def kill_workers(deployment: Deployment, times: int, dice: random.Random) -> Outcome:
    """SIGKILL the worker, its pool process or both, at random points of a job."""
    ledger, installation = Ledger("kill -9 of the worker", deployment), deployment.installation
    installation.up(web=False)
    for _ in range(times):
        job = started(ledger, seconds := dice.uniform(0.2, 1.0))
        time.sleep(dice.uniform(0, seconds + STORING + 0.2))
        workers = installation.processes("celery", "cpu@")
        pool = [each for each in workers if each.ppid() in {other.pid for other in workers}]
        main = [each for each in workers if each not in pool]
        victims = {"pool": pool, "main": main, "both": workers}[dice.choice(["pool", "main", "both"])]
        ledger.strike(_state(installation, job))
        kill(victims or workers)
    return ledger.close()


def kill_workers_with_a_queue(deployment: Deployment, times: int, queued: int) -> Outcome:
    """SIGKILL the worker and its pool process at work, while so many jobs wait in its queue."""
    ledger, installation = (
        Ledger(f"kill -9 of the worker before {queued} queued jobs", deployment),
        deployment.installation,
    )
    installation.up(web=False)
    for _ in range(times):
        started(ledger, 4.0)
        ids = ledger.submit(*[_long(0.3) for _ in range(queued)])
        waiting = sum(row["state"] == "queued" for row in installation.jobs(ids))
        kill(installation.processes("celery", "cpu@"))
        ledger.strike(f"{waiting} waited")
        ledger.left_behind += waiting != queued  # else another thing was tried
        installation.settled(list(ledger.expected))
    return ledger.close()


def kill_children(deployment: Deployment, times: int, dice: random.Random, folder: Path) -> Outcome:
    """SIGKILL the child process of a running job at a random point of its work."""
    ledger, installation = Ledger("kill -9 of the child", deployment), deployment.installation
    installation.up(web=False)
    tries = 0
    while ledger.injected < times and tries < 5 * times:
        tries += 1
        pids = folder / f"killed-{tries}"
        ledger.submit(_long(seconds := dice.uniform(0.4, 1.2), pid_file=str(pids)))
        child = child_of(pids)
        time.sleep(dice.uniform(0, seconds))
        if is_alive(child):
            kill([child])
            ledger.strike("it worked")
    return ledger.close()


def kill_supervisors(deployment: Deployment, times: int, dice: random.Random) -> Outcome:
    """SIGKILL `up` at random points of a job; all its processes must die with it; then start it again."""
    ledger, installation = Ledger("kill -9 of the supervisor", deployment), deployment.installation
    for _ in range(times):
        running = installation.up(web=False)
        job = started(ledger, seconds := dice.uniform(0.2, 1.0))
        time.sleep(dice.uniform(0, seconds + STORING + 0.2))
        ledger.strike(_state(installation, job))
        running.kill()
        running.wait()
        ledger.left_behind += not soon(lambda: not installation.processes(), within=20)
    installation.up(web=False)
    return ledger.close()


def outage(deployment: Deployment, jobs: int, seconds: float) -> Outcome:
    """The broker is away for `seconds` while jobs are submitted; no submission fails or waits for it."""
    ledger, installation = Ledger(f"broker away for {seconds:g} s", deployment), deployment.installation
    installation.up(web=False)
    ledger.submit({"mode": "count"})
    installation.settled(list(ledger.expected))
    deployment.broker.kill()
    ledger.strike()
    began = time.monotonic()
    ids, slowest = installation.ask("submit_slowly", jobs, 0.8 * seconds, {"mode": "count", "seconds": 0.1})
    ledger.add(ids)
    time.sleep(max(0.0, began + seconds - time.monotonic()))
    deployment.broker.start()
    back = time.monotonic()
    outcome_after = PATIENCE + 3 * jobs
    installation.settled(ids, within=outcome_after)
    done = time.monotonic() - back
    return ledger.close(
        f"slowest submission {slowest:.1f} s, all done {done:.0f} s after its return", within=1
    )


def flaps(deployment: Deployment, times: int, dice: random.Random) -> Outcome:
    """The broker goes as a worker takes a message, and goes again as that worker is back.

    So an acknowledgement is lost and, with Celery and Redis, the worker asks for nothing any more (deafness.py).
    """
    ledger, installation = Ledger("broker gone twice in a row", deployment), deployment.installation
    installation.up(web=False)
    for _ in range(times):
        ledger.submit({"mode": "count"})
        for pause in (dice.uniform(0.0, 0.06), dice.uniform(2.0, 2.1)):  # it asks again after two seconds
            time.sleep(pause)
            deployment.broker.kill()
            ledger.strike()
            time.sleep(0.5)
            deployment.broker.start()
        ledger.submit({"mode": "count"})
        installation.settled(list(ledger.expected))
    deaf = (installation.home / "up.txt").read_text().count("hears no message")
    return ledger.close(f"{deaf} workers were deaf and ended")


def wipe(deployment: Deployment, jobs: int) -> Outcome:
    """Every message is gone while the jobs wait behind a running one."""
    ledger, installation = Ledger("broker wiped", deployment), deployment.installation
    installation.up(web=False)
    started(ledger, 2.0)
    ledger.submit(*[{"mode": "count", "seconds": 0.1} for _ in range(jobs)])
    gone = deployment.broker.waiting()
    deployment.broker.wipe()
    ledger.strike()
    return ledger.close(f"{gone} messages wiped", within=PATIENCE + 3 * jobs)


def held_messages(deployment: Deployment, seconds: float) -> Outcome:
    """The worker holds the next job's message so long that RabbitMQ closes its channel; the job it does goes on."""
    ledger, installation = (
        Ledger("message held past the consumer timeout", deployment),
        deployment.installation,
    )
    installation.up(web=False)
    first = started(ledger, seconds)
    ledger.submit({"mode": "count"}, {"mode": "count"})
    ledger.strike()
    installation.settled(list(ledger.expected))
    (row,) = installation.jobs([first])
    ledger.left_behind += row["attempt"] != 1
    closed = (installation.home / "up.txt").read_text().count("PRECONDITION_FAILED")
    ledger.left_behind += not closed  # else nothing was tried
    return ledger.close(f"the long job's attempts: {row['attempt']}; channels closed: {closed}")


def duplicates(deployment: Deployment, jobs: int, copies: int) -> Outcome:
    """Each job has `copies` more messages while it waits, and as many after it has ended."""
    ledger = Ledger(f"{copies} duplicate and {copies} late messages each", deployment)
    installation = deployment.installation
    installation.up(web=False)
    ids = ledger.submit(*[{"mode": "count", "seconds": 0.2} for _ in range(jobs)])
    installation.ask("ring", copies, *ids)
    installation.settled(ids)
    installation.ask("ring", copies, *ids)
    eventually(lambda: not deployment.broker.waiting(), what="the late messages are taken")
    ledger.submit({"mode": "count"})  # queued behind the late ones: when it is done, they were answered
    ledger.injected = 2 * copies * jobs
    installation.settled(list(ledger.expected))
    # An attempt that its worker lost (a busy machine) was queued again by the reaper, not by a message.
    again = sum(row["attempt"] - row["failed_attempts"] != 1 for row in installation.jobs(ids))
    ledger.left_behind += again
    return ledger.close(f"{again} jobs run a second time")


def sleepers(deployment: Deployment, times: int, dice: random.Random, folder: Path) -> Outcome:
    """SIGSTOP a worker in the middle of a job until another has done it; when it wakes it writes nothing."""
    ledger, installation = Ledger("SIGSTOP past the lease", deployment), deployment.installation
    installation.up(web=False)
    another = installation.another_worker(0)
    tries = 0
    wrong: list[str] = []
    try:
        while ledger.injected < times and tries < 5 * times:
            tries += 1
            pids = folder / f"slept-{tries}"
            (job,) = ledger.submit(_long(1.5, pid_file=str(pids)))
            child = child_of(pids)
            time.sleep(dice.uniform(0, 1.4))
            sleeper = _put_to_sleep(installation, job)
            if sleeper is not None:
                ledger.strike()
                wrong += _wrong_when_it_wakes(installation, job, sleeper, child)
    finally:
        kill(installation.processes("another-"))
        another.wait()
    ledger.left_behind += len(wrong)
    return ledger.close("; ".join(wrong))


def _put_to_sleep(installation: Installation, job: str) -> psutil.Process | None:
    """The stopped worker, once its job is taken from it; None when it was stopped at no such moment.

    A process that is stopped while it writes holds the database's lock: nobody can take anything from it.
    """
    (row,) = installation.jobs([job])
    if row["state"] != "running":
        return None
    sleeper = psutil.Process(int(row["worker"].rpartition(":")[2]))
    sleeper.suspend()
    if soon(lambda: installation.jobs([job])[0]["failed_attempts"] == 1, within=12):
        return sleeper
    sleeper.resume()
    return None


def _wrong_when_it_wakes(
    installation: Installation, job: str, sleeper: psutil.Process, child: psutil.Process | None
) -> list[str]:
    """Wait until the other worker is done, wake the sleeper: what it changed or left running, in words."""
    before = eventually(lambda: _ended_again(installation, job), what="another worker has done it")
    sleeper.resume()
    wrong = [] if soon(lambda: not is_alive(child), within=20) else ["its child lives on"]
    time.sleep(1.0)
    (after,) = installation.jobs([job])
    changed = [
        f"{name}: {before[name]!r} -> {after[name]!r}" for name in before if before[name] != after[name]
    ]
    return wrong + changed


def _ended_again(installation: Installation, job: str) -> Row | None:
    (row,) = installation.jobs([job])
    return row if row["state"] in ENDED and row["attempt"] == 2 else None


def poison(deployment: Deployment, times: int, others: int) -> Outcome:
    """Jobs whose child always dies end after three tries, and others are done meanwhile."""
    ledger, installation = Ledger("poison jobs among others", deployment), deployment.installation
    installation.up(web=False)
    bad = ledger.submit(*[{"mode": "die"} for _ in range(times)], ends="failed")
    ledger.submit(*[{"mode": "count"} for _ in range(others)])
    ledger.injected = times
    installation.settled(list(ledger.expected))
    tries = sorted({row["attempt"] for row in installation.jobs(bad)})
    ledger.left_behind += tries != [3]
    return ledger.close(f"tries of each poison job: {tries}")


def cancels(deployment: Deployment, queued: int, running: int, folder: Path) -> Outcome:
    """Cancel jobs that wait and jobs that run; every other of the running ones won't stop when asked to."""
    ledger, installation = Ledger("cancel queued and running", deployment), deployment.installation
    installation.up(web=False)
    slowest = 0.0
    for number in range(running):
        pids = folder / f"cancelled-{number}"
        mode = "stubborn" if number % 2 else "count"
        (job,) = ledger.submit({"mode": mode, "seconds": 60, "pid_file": str(pids)}, ends="cancelled")
        child = child_of(pids)
        waiting = ledger.submit(*_share(queued, running, number), ends="cancelled")
        for each in [*waiting, job]:
            installation.ask("cancel", each)
            ledger.strike()
        asked = time.monotonic()
        installation.until([job], "cancelled")
        slowest = max(slowest, time.monotonic() - asked)
        ledger.left_behind += is_alive(child)
    return ledger.close(f"slowest end of a running one {slowest:.1f} s (grace 2 s)")


def _share(count: int, parts: int, number: int) -> list[dict[str, Any]]:
    """This part's share of so many waiting jobs."""
    return [{"mode": "count"}] * (count // parts + (number < count % parts))


def gpus(deployment: Deployment, jobs: int, folder: Path) -> Outcome:
    """Three workers of one host share two GPUs: no two jobs are ever on the same one."""
    ledger, installation = Ledger("three workers, two GPUs", deployment), deployment.installation
    installation.up(web=False)
    uses = folder / "uses"
    others = [installation.another_worker(number) for number in range(2)]
    try:
        asked = {"mode": "count", "seconds": 0.6, "use_file": str(uses), "gpus": 1}
        ids = ledger.submit(*[dict(asked) for _ in range(jobs)])
        installation.settled(list(ledger.expected), within=PATIENCE + 3 * jobs)
    finally:
        kill(installation.processes("another-"))
        for process in others:
            process.wait()
    # Only attempts that kept their lease to the end: one that lost it must end, and does within a second.
    attempts = dict(zip(ids, (str(row["attempt"]) for row in installation.jobs(ids)), strict=True))
    found = (line.split() for line in uses.read_text().splitlines())
    spans = [
        (set(devices.split(",")), float(began), float(ended))
        for job, attempt, devices, began, ended in found
        if attempts[job] == attempt
    ]
    overlaps = sum(
        bool(a[0] & b[0]) and a[1] < b[2] and b[1] < a[2] for a, b in itertools.combinations(spans, 2)
    )
    ledger.injected = len(spans)
    ledger.left_behind += overlaps + (len(spans) != jobs)
    return ledger.close(f"{overlaps} overlaps in {len(spans)} uses")


def roll_back(deployment: Deployment, times: int) -> Outcome:
    """Submissions that are rolled back have no row and send no message (nobody works meanwhile)."""
    ledger, installation = Ledger("rollback after submitting", deployment), deployment.installation
    installation.down()
    installation.command("migrate", "-v0").check_returncode()
    before = deployment.broker.waiting()
    rows = installation.ask("roll_back", times)
    ledger.submit({"mode": "count"})
    # The message of the job that stands comes last: once it is seen, any other would be seen too.
    eventually(lambda: deployment.broker.waiting() > before, what="its one message is seen")
    sent = deployment.broker.waiting() - before - 1
    ledger.injected = times
    ledger.left_behind += rows + sent
    installation.up(web=False)
    return ledger.close(f"{rows} rows, {sent} messages")


def _long(seconds: float, **more: Any) -> dict[str, Any]:
    ask = {"mode": "count", "seconds": seconds, "ingest_seconds": STORING, "max_attempts": ENDLESS}
    return ask | more


def started(ledger: Ledger, seconds: float) -> str:
    """Submit a job and wait until a worker has it."""
    (job,) = ledger.submit(_long(seconds))
    eventually(lambda: _state(ledger.deployment.installation, job) != "queued", what="a worker has the job")
    return job


def _state(installation: Installation, job: str) -> str:
    (row,) = installation.jobs([job])
    return str(row["state"])
