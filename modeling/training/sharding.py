"""Training a language model that one GPU can't hold: FSDP2 through accelerate.

A job that asks for several GPUs starts torchrun; with `sharding: fsdp2` the trainer then shards as the files under
modeling/training/accelerate do for a run by hand. On a processor transformers falls back to plain data parallelism,
so the wrapping is tested by `fully_shard` itself.
"""

from __future__ import annotations

import copy
from typing import Any

from torch import nn
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
from torch.distributed.tensor import DTensor

from modeling.training.distributed import rank, world_size


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


def skeleton_of(model: nn.Module) -> nn.Module:
    """A copy of the model as it is before sharding, its parameters without memory; buffers are copied."""
    without_memory: dict[int, Any] = {
        id(parameter): nn.Parameter(parameter.detach().to("meta"), requires_grad=parameter.requires_grad)
        for parameter in model.parameters()
    }
    return copy.deepcopy(model, without_memory)


def gather_whole(model: nn.Module, skeleton: nn.Module) -> None:
    """Make a model that was sharded in place whole again in the first process. Every process of the group must call it.

    Sharding changes modules where they stand (their classes, hooks and parameters). In the first process each of them
    becomes what `skeleton`, taken before, has in its place, with the trained weights on the processor, so that whoever
    holds the model or a part of it can merge, measure and save it. In the others it stays sharded and is of no use.
    """
    if not any(isinstance(parameter, DTensor) for parameter in model.parameters()):
        return  # on a processor transformers falls back to plain data parallelism
    state = get_model_state_dict(model, options=StateDictOptions(full_state_dict=True, cpu_offload=True))
    if rank() != 0:
        return
    skeleton.load_state_dict(state, assign=True)
    tie = getattr(skeleton, "tie_weights", None)
    if tie is not None:
        tie()
    whole = dict(skeleton.named_modules(remove_duplicate=False))
    for name, module in list(model.named_modules(remove_duplicate=False)):
        module.__class__, module.__dict__ = whole[name].__class__, whole[name].__dict__
