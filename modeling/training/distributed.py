"""What differs when torchrun starts several processes for one run: one of them speaks and writes."""

from __future__ import annotations

import os

import torch
from torch import distributed


class OtherRank(Exception):  # noqa: N818  (not an error: the first process goes on alone)
    """This process has trained its share; measuring and writing belong to the first."""


def rank() -> int:
    """Number of this process among those of the run, 0 when it is alone."""
    return int(os.environ.get("RANK", "0"))


def world_size() -> int:
    """How many processes train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def own_device() -> None:
    """Let each process of a host use a GPU of its own."""
    if torch.cuda.is_available() and "LOCAL_RANK" in os.environ:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))


def of_first_rank(value: float) -> float:
    """The first process's value, in all of them: a decision that all take must be the same."""
    if not distributed.is_initialized():
        return value
    place = "cuda" if distributed.get_backend() == "nccl" else "cpu"
    shared = torch.tensor(value, dtype=torch.float64, device=place)
    distributed.broadcast(shared, src=0)
    return float(shared)


def of_any_rank(asked: bool) -> bool:
    """Whether any process was asked, the same in all of them, which must all come here."""
    if not distributed.is_initialized():
        return asked
    place = "cuda" if distributed.get_backend() == "nccl" else "cpu"
    shared = torch.tensor(int(asked), device=place)
    distributed.all_reduce(shared, op=distributed.ReduceOp.MAX)
    return bool(shared)


def wait_for_all() -> None:
    """Go on when every process has come here."""
    if distributed.is_initialized():
        distributed.barrier()


def leave() -> None:
    """End this process's part in the group. Nothing after it may speak to the others."""
    if distributed.is_initialized():
        distributed.destroy_process_group()
