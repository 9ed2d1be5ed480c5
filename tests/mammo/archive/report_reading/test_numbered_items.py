"""Items on numbered lines and in a row: a value ends at its line, and the next item's number is not of it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mammo.archive.report_reading import read_report


def read(text: str) -> tuple[str | None, str | None]:
    """Left, right."""
    birads = read_report(text).birads
    return birads.left, birads.right


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.左乳BI-RADS 3\n2.右乳BI-RADS 2", ("3", "2")),
        ("IMPRESSION:\n1) Right breast: BI-RADS 4A\n2) Left breast: BI-RADS 1", ("1", "4A")),
        ("1. 左乳肿块，BI-RADS 4B\n2. 右乳增生，BI-RADS 2\n3. 建议随访", ("4B", "2")),
        ("左乳BI-RADS 5 2.右乳BI-RADS 3", ("5", "3")),
        ("左乳BI-RADS 5\n1.2cm肿块位于外上象限\n右乳BI-RADS 3", ("5", "3")),
        ("左乳BI-RADS 4A\n12点处钙化，右乳BI-RADS 2", ("4A", "2")),
    ],
)
def test_the_number_of_the_next_item_cuts_no_value(text, expected):
    assert read(text) == expected
    assert "4" not in read_report(text).blanked


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("右乳（BI-RADS：4b）、左乳（BI-RADS：2）。", ("2", "4B")),
        ("右乳BI-RADS：4、左乳BI-RADS：2。", ("2", "4")),
        ("右乳BI-RADS：1、左乳BI-RADS：2、", ("2", "1")),
        ("BI-RADS：1、左乳3类；2、右乳2类", ("3", "2")),
        ("BI-RADS：1、左乳3类。2、右乳2类。", ("3", "2")),
    ],
)
def test_a_value_before_an_enumerating_comma_is_told_from_an_items_number(text, expected):
    assert read(text) == expected


VALUES = st.sampled_from(("0", "1", "2", "3", "4", "4A", "4B", "4C", "5", "6", "4a", "4b", "4c"))
NUMBERS = st.sampled_from(("{}.", "{}. ", "{}、", "{})", "{}) ", "({})", ""))
LABELS = st.sampled_from(
    ("BI-RADS {}", "BI-RADS：{}", "BI-RADS分类：{}", "（BI-RADS：{}）", "BIRADS{}", "bi-rads {}")
)
WORDS = st.sampled_from(
    (
        ("左乳", "右乳"),
        ("左侧乳腺结节，", "右侧乳腺钙化，"),
        ("Left breast: ", "Right breast: "),
        ("左乳：", "右乳："),
    )
)


def written(words, number, label, values, between):
    """Two items, each with its number, without class word or full stop."""
    items = [
        number.format(place) + word + label.format(value)
        for place, (word, value) in enumerate(zip(words, values, strict=True), start=1)
    ]
    return between.join(items)


@given(left=VALUES, right=VALUES, words=WORDS, number=NUMBERS, label=LABELS, third=st.booleans())
@settings(max_examples=300, deadline=None, derandomize=True)
def test_items_on_numbered_lines_are_read_whole(left, right, words, number, label, third):
    tail = "\n" + number.format(3) + "腺体c型" if third else ""
    text = written(words, number, label, (left, right), "\n") + tail
    assert read(text) == (left.upper(), right.upper()), text
    assert read_report(text).blanked == written(words, number, label, ("__", "__"), "\n") + tail


@given(
    left=VALUES, right=VALUES, words=WORDS, label=LABELS, between=st.sampled_from(("，", "；", "。", "、", ", ", "; "))
)  # fmt: skip
@settings(max_examples=200, deadline=None, derandomize=True)
def test_items_in_a_row_are_read_whole_whatever_parts_them(left, right, words, label, between):
    text = written(words, "", label, (left, right), between)
    assert read(text) == (left.upper(), right.upper()), text
    assert read_report(text).blanked == written(words, "", label, ("__", "__"), between)
