"""Anyone's CSV file analysed on a page: tables, plots and a paragraph for the methods section."""

import base64
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from django.utils.translation import gettext as _

from evaluation.analyses.agreement import analyse_agreement
from evaluation.analyses.csv_table import read_csv
from evaluation.analyses.mrmc import MrmcOptions, run_mrmc
from evaluation.analyses.proportions import analyse_proportions
from evaluation.analyses.results import AnalysisResult
from evaluation.analyses.roc import analyse_roc, read_truth
from evaluation.analyses.scores import analyse_scores
from evaluation.reports.figures import plots
from evaluation.reports.figures.canvas import to_bytes
from evaluation.reports.table import software_version
from evaluation.statistics.results import Estimate
from mammo.core.errors import UserError

KINDS = ("roc", "mrmc", "scores", "agreement", "proportions")
# A page answers within a moment: the command line takes 10,000.
REPLICATES = 2000
MOST_DOTS = 40


@dataclass(frozen=True)
class Grid:
    """A table of texts."""

    caption: str
    header: list[str]
    rows: list[list[str]]


@dataclass(frozen=True)
class OwnAnalysis:
    """Attributes:
    pictures: (caption, data address of a PNG).
    methods: a paragraph in English for a manuscript.
    """

    grids: list[Grid]
    pictures: list[tuple[str, str]]
    methods: str
    notes: list[str]
    lines: list[str] = field(default_factory=list)


def analyse_own(kind: str, path: Path, options: dict[str, Any]) -> OwnAnalysis:
    """Analyse a file as `analyse KIND` does.

    Args:
        options: of the kind; empty texts and None count as not given.

    Raises:
        UserError: an unknown kind, a missing option, or what the analysis refuses.
    """
    given = {name: value for name, value in options.items() if value not in (None, "")}
    if kind == "roc":
        for name in ("truth", "score"):
            if name not in given:
                raise UserError(
                    _("%(name)s: name the column; the file has %(columns)s")
                    % {"name": name, "columns": ", ".join(read_csv(path).columns)}
                )
        names = ("truth", "score", "compare", "cluster", "positive", "threshold")
        chosen = {name: given[name] for name in names if name in given}
        result = analyse_roc(path, **chosen)
        pictures = [_roc_picture(path, chosen, result)]
    elif kind == "mrmc":
        names = ("endpoint", "covariance", "threshold", "standalone", "group", "positive")
        result = run_mrmc(path, MrmcOptions(**{name: given[name] for name in names if name in given}))
        pictures = _mrmc_pictures(result)
    elif kind == "scores":
        result = analyse_scores(path, b=REPLICATES, margin=given.get("margin"))
        pictures = _score_pictures(result)
    elif kind == "agreement":
        result, pictures = analyse_agreement(path), []
    elif kind == "proportions":
        result = analyse_proportions(path)
        pictures = _proportion_pictures(result)
    else:
        raise UserError(
            _("analyse %(kind)s: no such analysis; known: %(known)s")
            % {"kind": kind, "known": ", ".join(KINDS)}
        )
    notes = [str(note) for note in result.data.get("notes", [])]
    return OwnAnalysis(_grids(result.data), pictures, _methods(kind, result, given), notes, result.lines)


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
    for aspect in aspects[:6]:
        rows = [
            (str(row["system"]), row["mean"], _limits(row["ci"]))
            for row in result.data["means"]
            if row["aspect"] == aspect and row["mean"] is not None
        ]
        pictures.append(
            _picture(_("Means, %(aspect)s") % {"aspect": aspect}, plots.dots(rows[:MOST_DOTS], axis=aspect))
        )
    return pictures


def _proportion_pictures(result: AnalysisResult) -> list[tuple[str, str]]:
    rows = [
        (str(row["name"]), row["estimate"], _limits(row["wilson"]))
        for row in result.data["proportions"]
        if row["estimate"] is not None
    ]
    return [_picture(_("Shares"), plots.dots(rows[:MOST_DOTS], axis="share"))] if rows else []


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return f"[{', '.join(_shown(item) for item in value)}]"
    return str(value)


def _grids(data: dict[str, Any], before: str = "") -> list[Grid]:
    """Lists of objects and objects of objects become tables; single numbers one table of names and values."""
    grids: list[Grid] = []
    plain: list[list[str]] = []
    for key, value in data.items():
        name = f"{before}{key}"
        if key == "notes" or value is None or value == [] or value == {}:
            continue
        if isinstance(value, list) and all(isinstance(item, dict) for item in value):
            grids.append(_grid(name, value))
        elif isinstance(value, dict) and all(isinstance(item, dict) for item in value.values()):
            rows = [{name.rpartition(" ")[2]: label} | item for label, item in value.items()]
            flat = [row for row in rows if not any(isinstance(v, dict) for v in row.values())]
            grids += [_grid(name, flat)] if len(flat) == len(rows) else _grids(value, f"{name} ")
        elif isinstance(value, dict):
            grids += _grids(value, f"{name} ")
        else:
            plain.append([key, _shown(value)])
    if plain:
        grids.insert(0, Grid(before.strip() or _("Result"), [_("Name"), _("Value")], plain))
    return grids


def _grid(caption: str, rows: list[dict[str, Any]]) -> Grid:
    header = list(dict.fromkeys(key for row in rows for key in row if not isinstance(row[key], dict)))
    return Grid(caption, header, [[_shown(row.get(name)) for name in header] for row in rows])


def _methods(kind: str, result: AnalysisResult, given: dict[str, Any]) -> str:
    """A paragraph for the methods section, in English: what was estimated, how, with what."""
    data = result.data
    level = f"{data.get('level', 0.95):.0%}"
    if kind == "roc":
        text = (
            f"The area under the ROC curve was estimated for {data['n_positive']} positive and "
            f"{data['n_negative']} negative cases with {level} confidence intervals ({data['method']})."
        )
        if given.get("compare"):
            text += " Two scores of the same cases were compared by DeLong's paired test."
    elif kind == "mrmc":
        text = (
            "Readers, modalities and cases were analysed by the method of Obuchowski and Rockette with degrees of "
            f"freedom by Hillis (2007); readers and cases were random, the endpoint was {given.get('endpoint', 'auc')} "
            f"and error covariances were estimated by {data.get('covariance', 'DeLong')}."
        )
    elif kind == "scores":
        methods = sorted({row["method"] for row in data["means"]})
        text = (
            f"Mean scores are given with {level} confidence intervals with raters and questions as random factors "
            f"({'; '.join(methods)}). Contrasts were adjusted by Holm's method."
        )
        if given.get("margin") is not None:
            text += f" Non-inferiority and equivalence were tested against a margin of {given['margin']:g} points."
    elif kind == "agreement":
        text = (
            f"Agreement of {data['raters']} raters on {data['units']} units was measured by intraclass correlations "
            "(McGraw and Wong 1996) and Krippendorff's alpha with bootstrap intervals over units."
        )
    else:
        text = f"Shares are given with {level} confidence intervals by Wilson and by Clopper and Pearson."
    return f"{text} Computed with {software_version()}."
