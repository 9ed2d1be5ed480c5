"""`analyse scores`: blinded scores, one row per rater, question, system and aspect."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from django.utils.translation import gettext as _

from evaluation.analyses.csv_table import CsvTable, read_csv
from evaluation.analyses.margins import margin_tests
from evaluation.analyses.results import AnalysisResult, columns, limits, number, shown, unfit
from evaluation.statistics.authors import with_random_authors
from evaluation.statistics.mixed_model import FTest, mixed_model
from evaluation.statistics.mixed_profile import MixedProfile, mixed_profile
from evaluation.statistics.results import Contrast, Estimate
from evaluation.statistics.score_analysis import AspectAnalysis, analyse_aspect
from evaluation.statistics.score_cube import ScoreCube, ScoreRow, cubes
from evaluation.statistics.score_sensitivity import (
    agreement_within,
    ceiling_shares,
    contrasts_on,
    ranked,
    standardised,
)
from evaluation.statistics.tukey import tukey_pairs
from evaluation.statistics.unequal_spread import contrasts_of_pairs
from mammo.core.errors import UserError

COLUMNS = ("rater", "question", "system", "aspect", "score")
FIXED_AUTHORS = (
    "{system}: {count} authors, taken as fixed in {what}: these hold for these authors, "
    "not for others like them"
)
OVERALL = "mean of aspects"
# Contrasts that stand beside the default ones.
BESIDE = ("ranks", "z_scores", "pairs_alone")


def read_scores(table: CsvTable) -> dict[str, ScoreCube]:
    """Cubes by aspect from a table of scores; an empty score is a missing one.

    Raises:
        UserError: a column is missing, a score is not a number or given twice, a patient contradicts itself.
    """
    table.require(COLUMNS)
    has_patient = "patient" in table.columns
    rows: list[ScoreRow] = []
    seen: dict[tuple[str, ...], int] = {}
    for row in table:
        rater, question, system, aspect = labels = tuple(row.text(name) for name in COLUMNS[:4])
        if labels in seen:
            raise UserError(
                _(
                    "%(path)s, line %(line)s: rater %(rater)s, question %(question)s, "
                    "system %(system)s, aspect %(aspect)s was given on line %(earlier)s already; keep one"
                )
                % {
                    "path": table.path,
                    "line": row.line,
                    "rater": rater,
                    "question": question,
                    "system": system,
                    "aspect": aspect,
                    "earlier": seen[labels],
                }
            )
        seen[labels] = row.line
        score = row.optional_number("score")
        value = float("nan") if score is None else score
        patient = row.text("patient") if has_patient else None
        rows.append(ScoreRow(rater, question, system, aspect, value, patient))
    try:
        return cubes(rows)
    except ValueError as error:
        raise unfit(table.path, error) from None


def read_authors(table: CsvTable) -> dict[str, dict[str, str]]:
    """Who wrote each system's answer to each question, of a table with a column `author` (empty for machines).

    Raises:
        UserError: an answer has two authors.
    """
    found: dict[str, dict[str, str]] = {}
    if "author" not in table.columns:
        return found
    for row in table:
        author = row.cells["author"]
        if not author:
            continue
        own = found.setdefault(row.text("system"), {})
        if own.setdefault(row.text("question"), author) != author:
            raise row.error(
                "author", f"this answer was written by {own[row.text('question')]!r} on another line"
            )
    return found


def fixed_authors(table: CsvTable, what: str) -> list[str]:
    """A note for each system that several people wrote, for analyses that keep its authors fixed."""
    counts = {system: len(set(of.values())) for system, of in read_authors(table).items()}
    return [
        FIXED_AUTHORS.format(system=system, count=count, what=what)
        for system, count in counts.items()
        if count > 1
    ]


def analyse_scores(
    path: Path,
    *,
    level: float = 0.95,
    rater_by_question: bool = False,
    b: int = 10_000,
    seed: int = 1,
    margin: float | None = None,
    maximum: float | None = None,
    mixed: bool = False,
    profile: bool = False,
) -> AnalysisResult:
    """Means, contrasts and agreement per aspect, raters and questions (patients) both random.

    With a column `author`, contrasts of a system that several people wrote take the author as random too.

    Args:
        margin: test every contrast for non-inferiority (one-sided .025) and equivalence (TOST .05) within it.
        maximum: top of the scale, for the share of scores there; by default the largest score of the file.
        mixed: fit the linear mixed model too (it uses every score of an incomplete design).
        profile: with `mixed`, profile-likelihood intervals beside it (minutes with many systems).

    Returns:
        data with keys `means`, `contrasts`, `agreement`, `within_systems`, `ceiling`, `sensitivity` (contrasts on
        ranks, on z-scores within raters and of two systems alone), `mixed_model` (with `mixed`), `overall`, `notes`.

    Raises:
        UserError: names file, line and column of what is wrong.
    """
    if profile and not mixed:
        raise UserError(_("--profile: it belongs to --mixed"))
    table = read_csv(path)
    by_aspect, authors = read_scores(table), read_authors(table)
    data: dict[str, Any] = {"means": [], "contrasts": [], "agreement": {}, "overall": None, "notes": []}
    data |= {"within_systems": {}, "ceiling": {}, "sensitivity": {name: [] for name in BESIDE}}
    data |= {"mixed_model": {}} if mixed else {}
    lines: list[str] = []
    top = max(float(np.nanmax(cube.values, initial=-np.inf)) for cube in by_aspect.values())

    def run(cube: ScoreCube) -> AspectAnalysis:
        found = analyse_aspect(cube, level=level, rater_by_question=rater_by_question, b=b, seed=seed)
        return replace(found, contrasts=with_random_authors(cube, found.contrasts, authors, level=level))

    for aspect, cube in by_aspect.items():
        with _named(path, aspect):
            found = run(cube)
        data["means"] += _means(found, aspect)
        data["contrasts"] += [_contrast(contrast, aspect, margin) for contrast in found.contrasts]
        data["agreement"][aspect] = _agreement(found)
        data["notes"] += [f"{aspect}: {note}" for note in _notes(found)]
        lines += _lines(aspect, found)
        _beside(data, aspect, cube, level=level, seed=seed, maximum=top if maximum is None else maximum)
        if mixed:
            data["mixed_model"][aspect] = _mixed(path, aspect, cube, level, profile)
    data["notes"] += fixed_authors(table, "means, ranks, z-scores and the mixed model")
    if len(by_aspect) > 1:
        data["overall"] = _overall(by_aspect, run)
    return AnalysisResult(data, [*lines, *(f"note: {note}" for note in data["notes"])])


@contextmanager
def _named(path: Path, aspect: str) -> Iterator[None]:
    """Raises UserError with file and aspect where the statistics refuse what they are given."""
    try:
        yield
    except ValueError as error:
        raise UserError(
            _("%(path)s: aspect %(aspect)s: %(error)s") % {"path": path, "aspect": aspect, "error": error}
        ) from None


def _overall(by_aspect: dict[str, ScoreCube], run: Any) -> dict[str, Any] | None:
    """The same analysis of each form's mean over the aspects (only of forms with every aspect)."""
    any_cube = next(iter(by_aspect.values()))
    values = np.stack([cube.values for cube in by_aspect.values()]).mean(axis=0)
    if np.isnan(values).all():
        return None
    found = run(ScoreCube(values, any_cube.raters, any_cube.questions, any_cube.systems, any_cube.patients))
    return {
        "aspect": OVERALL,
        "means": _means(found, OVERALL),
        "contrasts": [_contrast(contrast, OVERALL) for contrast in found.contrasts],
    }


