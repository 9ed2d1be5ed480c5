"""What a doctor who is an arm has still to write, and dialogues that they answer turn by turn."""

from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from evaluation.models import Answer, Arm, Trial, TrialQuestion, UnfinishedDialogue
from evaluation.services.access import locked_trial
from evaluation.services.answers import new_dialogue, rules_of
from mammo.accounts import audit
from mammo.accounts.models import User
from mammo.core.errors import NotAllowedError, StaleVersionError, UserError, WrongStateError


def arms_of(user: User) -> list[Arm]:
    """Human arms of drafts for which the account writes."""
    rows = Arm.objects.filter(kind=Arm.Kind.HUMAN, trial__state=Trial.State.DRAFT, left_out_reason="")
    rows = rows.filter(trial__site__in=user.sites_as("author", "junior", "senior"))
    found = rows.select_related("trial__site").order_by("created_at")
    return [arm for arm in found if str(user.pk) in arm.spec.get("authors", [])]


def next_to_write(arm: Arm, user: User) -> TrialQuestion | None:
    """The first question without an answer of this arm; a dialogue that another author began is theirs."""
    return _waiting(arm, user).order_by("position").first()


def _waiting(arm: Arm, user: User) -> QuerySet[TrialQuestion]:
    theirs = UnfinishedDialogue.objects.filter(arm=arm).exclude(author=user).values("question")
    return arm.trial.trial_questions.not_erased().exclude(answers__arm=arm).exclude(pk__in=theirs)


def answers_waiting(user: User) -> int:
    """Questions that wait for this account's answer."""
    return sum(_waiting(arm, user).count() for arm in arms_of(user))


def written_arm(user: User, asked: TrialQuestion) -> Arm:
    """The account's arm in this trial: one that lacks the answer, else the first.

    Raises:
        NotAllowedError: the account writes for none.
    """
    arms = [arm for arm in arms_of(user) if arm.trial_id == asked.trial_id]
    if not arms:
        raise NotAllowedError(_("no author of this trial"))
    return next((arm for arm in arms if not arm.answers.filter(question=asked).exists()), arms[0])


def asked_of(user: User, pk: UUID) -> TrialQuestion | None:
    """The trial's question, for those who write answers to it; None is the same for unknown and forbidden ones."""
    rows = TrialQuestion.objects.not_erased().filter(pk=pk, trial__in=[arm.trial_id for arm in arms_of(user)])
    return rows.select_related(
        "trial__site", "question__study", "question__patient", "question__campaign__site"
    ).first()


def said_so_far(arm: Arm, asked: TrialQuestion, *, by_user: User) -> list[str]:
    """The answers of this arm to the first turns of a dialogue: all of them once it is done.

    Raises:
        NotAllowedError: another author began the dialogue.
    """
    answer = Answer.objects.filter(arm=arm, question=asked).first()
    if answer is not None and answer.turns is not None:
        return [str(text) for text in answer.turns[1::2]]
    begun = UnfinishedDialogue.objects.filter(arm=arm, question=asked).first()
    _require_own(begun, by_user)
    return [str(text) for text in begun.answers] if begun is not None else []


def _require_own(row: UnfinishedDialogue | None, user: User) -> None:
    if row is not None and row.author_id != user.pk:
        raise NotAllowedError(_("Another author began this dialogue and goes on with it."))


def record_turn(
    arm: Arm, asked: TrialQuestion, text: str, *, by_user: User, turn: int, seconds: float | None = None
) -> Answer | None:
    """Store a person's answer to the next turn of a dialogue; with the last one the dialogue becomes an answer.

    A stored answer does not change any more: its author has read what the patient said next, as no system does.

    Args:
        turn: number of the patient's turn that is answered, 1 on.
        seconds: time spent on this turn; the dialogue's is their sum.

    Returns:
        the whole answer, or None while turns are left.

    Raises:
        NotAllowedError: the account is not an author of this arm, or another author began the dialogue.
        WrongStateError: the trial is no draft, or the dialogue is done.
        StaleVersionError: the turn is answered already, or is not the next.
        UserError: the text is empty, or the question is no dialogue of the arm's trial.
    """
    if arm.kind != Arm.Kind.HUMAN or str(by_user.pk) not in arm.spec.get("authors", []):
        raise NotAllowedError(_("This account does not write answers for this arm."))
    if asked.trial_id != arm.trial_id or not asked.is_dialogue:
        raise UserError(_("The question is no dialogue of this trial."))
    if not text.strip():
        raise UserError(_("text: empty; write an answer"))
    with transaction.atomic():
        trial = locked_trial(arm.trial, Trial.State.DRAFT)
        if Answer.objects.filter(arm=arm, question=asked).exists():
            raise WrongStateError(_("This dialogue is answered; its answers stay as they are."))
        row = UnfinishedDialogue.objects.filter(arm=arm, question=asked).first()
        _require_own(row, by_user)
        if row is None:
            row = UnfinishedDialogue(arm=arm, question=asked, author=by_user)
            row.answers = []
            row.is_simulated = arm.is_simulated or by_user.is_simulated or asked.question.is_simulated
        if turn != len(row.answers) + 1:
            raise StaleVersionError(
                _("This turn is answered already; go on with the next."),
                current=None,
                current_version=len(row.answers),
            )
        row.answers, row.seconds = [*row.answers, text], row.seconds + (seconds or 0.0)
        if len(row.answers) < len(asked.rounds):
            row.save()
            audit.record("evaluation.turn_written", by_user=by_user, on=row, site=trial.site, turn=turn)
            return None
        answer = new_dialogue(arm, asked, row.answers, rules_of(trial))
        answer.author, answer.seconds, answer.is_simulated = by_user, row.seconds, row.is_simulated
        answer.save(force_insert=True)
        UnfinishedDialogue.objects.filter(arm=arm, question=asked).delete()
        audit.record("evaluation.answer_written", by_user=by_user, on=answer, site=trial.site)
    return answer
