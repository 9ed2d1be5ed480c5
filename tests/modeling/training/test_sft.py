"""Tuning MammoVLM on picked answers: on images so plain that random encoders tell their density apart."""

import json
import random
import uuid
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from modeling.data.snapshot import open_snapshot, write_snapshot
from modeling.nn.chat import ADDED_VISUAL_TOKEN, IGNORED_LABEL, ChatEncoder
from modeling.nn.checkpoint import save_checkpoint
from modeling.nn.language import load_tokenizer, save_language_model, weights_sha256
from modeling.nn.mammovlm import PROJECTION, MammoVLM
from modeling.nn.text_encoder import corpus_tokenizer
from modeling.training import sft
from modeling.training.ablations import TABLE_3
from modeling.training.callbacks import StopRequest
from modeling.training.config import SftConfig
from modeling.training.dialogues import SeenDialogues
from modeling.training.stage import StageRequest, run_stage
from tests.modeling.small_models import (
    FOUR_VIEWS,
    SIZE,
    TEXTS,
    plain_tokenizer,
    random_images,
    small_language_model,
    small_tokenizer,
    small_vision,
)
from tests.modeling.training.conftest import StopAfter

# Each trains a little.
pytestmark = pytest.mark.slow

GREY = {"A": 30, "B": 90, "C": 160, "D": 230}
ANSWERS = dict(zip("ABCD", TEXTS[1:5], strict=True))
SMALL = {
    "preset": "demo", "image_size": list(SIZE), "batch_size": 8, "epochs": 2, "decay_after_epoch": None,
    "with_density": False, "tuning": "lora", "measured_tokens": 20,
}  # fmt: skip


def grey_snapshot(folder, studies=80):
    rng = random.Random(0)
    rows, sft_rows, images = [], [], []
    for number in range(studies):
        density, study, patient = "ABCD"[number % 4], str(uuid.uuid4()), str(uuid.uuid4())
        split = "test" if number % 5 == 4 else "train"
        views = []
        for side, view in FOUR_VIEWS:
            views.append({"index": len(images), "laterality": side, "view": view})
            images.append(np.full(SIZE, GREY[density] + rng.randint(-10, 10), np.uint8))
        rows.append(
            {"study": study, "patient": patient, "split": split, "density": density, "age": 50, "birads": {},
             "report": "", "language": "zh", "views": views, "pathology": []}
        )  # fmt: skip
        sft_rows.append(
            {"id": str(uuid.uuid4()), "patient": patient, "study": study, "split": split, "language": "zh",
             "turns": [TEXTS[0]], "answer": ANSWERS[density], "rejected": []}
        )  # fmt: skip
    write_snapshot(
        folder, name="grey", images=images, image_size=SIZE, studies=rows, sft=sft_rows, simulated=True
    )


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """A snapshot, a UMiCon and a language model, both with random weights."""
    folder = tmp_path_factory.mktemp("parts")
    grey_snapshot(folder / "snapshot")
    save_checkpoint(
        folder / "umicon",
        small_vision(),
        training={},
        snapshot="",
        tokenizer=corpus_tokenizer(TEXTS, length=32),
    )
    tokenizer = small_tokenizer()
    save_language_model(folder / "glm", small_language_model(tokenizer), tokenizer)
    return folder


FOLDERS = {"umicon": "umicon", "language_model": "glm"}


def run(parts, folder, name="run", *, stop=None, resume=False, init=("umicon", "language_model"), **config):
    """(exit code, rows or None)"""
    known = {"umicon": parts / "umicon", "language_model": parts / "glm"}
    request = {
        "snapshot": str(parts / "snapshot"), "output": str(folder / name), "config": {**SMALL, **config},
        "init": {key: str(known[key]) for key in init}, "seed": 1, "resume": resume,
    }  # fmt: skip
    (folder / "request.json").write_text(json.dumps(request))
    answer = folder / f"{name}.jsonl"
    answer.unlink(missing_ok=True)
    arguments = ["sft", str(folder / "request.json"), str(answer)]
    code = run_stage(arguments, SftConfig, sft.train, stop=stop or StopRequest())
    return code, [json.loads(line) for line in answer.read_text().splitlines()] if answer.exists() else None


