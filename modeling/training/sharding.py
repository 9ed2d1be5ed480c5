"""Training a language model that one GPU can't hold: FSDP2 through accelerate.

A job that asks for several GPUs starts torchrun; with `sharding: fsdp2` the trainer then shards as the files under
modeling/training/accelerate do for a run by hand. On a processor transformers falls back to plain data parallelism,
so the wrapping is tested by `fully_shard` itself.
"""

from __future__ import annotations

from typing import Any

from torch import nn

from modeling.training.distributed import world_size


def layer_classes(model: nn.Module) -> list[str]:
    """Names of the layers that are sharded one by one: those that the model says must not be split."""
    found: set[str] = set()
    for module in model.modules():
        found |= set(getattr(module, "_no_split_modules", None) or ())
    present = {type(module).__name__ for module in model.modules()}
    return sorted(found & present)


def sharding_arguments(model: nn.Module, sharding: str) -> dict[str, Any]:
    """What TrainingArguments need for it; nothing for a run of one process or without sharding."""
    if sharding == "none" or world_size() == 1:
        return {}
    return {
        "fsdp": True,
        "fsdp_config": {
            "version": 2,
            "auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
            "transformer_layer_cls_to_wrap": layer_classes(model),
            "reshard_after_forward": True,
            "state_dict_type": "FULL_STATE_DICT",
            "cpu_ram_efficient_loading": False,
        },
    }
