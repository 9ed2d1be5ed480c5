"""Each job once in effect, none lost, none stuck: with every broker, whatever is killed, gone or sent twice.

The counts are small here; docs/reliability.md has the large ones (`python -m benchmarks.reliability`).
"""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import missing
from tests.mammo.jobs import chaos
from tests.mammo.jobs.deployments import NAMES, Deployment, deployed
from tests.servers import ServerError

pytestmark = pytest.mark.slow
KILLS = int(os.environ.get("MAMMO_TEST_KILLS", "2"))
OUTAGE_SECONDS, OUTAGE_JOBS = 6.0, 10


SERVERS = [pytest.param(name, marks=pytest.mark.services) for name in NAMES[1:]]


@pytest.fixture(scope="module", params=[NAMES[0], *SERVERS])
def deployment(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    """The embedded form; PostgreSQL with Redis; PostgreSQL with RabbitMQ."""
    try:
        with deployed(request.param, tmp_path_factory.mktemp(request.param)) as made:
            yield made
    except ServerError as error:
        missing(str(error))


@pytest.fixture
def dice(request: pytest.FixtureRequest) -> random.Random:
    """Random points that are the same in each run."""
    return random.Random(request.node.name)


def kept(outcome: chaos.Outcome) -> None:
    assert outcome.holds, outcome


def test_a_submission_that_is_rolled_back_sends_nothing(deployment: Deployment) -> None:
    kept(chaos.roll_back(deployment, 5))


def test_jobs_survive_killed_workers(deployment: Deployment, dice: random.Random) -> None:
    kept(chaos.kill_workers(deployment, KILLS, dice))


def test_jobs_survive_killed_children(deployment: Deployment, dice: random.Random, tmp_path: Path) -> None:
    kept(chaos.kill_children(deployment, KILLS, dice, tmp_path))


def test_jobs_survive_a_killed_supervisor_and_nobody_outlives_it(
    deployment: Deployment, dice: random.Random
) -> None:
    kept(chaos.kill_supervisors(deployment, 1, dice))


def test_jobs_submitted_while_the_broker_is_away_are_done_when_it_is_back(deployment: Deployment) -> None:
    kept(chaos.outage(deployment, OUTAGE_JOBS, OUTAGE_SECONDS))


def test_jobs_survive_the_loss_of_every_message(deployment: Deployment) -> None:
    kept(chaos.wipe(deployment, 8))


@pytest.mark.parametrize("deployment", SERVERS[1:], indirect=True)
def test_a_long_job_survives_the_closing_of_its_workers_channel(deployment: Deployment) -> None:
    kept(chaos.held_messages(deployment, 12.0))


def test_duplicate_and_late_messages_run_nothing_twice(deployment: Deployment) -> None:
    kept(chaos.duplicates(deployment, 2, 5))


def test_a_worker_that_slept_past_its_lease_writes_nothing_when_it_wakes(
    deployment: Deployment, dice: random.Random, tmp_path: Path
) -> None:
    kept(chaos.sleepers(deployment, 1, dice, tmp_path))


@pytest.mark.parametrize("deployment", [NAMES[0], SERVERS[0]], indirect=True)  # the lock is the database's
def test_no_two_jobs_are_on_one_gpu(deployment: Deployment, tmp_path: Path) -> None:
    kept(chaos.gpus(deployment, 6, tmp_path))


def test_a_poison_job_ends_after_three_tries_and_others_go_on(deployment: Deployment) -> None:
    kept(chaos.poison(deployment, 1, 3))


def test_cancelled_jobs_end_and_have_no_effect(deployment: Deployment, tmp_path: Path) -> None:
    kept(chaos.cancels(deployment, 4, 2, tmp_path))
