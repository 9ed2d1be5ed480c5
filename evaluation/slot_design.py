"""Order of answers for each rater: permuted questions, balanced arms, distance within a question.

Arms follow the rows of a Williams design (1949): a Latin square for an even number of arms, two for an odd
one, in which every arm stands at every place equally often and follows every other arm equally often.
Questions are dealt to whole squares, so that for each rater an arm's count per place differs by at most one.
"""

import hashlib
import hmac
import random
from collections.abc import Sequence
from dataclasses import dataclass

INTERLEAVED = "interleaved"
SIDE_BY_SIDE = "side_by_side"
SPACING = 8


@dataclass(frozen=True)
class PlannedSlot:
    """One place of one rater's sequence."""

    position: int
    sitting: int
    question: str
    arm: str


def keyed_random(seed: int, *parts: str) -> random.Random:
    """A generator that nobody can guess without the seed; the same for the same seed and parts."""
    message = "\x1f".join(parts).encode()
    return random.Random(hmac.new(str(seed).encode(), message, hashlib.sha256).digest())  # noqa: S311


def williams(n: int) -> list[list[int]]:
    """Rows of a Williams design for n treatments: n rows for even n, 2 n (two Latin squares) for odd n."""
    if n == 1:
        return [[0]]
    # First row 0, 1, n-1, 2, n-2, …: its successive differences are all different modulo n.
    first = [0]
    for step in range(1, n):
        first.append((step + 1) // 2 if step % 2 else n - step // 2)
    square = [[(item + shift) % n for item in first] for shift in range(n)]
    return square if n % 2 == 0 else [*square, *(list(reversed(row)) for row in square)]


def _arm_orders(n_questions: int, n_arms: int, rng: random.Random) -> list[list[int]]:
    """One order of the arms per question; counts of arm by place differ by at most one."""
    rows = williams(n_arms)
    squares = [rows[start : start + n_arms] for start in range(0, len(rows), n_arms)]
    names = rng.sample(range(n_arms), n_arms)
    rng.shuffle(squares)
    orders: list[list[int]] = []
    while len(orders) < n_questions:
        square = squares[(len(orders) // n_arms) % len(squares)]
        orders += rng.sample(square, n_arms)
    # The last square may be cut: any of its rows hold each arm at each place at most once.
    kept = [[names[item] for item in row] for row in orders[:n_questions]]
    rng.shuffle(kept)
    return kept


def _next_round(previous: Sequence[str], gap: int, rng: random.Random) -> list[str]:
    """A permutation in which no question returns within `gap` slots; `gap` < the number of questions."""
    n = len(previous)
    free_from = {question: max(0, index - (n - gap)) for index, question in enumerate(previous)}
    waiting, placed = list(previous), []
    for index in range(n):
        ready = [question for question in waiting if free_from[question] <= index]
        chosen = rng.choice(ready)
        waiting.remove(chosen)
        placed.append(chosen)
    return placed


def plan_slots(
    questions: Sequence[str],
    arms: Sequence[str],
    *,
    order: str,
    sitting_slots: int,
    rng: random.Random,
) -> list[PlannedSlot]:
    """One rater's whole sequence: every arm's answer to every question once.

    Args:
        questions: names of the questions this rater may see.
        arms: names of the arms.
        order: `interleaved` (answers to one question at least 8 slots apart, or as far as fewer than 9
            questions allow) or `side_by_side` (answers to one question one after the other).
        sitting_slots: slots per sitting.

    Raises:
        ValueError: no question, no arm, or an unknown order.
    """
    if not questions or not arms:
        raise ValueError("a sequence needs a question and an arm")
    if order not in (INTERLEAVED, SIDE_BY_SIDE):
        raise ValueError(f"unknown order {order!r}")
    shuffled = rng.sample(list(questions), len(questions))
    orders = dict(zip(shuffled, _arm_orders(len(shuffled), len(arms), rng), strict=True))
    pairs: list[tuple[str, int]] = []
    if order == SIDE_BY_SIDE:
        pairs = [(question, place) for question in shuffled for place in range(len(arms))]
    else:
        gap = min(SPACING, len(shuffled) - 1)
        current = shuffled
        for place in range(len(arms)):
            current = current if place == 0 else _next_round(current, gap, rng)
            pairs += [(question, place) for question in current]
    return [
        PlannedSlot(position, 1 + (position - 1) // sitting_slots, question, arms[orders[question][place]])
        for position, (question, place) in enumerate(pairs, start=1)
    ]
