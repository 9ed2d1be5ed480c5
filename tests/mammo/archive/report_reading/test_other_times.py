"""Values of a lesion that is gone, of an older film, of one breast in brackets, and of a breast like the other."""

import pytest

from mammo.archive.report_reading import read_report
from mammo.archive.report_reading.reading import DOUBTFUL_BELOW


def read(text: str) -> tuple[str | None, str | None, str | None]:
    """Right, left, overall."""
    birads = read_report(text).birads
    return birads.right, birads.left, birads.overall


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("综合评估：BI-RADS 4A类（右乳2类，左乳4A类）", ("2", "4A", "4A")),
        ("右乳见钙化。左乳见肿块。BI-RADS 4A类（右乳2类，左乳4A类）", ("2", "4A", "4A")),
        ("BI-RADS 4A (right 2, left 4A)", ("2", "4A", "4A")),
        ("BI-RADS 4A (left 4A, right 2)", ("2", "4A", "4A")),
        ("BI-RADS: 3 [R: 3, L: 1]", ("3", "1", "3")),
        ("BI-RADS 4A - left 4A, right 2", ("2", "4A", "4A")),
        ("左乳BI-RADS 4A类（右乳2类）", ("2", "4A", "4A")),
    ],
)
def test_the_values_of_the_breasts_in_brackets_go_before_that_of_the_examination(text, expected):
    assert read(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("右乳原4A类肿块切除术后。双乳BI-RADS 2类", ("2", "2", "2")),
        ("Former right BI-RADS 4A mass excised. Both breasts BI-RADS 2", ("2", "2", "2")),
        ("右乳4B类病灶，2021年，已切除。现双乳未见异常，BI-RADS 2类", ("2", "2", "2")),
        ("右乳BI-RADS 4A类结节已手术切除，双乳现均为BI-RADS 2类", ("2", "2", "2")),
        ("左乳BI-RADS 4B类（2020年已切除）。双侧BI-RADS 2类", ("2", "2", "2")),
        ("The right BI-RADS 4A lesion was excised in 2021. Bilateral BI-RADS 2.", ("2", "2", "2")),
        ("Right BI-RADS 5 mass, s/p lumpectomy 2018. Right BI-RADS 2. Left BI-RADS 1.", ("2", "1", "2")),
    ],
)
def test_the_value_of_a_lesion_that_is_gone_is_of_then(text, expected):
    assert read(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("左乳BI-RADS 4A类肿块，建议切除。右乳BI-RADS 2类", ("2", "4A", "4A")),
        ("左乳BI-RADS 2类，乳腺癌术后改变。右乳BI-RADS 3类", ("3", "2", "3")),
        ("左乳BI-RADS 2类，原肿块已切除；右乳BI-RADS 3类", ("3", "2", "3")),
        ("Left BI-RADS 4B mass; excision should be considered. Right BI-RADS 2", ("2", "4B", "4B")),
        ("Left BI-RADS 2, papilloma excised in 2019. Right BI-RADS 1", ("1", "2", "2")),
    ],
)
def test_advice_to_operate_and_scars_do_not_make_a_value_old(text, expected):
    assert read(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("左乳BI-RADS 2类，右乳BI-RADS 2类，与2020年（BI-RADS 3）比较无变化", ("2", "2", "2")),
        ("与2020年（BI-RADS 3）比较无变化，双乳BI-RADS 2类", ("2", "2", "2")),
        ("与2020年比较无变化，双乳BI-RADS 2类", ("2", "2", "2")),
        ("2020 mammogram: right 4A. Both breasts BI-RADS 2", ("2", "2", "2")),
        ("Both breasts BI-RADS 2. 2020 mammogram: right 4A", ("2", "2", "2")),
        ("Both breasts BI-RADS 2. Mammogram 2020: BI-RADS 4A on the right.", ("2", "2", "2")),
        ("双乳BI-RADS 2类。2020年钼靶：右乳4A类。", ("2", "2", "2")),
        ("Right 3 (2021: 4A), left BI-RADS 2, right BI-RADS 3", ("3", "2", "3")),
        ("右乳BI-RADS 3类（2021年为4A类）", ("3", None, "3")),
        ("2024年3月钼靶：右乳BI-RADS 4A类", ("4A", None, "4A")),
    ],
)
def test_what_is_compared_with_or_dated_is_of_then(text, expected):
    assert read(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("左乳：BI-RADS 2类。\n右乳：同左。", ("2", "2", "2")),
        ("Left: BI-RADS 2. Right: same.", ("2", "2", "2")),
        ("右乳：BI-RADS 3类，左乳同右乳。", ("3", "3", "3")),
        ("Right breast BI-RADS 1. The left breast is identical.", ("1", "1", "1")),
        ("左乳BI-RADS 2类；右侧同左侧", ("2", "2", "2")),
        ("左乳BI-RADS 2类，同期右乳BI-RADS 3类", ("3", "2", "3")),
    ],
)
def test_a_breast_like_the_other_has_its_category(text, expected):
    assert read(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "BI-RADS 2类。右乳2类，左乳4A类，c型。",
        "Overall BI-RADS 3. Left BI-RADS 2, right BI-RADS 2. Density c.",
        "右乳BI-RADS 4A类肿块切除术后，c型。",
        "左乳：BI-RADS 2类。右乳：同前片。c型。",
        "Left: BI-RADS 2. Right: same as before. Density c.",
    ],
)
def test_contradictions_lost_lesions_and_blind_references_wait_for_a_person(text):
    assert read_report(text).confidence < DOUBTFUL_BELOW


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("与2020年（左乳4A）比较，左乳结节缩小。", "4A"),
        ("较2020年片（4A）缩小。双乳BI-RADS 2类。", "4A"),
        ("Compared with 2018 (left 4A) the mass is smaller. BI-RADS 3.", "4A"),
        ("较2018年片（左乳4A，右乳2类）缩小。", "4A"),
        ("The right nodule is stable since 2019 (3). BI-RADS 2.", "(3)"),
        ("stable since 2019 (3)", "(3)"),
        ("Unchanged from March 2019 (category 3, left).", "3,"),
        ("与[日期1]（左乳4A）比较", "4A"),
        ("对比2019.3.5旧片（右4B）：", "4B"),
    ],
)
def test_the_values_compared_with_are_blanked(text, gone):
    reading = read_report(text)
    assert gone not in reading.blanked
    assert gone not in reading.blanked_strict


