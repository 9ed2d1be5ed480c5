"""Practice items: scored before the first real form, kept apart, in no analysis."""

from collections.abc import Mapping

from django.db import transaction
from django.utils.translation import gettext as _

from evaluation.models import PracticeItem, PracticeScore, Trial, TrialRater
from evaluation.services.access import locked_trial
from evaluation.services.scoring import check_values
from mammo.accounts.models import User
from mammo.core.errors import NotAllowedError


def next_practice(rater: TrialRater) -> PracticeItem | None:
    """The first practice item that the rater has not scored."""
    return (
        PracticeItem.objects.waiting_for(rater)
        .select_related("question__patient", "question__campaign__site", "question__study")
        .order_by("position")
        .first()
    )


def record_practice(
    rater: TrialRater, item: PracticeItem, *, by_user: User, values: Mapping[str, int]
) -> PracticeScore:
    """Store a rater's values for a practice item; again replaces them.

    Raises:
        NotAllowedError: another rater's, or of another trial.
        WrongStateError: the trial is not open for scoring.
        UserError: an aspect is missing, or a value is outside the scale.
    """
    if rater.user_id != by_user.pk or item.trial_id != rater.trial_id or rater.withdrawn_at is not None:
        raise NotAllowedError(_("not this rater's"))
    with transaction.atomic():
        trial = locked_trial(rater.trial, Trial.State.SCORING)
        check_values(values, set(trial.aspects.values_list("key", flat=True)), trial)
        row, _made = PracticeScore.objects.update_or_create(
            item=item, rater=rater, defaults={"values": dict(values)}
        )
    return row
