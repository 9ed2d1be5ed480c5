"""What a room tidies by itself now and then: registered in AppConfig.ready, done by the reaper."""

import logging
from collections.abc import Callable

log = logging.getLogger(__name__)
# Does a part of what there is to do, and returns how much that was.
Chore = Callable[[], int]
_chores: dict[str, Chore] = {}


def register_chore(name: str, chore: Chore) -> None:
    """Let the reaper do this about once an hour; it must be short, and may be done by two processes at once."""
    _chores[name] = chore


def do_chores() -> dict[str, int]:
    """Do every chore once; one that fails keeps no other from being done."""
    done = {}
    for name, chore in _chores.items():
        try:
            done[name] = chore()
        except Exception as error:  # any: the reaper that does it has jobs to look after
            # Its message may hold a patient's text or name.
            log.warning("chore %s: %s; done again next time", name, type(error).__name__)
    return done
