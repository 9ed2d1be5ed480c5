"""`analyse agreement`: intraclass correlations, alpha, kappas and concordance of units scored by raters."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from django.utils.translation import gettext as _

from evaluation.analyses.csv_table import MISSING, CsvRow, CsvTable, read_csv
from evaluation.analyses.results import AnalysisResult, columns, limits, number, shown, unfit
from evaluation.statistics.fleiss import several_raters
from evaluation.statistics.intraclass import intraclass
from evaluation.statistics.kappa import WEIGHTS, cross_table, kappa
from evaluation.statistics.kendall_w import kendall_w
from evaluation.statistics.krippendorff import LEVELS, alpha
from evaluation.statistics.marginal_homogeneity import stuart_maxwell
from evaluation.statistics.results import Estimate
from evaluation.statistics.score_cube import FloatArray, require_held
from mammo.core.errors import UserError

LONG = ("rater", "unit", "value")
FORMS = ("icc_1", "icc_a1", "icc_c1", "icc_1k", "icc_ak", "icc_ck")


# Headings of a first column that holds raters: such a table has a row per rater.
RATERS = frozenset({"rater", "coder", "judge", "observer", "reader"})
NO_UNIT = "no column names the units: every column is a rater, every row a unit"
TURNED = "column {name} names raters: every row is a rater, every other column a unit"
WHOLE = "ICC and kappas use the units that every rater scored ({used} of {units})"
WEIGHTED = "weighted kappas take the categories that occur, in their order, as equally far apart"
ALPHA = "alpha ({level})"
# More different values than this are measurements: as categories each would hardly ever be met twice.
MOST_CATEGORIES = 200
MANY = (
    "{values} different values: kappas and the test of equal margins, which take them as categories, are left out above "
    "{most}"
)
MANY_LEVELS = (
    "{values} different values: alpha is given on the interval level alone; round the values for the others"
)
NOMINAL = "values are names of categories: no intraclass correlation, no order, no weights"


@dataclass(frozen=True)
class Ratings:
    """Attributes:
    values: (units, raters), NaN where missing; codes of the categories where values are names.
    notes: how the file was read, where it could be read otherwise.
    """

    values: FloatArray
    notes: tuple[str, ...] = ()


def read_ratings(table: CsvTable, *, nominal: bool = False) -> Ratings:
    """Ratings of a file with columns rater,unit,value; or of a wide one.

    Wide: the unit and then a column per rater; columns that are all raters (rater1, rater2, …); or, where the first
    column is called rater (coder, judge, observer, reader), a row per rater and a column per unit.

    Args:
        nominal: values are names of categories, such as 4A.

    Raises:
        UserError: fewer than two raters, a value that is no number, a unit or value that is given twice.
    """
    if set(LONG) <= set(table.columns):
        return _from_long(table, _reader(table, ["value"], nominal))
    first, *others = table.columns
    if _are_a_series(table.columns):
        return Ratings(_wide(table, list(table.columns), nominal), (NO_UNIT,))
    if len(table.columns) < 3:
        raise UserError(
            _("%(path)s: give columns rater,unit,value, or the unit and then one column per rater")
            % {"path": table.path}
        )
    seen: dict[str, int] = {}
    for row in table:
        name = row.text(first)
        if name in seen:
            raise row.error(
                first,
                f"{name!r} stands on line {seen[name]} already; the first column names the unit, each once",
            )
        seen[name] = row.line
    values = _wide(table, others, nominal)
    if first.lower() in RATERS:
        return Ratings(values.T, (TURNED.format(name=first),))
    return Ratings(values)


def _are_a_series(names: Sequence[str]) -> bool:
    """rater1, rater2, rater3: one word with a number each, all of one word."""
    found = [re.fullmatch(r"(.*?)[ _.-]?\d+", name) for name in names]
    return len(names) > 1 and all(found) and len({match.group(1) for match in found if match}) == 1


def _reader(table: CsvTable, columns: Sequence[str], nominal: bool) -> Callable[[CsvRow, str], float]:
    """What turns a cell into a number: its own, or the code of the category it names."""
    if nominal:
        names = {row.cells[column] for row in table for column in columns}
        named = sorted(name for name in names if name.lower() not in MISSING)
        codes = {name: float(place) for place, name in enumerate(named)}
        return lambda row, column: codes.get(row.cells[column], np.nan)

    def value(row: CsvRow, column: str) -> float:
        try:
            number = row.optional_number(column)
        except UserError as error:
            raise UserError(_("%(error)s; names of categories: --nominal") % {"error": error}) from None
        return np.nan if number is None else number

    return value


def _wide(table: CsvTable, columns: list[str], nominal: bool) -> FloatArray:
    value = _reader(table, columns, nominal)
    return np.array([[value(row, name) for name in columns] for row in table])


def _from_long(table: CsvTable, value: Callable[[CsvRow, str], float]) -> Ratings:
    raters = list(dict.fromkeys(row.text("rater") for row in table))
    units = list(dict.fromkeys(row.text("unit") for row in table))
    if len(raters) < 2:
        raise UserError(_("%(path)s: one rater only; agreement needs two") % {"path": table.path})
    try:
        require_held(len(units), len(raters))
    except ValueError as error:
        raise unfit(table.path, error) from None
    place_of = {name: i for i, name in enumerate(raters)}, {name: i for i, name in enumerate(units)}
    values = np.full((len(units), len(raters)), np.nan)
    filled: set[tuple[int, int]] = set()
    for row in table:
        place = place_of[1][row.text("unit")], place_of[0][row.text("rater")]
        if place in filled:
            raise row.error("value", "this rater and unit were given before; keep one")
        filled.add(place)
        values[place] = value(row, "value")
    return Ratings(values)


def analyse_agreement(
    path: Path, *, level: float = 0.95, b: int = 1000, seed: int = 1, nominal: bool = False
) -> AnalysisResult:
    """Intraclass correlations, kappas and concordance (units that every rater scored), alpha (all units).

    Args:
        b: bootstrap replicates of the intervals of alpha.
        nominal: values are names of categories: alpha on the nominal level and unweighted kappas alone.

    Returns:
        data with keys `icc` (form -> {"value","ci"}), `alpha` (level -> value), `alpha_ci` (level -> limits), `kappa`
        (two raters: weights -> {"value","se","ci"}; always `fleiss`, `conger`, `light`; empty above MOST_CATEGORIES
        values), `marginal_homogeneity` (two raters: Stuart-Maxwell's {"chi2","df","p"}, whether both use the
        categories equally often), `kendall_w`, `units`, `raters`, `notes`.

    Raises:
        UserError: the file is unfit, or agreement is not defined for it.
    """
    read = read_ratings(read_csv(path), nominal=nominal)
    ratings, notes = read.values, [*read.notes, *([NOMINAL] if nominal else [])]
    whole = ratings[~np.isnan(ratings).any(1)]
    if len(whole) < len(ratings):
        notes.append(WHOLE.format(used=len(whole), units=len(ratings)))
    lines = [["measure", "estimate [interval]"]]
    values = len(np.unique(ratings[~np.isnan(ratings)]))
    is_many = values > MOST_CATEGORIES
    if is_many:
        notes.append(MANY.format(values=values, most=MOST_CATEGORIES))
    icc = {} if nominal else _correlations(whole, level, lines, notes)
    levels = ("nominal",) if nominal else ("interval",) if is_many else LEVELS
    if levels == ("interval",):
        notes.append(MANY_LEVELS.format(values=values))
    alphas = _alphas(path, ratings, levels, level, b, seed, notes)
    lines += [[f"alpha ({name})", shown(estimate)] for name, estimate in alphas.items()]
    kappas = {} if is_many else _kappas(whole, WEIGHTS[:1] if nominal else WEIGHTS, level, lines, notes)
    data = {
        "icc": icc,
        "alpha": {name: number(estimate.value) for name, estimate in alphas.items()},
        "alpha_ci": {name: limits(estimate.interval) for name, estimate in alphas.items()},
        "kappa": kappas,
        "marginal_homogeneity": None if is_many else _margins(whole, lines),
        "kendall_w": None if nominal else _concordance(whole, lines, notes),
        "units": int(ratings.shape[0]),
        "raters": int(ratings.shape[1]),
        "level": level,
        "notes": notes,
    }
    return AnalysisResult(data, [*columns(lines), *(f"note: {note}" for note in notes)])


def _correlations(
    whole: FloatArray, level: float, lines: list[list[str]], notes: list[str]
) -> dict[str, Any]:
    try:
        found = intraclass(whole, level=level)
    except ValueError as error:
        notes.append(f"ICC: {error}")
        return {}
    estimates = {name: getattr(found, name) for name in FORMS}
    lines += [[estimate.method, shown(estimate)] for estimate in estimates.values()]
    return {
        name: {"value": number(estimate.value), "ci": limits(estimate.interval)}
        for name, estimate in estimates.items()
    }


def _alphas(
    path: Path,
    ratings: FloatArray,
    levels: Sequence[str],
    level: float,
    b: int,
    seed: int,
    notes: list[str],
) -> dict[str, Estimate]:
    """Alpha on every level that the values allow.

    Raises:
        UserError: it is defined on none.
    """
    found: dict[str, Estimate] = {}
    problem = ""
    for name in levels:
        try:
            found[name] = alpha(ratings, level=name, b=b, seed=seed, confidence=level)
        except ValueError as error:
            problem = str(error)
            notes.append(f"{ALPHA.format(level=name)}: {error}")
    if not found:
        raise UserError(f"{path}: {problem}")
    return found


def _kappas(
    whole: FloatArray, kinds: Sequence[str], level: float, lines: list[list[str]], notes: list[str]
) -> dict[str, Any]:
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
        for weights in kinds:
            estimate = kappa(table, weights=weights, level=level)
            found[weights] = {
                "value": number(estimate.value),
                "se": number(estimate.se),
                "ci": limits(estimate.interval),
            }
            lines.append([estimate.method, shown(estimate)])
        if len(kinds) > 1:
            notes.append(WEIGHTED)
    return found


def _margins(whole: FloatArray, lines: list[list[str]]) -> dict[str, Any] | None:
    """Whether two raters use the categories equally often."""
    categories = np.unique(whole)
    if whole.shape[1] != 2 or len(categories) < 2:
        return None
    found = stuart_maxwell(cross_table(whole[:, 0], whole[:, 1], categories))
    p = "not defined" if found.p is None else f"{found.p:.4g}"
    lines.append([f"{found.method}, chi2, df = {found.df}", f"{found.chi2:.4f}, p = {p}"])
    return {"chi2": found.chi2, "df": found.df, "p": found.p, "method": found.method}


def _concordance(whole: FloatArray, lines: list[list[str]], notes: list[str]) -> dict[str, Any] | None:
    try:
        w, chi2, p = kendall_w(whole)
    except ValueError as error:
        notes.append(f"concordance: {error}")
        return None
    lines.append([w.method, shown(w)])
    return {"value": number(w.value), "chi2": number(chi2), "p": p}
