"""A tiny phantom snapshot shared by the torch rooms."""

from pathlib import Path

import pytest

from modeling.data.phantoms import write_phantom_snapshot
from modeling.data.snapshot import Snapshot, open_snapshot


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 studies of 48 x 38 pixels; read only."""
    return write_phantom_snapshot(
        tmp_path_factory.mktemp("snapshots") / "tiny", studies=24, seed=5, height=48, width=38
    )


@pytest.fixture(scope="session")
def tiny(tiny_folder: Path) -> Snapshot:
    """The same, opened."""
    return open_snapshot(tiny_folder)