@pytest.mark.parametrize(
    "text",
    ["Compared with 2018 (2 views) no change.", "与2020年片（3张）比较。", "stable since 2019 (3 mm)."],
)
def test_counts_and_sizes_of_an_older_film_stay(text):
    assert read_report(text).blanked == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Left mass BI-RADS 3, calcifications now BI-RADS 2. Right BI-RADS 1.", ("1", "3", "3")),
        ("The right 4B calcifications were biopsied and are now BI-RADS 2. Left BI-RADS 2.", ("2", "2", "2")),
        ("左乳结节BI-RADS 3类，因较前增大改为BI-RADS 4A类。右乳BI-RADS 1类。", ("1", "4A", "4A")),
        ("左乳结节BI-RADS 3类，钙化归为BI-RADS 2类。右乳BI-RADS 1类。", ("1", "3", "3")),
        ("右乳原4B类钙化穿刺为增生，归为BI-RADS 2类。左乳BI-RADS 1类。", ("2", "1", "2")),
        ("左乳BI-RADS 4B（外院超声）。本片左乳BI-RADS 4A类，右乳BI-RADS 2类。", ("2", "4A", "4A")),
        ("Left BI-RADS 4A (ultrasound recommended). Right BI-RADS 2.", ("2", "4A", "4A")),
    ],
)
def test_a_later_value_of_the_same_lesion_stands_for_the_earlier_one(text, expected):
    assert read(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Left calcifications. OVERALL BI-RADS: 4B.", (None, None, "4B")),
        ("Unilateral left mammogram. Overall BI-RADS: 4B.", (None, "4B", "4B")),
        ("左乳综合评估：BI-RADS 4A类；右乳综合评估：BI-RADS 2类。", ("2", "4A", "4A")),
        ("Right breast overall assessment: BI-RADS 4A. Left breast overall assessment: BI-RADS 2.", ("4A", "2", "4A")),
    ],
)  # fmt: skip
def test_the_value_of_the_whole_examination_is_tied_to_no_breast_but_one_that_it_names(text, expected):
    assert read(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PRIOR: 2021 right 4A / left 2.\nCURRENT: right 3 / left 2.\nBI-RADS 5th edition.", ("3", "2", "3")),
        ("1. 右乳钙化；2. 左乳钙化。\nBI-RADS：1为4B类，2为2类。", ("4B", "2", "4B")),
        ("1. 右乳结节。2. 左乳钙化。BI-RADS 2类。", (None, None, "2")),
        ("L：结节，B4a；R：钙化，B2。（B=BI-RADS）", ("2", "4A", "4A")),
        ("L：结节，活检B4a。双乳BI-RADS 2类。", ("2", "2", "2")),
        ("By BI-RADS the left mass is assigned a four B and the right breast a two.", ("2", "4B", "4B")),
        ("She was given 2 core biopsies on the left. BI-RADS 4A left.", (None, "4A", "4A")),
        ("BI-RADS 2 both breasts. Nodes: right 3, left 4.", ("2", "2", "2")),
    ],
)
def test_values_without_a_label_of_their_own_are_read_where_their_place_tells_the_scale(text, expected):
    assert read(text) == expected


def test_a_key_without_marks_is_no_part_of_what_the_report_says_and_leaves_no_value():
    reading = read_report(
        "Left BI-RADS 3. Right BI-RADS 2.\nKey: 0 incomplete, 1 negative, 2 benign, 4 suspicious."
    )
    assert (reading.birads.left, reading.birads.right) == ("3", "2")
    assert not set(reading.blanked) & set("012345")
    kept = "Left: 1 benign calcification, 2 normal nodes, 3 suspicious masses. BI-RADS __ left."
    assert read_report(kept.replace("__", "4A")).blanked == kept
