"""`analyse proportions`: rates with Wilson and Clopper-Pearson intervals from counts."""

from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from evaluation.analyses.csv_table import CsvRow, read_csv
from evaluation.analyses.results import AnalysisResult, columns, limits, number, shown
from evaluation.statistics.fisher import fisher_exact
from evaluation.statistics.fourfold import Fourfold, likelihood_ratios
from evaluation.statistics.miettinen_nurminen import miettinen_nurminen
from evaluation.statistics.newcombe import newcombe
from evaluation.statistics.proportions import clopper_pearson, wilson
from mammo.core.errors import UserError

COUNTS = (("events", "total"), ("x", "n"))
ESTIMATES = ("estimate", "wilson", "clopper_pearson")
NO_CASE = "{rate}: no case, the rate is not defined"
FOURFOLD = ("tp", "fp", "fn", "tn")


def _rates(row: CsvRow) -> list[tuple[str, int, int]]:
    """(name, events, total) of each rate of a fourfold table."""
    tp, fp, fn, tn = (row.count(name) for name in FOURFOLD)
    return [
        ("sensitivity", tp, tp + fn),
        ("specificity", tn, tn + fp),
        ("ppv", tp, tp + fp),
        ("npv", tn, tn + fn),
        ("accuracy", tp + tn, tp + fp + fn + tn),
    ]


def analyse_proportions(path: Path, *, level: float = 0.95) -> AnalysisResult:
    """Intervals per row: columns `events,total` (or `x,n`), or `tp,fp,fn,tn`; `name` labels the rows.

    Returns:
        data with key `proportions`: rows `{"name","events","total","estimate","wilson","clopper_pearson"}`; of two
        independent rows `difference` (first less second: `newcombe`, `miettinen_nurminen`); of fourfold tables
        `likelihood_ratios`. A rate of no cases is null, with a note.

    Raises:
        UserError: columns are missing, or events exceed the total.
    """
    table = read_csv(path)
    pair = next((names for names in COUNTS if set(names) <= set(table.columns)), None)
    if pair is None and not set(FOURFOLD) <= set(table.columns):
        raise UserError(
            _("%(path)s: give columns events,total (or x,n), or tp,fp,fn,tn; found: %(known)s")
            % {"path": path, "known": ", ".join(table.columns)}
        )
    made = [
        _intervals(path, row.line, counted, level, may_be_empty=pair is None)
        for place, row in enumerate(table, start=1)
        for counted in _counts(row, place, pair)
    ]
    found, shown_rows = [row for row, _line in made], [line for _row, line in made]
    undefined = [row["name"] for row in found if row["estimate"] is None]
    notes = [NO_CASE.format(rate=name) for name in undefined]
    data: dict[str, Any] = {"proportions": found, "level": level, "notes": notes}
    lines = columns([["name", "events/total", "Wilson", "Clopper-Pearson"], *shown_rows])
    if pair is not None and len(found) == 2:
        data["difference"] = _difference(found, level)
        (x1, n1), (x2, n2) = ((row["events"], row["total"]) for row in found)
        data["fisher_p"] = fisher_exact(x1, n1, x2, n2)
        lines.append(f"Fisher's exact test: p = {data['fisher_p']:.4g}")
        lines += [
            f"{name}: {_printed(row | {'value': row['estimate']})}"
            for name, row in data["difference"].items()
        ]
    if pair is None:
        data["likelihood_ratios"] = _ratios(table.rows, level)
        lines += [
            f"{row['name']} {words}: {_printed(row[kind])}"
            for row in data["likelihood_ratios"]
            for kind, words in (("lr_positive", "LR+"), ("lr_negative", "LR-"))
        ]
    return AnalysisResult(data, [*lines, *(f"note: {note}" for note in notes)])


def _printed(found: dict[str, Any]) -> str:
    """A value with its interval as printed."""
    if found["value"] is None:
        return "not defined"
    low_high = f"[{found['ci'][0]:.4f}, {found['ci'][1]:.4f}]" if found["ci"] else "(no interval)"
    return f"{found['value']:.4f} {low_high}"


def _counts(row: CsvRow, place: int, pair: tuple[str, str] | None) -> list[tuple[str, int, int]]:
    """(name, events, total) of each rate of a row: one of counts, those of a fourfold table."""
    label = row.cells.get("name") or f"row {place}"
    if pair is not None:
        return [(label, row.count(pair[0]), row.count(pair[1]))]
    return [(f"{label} {name}", x, n) for name, x, n in _rates(row)]


def _intervals(
    path: Path, line: int, counted: tuple[str, int, int], level: float, *, may_be_empty: bool
) -> tuple[dict[str, Any], list[str]]:
    """A rate with both intervals, as data and as cells of a printed row."""
    name, x, n = counted
    if may_be_empty and n == 0:
        empty = {"name": name, "events": 0, "total": 0} | dict.fromkeys(ESTIMATES)
        return empty, [name, "0/0", "not defined", "not defined"]
    try:
        score, exact = wilson(x, n, level=level), clopper_pearson(x, n, level=level)
    except ValueError as error:
        raise UserError(
            _("%(path)s, line %(line)s: %(name)s: %(error)s")
            % {"path": path, "line": line, "name": name, "error": error}
        ) from None
    found = {"name": name, "events": x, "total": n, "estimate": score.value}
    both = {"wilson": limits(score.interval), "clopper_pearson": limits(exact.interval)}
    return found | both, [name, f"{x}/{n}", shown(score), shown(exact)]


def _difference(pair: list[dict[str, Any]], level: float) -> dict[str, Any]:
    """First less second of two independent rates, by both intervals."""
    (x1, n1), (x2, n2) = ((row["events"], row["total"]) for row in pair)
    return {
        name: {"estimate": found.value, "ci": limits(found.interval)}
        for name, found in (
            ("newcombe", newcombe(x1, n1, x2, n2, level=level)),
            ("miettinen_nurminen", miettinen_nurminen(x1, n1, x2, n2, level=level)),
        )
    }


def _ratios(rows: list[CsvRow], level: float) -> list[dict[str, Any]]:
    """Likelihood ratios of each fourfold table that has positive and negative cases."""
    made = []
    for place, row in enumerate(rows, start=1):
        counts = Fourfold(*(row.count(name) for name in FOURFOLD))
        if not counts.positives or not counts.negatives:
            continue
        both = likelihood_ratios(counts, level=level)
        made.append(
            {"name": row.cells.get("name") or f"row {place}", "prevalence": counts.prevalence}
            | {
                key: {"value": number(e.value), "ci": limits(e.interval)}
                for key, e in zip(("lr_positive", "lr_negative"), both, strict=True)
            }
        )
    return made
