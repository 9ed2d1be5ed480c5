"""A paragraph for the methods section of an analysis, in the reader's language: what was estimated, how, with what.

It tells what the result holds, not what was asked for: an analysis takes another method where the data call for it.
"""

import re
from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from evaluation import counted
from evaluation.analyses.results import AnalysisResult
from evaluation.reports.table import software_version
from evaluation.reports.wording import in_words, last_and, paragraph, unit_word
from evaluation.statistics import authors, crossed, score_analysis
from evaluation.statistics import obuchowski_rockette as oro
from evaluation.statistics.kappa import WEIGHTS

Said = Callable[[dict[str, Any], dict[str, Any], str], list[str]]


def methods(kind: str, result: AnalysisResult, given: dict[str, Any]) -> str:
    """The paragraph of a kind of analysis.

    Args:
        given: the options that were given.
    """
    level = f"{100 * given.get('level', 0.95):.4g}%"
    computed = _("Computed with %(version)s.") % {"version": software_version()}
    return paragraph([*TEXTS[kind](result.data, given, level), computed])


def _roc(data: dict[str, Any], given: dict[str, Any], level: str) -> list[str]:
    if given.get("multiclass"):
        text = _("The truth has several classes; their discrimination was measured by %(method)s.")
        return [text % {"method": in_words(data["method"])}]
    positive, negative = data["n_positive"], data["n_negative"]
    text = _(
        "The area under the ROC curve was estimated for %(positive)s positive and %(negative)s negative cases with "
        "%(level)s confidence intervals (%(method)s)."
    )
    said = [
        text
        % {
            "positive": positive,
            "negative": negative,
            "level": level,
            "method": in_words(data["method"]),
        }
    ]
    if data.get("n_clusters") is not None:
        said.append(
            ngettext(
                "Cases stand in %(count)s cluster, within which they were taken as correlated.",
                "Cases stand in %(count)s clusters, within which they were taken as correlated.",
                data["n_clusters"],
            )
            % {"count": data["n_clusters"]}
        )
    if data.get("compare"):
        text = _(
            "Two scores of the same cases were compared by a z test of the difference of their areas (%(method)s)."
        )
        said.append(text % {"method": in_words(data["compare"]["method"])})
    return said + _roc_beside(data, given)


def _roc_beside(data: dict[str, Any], given: dict[str, Any]) -> list[str]:
    """The bootstrap, the specificity at a sensitivity and the partial area, where they were asked for."""
    said = []
    if given.get("bootstrap"):
        text = _("A stratified bootstrap of %(count)s draws was the check.")
        said.append(text % {"count": data["bootstrap"]["replicates"]})
    if given.get("at_sensitivity") is not None:
        text = _("Specificity is given at a sensitivity of %(target)s (%(method)s).")
        method = in_words(data["at_sensitivity"]["method"])
        said.append(text % {"target": f"{given['at_sensitivity']:g}", "method": method})
    if given.get("partial") is not None:
        text = _("The partial area stands over specificities from %(low)s to 1 (%(method)s).")
        said.append(text % {"low": f"{given['partial']:g}", "method": in_words(data["partial"]["method"])})
    return said


def _endpoint(given: dict[str, Any]) -> str:
    endpoint = unit_word(given.get("endpoint") or "auc")
    if given.get("at_specificity") is None:
        return endpoint
    text = _("%(endpoint)s at a specificity of %(target)s")
    return text % {"endpoint": endpoint, "target": f"{given['at_specificity']:g}"}


def _mrmc(data: dict[str, Any], given: dict[str, Any], level: str) -> list[str]:
    factors = {
        oro.RANDOM_RANDOM: _("readers and cases were random"),
        oro.FIXED_RANDOM: _("readers were fixed and cases random"),
        oro.RANDOM_FIXED: _("readers were random and cases fixed"),
    }[data["model"]]
    covariance = {
        "delong": _("DeLong's method"),
        "jackknife": _("the jackknife"),
        "unbiased": _("unbiased U statistics"),
    }[data["covariance"]]
    is_normal = data["model"] == oro.FIXED_RANDOM
    tests = _("normal and chi-squared tests") if is_normal else _("degrees of freedom by Hillis (2007)")
    text = _(
        "Readers, modalities and cases were analysed by the method of Obuchowski and Rockette with %(tests)s and "
        "%(level)s intervals; %(factors)s, the endpoint was %(endpoint)s and error covariances were estimated by "
        "%(covariance)s."
    )
    facts = {"tests": tests, "level": level, "factors": factors, "covariance": covariance}
    said = [text % (facts | {"endpoint": _endpoint(given)})]
    if given.get("margin") is not None:
        text = _("Non-inferiority and equivalence were tested against a margin of %(margin)s.")
        said.append(text % {"margin": f"{given['margin']:g}"})
    return said


def _scores(data: dict[str, Any], given: dict[str, Any], level: str) -> list[str]:
    named = [in_words(method) for method in sorted({row["method"] for row in data["means"]})]
    text = _("Mean scores are given with %(level)s confidence intervals with %(factors)s (%(methods)s).")
    said = [
        text
        % {
            "level": level,
            "factors": _random_factors(data),
            "methods": pgettext("between clauses", "; ").join(named),
        }
    ]
    if data["contrasts"]:
        said += [*_contrasts(data), _("Contrasts were adjusted by Holm's method.")]
    if given.get("mixed"):
        said.append(_("A linear mixed model (REML) was fitted beside them."))
    if given.get("margin") is not None:
        text = _("Non-inferiority and equivalence were tested against a margin of %(margin)s.")
        said.append(text % {"margin": counted.points(given["margin"])})
    return said


