"""Panels of the home page that show what is running; apps register theirs in AppConfig.ready()."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Panel:
    """A panel for one account: the template and its context; `running` keeps the page asking for news."""

    template: str
    context: dict[str, Any]
    running: bool


_PANELS: dict[str, Callable[[Any], Panel | None]] = {}


def register_panel(name: str, make: Callable[[Any], Panel | None]) -> None:
    """Add a panel; `make(user)` gives None when there is nothing to show."""
    _PANELS[name] = make


def panels_for(user: Any) -> list[Panel]:
    """The panels of an account, in order of registration."""
    made = (make(user) for make in _PANELS.values())
    return [panel for panel in made if panel is not None]
