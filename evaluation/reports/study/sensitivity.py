"""Analyses that ask whether the main one depends on a choice: ranks, z-scores, and who rated."""

from collections.abc import Mapping

from django.utils.translation import gettext as _

from evaluation.reports.plan import AnalysisPlan
from evaluation.reports.study.data import StudyData
from evaluation.reports.study.parts import Grid, Section, p_text, shown
from evaluation.reports.trained_raters import both_ways
from evaluation.statistics.score_analysis import AspectAnalysis
from evaluation.statistics.score_cube import ScoreCube
from evaluation.statistics.score_sensitivity import ceiling_shares, contrasts_on, ranked, standardised


def adjusted_p(plan: AnalysisPlan) -> str:
    """Heading of adjusted p values."""
    return _("p (%(adjustment)s)") % {"adjustment": plan.adjustment_name}


def sensitivity_analyses(
    data: StudyData, plan: AnalysisPlan, cubes: dict[str, ScoreCube], seed: int
) -> Section:
    """Share at the maximum, and whether ranks and z-scores tell the same."""
    top = float(data.facts["scale"][1])
    grids, warnings = [], []
    for key, cube in cubes.items():
        shares = ceiling_shares(cube, top)
        warnings += [f"{data.aspect_name(key)}: {note}." for share in shares for note in share.notes]
        by_rank = contrasts_on(ranked(cube), seed=seed, adjustment=plan.adjustment)
        by_z = contrasts_on(standardised(cube), seed=seed, adjustment=plan.adjustment)
        rows = [
            [f"{a.first} − {a.second}", p_text(a.p_adjusted), p_text(b.p_adjusted)]
            for a, b in zip(by_rank, by_z, strict=True)
        ]
        header = [
            _("Difference"),
            _("%(p)s, ranks within raters") % {"p": adjusted_p(plan)},
            _("%(p)s, z-scores within raters") % {"p": adjusted_p(plan)},
        ]
        if rows:
            grids.append(Grid(data.aspect_name(key), header, rows))
    return Section(_("Sensitivity analyses"), warnings, grids)


def trained_raters_section(
    data: StudyData,
    plan: AnalysisPlan,
    cubes: Mapping[str, ScoreCube],
    analyses: Mapping[str, AspectAnalysis],
    seed: int,
) -> list[Section]:
    """Every contrast with and without raters who took part in the training set of an arm; nothing where none did."""
    trained = list(data.facts.get("trained_raters") or [])
    if not trained:
        return []
    title = _("With and without raters of training sets")
    texts = [
        _("%(count)s raters picked or corrected for the training set of an arm (%(raters)s).")
        % {"count": len(trained), "raters": ", ".join(trained)}
    ]
    estimate = _("Estimate [%(level)s CI]") % {"level": plan.level_name}
    header = [
        _("Difference"),
        *(f"{who}: {what}" for who in (_("all"), _("without them")) for what in (estimate, _("p"))),
    ]
    grids = []
    for key, cube in cubes.items():
        pairs = both_ways(cube, analyses[key].contrasts, trained, plan, seed)
        if pairs is None:
            texts.append(_("Too few other raters are left for an analysis without them."))
            return [Section(title, texts)]
        rows = [
            [
                f"{pair.with_all.first} − {pair.with_all.second}",
                *(
                    text
                    for contrast in (pair.with_all, pair.without)
                    for text in (shown(contrast.estimate, 2), p_text(contrast.p))
                ),
            ]
            for pair in pairs
        ]
        grids.append(Grid(data.aspect_name(key), header, rows))
    return [Section(title, texts, grids)]
