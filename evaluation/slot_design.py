"""Order of answers for each rater: permuted questions, balanced arms, distance within a question.

Arms follow the rows of a Williams design (1949): a Latin square for an even number of arms, two for an odd
one, in which every arm stands at every place equally often and follows every other arm equally often.
Each rater's questions are dealt to whole squares and a part of one more, so that for each rater an arm's count per
place differs by at most one. Which part is chosen over all raters at once, so that neighbours (which arm's answer to a
question comes right behind which) are balanced over the trial: for an even number of arms the counts of all ordered
pairs differ by at most one. For an odd number a row holds pairs of one of the two squares only and each of them twice
in its square: counts differ by at most three (by none where the rows fill whole designs, by two or less in most).
"""

import hashlib
import hmac
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise, permutations

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


# Draws of the partial squares, of which the best is kept, and rounds in which each rater's is drawn anew.
_DRAWS, _ROUNDS = 4, 3
# (square, rows of it) of one rater.
_Part = tuple[int, list[int]]


class _Neighbours:
    """How often each ordered pair of arms stands side by side in the rows dealt so far."""

    def __init__(self, squares: Sequence[Sequence[Sequence[int]]], rng: random.Random) -> None:
        self.n = len(squares[0])
        self.rng = rng
        self.pairs = [[list(pairwise(row)) for row in square] for square in squares]
        self.counts = {(a, b): 0 for a in range(self.n) for b in range(self.n) if a != b}

    def add(self, part: _Part, times: int = 1) -> None:
        """Count the rows of a part; -1 takes them back."""
        square, rows = part
        for row in rows:
            for pair in self.pairs[square][row]:
                self.counts[pair] += times

    def take(self, n_rows: int) -> _Part:
        """The rows of one square whose pairs were met least; chance decides among equals. They are counted."""
        best: tuple[int, _Part] | None = None
        for square in self.rng.sample(range(len(self.pairs)), len(self.pairs)):
            rows: list[int] = []
            cost = 0
            for _ in range(n_rows):
                left = [row for row in range(self.n) if row not in rows]
                # A sum of squares grows by 2 n + 1 where a count of n does by one.
                price, _tie, row = min(
                    (
                        sum(2 * self.counts[pair] + 1 for pair in self.pairs[square][row]),
                        self.rng.random(),
                        row,
                    )
                    for row in left
                )
                cost += price
                rows.append(row)
                self.add((square, [row]))
            self.add((square, rows), -1)
            if best is None or cost < best[0]:
                best = cost, (square, rows)
        part = best[1] if best is not None else (0, [])
        self.add(part)
        return part

    @property
    def spread(self) -> int:
        """Largest count less the smallest."""
        return max(self.counts.values(), default=0) - min(self.counts.values(), default=0)


def neighbour_spread(orders: Iterable[Sequence[str]], arms: Sequence[str]) -> int:
    """Largest less smallest count of "this arm right behind that one" over all orders."""
    counts = dict.fromkeys(permutations(arms, 2), 0)
    for order in orders:
        for pair in pairwise(order):
            counts[pair] += 1
    return max(counts.values(), default=0) - min(counts.values(), default=0)


def deal_arm_orders(
    questions_per_rater: Sequence[int], n_arms: int, rng: random.Random
) -> list[list[list[int]]]:
    """Orders of the arms for every rater of a trial, one per question, with neighbours balanced over all of them.

    Args:
        questions_per_rater: how many questions each rater has.

    Returns:
        per rater and question the numbers of the arms (from 0), in order.
    """
    rows = williams(n_arms)
    squares = [rows[start : start + n_arms] for start in range(0, len(rows), n_arms)]
    names = rng.sample(range(n_arms), n_arms)
    best: tuple[int, list[list[_Part]]] | None = None
    for _ in range(_DRAWS):
        found = _draw_parts(questions_per_rater, squares, rng)
        best = found if best is None or found[0] < best[0] else best
        if best[0] <= 1:
            break
    dealt = []
    for parts in best[1] if best is not None else []:
        own = [[names[arm] for arm in squares[square][row]] for square, chosen in parts for row in chosen]
        dealt.append(rng.sample(own, len(own)))
    return dealt


def _draw_parts(
    sizes: Sequence[int], squares: Sequence[Sequence[Sequence[int]]], rng: random.Random
) -> tuple[int, list[list[_Part]]]:
    """Whole squares and the part of one for each rater, with the spread of neighbours reached."""
    n, met = len(squares[0]), _Neighbours(squares, rng)
    order = rng.sample(range(len(sizes)), len(sizes))
    whole: list[list[_Part]] = [[] for _ in sizes]
    turn = rng.randrange(len(squares))
    for rater in order:
        for _ in range(sizes[rater] // n):
            whole[rater].append((turn, list(range(n))))
            met.add(whole[rater][-1])
            turn = (turn + 1) % len(squares)
    # The largest parts first: small ones level what those leave.
    rest = {rater: met.take(sizes[rater] % n) for rater in sorted(order, key=lambda r: -(sizes[r] % n))}
    for _ in range(_ROUNDS):
        if met.spread <= 1:
            break
        for rater in order:
            met.add(rest[rater], -1)
            rest[rater] = met.take(sizes[rater] % n)
    return met.spread, [[*whole[rater], rest[rater]] for rater in range(len(sizes))]


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
    arm_orders: Sequence[Sequence[int]] | None = None,
) -> list[PlannedSlot]:
    """One rater's whole sequence: every arm's answer to every question once.

    Args:
        questions: names of the questions this rater may see.
        arms: names of the arms.
        order: `interleaved` (answers to one question at least 8 slots apart, or as far as fewer than 9
            questions allow) or `side_by_side` (answers to one question one after the other).
        sitting_slots: slots per sitting.
        arm_orders: this rater's of `deal_arm_orders`, one per question; drawn for them alone where None.

    Raises:
        ValueError: no question, no arm, or an unknown order.
    """
    if not questions or not arms:
        raise ValueError("a sequence needs a question and an arm")
    if order not in (INTERLEAVED, SIDE_BY_SIDE):
        raise ValueError(f"unknown order {order!r}")
    shuffled = rng.sample(list(questions), len(questions))
    drawn = arm_orders if arm_orders is not None else deal_arm_orders([len(shuffled)], len(arms), rng)[0]
    orders = dict(zip(shuffled, drawn, strict=True))
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
