"""The order in which one person sees the texts of a question: drawn once from the campaign's seed, stored."""

import hashlib
import json
import random
import uuid
from collections.abc import Iterable

from django.db import IntegrityError, transaction

from annotation.models import Question, ShownOrder
from mammo.accounts.models import User


def shown_order(question: Question, ids: Iterable[uuid.UUID], *, user: User, purpose: str) -> list[uuid.UUID]:
    """Return `ids` in the order that this person sees; the first call draws and stores it.

    Args:
        ids: proposals or corrections of the question's present round.
    """
    found = ShownOrder.objects.filter(question=question, user=user, purpose=purpose, round=question.round)
    stored = found.first()
    if stored is None:
        drawn = _draw(question, sorted(str(i) for i in ids), user, purpose)
        try:
            with transaction.atomic():
                stored = ShownOrder.objects.create(
                    question=question, user=user, purpose=purpose, round=question.round, order=drawn
                )
        except IntegrityError:  # the same page was opened twice at once
            stored = found.get()
    return [uuid.UUID(i) for i in stored.order]


def was_shown(question: Question, purpose: str) -> bool:
    """Whether anybody has seen the texts of the question's present round for `purpose`."""
    return ShownOrder.objects.filter(question=question, purpose=purpose, round=question.round).exists()


def _draw(question: Question, ids: list[str], user: User, purpose: str) -> list[str]:
    key = json.dumps([question.campaign.seed, str(question.pk), str(user.pk), purpose, question.round])
    generator = random.Random(hashlib.sha256(key.encode()).digest())  # noqa: S311 (an order, not a secret)
    generator.shuffle(ids)
    return ids