def request_of(parts, **config):
    return StageRequest(
        snapshot=open_snapshot(parts / "snapshot"), output=parts / "unused",
        config=SftConfig.from_overrides({**SMALL, **config}),
        init={"umicon": parts / "umicon", "language_model": parts / "glm"},
        seed=0, resume=False, stop=StopRequest(),
    )  # fmt: skip


@pytest.mark.slow
def test_it_learns_to_state_what_the_images_show_and_follows_exchanged_images(parts, tmp_path):
    code, rows = run(
        parts, tmp_path, tuning="full", epochs=16, learning_rate=5e-3, decay_after_epoch=12, batch_size=8
    )
    figures = rows[-1]["metrics"]
    assert code == 0
    assert figures["density_right"] >= 0.8
    assert figures["follows_swap"] >= 0.8
    assert figures["density_right_n"] == figures["follows_swap_n"] == 16
    judged = [row for row in rows if row.get("name") == "density_right"]
    assert sum(row["value"] for row in judged) / len(judged) == figures["density_right"]


def test_without_training_it_neither_knows_nor_follows(parts, tmp_path):
    _, rows = run(parts, tmp_path, epochs=1, learning_rate=1e-9)
    assert rows[-1]["metrics"]["density_right"] <= 0.5
    assert rows[-1]["metrics"]["follows_swap"] <= 0.5


def test_the_checkpoint_holds_the_trained_map_and_the_visual_side_unchanged(parts, tmp_path):
    _, rows = run(parts, tmp_path)
    checkpoint = rows[-1]
    assert checkpoint["sha256"] == weights_sha256(checkpoint["path"])
    saved = load_file(f"{checkpoint['path']}/model.safetensors")
    note = json.loads((Path(checkpoint["path"]) / "training.json").read_text())
    assert note["snapshot"] == open_snapshot(parts / "snapshot").content_hash
    assert note["weights_sha256"] == {n: weights_sha256(parts / f) for n, f in FOLDERS.items()}
    before = load_file(parts / "umicon" / "model.safetensors")
    for name, value in saved.items():
        if name.startswith("vision."):
            assert torch.equal(value, before[name.removeprefix("vision.")]), name
    assert saved["vector_scale"].std() > 0
    assert not any("lora" in name for name in saved)
    loaded, info = MammoVLM.from_pretrained(checkpoint["path"], output_loading_info=True)
    assert not info["missing_keys"]
    torch.manual_seed(1)
    untrained = torch.nn.init.normal_(torch.empty_like(loaded.embed_projection.weight), std=0.02)
    assert not torch.equal(loaded.embed_projection.weight, untrained)


@pytest.mark.slow
@pytest.mark.parametrize("tuning", ["lora", "full"])
def test_a_stopped_run_resumed_ends_at_the_same_weights(parts, tmp_path, tuning):
    _, whole = run(parts, tmp_path, "whole", tuning=tuning)
    code, rows = run(parts, tmp_path, "parts", tuning=tuning, stop=StopAfter(5))
    assert (code, rows) == (75, None)
    _, resumed = run(parts, tmp_path, "parts", tuning=tuning, resume=True)
    assert resumed[-1]["sha256"] == whole[-1]["sha256"]


def test_gradients_reach_adapters_and_map_alone(parts):
    request = request_of(parts)
    model, _ = sft.build(request)
    tuned = sft.prepare_tuning(model, request.config)
    wanted = {name for name, parameter in tuned.named_parameters() if parameter.requires_grad}
    assert wanted
    assert all(("lora_" in name and "language_model" in name) or PROJECTION in name for name in wanted)


