"""When two answers say different things."""

import pytest

from modeling.inference.distinct import core_of, repeated

SAME = [
    ("您的乳腺是B型。", "您好，您的乳腺是B型！"),
    ("您的乳腺是B型。", "您的乳腺是B型。祝您健康！谢谢。"),
    ("您的乳腺是B型,散在。", "您的乳腺是b型，散在"),
    ("您的乳腺是B型。", "尊敬的女士，您好：\n您的乳腺是B型。希望对您有帮助，祝您身体健康。"),
    ("Your breasts are density B.", "Hello, your breasts are density b!"),
    ("Your breasts are density B.", "Dear patient, your breasts are density B. Take care."),
    ("Your breasts are density B.", "Your  breasts are density B. Hope this helps! Best wishes"),
]
DIFFERENT = [
    ("您的乳腺是B型。", "您的乳腺是C型。"),
    ("建议半年后复查。", "不建议半年后复查。"),
    ("您是BI-RADS 3类。", "您是BI-RADS 4类。"),
    ("High risk", "risk"),
    ("History shows change.", "Story shows change."),
]


@pytest.mark.parametrize(("first", "second"), SAME)
def test_greetings_closings_and_punctuation_make_no_difference(first, second):
    assert core_of(first) == core_of(second)


@pytest.mark.parametrize(("first", "second"), DIFFERENT)
def test_content_makes_a_difference(first, second):
    assert core_of(first) != core_of(second)


def test_the_later_of_two_equal_answers_is_the_repeated_one():
    assert repeated(["甲", "乙", "您好，甲", "丙", "乙。"]) == [2, 4]


def test_an_empty_answer_counts_as_a_repetition():
    assert repeated(["您好！", "", "甲"]) == [0, 1]
