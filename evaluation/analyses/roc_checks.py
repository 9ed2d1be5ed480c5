"""`analyse roc --bootstrap` and `--multiclass`: checks of DeLong's results, and several classes of truth."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from django.utils.translation import gettext as _

from evaluation.analyses.csv_table import CsvTable, read_csv
from evaluation.analyses.results import AnalysisResult, columns, limits, number, shown
from evaluation.statistics.bootstrap_auc import bootstrap_auc, bootstrap_difference, bootstrap_rates
from evaluation.statistics.multiclass_auc import multiclass_auc
from evaluation.statistics.venkatraman import venkatraman
from mammo.core.errors import UserError

NO_INTERVAL = "the mean has no interval: take the AUC of one pair of classes for that"
BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]


def bootstrap_checks(
    data: dict[str, Any],
    truth: BoolArray,
    first: FloatArray,
    second: FloatArray | None,
    threshold: float | None,
    *,
    b: int,
    seed: int,
    level: float,
) -> list[str]:
    """Put `bootstrap` into `data`: intervals and tests that take no normal distribution of the area for granted.

    Keys: `ci`, `replicates`; with a second score `difference`, `ci_difference`, `z`, `p` and `same_curve` (Venkatraman
    and Begg's test of the whole curves); with a threshold `sensitivity` and `specificity`.

    Returns:
        lines for a terminal.
    """
    area = bootstrap_auc(truth, first, b=b, seed=seed, level=level)
    found: dict[str, Any] = {"ci": limits(area.interval), "replicates": b, "method": area.method}
    lines = [f"AUC by bootstrap: {shown(area)} ({area.method})"]
    if second is not None:
        pair = bootstrap_difference(truth, first, second, b=b, seed=seed, level=level)
        curves = venkatraman(truth, first, second, b=b, seed=seed)
        found |= {
            "difference": pair.estimate.value,
            "ci_difference": limits(pair.estimate.interval),
            "z": number(pair.statistic),
            "p": pair.p,
            "same_curve": {"e": curves.e, "p": curves.p, "method": curves.method},
        }
        lines.append(f"difference by bootstrap: {shown(pair.estimate)}, p = {_p(pair.p)}")
        lines.append(f"same curve: E = {curves.e}, p = {_p(curves.p)} ({curves.method})")
    if threshold is not None:
        rates = bootstrap_rates(truth, first, threshold, b=b, seed=seed, level=level)
        for name, rate in zip(("sensitivity", "specificity"), rates, strict=True):
            found[name] = {"value": rate.value, "ci": limits(rate.interval)}
            lines.append(f"{name} at {threshold:g} by bootstrap: {shown(rate)}")
    data["bootstrap"] = found
    return lines


def _p(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def analyse_multiclass(path: Path, *, truth: str, score: str) -> AnalysisResult:
    """Hand and Till's AUC of a score for a truth of several classes (density A to D, …).

    Returns:
        data with keys `auc`, `pairs` (`{"first","second","auc","n"}`), `method`, `notes`.

    Raises:
        UserError: a column is missing, a cell is not a number, or a class has a single case.
    """
    table: CsvTable = read_csv(path)
    table.require([truth, score])
    classes = np.array([row.text(truth) for row in table], dtype=object)
    values = np.array([row.number(score) for row in table])
    try:
        found = multiclass_auc(classes, values)
    except ValueError as error:
        raise UserError(
            _("%(path)s, column %(truth)r: %(error)s") % {"path": path, "truth": truth, "error": error}
        ) from None
    pairs = [{"first": a, "second": b, "auc": area, "n": n} for a, b, area, n in found.pairs]
    notes = [NO_INTERVAL]
    lines = [f"AUC of {score}: {found.value:.4f} ({found.method})"]
    lines += columns(
        [["classes", "AUC", "n"], *([f"{a}, {b}", f"{v:.4f}", str(n)] for a, b, v, n in found.pairs)]
    )
    data = {"auc": found.value, "pairs": pairs, "method": found.method, "notes": notes}
    return AnalysisResult(data, [*lines, *(f"note: {note}" for note in notes)])
