"""What a run stands on: hashes of the weights it reads, its code and machine, and which parts begin at random."""

import json

import pytest
import timm
import torch
from safetensors.torch import save_file

from modeling.data.snapshot import file_sha256
from modeling.nn.provenance import driver_version
from modeling.training.config import DensityConfig, SftConfig, UmiconUnsupervisedConfig
from modeling.training.standing import note_attempt, random_parts, training_note, weights_read

TINY_IMAGES = {"epochs": 1, "validate_every_epochs": 0}


@pytest.fixture
def fetched(tmp_path, monkeypatch):
    """Weights of a small encoder, as they were fetched under a hub name."""
    folder = tmp_path / "models" / "tiny-resnet"
    folder.mkdir(parents=True)
    torch.manual_seed(0)
    save_file(timm.create_model("test_resnet", num_classes=0).state_dict(), folder / "model.safetensors")
    monkeypatch.setenv("MAMMO_MODELS", str(folder.parent))
    return folder


def test_a_run_from_a_hub_name_tells_the_hash_of_its_weights_and_one_without_says_random(
    bench, fetched, capsys
):
    assert bench.run("density", "fetched", pretrained_folder="acme/tiny-resnet", **TINY_IMAGES) == 0
    told = bench.rows("fetched", "environment")[0]["told"]
    digest = file_sha256(fetched / "model.safetensors")
    assert told["weights pretrained"] == digest
    assert told["device"].startswith("processor")
    assert json.loads((bench.folder / "fetched" / "run.json").read_text())["init"] == {"pretrained": digest}
    assert "random_weights" not in bench.checkpoint("fetched")["metrics"]
    assert "random weights" not in capsys.readouterr().err
    assert bench.run("density", "random", **TINY_IMAGES) == 0
    assert bench.checkpoint("random")["metrics"]["random_weights"] == "test_resnet"
    assert "random weights: test_resnet" in capsys.readouterr().err


def test_other_weights_under_the_same_name_are_not_resumed(bench, fetched, capsys):
    options = {"pretrained_folder": "acme/tiny-resnet", **TINY_IMAGES}
    assert bench.run("density", "exchanged", **options) == 0
    save_file(timm.create_model("test_resnet", num_classes=0).state_dict(), fetched / "model.safetensors")
    assert bench.run("density", "exchanged", resume=True, **options) == 2
    assert "init differs" in capsys.readouterr().err
    # A run that began before they were noted goes on.
    path = bench.folder / "exchanged" / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "init": {}}))
    assert bench.run("density", "exchanged", resume=True, **options) == 0


def test_experts_without_a_folder_are_named(tmp_path):
    config = UmiconUnsupervisedConfig.from_overrides({"pretrained_folders": {"clip": "x"}})
    assert random_parts(config, {"density": tmp_path}) == [
        "dinov2 (vit_base_patch14_dinov2)", "convnext (convnext_tiny)", "text",
    ]  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps({"model": {"name": "convnext_tiny"}}))
    config = UmiconUnsupervisedConfig.from_overrides({"start_from_selector": True, "text_folder": "x"})
    assert [part.partition(" ")[0] for part in random_parts(config, {"density": tmp_path})] == [
        "clip",
        "dinov2",
    ]
    assert random_parts(SftConfig(), {}) == random_parts(config, {"umicon": tmp_path}) == []
    assert weights_read(DensityConfig(), {}) == {}


def test_an_attempt_under_other_code_is_told(tmp_path, capsys):
    first = {"code": "0.1 sources aaa", "torch": "2.9"}
    assert note_attempt(tmp_path, first, resume=False) == first
    assert note_attempt(tmp_path, first, resume=True) == first
    assert capsys.readouterr().err == ""
    told = note_attempt(tmp_path, {**first, "code": "0.1 sources bbb"}, resume=True)
    assert told["earlier attempts"] == "1: code 0.1 sources aaa; 2: code 0.1 sources aaa"
    assert (
        "attempt 2: code 0.1 sources aaa; this one goes on with code 0.1 sources bbb"
        in capsys.readouterr().err
    )
    assert note_attempt(tmp_path, first, resume=False) == first


def test_the_note_beside_the_weights_names_what_they_came_from_and_under_which_licence(tmp_path):
    base, tuned = tmp_path / "base", tmp_path / "tuned"
    base.mkdir()
    tuned.mkdir()
    (base / "README.md").write_text("---\nlicense: other\nlicense_name: glm-4\n---\n")
    rest = {"config": SftConfig(), "learned_from": {"snapshot": "c" * 64}, "seed": 3}
    first = training_note("sft", init={"language_model": base}, hashes={"language_model": "a" * 64}, **rest)
    (tuned / "training.json").write_text(first["training.json"])
    told = json.loads(first["training.json"])
    assert (told["snapshot"], told["seed"], told["weights_sha256"]) == (
        "c" * 64,
        3,
        {"language_model": "a" * 64},
    )
    assert told["training"]["lora_rank"] == SftConfig().lora_rank
    assert told["base_licences"] == {"language_model": "glm-4"}
    later = json.loads(
        training_note("preferences", init={"mammovlm": tuned}, hashes={}, **rest)["training.json"]
    )
    assert later["base_licences"] == {"mammovlm": "glm-4"}


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5", "550.54.15"),
        ("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.15  Release Build", "570.86.15"),
    ],
)
def test_the_drivers_version_is_read_from_its_module(tmp_path, text, version):
    (tmp_path / "version").write_text(text)
    assert driver_version(tmp_path / "version") == version
    assert driver_version(tmp_path / "none") == ""
