"""Whose images the people of a campaign look at: the women whose questions they correct, pick or adjudicate."""

from typing import Any

from django.db.models import Q

from annotation.models import Question
from annotation.querysets import ROLE_FOR
from mammo.accounts.models import User


def patients_worked_on(user: User) -> Any:
    """Keys of the patients of questions about a study that are open to this account, as a subquery."""
    worked = Q(pk__in=[])
    for purpose in ROLE_FOR:
        worked |= Q(pk__in=Question.objects.open_to(user, purpose).values("pk"))
    return Question.objects.filter(worked, study__isnull=False).values("study__patient")
