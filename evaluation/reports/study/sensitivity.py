"""Analyses that ask whether the main one depends on a choice: ranks, z-scores, and who rated."""

from collections.abc import Collection, Mapping

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from evaluation.models import Trial
from evaluation.reports.authors import fixed_author_notes
from evaluation.reports.plan import AnalysisPlan
from evaluation.reports.study.controls import failed_raters
from evaluation.reports.study.data import StudyData
from evaluation.reports.study.parts import Grid, Section, p_text, shown
from evaluation.reports.study.primary import planned_contrast
from evaluation.reports.trained_raters import BothWays, both_ways
from evaluation.reports.wording import listed
from evaluation.statistics.score_analysis import AspectAnalysis
from evaluation.statistics.score_cube import ScoreCube
from evaluation.statistics.score_sensitivity import ceiling_shares, contrasts_on, ranked, standardised
from evaluation.statistics.unequal_spread import contrasts_of_pairs


def adjusted_p(plan: AnalysisPlan) -> str:
    """Heading of adjusted p values."""
    return _("p (%(adjustment)s)") % {"adjustment": plan.adjustment_name}


def sensitivity_analyses(data: StudyData, plan: AnalysisPlan, cubes: dict[str, ScoreCube]) -> Section:
    """Share at the maximum, and whether ranks, z-scores and the two arms of a difference alone tell the same."""
    top = float(data.facts["scale"][1])
    grids, warnings = [], []
    for key, cube in cubes.items():
        shares = ceiling_shares(cube, top)
        warnings += [f"{data.aspect_name(key)}: {note}." for share in shares for note in share.notes]
        by_rank = contrasts_on(ranked(cube), adjustment=plan.adjustment)
        by_z = contrasts_on(standardised(cube), adjustment=plan.adjustment)
        alone = contrasts_of_pairs(cube, level=plan.level, adjustment=plan.adjustment)
        rows = [
            [
                f"{a.first} − {a.second}",
                p_text(a.p_adjusted),
                p_text(b.p_adjusted),
                shown(c.estimate, 2),
                p_text(c.p_adjusted),
            ]
            for a, b, c in zip(by_rank, by_z, alone, strict=True)
        ]
        header = [
            _("Difference"),
            _("%(p)s, ranks within raters") % {"p": adjusted_p(plan)},
            _("%(p)s, z-scores within raters") % {"p": adjusted_p(plan)},
            _("Estimate from the two arms alone [%(level)s CI]") % {"level": plan.level_name},
            _("%(p)s, from the two arms alone") % {"p": adjusted_p(plan)},
        ]
        if rows:
            grids.append(Grid(data.aspect_name(key), header, rows))
    fixed = fixed_author_notes(data.by_arm("authors"))
    return Section(_("Sensitivity analyses"), [*warnings, *fixed], grids)


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
    text = ngettext(
        "%(count)s rater picked or corrected for the training set of an arm (%(raters)s).",
        "%(count)s raters picked or corrected for the training set of an arm (%(raters)s).",
        len(trained),
    ) % {
        "count": len(trained),
        "raters": listed(trained),
    }
    return [_without(data, plan, cubes, analyses, trained, seed, title, text)]


def failed_raters_section(
    data: StudyData,
    plan: AnalysisPlan,
    cubes: Mapping[str, ScoreCube],
    analyses: Mapping[str, AspectAnalysis],
    seed: int,
) -> list[Section]:
    """Every contrast with and without raters who failed a control; nothing where no control was scored."""
    if not data.controls:
        return []
    title, failed = _("With and without raters who failed controls"), failed_raters(data)
    tested = {str(row["rater"]) for row in data.controls}
    if not failed:
        text = ngettext(
            "Of %(tested)s rater with controls none failed one: nobody is left out.",
            "Of %(tested)s raters with controls none failed one: nobody is left out.",
            len(tested),
        )
        return [Section(title, [text % {"tested": len(tested)}])]
    text = ngettext(
        "Of %(tested)s rater with controls, %(count)s failed one or more (%(raters)s).",
        "Of %(tested)s raters with controls, %(count)s failed one or more (%(raters)s).",
        len(tested),
    ) % {
        "count": len(failed),
        "tested": len(tested),
        "raters": listed(failed),
    }
    return [_without(data, plan, cubes, analyses, failed, seed, title, text)]


def _without(
    data: StudyData,
    plan: AnalysisPlan,
    cubes: Mapping[str, ScoreCube],
    analyses: Mapping[str, AspectAnalysis],
    raters: Collection[str],
    seed: int,
    title: str,
    text: str,
) -> Section:
    """The section of some raters: who they are, and every contrast with and without them."""
    texts = [text, *fixed_author_notes(data.by_arm("authors"))]
    grids = _with_and_without(data, plan, cubes, analyses, raters, seed)
    if grids is None:
        return Section(title, [*texts, _("Too few other raters are left for an analysis without them.")])
    return Section(title, texts, grids)


def _with_and_without(
    data: StudyData,
    plan: AnalysisPlan,
    cubes: Mapping[str, ScoreCube],
    analyses: Mapping[str, AspectAnalysis],
    raters: Collection[str],
    seed: int,
) -> list[Grid] | None:
    """The planned contrast both ways, once it may be named, then every contrast, a grid per aspect; None where fewer
    than two other raters are left."""
    estimate = _("Estimate [%(level)s CI]") % {"level": plan.level_name}
    header = [
        _("Difference"),
        *(f"{who}: {what}" for who in (_("all"), _("without them")) for what in (estimate, _("p"))),
    ]
    grids: list[Grid] = []
    for key, cube in cubes.items():
        pairs = both_ways(cube, analyses[key].contrasts, raters, plan, seed)
        if pairs is None:
            return None
        grids.append(Grid(data.aspect_name(key), header, [_row(pair) for pair in pairs]))
        planned = _planned(data, plan, key, pairs)
        if planned is not None:
            caption = f"{_('The planned contrast')}: {data.aspect_name(key)}"
            grids.insert(0, Grid(caption, header, [_row(planned)]))
    return grids


def _row(pair: BothWays) -> list[str]:
    both = (pair.with_all, pair.without)
    texts = (text for one in both for text in (shown(one.estimate, 2), p_text(one.p)))
    return [f"{pair.with_all.first} − {pair.with_all.second}", *texts]


def _planned(data: StudyData, plan: AnalysisPlan, key: str, pairs: Collection[BothWays]) -> BothWays | None:
    """The protocol's contrast; None in other aspects, and before unblinding, when it would tell arms from codes."""
    endpoint = plan.endpoint
    if endpoint is None or not endpoint.first or endpoint.measure != key:
        return None
    if data.facts.get("state") != Trial.State.UNBLINDED:
        return None
    with_all = planned_contrast(endpoint, [pair.with_all for pair in pairs])
    without = planned_contrast(endpoint, [pair.without for pair in pairs])
    return BothWays(with_all, without) if with_all is not None and without is not None else None
