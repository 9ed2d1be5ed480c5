"""Faults of PostgreSQL with RabbitMQ."""

import pytest

from tests.mammo.jobs import chaos
from tests.mammo.jobs.deployments import Deployment
from tests.mammo.jobs.faults import Faults, kept

pytestmark = [pytest.mark.slow, pytest.mark.services]


class TestRabbitMQ(Faults):
    """A RabbitMQ with a short consumer timeout."""

    name = "rabbitmq"

    def test_a_long_job_survives_the_closing_of_its_workers_channel(self, deployment: Deployment) -> None:
        kept(chaos.held_messages(deployment, 12.0))
