"""What counts as stated rightly: the study's labels, and apart from them what the picked answer states."""

from pathlib import Path

import numpy as np
import pytest

from modeling.data.snapshot import Pathology, SftSample, Snapshot, Study
from modeling.training.stated_facts import judge, shares

STUDY = Study(
    study="s", patient="p", split="test", density="B", age=50, report="", language="en", views=(),
    birads={"left": "4B", "right": "2", "overall": "4B"}, pathology=(Pathology("L", "malignant"),),
)  # fmt: skip
# The pick is wrong: the labels have 4B on the left.
PICKED = "Your right breast is BI-RADS 3."


def judged(answer, study=STUDY):
    sample = SftSample("q", "p", "s", "test", "en", ("Which category?",), PICKED)
    snapshot = Snapshot(
        folder=Path("unused"), name="made", content_hash="", simulated=True, images=np.zeros((0, 4, 3), np.uint8),
        studies=(study,), sft=(sample,),
    )  # fmt: skip
    return shares(
        judge(lambda asked, _word, _black: [answer] * len(asked), snapshot, [sample], most=9, seed=0)
    )


@pytest.mark.parametrize(
    ("answer", "right", "as_picked"),
    [
        ("Your left breast is BI-RADS 4.", (1, 1, 1), (0, 0, 0)),
        (PICKED, (0, 1, 0), (1, 1, 1)),
        ("Your left breast is BI-RADS 5.", (0, 1, 1), (0, 0, 0)),
        ("See a doctor.", (0, 0, 0), (0, 0, 0)),
    ],
)
def test_an_answer_is_right_by_the_labels_and_apart_from_them_as_the_picked_one(answer, right, as_picked):
    found = judged(answer)
    for name, expected in (("right", right), ("as_picked", as_picked)):
        facts = ("category", "line", "laterality")
        assert tuple(found[f"{fact}_{name}"] for fact in facts) == expected, name


def test_a_study_without_labels_is_judged_by_the_picked_answer_alone():
    bare = Study(**{**vars(STUDY), "birads": {}, "pathology": ()})
    found = judged(PICKED, bare)
    assert found["category_as_picked"] == found["laterality_as_picked"] == 1
    assert not {"category_right", "line_right", "laterality_right"} & set(found)
