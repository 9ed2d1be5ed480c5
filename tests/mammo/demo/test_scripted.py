"""What the scripted readers say: a senior sees more than a junior, and an output moves both."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from evaluation.services.readings import Assessment
from mammo.demo.scripted import draw, reads
from modeling.data.phantom_texts import Finding

FINDING = Finding("L", "calcifications", suspicious=True, quadrant="UO", size_mm=12)


def of(number: int, *, senior: bool, output: float | None) -> tuple[bool, Assessment]:
    truth = number % 2 == 0
    rng = draw("test", number)
    return truth, reads(truth, "L", rng, senior=senior, output=output, finding=FINDING)


def auc(*, senior: bool, helped: bool = False) -> float:
    read = [of(n, senior=senior, output=(0.8 if n % 2 == 0 else 0.2) if helped else None) for n in range(400)]
    return float(roc_auc_score([truth for truth, _ in read], [given.likelihood for _, given in read]))


def test_a_senior_sees_more_and_a_right_output_helps_both() -> None:
    assert auc(senior=True) > auc(senior=False) + 0.03
    assert auc(senior=False, helped=True) > auc(senior=False) + 0.05


@pytest.mark.parametrize("senior", [True, False])
def test_an_output_of_one_half_changes_nothing(*, senior: bool) -> None:
    for number in range(20):
        assert of(number, senior=senior, output=None) == of(number, senior=senior, output=0.5)


def test_category_and_chance_say_the_same_and_a_finding_is_marked() -> None:
    given = [of(number, senior=False, output=None)[1] for number in range(300)]
    order = ["2", "3", "4A", "4B", "4C", "5"]
    by_chance = [order.index(one.category) for one in sorted(given, key=lambda one: one.likelihood)]
    assert np.all(np.diff(by_chance) >= 0)
    assert {one.category for one in given} == set(order)
    for one in given:
        assert (one.side, one.finding, one.point is None) == (
            ("N", "none", True) if one.category == "2" else ("L", "calcifications", False)
        )
