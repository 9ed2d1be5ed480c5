"""What a doctor who is an arm has still to write, and dialogues that they answer turn by turn."""

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from evaluation.models import Answer, Arm, Trial, TrialQuestion, UnfinishedDialogue
from evaluation.services.access import locked_trial
from evaluation.services.answers import new_dialogue, rules_of
from evaluation.services.read_reports import ROUNDS, outdated, report_beside, up_to_date
from evaluation.services.shown_studies import REPORT_SHA256
from mammo.accounts import audit
from mammo.accounts.models import User
from mammo.core.errors import NotAllowedError, StaleVersionError, UserError, WrongStateError

_ANOTHERS = gettext_noop("Another author began this dialogue and goes on with it.")
_DONE = gettext_noop("This dialogue is answered; its answers stay as they are.")


def arms_of(user: User) -> list[Arm]:
    """Human arms of drafts for which the account writes."""
    rows = Arm.objects.filter(kind=Arm.Kind.HUMAN, trial__state=Trial.State.DRAFT, left_out_reason="")
    rows = rows.filter(trial__site__in=user.sites_as("author", "junior", "senior"))
    found = rows.select_related("trial__site").order_by("created_at")
    return [arm for arm in found if str(user.pk) in arm.spec.get("authors", [])]


def writes_for_an_arm(user: User) -> bool:
    """Whether a doctor, who holds no author's role, was named as an author of a draft's arm."""
    return user.has_role("junior", "senior") and bool(arms_of(user))


def next_to_write(arm: Arm, user: User) -> TrialQuestion | None:
    """What this author writes next: the dialogue they began, else the first waiting question of their share.

    The authors of an arm share its questions out by their places, so that no two begin with the same one. Who is
    through the own share goes on with what the others have left, from its end; a dialogue that another author began is
    theirs.
    """
    waiting = list(_waiting(arm, user).order_by("position"))
    begun = set(UnfinishedDialogue.objects.filter(arm=arm, author=user).values_list("question", flat=True))
    authors = arm.spec.get("authors", [])
    place = authors.index(str(user.pk)) if str(user.pk) in authors else 0
    own = [row for row in waiting if (row.position - 1) % max(1, len(authors)) == place]
    first = [row for row in waiting if row.pk in begun] or own
    if first or not waiting:
        return first[0] if first else None
    return waiting[-1 - place % len(waiting)]


def _waiting(arm: Arm, user: User) -> QuerySet[TrialQuestion]:
    theirs = UnfinishedDialogue.objects.filter(arm=arm).exclude(author=user).values("question")
    answered = up_to_date(Answer.objects.filter(arm=arm), arm.trial).values("question")
    return arm.trial.trial_questions.not_erased().exclude(pk__in=answered).exclude(pk__in=theirs)


def answers_waiting(user: User) -> int:
    """Questions that wait for this account's answer."""
    return sum(_waiting(arm, user).count() for arm in arms_of(user))


def written_arm(user: User, asked: TrialQuestion, *, named: UUID | None = None) -> Arm:
    """The account's arm in this trial: the named one; where none is named, one that lacks the answer, else the first.

    Raises:
        NotAllowedError: the account writes for none, or not for the named one.
    """
    arms = [arm for arm in arms_of(user) if arm.trial_id == asked.trial_id and named in (None, arm.pk)]
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
    """The answers of this arm to the first turns of a dialogue: all of them once it is done; none of one that was
    answered beside another report than raters would read, for it is answered anew.

    Raises:
        NotAllowedError: another author began the dialogue.
    """
    answer = Answer.objects.filter(arm=arm, question=asked).first()
    if answer is not None and answer.turns is not None and not _is_outdated(answer, arm.trial):
        return [str(text) for text in answer.turns[1::2]]
    begun = UnfinishedDialogue.objects.filter(arm=arm, question=asked).first()
    _require_own(begun, by_user)
    return [str(text) for text in begun.answers] if begun is not None else []