def _estimate(estimate: Estimate) -> dict[str, Any]:
    return {
        "ci": limits(estimate.interval),
        "se": number(estimate.se),
        "df": number(estimate.df),
        "n": estimate.n,
        "method": estimate.method,
    }


def _means(found: AspectAnalysis, aspect: str) -> list[dict[str, Any]]:
    rows = []
    for index, (system, mean) in enumerate(zip(found.systems, found.means, strict=True)):
        row = {"system": system, "aspect": aspect, "mean": number(mean.value)} | _estimate(mean)
        if found.check:
            row["ci_bootstrap"] = limits(found.check[index].interval)
        rows.append(row)
    return rows


def _beside(
    data: dict[str, Any], aspect: str, cube: ScoreCube, *, level: float, seed: int, maximum: float
) -> None:
    """Agreement within systems, share at the maximum; contrasts on ranks, z-scores and of two systems alone."""
    data["within_systems"][aspect] = {
        arm.system: {
            "icc_a1": number(arm.icc_a1.value) if arm.icc_a1 else None,
            "icc_ak": number(arm.icc_ak.value) if arm.icc_ak else None,
            "alpha": number(arm.alpha.value) if arm.alpha else None,
            "alpha_ci": limits(arm.alpha.interval) if arm.alpha else None,
            "notes": list(arm.notes),
        }
        for arm in agreement_within(cube, level=level, seed=seed)
    }
    shares = ceiling_shares(cube, maximum, level=level)
    data["ceiling"][aspect] = {
        system: {"share": number(share.value), "ci": limits(share.interval), "maximum": maximum}
        for system, share in zip(cube.systems, shares, strict=True)
    }
    data["notes"] += [f"{aspect}: {note}" for share in shares for note in share.notes]
    for name, changed in (("ranks", ranked(cube)), ("z_scores", standardised(cube))):
        found = contrasts_on(changed, level=level)
        data["sensitivity"][name] += [_contrast(contrast, aspect) for contrast in found]
    data["sensitivity"]["pairs_alone"] += [
        _contrast(contrast, aspect) for contrast in contrasts_of_pairs(cube, level=level)
    ]


