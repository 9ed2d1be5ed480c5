"""Errors of the operating system in a job's child or its worker: which fixed sentence the job's row says.

What such an error says itself may hold a path or a patient's words: that stays in the log.
"""

import errno
import re

# What a child ends with, as its worker reads it (`modeling.data.exchange` has the same).
EXIT_NO_ROOM, EXIT_SYSTEM = 73, 74
FULL = (errno.ENOSPC, errno.EDQUOT)
NO_ROOM = "no room on the disk: free space on the disk of MAMMO_HOME, then try again"
REFUSED = "the operating system refused to read or write a file; the log tells more"
_IN_WORDS = {EXIT_NO_ROOM: NO_ROOM, EXIT_SYSTEM: REFUSED}
# The last line of a traceback that nobody turned into an exit status.
_TRACEBACK = re.compile(rf"(?:\w+\.)*\w+: \[Errno (?:{'|'.join(map(str, FULL))})\]")


def is_full(error: BaseException) -> bool:
    """Whether a disk (or its quota) has no room."""
    return isinstance(error, OSError) and error.errno in FULL


def said_of_child(status: int, last_line: str) -> str:
    """The sentence for a child that the system stopped; empty for one that ended for another reason."""
    return NO_ROOM if _TRACEBACK.match(last_line) else _IN_WORDS.get(status, "")
