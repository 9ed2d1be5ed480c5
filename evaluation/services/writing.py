"""What a doctor who is an arm has still to write."""

from uuid import UUID

from evaluation.models import Arm, Trial, TrialQuestion
from mammo.accounts.models import User
from mammo.core.errors import NotAllowedError


def arms_of(user: User) -> list[Arm]:
    """Human arms of drafts for which the account writes."""
    rows = Arm.objects.filter(kind=Arm.Kind.HUMAN, trial__state=Trial.State.DRAFT, left_out_reason="")
    rows = rows.filter(trial__site__in=user.sites_as("author", "junior", "senior"))
    found = rows.select_related("trial__site").order_by("created_at")
    return [arm for arm in found if str(user.pk) in arm.spec.get("authors", [])]


def next_to_write(arm: Arm) -> TrialQuestion | None:
    """The first question without an answer of this arm."""
    return arm.trial.trial_questions.exclude(answers__arm=arm).order_by("position").first()


def answers_waiting(user: User) -> int:
    """Questions that wait for this account's answer."""
    return sum(arm.trial.trial_questions.exclude(answers__arm=arm).count() for arm in arms_of(user))


def written_arm(user: User, asked: TrialQuestion) -> Arm:
    """The account's arm in this trial: one that lacks the answer, else the first.

    Raises:
        NotAllowedError: the account writes for none.
    """
    arms = [arm for arm in arms_of(user) if arm.trial_id == asked.trial_id]
    if not arms:
        raise NotAllowedError("no author of this trial")
    return next((arm for arm in arms if not arm.answers.filter(question=asked).exists()), arms[0])


def asked_of(user: User, pk: UUID) -> TrialQuestion | None:
    """The trial's question, for those who write answers to it; None is the same for unknown and forbidden ones."""
    rows = TrialQuestion.objects.filter(pk=pk, trial__in=[arm.trial_id for arm in arms_of(user)])
    return rows.select_related(
        "trial__site", "question__study", "question__patient", "question__campaign__site"
    ).first()
