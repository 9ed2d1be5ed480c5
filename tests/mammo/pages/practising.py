"""The practice set of the walk: one example done by a junior and a senior, another one that waits."""

from typing import Any

from annotation.models import Campaign
from annotation.services import practice
from mammo.accounts.models import User


def practise(people: dict[str, User], campaign: Campaign, keys: dict[str, Any]) -> None:
    """A second example that waits, and the first one done by a junior, in part right, and by a senior, wrong."""
    answers = [practice.PracticeAnswer(text="每年复查。"), practice.PracticeAnswer(text="两年复查一次。")]
    practice.add_item(
        campaign, by_user=people["rita"], question="多久复查？", answers=answers, best=0, language="zh",
        context="双乳BI-RADS 2类。",
    )  # fmt: skip
    first = campaign.practice_items.get(pk=keys["example"])
    tags = {0: ["wrong_fact"], 1: []}
    corrected = practice.submit_correction(first, by_user=people["june"], tags=tags)
    picked = practice.submit_pick(first, by_user=people["sena"], picked=0)
    keys.update(practised_correct=corrected.pk, practised_pick=picked.pk)
