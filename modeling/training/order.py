"""In what order a run sees its samples: a function of seed and epoch alone, whatever it was resumed from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from torch.utils.data import Sampler

Indices = npt.NDArray[np.int64]
# Optimiser steps whose samples are sorted by length among themselves: enough that a step's samples are alike, few
# enough that an epoch stays well mixed.
STEPS_SORTED = 16


class EpochSampler(Sampler[tuple[int, int]]):
    """Yields (epoch, index) in an order drawn from (seed, epoch) alone.

    Args:
        length: how many samples there are.
        lengths: of each sample, in tokens; where given, the samples of one optimiser step are of about equal length, so
            that little of their batches is filler.
        step: samples of one optimiser step, over all its batches and processes.
    """

    def __init__(
        self, length: int, *, seed: int, lengths: Sequence[int] | None = None, step: int = 1
    ) -> None:
        self.length = length
        self.seed = seed
        self.lengths = None if lengths is None else np.asarray(lengths)
        self.step = step
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Called by Trainer before each epoch, also when a run is resumed inside it."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[tuple[int, int]]:
        draw = np.random.default_rng([self.seed, self.epoch])
        order = draw.permutation(self.length)
        if self.lengths is not None:
            order = self._alike(order, self.lengths, draw)
        return iter([(self.epoch, int(index)) for index in order])

    def _alike(self, order: Indices, lengths: Indices, draw: np.random.Generator) -> Indices:
        """The order, each block of it sorted by length and its steps shuffled; a last, smaller step stays the last."""
        found = []
        for start in range(0, len(order), STEPS_SORTED * self.step):
            block = order[start : start + STEPS_SORTED * self.step]
            block = block[np.argsort(lengths[block], kind="stable")]
            whole = len(block) // self.step
            for number in draw.permutation(whole):
                found.append(block[number * self.step : (number + 1) * self.step])
            found.append(block[whole * self.step :])
        return np.concatenate(found)
