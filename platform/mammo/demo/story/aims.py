"""What the demo's figures are meant to reach, and whether they do: told beside each figure, whatever came out."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mammo.demo.story.figures import said_with

# Two sums of the same floating-point numbers may differ by this much.
ROUNDING = 1e-9


@dataclass(frozen=True)
class Aim:
    """What one figure of the summary is meant to be.

    Attributes:
        limit: the least number that reaches it, or the answer that it must be.
        beside: the figure that `limit` is added to, where the aim is relative to another.
    """

    limit: float | bool
    beside: str = ""

    @property
    def said(self) -> str:
        """In words: "at least 0.95", "True", "at least umicon_auc_report - 0.02"."""
        if isinstance(self.limit, bool):
            return str(self.limit)
        if self.beside:
            return f"at least {self.beside} {'-' if self.limit < 0 else '+'} {abs(self.limit):.2f}"
        return f"at least {self.limit:.2f}"

    def is_met(self, value: Any, figures: Mapping[str, Any]) -> bool | None:
        """Whether a figure reaches its aim; None when it, or what it is held against, was not measured."""
        if isinstance(self.limit, bool):
            return value is self.limit if isinstance(value, bool) else None
        least = self.limit
        if self.beside:
            other = figures.get(self.beside)
            if other is None or not _is_number(other):
                return None
            least += float(other)
        return bool(value >= least - ROUNDING) if _is_number(value) else None


AIMS: dict[str, Aim] = {
    "selector_macro_auc": Aim(0.95),
    "umicon_auc": Aim(0.70),
    "umicon_auc_fused": Aim(-0.02, beside="umicon_auc_report"),
    "collapse_default": Aim(False),
    "collapse_none": Aim(True),
    "density_right": Aim(0.80),
    "follows_swap": Aim(0.80),
}
SAID = {True: "met", False: "MISSED", None: "not measured"}


def judged(figures: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Each aim in words and whether it is met (true, false, or null: not measured), by its figure's name."""
    return {
        name: {"aim": aim.said, "met": aim.is_met(figures.get(name), figures)} for name, aim in AIMS.items()
    }


def said_of(figures: Mapping[str, Any]) -> list[str]:
    """Lines for the terminal: every number and answer of the summary, with its interval and its aim where it has one.

    A figure with an aim has a line also when it was not measured; the last line counts what was met.
    """
    aims: Mapping[str, Mapping[str, Any]] = figures["aims"]
    lines = []
    for name in [*figures, *(name for name in aims if name not in figures)]:
        said = _said(figures.get(name), figures["intervals"].get(name))
        if name in aims:
            aim = aims[name]
            lines.append(f"{name:22s} {said or '-':22s} aim {aim['aim']}: {SAID[aim['met']]}")
        elif said is not None:
            lines.append(f"{name:22s} {said}")
    met = sum(aim["met"] is True for aim in aims.values())
    lines.append(f"{met} of {len(aims)} aims met.")
    if figures.get("quick") and met < len(aims):
        lines.append(
            "A quick run trains one epoch per stage: it shows the path, and its figures are below their aims."
        )
    return lines


def _said(value: Any, interval: list[float] | None) -> str | None:
    if isinstance(value, float):
        return said_with(value, interval)
    return str(value) if isinstance(value, bool | int) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value)