def _random_factors(data: dict[str, Any]) -> str:
    if _is_noted(data, crossed.ONE_RATER):
        return _("questions as the random factor and one rater, who is fixed")
    if _is_noted(data, crossed.ONE_QUESTION):
        return _("raters as the random factor and one question, which is fixed")
    if _is_noted(data, score_analysis.CLUSTERED):
        return _("raters and patients, in place of their questions, as random factors")
    return _("raters and questions as random factors")


def _contrasts(data: dict[str, Any]) -> list[str]:
    """How contrasts of systems that several people wrote were computed; nothing where there are none."""
    count = sum(row["method"] == authors.METHOD for row in data["contrasts"])
    said = []
    if count:
        facts = {
            "count": count,
            "all": len(data["contrasts"]),
            "method": in_words(authors.METHOD),
        }
        if _is_noted(data, authors.WHOLE):
            text = _(
                "%(count)s of %(all)s contrasts, of systems that several authors wrote, took raters and authors as "
                "random factors (%(method)s); raters who had not scored every author were left out of them."
            )
        else:
            text = _(
                "%(count)s of %(all)s contrasts, of systems that several authors wrote, took raters and authors as "
                "random factors (%(method)s)."
            )
        said.append(text % facts)
    if _is_noted(data, authors.FIXED):
        said.append(
            _("Where fewer than two raters had scored every author of a system, its authors were fixed.")
        )
    return said


def _is_noted(data: dict[str, Any], template: str) -> bool:
    """Whether a note was made from this template of the statistics: it holds all that stands between the fields."""
    parts = re.split(r"\{\w+\}", template)
    return any(all(part in note for part in parts) for note in data["notes"])


def _agreement(data: dict[str, Any], given: dict[str, Any], level: str) -> list[str]:
    measures = []
    if data["icc"]:
        measures.append(_("intraclass correlations (McGraw and Wong 1996)"))
    measures.append(_alphas(data))
    measures += _kappas(data["kappa"])
    if data["kendall_w"] is not None:
        measures.append(_("Kendall's coefficient of concordance"))
    text = _(
        "Agreement of %(raters)s on %(units)s was measured by %(measures)s; intervals are %(level)s confidence "
        "intervals."
    )
    facts = {"raters": counted.raters(data["raters"]), "units": counted.units(data["units"]), "level": level}
    said = [text % (facts | {"measures": last_and(measures)})]
    if data["marginal_homogeneity"] is not None:
        said.append(
            _("Whether both raters use the categories equally often was tested by Stuart and Maxwell's test.")
        )
    return said


def _alphas(data: dict[str, Any]) -> str:
    """Alpha with the levels of measurement it was computed on."""
    levels = [unit_word(name) for name in data["alpha"]]
    facts = {"levels": last_and(levels)}
    if any(data["alpha_ci"].values()):
        text = ngettext(
            "Krippendorff's alpha (%(levels)s level) with bootstrap intervals over units",
            "Krippendorff's alpha (%(levels)s levels) with bootstrap intervals over units",
            len(levels),
        )
    else:
        text = ngettext(
            "Krippendorff's alpha (%(levels)s level)", "Krippendorff's alpha (%(levels)s levels)", len(levels)
        )
    return str(text % facts)


def _kappas(found: dict[str, Any]) -> list[str]:
    weights = [name for name in WEIGHTS if name in found]
    said = []
    if len(weights) > 1:
        said.append(_("Cohen's kappa (unweighted, and with linear and quadratic weights)"))
    elif weights:
        said.append(_("Cohen's kappa"))
    return said + ([_("Fleiss', Conger's and Light's kappas")] if "fleiss" in found else [])


def _proportions(data: dict[str, Any], given: dict[str, Any], level: str) -> list[str]:
    text = _("Shares are given with %(level)s confidence intervals by Wilson and by Clopper and Pearson.")
    return [text % {"level": level}]


def _paired(data: dict[str, Any], given: dict[str, Any], level: str) -> list[str]:
    text = _(
        "Paired shares were compared by their difference with Tango's score interval (%(level)s) and by McNemar's test "
        "(mid-p)."
    )
    said = [text % {"level": level}]
    if any("clustered" in row for row in data["comparisons"]):
        said.append(_("Patients with several cases were taken as clusters (Obuchowski 1998)."))
    return said


def _ranks(data: dict[str, Any], given: dict[str, Any], level: str) -> list[str]:
    first = data["analyses"][0]
    if "friedman" in first:
        text = _(
            "Systems were compared over %(blocks)s by Friedman's test with Nemenyi's pairwise comparison of mean ranks, "
            "pairs by Wilcoxon's signed rank test with Holm's adjustment; shifts are Hodges and Lehmann's with %(level)s "
            "intervals."
        )
    else:
        text = _(
            "Systems were compared over %(blocks)s: pairs by Wilcoxon's signed rank test with Holm's adjustment; shifts "
            "are Hodges and Lehmann's with %(level)s intervals."
        )
    scope = _("Scope: %(scope)s.") % {"scope": in_words(first["generalises_to"])}
    return [text % {"blocks": counted.blocks(first["n_blocks"]), "level": level}, scope]


def _preferences(data: dict[str, Any], given: dict[str, Any], level: str) -> list[str]:
    first = data["analyses"][0]
    if first["ties"] == "half":
        text = _(
            "Preferences were analysed by the model of Bradley and Terry with %(reference)s as the reference and "
            "%(level)s intervals from the information matrix; ties were counted as half a win for each system."
        )
    else:
        text = _(
            "Preferences were analysed by the model of Bradley and Terry with %(reference)s as the reference and "
            "%(level)s intervals from the information matrix; ties were left out."
        )
    independent = _("Preferences were taken as independent.")
    return [text % {"reference": first["reference"], "level": level}, independent]


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
