"""Dealing slots: which questions a rater gets, in which order, with hidden repeats and degraded controls.

Where not every rater scores every answer, whole questions are dealt (all arms of a question to the same raters), so
that arms are compared within a rater and a question: an incomplete block design whose blocks are questions.
"""

import random
import re
import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from uuid import UUID

from django.db.models import Count
from django.utils.translation import gettext as _

from evaluation import counted
from evaluation.answers.dialogue import each_part
from evaluation.models import Answer, Arm, Slot, Trial, TrialRater
from evaluation.services.answers import shown_hash
from evaluation.services.raters import reported_questions, trained_arm_codes, wrote_an_answer
from evaluation.slot_design import SPACING, PlannedSlot, deal_arm_orders, keyed_random, plan_slots
from mammo.core.errors import UserError, WrongStateError

# Hidden repeats and controls together are at most this share of a rater's forms, and raters are told so.
MOST_EXTRA = 0.05
# Numbers of the arms in order, one row per question.
Orders = Sequence[Sequence[int]]
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

    Who reported the study of a question, or the earlier study that is shown beside it, may not see it; who wrote an
    answer gets none at all.

    Raises:
        WrongStateError: a rater wrote an answer or would get no question, or a question too few raters.
    """
    for rater in raters:
        if wrote_an_answer(trial, rater.user):
            raise WrongStateError(
                _("%(user)s wrote an answer and can't score.") % {"user": rater.user.username}
            )
    rows = list(trial.trial_questions.order_by("position").values_list("pk", flat=True))
    hidden = {rater.pk: reported_questions(trial, rater.user) for rater in raters}
    wanted = trial.raters_per_answer
    dealt: dict[UUID, list[str]] = {rater.pk: [] for rater in raters}
    rng = keyed_random(trial.seed, "blocks", str(trial.pk))
    for question in rows if wanted is None else rng.sample(rows, len(rows)):
        able = [rater.pk for rater in raters if question not in hidden[rater.pk]]
        if wanted is not None and len(able) < wanted:
            raise WrongStateError(
                _("raters: a question has %(able)s who may score it; wanted per answer: %(wanted)s")
                % {"able": counted.raters(len(able)), "wanted": wanted}
            )
        if not able:
            raise WrongStateError(
                _(
                    "raters: nobody may score question %(place)s, since all reported its patient's study; add a rater"
                )
                % {"place": rows.index(question) + 1}
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


def dealing_obstacles(trial: Trial, arms: Sequence[Arm]) -> list[str]:
    """Why the forms of an answered draft can't be dealt: too few raters for a question, nothing left for a rater, too
    many hidden forms, or too few answers that can be made worse. Nothing is stored: a draft is dealt as it will be."""
    raters = list(trial.raters.select_related("user").order_by("pk"))
    try:
        dealt = deal_questions(trial, raters)
        fewest = min(map(len, dealt.values()), default=0) * len(arms)
        check_extras(trial.repeats, trial.controls, fewest + trial.repeats + trial.controls)
        if trial.controls:
            _check_controls(trial, arms, dealt)
    except UserError as error:
        return [f"{str(error).rstrip('.')}."]
    return []


def _check_controls(trial: Trial, arms: Sequence[Arm], dealt: Mapping[UUID, Sequence[str]]) -> None:
    """Refuse more degraded controls than the rater with fewest fit answers can get.

    Raises:
        UserError: consent and report would tell of controls that nobody gets.
    """
    answers = Answer.objects.filter(arm__in=arms).select_related(
        "question__question__patient", "question__question__campaign__site"
    )
    fit = Counter(str(answer.question_id) for answer in answers if _is_fit(answer))
    for questions in dealt.values():
        require_controls(trial.controls, sum(fit[question] for question in questions))


def _is_fit(answer: Answer) -> bool:
    """Whether an answer can be made worse: it is long enough."""
    text = str(answer.shown_text)
    return each_part(text, degraded) != text


def require_controls(wanted: int, fit: int) -> None:
    """Let so many controls pass where a rater gets at least as many answers that can be made worse.

    Raises:
        UserError: there are fewer.
    """
    if fit < wanted:
        raise UserError(
            _(
                "controls: wanted per rater are %(wanted)s, and a rater gets %(found)s that can be made worse; ask "
                "for fewer controls, or for longer answers"
            )
            % {"wanted": wanted, "found": counted.answers(fit)}
        )


def draw_arm_orders(trial: Trial, dealt: Mapping[UUID, Sequence[str]], n_arms: int) -> dict[UUID, Orders]:
    """Orders of the arms, one per question, by rater id: neighbours are balanced over the trial.

    A secret of the moment is drawn in with the seed: whoever chose the seed could else work out which arm stands at
    which place, and with it what the codes of an export mean. The stored slots are the record of the order.
    """
    rng = keyed_random(trial.seed, "arms", str(trial.pk), secrets.token_hex(16))
    orders = deal_arm_orders([len(questions) for questions in dealt.values()], n_arms, rng)
    return dict(zip(dealt, orders, strict=True))


def prepare_rater(
    trial: Trial, rater: TrialRater, arms: Sequence[Arm], questions: Sequence[str], arm_orders: Orders
) -> None:
    """Draw one rater's aspect order and questions' order (with a secret, as the arms' order), and store their slots.

    Raises:
        UserError: hidden repeats and controls are too many, or too few answers can be made worse.
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
        arm_orders=arm_orders,
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
    """Put degraded versions of answers that are long enough to be degraded.

    Raises:
        UserError: too few are: consent and report would tell of controls that nobody gets.
    """
    fit = [slot for slot, _kind in sequence if _is_fit(answers[slot.question, slot.arm])]
    require_controls(count, len(fit))
    _insert_far(sequence, fit, count, Slot.Kind.CONTROL, rng)


def _insert_far(
    sequence: Sequenced, slots: Sequence[PlannedSlot], count: int, kind: Slot.Kind, rng: random.Random
) -> None:
    """Insert `count` of the slots once more, each at least the spacing away from its question's other forms.

    There are at least so many. Slots that have such a place come first; where too few have one, the farthest places are
    taken.
    """
    waiting = rng.sample(list(slots), len(slots))
    for _time in range(count):
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


def shrunk_spacing(trial: Trial) -> int | None:
    """How many slots apart answers to one question stand at least, where that is less than planned; else None.

    A rater with fewer than nine questions can't meet each of them only every eight slots: the distance is then one less
    than the number of their questions. Of a draft it is what the numbers of questions and raters lead to.
    """
    if trial.order != Trial.Order.INTERLEAVED:
        return None
    slots = Slot.objects.filter(rater__trial=trial, kind=Slot.Kind.SCORED)
    if slots.exists():
        # Whole questions are dealt: a rater has one slot per arm of each.
        arms = max(1, trial.arms.filter(left_out_reason="").count())
        per_rater = slots.values("rater").annotate(count=Count("pk"))
        fewest = min(row["count"] for row in per_rater) // arms
    else:
        fewest, raters = trial.trial_questions.count(), trial.raters.count()
        if trial.raters_per_answer is not None and raters:
            fewest = fewest * min(trial.raters_per_answer, raters) // raters
    return max(fewest - 1, 0) if 0 < fewest <= SPACING else None


def missing_by_design(trial: Trial) -> int:
    """How many pairs of a rater and a question hold no form; of a draft, how many will."""
    questions, raters = trial.trial_questions.count(), trial.raters.count()
    slots = Slot.objects.filter(rater__trial=trial, kind=Slot.Kind.SCORED)
    if slots.exists():
        return questions * raters - slots.values("rater", "answer__question").distinct().count()
    if trial.raters_per_answer is not None:
        return questions * max(raters - trial.raters_per_answer, 0)
    return sum(len(reported_questions(trial, rater.user)) for rater in trial.raters.select_related("user"))


def missing_note(trial: Trial) -> list[str]:
    """Which estimator missing pairs mean, as one sentence; none where every rater scores every question."""
    missing = missing_by_design(trial)
    if not missing:
        return []
    return [
        _(
            "Of %(all)s pairs of a rater and a question, %(missing)s stand without scores by design: the analysis takes "
            "the moments of raters and patients over the scores present in place of the analysis of variance of complete "
            "scores."
        )
        % {"missing": missing, "all": trial.trial_questions.count() * trial.raters.count()}
    ]


def spacing_note(apart: int | None) -> list[str]:
    """What shrunk spacing means, as one sentence; none where it is as planned."""
    if apart is None:
        return []
    return [
        _(
            "A rater has fewer than %(least)s questions: answers to one question may stand %(apart)s slots apart "
            "instead of %(planned)s, and raters remember more of the one before."
        )
        % {"least": SPACING + 1, "apart": apart, "planned": SPACING}
    ]
