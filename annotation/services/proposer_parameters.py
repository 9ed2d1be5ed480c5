"""Parameters of a proposing system: how it draws, and how often it draws again."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from annotation.field_names import field_name
from mammo.core.errors import UserError

MOST_DRAWS = "most_draws"
# Draws of one answer when a campaign says nothing else; as the answering module takes it.
DEFAULT_DRAWS = 12


@dataclass(frozen=True)
class Range:
    """Values that a parameter may take: `low` itself only where `with_low` is set, `high` always."""

    low: float
    high: float
    is_whole: bool = False
    with_low: bool = True

    def holds(self, value: Any) -> bool:
        """Whether it is such a number."""
        kind = int if self.is_whole else (int, float)
        if isinstance(value, bool) or not isinstance(value, kind):
            return False
        return self.low <= value <= self.high and (self.with_low or value > self.low)


RANGES = {
    "temperature": Range(0, 2),
    "top_p": Range(0, 1, with_low=False),
    "max_new_tokens": Range(1, 8192, is_whole=True),
    # Of one answer, until it differs from those before it.
    MOST_DRAWS: Range(1, 50, is_whole=True),
}


def checked_parameters(given: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters as they are stored.

    Raises:
        UserError: names the one that is unknown or has a value that can't be used.
    """
    for name, value in given.items():
        if name not in RANGES:
            raise UserError(
                _("parameters: %(name)s is unknown; known: %(known)s")
                % {"name": name, "known": ", ".join(RANGES)}
            )
        allowed = RANGES[name]
        if not allowed.holds(value):
            wanted = _("a whole number") if allowed.is_whole else _("a number")
            raise UserError(
                _("parameters: %(name)s: give %(wanted)s from %(low)s to %(high)s")
                % {"name": field_name(name), "wanted": wanted, "low": allowed.low, "high": allowed.high}
            )
    return dict(given)


def divided(parameters: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
    """What the system itself takes, and how often an answer is drawn at most."""
    own = {name: value for name, value in parameters.items() if name != MOST_DRAWS}
    return own, int(parameters.get(MOST_DRAWS, DEFAULT_DRAWS))
