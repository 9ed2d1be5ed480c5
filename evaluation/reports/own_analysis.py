"""Anyone's CSV file analysed on a page: tables, plots and a paragraph for the methods section."""

import base64
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from django.utils.translation import gettext as _

from evaluation.analyses.agreement import analyse_agreement
from evaluation.analyses.csv_table import read_csv
from evaluation.analyses.mrmc import MrmcOptions, run_mrmc
from evaluation.analyses.paired import analyse_paired
from evaluation.analyses.preferences import analyse_preferences
from evaluation.analyses.proportions import analyse_proportions
from evaluation.analyses.ranks import analyse_ranks
from evaluation.analyses.results import AnalysisResult
from evaluation.analyses.roc import analyse_roc, read_truth
from evaluation.analyses.scores import analyse_scores
from evaluation.reports.analysis_grids import Grid, grids_of
from evaluation.reports.figures import plots
from evaluation.reports.figures.canvas import to_bytes
from evaluation.reports.methods_text import methods
from evaluation.reports.wording import in_words
from evaluation.statistics.results import Estimate
from mammo.core.errors import UserError

# A page answers within a moment: the command line takes 10,000.
REPLICATES = 2000
MOST_DOTS = 40
MOST_PICTURES = 6


@dataclass(frozen=True)
class OwnAnalysis:
    """Attributes:
    pictures: (caption, data address of a PNG).
    methods: a paragraph for a manuscript, in the reader's language.
    """

    grids: list[Grid]
    pictures: list[tuple[str, str]]
    methods: str
    notes: list[str]
    lines: list[str] = field(default_factory=list)


def analyse_own(kind: str, path: Path, options: dict[str, Any]) -> OwnAnalysis:
    """Analyse a file as `analyse KIND` does.

    Args:
        options: of the kind; empty texts, False and None count as not given.

    Raises:
        UserError: an unknown kind, a missing option, or what the analysis refuses.
    """
    given = {name: value for name, value in options.items() if value not in (None, "") and value is not False}
    if kind not in ANALYSES:
        raise UserError(
            _("analyse %(kind)s: no such analysis; known: %(known)s")
            % {"kind": kind, "known": ", ".join(KINDS)}
        )
    result, pictures = ANALYSES[kind](path, given)
    notes = [in_words(str(note)) for note in result.data.get("notes", [])]
    return OwnAnalysis(grids_of(result.data), pictures, methods(kind, result, given), notes, result.lines)


Analysed = tuple[AnalysisResult, list[tuple[str, str]]]


def _chosen(given: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: given[name] for name in names if name in given}


def _roc(path: Path, given: dict[str, Any]) -> Analysed:
    for name in ("truth", "score"):
        if name not in given:
            raise UserError(
                _("%(name)s: name the column; the file has %(columns)s")
                % {"name": name, "columns": ", ".join(read_csv(path).columns)}
            )
    chosen = _chosen(given, "truth", "score", "compare", "cluster", "positive", "threshold", "bootstrap")
    more = _chosen(given, "level", "at_sensitivity", "partial", "multiclass", "seed")
    result = analyse_roc(path, b=given.get("replicates", REPLICATES), **chosen, **more)
    return result, [] if given.get("multiclass") else [_roc_picture(path, chosen, result)]


def _mrmc(path: Path, given: dict[str, Any]) -> Analysed:
    chosen = _chosen(given, *(option.name for option in fields(MrmcOptions)))
    result = run_mrmc(path, MrmcOptions(**chosen))
    return result, _mrmc_pictures(result)


def _scores(path: Path, given: dict[str, Any]) -> Analysed:
    chosen = _chosen(given, "level", "margin", "maximum", "mixed", "rater_by_question", "seed")
    result = analyse_scores(path, b=given.get("replicates", REPLICATES), **chosen)
    return result, _score_pictures(result)


def _agreement(path: Path, given: dict[str, Any]) -> Analysed:
    return analyse_agreement(path, **_chosen(given, "level", "nominal")), []


def _proportions(path: Path, given: dict[str, Any]) -> Analysed:
    result = analyse_proportions(path, **_chosen(given, "level"))
    return result, _dots_of(result.data["proportions"], "estimate", "wilson", _("Shares"), "share")


