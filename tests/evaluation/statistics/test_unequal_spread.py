"""Differences of two systems from their own scores, and the note where systems differ in spread."""

import numpy as np
import pytest

from evaluation.statistics.crossed import crossed_contrasts
from evaluation.statistics.moments import moment_contrasts
from evaluation.statistics.score_analysis import analyse_aspect
from evaluation.statistics.score_cube import ScoreCube
from evaluation.statistics.unequal_spread import contrasts_of_pairs, spread_note

WIDE = (15.0, 15.0, 4.0, 4.0, 4.0)
EQUAL = (4.0,) * 5


def scores(
    spread: tuple[float, ...],
    raters: int = 6,
    questions: int = 40,
    seed: int = 1,
    patients: int | None = None,
) -> ScoreCube:
    """Scores without a difference between systems; questions part on each by its spread."""
    rng, systems = np.random.default_rng(seed), len(spread)
    values = (
        70
        + rng.normal(0, 5, (raters, 1, 1))
        + rng.normal(0, 3, (1, questions, 1))
        + rng.normal(0, 1.5, (raters, 1, systems))
        + rng.normal(0, spread, (1, questions, systems))
        + rng.normal(0, 5, (raters, questions, systems))
    )
    names = [tuple(f"{letter}{i}" for i in range(n)) for letter, n in zip("rqs", values.shape, strict=True)]
    of = tuple(f"p{i % patients}" for i in range(questions)) if patients else None
    return ScoreCube(values, *names, of)


def test_a_pair_alone_is_the_two_way_analysis_of_its_differences() -> None:
    """Rater and question mean squares of the differences: var = (MS_R + MS_Q - MS_E) / RQ."""
    cube = scores(WIDE)
    found = contrasts_of_pairs(cube)
    assert [(c.first, c.second) for c in found] == [(c.first, c.second) for c in crossed_contrasts(cube)]
    d = cube.values[:, :, 0] - cube.values[:, :, 1]
    R, Q = d.shape
    ms_r = Q * d.mean(1).var(ddof=1)
    ms_q = R * d.mean(0).var(ddof=1)
    rest = d - d.mean(1, keepdims=True) - d.mean(0) + d.mean()
    ms_e = (rest**2).sum() / ((R - 1) * (Q - 1))
    expected = max(ms_r + ms_q - ms_e, ms_r, ms_q, ms_e) / (R * Q)
    assert found[0].estimate.se == pytest.approx(np.sqrt(expected), rel=0.02)
    assert found[0].estimate.value == pytest.approx(d.mean())


def test_a_pair_alone_holds_its_level_where_the_pooled_error_does_not() -> None:
    hits = {"pooled": 0, "alone": 0}
    for seed in range(300):
        cube = scores(WIDE, raters=8, questions=32, seed=seed)
        hits["pooled"] += (crossed_contrasts(cube)[0].p or 1) < 0.05
        hits["alone"] += (contrasts_of_pairs(cube)[0].p or 1) < 0.05
    assert hits["pooled"] > 0.10 * 300, "else this test shows nothing"
    assert 0.02 * 300 <= hits["alone"] <= 0.09 * 300


def test_the_note_stands_where_spreads_differ_and_not_elsewhere() -> None:
    notes = [analyse_aspect(scores(WIDE, seed=seed), b=10).notes for seed in range(20)]
    assert all(any("differ in how far questions part" in note for note in each) for each in notes)
    told = [
        spread_note(cube, crossed_contrasts(cube)) for cube in (scores(EQUAL, seed=s) for s in range(100))
    ]
    assert sum(note is not None for note in told) <= 4
    (note,) = [each for each in notes[0] if "part on them" in each]
    low, high = (float(text) for text in note.split("which is ")[1].split(" times")[0].split(" to "))
    assert low < 0.8
    assert high > 1.2


def test_missing_cells_and_patients_are_taken_by_moments() -> None:
    cube = scores(WIDE, patients=15)
    cube.values[0, 0, 0] = np.nan
    found = contrasts_of_pairs(cube)
    pair = moment_contrasts(cube.of_systems(("s0", "s1")))[0]
    assert found[0].estimate == pair.estimate
    assert analyse_aspect(cube, b=10).contrasts


def test_two_systems_few_questions_or_no_variation_have_no_note() -> None:
    for cube in (scores(WIDE[1:3]), scores(WIDE, questions=6)):
        assert spread_note(cube, crossed_contrasts(cube)) is None
    still = scores(EQUAL)
    still.values[:] = 50.0
    assert spread_note(still, crossed_contrasts(still)) is None
