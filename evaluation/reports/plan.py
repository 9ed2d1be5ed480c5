"""What a protocol plans for the analysis, as the reports carry it out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from evaluation.endpoint import Endpoint, read_endpoint
from evaluation.models import Protocol
from evaluation.statistics.results import ADJUSTMENTS
from mammo.core.errors import UserError


@dataclass(frozen=True)
class AnalysisPlan:
    """Attributes:
    alpha: of two-sided tests; intervals have the level 1 - alpha.
    adjustment: of p values over the contrasts of an aspect, one of results.ADJUSTMENTS.
    endpoint: the primary one; None where the protocol names none that can be read.
    notes: what of the protocol could not be carried out.
    """

    alpha: float = 0.05
    adjustment: str = "holm"
    endpoint: Endpoint | None = None
    notes: tuple[str, ...] = ()

    @property
    def level(self) -> float:
        """Level of intervals."""
        return round(1 - self.alpha, 12)

    @property
    def level_name(self) -> str:
        """The level as printed, such as 95%."""
        return f"{round(100 * self.level, 6):g}%"

    @property
    def adjustment_name(self) -> str:
        """The adjustment as printed."""
        return {"holm": "Holm", "bonferroni": "Bonferroni"}.get(self.adjustment, _("not adjusted"))


def plan_of(protocol: Protocol) -> AnalysisPlan:
    """The plan of a protocol."""
    return read_plan(
        {
            "alpha": protocol.alpha,
            "multiplicity": protocol.multiplicity,
            "primary_endpoint": protocol.primary_endpoint,
        }
    )


def read_plan(facts: Mapping[str, Any]) -> AnalysisPlan:
    """The plan from a protocol's fields by name, as a frozen export holds them.

    Protocols of earlier versions may hold what this one does not take: it is told in the notes.
    """
    notes = []
    adjustment = str(facts.get("multiplicity") or "holm").strip().lower()
    if adjustment not in ADJUSTMENTS:
        notes.append(
            _("The protocol's adjustment “%(name)s” is none of %(known)s: Holm's is shown.")
            % {"name": adjustment, "known": ", ".join(ADJUSTMENTS)}
        )
        adjustment = "holm"
    endpoint = None
    try:
        endpoint = read_endpoint(facts.get("primary_endpoint") or {})
    except UserError as error:
        notes.append(_("The protocol's primary endpoint can't be read: %(why)s.") % {"why": error})
    return AnalysisPlan(float(facts.get("alpha") or 0.05), adjustment, endpoint, tuple(notes))
