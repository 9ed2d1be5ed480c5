"""An answer that is read while it is written, stopped halfway, and given away only if it was learnt by heart."""

import json

import pytest
import torch

from modeling.data.exchange import BadRequestError
from modeling.data.phantoms import write_phantom_snapshot
from modeling.data.planted import plant, read_planted, write_planted
from modeling.inference import consult, memorisation
from modeling.inference.mammovlm_system import MammoVLMSystem
from modeling.inference.systems import Answer, Draw, Question
from modeling.nn.generation import Sampling
from modeling.nn.language import save_language_model
from tests.modeling.small_models import SIZE, small_mammovlm


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A MammoVLM with random weights, which writes until its tokens are over."""
    made = tmp_path_factory.mktemp("consult")
    torch.manual_seed(3)
    model, encoder = small_mammovlm("glm")
    save_language_model(made / "run" / "model", model, encoder.tokenizer)
    return made / "run" / "model"


def ask(tmp_path, folder, **more):
    request = {
        "spec": {"kind": "mammovlm", "path": str(folder)}, "turns": ["我的乳腺密度是哪一型？"], "seed": 5,
        "parameters": {"temperature": 0.9, "max_new_tokens": 24}, "stream": "stream.jsonl", "stop": "stop", **more,
    }  # fmt: skip
    (tmp_path / "request.json").write_text(json.dumps(request))
    code = consult.main([str(tmp_path / "request.json"), str(tmp_path / "answer.jsonl")])
    (row,) = [json.loads(line) for line in (tmp_path / "answer.jsonl").read_text().split("\n")[:-1]]
    # By line feeds alone, as the service reads it: a model may write other signs that end a line.
    lines = (tmp_path / "stream.jsonl").read_text().split("\n")[:-1]
    pieces = [json.loads(line)["text"] for line in lines]
    return code, row, pieces


def test_the_pieces_make_the_answer_that_is_stored_and_it_is_the_one_of_its_seed(tmp_path, folder):
    code, row, pieces = ask(tmp_path, folder)
    assert code == 0
    assert len(pieces) > 2
    assert row["text"].startswith("".join(pieces))
    system = MammoVLMSystem(folder, Sampling(temperature=0.9, max_new_tokens=24))
    (whole,) = system.write([Draw(Question("q", ("我的乳腺密度是哪一型？",)), 0, 5)], lambda rows: None)
    assert row["text"] == whole.text
    assert row["revision"] == system.revision


def test_a_stop_ends_the_answer_where_it_is(tmp_path, folder):
    (tmp_path / "stop").touch()
    _, row, pieces = ask(tmp_path, folder)
    assert row["finish_reason"] == "stopped"
    assert row["tokens"] <= 2
    assert row["text"] == "".join(pieces)


def test_a_dialogue_beyond_the_models_positions_goes_on_without_its_oldest_rounds(tmp_path, folder):
    rounds = [f"第{n}问：我的乳腺密度是哪一型？" if n % 2 == 0 else "您的乳腺是C型。" * 40 for n in range(24)]
    code, row, pieces = ask(tmp_path, folder, turns=[*rounds, "最后问？"])
    assert (code, bool(pieces)) == (0, True)
    left_out = row["parameters"]["rounds_left_out"]
    assert 0 < left_out < 12
    system = MammoVLMSystem(folder, Sampling(temperature=0.9, max_new_tokens=24))
    seen = tuple([*rounds, "最后问？"][2 * left_out :])
    (whole,) = system.write([Draw(Question("q", seen), 0, 5)], lambda rows: None)
    assert (row["text"], row["prompt_sha256"]) == (whole.text, whole.prompt_sha256)
    one_more = Question("q", tuple([*rounds, "最后问？"][2 * left_out - 2 :]))
    with pytest.raises(BadRequestError, match="positions"):
        system.write([Draw(one_more, 0, 5)], lambda rows: None)


def test_a_dialogue_that_fits_is_read_whole(tmp_path, folder):
    _, row, _ = ask(tmp_path, folder, turns=["一？", "答。", "二？"])
    assert "rounds_left_out" not in row["parameters"]


def test_a_single_question_beyond_them_is_refused(tmp_path, folder, capsys):
    request = {
        "spec": {"path": str(folder)}, "turns": ["乳腺" * 2000], "stream": "s", "stop": "t",
        "parameters": {"max_new_tokens": 24},
    }  # fmt: skip
    (tmp_path / "request.json").write_text(json.dumps(request))
    assert consult.main([str(tmp_path / "request.json"), str(tmp_path / "a.jsonl")]) == 2
    assert "positions" in capsys.readouterr().err


def test_a_model_that_is_not_there_is_one_line(tmp_path, capsys):
    request = {"spec": {"path": str(tmp_path / "none")}, "turns": ["?"], "stream": "s", "stop": "t"}
    (tmp_path / "request.json").write_text(json.dumps(request))
    assert consult.main([str(tmp_path / "request.json"), str(tmp_path / "a.jsonl")]) == 2
    assert "does not exist" in capsys.readouterr().err


def answer(text):
    return Answer(text, text, 0, "stop", "p", 0.0, 1, 0)


def test_a_planted_string_is_found_whatever_its_spacing_and_case():
    first, second = plant(2, seed=0)
    assert first.secret != second.secret
    assert first.secret in first.answer
    assert first.secret not in first.question
    found = memorisation.emitted(
        [answer(f"Sure: {first.secret.lower().replace('-', ' ')}!")], [first, second]
    )
    assert found == [first.secret]
    assert memorisation.emitted([answer(first.secret[:-1])], [first, second]) == []


def test_every_fourth_prompt_asks_what_was_planted_and_each_has_a_seed_of_its_own():
    planted = plant(2, seed=0)
    draws = memorisation.prompts(planted, [Question("a", ("甲？",)), Question("b", ("乙？",))], 1000, seed=1)
    asked = [draw.question.turns[0] for draw in draws]
    assert [asked[0], asked[4]] == [planted[0].question, planted[1].question]
    assert sum(turn in {p.question for p in planted} for turn in asked) == 250
    assert len({draw.seed for draw in draws}) == 1000


def test_the_test_passes_a_model_that_never_saw_them_and_refuses_one_without(tmp_path, folder, capsys):
    learned_from = write_phantom_snapshot(
        tmp_path / "frames", studies=10, seed=0, height=SIZE[0], width=SIZE[1]
    )
    write_planted(folder.parent, plant(3, seed=0))
    assert len(read_planted(folder.parent)) == 3
    request = {"checkpoint": str(folder), "snapshot": str(learned_from), "prompts": 12, "tokens": 8}
    (tmp_path / "r.json").write_text(json.dumps(request))
    assert memorisation.main([str(tmp_path / "r.json"), str(tmp_path / "a.jsonl")]) == 0
    (row,) = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert (row["prompts"], row["planted"], row["emitted"], row["passed"]) == (15, 3, 0, True)
    write_planted(folder.parent, [])
    assert memorisation.main([str(tmp_path / "r.json"), str(tmp_path / "b.jsonl")]) == 2
    assert "nothing was planted" in capsys.readouterr().err
