"""Processes that scenarios strike: found, killed, and looked at."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path

import psutil

from tests.mammo.jobs.installation import eventually


def child_of(pids: Path) -> psutil.Process | None:
    """The child that wrote its number into the file; None when it has ended already."""
    text = eventually(lambda: pids.exists() and pids.read_text(), what="the child runs")
    try:
        return psutil.Process(int(text.split()[0]))
    except psutil.NoSuchProcess:
        return None


def is_alive(process: psutil.Process | None) -> bool:
    """Whether it runs still; one that only waits to be reaped does not."""
    try:
        return process is not None and process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def kill(processes: Iterable[psutil.Process | None]) -> None:
    """Kill -9 each that is there still."""
    for process in processes:
        try:
            if process is not None:
                process.kill()
        except psutil.NoSuchProcess:
            continue


def soon(happened: Callable[[], bool], *, within: float) -> bool:
    """Whether it happens within so many seconds."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if happened():
            return True
        time.sleep(0.1)
    return False
