"""A pool of parsing children: decoding happens in limited processes that may be killed by a file.

A child that dies takes the one file it was reading with it (rejected); the pool starts another child.
"""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, TypeVar

import mammo
from mammo.archive.dicom.limits import LIMITS
from mammo.archive.pseudonyms import Pseudonyms
from mammo.core.child_environment import without_secrets

Key = TypeVar("Key")
# A second request waits in each child's pipe, so that it need not wait for us between two files.
IN_FLIGHT = 2
# The kernel ends a slow child by itself; this is for one that was stopped from outside.
BACKSTOP_SECONDS = 4 * LIMITS.seconds


@dataclass(eq=False)
class _Child(Generic[Key]):
    """One child and the requests it holds, oldest first."""

    process: subprocess.Popen[bytes]
    held: deque[tuple[Key, dict[str, Any]]] = field(default_factory=deque)
    buffer: bytes = b""
    is_ready: bool = False
    since: float = field(default_factory=time.monotonic)


def default_children() -> int:
    """As many as there are processors, four at most: storing keeps pace with no more."""
    return max(1, min(4, len(os.sched_getaffinity(0))))


class ParsingPool(Generic[Key]):
    """Children that answer requests of `mammo.archive.parse_child`; use it as a context manager.

    Args:
        pseudonyms: handed to the children over their pipe.
        children: how many; `default_children()` when not given.
    """

    def __init__(self, pseudonyms: Pseudonyms, children: int | None = None) -> None:
        self._secret = pseudonyms.secret.hex()
        self._size = children or default_children()
        self._children: list[_Child[Key]] = []
        self._selector = selectors.DefaultSelector()

    def __enter__(self) -> "ParsingPool[Key]":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for child in list(self._children):
            self._end(child)
        self._selector.close()

    def answers(self, requests: Iterable[tuple[Key, dict[str, Any]]]) -> Iterator[tuple[Key, dict[str, Any]]]:
        """Yield (key, answer) for every (key, request), in the order in which they are done."""
        waiting = iter(requests)
        again: deque[tuple[Key, dict[str, Any]]] = deque()
        exhausted = False
        while True:
            while not exhausted or again:
                child = self._free_child()
                if child is None:
                    break
                item = again.popleft() if again else next(waiting, None)
                if item is None:
                    exhausted = True
                    break
                self._send(child, item)
            if not any(child.held for child in self._children):
                if exhausted and not again:
                    return
                continue
            yield from self._collect(again)

    def _free_child(self) -> _Child[Key] | None:
        least = min(self._children, key=lambda child: len(child.held), default=None)
        if least is not None and not least.held:
            return least
        if len(self._children) < self._size:
            return self._start()
        return least if least is not None and len(least.held) < IN_FLIGHT else None

    def _start(self) -> _Child[Key]:
        source = Path(mammo.__file__).parents[1]
        environment = {**without_secrets(), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        environment["PYTHONPATH"] = os.pathsep.join([str(source), environment.get("PYTHONPATH", "")])
        process = subprocess.Popen(
            [sys.executable, "-m", "mammo.archive.parse_child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # decoders print pieces of what they read
            env=environment,
            # Ctrl-C ends the import, not the file in hand: a child ends when its input closes.
            start_new_session=True,
        )
        child: _Child[Key] = _Child(process)
        self._children.append(child)
        if process.stdout is None:
            raise RuntimeError("a parsing child has no output")
        os.set_blocking(process.stdout.fileno(), False)
        self._selector.register(process.stdout, selectors.EVENT_READ, child)
        self._write(child, {"secret": self._secret})
        return child

    def _send(self, child: _Child[Key], item: tuple[Key, dict[str, Any]]) -> None:
        if not child.held:
            child.since = time.monotonic()
        child.held.append(item)
        self._write(child, item[1])

    @staticmethod
    def _write(child: _Child[Key], message: dict[str, Any]) -> None:
        # A child that just died is noticed when its output closes.
        with contextlib.suppress(BrokenPipeError):
            if child.process.stdin is not None:
                child.process.stdin.write(json.dumps(message).encode() + b"\n")
                child.process.stdin.flush()

    def _collect(self, again: deque[tuple[Key, dict[str, Any]]]) -> Iterator[tuple[Key, dict[str, Any]]]:
        for ready, _ in self._selector.select(timeout=5.0):
            child: _Child[Key] = ready.data
            received = os.read(ready.fd, 1 << 16)
            if not received:
                yield from self._bury(child, again)
                continue
            *lines, child.buffer = (child.buffer + received).split(b"\n")
            for line in map(json.loads, lines):
                child.since = time.monotonic()
                if "ready" in line:
                    child.is_ready = True
                    continue
                key, _ = child.held.popleft()
                yield key, line
        for child in list(self._children):
            if child.held and time.monotonic() - child.since > BACKSTOP_SECONDS:
                child.process.kill()

    def _bury(
        self, child: _Child[Key], again: deque[tuple[Key, dict[str, Any]]]
    ) -> Iterator[tuple[Key, dict[str, Any]]]:
        """A child died: the file it was reading is refused, the one behind it is asked again."""
        code = self._end(child)
        # One that was ready died of the file, whatever its code: Python ends with 1 where memory lacks.
        if code > 0 and not child.is_ready:
            raise RuntimeError(
                "`python -m mammo.archive.parse_child` does not start; run it by hand to see why"
            )
        if child.held:
            key, _ = child.held.popleft()
            yield key, {"outcome": "rejected", "reason": _cause(code), "found": {}}
        again.extend(child.held)

    def _end(self, child: _Child[Key]) -> int:
        if child in self._children:
            self._children.remove(child)
            if child.process.stdout is not None:
                self._selector.unregister(child.process.stdout)
                child.process.stdout.close()
        with contextlib.suppress(BrokenPipeError):
            if child.process.stdin is not None:
                child.process.stdin.close()
        try:
            return child.process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            child.process.kill()
            return child.process.wait()


def _cause(code: int) -> str:
    if code == -signal.SIGALRM:
        return f"reading it takes longer than {LIMITS.seconds} seconds"
    if code == -signal.SIGXCPU:
        return "reading it takes more processor time than a file of its length may take"
    return "the program that read it was stopped: damaged, or made to harm"
