"""Faults of the embedded form: SQLite and the filesystem transport."""

import pytest

from tests.mammo.jobs.faults import GpuFaults

pytestmark = pytest.mark.slow


class TestEmbedded(GpuFaults):
    """Nothing but files."""

    name = "embedded"