def _paired(path: Path, given: dict[str, Any]) -> Analysed:
    chosen = _chosen(given, "level", "first", "second", "truth", "positive", "threshold", "cluster")
    result = analyse_paired(path, **chosen)
    rows = result.data["comparisons"]
    return result, _dots_of(rows, "difference", "ci", _("Differences"), "first less second")


def _ranks(path: Path, given: dict[str, Any]) -> Analysed:
    result = analyse_ranks(path, **_chosen(given, "level", "blocks"))
    pictures = []
    for part in result.data["analyses"][:MOST_PICTURES]:
        rows = [
            {"name": f"{row['system']} − {row['minus']}", "shift": row["shift"], "ci": row["ci"]}
            for row in part["wilcoxon"]
        ]
        caption = _("Differences, %(aspect)s") % {"aspect": part["aspect"] or _("all values")}
        pictures += _dots_of(rows, "shift", "ci", caption, "Hodges-Lehmann shift")
    return result, pictures


def _preferences(path: Path, given: dict[str, Any]) -> Analysed:
    result = analyse_preferences(path, **_chosen(given, "level", "reference", "ties"))
    pictures = []
    for part in result.data["analyses"][:MOST_PICTURES]:
        rows = [row | {"name": row["system"]} for row in part["strengths"]]
        caption = _("Strengths, %(aspect)s") % {"aspect": part["aspect"] or _("all preferences")}
        pictures += _dots_of(rows, "strength", "ci", caption, "strength (logit)")
    return result, pictures


ANALYSES: dict[str, Callable[[Path, dict[str, Any]], Analysed]] = {
    "roc": _roc,
    "mrmc": _mrmc,
    "scores": _scores,
    "agreement": _agreement,
    "proportions": _proportions,
    "paired": _paired,
    "ranks": _ranks,
    "preferences": _preferences,
}
KINDS = tuple(ANALYSES)


def _picture(caption: str, figure: Any) -> tuple[str, str]:
    return caption, "data:image/png;base64," + base64.b64encode(to_bytes(figure, "png")).decode()


def _roc_picture(path: Path, chosen: dict[str, Any], result: AnalysisResult) -> tuple[str, str]:
    table = read_csv(path)
    truth = read_truth(table, chosen["truth"], chosen.get("positive"))
    curves, areas = {}, {}
    for name, data in ((chosen["score"], result.data), (chosen.get("compare"), result.data.get("compare"))):
        if name and data:
            curves[name] = (truth, np.array([row.number(name) for row in table]))
            areas[name] = Estimate(data["auc"], tuple(data["ci"]) if data.get("ci") else None, "DeLong")
    return _picture(_("ROC curves"), plots.roc_curves(curves, areas=areas))


def _limits(found: Any) -> tuple[float, float] | None:
    return (float(found[0]), float(found[1])) if found else None


def _mrmc_pictures(result: AnalysisResult) -> list[tuple[str, str]]:
    endpoint = result.data.get("endpoint", "auc")
    readers = [
        (
            f"{row['reader']}, {row['modality']}",
            row[endpoint if endpoint in row else "auc"],
            _limits(row.get("ci")),
        )
        for row in result.data["readers"]
        if row.get(endpoint if endpoint in row else "auc") is not None
    ]
    if not readers:
        return []
    return [_picture(_("Readers"), plots.dots(readers[:MOST_DOTS], axis=str(endpoint)))]


def _score_pictures(result: AnalysisResult) -> list[tuple[str, str]]:
    aspects = list(dict.fromkeys(row["aspect"] for row in result.data["means"]))
    pictures = []
    for aspect in aspects[:MOST_PICTURES]:
        rows = [
            (str(row["system"]), row["mean"], _limits(row["ci"]))
            for row in result.data["means"]
            if row["aspect"] == aspect and row["mean"] is not None
        ]
        pictures.append(
            _picture(_("Means, %(aspect)s") % {"aspect": aspect}, plots.dots(rows[:MOST_DOTS], axis=aspect))
        )
    return pictures


def _dots_of(
    rows: list[dict[str, Any]], value: str, interval: str, caption: str, axis: str
) -> list[tuple[str, str]]:
    """One plot of named values with their intervals; nothing where there are none."""
    dots = [(str(row["name"]), row[value], _limits(row[interval])) for row in rows if row[value] is not None]
    return [_picture(caption, plots.dots(dots[:MOST_DOTS], axis=axis))] if dots else []
