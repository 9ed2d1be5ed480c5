"""Stopping a worker softly: its running job is asked to save what it has and goes back to the queue."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# Set in the process that runs jobs when its worker must stop.
stopping = threading.Event()


def _ask_to_stop(number: int, frame: FrameType | None) -> None:
    if stopping.is_set():  # asked twice: the ordinary way
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    stopping.set()


@contextmanager
def stopped_softly() -> Iterator[None]:
    """While the block runs, SIGTERM sets `stopping` instead of ending this process.

    Set for each job and not once: billiard puts its own handler in place after a pool process has started.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _ask_to_stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
