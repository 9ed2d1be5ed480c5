"""Which breast an answer speaks of."""

import pytest

from modeling.data.facts import read_laterality


@pytest.mark.parametrize(
    ("text", "side"),
    [
        ("左侧乳腺外上象限有一个约12毫米的肿块。", "L"),
        ("右乳未见异常，左乳也没有。", None),
        ("The right breast shows a mass of 12 mm.", "R"),
        ("There is a lump in your left breast.", "L"),
        ("You are right to ask; nothing was seen.", None),
        ("您的乳腺是C型，不均匀致密型。", None),
    ],
)
def test_the_one_breast_that_is_named_is_read(text, side):
    assert read_laterality(text) == side
