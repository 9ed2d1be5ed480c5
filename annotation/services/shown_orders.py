"""The order in which one person sees the texts of a question: drawn once from the campaign's seed, stored."""

import hashlib
import json
import random
import uuid
from collections.abc import Iterable

from django.db import IntegrityError, transaction

from annotation.models import Question, ShownOrder
from annotation.querysets import STAGE_FOR
from mammo.accounts.models import User


def shown_order(question: Question, ids: Iterable[uuid.UUID], *, user: User, purpose: str) -> list[uuid.UUID]:
    """Return `ids` in the order that this person sees; the first call draws and stores it.

    Outside the stage of the purpose nothing is stored: nobody sees these texts to work on them.

    A text that was replaced after the order was drawn falls out of it; one that came since stands at the end.

    Args:
        ids: proposals or corrections of the question's present round.
    """
    wanted = list(ids)
    found = ShownOrder.objects.filter(question=question, user=user, purpose=purpose, round=question.round)
    stored = found.first()
    if stored is None and question.stage != STAGE_FOR[purpose]:
        return order_to_show(question, wanted, user=user, purpose=purpose)
    if stored is None:
        drawn = _draw(question, sorted(str(i) for i in wanted), user, purpose)
        try:
            with transaction.atomic():
                stored = ShownOrder.objects.create(
                    question=question, user=user, purpose=purpose, round=question.round, order=drawn
                )
        except IntegrityError:  # the same page was opened twice at once
            stored = found.get()
    return still_shown(stored, wanted)


def order_to_show(
    question: Question, ids: Iterable[uuid.UUID], *, user: User, purpose: str
) -> list[uuid.UUID]:
    """As `shown_order`, for who asks without showing the texts: nothing is stored."""
    wanted = list(ids)
    found = ShownOrder.objects.filter(question=question, user=user, purpose=purpose, round=question.round)
    stored = found.first()
    if stored is not None:
        return still_shown(stored, wanted)
    return [uuid.UUID(i) for i in _draw(question, sorted(str(i) for i in wanted), user, purpose)]


def still_shown(stored: ShownOrder, ids: Iterable[uuid.UUID]) -> list[uuid.UUID]:
    """Those of `ids` in a stored order, without what was replaced since; what came since stands at the end."""
    wanted = {str(i) for i in ids}
    new = _draw(stored.question, sorted(wanted.difference(stored.order)), stored.user, stored.purpose)
    return [uuid.UUID(i) for i in [*(i for i in stored.order if i in wanted), *new]]


def letters_seen(question: Question, *, user: User, purpose: str) -> dict[str, str]:
    """The letters under which this person saw the texts of the question, by id; of all rounds, the newest last."""
    found = ShownOrder.objects.filter(question=question, user=user, purpose=purpose).order_by("round")
    return {
        i: letter(place) for order in found.values_list("order", flat=True) for place, i in enumerate(order)
    }


def letter(place: int) -> str:
    """The letter of a place in the shown order, counted from 0."""
    return chr(ord("A") + place)


def was_shown(question: Question, purpose: str) -> bool:
    """Whether anybody has seen the texts of the question's present round for `purpose`."""
    return ShownOrder.objects.filter(question=question, purpose=purpose, round=question.round).exists()


def _draw(question: Question, ids: list[str], user: User, purpose: str) -> list[str]:
    key = json.dumps([question.campaign.seed, str(question.pk), str(user.pk), purpose, question.round])
    generator = random.Random(hashlib.sha256(key.encode()).digest())  # noqa: S311 (an order, not a secret)
    generator.shuffle(ids)
    return ids
