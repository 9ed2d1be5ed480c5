"""Secrets that a job's child is handed over its standard input, so that no file and no list of processes shows them.

Knows no Django: children use it.
"""

import json
import sys
from collections.abc import Mapping
from typing import BinaryIO

# A pipe holds this much on every system: whoever writes it never waits for the reader.
LONGEST = 4096


def write_secrets(secrets: Mapping[str, str], into: BinaryIO) -> None:
    """Hand the secrets over as one line and close the pipe; a child that has died already is noticed elsewhere.

    Raises:
        ValueError: more than a pipe surely holds.
    """
    line = json.dumps(dict(secrets)).encode() + b"\n"
    if len(line) > LONGEST:
        raise ValueError(f"secrets of {len(line)} bytes: a child is handed at most {LONGEST}")
    try:
        into.write(line)
        into.close()
    except BrokenPipeError:
        pass


def read_secrets() -> dict[str, str]:
    """What this process was handed; empty when nothing was."""
    found: dict[str, str] = json.loads(sys.stdin.readline() or "{}")
    return found
