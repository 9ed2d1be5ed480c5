"""Figures for the researcher: agreement against a published example, proposals' quality from known rows."""

import pytest

from annotation.models import Campaign, Correction, Question
from annotation.services.corrections import CorrectionItem, submit_corrections
from annotation.services.picks import pick
from annotation.services.shown_orders import shown_order
from annotation.statistics import progress, quality, support
from annotation.statistics.agreement import nominal_agreement
from mammo.accounts.models import User
from tests.annotation import scene

# Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), example C: four observers, twelve units,
# missing data; nominal alpha = .743.
OBSERVERS = (
    (1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None),
    (1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3),
    (None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None),
    (1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None),
)


def test_alpha_is_that_of_the_published_example() -> None:
    units = [[row[place] for row in OBSERVERS if row[place] is not None] for place in range(12)]
    found = nominal_agreement(units)  # type: ignore[arg-type]
    assert found.alpha == pytest.approx(0.743, abs=0.0005)
    assert found.units == 11


def test_agreement_of_nobody_and_of_one_label_is_said_not_computed() -> None:
    assert nominal_agreement([]).share is None
    same = nominal_agreement([["a", "a"], ["a", "a"]])
    assert (same.share, same.alpha) == (1.0, None)


@pytest.fixture
def twice(rita: User, june: User, jack: User, sena: User, sol: User) -> Campaign:
    """A campaign in which June and Jack settled one question and Sena and Sol picked."""
    campaign = scene.open_campaign_of(rita, [june, jack], [sena, sol], overlap=2, senior_overlap=2)
    (question,) = scene.proposed(campaign, 1)
    scene.settle(question, june)
    items = scene.items_for(question)
    items[0] = CorrectionItem(proposal=items[0].proposal, text=scene.ANSWERS[0], no_change=True)
    submit_corrections(question, by_user=jack, items=items)
    candidates = list(Correction.objects.candidates(question))
    same = [row for row in candidates if row.proposal.index == 1]
    for senior, row in zip((sena, sol), same, strict=True):
        shown_order(question, [one.pk for one in candidates], user=senior, purpose="pick")
        pick(question, by_user=senior, correction=row.pk)
    return campaign


def test_juniors_and_seniors_are_compared_on_the_same_thing(twice: Campaign) -> None:
    found = quality.junior_agreement(twice)
    assert (found["no_change"].units, found["no_change"].share) == (3, pytest.approx(2 / 3))
    assert found["wrong_fact"].share == pytest.approx(2 / 3)
    # Two juniors' versions of one proposal are the same choice.
    assert quality.senior_agreement(twice).share == 1.0


def test_proposals_are_judged_by_what_became_of_them(twice: Campaign) -> None:
    (row,) = quality.by_system(twice)
    assert (row.proposals, row.corrections) == (3, 6)
    assert row.unchanged == pytest.approx(3 / 6)
    assert row.distance == 6.0
    assert row.picked == 1.0
    assert row.tags["wrong_fact"] == pytest.approx(3 / 6)
    assert quality.picks_by_index(twice) == {1: 2}
    assert sum(quality.picks_by_place(twice).values()) == 2


def test_facts_are_held_against_the_labels_of_the_study(question: Question) -> None:
    # The study is density C: two of the three proposals say so, one says B.
    found = support.support_of_proposals(question.campaign)
    assert (found.stated, found.supported) == (3, 2)


def test_progress_counts_questions_not_rows(twice: Campaign, june: User) -> None:
    assert progress.by_stage(twice)["picked"] == 1
    today = progress.by_day(twice, days=3)[-1]
    assert (today.corrected, today.picked) == (1, 1)
    (own,) = progress.by_person(twice, only=june)
    assert (own.corrected, own.picked, own.held) == (1, 0, 0)
