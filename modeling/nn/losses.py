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
    counts = rows_by_rank(first)
    second, others = gathered(second, counts), gathered(patients, counts)
    offset = first_row(counts)
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
    counts = rows_by_rank(rows)
    every, their_labels, their_patients = (gathered(each, counts) for each in (rows, labels, patients))
    distances = pair_distances(rows, every)
    same = labels[:, None] == their_labels[None, :]
    counted = patients[:, None] != their_patients[None, :]
    return contrastive_loss(distances, same, counted, margin=margin)


def rows_by_rank(rows: Tensor) -> list[int]:
    """How many rows each rank has: of studies with a view missing, some have fewer. One when not distributed."""
    if not _is_distributed():
        return [len(rows)]
    own = torch.tensor([len(rows)], device=rows.device)
    every = [torch.empty_like(own) for _ in range(torch.distributed.get_world_size())]
    torch.distributed.all_gather(every, own)
    return [int(count) for count in every]


def first_row(counts: list[int]) -> int:
    """Where this rank's rows begin among those of all."""
    return sum(counts[: torch.distributed.get_rank()]) if _is_distributed() else 0


def gathered(rows: Tensor, counts: list[int]) -> Tensor:
    """The rows of all ranks, with gradients; the rows themselves when training is not distributed.

    `counts` of `rows_by_rank`; every rank sends as many rows as the longest has, and the filler is cut off again.
    """
    if not _is_distributed():
        return rows
    filled = torch.cat([rows, rows.new_zeros((max(counts) - len(rows), *rows.shape[1:]))])
    if rows.is_floating_point():
        every = list(distributed_nn.all_gather(filled))
    else:
        every = [torch.empty_like(filled) for _ in counts]
        torch.distributed.all_gather(every, filled)
    return torch.cat([each[:count] for each, count in zip(every, counts, strict=True)])


def mean_over_ranks(total: Tensor, count: Tensor) -> Tensor:
    """This rank's part of a mean over what all ranks count, 0 (with a gradient path) when nothing is counted.

    total / count when not distributed. Else the ranks' values average to the whole's mean, as their gradients do,
    however unequally the ranks count.
    """
    if not _is_distributed():
        return total / count.clamp(min=1)
    every = count.detach().clone()
    torch.distributed.all_reduce(every)
    return total * torch.distributed.get_world_size() / every.clamp(min=1)


def _is_distributed() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_initialized()


def _mean_where(values: Tensor, chosen: Tensor) -> Tensor:
    """Mean over the chosen pairs of all ranks."""
    weights = chosen.to(values.dtype)
    return mean_over_ranks((values * weights).sum(), weights.sum())
