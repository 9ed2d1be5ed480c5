"""Several processes for one run: data parallelism over gloo, and the sharding of FSDP2 on the processor."""

import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import distributed, multiprocessing

from modeling.training.sharding import layer_classes, sharding_arguments
from tests.modeling.small_models import small_mammovlm
from tests.modeling.training.killed import Scene, _free_port

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


def test_contrastive_losses_see_both_ranks_and_the_run_ends(scene):
    assert scene.train_on_two_ranks("umicon_unsupervised", "contrast", batch_size=4) == [0, 0]
    assert scene.result("contrast")[-1]["kind"] == "checkpoint"


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


def _sharded(rank: int, port: int, folder: str) -> None:
    """One of two ranks: shard, take a step, gather the state, and compare with the same step unsharded."""
    from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
    from torch.distributed.fsdp import fully_shard
    from torch.distributed.tensor import DTensor

    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", rank=rank, world_size=2)
    mesh = distributed.init_device_mesh("cpu", (2,))
    plain, encoder = small_mammovlm("glm")
    sharded, _ = small_mammovlm("glm")
    names = set(layer_classes(sharded))
    language = sharded.language_model
    for module in list(language.modules()):
        if type(module).__name__ in names:
            fully_shard(module, mesh=mesh)
    fully_shard(language, mesh=mesh)
    parameters = dict(language.named_parameters())
    assert all(isinstance(value, DTensor) for value in parameters.values())
    weight = parameters["model.layers.0.mlp.down_proj.weight"]
    assert weight.to_local().shape[0] * 2 == weight.shape[0]
    ids = torch.tensor([encoder.encode_plain("您的乳腺是A型，脂肪型。")])
    for model in (plain.language_model, language):
        optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
        model(input_ids=ids, labels=ids).loss.backward()
        optimiser.step()
    gathered = get_model_state_dict(
        language, options=StateDictOptions(full_state_dict=True, cpu_offload=True)
    )
    if rank == 0:
        expected = plain.language_model.state_dict()
        assert gathered.keys() == expected.keys()
        assert all(torch.allclose(gathered[name], value, atol=1e-5) for name, value in expected.items())
        (Path(folder) / "equal").touch()
    distributed.barrier()
    distributed.destroy_process_group()


def test_a_sharded_language_model_takes_the_same_step_and_gives_its_whole_state_back(tmp_path, scene):
    context = multiprocessing.get_context("forkserver")
    port = _free_port()
    ranks = [context.Process(target=_sharded, args=(rank, port, str(tmp_path))) for rank in range(2)]
    for child in ranks:
        child.start()
    for child in ranks:
        child.join(120)
    assert [child.exitcode for child in ranks] == [0, 0]
    assert (tmp_path / "equal").exists()
