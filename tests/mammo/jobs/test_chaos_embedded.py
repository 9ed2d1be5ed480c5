"""Faults of the embedded form: SQLite and the filesystem transport."""

import pytest

from tests.mammo.jobs import chaos_connections
from tests.mammo.jobs.deployments import Deployment
from tests.mammo.jobs.faults import GpuFaults, kept

pytestmark = pytest.mark.slow


class TestEmbedded(GpuFaults):
    """Nothing but files."""

    name = "embedded"

    def test_a_message_file_of_zero_bytes_stops_nothing_for_longer_than_a_period(
        self, deployment: Deployment
    ) -> None:
        kept(chaos_connections.broken_messages(deployment, 3))
