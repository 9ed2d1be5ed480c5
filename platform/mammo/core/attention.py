"""What needs a person: lines on the home page that apps register in AppConfig.ready()."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Notice:
    """One thing that does not go on by itself.

    Attributes:
        text: what it is, as one sentence in the reader's language.
        url: where the person can do something about it.
        tone: `attention` or `failed` (mammo.core.templatetags.parts.TONES).
        label: the state's word before the sentence.
    """

    text: str
    url: str
    label: str
    tone: str = "attention"


_NOTICES: dict[str, Callable[[Any], Iterable[Notice]]] = {}


def register_notices(name: str, make: Callable[[Any], Iterable[Notice]]) -> None:
    """Add an app's notices; `make(user)` gives those that this account can do something about."""
    _NOTICES[name] = make


def notices_for(user: Any) -> list[Notice]:
    """The notices of an account, in order of registration."""
    return [notice for make in _NOTICES.values() for notice in make(user)]
