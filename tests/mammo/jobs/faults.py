"""What every deployment keeps: each job once in effect, none lost, none stuck, whatever is killed, gone or sent twice.

A file for each deployment (test_chaos_embedded.py, _redis.py, _rabbitmq.py) takes these tests, so that they run in
processes of their own: they mostly wait. The counts are small; docs/reliability.md has the large ones
(`python -m benchmarks.reliability`).
"""

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from tests.conftest import missing
from tests.mammo.jobs import chaos
from tests.mammo.jobs.deployments import Deployment, deployed
from tests.servers import ServerError

KILLS = int(os.environ.get("MAMMO_TEST_KILLS", "2"))
OUTAGE_SECONDS, OUTAGE_JOBS = 6.0, 10


def kept(outcome: chaos.Outcome) -> None:
    """Fail with everything that was counted."""
    assert outcome.holds, outcome


class Faults:
    """The faults of docs/reliability.md in one deployment, named by the subclass."""

    name: ClassVar[str]

    @pytest.fixture(scope="class")
    def deployment(
        self, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
    ) -> Iterator[Deployment]:
        """The running installation."""
        try:
            with deployed(request.cls.name, tmp_path_factory.mktemp(request.cls.name)) as made:
                yield made
        except ServerError as error:
            missing(str(error))

    @pytest.fixture
    def dice(self, request: pytest.FixtureRequest) -> random.Random:
        """Random points that are the same in each run."""
        return random.Random(request.node.name)

    def test_a_submission_that_is_rolled_back_sends_nothing(self, deployment: Deployment) -> None:
        kept(chaos.roll_back(deployment, 5))

    def test_jobs_survive_killed_workers(self, deployment: Deployment, dice: random.Random) -> None:
        kept(chaos.kill_workers(deployment, KILLS, dice))

    def test_a_queue_of_five_survives_its_killed_worker(self, deployment: Deployment) -> None:
        outcome = chaos.kill_workers_with_a_queue(deployment, 1, queued=5)
        kept(outcome)
        assert outcome.jobs == 6, "the one that ran and the five that waited"

    def test_jobs_survive_killed_children(
        self, deployment: Deployment, dice: random.Random, tmp_path: Path
    ) -> None:
        kept(chaos.kill_children(deployment, KILLS, dice, tmp_path))

    def test_jobs_survive_a_killed_supervisor_and_nobody_outlives_it(
        self, deployment: Deployment, dice: random.Random
    ) -> None:
        kept(chaos.kill_supervisors(deployment, 1, dice))

    def test_jobs_submitted_while_the_broker_is_away_are_done_when_it_is_back(
        self, deployment: Deployment
    ) -> None:
        kept(chaos.outage(deployment, OUTAGE_JOBS, OUTAGE_SECONDS))

    def test_jobs_are_done_when_the_broker_goes_and_goes_again(
        self, deployment: Deployment, dice: random.Random
    ) -> None:
        kept(chaos.flaps(deployment, KILLS, dice))

    def test_jobs_survive_the_loss_of_every_message(self, deployment: Deployment) -> None:
        kept(chaos.wipe(deployment, 8))

    def test_duplicate_and_late_messages_run_nothing_twice(self, deployment: Deployment) -> None:
        kept(chaos.duplicates(deployment, 2, 5))

    def test_a_worker_that_slept_past_its_lease_writes_nothing_when_it_wakes(
        self, deployment: Deployment, dice: random.Random, tmp_path: Path
    ) -> None:
        kept(chaos.sleepers(deployment, 1, dice, tmp_path))

    def test_a_poison_job_ends_after_three_tries_and_others_go_on(self, deployment: Deployment) -> None:
        kept(chaos.poison(deployment, 1, 3))

    def test_cancelled_jobs_end_and_have_no_effect(self, deployment: Deployment, tmp_path: Path) -> None:
        kept(chaos.cancels(deployment, 4, 2, tmp_path))


class GpuFaults(Faults):
    """The lock on a GPU is the database's, so one deployment for each database shows it."""

    def test_no_two_jobs_are_on_one_gpu(self, deployment: Deployment, tmp_path: Path) -> None:
        kept(chaos.gpus(deployment, 6, tmp_path))
