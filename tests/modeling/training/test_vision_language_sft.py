"""Compared vision-language models are tuned by MammoVLM's data and recipe: the real classes at a tiny size."""

import dataclasses
import json
import math

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from modeling.data.planted import read_planted
from modeling.data.snapshot import open_snapshot
from modeling.inference.answer import build_system
from modeling.inference.systems import Draw, ImageFile, Question
from modeling.nn.chat import IGNORED_LABEL
from modeling.nn.language import save_language_model
from modeling.training import vision_language_sft
from modeling.training.callbacks import StopRequest
from modeling.training.config import PRESETS, SftConfig, VisionLanguageSftConfig
from modeling.training.pictured_dialogues import PictureEncoder
from modeling.training.stage import run_stage
from tests.modeling.small_dicom import write_dicom
from tests.modeling.small_models import FOUR_VIEWS, SIZE, small_language_model, small_tokenizer
from tests.modeling.training.conftest import StopAfter
from tests.modeling.training.test_sft import grey_snapshot
from tests.modeling.vision_language_models import BUILDERS, save_vision_language_model

SMALL = {
    "preset": "demo", "image_size": list(SIZE), "epochs": 1, "decay_after_epoch": None, "measured_questions": 2,
    "measured_tokens": 4, "tower_image_size": 28, "tower_hidden_size": 32,
}  # fmt: skip


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """A snapshot of plain grey studies and a language model with random weights."""
    folder = tmp_path_factory.mktemp("parts")
    grey_snapshot(folder / "snapshot", studies=40)
    tokenizer = small_tokenizer()
    save_language_model(folder / "language_model", small_language_model(tokenizer), tokenizer)
    return folder


def run(parts, folder, init, name="run", *, stop=None, resume=False, **config):
    """(exit code, rows or None)"""
    request = {
        "snapshot": str(parts / "snapshot"), "output": str(folder / name), "config": {**SMALL, **config},
        "init": {key: str(path) for key, path in init.items()}, "seed": 1, "resume": resume,
    }  # fmt: skip
    (folder / "request.json").write_text(json.dumps(request))
    answer = folder / f"{name}.jsonl"
    arguments = ["vision_language_sft", str(folder / "request.json"), str(answer)]
    code = run_stage(
        arguments, VisionLanguageSftConfig, vision_language_sft.train, stop=stop or StopRequest()
    )
    return code, [json.loads(line) for line in answer.read_text().splitlines()] if answer.exists() else None


@pytest.mark.parametrize("tuning", ["lora", "full"])
@pytest.mark.parametrize("kind", sorted(BUILDERS))
def test_each_model_is_tuned_and_then_answers_with_the_pictures_it_was_tuned_on(
    kind, tuning, parts, tmp_path
):
    before = save_vision_language_model(kind, tmp_path / "before")
    code, rows = run(
        parts,
        tmp_path,
        {"vision_language": before},
        tuning=tuning,
        train_tower=False,
        learning_rate=1e-2,
        planted=1,
    )
    assert code == 0
    losses = [row["value"] for row in rows if row["kind"] == "metric" and row["name"] == "loss"]
    figures = rows[-1]["metrics"]
    assert losses
    assert math.isfinite(figures["perplexity"])
    assert figures["density_right_n"] == 2
    old, new = (load_file(folder / "model.safetensors") for folder in (before, tmp_path / "run" / "model"))
    changed = {name for name in old if not old[name].equal(new[name])}
    assert any("language_model" in name or name.startswith("model.layers") for name in changed)
    assert not any(
        part in name for name in changed for part in ("vision_tower", "vision_model", "visual.blocks")
    )
    system = build_system(
        {"kind": "vision_language", "path": str(tmp_path / "run" / "model"), "layout": "each"},
        {"temperature": 0.0, "max_new_tokens": 3},
    )
    views = tuple(
        ImageFile(write_dicom(tmp_path / f"{side}{view}.dcm", np.full((80, 60), 900, np.uint16)), side, view)
        for side, view in FOUR_VIEWS
    )
    (answer,) = system.write([Draw(Question(id="q", turns=("?",), images=views), 0, 1)], lambda rows: None)
    assert answer.parameters["layout"] == "montage"
    (picture,) = system._pictures(views)
    assert picture.size == (2 * SIZE[1], 2 * SIZE[0]), (
        "four frames of the training set's size as they are hung"
    )


@pytest.mark.slow
def test_a_llava_made_of_a_language_model_learns_what_the_pictures_show(parts, tmp_path):
    code, rows = run(
        parts, tmp_path, {"language_model": parts / "language_model"}, epochs=60, learning_rate=3e-3,
        decay_after_epoch=45, tower_layers=1, measured_questions=8, measured_tokens=20,
    )  # fmt: skip
    assert code == 0
    assert rows[-1]["metrics"]["density_right"] >= 0.75
    assert rows[-1]["metrics"]["follows_swap"] >= 0.75


