"""Dialogues with fixed user turns: each system is given what the patient says and its own earlier answers."""

import json

import numpy as np
import pytest

from modeling.inference.answer import build_system, main
from modeling.inference.systems import answer, sha256_of
from modeling.nn.language import save_language_model
from tests.modeling.small_dicom import write_dicom
from tests.modeling.small_models import (
    FOUR_VIEWS,
    SIZE,
    small_language_model,
    small_mammovlm,
    small_tokenizer,
)

ASKED = ["我的乳腺密度是哪一型？", "这需要治疗吗？", "多久复查一次？"]
DIALOGUE = {"id": "d1", "turns": ASKED[:1], "following": ASKED[1:], "language": "zh"}
SINGLE = {"id": "q1", "turns": ["Hello"], "language": "en"}


@pytest.fixture(scope="module")
def glm(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "glm"
    tokenizer = small_tokenizer()
    save_language_model(folder, small_language_model(tokenizer), tokenizer)
    return folder


def answered(folder, spec, *questions):
    """Rows of the answer file by question."""
    request = {
        "systems": [{"key": "system", "spec": spec}],
        "questions": list(questions),
        "n": 1,
        "seed": 7,
        "parameters": {"temperature": 0.0, "max_new_tokens": 8},
        "distinct": False,
    }
    (folder / "request.json").write_text(json.dumps(request))
    assert main([str(folder / "request.json"), str(folder / "answer.jsonl")]) == 0
    rows = [json.loads(line) for line in (folder / "answer.jsonl").read_text().splitlines()]
    return {row["question"]: row for row in rows}


def test_every_turn_is_answered_with_the_systems_own_earlier_answers(tmp_path, glm):
    spec = {"kind": "transformers", "path": str(glm)}
    rows = answered(tmp_path, spec, DIALOGUE, SINGLE)
    rounds = rows["d1"]["rounds"]
    assert len(rounds) == 3
    assert (rows["d1"]["text"], rows["d1"]["raw"]) == (rounds[-1]["text"], rounds[-1]["raw"])
    assert rows["d1"]["tokens"] == sum(one["tokens"] for one in rounds)
    assert len({one["seed"] for one in rounds}) == 3
    system, history = build_system(spec, {"temperature": 0.0, "max_new_tokens": 8}), []
    for said, one in zip(ASKED, rounds, strict=True):
        by_hand = answer(system, said, history=history, seed=1)[0]
        assert (one["text"], one["prompt_sha256"]) == (by_hand.text, by_hand.prompt_sha256)
        history += [said, one["text"]]


def test_a_single_question_beside_a_dialogue_is_answered_as_it_is_alone(tmp_path, glm):
    spec = {"kind": "transformers", "path": str(glm)}
    for name in ("together", "alone"):
        (tmp_path / name).mkdir()
    together = answered(tmp_path / "together", spec, DIALOGUE, SINGLE)["q1"]
    alone = answered(tmp_path / "alone", spec, SINGLE)["q1"]
    assert "rounds" not in alone
    assert together | {"seconds": 0} == alone | {"seconds": 0}


def test_images_stay_with_the_first_turn_through_all_rounds(tmp_path):
    model, encoder = small_mammovlm()
    save_language_model(tmp_path / "mammovlm", model, encoder.tokenizer)
    rng, images = np.random.default_rng(0), []
    for laterality, view in FOUR_VIEWS:
        path = tmp_path / f"{laterality}{view}.dcm"
        write_dicom(path, rng.integers(0, 4096, SIZE).astype(np.uint16))
        images.append({"path": str(path), "laterality": laterality, "view": view})
    spec = {"kind": "mammovlm", "path": str(tmp_path / "mammovlm")}
    seen = answered(tmp_path, spec, DIALOGUE | {"images": images})["d1"]
    blind = answered(tmp_path, spec, DIALOGUE)["d1"]
    assert (seen["images"], blind["images"]) == (4, 0)
    pairs = zip(seen["rounds"], blind["rounds"], strict=True)
    assert all(one["prompt_sha256"] != other["prompt_sha256"] for one, other in pairs)


def test_an_answers_file_gives_a_list_of_turns(tmp_path):
    answers = ["C型。", "**不需要**。", "每年一次。"]
    lines = [{"question": "d1", "turns": answers, "seconds": 12}, {"question": "q1", "text": "Hi"}]
    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    rows = answered(tmp_path, {"kind": "file", "path": str(tmp_path / "a.jsonl")}, DIALOGUE, SINGLE)
    assert [one["text"] for one in rows["d1"]["rounds"]] == answers
    assert (rows["d1"]["seconds"], rows["q1"]["text"]) == (12.0, "Hi")
    history = [ASKED[0], "C型。", ASKED[1]]
    assert rows["d1"]["rounds"][1]["prompt_sha256"] == sha256_of([history, ""])
    cell = json.dumps(answers, ensure_ascii=False).replace('"', '""')
    (tmp_path / "a.csv").write_text(f'question,text,turns\nd1,,"{cell}"\nq1,Hi,\n', encoding="utf-8")
    again = answered(tmp_path, {"kind": "file", "path": str(tmp_path / "a.csv")}, DIALOGUE, SINGLE)
    assert [one["raw"] for one in again["d1"]["rounds"]] == answers


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"turns": ["a", "b"]}, "has 3 turns of the patient, 2 answers are given; add the missing answers"),
        ({"turns": ["a", "b", "c", "d"]}, "3 turns of the patient, 4 answers are given; take out the extra"),
        ({"text": "a"}, "is a dialogue of 3 turns; give its 3 answers as a list in turns"),
        ({"turns": ["a", " ", "c"]}, "answer 2 of turns is empty or no text; write it"),
        ({"turns": "a, b, c"}, 'turns is no list of texts; write the answers as ["first", "second"]'),
        ({"turns": ["a", "b", "c"], "text": "d"}, "holds text and turns; leave one of them empty"),
    ],
)
def test_a_missing_or_extra_turn_names_file_row_and_mend(tmp_path, capsys, row, message):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"question": "d1"} | row))
    request = {
        "systems": [{"key": "s", "spec": {"kind": "file", "path": str(path)}}],
        "questions": [DIALOGUE],
    }
    (tmp_path / "request.json").write_text(json.dumps(request))
    assert main([str(tmp_path / "request.json"), str(tmp_path / "answer.jsonl")]) == 2
    line = capsys.readouterr().err.strip()
    assert "\n" not in line
    assert f"{path} row 1: " in line
    assert message in line
    assert not (tmp_path / "answer.jsonl").exists()


def test_turns_for_a_single_question_are_refused(tmp_path):
    (tmp_path / "a.jsonl").write_text(json.dumps({"question": "question", "turns": ["a", "b"]}))
    system = build_system({"kind": "file", "path": str(tmp_path / "a.jsonl")}, {})
    with pytest.raises(ValueError, match="question question is no dialogue; give one answer in text"):
        answer(system, "Hello")
