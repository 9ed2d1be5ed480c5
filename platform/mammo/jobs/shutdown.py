"""Stopping a worker softly: its running job is asked to save what it has and goes back to the queue."""

import os
import signal
import threading
from types import FrameType

# Set in the process that runs jobs when its worker must stop.
stopping = threading.Event()


def _ask_to_stop(number: int, frame: FrameType | None) -> None:
    if stopping.is_set():  # asked twice: the ordinary way
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    stopping.set()


def stop_softly_on_sigterm() -> None:
    """Called in a worker's pool process (its main thread)."""
    signal.signal(signal.SIGTERM, _ask_to_stop)
