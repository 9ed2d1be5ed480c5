"""What may be spent at an endpoint: requests and tokens, reserved before they are sent and counted after."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from typing import Any

from modeling.data.exchange import BadRequestError


class Budget:
    """Limits of one run, shared by the threads that ask; a limit that is None is none.

    A call reserves the most that it can cost and gives back what it did not use, so that no limit is passed however
    many are under way. Where the most does not fit, it waits for what the calls under way give back: a budget is spent
    only once nothing of it is reserved. Tokens of pictures, and of tries that the server broke off, are known to the
    server alone.

    Args:
        requests: HTTP requests, tries after a failure included.
        tokens: of prompts and answers together.
    """

    def __init__(self, requests: int | None = None, tokens: int | None = None) -> None:
        self._limits = {"requests": requests, "tokens": tokens}
        self._reserved = {"requests": 0, "tokens": 0}
        self._used = {"requests": 0, "tokens": 0}
        self._changed = threading.Condition()

    @classmethod
    def from_mapping(cls, given: Mapping[str, Any] | None) -> Budget:
        """The limits of {"requests", "tokens"}, each a whole number or null. Raises BadRequestError naming the field."""
        values = dict(given or {})
        for name, value in values.items():
            if name not in ("requests", "tokens"):
                raise BadRequestError(f"spec.budget.{name}: unknown; known are requests, tokens")
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
                raise BadRequestError(f"spec.budget.{name}: {value!r} is neither a whole number nor null")
        return cls(**values)

    @property
    def used(self) -> dict[str, int]:
        """Requests that were sent and tokens that they cost, so far."""
        with self._changed:
            return dict(self._used)

    def reserve(self, tries: int, tokens: int) -> int:
        """Reserve up to `tries` requests for a call that costs at most `tokens`; how many, 0 when it does not fit.

        Waits while all of it does not fit and another call may still give back; each must `settle` what it reserved.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._fits(tries, tokens) or not self._reserved["requests"])
            allowed = min(tries, max(self._left("requests"), 0))
            if tokens > self._left("tokens") or not allowed:
                return 0
            self._reserved["requests"] += int(allowed)
            self._reserved["tokens"] += tokens
            return int(allowed)

    def _fits(self, tries: int, tokens: int) -> bool:
        return tries <= self._left("requests") and tokens <= self._left("tokens")

    def settle(self, reserved: tuple[int, int], used: tuple[int, int]) -> None:
        """End a call: requests and tokens that it had reserved, and those that it used."""
        with self._changed:
            for name, held, spent in zip(("requests", "tokens"), reserved, used, strict=True):
                self._reserved[name] -= held
                self._used[name] += spent
            self._changed.notify_all()

    def _left(self, name: str) -> float:
        """What is neither used nor reserved; infinity where there is no limit."""
        limit = self._limits[name]
        return math.inf if limit is None else limit - self._used[name] - self._reserved[name]
