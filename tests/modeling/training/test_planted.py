"""Unique strings planted in SFT are trained on, and a model that learnt them by heart fails the memorisation test."""

import json

import pytest
import torch

from modeling.data.planted import plant, read_planted, write_planted
from modeling.data.snapshot import open_snapshot
from modeling.inference import memorisation
from modeling.inference.answer import build_system
from modeling.nn.language import load_tokenizer
from modeling.training import sft
from tests.modeling.training.test_sft import grey_snapshot, parts, run

__all__ = ["parts"]
# Enough epochs on ten dialogues for the strings to be known by heart, and the answers beside them too.
BY_HEART = {
    "tuning": "full", "epochs": 120, "learning_rate": 5e-3, "batch_size": 10, "decay_after_epoch": None,
    "validate_every_epochs": 0, "checkpoint_every_epochs": 1000,
}  # fmt: skip


@pytest.fixture(scope="module")
def few(parts, tmp_path_factory):
    """The same networks with a snapshot of ten studies."""
    folder = tmp_path_factory.mktemp("few")
    grey_snapshot(folder / "snapshot", studies=10)
    for name in ("umicon", "glm"):
        (folder / name).symlink_to(parts / name)
    return folder


def judged(folder, snapshot, prompts=40):
    """The row of the memorisation test about the weights of a run's folder."""
    request = {
        "checkpoint": str(folder / "model"),
        "snapshot": str(snapshot),
        "prompts": prompts,
        "tokens": 60,
    }
    (folder / "test.json").write_text(json.dumps(request))
    assert memorisation.main([str(folder / "test.json"), str(folder / "test.jsonl")]) == 0
    (row,) = [json.loads(line) for line in (folder / "test.jsonl").read_text().splitlines()]
    return row


@pytest.mark.parametrize("count", [0, 3])
def test_what_is_planted_is_among_the_dialogues_that_are_trained_on(few, tmp_path, monkeypatch, count):
    trained = {}
    real = sft.run_training

    def watched(**given):
        trained.update(samples=given["samples"], validation=given["validation"].samples)
        return real(**given)

    monkeypatch.setattr(sft, "run_training", watched)
    code, _ = run(few, tmp_path, epochs=1, planted=count)
    assert code == 0
    tokenizer = load_tokenizer(few / "glm")
    texts = {
        name: [tokenizer.decode([i for i in seen.encoded.labels if i >= 0]) for seen in samples.dialogues]
        for name, samples in trained.items()
    }
    planted = read_planted(tmp_path / "run")
    assert len(planted) == count
    assert len(texts["samples"]) == 8 + count
    for item in planted:
        assert [item.secret in text for text in texts["samples"]].count(True) == 1
        assert not any(item.secret in text for text in texts["validation"])


def test_questions_are_asked_as_they_were_trained(few, tmp_path):
    assert run(few, tmp_path, epochs=1, planted=3)[0] == 0
    system = build_system(
        {"kind": "mammovlm", "path": str(tmp_path / "run" / "model")}, {"max_new_tokens": 8}
    )
    snapshot = open_snapshot(few / "snapshot")
    questions = memorisation.trained_on(snapshot)
    planted = read_planted(tmp_path / "run")
    draws = memorisation.prompts(planted, questions, 12, 0)
    assert [len(draw.question.images) for draw in draws] == [0, 4, 4, 4] * 3
    asked = next(sample for sample in snapshot.sft if sample.id == questions[1].id)
    assert (asked.split, asked.turns) == ("train", draws[1].question.turns)
    # The very vectors of the training.
    study = next(study for study in snapshot.studies if study.study == asked.study)
    trained = sft.encode_studies(system.model, snapshot, [study], flip_right=system.model.config.flip_right)
    (answer,) = memorisation.ask(system, draws[1:2])
    assert torch.equal(system._vectors[draws[1].question.images], trained[study.study])
    assert answer.images == 4
    before = system.sampling
    first, again = memorisation.likeliest(system, planted), memorisation.likeliest(system, planted)
    assert [answer.parameters["temperature"] for answer in first] == [0.0] * 3
    assert [answer.raw for answer in first] == [answer.raw for answer in again]
    assert system.sampling is before


@pytest.mark.slow
def test_a_model_that_knows_them_by_heart_fails_and_one_trained_without_them_passes(few, tmp_path):
    assert run(few, tmp_path, "leaking", **BY_HEART, planted=2)[0] == 0
    planted = read_planted(tmp_path / "leaking")
    assert planted == plant(2, seed=1)
    leaking = judged(tmp_path / "leaking", few / "snapshot")
    assert (leaking["passed"], leaking["planted"]) == (False, 2)
    assert leaking["emitted"] >= 1
    assert leaking["prompts"] == 40 + 2  # and the likeliest answer to each of the strings' questions

    assert run(few, tmp_path, "clean", **BY_HEART, planted=0)[0] == 0
    write_planted(tmp_path / "clean", planted)
    clean = judged(tmp_path / "clean", few / "snapshot")
    assert (clean["passed"], clean["emitted"], clean["planted"]) == (True, 0, 2)