def test_a_stopped_run_resumed_ends_at_the_same_weights(parts, tmp_path):
    init = {"language_model": parts / "language_model"}
    more = {"epochs": 2, "checkpoint_every_epochs": 1}
    assert run(parts, tmp_path, init, "whole", **more)[0] == 0
    assert run(parts, tmp_path, init, "parted", stop=StopAfter(5), **more)[0] == 75
    assert run(parts, tmp_path, init, "parted", resume=True, **more)[0] == 0
    whole, parted = (
        load_file(tmp_path / name / "model" / "model.safetensors") for name in ("whole", "parted")
    )
    assert all(whole[name].equal(parted[name]) for name in whole)


def test_the_loss_falls_on_the_answer_and_its_end_alone(parts, tmp_path):
    folder = save_vision_language_model("llava", tmp_path / "llava")
    _, processor = vision_language_sft.load_vision_language(folder)
    snapshot = open_snapshot(parts / "snapshot")
    sample, closing = snapshot.sft[0], processor.tokenizer.eos_token_id
    encoder = PictureEncoder(processor, snapshot, layout="montage", closing_id=closing, needs_picture=False)
    encoded = encoder.example(sample.turns, sample.answer, sample.study)
    asked = encoder.question(sample.turns, sample.study)["input_ids"]
    labels = encoded["labels"][0].tolist()
    assert encoded["input_ids"][0, : asked.shape[1]].equal(asked[0]), "tuned on exactly what will be asked"
    assert labels[: asked.shape[1]] == [IGNORED_LABEL] * asked.shape[1]
    assert processor.tokenizer.decode(labels[asked.shape[1] : -1]) == sample.answer
    assert labels[-1] == closing


@pytest.mark.parametrize("preset", PRESETS)
def test_the_recipe_is_mammovlms(preset):
    own, compared = SftConfig.preset(preset), VisionLanguageSftConfig.preset(preset)
    # Of the demo only what keeps it within seconds differs.
    freed = {
        "epochs",
        "decay_after_epoch",
        "checkpoint_every_epochs",
        "measured_questions",
        "measured_tokens",
    }
    for field in dataclasses.fields(SftConfig):
        if hasattr(compared, field.name) and not (preset == "demo" and field.name in freed):
            assert getattr(own, field.name) == getattr(compared, field.name), field.name


def test_a_model_that_is_not_there_is_named(parts, tmp_path, capfd):
    assert run(parts, tmp_path, {})[0] == 2
    assert "init.vision_language: missing" in capfd.readouterr().err


@pytest.mark.parametrize("tuning", ["full", "lora"])
def test_a_folder_in_bfloat16_is_tuned_as_in_float32_and_saved_in_bfloat16(parts, tmp_path, tuning):
    single = save_vision_language_model("llava", tmp_path / "single")
    half = save_vision_language_model("llava", tmp_path / "half")
    model, processor = vision_language_sft.load_vision_language(single)
    model = model.to(torch.bfloat16)
    save_language_model(half, model, processor)
    save_language_model(single, model.float(), processor)  # the same numbers
    saved = {}
    for name, folder in (("single", single), ("half", half)):
        code, rows = run(
            parts, tmp_path, {"vision_language": folder}, f"run-{name}", tuning=tuning, learning_rate=1e-4,
            lora_dropout=0.0, train_tower=False,
        )  # fmt: skip
        assert code == 0
        saved[name] = load_file(tmp_path / f"run-{name}" / "model" / "model.safetensors")
        assert math.isfinite(rows[-1]["metrics"]["perplexity"])
    before = load_file(half / "model.safetensors")
    moved = 0
    for name, value in saved["single"].items():
        assert saved["half"][name].dtype == torch.bfloat16, name
        assert torch.equal(saved["half"][name], value.to(torch.bfloat16)), name
        moved += int((saved["half"][name] != before[name]).sum())
    assert moved > 0


def test_what_an_earlier_tuning_planted_is_looked_for_in_the_next_ones_weights_too(parts, tmp_path):
    """Else a second tuning with other strings, or none, would hide the first one's from the memorisation test."""
    first = run(parts, tmp_path, {"language_model": parts / "language_model"}, "first", planted=2)
    assert first[0] == 0
    start = {"vision_language": tmp_path / "first" / "model"}
    assert run(parts, tmp_path, start, "second", planted=0)[0] == 0
    earlier = read_planted(tmp_path / "first")
    assert len(earlier) == 2
    assert read_planted(tmp_path / "second") == earlier
    assert (
        run(parts, tmp_path, start, "third", planted=3)[0] == 0
    )  # of the same seed: two are the same strings
    assert [item.secret for item in read_planted(tmp_path / "third")][:2] == [item.secret for item in earlier]
    assert len(read_planted(tmp_path / "third")) == 3
