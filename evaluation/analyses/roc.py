"""`analyse roc`: area under the ROC curve of one score, and the paired comparison with another."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from django.utils.translation import gettext as _

from evaluation.analyses.csv_table import CsvTable, read_csv
from evaluation.analyses.results import AnalysisResult, limits, number, shown
from evaluation.analyses.roc_checks import analyse_multiclass, bootstrap_checks
from evaluation.statistics import clustered_roc, delong
from evaluation.statistics.best_threshold import OPTIMISTIC, RULES, best_threshold
from evaluation.statistics.fixed_sensitivity import specificity_at_sensitivity
from evaluation.statistics.fourfold import at_threshold, likelihood_ratios, rates
from evaluation.statistics.partial_auc import partial_auc
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
                _("%(path)s: --positive %(positive)s does not occur in column %(column)r; found: %(known)s")
                % {"path": table.path, "positive": positive, "column": column, "known": known}
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
    cluster: str | None = None,
    threshold: float | None = None,
    at_sensitivity: float | None = None,
    partial: float | None = None,
    bootstrap: bool = False,
    multiclass: bool = False,
    b: int = 2000,
    seed: int = 1,
) -> AnalysisResult:
    """DeLong analysis of the columns `score` (and `compare`); higher scores mean positive.

    Args:
        cluster: column that names clusters (breasts of one patient): Obuchowski's variance in place of DeLong's.
        threshold: scores from here on are positive calls: rates and likelihood ratios.
        at_sensitivity: specificity at this sensitivity.
        partial: partial area over specificities from here to 1.
        bootstrap: check intervals and tests by a bootstrap and a permutation test of `b` draws.
        multiclass: the truth names several classes: their mean AUC over pairs, and nothing else.

    Returns:
        data: `auc`, `se`, `ci`, `n_positive`, `n_negative`, `method`, `best_points`, `notes`; by option `compare`
        (difference = score - compare), `operating_point`, `at_sensitivity`, `partial`, `bootstrap`.

    Raises:
        UserError: a column is missing, a cell is not a number, or a class has fewer than two cases.
    """
    if multiclass:
        _refuse_beside_multiclass((compare, cluster, positive, threshold, at_sensitivity, partial))
        return analyse_multiclass(path, truth=truth, score=score)
    _refuse_clusters_of_bootstrap(bootstrap, cluster)
    table = read_csv(path)
    table.require([truth, score, *(name for name in (compare, cluster) if name)])
    labels = read_truth(table, truth, positive)
    first = np.array([row.number(score) for row in table])
    second = np.array([row.number(compare) for row in table]) if compare else None
    clusters = [row.text(cluster) for row in table] if cluster else None
    try:
        area, pair = _areas(labels, first, second, clusters, level)
    except ValueError as error:
        raise _refusal(path, truth, error) from None
    data, lines = _described(labels, area, pair, (score, compare), level)
    notes = [*area.notes, *([BINARY_SCORE] if len(np.unique(first)) == 2 else [])]
    notes += [*pair.second.notes, *pair.difference.notes] if pair is not None else []
    data |= {"n_clusters": area.n} if cluster is not None else {}
    try:
        lines += _further(data, labels, first, threshold, at_sensitivity, partial, level)
        notes += data.get("at_sensitivity", {}).get("notes", [])
        if bootstrap:
            lines += bootstrap_checks(data, labels, first, second, threshold, b=b, seed=seed, level=level)
    except ValueError as error:
        raise UserError(f"{path}: {error}") from None
    data["notes"] = list(dict.fromkeys(notes))
    return AnalysisResult(data, [*lines, *(f"note: {note}" for note in data["notes"])])


def _refusal(path: Path, truth: str, error: ValueError) -> UserError:
    said = {"path": path, "truth": truth, "error": error}
    return UserError(_("%(path)s, column %(truth)r: %(error)s") % said)


def _refuse_beside_multiclass(options: Iterable[object]) -> None:
    if any(value is not None for value in options):
        raise UserError(_("--multiclass: it takes --truth and --score alone"))


def _refuse_clusters_of_bootstrap(bootstrap: bool, cluster: str | None) -> None:
    if bootstrap and cluster is not None:
        raise UserError(_("--bootstrap: it takes cases as independent; leave --cluster or --bootstrap out"))


def _described(
    labels: npt.NDArray[np.bool_],
    area: Estimate,
    pair: delong.PairedAuc | None,
    names: tuple[str, str | None],
    level: float,
) -> tuple[dict[str, Any], list[str]]:
    """The areas of the scores of these names, as data and as lines."""
    score, compare = names
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
        test = "" if pair.z is None else f", z = {pair.z:.4f}, p = {pair.p:.4g}"
        lines += [
            f"AUC of {compare}: {shown(pair.second)}",
            f"difference {score} - {compare}: {shown(pair.difference)}{test}",
        ]
    return data, lines


def _areas(
    labels: npt.NDArray[np.bool_],
    first: npt.NDArray[np.float64],
    second: npt.NDArray[np.float64] | None,
    clusters: list[str] | None,
    level: float,
) -> tuple[Estimate, delong.PairedAuc | None]:
    if clusters is None:
        pair = delong.compare(labels, first, second, level=level) if second is not None else None
        return delong.auc(labels, first, level=level), pair
    clustered = (
        clustered_roc.compare_clustered(labels, first, second, clusters, level=level)
        if second is not None
        else None
    )
    return clustered_roc.clustered_auc(labels, first, clusters, level=level), clustered


def _further(
    data: dict[str, Any],
    labels: npt.NDArray[np.bool_],
    score: npt.NDArray[np.float64],
    threshold: float | None,
    at_sensitivity: float | None,
    partial: float | None,
    level: float,
) -> list[str]:
    """Best thresholds; operating point, specificity at a sensitivity and partial area, where they were asked for."""
    best = [best_threshold(labels, score, rule) for rule in RULES]
    data["best_points"] = {one.rule: {k: v for k, v in vars(one).items() if k != "rule"} for one in best}
    lines = [
        f"best threshold ({one.rule}): {one.threshold:g}, sensitivity {one.sensitivity:.4f}, specificity "
        f"{one.specificity:.4f}; {OPTIMISTIC}"
        for one in best
    ]
    if threshold is not None:
        counts = at_threshold(labels, score, threshold)
        found = rates(counts, level=level)
        plus, minus = likelihood_ratios(counts, level=level)
        named = found | {"lr_positive": plus, "lr_negative": minus}
        data["operating_point"] = {"threshold": threshold, **vars(counts)} | {
            name: {"value": number(e.value), "ci": limits(e.interval)} for name, e in named.items()
        }
        data["operating_point"]["prevalence"] = counts.prevalence
        lines += [f"{name} at {threshold:g}: {shown(e)}" for name, e in named.items()]
    if at_sensitivity is not None:
        point = specificity_at_sensitivity(labels, score, at_sensitivity, level=level)
        data["at_sensitivity"] = {
            "specificity": point.estimate.value,
            "ci": limits(point.estimate.interval),
            "threshold": point.threshold,
            "sensitivity": point.reached,
            "method": point.estimate.method,
            "notes": list(point.estimate.notes),
        }
        lines.append(f"specificity: {shown(point.estimate)} ({point.estimate.method})")
    if partial is not None:
        area = partial_auc(labels, score, low=partial, level=level)
        data["partial"] = {
            "auc": area.estimate.value,
            "ci": limits(area.estimate.interval),
            "mcclish": area.corrected,
            "method": area.estimate.method,
        }
        lines.append(f"partial AUC: {shown(area.estimate)} ({area.estimate.method})")
    return lines


def _area(estimate: Estimate) -> dict[str, Any]:
    return {"auc": estimate.value, "se": estimate.se, "ci": limits(estimate.interval)}


def _comparison(pair: delong.PairedAuc) -> dict[str, Any]:
    return _area(pair.second) | {
        "difference": pair.difference.value,
        "se_difference": pair.difference.se,
        "ci_difference": limits(pair.difference.interval),
        "z": pair.z,
        "p": pair.p,
        "method": pair.difference.method,
    }
