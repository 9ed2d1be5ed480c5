"""Values beside a word of time or negation: the one that counts is read, every one is blanked."""

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mammo.archive.report_reading import read_report


def overall(text: str) -> str | None:
    return read_report(text).birads.overall


CASES = [
    ("BI-RADS previously 4A, now 3.", "3"),
    ("Previously 4A, now 3.", "3"),
    ("BI-RADS: 4B, not 4C.", "4B"),
    ("BI-RADS category 4B (not 4C).", "4B"),
    ("BI-RADS not 5 but 4C", "4C"),
    ("BI-RADS 4C rather than 5", "4C"),
    ("4B rather than 4C (BI-RADS)", "4B"),
    ("BI-RADS 0, no longer 3", "0"),
    ("BI-RADS 3, was 4A", "3"),
    ("BI-RADS 3 (was 4A in 2019)", "3"),
    ("BI-RADS: 3 (previous: 4A)", "3"),
    ("BI-RADS 3 now, 4A before.", "3"),
    ("BI-RADS 3 today; last year 4A", "3"),
    ("BI-RADS downgraded 4A to 3", "3"),
    ("upgraded from 3 to 4A", "4A"),
    ("BI-RADS 3, down from 4A.", "3"),
    ("This is a 4B lesion, not a 4C.", "4B"),
    ("BI-RADS 4A, not 4B or 4C", "4A"),
    ("BI-RADS category was 4A last time; it is now 2.", "2"),
    ("BI-RADS 2 (unchanged from 2)", "2"),
    ("now 3, previously 4A: BI-RADS", "3"),
    ("原4A，现3类", "3"),
    ("BI-RADS 原为4A类，现为3类", "3"),
    ("既往4A，此次3", "3"),
    ("BI-RADS 3类，较前4A类下调", "3"),
    ("不是4C类，是4B类", "4B"),
    ("不考虑4C，考虑4B（BI-RADS）", "4B"),
    ("BI-RADS 4B类(未达4C)", "4B"),
    ("BI-RADS 4A类，而非4B类", "4A"),
]


@pytest.mark.parametrize(("text", "value"), CASES)
def test_the_value_that_counts_is_read_and_none_is_left(text: str, value: str) -> None:
    reading = read_report(text)
    assert reading.birads.overall == value
    assert not re.search(r"(?<![\d/])[0-6](?:[ABC])?(?!\d|年)", reading.blanked.replace("2019", "")), (
        reading.blanked
    )


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("良性钙化（Ⅱ级）", [None, None, "2"]),
        ("左乳良性钙化（Ⅱ级），右乳未见异常（Ⅰ级）。", ["2", "1", "2"]),
        ("右乳结节（Ⅳa级），左乳（Ⅱ级）", ["2", "4A", "4A"]),
        ("双乳增生症（2级）", ["2", "2", "2"]),
        ("诊断：左乳癌可能（Ⅴ级）", ["5", None, "5"]),
        ("右乳肿块[4C类]", [None, "4C", "4C"]),
        ("右乳肿块（Ⅳb）", [None, "4B", "4B"]),
    ],
)
def test_a_grade_in_brackets_behind_what_was_seen_is_the_category(
    text: str, values: list[str | None]
) -> None:
    reading = read_report(text)
    assert [reading.birads.left, reading.birads.right, reading.birads.overall] == values
    assert not re.search(r"[ⅠⅡⅢⅣⅤ\d]", reading.blanked), reading.blanked


@pytest.mark.parametrize(
    "text",
    [
        "左乳浸润性导管癌（Ⅱ级）",
        "病理：左乳不典型增生（Ⅱ级）",
        "左乳术后，切口愈合（Ⅰ级）",
        "双乳腺体致密（Ⅲ级）",
        "双乳假体，包膜挛缩（Ⅱ级）",
        "心功能（Ⅱ级），高血压（2级）",
        "previously 2 cysts, now 3 cysts",
        "now 2 clips, previously 1.",
        "Menarche at 12, not 14; 2 children, previously 1.",
        "较前增大3mm，现约12mm",
    ],
)
def test_other_grades_and_counts_are_no_category(text: str) -> None:
    reading = read_report(text)
    assert reading.birads.overall is None
    assert reading.blanked == text


_VALUES = ["0", "1", "2", "3", "4A", "4B", "4C", "5", "6"]
# {now}: what counts; {old}: what does not.
_FRAMES = [
    "BI-RADS previously {old}, now {now}.", "BI-RADS {now}, previously {old}.", "BI-RADS: {now} (formerly {old}).",
    "BI-RADS {now}, not {old}.", "BI-RADS {now} rather than {old}.", "BI-RADS not {old} but {now}.",
    "BI-RADS {now} (last year {old}).", "BI-RADS changed from {old} to {now}.", "BI-RADS {now} now, {old} before.",
    "BI-RADS {now}类（原{old}类）。", "BI-RADS 原{old}类，现{now}类。", "BI-RADS {now}类，上次{old}类。",
    "BI-RADS {now}类，而非{old}类。", "BI-RADS不是{old}类，是{now}类。", "BI-RADS由{old}类调整为{now}类。",
    "BI-RADS 既往{old}，目前{now}。", "BI-RADS {now}（去年为{old}）。",
]  # fmt: skip
_OPENINGS = ["", "Scattered density. ", "腺体构成b。", "No mass. ", "左乳外上象限结节，大小12mm×9mm。"]


@given(seed=st.integers(0, 2**32))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_time_and_negation_decide_whatever_the_values(seed: int) -> None:
    rng = random.Random(seed)
    now, old = rng.sample(_VALUES, 2)
    frame = rng.choice(_OPENINGS) + rng.choice(_FRAMES)
    text = frame.format(now=now, old=old)
    reading = read_report(text)
    assert reading.birads.overall == now, text
    assert reading.blanked == frame.format(now="__", old="__"), text
    swapped = read_report(frame.format(now=old, old=now))
    assert (swapped.birads.overall, swapped.blanked) == (old, reading.blanked), text
