"""Orders: balance, spacing and neighbours on random designs."""

import itertools
import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.slot_design import (
    INTERLEAVED,
    SIDE_BY_SIDE,
    deal_arm_orders,
    keyed_random,
    neighbour_spread,
    plan_slots,
    williams,
)


def by_question(slots: list) -> dict[str, list]:
    found: dict[str, list] = {}
    for slot in slots:
        found.setdefault(slot.question, []).append(slot)
    return found


@settings(max_examples=1000, deadline=None)
@given(
    n_questions=st.integers(1, 40),
    n_arms=st.integers(1, 9),
    order=st.sampled_from([INTERLEAVED, SIDE_BY_SIDE]),
    seed=st.integers(0, 2**62),
    sitting=st.integers(1, 50),
)
def test_every_design_is_complete_balanced_and_spaced(
    n_questions: int, n_arms: int, order: str, seed: int, sitting: int
) -> None:
    questions = [f"q{i}" for i in range(n_questions)]
    arms = [f"a{i}" for i in range(n_arms)]
    slots = plan_slots(questions, arms, order=order, sitting_slots=sitting, rng=random.Random(seed))
    assert sorted((s.question, s.arm) for s in slots) == sorted((q, a) for q in questions for a in arms)
    assert [s.position for s in slots] == list(range(1, len(slots) + 1))
    assert max(Counter(s.sitting for s in slots).values()) <= sitting
    groups = by_question(slots)
    # Each arm's count at each place within a question differs by at most one.
    for place in range(n_arms):
        counts = Counter(group[place].arm for group in groups.values())
        assert max(counts.values()) - min(counts.get(arm, 0) for arm in arms) <= 1
    if order == INTERLEAVED:
        gap = min(8, n_questions - 1)
        for group in groups.values():
            assert all(b.position - a.position >= gap for a, b in itertools.pairwise(group))
    else:
        assert all(group[-1].position - group[0].position == n_arms - 1 for group in groups.values())


@pytest.mark.parametrize("n", range(2, 12))
def test_williams_rows_balance_places_and_neighbours(n: int) -> None:
    rows = williams(n)
    assert len(rows) == (n if n % 2 == 0 else 2 * n)
    for place in range(n):
        assert set(Counter(row[place] for row in rows).values()) == {len(rows) // n}
    followers = Counter((a, b) for row in rows for a, b in itertools.pairwise(row))
    assert set(followers.values()) == {len(rows) // n}
    assert len(followers) == n * (n - 1)


def test_neighbours_are_balanced_when_questions_fill_whole_designs() -> None:
    slots = plan_slots(
        [f"q{i}" for i in range(30)],
        list("ABCDE"),
        order=SIDE_BY_SIDE,
        sitting_slots=40,
        rng=keyed_random(3, "x"),
    )
    followers = Counter(
        (a.arm, b.arm) for group in by_question(slots).values() for a, b in itertools.pairwise(group)
    )
    assert set(followers.values()) == {6}


@settings(max_examples=300, deadline=None)
@given(
    loads=st.one_of(
        st.lists(st.integers(1, 50), min_size=1, max_size=14),
        st.tuples(st.integers(1, 50), st.integers(1, 14)).map(lambda both: [both[0]] * both[1]),
    ),
    n_arms=st.integers(2, 15),
    seed=st.integers(0, 2**62),
)
def test_neighbours_are_balanced_over_all_raters_and_places_within_each(
    loads: list[int], n_arms: int, seed: int
) -> None:
    dealt = deal_arm_orders(loads, n_arms, random.Random(seed))
    assert [len(orders) for orders in dealt] == loads
    for orders in dealt:
        assert all(sorted(order) == list(range(n_arms)) for order in orders)
        for place in range(n_arms):
            counts = Counter(order[place] for order in orders)
            assert max(counts.values()) - min(counts.get(arm, 0) for arm in range(n_arms)) <= 1
    spread = neighbour_spread([order for orders in dealt for order in orders], range(n_arms))
    rows, designs = sum(loads), len(williams(n_arms))
    assert spread <= (1 if n_arms % 2 == 0 else 3)
    if n_arms % 2 == 0 and rows % designs == 0:
        assert spread == 0


@pytest.mark.parametrize("n_arms", range(2, 16))
def test_the_usual_sizes_leave_neighbours_one_apart_at_most(n_arms: int) -> None:
    for raters, questions in ((12, 48), (12, 38), (8, 38), (4, 12)):
        dealt = deal_arm_orders([questions] * raters, n_arms, keyed_random(1, str(n_arms)))
        # Rows of each square one by one for every rater would leave up to 17 (15 arms, 12 raters, 48 questions).
        spread = neighbour_spread([order for orders in dealt for order in orders], range(n_arms))
        assert spread <= (1 if n_arms % 2 == 0 else 2)


def test_arms_stand_at_every_place_by_chance_over_many_raters() -> None:
    counts: Counter[tuple[str, int]] = Counter()
    for rater in range(2000):
        slots = plan_slots(
            list("pq"), list("ABC"), order=INTERLEAVED, sitting_slots=9, rng=keyed_random(1, str(rater))
        )
        counts[slots[0].arm, 0] += 1
    # Chi-square with 2 degrees of freedom; 13.8 is its .999 quantile.
    assert sum((n - 2000 / 3) ** 2 / (2000 / 3) for n in counts.values()) < 13.8


def test_the_same_seed_gives_the_same_order_and_another_seed_another() -> None:
    def order(seed: int) -> list[tuple[str, str]]:
        slots = plan_slots(
            [f"q{i}" for i in range(12)],
            list("ABCD"),
            order=INTERLEAVED,
            sitting_slots=9,
            rng=keyed_random(seed, "r"),
        )
        return [(s.question, s.arm) for s in slots]

    assert order(1) == order(1)
    assert order(1) != order(2)
