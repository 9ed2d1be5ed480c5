"""`analyse agreement`: intraclass correlations and Krippendorff's alpha of units scored by raters."""

from pathlib import Path
from typing import Any

import numpy as np

from evaluation.analyses.csv_table import CsvTable, read_csv
from evaluation.analyses.results import AnalysisResult, columns, limits, number, shown
from evaluation.statistics.intraclass import intraclass
from evaluation.statistics.krippendorff import LEVELS, alpha
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


def analyse_agreement(path: Path, *, level: float = 0.95) -> AnalysisResult:
    """Six intraclass correlations (units that every rater scored) and alpha on four levels (all units).

    Returns:
        data with keys `icc` (form -> {"value","ci"}), `alpha` (level -> value), `units`, `raters`, `notes`.

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
    try:
        alphas = {name: alpha(ratings, level=name).value for name in LEVELS}
    except ValueError as error:
        raise UserError(f"{path}: {error}") from None
    lines += [[f"alpha ({name})", f"{value:.4f}"] for name, value in alphas.items()]
    data = {
        "icc": icc,
        "alpha": {name: number(value) for name, value in alphas.items()},
        "units": int(ratings.shape[0]),
        "raters": int(ratings.shape[1]),
        "level": level,
        "notes": notes,
    }
    return AnalysisResult(data, [*columns(lines), *(f"note: {note}" for note in notes)])
