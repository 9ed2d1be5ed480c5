"""How long a worker may be silent, and how often who looks: from the environment, in seconds."""

import os
from dataclasses import dataclass, fields
from datetime import timedelta
from functools import lru_cache

from django.core.exceptions import ImproperlyConfigured


@dataclass(frozen=True)
class Timing:
    """Seconds; each field is read from the environment variable MAMMO_JOBS_<FIELD IN CAPITALS>."""

    # A running job whose worker is silent for longer than this goes back to the queue.
    lease: float = 90.0
    # A worker tells that it lives; at most a third of the lease.
    heartbeat: float = 10.0
    # A worker looks whether its job was cancelled or taken from it.
    poll: float = 1.0
    # A queued job that nobody claimed is rung for again; the pause doubles up to `ring_again_cap`.
    ring_again: float = 30.0
    ring_again_cap: float = 300.0
    # The reaper looks at all of this.
    reap: float = 10.0
    # Between asking a child to stop (SIGTERM: a training saves a checkpoint) and killing it.
    grace: float = 60.0
    # The same, when the worker itself must stop: `up` ends within about ten seconds.
    grace_at_shutdown: float = 6.0
    # An idle worker that hears no message, though the broker took some, ends after this and is started again.
    deaf: float = 60.0
    # Progress lines reach the row at most this often.
    progress: float = 1.0
    # A process of `up` that ends again and again is started again after at most this.
    restart_cap: float = 30.0
    # A message file that is still unreadable after this is removed from the queue folder.
    unreadable_message: float = 5.0

    def __post_init__(self) -> None:
        for field in fields(self):
            if getattr(self, field.name) <= 0:
                name = f"MAMMO_JOBS_{field.name.upper()}"
                raise ImproperlyConfigured(f"{name}: give a number of seconds above zero")
        if self.heartbeat * 3 > self.lease:
            raise ImproperlyConfigured("MAMMO_JOBS_HEARTBEAT: at most a third of MAMMO_JOBS_LEASE")

    @property
    def lease_time(self) -> timedelta:
        """The lease as a time span."""
        return timedelta(seconds=self.lease)


@lru_cache(maxsize=1)
def timing() -> Timing:
    """The timing of this process."""
    given: dict[str, float] = {}
    for field in fields(Timing):
        name = f"MAMMO_JOBS_{field.name.upper()}"
        text = os.environ.get(name)
        if text is None:
            continue
        try:
            given[field.name] = float(text)
        except ValueError:
            raise ImproperlyConfigured(f"{name}: {text!r} is not a number of seconds") from None
    return Timing(**given)
