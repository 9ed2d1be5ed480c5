"""Agreement of raters with themselves: hidden repeats, aspect by aspect."""

import numpy as np
from django.utils.translation import gettext as _

from evaluation import counted
from evaluation.reports.figures import plots
from evaluation.reports.plan import AnalysisPlan
from evaluation.reports.study.data import StudyData
from evaluation.reports.study.parts import Grid, Picture, shown
from evaluation.statistics.bland_altman import BlandAltman, bland_altman
from evaluation.statistics.score_cube import FloatArray


def repeated_scores(data: StudyData, key: str) -> tuple[FloatArray, FloatArray]:
    """First and second scores (pairs,) of one aspect, one pair per form."""
    own = [row for row in data.repeats if row["aspect"] == key]
    first, second = (np.array([float(row[name]) for row in own]) for name in ("first", "second"))
    return first, second


def forms_repeated(data: StudyData) -> int:
    """Forms that a rater met twice; exports of earlier versions do not name them, and each has every aspect."""
    if all("form" in row for row in data.repeats):
        return len({row["form"] for row in data.repeats})
    aspects = [row["aspect"] for row in data.repeats]
    return max((aspects.count(aspect) for aspect in set(aspects)), default=0)


def repeats_of(data: StudyData, plan: AnalysisPlan) -> tuple[list[str], list[Grid], list[Picture]]:
    """Sentences, limits of agreement by aspect, and the plot of the first aspect that has two pairs."""
    if not data.repeats:
        return [], [], []
    header = [
        *(_("Aspect"), _("Forms"), _("Mean difference [%(level)s CI]") % {"level": plan.level_name}),
        *(_("lower limit"), _("upper limit"), _("repeatability, points")),
    ]
    rows: list[list[str]] = []
    pictures: list[Picture] = []
    for aspect in data.aspects:
        first, second = repeated_scores(data, aspect["key"])
        if len(first) < 2:
            rows.append([data.aspect_name(aspect["key"]), str(len(first)), *(["–"] * 4)])
            continue
        limits = bland_altman(first, second, level=plan.level)
        rows.append([data.aspect_name(aspect["key"]), str(len(first)), *_limits(limits)])
        if not pictures:
            caption = _("Hidden repeats, %(aspect)s: difference against mean.") % {
                "aspect": data.aspect_name(aspect["key"])
            }
            pictures.append(Picture("repeats", caption, plots.repeats(first, second, limits)))
    said = _(
        "Hidden repeats: %(forms)s, %(scores)s. Limits of agreement stand by aspect, since the "
        "aspects of a form are scored together; the forms of a rater are taken as independent."
    ) % {"forms": counted.forms(forms_repeated(data)), "scores": counted.pairs_of_scores(len(data.repeats))}
    return [said], [Grid(_("Hidden repeats, by aspect"), header, rows)], pictures


def _limits(limits: BlandAltman) -> list[str]:
    found = (limits.bias, limits.lower, limits.upper)
    return [*(shown(estimate) for estimate in found), f"{limits.repeatability:.1f}"]
