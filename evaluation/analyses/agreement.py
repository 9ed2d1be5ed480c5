"""`analyse agreement`: intraclass correlations, alpha, kappas and concordance of units scored by raters."""

from pathlib import Path
from typing import Any

import numpy as np

from evaluation.analyses.csv_table import CsvTable, read_csv
from evaluation.analyses.results import AnalysisResult, columns, limits, number, shown
from evaluation.statistics.fleiss import several_raters
from evaluation.statistics.intraclass import intraclass
from evaluation.statistics.kappa import WEIGHTS, cross_table, kappa
from evaluation.statistics.kendall_w import kendall_w
from evaluation.statistics.krippendorff import LEVELS, alpha
from evaluation.statistics.results import Estimate
from evaluation.statistics.score_cube import FloatArray
from mammo.core.errors import UserError

LONG = ("rater", "unit", "value")
FORMS = ("icc_1", "icc_a1", "icc_c1", "icc_1k", "icc_ak", "icc_ck")


def read_ratings(table: CsvTable) -> FloatArray:
    """Array (units, raters), NaN where missing.

    The file has columns rater,unit,value; or the unit and then one column per rater.

    Raises:
        UserError: fewer than two raters, a value that is no number or is given twice.
    """
    if set(LONG) <= set(table.columns):
        return _from_long(table)
    if len(table.columns) < 3:
        raise UserError(
            f"{table.path}: give columns rater,unit,value, or the unit and then one column per rater"
        )
    cells = [[row.optional_number(name) for name in table.columns[1:]] for row in table]
    return np.array([[np.nan if value is None else value for value in row] for row in cells])


def _from_long(table: CsvTable) -> FloatArray:
    raters = list(dict.fromkeys(row.text("rater") for row in table))
    units = list(dict.fromkeys(row.text("unit") for row in table))
    if len(raters) < 2:
        raise UserError(f"{table.path}: one rater only; agreement needs two")
    place_of = {name: i for i, name in enumerate(raters)}, {name: i for i, name in enumerate(units)}
    values = np.full((len(units), len(raters)), np.nan)
    filled: set[tuple[int, int]] = set()
    for row in table:
        place = place_of[1][row.text("unit")], place_of[0][row.text("rater")]
        if place in filled:
            raise row.error("value", "this rater and unit were given before; keep one")
        filled.add(place)
        value = row.optional_number("value")
        values[place] = np.nan if value is None else value
    return values


def analyse_agreement(path: Path, *, level: float = 0.95, b: int = 1000, seed: int = 1) -> AnalysisResult:
    """Intraclass correlations, kappas and concordance (units that every rater scored), alpha (all units).

    Args:
        b: bootstrap replicates of the intervals of alpha.

    Returns:
        data with keys `icc` (form -> {"value","ci"}), `alpha` (level -> value), `alpha_ci` (level -> limits), `kappa`
        (two raters: weights -> {"value","se","ci"}; always `fleiss`, `conger`, `light`), `kendall_w`, `units`,
        `raters`, `notes`.

    Raises:
        UserError: the file is unfit, or agreement is not defined for it.
    """
    ratings = read_ratings(read_csv(path))
    whole = ratings[~np.isnan(ratings).any(1)]
    notes: list[str] = []
    if len(whole) < len(ratings):
        notes.append(f"ICC uses the {len(whole)} of {len(ratings)} units that every rater scored")
    icc: dict[str, Any] = {}
    lines = [["measure", "estimate [interval]"]]
    try:
        found = intraclass(whole, level=level)
        for name in FORMS:
            estimate = getattr(found, name)
            icc[name] = {"value": number(estimate.value), "ci": limits(estimate.interval)}
            lines.append([estimate.method, shown(estimate)])
    except ValueError as error:
        notes.append(f"ICC: {error}")
    alphas = _alphas(path, ratings, level, b, seed, notes)
    lines += [[f"alpha ({name})", shown(estimate)] for name, estimate in alphas.items()]
    kappas = _kappas(whole, level, lines, notes)
    data = {
        "icc": icc,
        "alpha": {name: number(estimate.value) for name, estimate in alphas.items()},
        "alpha_ci": {name: limits(estimate.interval) for name, estimate in alphas.items()},
        "kappa": kappas,
        "kendall_w": _concordance(whole, lines, notes),
        "units": int(ratings.shape[0]),
        "raters": int(ratings.shape[1]),
        "level": level,
        "notes": notes,
    }
    return AnalysisResult(data, [*columns(lines), *(f"note: {note}" for note in notes)])


def _alphas(
    path: Path, ratings: FloatArray, level: float, b: int, seed: int, notes: list[str]
) -> dict[str, Estimate]:
    """Alpha on every level that the values allow.

    Raises:
        UserError: it is defined on none.
    """
    found: dict[str, Estimate] = {}
    problem = ""
    for name in LEVELS:
        try:
            found[name] = alpha(ratings, level=name, b=b, seed=seed, confidence=level)
        except ValueError as error:
            problem = str(error)
            notes.append(f"alpha ({name}): {error}")
    if not found:
        raise UserError(f"{path}: {problem}")
    return found


def _kappas(whole: FloatArray, level: float, lines: list[list[str]], notes: list[str]) -> dict[str, Any]:
    """Kappas that take the values as categories; where they are many (a scale of 1 to 100) they say little."""
    found: dict[str, Any] = {}
    try:
        several = several_raters(whole, level=level)
    except ValueError as error:
        notes.append(f"kappa: {error}")
        return found
    found["fleiss"] = {
        "value": number(several.fleiss.value),
        "se": number(several.fleiss.se),
        "ci": limits(several.fleiss.interval),
        "z": number(several.z),
        "p": several.p,
    }
    found |= {"conger": number(several.conger), "light": number(several.light)}
    lines.append(["Fleiss' kappa", shown(several.fleiss)])
    if whole.shape[1] == 2:
        categories = np.unique(whole)
        table = cross_table(whole[:, 0], whole[:, 1], categories)
        for weights in WEIGHTS:
            estimate = kappa(table, weights=weights, level=level)
            found[weights] = {
                "value": number(estimate.value),
                "se": number(estimate.se),
                "ci": limits(estimate.interval),
            }
            lines.append([estimate.method, shown(estimate)])
        notes.append("weighted kappas take the categories that occur, in their order, as equally far apart")
    return found


def _concordance(whole: FloatArray, lines: list[list[str]], notes: list[str]) -> dict[str, Any] | None:
    try:
        w, chi2, p = kendall_w(whole)
    except ValueError as error:
        notes.append(f"concordance: {error}")
        return None
    lines.append([w.method, shown(w)])
    return {"value": number(w.value), "chi2": number(chi2), "p": p}
