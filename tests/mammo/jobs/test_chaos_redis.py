"""Faults of PostgreSQL with Redis."""

import random

import pytest

from tests.mammo.jobs import chaos_connections
from tests.mammo.jobs.deployments import Deployment
from tests.mammo.jobs.faults import KILLS, GpuFaults, kept

pytestmark = [pytest.mark.slow, pytest.mark.services]


class TestRedis(GpuFaults):
    """A Redis that a kill empties."""

    name = "redis"

    def test_a_job_goes_on_when_the_database_ends_its_connections(
        self, deployment: Deployment, dice: random.Random
    ) -> None:
        kept(chaos_connections.cut_connections(deployment, KILLS, dice))
