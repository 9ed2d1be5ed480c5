"""The primary endpoint of a protocol: one hypothesis at the protocol's alpha, told before everything else."""

from collections.abc import Iterable, Mapping

from django.utils.translation import gettext as _

from evaluation.endpoint import Endpoint, hypothesis_name
from evaluation.models import Trial
from evaluation.reports.plan import AnalysisPlan
from evaluation.reports.study.data import StudyData
from evaluation.reports.study.parts import Grid, Section, p_text, shown
from evaluation.reports.wording import sentences
from evaluation.statistics.equivalence import MarginTest, equivalence, non_inferiority
from evaluation.statistics.results import Contrast, turned
from evaluation.statistics.score_analysis import AspectAnalysis


def primary_endpoint(data: StudyData, plan: AnalysisPlan, analyses: Mapping[str, AspectAnalysis]) -> Section:
    """The planned contrast with its one test, or why it can't be told."""
    title, notes = _("Primary endpoint"), list(plan.notes)
    endpoint = plan.endpoint
    named = endpoint is not None and endpoint.first
    if data.facts.get("contrast_withheld") or (named and data.facts.get("state") != Trial.State.UNBLINDED):
        # Naming the contrast among the codes would tell which code is which arm.
        notes.append(
            _("Arms stand under codes: which of the differences is the primary one is told after unblinding.")
        )
        return Section(title, notes)
    if endpoint is None or not named:
        notes.append(_("The protocol names no primary contrast: every test of this report is secondary."))
        return Section(title, notes)
    found = analyses.get(endpoint.measure)
    contrast = planned_contrast(endpoint, found.contrasts) if found is not None else None
    if contrast is None:
        notes.append(
            _("The planned contrast (%(measure)s, %(first)s − %(second)s) is not among the scores analysed.")
            % {"measure": endpoint.measure, "first": endpoint.first, "second": endpoint.second}
        )
        return Section(title, notes)
    notes.append(
        _("One hypothesis at alpha %(alpha)s, so its p value is not adjusted; everything else is secondary.")
        % {"alpha": f"{plan.alpha:g}"}
    )
    notes += sentences(contrast.estimate.notes)
    rows = rows_of_test([_("Aspect"), data.aspect_name(endpoint.measure)], plan, endpoint, contrast)
    return Section(title, notes, [Grid(_("The planned contrast"), [_("Item"), _("Value")], rows)])


def planned_contrast(endpoint: Endpoint, contrasts: Iterable[Contrast]) -> Contrast | None:
    """The contrast in the direction that was planned; None where it is not among these."""
    for contrast in contrasts:
        if (contrast.first, contrast.second) == (endpoint.first, endpoint.second):
            return contrast
        if (contrast.second, contrast.first) == (endpoint.first, endpoint.second):
            return turned(contrast)
    return None


def rows_of_test(
    measure: list[str], plan: AnalysisPlan, endpoint: Endpoint, contrast: Contrast, digits: int = 2
) -> list[list[str]]:
    """The planned hypothesis, its difference and its one test, as rows of names and values.

    Args:
        measure: the row that names what was measured.
    """
    estimate = contrast.estimate
    rows = [
        measure,
        [_("Contrast"), f"{contrast.first} − {contrast.second}"],
        [_("Hypothesis"), hypothesis_name(endpoint.hypothesis)],
        [_("Alpha"), f"{plan.alpha:g}"],
        [_("Difference [%(level)s CI]") % {"level": plan.level_name}, shown(estimate, digits)],
    ]
    if endpoint.hypothesis == "superiority":
        is_shown = contrast.p is not None and contrast.p < plan.alpha and estimate.value > 0
        rows += [[_("p (two-sided)"), p_text(contrast.p)], [_("Shown"), _("yes") if is_shown else _("no")]]
        return rows
    test = _against_margin(endpoint, plan, contrast)
    low, high = test.interval or (float("nan"), float("nan"))
    rows += [
        [_("Margin"), f"{test.margin:g}"],
        [
            _("Interval that decides (%(level)s)") % {"level": f"{100 * (1 - 2 * test.alpha):.6g}%"},
            f"[{low:.{digits}f}, {high:.{digits}f}]" if test.interval else "–",
        ],
        [_("p (one-sided at %(alpha)s)") % {"alpha": f"{test.alpha:g}"}, p_text(test.p)],
        [_("Shown"), _("yes") if test.is_shown else _("no")],
    ]
    return rows


def _against_margin(endpoint: Endpoint, plan: AnalysisPlan, contrast: Contrast) -> MarginTest:
    margin = endpoint.margin or 0.0
    if endpoint.hypothesis == "equivalence":
        return equivalence(contrast.estimate, margin, alpha=plan.alpha)
    return non_inferiority(contrast.estimate, margin, alpha=plan.alpha / 2)