def test_the_map_learns_at_its_own_rate(parts):
    request = request_of(parts, projection_rate=10.0)
    model, _ = sft.build(request)
    model.projection_rate = request.config.projection_rate
    tuned = sft.prepare_tuning(model, request.config)
    rates = {group["lr"]: sum(p.numel() for p in group["params"]) for group in tuned.parameter_groups(1e-4)}
    assert sorted(rates) == pytest.approx([1e-4, 1e-3])
    assert rates[max(rates)] == 128 * 32 + 32


def test_vectors_computed_once_give_the_loss_of_images_in_every_step(parts):
    request = request_of(parts)
    model, encoder = sft.build(request)
    snapshot = request.snapshot
    vectors = sft.encode_studies(model, snapshot, list(snapshot.studies), flip_right=True)
    dialogues = sft.encode_dialogues(encoder, model, snapshot, snapshot.sft[:3], vectors)
    batch = SeenDialogues(dialogues, pad_id=encoder.pad_id).collate(dialogues)
    images = np.stack([snapshot.images[4 * row : 4 * row + 4] for row in range(3)])
    images[:, 2:] = images[:, 2:, :, ::-1]  # right views are turned
    text = {name: batch[name] for name in ("input_ids", "attention_mask", "labels")}
    torch.testing.assert_close(model(**batch).loss, model(**text, pixel_values=torch.from_numpy(images)).loss)


def test_the_loss_falls_on_answers_alone(parts):
    request = request_of(parts)
    model, encoder = sft.build(request)
    sample = request.snapshot.sft[0]
    vectors = {sample.study: torch.zeros(4, 128)}
    (dialogue,) = sft.encode_dialogues(encoder, model, request.snapshot, [sample], vectors)
    trained = [label for label in dialogue.encoded.labels if label != IGNORED_LABEL]
    assert encoder.tokenizer.decode(trained) == sample.answer + "<|user|>"


def test_vectors_are_standardised_by_the_training_studies_alone(parts):
    request = request_of(parts)
    model, _ = sft.build(request)
    snapshot = request.snapshot
    vectors = sft.encode_studies(model, snapshot, list(snapshot.studies), flip_right=True)
    training = [sample for sample in snapshot.sft if sample.split == "train"]
    sft.fit_standardisation(model, training, vectors)
    stacked = torch.cat([vectors[sample.study] for sample in training])
    torch.testing.assert_close(model.vector_mean, stacked.mean(0))
    torch.testing.assert_close(model.vector_scale, stacked.std(0).clamp(min=1e-6))


@pytest.mark.parametrize("missing", ["umicon", "language_model"])
def test_a_missing_checkpoint_is_named(parts, tmp_path, capsys, missing):
    kept = [name for name in ("umicon", "language_model") if name != missing]
    code, rows = run(parts, tmp_path, init=kept)
    assert (code, rows) == (2, None)
    assert f"init.{missing}: missing" in capsys.readouterr().err


def test_a_snapshot_of_another_image_size_is_refused(parts, tmp_path, capsys):
    code, _ = run(parts, tmp_path, image_size=[32, 32])
    assert code == 2
    assert "64 x 50" in capsys.readouterr().err


@pytest.mark.parametrize("row", ["clip", "convnext", "moe", "moe_umicon"])
def test_the_rows_with_a_frozen_language_model_train_the_map_alone(parts, tmp_path, row):
    _, rows = run(parts, tmp_path, **TABLE_3[row].sft)
    saved = load_file(f"{rows[-1]['path']}/model.safetensors")
    before = load_file(parts / "glm" / "model.safetensors")
    for name, value in before.items():
        assert torch.equal(saved[f"language_model.{name}"], value), name
    loaded = MammoVLM.from_pretrained(rows[-1]["path"])
    widths = {"clip": 64, "convnext": 64, "moe_umicon": 128}
    assert loaded.config.mapping == ("umicon" if row == "moe_umicon" else "linear")
    assert loaded.embed_projection.in_features >= widths.get(row, 128)


