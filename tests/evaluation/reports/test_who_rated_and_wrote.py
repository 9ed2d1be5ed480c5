"""Contrasts with and without raters of training sets, and what an arm of doctors stands for."""

import numpy as np
import pytest

from evaluation.models import Answer, Trial, TrialRater
from evaluation.reports.options import TableOptions
from evaluation.reports.study.data import from_trial
from evaluation.reports.study.sections import sections
from evaluation.reports.tables import build_table
from evaluation.services.freezing import design_hash
from evaluation.services.scoring import lock_trial, next_slot, record_scores
from evaluation.services.unblinding import confirm_unblinding, request_unblinding
from evaluation.statistics.crossed import crossed_contrasts
from mammo.accounts.models import User
from tests.evaluation import scene


@pytest.fixture
def scored(rita: User, june: User, sena: User, sol: User) -> Trial:
    """Three raters; Sena trained MammoVLM and gives it 12 points more than the others do."""
    sue = scene.person(rita.sites_as("researcher").get(), "Sue")
    trial = scene.open_trial(rita, june, [sena, sol, sue])
    code = trial.arms.get(name="MammoVLM").code
    TrialRater.objects.filter(trial=trial, user=sena).update(trained_arms=[code])
    # The design's hash would notice: it is taken anew, as if she had taken part before the freezing.
    Trial.objects.filter(pk=trial.pk).update(design_sha256=design_hash(Trial.objects.get(pk=trial.pk)))
    for rater in trial.raters.select_related("user"):
        slot = next_slot(rater)
        while slot is not None:
            own = 12 if rater.user == sena and slot.answer.arm.code == code else 0
            base = 60 + 4 * slot.answer.arm.position + slot.position % 5 + own
            record_scores(slot, by_user=rater.user, values=scene.values(base))
            slot = next_slot(rater)
    lock_trial(Trial.objects.get(pk=trial.pk), by_user=rita)
    return Trial.objects.get(pk=trial.pk)


def unblinded(trial: Trial, rita: User, stan: User) -> Trial:
    request_unblinding(trial, by_user=rita, reason="scoring is over")
    return confirm_unblinding(trial, by_user=stan)


def test_every_contrast_stands_with_and_without_raters_of_training_sets(
    scored: Trial, rita: User, sena: User, stan: User
) -> None:
    data = from_trial(unblinded(scored, rita, stan), simulated=False)
    cube = data.cubes()["correctness"]
    part = next(p for p in sections(data) if p.title == "With and without raters of training sets")
    place = list(scored.raters.order_by("pk").values_list("user", flat=True)).index(sena.pk)
    assert part.paragraphs == [
        f"1 rater picked or corrected for the training set of an arm (R{place + 1:02d})."
    ]
    grid = part.grids[0]
    assert grid.header[1:] == [
        *("all: Estimate [95% CI]", "all: p", "without them: Estimate [95% CI]", "without them: p")
    ]
    kept = [i for i in range(3) if i != place]
    ours = cube.systems.index("MammoVLM")
    for row in grid.rows:
        first, second = (cube.systems.index(name) for name in row[0].split(" − "))
        gap = cube.values[:, :, first] - cube.values[:, :, second]
        assert float(row[1].split()[0]) == pytest.approx(gap.mean(), abs=0.00501)
        assert float(row[3].split()[0]) == pytest.approx(gap[kept].mean(), abs=0.00501)
        moved = abs(gap.mean() - gap[kept].mean())
        # Her 12 points are a third of the raters' mean.
        assert (moved > 3) == (ours in (first, second))
    expected = crossed_contrasts(cube)
    assert [row[2] for row in grid.rows] == [f"{c.p:.3g}" for c in expected]


def test_table_1_says_how_far_the_contrasts_move(scored: Trial) -> None:
    built = build_table(1, TableOptions(scored))
    moves = []
    for cube in from_trial(scored, simulated=False).cubes().values():
        means = cube.values.mean(axis=1)
        place = list(scored.raters.order_by("pk").values_list("trained_arms", flat=True))
        kept = [i for i, codes in enumerate(place) if not codes]
        gap = means[:, :, None] - means[:, None, :]
        moves.append(np.abs(gap.mean(axis=0) - gap[kept].mean(axis=0)).max())
    note = next(n for n in built.notes if "training set" in n)
    assert f"move by at most {max(moves):.1f} points" in note


def test_with_too_few_others_that_is_what_is_said(scored: Trial, sol: User) -> None:
    code = scored.arms.get(name="MammoVLM").code
    TrialRater.objects.filter(trial=scored, user=sol).update(trained_arms=[code])
    Trial.objects.filter(pk=scored.pk).update(design_sha256=design_hash(Trial.objects.get(pk=scored.pk)))
    trial = Trial.objects.get(pk=scored.pk)
    part = next(
        p for p in sections(from_trial(trial, simulated=False)) if p.title.startswith("With and without")
    )
    assert part.grids == []
    assert part.paragraphs[-1] == "Too few other raters are left for an analysis without them."
    assert any("too few others are left" in n for n in build_table(1, TableOptions(trial)).notes)


def test_an_arm_of_one_doctor_is_told_to_be_one_person_after_unblinding(
    scored: Trial, rita: User, stan: User
) -> None:
    said = "is one person: differences from this arm hold for this person"
    assert not any(said in note for note in build_table(1, TableOptions(scored)).notes)
    assert said not in str(sections(from_trial(scored, simulated=False)))
    trial = unblinded(scored, rita, stan)
    assert any(f"Junior doctor {said}" in note for note in build_table(1, TableOptions(trial)).notes)
    assert f"Junior doctor {said}" in str(sections(from_trial(trial, simulated=False)))


def test_contrasts_of_an_arm_of_two_doctors_take_authors_as_random(
    scored: Trial, rita: User, stan: User
) -> None:
    second = scene.person(scored.site, "Jill", "junior")
    answers = Answer.objects.filter(arm__trial=scored, arm__kind="human").order_by("question__position")
    Answer.objects.filter(pk__in=[answer.pk for answer in answers[:4]]).update(author=second)
    trial = unblinded(scored, rita, stan)
    notes = build_table(1, TableOptions(trial)).notes
    assert any("Junior doctor was written by 2 persons: the mean is theirs" in note for note in notes)
    data = from_trial(trial, simulated=False)
    of = data.facts["author_of"]["Junior doctor"]
    assert sorted(of.values()) == ["W01"] * 4 + ["W02"] * (len(of) - 4)
    part = next(p for p in sections(data) if p.title.startswith("Differences"))
    assert "Junior doctor: 2 authors, taken as random." in part.paragraphs
    fixed = "Junior doctor was written by 2 persons, who are taken as fixed here"
    for title in ("Mean scores", "Sensitivity analyses", "With and without raters of training sets"):
        section = next(p for p in sections(data) if p.title == title)
        assert any(text.startswith(fixed) for text in section.paragraphs), title
    assert not any(text.startswith(fixed) for text in part.paragraphs)
    (_key, cube), *_others = data.cubes().items()
    ours = next(row for row in part.grids[0].rows if "Junior doctor" in row[0])
    first, second = (cube.systems.index(name) for name in ours[0].split(" − "))
    gap = (cube.values[:, :, first] - cube.values[:, :, second]).mean(axis=0)
    people = [gap[[of[q] == name for q in cube.questions]].mean() for name in ("W01", "W02")]
    assert float(ours[1].split()[0]) == pytest.approx(np.mean(people), abs=0.00501)
