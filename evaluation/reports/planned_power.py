"""The power calculations that a protocol keeps, in words for its page, its trials and their reports."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from evaluation import counted
from evaluation.endpoint import hypothesis_name


def power_sentences(kept: Iterable[Mapping[str, Any]]) -> list[str]:
    """One sentence for each calculation: who, when, for what, with what result."""
    return [_said(one) for one in kept]


def _said(one: Mapping[str, Any]) -> str:
    text = _(
        "Power, calculated %(at)s (UTC) by %(by)s for %(inputs)s: %(designs)s. Simulated trials per design: %(runs)s, "
        "seed %(seed)s."
    )
    clauses = pgettext("between clauses", "; ")
    return text % {
        "at": one["at"],
        "by": one["by"],
        "inputs": _inputs(one["inputs"]),
        "designs": clauses.join(_design(design) for design in one["designs"]),
        "runs": one["runs"],
        "seed": one["seed"],
    }


def _inputs(given: Mapping[str, Any]) -> str:
    """What the calculation was asked, as the middle of a sentence."""
    parts = [
        _("a difference of %(difference)s") % {"difference": counted.points(given["difference"])},
        hypothesis_name(given["hypothesis"]),
    ]
    if given.get("margin"):
        parts.append(_("margin %(margin)s") % {"margin": counted.points(given["margin"])})
    parts.append(f"α = {given['alpha']:g}")
    if given.get("raters_per_answer"):
        parts.append(_("%(raters)s per answer") % {"raters": counted.raters(given["raters_per_answer"])})
    if given.get("per_patient", 1) != 1:
        text = _("%(count)s questions per patient with a correlation of %(correlation)s")
        parts.append(
            text % {"count": f"{given['per_patient']:.3g}", "correlation": f"{given['correlation']:g}"}
        )
    return pgettext("between the parts of a list", ", ").join(parts)


def _design(design: Mapping[str, Any]) -> str:
    facts = {"raters": counted.raters(design["raters"]), "questions": counted.questions(design["questions"])}
    if design.get("power") is None:
        return _("%(raters)s, %(questions)s: not reached") % facts
    text = _("%(raters)s, %(questions)s: %(power)s [%(low)s, %(high)s]")
    return text % (facts | {name: f"{design[name]:.0%}" for name in ("power", "low", "high")})