def _is_outdated(answer: Answer, trial: Trial) -> bool:
    return bool(outdated(Answer.objects.filter(pk=answer.pk), trial))


def _require_own(row: UnfinishedDialogue | None, user: User) -> None:
    if row is not None and row.author_id != user.pk:
        raise NotAllowedError(_(_ANOTHERS))


def _stale_turn(said: str, answers: Sequence[str], turn: int) -> StaleVersionError:
    """The refusal of an answer to a turn, with what stands as the answer to it."""
    current = str(answers[turn - 1]) if 0 < turn <= len(answers) else ""
    return StaleVersionError(_(said), current=current, current_version=len(answers))


def _answered(done: Answer, turn: int) -> UserError:
    """The refusal of an answer to a dialogue that is done."""
    given = [str(text) for text in (done.turns or [])[1::2]]
    if 0 < turn <= len(given):
        return _stale_turn(_DONE, given, turn)
    return WrongStateError(_(_DONE))


def record_turn(
    arm: Arm,
    asked: TrialQuestion,
    text: str,
    *,
    by_user: User,
    turn: int,
    seconds: float | None = None,
    report_read: str | None = None,
) -> Answer | None:
    """Store a person's answer to the next turn of a dialogue; with the last one the dialogue becomes an answer.

    A stored answer does not change any more: its author has read what the patient said next, as no system does. A whole
    dialogue that was answered beside another report than raters would read is begun anew.

    Args:
        turn: number of the patient's turn that is answered, 1 on.
        seconds: time spent on this turn; the dialogue's is their sum.
        report_read: `report_beside` of when the author opened the turn; None is that of now.

    Returns:
        the whole answer, or None while turns are left.

    Raises:
        NotAllowedError: the account is not an author of this arm.
        WrongStateError: the trial is no draft, or the dialogue has no such turn.
        StaleVersionError: another page, or another author who began the dialogue, answered the turn, or it is not the
            next; carries the answer that stands.
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
        row = _begun(arm, asked, trial, by_user=by_user, turn=turn)
        row.answers, row.seconds = [*row.answers, text], row.seconds + (seconds or 0.0)
        today = report_beside(trial, asked.question.study)
        row.reports = [*row.reports, today if report_read is None else report_read]
        if len(row.answers) < len(asked.rounds):
            row.save()
            audit.record("evaluation.turn_written", by_user=by_user, on=row, site=trial.site, turn=turn)
            return None
        answer = new_dialogue(arm, asked, row.answers, rules_of(trial))
        answer.author, answer.seconds, answer.is_simulated = by_user, row.seconds, row.is_simulated
        answer.provenance = {ROUNDS: [{REPORT_SHA256: report} for report in row.reports]}
        answer.save(force_insert=True)
        UnfinishedDialogue.objects.filter(arm=arm, question=asked).delete()
        audit.record("evaluation.answer_written", by_user=by_user, on=answer, site=trial.site)
    return answer


def _begun(arm: Arm, asked: TrialQuestion, trial: Trial, *, by_user: User, turn: int) -> UnfinishedDialogue:
    """The dialogue as far as it went, or a new one, where this turn is the next; on a locked draft."""
    done = Answer.objects.filter(arm=arm, question=asked).first()
    if done is not None and _is_outdated(done, trial):
        # Stands again where the turn is refused below: the transaction fails with it.
        done.delete()
    elif done is not None:
        raise _answered(done, turn)
    row = UnfinishedDialogue.objects.filter(arm=arm, question=asked).first()
    if row is not None and row.author_id != by_user.pk:
        raise _stale_turn(_ANOTHERS, row.answers, turn)
    if row is None:
        row = UnfinishedDialogue(arm=arm, question=asked, author=by_user)
        row.answers = []
        row.is_simulated = arm.is_simulated or by_user.is_simulated or asked.question.is_simulated
    if turn != len(row.answers) + 1:
        raise _stale_turn(
            gettext_noop("This turn is answered already; go on with the next."), row.answers, turn
        )
    return row
