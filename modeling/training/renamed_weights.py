"""Weights that transformers saves under other names than the model's own parameters have.

Several vision-language models (LLaVA, Qwen2-VL) keep the names of their first publication in files. Trainer reads a
checkpoint without turning them back and passes over what it does not know, so that a resumed run would go on from the
weights that it began with. `from_pretrained` turns them back.
"""

from __future__ import annotations

import json
from pathlib import Path

from safetensors import safe_open
from torch import nn
from transformers import PreTrainedModel

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"


def names_in(checkpoint: Path) -> set[str]:
    """The names of the weights in a checkpoint; none where it holds adapters alone."""
    if (checkpoint / INDEX).is_file():
        return set(json.loads((checkpoint / INDEX).read_text("utf-8"))["weight_map"])
    if not (checkpoint / WEIGHTS).is_file():
        return set()
    with safe_open(checkpoint / WEIGHTS, framework="pt") as weights:
        return set(weights.keys())


def load_renamed(model: nn.Module | None, checkpoint: Path) -> None:
    """Load a checkpoint whose names are not the model's own; nothing to do for any other."""
    if isinstance(model, PreTrainedModel) and names_in(checkpoint) - set(model.state_dict()):
        found = type(model).from_pretrained(str(checkpoint), local_files_only=True, dtype=model.dtype)
        model.load_state_dict(found.state_dict())
