"""Faults of PostgreSQL with Redis."""

import pytest

from tests.mammo.jobs.faults import GpuFaults

pytestmark = [pytest.mark.slow, pytest.mark.services]


class TestRedis(GpuFaults):
    """A Redis that a kill empties."""

    name = "redis"