def _mixed(path: Path, aspect: str, cube: ScoreCube, level: float, profile: bool) -> dict[str, Any]:
    with _named(path, aspect):
        found = mixed_model(cube, level=level)
        profiled = mixed_profile(cube, level=level) if profile else None
    return {
        "means": [
            {"system": system, "mean": number(mean.value)} | _estimate(mean)
            for system, mean in zip(cube.systems, found.means, strict=True)
        ],
        "contrasts": [
            _contrast(contrast, aspect) | {"p_tukey": pair.p, "ci_tukey": limits(pair.interval)}
            for contrast, pair in zip(
                found.contrasts, tukey_pairs(found.contrasts, len(cube.systems)), strict=True
            )
        ],
        "systems_differ": _f_test(found.systems_differ),
        "profile": None if profiled is None else _profile(cube, profiled),
        "components": found.components,
        "reml": found.criterion,
        "notes": list(found.notes),
    }


def _f_test(test: FTest) -> dict[str, Any]:
    return {"f": number(test.f), "df1": test.df1, "df2": number(test.df2), "p": test.p}


def _profile(cube: ScoreCube, found: MixedProfile) -> dict[str, Any]:
    ratio = found.systems_differ
    return {
        "means": [
            {"system": system, "mean": mean.value, "ci": limits(mean.interval)}
            for system, mean in zip(cube.systems, found.means, strict=True)
        ],
        "contrasts": [
            {
                "system": c.first,
                "minus": c.second,
                "difference": c.estimate.value,
                "ci": limits(c.estimate.interval),
            }
            for c in found.contrasts
        ],
        "deviations": {
            name: {"sd": sd.value, "ci": limits(sd.interval)} for name, sd in found.deviations.items()
        },
        "likelihood_ratio": {"chi_square": number(ratio.chi_square), "df": ratio.df, "p": ratio.p},
        "method": found.means[0].method,
    }


def _contrast(contrast: Contrast, aspect: str, margin: float | None = None) -> dict[str, Any]:
    return (
        margin_tests(contrast, margin)
        | {
            "aspect": aspect,
            "system": contrast.first,
            "minus": contrast.second,
            "difference": number(contrast.estimate.value),
            "t": number(contrast.statistic),
            "p": contrast.p,
            "p_holm": contrast.p_adjusted,
        }
        | _estimate(contrast.estimate)
    )


def _agreement(found: AspectAnalysis) -> dict[str, Any]:
    def value(estimate: Estimate | None) -> float | None:
        return None if estimate is None else number(estimate.value)

    return {
        "icc_a1": value(found.icc_a1),
        "icc_a1_ci": limits(found.icc_a1.interval) if found.icc_a1 else None,
        "icc_ak": value(found.icc_ak),
        "icc_ak_ci": limits(found.icc_ak.interval) if found.icc_ak else None,
        "alpha": value(found.alpha),
        "alpha_ci": limits(found.alpha.interval) if found.alpha else None,
    }


def _notes(found: AspectAnalysis) -> list[str]:
    """Notes of the analysis and of its estimates, each once."""
    estimates = [*found.means, *(contrast.estimate for contrast in found.contrasts)]
    return list(dict.fromkeys([*found.notes, *(note for e in estimates for note in e.notes)]))


def _lines(aspect: str, found: AspectAnalysis) -> list[str]:
    rows = [["system", "mean [interval]", "n"]]
    rows += [[s, shown(m, 2), str(m.n)] for s, m in zip(found.systems, found.means, strict=True)]
    agreement = [
        f"{name} {shown(estimate, 3)}"
        for name, estimate in (("ICC(A,1)", found.icc_a1), ("ICC(A,k)", found.icc_ak), ("alpha", found.alpha))
        if estimate is not None
    ]
    table = columns(rows)
    contrasts = [["difference", "estimate [interval]", "p (Holm)"]]
    contrasts += [
        [
            f"{c.first} - {c.second}",
            shown(c.estimate, 2),
            "-" if c.p_adjusted is None else f"{c.p_adjusted:.3g}",
        ]
        for c in found.contrasts
    ]
    body = [f"{aspect}: {found.means[0].method}", *table, "agreement: " + ", ".join(agreement)]
    return [*body, *(columns(contrasts) if len(contrasts) > 1 else []), ""]
