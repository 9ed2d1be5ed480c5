"""Several processes for one run: data parallelism over gloo, and the sharding of FSDP2 on the processor."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import distributed, multiprocessing

from modeling.nn.language import load_whole, save_language_model
from modeling.nn.mammovlm import MammoVLM
from modeling.training.config import SftConfig
from modeling.training.saving import is_whole
from modeling.training.sft import finish_tuning, prepare_tuning
from modeling.training.sharding import gather_whole, layer_classes, sharding_arguments, skeleton_of
from tests.modeling.small_models import small_mammovlm, small_tokenizer
from tests.modeling.training.killed import Scene, _free_port

ENCODED = [60, 61, 62, 63, 64, 65, 66]
CONFIGS = Path(__file__).parents[3] / "modeling" / "training" / "accelerate"


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    return Scene(tmp_path_factory.mktemp("ranks"))


@pytest.mark.slow
def test_two_ranks_train_as_one_does_with_twice_the_batch_and_one_of_them_writes(scene):
    # No batch normalisation, whose statistics are each rank's own.
    options = {"selector": "test_vit", "checkpoint_every_steps": None, "learning_rate": 1e-4}
    assert scene.train("density", "alone", batch_size=8, **options).code == 0
    assert scene.train_on_two_ranks("density", "together", batch_size=4, **options) == [0, 0]
    alone, together = (
        load_file(scene.folder / name / "model" / "model.safetensors") for name in ("alone", "together")
    )
    start = 0.0
    for name, value in alone.items():
        assert torch.allclose(value, together[name], atol=2e-4), name
        start = max(start, float((value - together[name]).abs().max()))
    both = [[row for row in scene.result(name) if row["kind"] == "metric" and row["name"] == "loss"]
            for name in ("alone", "together")]  # fmt: skip
    assert [row["step"] for row in both[0]] == [row["step"] for row in both[1]]
    for one, two in zip(*both, strict=True):
        assert one["value"] == pytest.approx(two["value"], abs=5e-3)
    assert not list(scene.folder.glob(".together*.part"))


@pytest.mark.slow
def test_supervised_contrast_has_its_epochs_and_sees_both_ranks_breasts(scene):
    options = {
        "method": "contrastive",
        "encoder": "test_vit",
        "checkpoint_every_steps": None,
        "learning_rate": 1e-4,
    }
    assert scene.train("classifier", "one", batch_size=4, **options).code == 0
    assert scene.train_on_two_ranks("classifier", "two", batch_size=2, **options) == [0, 0]
    one, two = (load_file(scene.folder / name / "model" / "model.safetensors") for name in ("one", "two"))
    for name, value in one.items():
        assert torch.allclose(value, two[name], atol=2e-4), name
    losses = [
        [row["value"] for row in scene.result(name) if row.get("name") == "loss"] for name in ("one", "two")
    ]
    assert losses[1] == pytest.approx(losses[0], abs=5e-3)


@pytest.mark.slow
def test_a_signal_to_one_rank_ends_both_with_the_same_checkpoint(scene):
    options = {"epochs": 500, "checkpoint_every_epochs": 500, "batch_size": 4, "validate_every_epochs": 0}
    assert scene.train_on_two_ranks("density", "told", asked_to_stop=1, **options) == [75, 75]
    assert all(is_whole(path) for path in (scene.folder / "told" / "trainer").glob("checkpoint-*"))


def test_contrastive_losses_see_both_ranks_and_the_run_ends(scene):
    assert scene.train_on_two_ranks("umicon_unsupervised", "contrast", batch_size=4) == [0, 0]
    assert scene.result("contrast")[-1]["kind"] == "checkpoint"


def test_on_processors_a_run_that_asks_for_sharding_ends_by_data_parallelism(scene):
    assert scene.train_on_two_ranks("sft", "asked", batch_size=4, sharding="fsdp2") == [0, 0]
    assert scene.result("asked")[-1]["kind"] == "checkpoint"


@pytest.mark.parametrize("gpus", [1, 4, 8])
def test_each_ready_file_is_read_by_accelerate_as_fsdp2(gpus):
    from accelerate.commands.config.config_args import load_config_from_file

    config = load_config_from_file(str(CONFIGS / f"fsdp2_{gpus}gpu.yaml"))
    assert config.num_processes == gpus
    assert str(config.distributed_type).endswith("FSDP")
    assert config.fsdp_config["fsdp_version"] == 2
    assert config.mixed_precision == "bf16"


def test_the_layers_to_shard_are_those_of_the_language_model(monkeypatch):
    model, _ = small_mammovlm("glm")
    assert layer_classes(model) == ["GlmDecoderLayer"]
    assert sharding_arguments(model, "fsdp2") == {}
    monkeypatch.setenv("WORLD_SIZE", "4")
    found = sharding_arguments(model, "fsdp2")
    assert found["fsdp_config"]["version"] == 2
    assert found["fsdp_config"]["transformer_layer_cls_to_wrap"] == ["GlmDecoderLayer"]
    assert sharding_arguments(model, "none") == {}


def _sharded(rank: int, port: int, folder: str, tuning: str) -> None:
    """One of two ranks: shard MammoVLM as accelerate does, take a step, gather it, leave; rank 0 goes on alone."""
    from torch.distributed.fsdp import FSDPModule, fully_shard
    from torch.distributed.tensor import DTensor

    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "RANK": str(rank)}
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", rank=rank, world_size=2)
    mesh = distributed.init_device_mesh("cpu", (2,))
    config = SftConfig.from_overrides({"preset": "demo", "tuning": tuning, "lora_dropout": 0.0})
    plain, sharded = (_tuned(config) for _ in range(2))
    inside = sharded if tuning == "full" else sharded.get_base_model()
    names, skeleton = set(layer_classes(sharded)), skeleton_of(sharded)
    for module in list(sharded.modules()):
        if type(module).__name__ in names:
            fully_shard(module, mesh=mesh)
    fully_shard(sharded, mesh=mesh)
    assert all(isinstance(value, DTensor) for value in sharded.parameters())
    ids = torch.tensor([ENCODED])
    for model in (plain, sharded):
        optimiser = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-2)
        model(input_ids=ids, attention_mask=torch.ones_like(ids), labels=ids).loss.backward()
        optimiser.step()
    gather_whole(sharded, skeleton)
    distributed.barrier()
    distributed.destroy_process_group()
    if rank == 0:
        assert not any(isinstance(module, FSDPModule) for module in (*sharded.modules(), *inside.modules()))
        expected, whole = finish_tuning(plain), finish_tuning(sharded)
        save_language_model(Path(folder) / "whole", whole, small_tokenizer())
        saved = load_whole(MammoVLM, Path(folder) / "whole")
        for name, value in expected.state_dict().items():
            assert torch.allclose(saved.state_dict()[name].float(), value.float(), atol=1e-5), name
        assert whole.get_input_embeddings().weight is whole.get_output_embeddings().weight
        written = whole.generate(input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=3)
        assert written.shape[0] == 1
        (Path(folder) / "equal").touch()


def _one_without_images(rank: int, port: int) -> None:
    """One of two ranks that share a sharded MammoVLM: the first has a study's vectors, the second text alone."""
    from torch.distributed.fsdp import fully_shard

    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "RANK": str(rank)}
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", rank=rank, world_size=2, timeout=timedelta(seconds=20))
    mesh = distributed.init_device_mesh("cpu", (2,))
    plain, sharded = (
        _tuned(SftConfig.from_overrides({"preset": "demo", "tuning": "full"})) for _ in range(2)
    )
    for module in (*sharded.language_model.model.layers, sharded.embed_projection, sharded):
        fully_shard(module, mesh=mesh)
    size = len(plain.vector_mean)
    text = torch.tensor([ENCODED])
    seen = text.clone()
    seen[0, 1] = plain.config.visual_token_id
    batches: list[dict[str, Any]] = [
        {"input_ids": seen, "labels": text, "visual_vectors": torch.ones(1, 1, size)},
        {"input_ids": text, "labels": text},
    ]
    plain.train()
    sharded.train()
    for batch in batches:
        (plain(**batch).loss / 2).backward()
    sharded(**batches[rank]).loss.backward()
    for name, parameter in sharded.named_parameters():
        if parameter.requires_grad:
            whole = parameter.grad.full_tensor()
            assert torch.allclose(whole, plain.get_parameter(name).grad, atol=1e-5), name
    distributed.destroy_process_group()


