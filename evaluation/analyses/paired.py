"""`analyse paired`: two shares of the same cases, by McNemar's tests and Tango's interval."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from django.utils.translation import gettext as _

from evaluation.analyses.csv_table import CsvTable, read_csv
from evaluation.analyses.results import AnalysisResult, columns, limits, number, shown
from evaluation.analyses.roc import FALSE, TRUE, read_truth
from evaluation.statistics.clustered_pairs import clustered_difference
from evaluation.statistics.mcnemar import McNemar, mcnemar
from evaluation.statistics.results import Contrast
from evaluation.statistics.tango import tango
from mammo.core.errors import UserError

COUNTS = ("both", "first_only", "second_only", "neither")
BoolArray = npt.NDArray[np.bool_]
CLUSTERS = (
    "patients have several cases: take the clustered difference; McNemar's tests and Tango's interval take cases as "
    "independent"
)
NO_DISCORDANT = "{name}: the two never differ, p is 1"


def analyse_paired(
    path: Path,
    *,
    level: float = 0.95,
    first: str | None = None,
    second: str | None = None,
    truth: str | None = None,
    positive: str | None = None,
    threshold: float | None = None,
    cluster: str | None = None,
) -> AnalysisResult:
    """Compare two paired shares: counts both,first_only,second_only,neither a row, or calls in two columns.

    Args:
        first, second: columns of 0/1 calls of the same cases (of any numbers, with `threshold`: calls from it on).
        truth: column of the truth; accuracy, sensitivity and specificity are then compared instead of the calls.
        cluster: column of the patient; the difference with patients as clusters stands beside the others.

    Returns:
        data with key `comparisons`: rows `{"name","both","first_only","second_only","neither","n","first","second",
        "difference","ci","method","mcnemar":{...}}`, with `clustered` where there are clusters; and `notes`.

    Raises:
        UserError: names file, line and column of what is wrong.
    """
    table = read_csv(path)
    if first is None and second is None:
        table.require(COUNTS)
        parts = [_counted(table, place, level) for place in range(len(table.rows))]
        notes: list[str] = []
    else:
        if first is None or second is None:
            missing = "first" if first is None else "second"
            raise UserError(
                _("%(path)s: --%(name)s is missing; name the column") % {"path": path, "name": missing}
            )
        table.require([first, second, *(name for name in (truth, cluster) if name)])
        calls = _calls(table, first, threshold), _calls(table, second, threshold)
        labels = None if truth is None else read_truth(table, truth, positive)
        patients = None if cluster is None else [row.text(cluster) for row in table]
        parts = _of_calls(calls, labels, patients, (first, second), level)
        several = patients is not None and len(set(patients)) < len(patients)
        notes = [CLUSTERS] if several else []
    notes += [
        NO_DISCORDANT.format(name=part["name"])
        for part in parts
        if part["first_only"] + part["second_only"] == 0
    ]
    lines = _lines(parts, level)
    data = {"comparisons": parts, "level": level, "notes": notes}
    return AnalysisResult(data, [*lines, *(f"note: {note}" for note in notes)])


def _calls(table: CsvTable, column: str, threshold: float | None) -> BoolArray:
    if threshold is not None:
        return np.array([row.number(column) >= threshold for row in table])
    for row in table:
        if row.text(column).lower() not in TRUE | FALSE:
            raise row.error(column, f"{row.cells[column]!r} is no call (0 or 1); of numbers give --threshold")
    return np.array([row.cells[column].lower() in TRUE for row in table])


def _counted(table: CsvTable, place: int, level: float) -> dict[str, Any]:
    row = table.rows[place]
    both, b, c, neither = (row.count(name) for name in COUNTS)
    if both + b + c + neither == 0:
        raise row.error("both", "all four counts are 0; give a table of cases")
    return _comparison(row.cells.get("name") or f"row {place + 1}", (both, b, c, neither), level)


def _of_calls(
    calls: tuple[BoolArray, BoolArray],
    truth: BoolArray | None,
    patients: list[str] | None,
    names: tuple[str, str],
    level: float,
) -> list[dict[str, Any]]:
    """The comparisons of two columns of calls: the share called, or accuracy, sensitivity and specificity."""
    every = np.ones(len(calls[0]), dtype=bool)
    parts = [("positive calls", every, calls)]
    if truth is not None:
        right = calls[0] == truth, calls[1] == truth
        parts = [
            ("accuracy", every, right),
            ("sensitivity", truth, right),
            ("specificity", ~truth, right),
        ]
    made = []
    for name, used, (first, second) in parts:
        if not used.any():
            continue
        one, other = first[used], second[used]
        cells = tuple(int(mask.sum()) for mask in (one & other, one & ~other, ~one & other, ~one & ~other))
        found = _comparison(name, cells, level)  # type: ignore[arg-type]
        if patients is not None:
            groups = [patient for patient, kept in zip(patients, used, strict=True) if kept]
            found["clustered"] = _clustered(
                clustered_difference(one, other, groups, names=names, level=level), len(set(groups))
            )
        made.append(found)
    return made


def _comparison(name: str, cells: tuple[int, int, int, int], level: float) -> dict[str, Any]:
    both, b, c, _neither = cells
    n = sum(cells)
    gap, test = tango(b, c, n, level=level), mcnemar(b, c)
    return dict(zip(COUNTS, cells, strict=True)) | {
        "name": name,
        "n": n,
        "first": (both + b) / n,
        "second": (both + c) / n,
        "difference": gap.value,
        "ci": limits(gap.interval),
        "method": gap.method,
        "mcnemar": _tests(test),
    }


def _tests(test: McNemar) -> dict[str, Any]:
    return {name: value for name, value in vars(test).items() if name not in ("b", "c")}


def _clustered(found: Contrast, clusters: int) -> dict[str, Any]:
    estimate = found.estimate
    return {
        "difference": estimate.value,
        "se": number(estimate.se),
        "ci": limits(estimate.interval),
        "z": number(found.statistic),
        "p": found.p,
        "clusters": clusters,
        "method": estimate.method,
        "notes": list(estimate.notes),
    }


def _lines(parts: list[dict[str, Any]], level: float) -> list[str]:
    rows = [["name", "n", "first", "second", "difference [interval]", "p (mid-p)", "p (exact)"]]
    for part in parts:
        gap = tango(part["first_only"], part["second_only"], part["n"], level=level)
        tests = part["mcnemar"]
        rows.append(
            [part["name"], str(part["n"]), f"{part['first']:.4f}", f"{part['second']:.4f}", shown(gap)]
            + [f"{tests[name]:.4g}" for name in ("mid_p", "exact")]
        )
    lines = columns(rows)
    for part in parts:
        other = part.get("clustered")
        if other is not None:
            p = "-" if other["p"] is None else f"{other['p']:.4g}"
            lines.append(
                f"{part['name']}, {other['clusters']} patients as clusters: {other['difference']:.4f} "
                f"{other['ci'] or '(no interval)'}, p = {p}"
            )
    return [*lines, f"difference: first less second, {parts[0]['method']}; p: McNemar"]
