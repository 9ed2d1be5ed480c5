"""Answers written elsewhere."""

import json

import pytest

from modeling.inference.answers_file import FileSystem
from modeling.inference.systems import Draw, Question, SystemUnavailableError

Q1, Q2 = Question("q1", ("问",)), Question("q2", ("再问",))


def ask(path, *places):
    return [
        answer.text
        for answer in FileSystem(path).write([Draw(q, i, 0) for q, i in places], lambda rows: None)
    ]


def test_jsonl_and_csv_are_read_alike(tmp_path):
    (tmp_path / "a.jsonl").write_text(
        json.dumps({"question": "q1", "text": "答一"})
        + "\n\n"
        + json.dumps({"question": "q2", "text": "答, 二\n行"})
    )
    (tmp_path / "a.csv").write_text('question,text\nq1,答一\nq2,"答, 二\n行"\n', encoding="utf-8-sig")
    for name in ("a.jsonl", "a.csv"):
        assert ask(tmp_path / name, (Q2, 0), (Q1, 0)) == ["答, 二\n行", "答一"]


def test_several_answers_are_told_apart_by_order_or_index(tmp_path):
    (tmp_path / "order.csv").write_text("question,text\nq1,a\nq1,b\n")
    (tmp_path / "index.csv").write_text("question,text,index\nq1,b,1\nq1,a,0\n")
    for name in ("order.csv", "index.csv"):
        assert ask(tmp_path / name, (Q1, 0), (Q1, 1)) == ["a", "b"]


def test_a_question_without_an_answer_is_named(tmp_path):
    (tmp_path / "a.csv").write_text("question,text\nq1,a\n")
    with pytest.raises(SystemUnavailableError, match="no answer number 1 to question q2"):
        ask(tmp_path / "a.csv", (Q1, 0), (Q2, 0))
    with pytest.raises(SystemUnavailableError, match="no answer number 2 to question q1"):
        ask(tmp_path / "a.csv", (Q1, 0), (Q1, 1))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "question,answer\nq1,a\n", "column text is missing"),
        ("a.csv", "question,text,score\nq1,a,9\n", "unknown column score"),
        ("a.csv", "question,text\nq1,\n", "row 2: text is empty"),
        ("a.csv", "question,text\nq1,a,b\n", "row 2: more cells"),
        ("a.csv", "question,text,index\nq1,a,x\n", "row 2: index and seconds must be numbers"),
        ("a.csv", "question,text,index\nq1,a,0\nq1,b,0\n", "row 3: question q1 has two answers of index 0"),
        ("a.jsonl", '{"question": "q1", "text": "a"}\n{', "row 2: not valid JSON"),
        ("a.jsonl", "[" * 9000, "row 1: not valid JSON"),
        ("a.csv", f"question,turns\nq1,{'[' * 9000}\n", "row 2: turns is no list of texts"),
        ("a.jsonl", "[1]", "row 1: expected a JSON object"),
        ("a.jsonl", '{"question": "q1", "text": 3}', "row 1: text is empty"),
    ],
)
def test_a_bad_row_is_named_with_what_is_wrong(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(SystemUnavailableError, match=message):
        FileSystem(tmp_path / name)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(SystemUnavailableError, match=r"nowhere\.csv does not exist"):
        FileSystem(tmp_path / "nowhere.csv")
