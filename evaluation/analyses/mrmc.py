"""`analyse mrmc`: readers, modalities and cases (Obuchowski-Rockette with Hillis' degrees of freedom)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from django.utils.translation import gettext as _

from evaluation.analyses.csv_table import CsvTable, read_csv
from evaluation.analyses.margins import margin_lines, margin_tests_both_ways
from evaluation.analyses.results import AnalysisResult, columns, limits, number, shown, unfit
from evaluation.analyses.roc import BINARY_SCORE, read_truth
from evaluation.statistics import gallas
from evaluation.statistics import obuchowski_rockette as oro
from evaluation.statistics.mrmc import MrmcAnalysis, analyse_mrmc
from evaluation.statistics.mrmc_covariance import COVARIANCES, ENDPOINTS
from evaluation.statistics.mrmc_readings import ReadingRow, Readings, readings
from evaluation.statistics.results import Contrast, Estimate
from mammo.core.errors import UserError

COLUMNS = ("reader", "modality", "case", "truth", "rating")
DF_RULE = "degrees of freedom by Hillis (2007)"


@dataclass(frozen=True)
class MrmcOptions:
    """What is analysed.

    Attributes:
        endpoint: auc, sensitivity or specificity.
        covariance: delong, jackknife or unbiased; None takes DeLong's where the design allows it.
        threshold: ratings from here on are calls of the positive class (sensitivity, specificity).
        at_specificity: sensitivity read off the ROC curve at this specificity, in place of a threshold.
        readers, cases: random or fixed.
        standalone: modality or reader that is one system reading alone.
        group: column with the group of each reader.
        positive: value of the truth column that is the positive class.
        margin: differences are tested for non-inferiority (one-sided at half of 1 - level) and equivalence (two
            one-sided tests at 1 - level) within it; in units of the endpoint.
    """

    endpoint: str = "auc"
    covariance: str | None = None
    threshold: float | None = None
    at_specificity: float | None = None
    readers: str = "random"
    cases: str = "random"
    standalone: str | None = None
    group: str | None = None
    positive: str | None = None
    level: float = 0.95
    margin: float | None = None

    @property
    def model(self) -> str:
        """Name of the model."""
        return f"{self.readers} readers, {self.cases} cases"


def run_mrmc(path: Path, options: MrmcOptions) -> AnalysisResult:
    """Analyse a CSV file with columns reader, modality, case, truth and rating, and patient where cases share one.

    Returns:
        data with keys `modalities`, `difference` (two modalities, or one against the stand-alone system),
        `pairwise`, `readers`, `components`, `models`, `standalone`, `groups`, `notes`, …

    Raises:
        UserError: names file, line and column of what is wrong, or the option that mends it.
    """
    _check(options)
    table = read_csv(path)
    study, raw = read_readings(table, options)
    groups = _groups_of_readers(table, options)
    try:
        found = analyse_mrmc(
            study,
            endpoint=options.endpoint,
            covariance=options.covariance,
            model=options.model,
            level=options.level,
            standalone=options.standalone,
            groups=groups,
            specificity=options.at_specificity,
        )
    except ValueError as error:
        raise UserError(f"{path}: {error}") from None
    notes = list(found.notes)
    if options.endpoint == "auc" and len(np.unique(raw)) == 2:
        notes.append(BINARY_SCORE)
    data = _data(found, options) | {"u_statistic": _u_statistic(study, found, options), "notes": notes}
    return AnalysisResult(data, [*_lines(found, options), *(f"note: {note}" for note in notes)])


def _check(options: MrmcOptions) -> None:
    for name, value, known in (
        ("endpoint", options.endpoint, ENDPOINTS),
        ("covariance", options.covariance, (*COVARIANCES, None)),
        ("readers", options.readers, ("random", "fixed")),
        ("cases", options.cases, ("random", "fixed")),
    ):
        if value not in known:
            raise UserError(
                _("--%(name)s %(value)s: give one of %(known)s")
                % {"name": name, "value": value, "known": ", ".join(k for k in known if k)}
            )
    if options.model not in oro.MODELS:
        raise UserError(_("--readers fixed --cases fixed: nothing is random; leave out one of the two"))
    if options.threshold is not None and options.endpoint == "auc":
        raise UserError(_("--threshold belongs to --endpoint sensitivity or specificity"))
    if options.margin is not None and not 0 < options.margin < 1:
        raise UserError(
            _("--margin %(value)s: give a margin between 0 and 1, in units of the area or rate")
            % {"value": f"{options.margin:g}"}
        )
    if options.at_specificity is not None:
        if options.endpoint != "sensitivity" or not 0 < options.at_specificity < 1:
            raise UserError(_("--at-specificity: give a share such as 0.8, with --endpoint sensitivity"))
        if options.covariance not in (None, "jackknife"):
            raise UserError(_("--at-specificity needs the jackknife covariance; leave out --covariance"))


def read_readings(table: CsvTable, options: MrmcOptions) -> tuple[Readings, list[float]]:
    """The readings (as calls 0 or 1 where a threshold was given), and the ratings as they stand in the file.

    Raises:
        UserError: a column is missing, a cell is unfit, or a case contradicts itself.
    """
    table.require(COLUMNS)
    truth = read_truth(table, "truth", options.positive)
    raw = [row.optional_number("rating") for row in table]
    cut = options.threshold
    has_patients = "patient" in table.columns
    rows = [
        ReadingRow(
            row.text("reader"),
            row.text("modality"),
            row.text("case"),
            bool(positive),
            float(rating >= cut) if cut is not None else rating,
            row.text("patient") if has_patients else "",
        )
        for row, positive, rating in zip(table, truth, raw, strict=True)
        if rating is not None
    ]
    try:
        return readings(rows), [rating for rating in raw if rating is not None]
    except ValueError as error:
        raise unfit(table.path, error) from None


def _groups_of_readers(table: CsvTable, options: MrmcOptions) -> dict[str, str] | None:
    if options.group is None:
        return None
    table.require([options.group])
    groups: dict[str, str] = {}
    for row in table:
        if options.standalone in (row.text("reader"), row.text("modality")):
            continue
        group = row.text(options.group)
        if groups.setdefault(row.text("reader"), group) != group:
            raise row.error(options.group, f"reader {row.text('reader')} stands in two groups")
    if len(set(groups.values())) < 2:
        raise UserError(
            _("%(path)s: column %(column)r holds one group; a comparison needs two")
            % {"path": table.path, "column": options.group}
        )
    return groups


def _data(found: MrmcAnalysis, options: MrmcOptions) -> dict[str, Any]:
    endpoint = found.endpoint
    return {
        "endpoint": endpoint,
        "covariance": found.covariance,
        "model": found.main.model,
        "method": f"Obuchowski-Rockette, {found.main.model}, {found.covariance} covariance; {DF_RULE}",
        "level": options.level,
        "n_cases": found.n_cases,
        "n_positive": found.n_positive,
        "n_readers": found.n_readers,
        "modalities": {
            name: _performance(mean, endpoint)
            for name, mean in zip(found.modalities, found.main.means, strict=True)
        },
        "difference": _difference(found),
        "pairwise": [
            _contrast(c) | margin_tests_both_ways(c, options.margin, level=options.level)
            for c in found.main.differences
        ],
        "readers": [
            {"reader": r.reader, "modality": r.modality} | _performance(r.estimate, endpoint)
            for r in found.readers
        ],
        "reader_differences": [{"reader": name} | _contrast(c) for name, c in found.reader_differences],
        "components": {key: number(value) for key, value in vars(found.components).items()},
        "models": {name: _model(result) for name, result in found.models.items()},
        "standalone": _standalone(found, options),
        "groups": _groups(found, options),
    }


def _performance(estimate: Estimate, endpoint: str) -> dict[str, Any]:
    return {
        endpoint: number(estimate.value),
        "estimate": number(estimate.value),
        "se": number(estimate.se),
        "ci": limits(estimate.interval),
        "df": number(estimate.df),
        "n": estimate.n,
    }


def _contrast(contrast: Contrast) -> dict[str, Any]:
    estimate = contrast.estimate
    return {
        "first": contrast.first,
        "second": contrast.second,
        "estimate": number(estimate.value),
        "se": number(estimate.se),
        "ci": limits(estimate.interval),
        "df": number(estimate.df),
        "t": number(contrast.statistic),
        "p": contrast.p,
        "p_holm": contrast.p_adjusted,
    }


def _difference(found: MrmcAnalysis) -> dict[str, Any] | None:
    """The one difference of the study; with more than two modalities the overall test alone."""
    empty = {"first": None, "second": None, "estimate": None, "se": None, "ci": None}
    main, against = found.main, found.against_standalone
    if len(main.differences) == 1 or (not main.differences and len(against) == 1):
        only = (main.differences or against)[0]
        base = {key: _contrast(only)[key] for key in empty}
        if not main.differences:
            f = only.statistic**2 if only.statistic is not None else None
            return base | {"f": f, "x2": None, "df1": 1, "df2": number(only.estimate.df), "p": only.p}
        return base | _overall(main)
    return empty | _overall(main) if main.differences else None


def _overall(result: oro.ModelResult) -> dict[str, Any]:
    is_fixed = result.model == oro.FIXED_RANDOM
    statistic = number(result.statistic)
    f = statistic / result.df1 if is_fixed and statistic is not None else statistic
    return {
        "f": f,
        "x2": statistic if is_fixed else None,
        "df1": result.df1,
        "df2": number(result.df2),
        "p": result.p,
    }


def _model(result: oro.ModelResult) -> dict[str, Any]:
    return _overall(result) | {
        "means": [
            {"estimate": number(m.value), "se": number(m.se), "ci": limits(m.interval), "df": number(m.df)}
            for m in result.means
        ],
        "differences": [_contrast(c) for c in result.differences],
        "notes": list(result.notes),
    }


def _standalone(found: MrmcAnalysis, options: MrmcOptions) -> dict[str, Any] | None:
    if found.standalone is None:
        return None
    return {
        "name": options.standalone,
        **_performance(found.standalone, found.endpoint),
        "comparisons": [
            _contrast(c) | margin_tests_both_ways(c, options.margin, level=options.level)
            for c in found.against_standalone
        ],
    }


def _groups(found: MrmcAnalysis, options: MrmcOptions) -> dict[str, Any] | None:
    if found.groups is None:
        return None
    return {
        "groups": {
            name: _model(result)
            | {
                "modalities": {
                    modality: _performance(mean, found.endpoint)
                    for modality, mean in zip(found.modalities, result.means, strict=True)
                }
            }
            for name, result in found.groups.groups.items()
        },
        "differences": [
            {"modality": modality}
            | _contrast(c)
            | margin_tests_both_ways(c, options.margin, level=options.level)
            for modality, contrasts in found.groups.differences.items()
            for c in contrasts
        ],
        "interactions": [
            {"modalities": list(pair)} | _contrast(c)
            for pair, contrasts in found.groups.interactions.items()
            for c in contrasts
        ],
    }


def _u_statistic(study: Readings, found: MrmcAnalysis, options: MrmcOptions) -> dict[str, Any] | None:
    """Gallas' variances beside the analysis, where the unbiased covariance was asked for and readings are whole."""
    if options.covariance != "unbiased" or found.endpoint != "auc":
        return None
    places = [study.modalities.index(name) for name in found.modalities]
    ratings = [study.ratings[:, place] for place in places]
    if len(study.readers) < 2 or any(np.isnan(part).any() for part in ratings) or options.standalone:
        return None
    made: dict[str, Any] = {"modalities": {}, "difference": None}
    for name, part in zip(found.modalities, ratings, strict=True):
        u, v = (gallas.mean_auc(part, study.truth, unbiased=unbiased) for unbiased in (True, False))
        made["modalities"][name] = {"auc": u.value, "variance_u": _square(u), "variance_v": _square(v)}
    if len(ratings) == 2:
        pair = [
            gallas.difference(ratings[0], ratings[1], study.truth, unbiased=unbiased, level=options.level)
            for unbiased in (True, False)
        ]
        made["difference"] = {
            "estimate": pair[0].value,
            "variance_u": _square(pair[0]) if not pair[0].notes else None,
            "variance_v": _square(pair[1]),
            "ci_normal": limits(pair[0].interval),
            "notes": list(pair[0].notes),
        }
    return made


