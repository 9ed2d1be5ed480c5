"""Weights of a half-precision folder are trained in float32 and given back in the folder's own precision.

A step of 1e-5 is less than half of what bfloat16 can tell apart at the size of a usual weight, and the running means of
Adam don't move in it either: trained as they are stored, such weights stay where they were.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

_STORED = "_stored_precision"


def train_in_float32(model: nn.Module, parameters: Iterable[tuple[str, nn.Parameter]]) -> None:
    """Bring these parameters of `model` (names as in `model.named_parameters`) to float32, in place."""
    stored: dict[str, torch.dtype] = model.__dict__.setdefault(_STORED, {})
    for name, parameter in parameters:
        if parameter.is_floating_point() and parameter.dtype != torch.float32:
            stored[name] = parameter.dtype
            parameter.data = parameter.data.float()


def give_back_precision(model: Any) -> None:
    """Bring every parameter that `train_in_float32` changed back to the precision that it was stored in, rounded."""
    stored: dict[str, torch.dtype] = model.__dict__.pop(_STORED, {})
    for name, parameter in model.named_parameters():
        if name in stored:
            parameter.data = parameter.data.to(stored[name])
