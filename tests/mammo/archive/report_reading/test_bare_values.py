"""Values without a label of their own: earlier ones by side, those a label stands behind, and what nothing reads."""

import pytest

from mammo.archive.report_reading import read_report


def read(text: str) -> tuple[str | None, str | None]:
    """Left, right."""
    birads = read_report(text).birads
    return birads.left, birads.right


@pytest.mark.parametrize(
    "text",
    [
        "Comparison: 03/2021, left was 4A. Today both breasts BI-RADS 2.",
        "Right breast was 4A on the 2020 film. Both breasts BI-RADS 2.",
        "Left previously 4A. Both breasts BI-RADS 2.",
        "右乳原为4A，现双乳BI-RADS 2类",
        "右乳既往4A，双乳本次BI-RADS 2类",
        "双乳BI-RADS 2类（去年右乳4A）",
        "双乳BI-RADS 2类（去年右乳4A、左乳3）",
    ],
)
def test_an_earlier_value_by_side_is_of_then_and_is_blanked(text):
    assert read(text) == ("2", "2")
    assert not set("34") & set(read_report(text).blanked.replace("03/", ""))


@pytest.mark.parametrize("text", ["右乳原有3枚结节，左乳BI-RADS 2类", "既往右乳2次穿刺。左乳BI-RADS 2类"])
def test_what_was_counted_then_is_no_value(text):
    assert read_report(text).blanked == text.replace("RADS 2", "RADS __")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("右乳4B、左乳2（BI-RADS分级）", ("2", "4B")),
        ("R 4A L 2 (BI-RADS)", ("2", "4A")),
        ("Left breast 3, right breast 1 (BI-RADS category)", ("3", "1")),
        ("BI-RADS最终评估：4A（左）/1（右）", ("4A", "1")),
        ("BI-RADS 3 a sinistra, 2 a destra", ("3", "2")),
    ],
)
def test_a_label_behind_and_a_side_behind_tell_whose_value_it_is(text, expected):
    assert read(text) == expected
    assert not set("1234") & set(read_report(text).blanked)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("左乳 未见异常 BI-RADS 1\n右乳 钙化 BI-RADS 2", ("1", "2")),
        ("左乳未见肿块BI-RADS 1，右乳BI-RADS 2", ("1", "2")),
        ("左乳未见BI-RADS 4类病灶，右乳BI-RADS 2", (None, "2")),
    ],
)
def test_what_was_not_seen_negates_no_category_behind_it(text, expected):
    assert read(text) == expected


def test_what_looks_like_a_value_beside_a_breast_is_for_a_person_and_goes_from_the_strict_text():
    text = "腺体c型。左乳微小钙化，请参照4B处理。双乳BI-RADS 2类。"
    reading = read_report(text)
    assert reading.is_doubtful
    assert "4B" in reading.blanked
    assert "4B" not in reading.blanked_strict
    assert not read_report(text.replace("请参照4B处理", "请注意")).is_doubtful


@pytest.mark.parametrize("other", ["甲状腺结节TI-RADS 4A类", "4B病房"])
def test_another_scale_and_a_ward_are_no_value_that_was_left(other):
    reading = read_report(f"腺体c型。双乳BI-RADS 2类。{other}。")
    assert not reading.is_doubtful
