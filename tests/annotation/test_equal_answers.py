"""Corrected answers that read word for word the same: three rows, said on the page, one choice of two seniors."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from annotation.models import Correction, Notification, Pick, Proposal, Question
from annotation.services.campaigns import add_member, create_campaign, open_campaign
from annotation.services.corrections import CorrectionItem, submit_corrections
from annotation.services.picks import pick
from annotation.services.training_samples import deciding_pick
from annotation.statistics import quality
from mammo.accounts.models import User
from tests.annotation import scene

SAME = "您的乳腺为致密型，建议每年复查一次。"


@pytest.fixture
def equal(rita: User, june: User, sena: User, sol: User) -> Question:
    """A question whose first two answers were corrected to the same words; two seniors choose, a third decides."""
    site = rita.sites_as("researcher").get()
    campaign = create_campaign(
        "Equal",
        site=site,
        by_user=rita,
        proposer={"kind": "transformers", "path": "/models/tiny"},
        senior_overlap=2,
        adjudication=True,
        seed=3,
    )
    ada = scene_senior(site)
    for person, purpose in ((june, "correct"), (sena, "pick"), (sol, "pick"), (ada, "adjudicate")):
        add_member(campaign, person, purpose, by_user=rita)
    open_campaign(campaign, by_user=rita)
    (question,) = scene.proposed(campaign, 1)
    first, second, third = Proposal.objects.current(question)
    items = [CorrectionItem(proposal=one.pk, text=SAME, error_tags=["wrong_fact"]) for one in (first, second)]
    items.append(CorrectionItem(proposal=third.pk, text=third.text, no_change=True))
    submit_corrections(question, by_user=june, items=items)
    question.refresh_from_db()
    return question


def scene_senior(site: object) -> User:
    """The senior who would adjudicate."""
    from tests.evaluation.scene import person

    return person(site, "ada")


def cards(page: str) -> list[tuple[str, str]]:
    """Text of each answer, and the letter it is said to be the same as."""
    found = []
    for card in page.split("data-candidate>")[1:]:
        text = re.search(r"data-text>(.*?)</p>", card, re.DOTALL)
        same = re.search(r'data-same-as="(.)"', card)
        assert text is not None
        found.append((text[1], same[1] if same else ""))
    return found


def test_the_page_says_which_answers_are_the_same_and_nothing_of_where_they_come_from(
    equal: Question, sena: User
) -> None:
    client = Client()
    client.force_login(sena)
    page = client.get(reverse("annotation:pick", args=[equal.pk])).content.decode()
    told = cards(page)
    assert len(told) == Correction.objects.candidates(equal).count() == 3
    places = [place for place, (text, _same) in enumerate(told) if text == SAME]
    assert len(places) == 2
    above, below = places
    expected = ["", "", ""]
    expected[below] = "ABC"[above]
    assert [same for _text, same in told] == expected, "told of the lower one alone, by the letter above"
    assert f"Word for word the same as answer {'ABC'[above]}" in page
    assert "proposal" not in page.lower()


def test_answers_that_differ_are_not_marked(rita: User, june: User, sena: User, study: object) -> None:
    campaign = scene.open_campaign_of(rita, [june], [sena])
    (question,) = scene.ask(campaign)
    scene.propose(campaign, [question])
    scene.settle(question, june)
    client = Client()
    client.force_login(sena)
    page = client.get(reverse("annotation:pick", args=[question.pk])).content.decode()
    assert [same for _text, same in cards(page)] == ["", "", ""]


def test_two_seniors_who_choose_the_same_words_agree(equal: Question, sena: User, sol: User) -> None:
    first, second = [row for row in Correction.objects.candidates(equal) if row.text == SAME]
    mine = pick(equal, by_user=sena, correction=first.pk)
    pick(equal, by_user=sol, correction=second.pk)
    equal.refresh_from_db()
    assert equal.stage == Question.Stage.PICKED, "nothing is left for a third one to decide"
    assert not Notification.objects.filter(kind="adjudicate").exists()
    assert {row.correction_id for row in Pick.objects.all()} == {first.pk, second.pk}
    assert deciding_pick(equal) == mine
    assert quality.senior_agreement(equal.campaign).share == 1.0


def test_two_seniors_who_choose_different_words_do_not(equal: Question, sena: User, sol: User) -> None:
    by_text = {str(row.text): row for row in Correction.objects.candidates(equal)}
    assert len(by_text) == 2
    for senior, row in zip((sena, sol), by_text.values(), strict=True):
        pick(equal, by_user=senior, correction=row.pk)
    equal.refresh_from_db()
    assert equal.stage == Question.Stage.ADJUDICATE
    assert quality.senior_agreement(equal.campaign).share == 0.0
