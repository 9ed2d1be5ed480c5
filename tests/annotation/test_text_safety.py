"""Warnings about an answer's text: measured on a written list, in both languages; nothing is ever changed."""

import json
from pathlib import Path

import pytest

from annotation.text_safety import StudyFacts, WarningKind, kinds_of, warnings_in

SENTENCES = [
    json.loads(line)
    for line in Path(__file__).with_name("text_safety_sentences.jsonl").read_text("utf-8").splitlines()
]


def found(row: dict[str, str]) -> list[str]:
    """Kinds of warning that a row of the list gets."""
    facts = StudyFacts(birads_right=row["right"], birads_left=row["left"], birads_overall=row["overall"])
    return kinds_of(warnings_in(row["text"], facts, asked=[row["asked"]] if row["asked"] else []))


@pytest.mark.parametrize("row", SENTENCES, ids=lambda row: f"{row['number']}-{row['language']}")
def test_a_sentence_gets_its_warnings_and_no_other(row: dict[str, str]) -> None:
    assert found(row) == sorted(row["kinds"]), row["text"]


def test_the_list_holds_enough_of_each_kind() -> None:
    assert len(SENTENCES) >= 60
    for language in ("zh", "en"):
        rows = [row for row in SENTENCES if row["language"] == language]
        assert sum(not row["kinds"] for row in rows) >= 10
        for kind in WarningKind.values:
            assert sum(kind in row["kinds"] for row in rows) >= 2, (language, kind)
