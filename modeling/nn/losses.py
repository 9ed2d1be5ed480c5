"""The losses of UMiCon as pure functions of vectors (Hadsell, Chopra and LeCun 2006; section 3.2)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributed import nn as distributed_nn


def pair_distances(first: Tensor, second: Tensor) -> Tensor:
    """Euclidean distances (N, M) of rows (N, C) and (M, C), with a finite gradient at zero distance."""
    squared = (first[:, None, :] - second[None, :, :]).square().sum(-1)
    return squared.clamp(min=1e-12).sqrt()


def contrastive_loss(distances: Tensor, same: Tensor, counted: Tensor, *, margin: float = 1.0) -> Tensor:
    """D^2 for pairs of the same class, max(0, margin - D)^2 for pairs of different class.

    `distances` (N, M); `same` (N, M) true for one class; `counted` (N, M) true for pairs that take part. The
    two kinds are averaged apart and added: of B studies' pairs, B are positive and B (B - 1) are not.
    """
    positive = _mean_where(distances.square(), same & counted)
    negative = _mean_where((margin - distances).clamp(min=0).square(), ~same & counted)
    return positive + negative


def matching_loss(
    first: Tensor, second: Tensor, patients: Tensor, *, negatives: bool, margin: float = 1.0
) -> Tensor:
    """The unsupervised loss of both branches: row i of `first` (N, C) belongs to row i of `second` (N, C).

    `patients` (N,) are integer codes. With `negatives`, rows of other patients repel; other rows of the same
    patient take no part. Without, only matching rows attract: the paper's literal text, whose minimum is one
    single point. Rows of all ranks are compared when training is distributed.
    """
    second, others = gathered(second), gathered(patients)
    offset = _rank() * len(first) if len(second) != len(first) else 0
    distances = pair_distances(first, second)
    same = torch.zeros_like(distances, dtype=torch.bool)
    rows = torch.arange(len(first), device=first.device)
    same[rows, rows + offset] = True
    different = patients[:, None] != others[None, :]
    counted = same | different if negatives else same
    return contrastive_loss(distances, same, counted, margin=margin)


def label_loss(fused: Tensor, labels: Tensor, patients: Tensor, *, margin: float = 1.0) -> Tensor:
    """The cross-modal head of the supervised stage: fused (N, 2, C) of patients with one label together,
    with different labels apart. Pairs of one patient take no part; with no pair left the loss is 0.

    Distances are taken between vectors divided by sqrt(2 C), which gives layer-normalised rows length 1, so
    that the margin means the same at every C.
    """
    rows = fused.flatten(1) / fused[0].numel() ** 0.5
    every, their_labels, their_patients = gathered(rows), gathered(labels), gathered(patients)
    distances = pair_distances(rows, every)
    same = labels[:, None] == their_labels[None, :]
    counted = patients[:, None] != their_patients[None, :]
    return contrastive_loss(distances, same, counted, margin=margin)


def gathered(rows: Tensor) -> Tensor:
    """The rows of all ranks, with gradients; the rows themselves when training is not distributed."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return rows
    if rows.is_floating_point():
        return torch.cat(distributed_nn.all_gather(rows))
    every = [torch.empty_like(rows) for _ in range(torch.distributed.get_world_size())]
    torch.distributed.all_gather(every, rows)
    return torch.cat(every)


def _rank() -> int:
    return torch.distributed.get_rank()


def _mean_where(values: Tensor, chosen: Tensor) -> Tensor:
    """Mean over chosen pairs, 0 (with a gradient path) when there are none."""
    weights = chosen.to(values.dtype)
    return (values * weights).sum() / weights.sum().clamp(min=1)
