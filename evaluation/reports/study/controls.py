"""What hidden controls tell of each rater, and how many forms were scored under other conditions than planned.

A degraded control is an answer with part of its text missing. It is held against the same rater's scores of the whole
answer: the mean over the aspects should be lower.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from django.utils.translation import gettext as _

from evaluation import counted
from evaluation.reports.study.data import StudyData
from evaluation.reports.study.parts import Grid, Section
from evaluation.reports.study.planned import rule_of

# Points below the whole answer from which a control counts as passed, where the protocol gives none.
POINTS = 1.0


def control_section(data: StudyData) -> Section:
    """Per rater: controls against whole answers, failed ones by the protocol's rule, forms known or typed."""
    points = control_points(data)
    header = [
        *(_("Rater"), _("Controls"), _("Whole answers, mean"), _("Controls, mean"), _("Difference")),
        *(_("Failed"), _("Forms"), _("Case known"), _("Values typed")),
    ]
    raters = sorted({str(row["rater"]) for row in [*data.scores, *data.controls]})
    rows = [[rater, *_of_controls(data, rater, points), *_of_forms(data, rater)] for rater in raters]
    failed = sum(_fails(row, points) for row in data.controls)
    texts = [
        _("%(failed)s of %(controls)s degraded controls failed.")
        % {"failed": failed, "controls": len(data.controls)}
        if data.controls
        else _("No degraded controls were scored."),
        _(
            "A control fails unless its mean over the aspects is at least %(points)s below the same rater's "
            "mean for the whole answer."
        )
        % {"points": counted.points(points)},
        _("Rule of the protocol for failed controls: %(rule)s.")
        % {"rule": rule_of(data.facts, "failed_controls")},
    ]
    return Section(
        _("Hidden controls, known cases and typed values"), texts, [Grid(_("By rater"), header, rows)]
    )


def control_points(data: StudyData) -> float:
    """Points below the whole answer from which a control counts as passed: the protocol's, or one."""
    rules: Mapping[str, Any] = data.facts.get("rules") or {}
    return float(rules.get("control_points") or POINTS)


def failed_raters(data: StudyData) -> list[str]:
    """Pseudonyms of raters with a failed control, in order."""
    points = control_points(data)
    return sorted({str(row["rater"]) for row in data.controls if _fails(row, points)})


def _fails(row: Mapping[str, Any], points: float) -> bool:
    return float(row["whole"]) - float(row["control"]) < points


def _of_controls(data: StudyData, rater: str, points: float) -> list[str]:
    own = [row for row in data.controls if row["rater"] == rater]
    if not own:
        return ["0", "–", "–", "–", "–"]
    whole, control = (float(np.mean([float(row[name]) for row in own])) for name in ("whole", "control"))
    failed = sum(_fails(row, points) for row in own)
    return [str(len(own)), f"{whole:.1f}", f"{control:.1f}", f"{whole - control:.1f}", str(failed)]


def _of_forms(data: StudyData, rater: str) -> list[str]:
    """Forms, and those known and typed; a dash where an export of an earlier version does not say."""
    forms = {
        (row["question"], row["arm"]): (row.get("known"), row.get("typed"))
        for row in data.scores
        if row["rater"] == rater
    }
    counts = [str(len(forms))]
    for place in (0, 1):
        said = [marks[place] for marks in forms.values()]
        counts.append("–" if None in said else str(sum(int(mark) for mark in said if mark is not None)))
    return counts
