"""What an arm was trained on: patients and wordings of its checkpoint's whole lineage."""

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.utils.translation import gettext as _

from annotation.models import Question
from evaluation.models import Arm
from mammo.archive.models import SplitMembership
from mammo.core.errors import UserError
from modeling.models import Checkpoint, Run, Snapshot
from modeling.services.withdrawals import checkpoints_under

_NOT_LETTERS = re.compile(r"[\W_]+")


@dataclass
class TrainingSide:
    """Patients, questions and campaigns on the training or validation side of everything a checkpoint saw.

    Validation counts: it chose the checkpoint.
    """

    patients: set[UUID] = field(default_factory=set)
    questions: set[UUID] = field(default_factory=set)
    campaigns: set[UUID] = field(default_factory=set)
    wordings: set[str] = field(default_factory=set)
    # Of questions of several turns what the patient says alone: another answer in between is the same question.
    patients_wordings: set[str] = field(default_factory=set)


def normalised_wording(turns: Iterable[str]) -> str:
    """The words of a question without case, width, punctuation and spaces."""
    joined = "\n".join(_NOT_LETTERS.sub("", unicodedata.normalize("NFKC", turn).casefold()) for turn in turns)
    return joined.strip()


def lineage(checkpoint: Checkpoint) -> list[Run]:
    """The runs behind a checkpoint: its own, and those of every checkpoint it started from, named or by its folder."""
    found: dict[UUID, Run] = {}
    waiting = [checkpoint.run]
    while waiting:
        run = waiting.pop()
        if run.pk not in found:
            found[run.pk] = run
            waiting += [start.run for start in checkpoints_under(run)]
    return list(found.values())


def training_side(checkpoint: Checkpoint) -> TrainingSide:
    """Collect the training side of a checkpoint's lineage."""
    side = TrainingSide()
    for run in lineage(checkpoint):
        if run.snapshot is not None:
            _add_snapshot(side, run.snapshot)
    return side


def patients_trained_on(snapshot: Snapshot) -> set[UUID]:
    """Patients on the training or validation side of a snapshot."""
    patients = set(snapshot.patients.values_list("pk", flat=True))
    if snapshot.export is not None:
        patients |= set(snapshot.export.patients.values_list("pk", flat=True))
    return patients - _tested(snapshot)


def _tested(snapshot: Snapshot) -> set[UUID]:
    if snapshot.split is None:
        return set()
    members = snapshot.split.members.filter(side=SplitMembership.Side.TEST)
    return set(members.values_list("patient", flat=True))


def _add_snapshot(side: TrainingSide, snapshot: Snapshot) -> None:
    tested = _tested(snapshot)
    side.patients |= patients_trained_on(snapshot)
    # A snapshot holds picked answers where it names their campaign, whether or not they were also exported.
    campaigns: set[UUID] = set()
    if snapshot.campaign_id is not None:
        campaigns.add(snapshot.campaign_id)
    if snapshot.export is not None:
        campaigns.add(snapshot.export.campaign_id)
    side.campaigns |= campaigns
    for question in Question.objects.filter(campaign__in=campaigns, picks__isnull=False).distinct():
        if question.patient_id not in tested:
            side.questions.add(question.pk)
            side.wordings.add(normalised_wording(question.turns))
            side.patients_wordings.add(normalised_wording(question.turns[::2]))


def refuse_leaks(
    arms: Iterable[Arm], questions: Iterable[Question], *, dialogues: Collection[UUID] = ()
) -> list[tuple[Arm, Question]]:
    """Refuse questions that an arm's checkpoint was trained on.

    By patient and by question, always; by wording where the question has no images (with images the same
    words about another patient's breasts are another task).

    Args:
        dialogues: questions of which every turn is answered: all that the patient says in them is compared, each
            turn alone and with those before it.

    Returns:
        questions with images that share their wording with a training question, each with the arm that was trained on
        it (reported, not refused).

    Raises:
        UserError: names the arm's place and the question's position, and why.
    """
    sides = [(arm, training_side(arm.checkpoint)) for arm in arms if arm.checkpoint is not None]
    shared: list[tuple[Arm, Question]] = []
    for question in questions:
        for arm, side in sides:
            reason, same_words = _leak(question, side, is_dialogue=question.pk in dialogues)
            if reason:
                raise UserError(
                    _("question %(position)s of %(campaign)s: %(reason)s of arm “%(arm)s”; choose another")
                    % {
                        "position": question.position,
                        "campaign": question.campaign.name,
                        "reason": reason,
                        "arm": arm.name,
                    }
                )
            if same_words:
                shared.append((arm, question))
    return shared


def is_eligible(question: Question, sides: Iterable[TrainingSide], *, is_dialogue: bool = False) -> bool:
    """Whether no training side holds the question."""
    return not any(_leak(question, side, is_dialogue=is_dialogue)[0] for side in sides)


def _leak(question: Question, side: TrainingSide, *, is_dialogue: bool) -> tuple[str, bool]:
    if question.patient_id is not None and question.patient_id in side.patients:
        return _("its patient is on the training side"), False
    if question.pk in side.questions:
        return _("it is a training question"), False
    if is_dialogue:
        same_words = _asks_known_words(question.turns[::2], side)
    else:
        same_words = bool(side.wordings) and normalised_wording(question.turns) in side.wordings
    if same_words and question.study_id is None:
        return _("its wording is on the training side"), False
    return "", same_words


def _asks_known_words(said: Sequence[str], side: TrainingSide) -> bool:
    """Whether a turn of the patient, alone or with those before it, is worded as a training question."""
    asked = [[turn] for turn in said] + [said[: end + 1] for end in range(1, len(said))]
    return any(normalised_wording(turns) in side.patients_wordings for turns in asked)
