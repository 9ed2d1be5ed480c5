"""Warnings about an answer's text: measured on a written list, in both languages; nothing is ever changed."""

import json
import time
from pathlib import Path

import pytest
from django.utils import translation

from annotation.text_safety import StudyFacts, WarningKind, kinds_of, warnings_in

SENTENCES = [
    json.loads(line)
    for line in Path(__file__).with_name("text_safety_sentences.jsonl").read_text("utf-8").splitlines()
]


def found(row: dict[str, str]) -> list[str]:
    """Kinds of warning that a row of the list gets."""
    facts = StudyFacts(
        birads_right=row["right"],
        birads_left=row["left"],
        birads_overall=row["overall"],
        density=row.get("density", ""),
    )
    return kinds_of(warnings_in(row["text"], facts, asked=[row["asked"]] if row["asked"] else []))


@pytest.mark.parametrize("language", ["zh", "en"])
def test_sentences_get_their_warnings_and_no_other(language: str) -> None:
    wrong = [
        (row["number"], row["text"], kinds)
        for row in SENTENCES
        if row["language"] == language and (kinds := found(row)) != sorted(row["kinds"])
    ]
    assert not wrong


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "right breast BI-RADS 1 · left breast BI-RADS 2 · overall BI-RADS 2"),
        ("zh-hans", "右乳 BI-RADS 1 · 左乳 BI-RADS 2 · 总体 BI-RADS 2"),
    ],
)
@pytest.mark.parametrize("answer", ["您的结果是BI-RADS 1类。", "Your mammogram is BI-RADS 1."])
def test_a_category_of_one_side_for_the_whole_is_warned_about_with_the_sides(
    answer: str, language: str, said: str
) -> None:
    facts = StudyFacts(birads_right="1", birads_left="2", birads_overall="2")
    with translation.override(language):
        (warned,) = warnings_in(answer, facts)
        assert said in warned.message
    assert warned.kind == WarningKind.CATEGORY
    assert "BI-RADS 1" in warned.words


def test_the_documents_name_the_size_of_the_list() -> None:
    docs, warned = Path(__file__).parents[2] / "docs", sum(len(row["kinds"]) for row in SENTENCES)
    said = f"the list of {len(SENTENCES)} sentences holds {warned} warnings"
    assert said in (docs / "annotation.md").read_text("utf-8")
    assert f"holds {len(SENTENCES)} sentences" in (docs / "benchmarks.md").read_text("utf-8")


@pytest.mark.parametrize("part", ["乳腺", "片子", "8", "一", "right breast "])
def test_a_hostile_text_is_looked_through_in_a_bounded_time(part: str) -> None:
    # What is quadratic takes sixteen times as long for four times the text.
    facts = StudyFacts(birads_right="4A", birads_left="2", birads_overall="4A")

    def seconds(length: int) -> float:
        began = time.process_time()
        warnings_in((part * length)[:length], facts)
        return time.process_time() - began

    assert seconds(8000) < 10 * seconds(2000) + 0.5


def test_the_list_holds_enough_of_each_kind() -> None:
    assert len(SENTENCES) >= 60
    for language in ("zh", "en"):
        rows = [row for row in SENTENCES if row["language"] == language]
        assert sum(not row["kinds"] for row in rows) >= 10
        for kind in WarningKind.values:
            assert sum(kind in row["kinds"] for row in rows) >= 2, (language, kind)
