"""What the demo's AUCs of malignancy are worth: intervals, and whether fusing helped; from the rows of Table 8."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from evaluation.reports.predictions import Unit, malignancy_of, units_of
from evaluation.statistics.clustered_roc import clustered_auc, compare_clustered
from evaluation.statistics.mrmc_readings import BoolArray
from evaluation.statistics.results import Estimate
from evaluation.statistics.score_cube import FloatArray
from modeling.models import Prediction, Run

# Name of the figure in the summary -> what the model saw.
METHODS = {"umicon_auc": "image", "umicon_auc_fused": "fused", "umicon_auc_report": "report"}
WHY = "some phantoms' reports contradict on purpose what the pictures show (docs/benchmarks.md)"


@dataclass(frozen=True)
class HeldOut:
    """The held-out biopsied breasts, and one score of each for every method."""

    truth: BoolArray
    patients: list[str]
    scores: dict[str, FloatArray]


def held_out(run: Run) -> HeldOut | None:
    """Held-out breasts that every method judged and pathology knows; None without any."""
    units: dict[str, dict[str, Unit]] = {}
    for method in METHODS.values():
        found, side = units_of(
            run, kind="malignancy", method=method, unit_kind=Prediction.UnitKind.BREAST, simulated=True
        )
        units[method] = {unit.unit: unit for unit in found} if side == "test" else {}
    known = malignancy_of(units["image"].values())
    shared = set.intersection(*(set(rows) for rows in units.values()))
    rows = [unit for name, unit in sorted(units["image"].items()) if name in shared]
    rows = [unit for unit in rows if (unit.study, unit.laterality) in known]
    if not rows:
        return None
    return HeldOut(
        np.array([known[unit.study, unit.laterality] for unit in rows], dtype=bool),
        [unit.patient for unit in rows],
        {method: np.array([units[method][unit.unit].value for unit in rows]) for method in METHODS.values()},
    )


def with_intervals(breasts: HeldOut | None) -> dict[str, Any]:
    """Intervals of the three AUCs (95 %, breasts of a patient as a cluster) and what fusing added, for the summary.

    Returns:
        `intervals` (name: [low, high], or None where the breasts are too few), `auc_of_rows` (name: the AUC that the
        interval is about, made anew from the stored predictions), `fused_minus_images` (difference and interval, or
        None), `remarks` (sentences for the terminal).
    """
    intervals: dict[str, list[float] | None] = dict.fromkeys(METHODS)
    values: dict[str, float | None] = dict.fromkeys(METHODS)
    none = {"intervals": intervals, "auc_of_rows": values, "fused_minus_images": None}
    if breasts is None:
        return {**none, "remarks": []}
    try:
        for name, method in METHODS.items():
            found = clustered_auc(breasts.truth, breasts.scores[method], breasts.patients)
            intervals[name], values[name] = _limits(found), float(found.value)
        gain = compare_clustered(
            breasts.truth, breasts.scores["fused"], breasts.scores["image"], breasts.patients
        )
    except ValueError as few:
        return {**none, "remarks": [f"no intervals: {few}"]}
    difference = {"difference": gain.difference.value, "interval": _limits(gain.difference)}
    return {**none, "fused_minus_images": difference, "remarks": _remarks(gain.difference)}


def _limits(estimate: Estimate) -> list[float] | None:
    return None if estimate.interval is None else [float(limit) for limit in estimate.interval]


def _remarks(difference: Estimate) -> list[str]:
    if difference.value >= 0:
        return []
    said = said_with(difference.value, _limits(difference))
    sure = difference.interval is not None and difference.interval[1] < 0
    return [
        f"Fusing is below images alone here: {said}"
        + ("" if sure else ", an interval that holds zero")
        + f"; {WHY}."
    ]


def said_with(value: float, interval: list[float] | None) -> str:
    """A figure with its interval, where there is one."""
    return f"{value:.3f}" + (f" [{interval[0]:.3f}, {interval[1]:.3f}]" if interval else "")
