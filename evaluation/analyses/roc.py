"""`analyse roc`: area under the ROC curve of one score, and the paired comparison with another."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from evaluation.analyses.csv_table import CsvTable, read_csv
from evaluation.analyses.results import AnalysisResult, limits, shown
from evaluation.statistics import delong
from evaluation.statistics.results import Estimate
from mammo.core.errors import UserError

TRUE = frozenset({"1", "1.0", "true", "yes", "positive", "malignant"})
FALSE = frozenset({"0", "0.0", "false", "no", "negative", "benign"})
BINARY_SCORE = (
    "the score has two values only: this AUC equals (sensitivity + specificity) / 2 of one operating point"
)


def read_truth(table: CsvTable, column: str, positive: str | None) -> npt.NDArray[np.bool_]:
    """Truth of each row: 0/1 (or yes/no, …), or equality with `positive` where that is given.

    Raises:
        UserError: a value is neither; a value named by `positive` never occurs.
    """
    values = [row.text(column) for row in table]
    if positive is not None:
        if positive not in values:
            known = ", ".join(sorted(set(values))[:8])
            raise UserError(
                f"{table.path}: --positive {positive} does not occur in column {column!r}; found: {known}"
            )
        return np.array([value == positive for value in values])
    for row, value in zip(table, values, strict=True):
        if value.lower() not in TRUE | FALSE:
            raise row.error(column, f"{value!r} is not 0 or 1; name the positive class with --positive VALUE")
    return np.array([value.lower() in TRUE for value in values])


def analyse_roc(
    path: Path,
    *,
    truth: str,
    score: str,
    compare: str | None = None,
    positive: str | None = None,
    level: float = 0.95,
) -> AnalysisResult:
    """DeLong analysis of the columns `score` (and `compare`); higher scores mean positive.

    Returns:
        data with keys `auc`, `se`, `ci`, `n_positive`, `n_negative`, `method`, `notes` and, with `compare`,
        `compare` (difference = score - compare).

    Raises:
        UserError: a column is missing, a cell is not a number, or a class has fewer than two cases.
    """
    table = read_csv(path)
    table.require([truth, score, *([compare] if compare else [])])
    labels = read_truth(table, truth, positive)
    first = np.array([row.number(score) for row in table])
    second = np.array([row.number(compare) for row in table]) if compare else None
    try:
        area = delong.auc(labels, first, level=level)
        pair = delong.compare(labels, first, second, level=level) if second is not None else None
    except ValueError as error:
        raise UserError(f"{path}, column {truth!r}: {error}") from None
    notes = [*area.notes, *([BINARY_SCORE] if len(np.unique(first)) == 2 else [])]
    data: dict[str, Any] = _area(area) | {
        "n_positive": int(labels.sum()),
        "n_negative": int((~labels).sum()),
        "level": level,
        "method": area.method,
    }
    lines = [
        f"AUC of {score}: {shown(area)}, SE {area.se:.4f} ({area.method})",
        f"{data['n_positive']} positive, {data['n_negative']} negative",
    ]
    if pair is not None:
        data["compare"] = _comparison(pair)
        notes += [*pair.second.notes, *pair.difference.notes]
        lines.append(f"AUC of {compare}: {shown(pair.second)}")
        test = "" if pair.z is None else f", z = {pair.z:.4f}, p = {pair.p:.4g}"
        lines.append(f"difference {score} - {compare}: {shown(pair.difference)}{test}")
    data["notes"] = list(dict.fromkeys(notes))
    return AnalysisResult(data, [*lines, *(f"note: {note}" for note in data["notes"])])


def _area(estimate: Estimate) -> dict[str, Any]:
    return {"auc": estimate.value, "se": estimate.se, "ci": limits(estimate.interval)}


def _comparison(pair: delong.PairedAuc) -> dict[str, Any]:
    return _area(pair.second) | {
        "difference": pair.difference.value,
        "se_difference": pair.difference.se,
        "ci_difference": limits(pair.difference.interval),
        "z": pair.z,
        "p": pair.p,
    }
