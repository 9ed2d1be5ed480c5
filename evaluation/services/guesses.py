"""Guesses of the author, asked once after the last form on a sample drawn by the trial's seed."""

from django.db import transaction
from django.utils.translation import gettext as _

from evaluation.models import AuthorGuess, Slot, Trial, TrialRater
from evaluation.services.access import locked_trial
from evaluation.slot_design import keyed_random
from mammo.accounts import audit
from mammo.accounts.models import User
from mammo.core.errors import NotAllowedError, UserError, WrongStateError


def guess_sample(rater: TrialRater) -> list[str]:
    """Ids of the slots whose author the rater is asked to guess: drawn once, the same at every call."""
    slots = rater.slots.filter(kind=Slot.Kind.SCORED).order_by("position").values_list("pk", flat=True)
    rng = keyed_random(rater.trial.seed, "guesses", str(rater.trial_id), str(rater.user_id))
    names = [str(pk) for pk in slots]
    return rng.sample(names, min(rater.trial.guesses, len(names)))


def next_guess(rater: TrialRater) -> Slot | None:
    """The next slot to guess, once every form is scored; None when there is none."""
    if not rater.trial.guesses or rater.slots.unscored().exists():
        return None
    sample = guess_sample(rater)
    done = set(map(str, AuthorGuess.objects.filter(slot__rater=rater).values_list("slot_id", flat=True)))
    there = {str(pk) for pk in rater.slots.counted().values_list("pk", flat=True)}
    waiting = [name for name in sample if name not in done and name in there]
    if not waiting:
        return None
    return Slot.objects.select_related(
        "answer__question__question__patient",
        "answer__question__question__campaign__site",
        "rater__trial",
    ).get(pk=waiting[0])


def record_guess(slot: Slot, guess: str, *, by_user: User) -> AuthorGuess:
    """Store a guess; it is not changed afterwards.

    Raises:
        NotAllowedError: the form is another rater's, or is not in the sample.
        WrongStateError: the trial is not open, forms are still empty, or it was guessed already.
        UserError: an unknown guess.
    """
    if guess not in AuthorGuess.Guess.values:
        raise UserError(
            _("guess: %(guess)r is unknown; known: %(known)s")
            % {"guess": guess, "known": ", ".join(AuthorGuess.Guess.values)}
        )
    with transaction.atomic():
        # The trial before the slot, as whoever locks the scores does.
        trial = locked_trial(slot.rater.trial, Trial.State.SCORING)
        row = (
            Slot.objects.select_for_update(of=("self",))
            .select_related("rater__trial", "answer")
            .get(pk=slot.pk)
        )
        if row.rater.user_id != by_user.pk or str(row.pk) not in guess_sample(row.rater):
            raise NotAllowedError(_("This form is not yours."))
        if row.rater.slots.unscored().exists():
            raise WrongStateError(_("Score every form first."))
        if AuthorGuess.objects.filter(slot=row).exists():
            raise WrongStateError(_("This was guessed already."))
        made = AuthorGuess.objects.create(
            slot=row,
            guess=guess,
            by_user=by_user,
            is_simulated=row.rater.is_simulated or by_user.is_simulated or row.answer.is_simulated,
        )
        audit.record("evaluation.guessed", by_user=by_user, on=row, site=trial.site)
    return made
