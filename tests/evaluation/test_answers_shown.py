"""The neutral style and the screen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.answers import screen as screen_module
from evaluation.answers.neutral import neutral_text
from evaluation.answers.screen import (
    ACCEPT,
    EMPTY,
    LANGUAGE,
    NAME,
    REMOVE,
    REMOVE_SENTENCE,
    SELF_IDENTIFICATION,
    TEMPLATE_DEBRIS,
    Rule,
    apply_rules,
    length_outliers,
    screen,
    unsettled,
)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("## 建议\n\n**每年**复查 😀", "建议\n\n每年复查"),
        ("- one\n* two\n● three", "• one\n• two\n• three"),
        ("1) first\n２、second\n(3) third", "1. first\n2. second\n3. third"),
        ("您好,请放心.谢谢!", "您好，请放心。谢谢！"),
        ("密度为 C 类,约 1.5 cm", "密度为 C 类，约 1.5 cm"),
        ("Density C, 1.5 cm; see [this](http://x.y).", "Density C, 1.5 cm; see this."),
        ("a\r\n\r\n\r\n\r\nb  \n", "a\n\nb"),
        ("```\ncode\n```\n> quoted\n---\n`x`", "code\nquoted\n\nx"),
        ("BI-RADS 4A 类\u200b（３％）", "BI-RADS 4A 类（3％）"),
        ("2 * 3 * 4 and a_b_c", "2 * 3 * 4 and a_b_c"),
    ],
)
def test_marks_that_tell_a_system_from_a_doctor_go(raw: str, shown: str) -> None:
    assert neutral_text(raw) == shown


@given(st.text(alphabet=st.sampled_from("ab 中，,.。!?*_#`>-12()[]\n\t•😀<|>："), max_size=60))
def test_the_neutral_style_is_a_fixed_point_after_two_passes(raw: str) -> None:
    once = neutral_text(neutral_text(raw))
    assert neutral_text(once) in (once, neutral_text(neutral_text(once)))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("As an AI language model, I cannot diagnose.", SELF_IDENTIFICATION),
        ("I'm just an AI assistant.", SELF_IDENTIFICATION),
        ("I am a large language model trained to help.", SELF_IDENTIFICATION),
        ("As a senior radiologist I advise a biopsy.", SELF_IDENTIFICATION),
        ("In my 20 years of practice this is rare.", SELF_IDENTIFICATION),
        ("作为一个人工智能语言模型，我不能诊断。", SELF_IDENTIFICATION),
        ("我是AI助手，仅供参考。", SELF_IDENTIFICATION),
        ("我从医20年，见过很多。", SELF_IDENTIFICATION),
        ("作为一名放射科主任医师，我建议活检。", SELF_IDENTIFICATION),
        ("我是通义千问。", NAME),
        ("I am ChatGLM, happy to help.", NAME),
        ("Ask Dr. Wang again.", NAME),
        ("请到我院复查。", NAME),
        ("<|assistant|> 请复查", TEMPLATE_DEBRIS),
        ("[gMASK]<sop>请复查", TEMPLATE_DEBRIS),
        ("ASSISTANT: please come back", TEMPLATE_DEBRIS),
        ("please come back </s>", TEMPLATE_DEBRIS),
        ("", EMPTY),
    ],
)
def test_the_screen_finds_what_gives_an_arm_away(text: str, kind: str) -> None:
    language = "en" if text.isascii() else "zh"
    found = [finding for finding in screen(text, language=language) if finding.kind == kind]
    assert found
    assert found[0].blocks


@pytest.mark.parametrize(
    "text",
    [
        "您的乳腺为C类致密型，建议每年复查乳腺X线并加做超声。",
        "BI-RADS 3类提示可能良性，恶性概率不超过2%，6个月后随访。",
        "请带上以往的片子找您的主治医生复诊。",
        "Your breasts are dense (category C). Please ask your doctor about an ultrasound.",
        "The mass in the left breast should be biopsied within 2 weeks.",
        "A radiologist compares the images with those of last year.",
    ],
)
def test_ordinary_answers_pass_the_screen(text: str) -> None:
    assert screen(text, language="en" if text.isascii() else "zh") == []


def test_names_of_the_trial_and_the_wrong_language_are_found() -> None:
    found = screen("June says: come to North Hospital.", language="zh", names=["June", "North Hospital", "x"])
    assert [f.matched for f in found if f.kind == NAME] == ["June", "North Hospital"]
    assert [f.blocks for f in found if f.kind == LANGUAGE] == [False]


def test_rules_remove_words_or_sentences_and_accept() -> None:
    text = "As an AI language model, I can't diagnose. Density is 1.5 cm of C. Come back."
    matched = "as an ai language model"
    assert apply_rules(text, [Rule(matched, REMOVE_SENTENCE, "r")]) == "Density is 1.5 cm of C. Come back."
    assert (
        apply_rules(text, [Rule(matched, REMOVE, "r")])
        == "I can't diagnose. Density is 1.5 cm of C. Come back."
    )
    assert apply_rules(text, [Rule(matched, ACCEPT, "r")]) == text
    findings = screen(text, language="en")
    assert unsettled(findings, []) == findings
    assert unsettled(findings, [Rule(findings[0].matched.upper(), ACCEPT, "r")]) == []
    chinese = "作为AI语言模型，我不能诊断。密度为C类。"
    assert apply_rules(chinese, [Rule("作为AI语言模型", REMOVE_SENTENCE, "r")]) == "密度为C类。"


@given(st.text(alphabet=st.sampled_from("ab1 。.!？\n密，"), max_size=50))
def test_removing_a_sentence_that_is_not_there_changes_nothing(text: str) -> None:
    assert apply_rules(text, [Rule("zebra", REMOVE_SENTENCE, "r")]) == text
    assert "".join(screen_module._SENTENCE.findall(text)) == text


def test_length_outliers_are_named_by_place() -> None:
    assert length_outliers([100, 110, 90, 20, 500]) == [3, 4]
    assert length_outliers([]) == []