def _square(estimate: Estimate) -> float | None:
    return None if estimate.se is None else estimate.se**2


def _test(contrast: Contrast) -> str:
    if contrast.statistic is None or contrast.p is None:
        return ""
    df = contrast.estimate.df
    of = "z" if df is None or not np.isfinite(df) else f"t({df:.1f})"
    adjusted = "" if contrast.p_adjusted is None else f", p (Holm) = {contrast.p_adjusted:.4g}"
    return f", {of} = {contrast.statistic:.3f}, p = {contrast.p:.4g}{adjusted}"


def _lines(found: MrmcAnalysis, options: MrmcOptions) -> list[str]:
    head = (
        f"{found.n_readers} readers, {len(found.modalities)} modalities, {found.n_cases} cases "
        f"({found.n_positive} positive); {found.main.model}; {found.covariance} covariance; {DF_RULE}"
    )
    rows = [["modality", f"{found.endpoint} [interval]", "SE"]]
    means = zip(found.modalities, found.main.means, strict=True)
    rows += [[name, shown(mean), f"{mean.se or 0:.4f}"] for name, mean in means]
    if found.standalone is not None:
        rows.append([f"{options.standalone} (alone)", shown(found.standalone), f"{found.standalone.se:.4f}"])
    lines = [head, *columns(rows)]
    if found.main.statistic is not None and len(found.main.differences) > 1:
        lines.append(f"all modalities equal: p = {found.main.p:.4g}")
    contrasts = [("", c) for c in (*found.main.differences, *found.against_standalone)]
    if found.groups is not None:
        contrasts += [(f", {name}", c) for name, made in found.groups.differences.items() for c in made]
    for where, c in contrasts:
        lines.append(f"{c.first} - {c.second}{where}: {shown(c.estimate)}{_test(c)}")
        lines += margin_lines(where, c, options.margin, level=options.level)
    readers = [["reader", "modality", f"{found.endpoint} [interval over cases]"]]
    readers += [[r.reader, r.modality, shown(r.estimate)] for r in found.readers]
    return [*lines, "", *columns(readers)]
