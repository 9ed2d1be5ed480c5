"""The analysis of one aspect as the protocol plans it: what the report, its sections and the figures all show."""

from dataclasses import replace

from evaluation.reports.plan import AnalysisPlan
from evaluation.reports.study.data import StudyData
from evaluation.statistics.authors import with_random_authors
from evaluation.statistics.score_analysis import AspectAnalysis, analyse_aspect
from evaluation.statistics.score_cube import ScoreCube


def analysed(data: StudyData, plan: AnalysisPlan, cube: ScoreCube, *, cross_check: bool) -> AspectAnalysis:
    """Means, contrasts and agreement at the plan's level, adjusted as it says; authors are fixed.

    Args:
        cross_check: give the bootstrap's means beside those of the closed form.
    """
    low, high = (float(limit) for limit in data.facts["scale"])
    return analyse_aspect(
        cube,
        level=plan.level,
        seed=seed_of(data),
        cross_check=cross_check,
        adjustment=plan.adjustment,
        scale=(low, high),
    )


def with_authors(
    data: StudyData, plan: AnalysisPlan, cube: ScoreCube, found: AspectAnalysis
) -> AspectAnalysis:
    """The analysis with authors as random in contrasts of arms that several people wrote."""
    authors = data.facts.get("author_of") or {}
    if not authors:
        return found
    contrasts = with_random_authors(
        cube, found.contrasts, authors, level=plan.level, adjustment=plan.adjustment
    )
    return replace(found, contrasts=contrasts)


def seed_of(data: StudyData) -> int:
    """Seed of the bootstrap, 32 bits."""
    return int(data.facts["seed"]) % (2**32)
