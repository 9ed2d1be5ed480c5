"""A job whose child finds no room: the row says the mend, and the job succeeds once there is room."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.utils import translation

from annotation.models import Campaign
from mammo.accounts.models import User
from mammo.archive.models import Split
from mammo.core.system_errors import NO_ROOM
from mammo.jobs import doorbell, runner
from mammo.jobs.messages import shown_message
from mammo.jobs.models import Job
from modeling.services import create_snapshot
from tests.conftest import missing

SIZE = {"height": 800, "width": 640}  # 20 MB of pictures


@pytest.fixture
def sized(tmp_path: Path) -> Iterator[Callable[[str], None]]:
    """MAMMO_HOME on a file system of its own; called with another size, it has that one."""
    home = tmp_path / "home"
    home.mkdir()
    mount = ["mount", "-t", "tmpfs", "tmpfs", str(home), "-o"]
    if subprocess.run([*mount, "size=8m"], capture_output=True, check=False).returncode:
        missing("no small file system can be mounted here (it needs root)")
    try:
        yield lambda size: subprocess.run([*mount, f"remount,size={size}"], check=True)  # type: ignore[func-returns-value]
    finally:
        subprocess.run(["umount", str(home)], check=True)


@pytest.fixture
def job(sized: object, campaign: Campaign, split: Split, rita: User, monkeypatch: pytest.MonkeyPatch) -> Job:
    """A snapshot's job, for whose pictures there is no room."""
    monkeypatch.setattr(doorbell, "_publish", lambda job: None)
    snapshot = create_snapshot(
        "spring", site=campaign.site, split=split, by_user=rita, campaign=campaign, **SIZE
    )
    assert snapshot.job is not None
    return snapshot.job


def test_a_snapshot_without_room_says_so_and_is_made_when_there_is_some(
    job: Job, sized: Callable[[str], None]
) -> None:
    ended = runner.run_here(job)
    assert (ended.state, ended.error) == ("queued", NO_ROOM)
    assert not [path for path in Path(settings.MAMMO_HOME).rglob("*") if path.suffix == ".npy"]
    with translation.override("zh-hans"):
        assert "释放" in shown_message(ended.error)
    sized("64m")
    assert runner.run_here(ended).state == "succeeded"


def test_a_disk_without_a_single_block_ends_the_attempt_with_the_same_words(job: Job) -> None:
    _fill(Path(settings.MAMMO_HOME) / "ballast")
    ended = runner.run_here(job)
    assert (ended.state, ended.error) == ("queued", NO_ROOM)


def _fill(path: Path) -> None:
    block: Any = b"\1" * 4096
    with path.open("wb", buffering=0) as handle:
        try:
            while handle.write(block):
                pass
        except OSError:
            return
