"""Tables of questions: what is taken and what is refused, by name."""

import json
from dataclasses import asdict
from pathlib import Path

import openpyxl
import pytest

from annotation.question_table import QuestionRow, WrongRowsError, language_of, read_question_table
from mammo.core.errors import UserError

HEADER = "patient,accession,language,turns,source,consent\n"


def written(folder: Path, text: str, name: str = "questions.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_csv_with_several_turns(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER + 'P1,A1,zh,"[""问一"", ""答一"", ""问二""]",ward,IC-1\n')
    (found,) = read_question_table(path)
    assert found.turns == ("问一", "答一", "问二")
    assert (found.number, found.patient, found.accession, found.consent) == (2, "P1", "A1", "IC-1")


def test_jsonl_with_text(tmp_path: Path) -> None:
    line = {"text": "What is density?", "source": "tablet", "pool": " night "}
    (found,) = read_question_table(written(tmp_path, json.dumps(line) + "\n", "q.jsonl"))
    assert found.turns == ("What is density?",)
    assert found.pool == "night"
    assert QuestionRow.from_json(json.loads(json.dumps(asdict(found)))) == found
    assert (found.language, found.patient, found.accession) == ("en", "", "")


def test_xlsx_keeps_numbers_as_text(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["patient", "accession", "text", "source", "pool"])
    book.active.append([1001, 77, "什么是钙化？", "ward", "夜班"])
    book.save(tmp_path / "q.xlsx")
    (found,) = read_question_table(tmp_path / "q.xlsx")
    assert (found.patient, found.accession, found.language, found.pool) == ("1001", "77", "zh", "夜班")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("patient,question,source\nP1,x,ward\n", "unknown column 'question'"),
        ("patient,source\nP1,ward\n", "'turns'"),
        ("patient,text\nP1,x\n", "column 'source' is missing"),
        ("text,source\n,ward\n", "row 2: the question is empty"),
        ("text,source\nx,\n", "row 2: source is empty"),
        ("text,language,source\nx,fr,ward\n", "row 2: language 'fr'"),
        (f"text,source,pool\nx,ward,{'p' * 41}\n", "row 2: pool is longer than 40"),
        ("text,source\nx,ward,extra\n", "line 2: more cells"),
        ('turns,source\n"[""a"", ""b""]",ward\n', "row 2: 2 turns"),
        ("turns,source\nnot json,ward\n", "row 2: turns is not a JSON list"),
        (f"turns,source\n{'[' * 5000},ward\n", "row 2: turns is not a JSON list (nested too deeply)"),
        ('turns,source\n"[""\\ud800""]",ward\n', "row 2: turns is not a JSON list (a text holds half of"),
        ("text,source\n", "holds no rows"),
        ("", "empty; it needs a line of column names"),
    ],
)
def test_a_wrong_table_is_refused_by_column_or_row(tmp_path: Path, text: str, named: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(UserError) as refused:
        read_question_table(path)
    assert named in str(refused.value)
    assert str(path) in str(refused.value)


@pytest.mark.parametrize("character", ["\0", "\ud800"])
@pytest.mark.parametrize(
    "column", ["text", "source", "consent", "pool", "patient", "accession", "language", "date"]
)
def test_what_no_database_stores_is_refused_with_row_and_column(
    tmp_path: Path, column: str, character: str
) -> None:
    good = {"text": "要复查吗？", "source": "ward"}
    bad = good | {column: f"2027-01-31{character}" if column == "date" else f"门诊{character}"}
    path = written(tmp_path, f"{json.dumps(good)}\n{json.dumps(bad)}\n", "q.jsonl")
    with pytest.raises(WrongRowsError) as refused:
        read_question_table(path)
    assert [one.row for one in refused.value.problems] == [2]
    assert f"row 2: {column} holds a character that can't be stored" in str(refused.value)


def test_of_several_rounds_each_is_looked_at_and_a_cell_is_one_text(tmp_path: Path) -> None:
    rows = [
        {"turns": ["一", "二\ud800", "三"], "source": "ward"},
        {"turns": ["一\0"], "source": "ward"},
        {"turns": ["一"], "source": [["ward"]]},
        {"turns": ["😀"], "source": "ward"},
    ]
    path = written(tmp_path, "".join(json.dumps(row) + "\n" for row in rows), "q.jsonl")
    with pytest.raises(WrongRowsError) as refused:
        read_question_table(path)
    told = [one.said.split(", row ")[1] for one in refused.value.problems]
    assert [said[:15] for said in told] == ["1: turns holds ", "2: turns holds ", "3: source holds"]
    assert [row.turns for row in refused.value.rows] == [("😀",)]


def test_a_missing_file_and_an_unknown_kind_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        read_question_table(tmp_path / "absent.csv")
    with pytest.raises(UserError, match="end in"):
        read_question_table(written(tmp_path, "x", "q.txt"))
    with pytest.raises(UserError, match="not a readable XLSX"):
        read_question_table(written(tmp_path, "x", "q.xlsx"))


def test_a_trials_table_knows_no_pool(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="unknown column 'pool'"):
        read_question_table(written(tmp_path, "text,source,pool\nx,ward,night\n"), dialogues=True)


def test_chinese_with_english_terms_is_chinese() -> None:
    assert language_of("我的BI-RADS是几类？") == "zh"
    assert language_of("What is BI-RADS?") == "en"
    assert language_of("My report says 乳腺 density is high, what now?") == "mix"
