"""The primary endpoint that a protocol plans: which contrast of which measure is tested, and how."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from evaluation.statistics.names import HYPOTHESES
from mammo.core.errors import UserError

KEYS = ("endpoint", "first", "second", "hypothesis", "margin")
NEEDS_MARGIN = ("non_inferiority", "equivalence")


@dataclass(frozen=True)
class Endpoint:
    """One hypothesis about one difference, `first - second`, higher being better.

    Attributes:
        measure: key of an aspect, or auc, sensitivity or specificity.
        first, second: names of arms (trial) or keys of conditions (reader study).
        hypothesis: superiority (two-sided at alpha), non_inferiority (one-sided at alpha / 2) or equivalence (two
            one-sided tests, each at alpha).
        margin: in units of the measure; None for superiority.
    """

    measure: str
    first: str
    second: str
    hypothesis: str = "superiority"
    margin: float | None = None


def read_endpoint(values: Mapping[str, Any]) -> Endpoint | None:
    """The endpoint as a protocol holds it (`primary_endpoint`); None where it names no measure.

    Raises:
        UserError: an unknown key or hypothesis, one arm or the same arm twice, or a margin that is missing or not
            above zero.
    """
    unknown = sorted(set(values) - set(KEYS))
    if unknown:
        raise UserError(
            _("primary_endpoint: unknown key %(key)s; known: %(known)s")
            % {"key": unknown[0], "known": ", ".join(KEYS)}
        )
    hypothesis = str(values.get("hypothesis") or HYPOTHESES[0])
    if hypothesis not in HYPOTHESES:
        raise UserError(
            _("primary_endpoint: hypothesis %(name)s; known: %(known)s")
            % {"name": hypothesis, "known": ", ".join(HYPOTHESES)}
        )
    measure, first, second = (str(values.get(name) or "").strip() for name in KEYS[:3])
    if not measure:
        return None
    if bool(first) != bool(second) or (first and first == second):
        raise UserError(_("primary_endpoint: first and second are to name two different arms or conditions"))
    return Endpoint(measure, first, second, hypothesis, _margin(values.get("margin"), hypothesis))


def keys_of_endpoint(values: Mapping[str, Any]) -> tuple[str, ...]:
    """The aspect or measure that a protocol's primary endpoint names, as it stands; none where it names none."""
    measure = str(values.get(KEYS[0]) or "").strip()
    return (measure,) if measure else ()


def _margin(value: Any, hypothesis: str) -> float | None:
    try:
        margin = float(value or 0)
    except (TypeError, ValueError):
        margin = -1.0
    if not 0 <= margin < float("inf"):
        raise UserError(
            _("primary endpoint: margin %(margin)s is no number from zero on") % {"margin": value}
        )
    if hypothesis in NEEDS_MARGIN and margin == 0:
        named = {"non_inferiority": _("Non-inferiority"), "equivalence": _("Equivalence")}[hypothesis]
        raise UserError(
            _("primary endpoint: %(hypothesis)s needs a margin, a number above zero") % {"hypothesis": named}
        )
    return margin or None


def hypothesis_name(hypothesis: str) -> str:
    """The hypothesis as printed."""
    return {
        "superiority": _("Superiority"),
        "non_inferiority": _("Non-inferiority"),
        "equivalence": _("Equivalence"),
    }[hypothesis]
