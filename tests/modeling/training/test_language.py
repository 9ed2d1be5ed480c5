"""The small GLM trained from scratch."""

import json
import signal

import pytest
import torch

from modeling.data.corpus import read_corpus
from modeling.data.phantom_texts import dialogues
from modeling.nn.chat import ChatEncoder
from modeling.nn.language import load_language_model, load_tokenizer
from modeling.training import language
from modeling.training.callbacks import StageCallback
from modeling.training.config import LanguageConfig
from modeling.training.dialogues import PackedDialogues
from modeling.training.stage import serve
from tests.modeling.small_models import TEXTS, small_language_model, small_tokenizer

SMALL = {
    "hidden_size": 32, "layers": 2, "intermediate_size": 64, "vocabulary": 400, "epochs": 2,
    "decay_after_epoch": None,
}  # fmt: skip


@pytest.fixture
def corpus(tmp_path):
    path = tmp_path / "corpus.jsonl"
    path.write_text(
        "\n".join(json.dumps(row, ensure_ascii=False) for row in dialogues(1, 120)), encoding="utf-8"
    )
    return path


def run(folder, corpus, name="run", **more):
    """(exit code, rows or None)"""
    request = {"corpus": str(corpus), "output": str(folder / name), "config": SMALL, "seed": 3, **more}
    (folder / "request.json").write_text(json.dumps(request))
    answer = folder / f"{name}.jsonl"
    required = ("corpus", "output")
    code = serve(
        ["", str(folder / "request.json"), str(answer)], language.work, module="x", required=required
    )
    return code, [json.loads(line) for line in answer.read_text().splitlines()] if answer.exists() else None


def test_the_finished_folder_loads_and_its_loss_has_fallen(tmp_path, corpus):
    code, rows = run(tmp_path, corpus)
    assert code == 0
    assert rows[-1]["kind"] == "checkpoint"
    assert {"loss", "perplexity", "held_out_dialogues"} <= set(rows[-1]["metrics"])
    losses = [row["value"] for row in rows if row.get("name") == "loss"]
    assert losses[-1] < losses[0]
    encoder = ChatEncoder(load_tokenizer(rows[-1]["path"]))
    model = load_language_model(rows[-1]["path"])
    assert encoder.tokenizer.convert_ids_to_tokens(encoder.closing_id) == "<|user|>"
    assert model.config.vocab_size >= len(encoder.tokenizer)
    assert len(encoder.encode_plain("[L-CC]")) <= 3


def test_a_stopped_run_resumed_ends_at_the_same_weights(tmp_path, corpus, monkeypatch):
    _, whole = run(tmp_path, corpus, "whole")
    on_step_end = StageCallback.on_step_end

    def stop_at_five(self, args, state, control, **kwargs):
        self.stop.asked = self.stop.asked or state.global_step == 5
        on_step_end(self, args, state, control, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(StageCallback, "on_step_end", stop_at_five)
        code, rows = run(tmp_path, corpus, "parts")
    assert (code, rows) == (75, None)
    _, parts = run(tmp_path, corpus, "parts", resume=True)
    assert parts[-1]["sha256"] == whole[-1]["sha256"]


def test_what_is_held_out_is_in_no_training_no_validation_and_not_in_the_vocabulary(tmp_path, corpus):
    lines = corpus.read_text("utf-8").splitlines()
    config = LanguageConfig.from_overrides({**SMALL, "held_out": 0.2})
    parts = language.split(read_corpus(corpus), config, 3)
    assert [len(part) for part in parts] == [len(lines) - 48, 24, 24]
    assert len({id(dialogue) for part in parts for dialogue in part}) == len(lines)
    unwatched = LanguageConfig.from_overrides({"held_out": 0.05, "validate_every_epochs": 0})
    assert [len(part) for part in language.split(read_corpus(corpus), unwatched, 3)] == [114, 0, 6]
    # A word that only a held-out dialogue has, often enough to become one token.
    place = read_corpus(corpus).index(parts[2][0])
    row = json.loads(lines[place]) | {"answer": "zyxwvut " * 25}
    corpus.write_text("\n".join([*lines[:place], json.dumps(row), *lines[place + 1 :]]), "utf-8")
    code, rows = run(tmp_path, corpus, config={**SMALL, "held_out": 0.2, "epochs": 1})
    assert code == 0
    assert rows[-1]["metrics"]["held_out_dialogues"] == 24
    assert len(load_tokenizer(rows[-1]["path"]).tokenize("zyxwvut")) > 3


def test_dialogues_of_a_pack_do_not_see_each_other():
    tokenizer = small_tokenizer()
    encoder, model = ChatEncoder(tokenizer), small_language_model(tokenizer)
    encoded = [
        encoder.example([question], answer) for question, answer in zip(TEXTS[:4], TEXTS[3:], strict=True)
    ]
    packs = PackedDialogues(encoded, pack_tokens=100, pad_id=encoder.pad_id, seed=0)
    assert 1 <= len(packs) < 4
    total, tokens = 0.0, 0
    for dialogue in encoded:
        alone = model(input_ids=torch.tensor([dialogue.input_ids]), labels=torch.tensor([dialogue.labels]))
        counted = sum(label >= 0 for label in dialogue.labels)
        total, tokens = total + alone.loss.item() * counted, tokens + counted
    packed = model(**packs.collate([packs[0, i] for i in range(len(packs))])).loss
    assert packed.item() == pytest.approx(total / tokens, rel=1e-5)


def test_every_dialogue_is_in_one_pack_and_packs_keep_their_length():
    encoder = ChatEncoder(small_tokenizer())
    encoded = [encoder.example([text * (1 + i % 3)], "好") for i, text in enumerate(TEXTS * 6)]
    packs = PackedDialogues(encoded, pack_tokens=64, pad_id=0, seed=1)
    packed = [packs[0, i] for i in range(len(packs))]
    assert sorted(id(d) for pack in packed for d in pack) == sorted(map(id, encoded))
    assert all(len(pack) == 1 or sum(len(d.input_ids) for d in pack) <= 64 for pack in packed)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "row 1: not valid JSON"),
        ("[" * 9000, "row 1: not valid JSON"),
        ('{"turns": ["a", "b"], "answer": "c"}', "row 1: turns must be an odd number"),
        ('{"turns": ["a"], "answer": " "}', "row 1: answer is empty"),
        ('{"turns": ["a"], "answer": "b"}', "1 dialogues, at least 20"),
    ],
)
def test_a_bad_corpus_is_one_line(tmp_path, capsys, content, message):
    (tmp_path / "bad.jsonl").write_text(content)
    code, rows = run(tmp_path, tmp_path / "bad.jsonl")
    assert (code, rows) == (2, None)
    assert message in capsys.readouterr().err.strip().split("\n")[-1]


@pytest.fixture(autouse=True)
def _terminate_as_before():
    """`serve` listens for SIGTERM in this process."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def test_a_setting_that_is_not_known_is_named(tmp_path, corpus, capsys):
    code, _ = run(tmp_path, corpus, config={"layrs": 2})
    assert code == 2
    assert "layrs" in capsys.readouterr().err
