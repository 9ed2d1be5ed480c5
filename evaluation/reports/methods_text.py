"""A paragraph for the methods section of an analysis, in English: what was estimated, how, with what.

It tells what the result holds, not what was asked for: an analysis takes another method where the data call for it.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

from evaluation.analyses.results import AnalysisResult
from evaluation.reports.table import software_version
from evaluation.statistics import authors, crossed, score_analysis
from evaluation.statistics.kappa import WEIGHTS
from evaluation.statistics.obuchowski_rockette import FIXED_RANDOM

Said = Callable[[dict[str, Any], dict[str, Any], str], str]


def methods(kind: str, result: AnalysisResult, given: dict[str, Any]) -> str:
    """The paragraph of a kind of analysis.

    Args:
        given: the options that were given.
    """
    level = f"{100 * given.get('level', 0.95):.4g}%"
    return f"{TEXTS[kind](result.data, given, level)} Computed with {software_version()}."


def _roc(data: dict[str, Any], given: dict[str, Any], level: str) -> str:
    if given.get("multiclass"):
        return f"The truth has several classes; their discrimination was measured by {data['method']}."
    text = (
        f"The area under the ROC curve was estimated for {data['n_positive']} positive and "
        f"{data['n_negative']} negative cases with {level} confidence intervals ({data['method']})."
    )
    if data.get("n_clusters") is not None:
        text += f" Cases stand in {data['n_clusters']} clusters, within which they were taken as correlated."
    if data.get("compare"):
        text += (
            " Two scores of the same cases were compared by a z test of the difference of their areas "
            f"({data['compare']['method']})."
        )
    if given.get("bootstrap"):
        text += f" A stratified bootstrap of {data['bootstrap']['replicates']} draws was the check."
    if given.get("at_sensitivity") is not None:
        text += (
            f" Specificity is given at a sensitivity of {given['at_sensitivity']:g} "
            f"({data['at_sensitivity']['method']})."
        )
    if given.get("partial") is not None:
        text += (
            f" The partial area stands over specificities from {given['partial']:g} to 1 "
            f"({data['partial']['method']})."
        )
    return text


def _mrmc(data: dict[str, Any], given: dict[str, Any], level: str) -> str:
    endpoint = given.get("endpoint", "auc")
    if given.get("at_specificity") is not None:
        endpoint += f" at a specificity of {given['at_specificity']:g}"
    readers, cases = (part.split()[0] for part in data["model"].split(", "))
    factors = (
        f"readers and cases were {readers}"
        if readers == cases
        else f"readers were {readers} and cases {cases}"
    )
    is_normal = data["model"] == FIXED_RANDOM
    tests = "normal and chi-squared tests" if is_normal else "degrees of freedom by Hillis (2007)"
    text = (
        f"Readers, modalities and cases were analysed by the method of Obuchowski and Rockette with {tests} "
        f"and {level} intervals; {factors}, the endpoint was {endpoint} "
        f"and error covariances were estimated by {data['covariance']}."
    )
    if given.get("margin") is not None:
        text += f" Non-inferiority and equivalence were tested against a margin of {given['margin']:g}."
    return text


def _scores(data: dict[str, Any], given: dict[str, Any], level: str) -> str:
    named = sorted({row["method"] for row in data["means"]})
    text = (
        f"Mean scores are given with {level} confidence intervals with {_random_factors(data)} "
        f"({'; '.join(named)})."
    )
    if data["contrasts"]:
        text += f" {_contrasts(data)}Contrasts were adjusted by Holm's method."
    if given.get("mixed"):
        text += " A linear mixed model (REML) was fitted beside them."
    if given.get("margin") is not None:
        text += (
            f" Non-inferiority and equivalence were tested against a margin of {given['margin']:g} points."
        )
    return text


def _random_factors(data: dict[str, Any]) -> str:
    if _is_noted(data, crossed.ONE_RATER):
        return "questions as the random factor and one rater, who is fixed"
    if _is_noted(data, crossed.ONE_QUESTION):
        return "raters as the random factor and one question, which is fixed"
    if _is_noted(data, score_analysis.CLUSTERED):
        return "raters and patients, in place of their questions, as random factors"
    return "raters and questions as random factors"


def _contrasts(data: dict[str, Any]) -> str:
    """How contrasts of systems that several people wrote were computed; nothing where there are none."""
    count = sum(row["method"] == authors.METHOD for row in data["contrasts"])
    text = ""
    if count:
        text += (
            f"{count} of {len(data['contrasts'])} contrasts, of systems that several authors wrote, took raters and "
            f"authors as random factors ({authors.METHOD})"
        )
        if _is_noted(data, authors.WHOLE):
            text += "; raters who had not scored every author were left out of them"
        text += ". "
    if _is_noted(data, authors.FIXED):
        text += "Where fewer than two raters had scored every author of a system, its authors were fixed. "
    return text


def _is_noted(data: dict[str, Any], template: str) -> bool:
    """Whether a note was made from this template of the statistics: it holds all that stands between the fields."""
    parts = re.split(r"\{\w+\}", template)
    return any(all(part in note for part in parts) for note in data["notes"])


def _agreement(data: dict[str, Any], given: dict[str, Any], level: str) -> str:
    measures = []
    if data["icc"]:
        measures.append("intraclass correlations (McGraw and Wong 1996)")
    levels = f"{_listed(list(data['alpha']))} level{'s' if len(data['alpha']) > 1 else ''}"
    resampled = " with bootstrap intervals over units" if any(data["alpha_ci"].values()) else ""
    measures.append(f"Krippendorff's alpha ({levels}){resampled}")
    measures += _kappas(data["kappa"])
    if data["kendall_w"] is not None:
        measures.append("Kendall's coefficient of concordance")
    text = (
        f"Agreement of {data['raters']} raters on {data['units']} units was measured by {_listed(measures)}; "
        f"intervals are {level} confidence intervals."
    )
    if data["marginal_homogeneity"] is not None:
        text += (
            " Whether both raters use the categories equally often was tested by Stuart and Maxwell's test."
        )
    return text


def _kappas(found: dict[str, Any]) -> list[str]:
    weights = [name for name in WEIGHTS if name in found]
    cohens = f" (unweighted, and with {_listed(weights[1:])} weights)" if len(weights) > 1 else ""
    return [
        *([f"Cohen's kappa{cohens}"] if weights else []),
        *(["Fleiss', Conger's and Light's kappas"] if "fleiss" in found else []),
    ]


def _listed(names: Sequence[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def _proportions(data: dict[str, Any], given: dict[str, Any], level: str) -> str:
    return f"Shares are given with {level} confidence intervals by Wilson and by Clopper and Pearson."


def _paired(data: dict[str, Any], given: dict[str, Any], level: str) -> str:
    text = (
        f"Paired shares were compared by their difference with Tango's score interval ({level}) and by McNemar's "
        "test (mid-p)."
    )
    if any("clustered" in row for row in data["comparisons"]):
        text += " Patients with several cases were taken as clusters (Obuchowski 1998)."
    return text


def _ranks(data: dict[str, Any], given: dict[str, Any], level: str) -> str:
    first = data["analyses"][0]
    pairs = "pairs by Wilcoxon's signed rank test with Holm's adjustment"
    text = f"Systems were compared over {first['n_blocks']} blocks: {pairs}"
    if "friedman" in first:
        text = (
            f"Systems were compared over {first['n_blocks']} blocks by Friedman's test with Nemenyi's pairwise "
            f"comparison of mean ranks, {pairs}"
        )
    return (
        f"{text}; shifts are Hodges and Lehmann's with {level} intervals. Scope: {first['generalises_to']}."
    )


def _preferences(data: dict[str, Any], given: dict[str, Any], level: str) -> str:
    first = data["analyses"][0]
    how = "counted as half a win for each system" if first["ties"] == "half" else "left out"
    return (
        f"Preferences were analysed by the model of Bradley and Terry with {first['reference']} as the reference and "
        f"{level} intervals from the information matrix; ties were {how}. Preferences were taken as independent."
    )


TEXTS: dict[str, Said] = {
    "roc": _roc,
    "mrmc": _mrmc,
    "scores": _scores,
    "agreement": _agreement,
    "proportions": _proportions,
    "paired": _paired,
    "ranks": _ranks,
    "preferences": _preferences,
}
