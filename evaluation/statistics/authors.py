r"""Contrasts of an arm that several people wrote, with the author as a random factor.

Every answer of such an arm has one author, so its questions are nested in its authors. With d(r, q) the difference of the
two systems' scores by rater r on question q and m(r, a) its mean over the questions of author a, the contrast is the mean
of m over raters and authors (each author counts alike), and its variance that of a two-way random layout

    [MS_raters + MS_authors - MS_residual] / (R A)

with Satterthwaite's degrees of freedom: MS_authors holds what authors and what their questions differ by. The result
holds for other authors like these; with few of them the interval is wide. Raters who lack an author (blocks of answers,
missing scores) are left out, with a note; with fewer than two others authors stay fixed. Where both systems have several
authors, the wider of the two results stands.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from evaluation.statistics.crossed import crossed_means, t_test, with_adjusted
from evaluation.statistics.results import Contrast
from evaluation.statistics.score_cube import ScoreCube

METHOD = "two-way random ANOVA (raters x authors, every author counts alike), Satterthwaite t"
RANDOM = "{system}: {authors} authors, taken as random"
FIXED = "{system}: {authors} authors, taken as fixed since raters lack scores of one of them"
WHOLE = "{system}: {kept} of {raters} raters, who scored every author"
LEAST_RATERS = 2


def with_random_authors(
    cube: ScoreCube,
    contrasts: Sequence[Contrast],
    authors: Mapping[str, Mapping[str, str]],
    *,
    level: float = 0.95,
    adjustment: str = "holm",
) -> list[Contrast]:
    """The contrasts, those of systems with several authors put anew, all p values adjusted anew.

    Args:
        cube: the scores behind the contrasts, by question (not by patient).
        authors: by system, the author of its answer to each question; systems without authors are left out.
    """
    several = {name: of for name, of in authors.items() if len(set(of.values())) > 1}
    if not several:
        return list(contrasts)
    made = []
    for one in contrasts:
        sides = [name for name in (one.first, one.second) if name in several]
        found = {name: _by_author(cube, one, name, several[name], level) for name in sides}
        random = [contrast for contrast in found.values() if contrast is not None]
        widest = max(random, key=lambda contrast: contrast.estimate.se or 0.0, default=one)
        fixed = [
            FIXED.format(system=name, authors=len(set(several[name].values())))
            for name, contrast in found.items()
            if contrast is None
        ]
        notes = (*widest.estimate.notes, *fixed)
        made.append(replace(widest, estimate=replace(widest.estimate, notes=notes)))
    return with_adjusted(made, adjustment)


def _by_author(
    cube: ScoreCube, one: Contrast, name: str, of: Mapping[str, str], level: float
) -> Contrast | None:
    """One contrast over the authors of `name` and the raters who scored every one; None with fewer than two."""
    first, second = (cube.systems.index(system) for system in (one.first, one.second))
    gaps = cube.values[:, :, first] - cube.values[:, :, second]
    people = sorted(set(of.values()))
    means, counts = np.full((2, len(cube.raters), len(people)), np.nan)
    for place, person in enumerate(people):
        own = gaps[:, [of.get(question) == person for question in cube.questions]]
        counts[:, place] = (~np.isnan(own)).sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            means[:, place] = np.nansum(own, axis=1) / counts[:, place]
    whole = np.asarray((counts > 0).all(axis=1))
    raters = tuple(rater for rater, kept in zip(cube.raters, whole, strict=True) if kept)
    if len(raters) < LEAST_RATERS:
        return None
    notes = [RANDOM.format(system=name, authors=len(people))]
    if len(raters) < len(cube.raters):
        notes.append(WHOLE.format(system=name, kept=len(raters), raters=len(cube.raters)))
    layout = ScoreCube(means[whole][:, :, None], raters, tuple(people), ("difference",))
    found = crossed_means(layout, level=level)[0]
    estimate = replace(
        found,
        method=METHOD,
        n=int(counts[whole].sum()),
        notes=(*found.notes, *notes),
    )
    return Contrast(one.first, one.second, estimate, *t_test(estimate))