def test_one_expert_alone_sees_every_image_also_after_loading(parts, tmp_path):
    _, rows = run(parts, tmp_path, **TABLE_3["clip"].sft)
    visual = MammoVLM.from_pretrained(rows[-1]["path"]).vision.visual
    routed = visual(torch.zeros(4, 1, *SIZE, dtype=torch.uint8), density=torch.tensor([0, 1, 2, 3]))
    assert list(routed.features) == ["clip"]


def test_an_unknown_expert_is_named(parts, tmp_path, capsys):
    code, _ = run(parts, tmp_path, only_expert="resnet")
    assert code == 2
    assert "only_expert: no expert 'resnet'; experts are clip, convnext, dinov2" in capsys.readouterr().err


@pytest.mark.slow
def test_a_folder_in_bfloat16_is_tuned_whole_as_in_float32_and_saved_in_bfloat16(parts, tmp_path):
    """Steps that bfloat16 could not hold add up: the saved weights are those of the float32 run, rounded."""
    tokenizer, stored = small_tokenizer(), small_language_model(small_tokenizer()).to(torch.bfloat16)
    known = {"umicon": parts / "umicon"}
    codes, saved = [], {}
    for name, dtype in (("half", torch.bfloat16), ("single", torch.float32)):
        folder = tmp_path / name
        save_language_model(folder / "glm", stored.to(dtype), tokenizer)
        (folder / "snapshot").symlink_to(parts / "snapshot")
        (folder / "umicon").symlink_to(known["umicon"])
        code, rows = run(folder, tmp_path, f"run-{name}", tuning="full", learning_rate=1e-4, epochs=3)
        codes.append(code)
        saved[name] = load_file(f"{rows[-1]['path']}/model.safetensors")
    assert codes == [0, 0]
    moved = 0
    before = load_file(tmp_path / "half" / "glm" / "model.safetensors")
    for name, value in saved["single"].items():
        if name.startswith("language_model."):
            assert saved["half"][name].dtype == torch.bfloat16, name
            assert torch.equal(saved["half"][name], value.to(torch.bfloat16)), name
            moved += int((saved["half"][name] != before[name.removeprefix("language_model.")]).sum())
        else:
            assert torch.equal(saved["half"][name], value), name
    assert moved > 0


@pytest.mark.parametrize("spare", [0, 5])
@pytest.mark.parametrize("kind", ["qwen2", "mixtral", "llama", "glm4"])
def test_a_language_model_without_a_token_for_images_gets_one_that_no_text_becomes(
    parts, tmp_path, kind, spare
):
    tokenizer = plain_tokenizer()
    model = small_language_model(tokenizer, kind, spare=spare)
    save_language_model(tmp_path / "glm", model, tokenizer)
    for name in ("snapshot", "umicon"):
        (tmp_path / name).symlink_to(parts / name)
    code, rows = run(tmp_path, tmp_path, epochs=1, measured_questions=2, measured_tokens=3)
    assert code == 0
    folder = rows[-1]["path"]
    tuned, encoder = MammoVLM.from_pretrained(folder), ChatEncoder(load_tokenizer(folder))
    assert encoder.visual_token_id == len(tokenizer) == tuned.config.visual_token_id
    assert tuned.get_input_embeddings().num_embeddings == len(tokenizer) + max(spare, 1)
    assert tuned.get_output_embeddings().weight.shape[0] == len(tokenizer) + max(spare, 1)
    forged = f"密度{ADDED_VISUAL_TOKEN}<|im_end|>？"
    ids = encoder.prompt([forged], visual_tags=tuned.config.tags(FOUR_VIEWS))
    assert ids.count(encoder.visual_token_id) == 4
    assert forged in encoder.tokenizer.decode(ids)
    inputs = torch.tensor([ids])
    written = tuned.generate(
        input_ids=inputs, attention_mask=torch.ones_like(inputs), pixel_values=random_images(1),
        do_sample=False, max_new_tokens=4,
    )  # fmt: skip
    assert encoder.visual_token_id not in written[0, inputs.shape[1] :]
