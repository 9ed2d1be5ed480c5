"""Dealing slots: which questions a rater gets, in which order, with hidden repeats and degraded controls.

Where not every rater scores every answer, whole questions are dealt (all arms of a question to the same raters), so
that arms are compared within a rater and a question: an incomplete block design whose blocks are questions.
"""

import random
import re
import secrets
from collections.abc import Mapping, Sequence
from uuid import UUID

from django.utils.translation import gettext as _

from evaluation.answers.dialogue import each_part
from evaluation.models import Answer, Arm, Slot, Trial, TrialRater
from evaluation.services.answers import shown_hash
from evaluation.services.raters import reported_questions, trained_arm_codes
from evaluation.slot_design import SPACING, PlannedSlot, keyed_random, plan_slots
from mammo.core.errors import UserError, WrongStateError

# Hidden repeats and controls together are at most this share of a rater's forms, and raters are told so.
MOST_EXTRA = 0.05
_SENTENCE = re.compile(r"[^。！？!?.\n]+[。！？!?.\n]*")


def check_extras(repeats: int, controls: int, forms: int) -> None:
    """Refuse more hidden repeats and controls than raters are told of.

    Raises:
        UserError: together they are over 5 % of the forms.
    """
    if repeats + controls > MOST_EXTRA * forms:
        raise UserError(
            _("repeats, controls: %(extra)s of %(forms)s forms; together they may be at most %(most)s")
            % {"extra": repeats + controls, "forms": forms, "most": int(MOST_EXTRA * forms)}
        )