@pytest.mark.slow
def test_a_rank_whose_questions_have_no_images_adds_its_part_of_every_gradient(scene):
    """The map from visual vectors has a gradient on one rank alone, and its sum must not wait for the other's."""
    context = multiprocessing.get_context("forkserver")
    port = _free_port()
    ranks = [context.Process(target=_one_without_images, args=(rank, port)) for rank in range(2)]
    for child in ranks:
        child.start()
    for child in ranks:
        child.join(60)
        if child.is_alive():
            child.kill()
    assert [child.exitcode for child in ranks] == [0, 0]


def _tuned(config: SftConfig) -> Any:
    torch.manual_seed(0)
    model, _ = small_mammovlm("glm")
    return prepare_tuning(model, config)


@pytest.mark.parametrize("tuning", ["full", "lora"])
def test_a_sharded_model_takes_the_same_step_and_is_whole_again_for_merging_saving_and_writing(
    tmp_path, scene, tuning
):
    context = multiprocessing.get_context("forkserver")
    port = _free_port()
    ranks = [context.Process(target=_sharded, args=(rank, port, str(tmp_path), tuning)) for rank in range(2)]
    for child in ranks:
        child.start()
    for child in ranks:
        child.join(120)
    assert [child.exitcode for child in ranks] == [0, 0]
    assert (tmp_path / "equal").exists()