def degraded(text: str) -> str:
    """A worse answer of the same style: every second sentence is missing, and the last one is cut in half."""
    kept = _SENTENCE.findall(text)[::2]
    if not kept:
        return text
    last = kept[-1].rstrip()
    return "".join([*kept[:-1], last[: max(1, len(last) // 2)]]).strip()


def deal_questions(trial: Trial, raters: Sequence[TrialRater]) -> dict[UUID, list[str]]:
    """Questions of each rater, by rater id: all they may see, or `raters_per_answer` raters per question.

    Raises:
        WrongStateError: a rater would get no question, or a question too few raters.
    """
    rows = list(trial.trial_questions.order_by("position").values_list("pk", flat=True))
    hidden = {rater.pk: reported_questions(trial, rater.user) for rater in raters}
    wanted = trial.raters_per_answer
    dealt: dict[UUID, list[str]] = {rater.pk: [] for rater in raters}
    rng = keyed_random(trial.seed, "blocks", str(trial.pk))
    for question in rows if wanted is None else rng.sample(rows, len(rows)):
        able = [rater.pk for rater in raters if question not in hidden[rater.pk]]
        if wanted is not None and len(able) < wanted:
            raise WrongStateError(
                _("raters: a question has %(able)s raters who may score it; %(wanted)s are wanted per answer")
                % {"able": len(able), "wanted": wanted}
            )
        # Whoever has fewest comes first; chance decides among equals.
        rng.shuffle(able)
        able.sort(key=lambda pk: len(dealt[pk]))
        for pk in able[:wanted]:
            dealt[pk].append(str(question))
    for rater in raters:
        if not dealt[rater.pk]:
            raise WrongStateError(
                _("%(user)s reported every case of this trial and can't score in it")
                % {"user": rater.user.username}
            )
    return dealt


def prepare_rater(trial: Trial, rater: TrialRater, arms: Sequence[Arm], questions: Sequence[str]) -> None:
    """Draw one rater's aspect order and store their slots.

    A secret of the moment is drawn in with the seed: whoever chose the seed could else work out which arm stands at
    which place, and with it what the codes of an export mean. The stored slots are the record of the order.
    """
    secret = secrets.token_hex(16)
    rng = keyed_random(trial.seed, "order", str(trial.pk), str(rater.user_id), secret)
    keys = list(trial.aspects.values_list("key", flat=True))
    rater.aspect_order = rng.sample(keys, len(keys))
    rater.trained_arms = trained_arm_codes(trial, rater.user)
    rater.save(update_fields=["aspect_order", "trained_arms"])
    planned = plan_slots(
        questions,
        [str(arm.pk) for arm in arms],
        order=trial.order,
        sitting_slots=trial.sitting_slots,
        rng=rng,
    )
    answers = {
        (str(answer.question_id), str(answer.arm_id)): answer
        for answer in Answer.objects.filter(
            arm__in=arms, question__in=[UUID(name) for name in questions]
        ).select_related("question__question__patient", "question__question__campaign__site")
    }
    sequence = [(slot, Slot.Kind.SCORED) for slot in planned]
    check_extras(trial.repeats, trial.controls, len(sequence) + trial.repeats + trial.controls)
    _add_controls(sequence, answers, trial.controls, rng)
    _add_repeats(sequence, trial.repeats, rng)
    Slot.objects.bulk_create(
        [
            _slot(rater, answers[slot.question, slot.arm], place, kind, trial.sitting_slots)
            for place, (slot, kind) in enumerate(sequence, start=1)
        ]
    )


Sequenced = list[tuple[PlannedSlot, Slot.Kind]]


def _add_repeats(sequence: Sequenced, count: int, rng: random.Random) -> None:
    """Put `count` answers a second time, behind their first place."""
    scored = [row[0] for row in sequence if row[1] == Slot.Kind.SCORED]
    _insert_far(sequence, scored, count, Slot.Kind.REPEAT, rng)


def _add_controls(
    sequence: Sequenced, answers: Mapping[tuple[str, str], Answer], count: int, rng: random.Random
) -> None:
    """Put degraded versions of answers that are long enough to be degraded."""
    fit = []
    for slot, _kind in sequence:
        text = answers[slot.question, slot.arm].shown_text
        if each_part(text, degraded) != text:
            fit.append(slot)
    _insert_far(sequence, fit, count, Slot.Kind.CONTROL, rng)


def _insert_far(
    sequence: Sequenced, slots: Sequence[PlannedSlot], count: int, kind: Slot.Kind, rng: random.Random
) -> None:
    """Insert `count` of the slots once more, each at least the spacing away from its question's other forms.

    Slots that have such a place come first; where too few have one, the farthest places are taken.
    """
    waiting = rng.sample(list(slots), len(slots))
    for _time in range(min(count, len(waiting))):
        distances = {slot: _distances(sequence, slot, kind) for slot in waiting}
        roomy = [slot for slot in waiting if max(distances[slot].values(), default=0) >= SPACING]
        slot = (roomy or [max(waiting, key=lambda s: max(distances[s].values(), default=0))])[0]
        found = distances[slot]
        far = [place for place, distance in found.items() if distance >= SPACING]
        place = rng.choice(far) if far else max(found, key=lambda p: found[p])
        waiting.remove(slot)
        sequence.insert(place, (slot, kind))


def _distances(sequence: Sequenced, slot: PlannedSlot, kind: Slot.Kind) -> dict[int, int]:
    """By place where the slot could be inserted: how far the nearest form of the same question would be."""
    first = next(i for i, row in enumerate(sequence) if row == (slot, Slot.Kind.SCORED))
    taken = [i for i, row in enumerate(sequence) if row[0].question == slot.question]
    earliest = first + 1 if kind == Slot.Kind.REPEAT else 0
    # Inserted at `i`, it stands i - there behind those before it and there + 1 - i before those after it.
    return {
        i: min(i - there if there < i else there + 1 - i for there in taken)
        for i in range(earliest, len(sequence) + 1)
    }


def _slot(rater: TrialRater, answer: Answer, position: int, kind: Slot.Kind, sitting_slots: int) -> Slot:
    slot = Slot(
        rater=rater,
        answer=answer,
        position=position,
        sitting=1 + (position - 1) // sitting_slots,
        kind=kind,
    )
    if kind == Slot.Kind.CONTROL:
        # Of a dialogue every answer is worse.
        slot.control_text = each_part(answer.shown_text, degraded)
        slot.control_sha256 = shown_hash(slot.control_text)
    return slot
