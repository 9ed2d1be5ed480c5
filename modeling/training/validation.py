"""What is measured on validation patients between epochs: the loss, and a stage's own figures."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

from modeling.nn.chat import IGNORED_LABEL

# The names of figures begin with this in curves and rows.
ON_VALIDATION = "validation_"


class Samples(Protocol):
    """Training samples: item (epoch, index), so that every random draw can depend on the epoch.

    Those that have `lengths` (of each item, in tokens) are put into batches of about equal length.
    """

    def __len__(self) -> int: ...

    def __getitem__(self, key: tuple[int, int]) -> Any: ...


@dataclass(frozen=True)
class Validation:
    """Validation patients' samples, and what is measured on them beside the mean loss.

    Attributes:
        measure: the stage's own figures, by name; None where the patients can't give one. It may leave the model in
            evaluation mode and draws nothing at random.
        shared: what batches are measured with, one after the other (each expert, say); the loss is the mean of all.
        after_epoch: nothing is measured until so many epochs are done.
    """

    samples: Samples
    measure: Callable[[], Mapping[str, float | None]] | None = None
    shared: Sequence[Mapping[str, Any]] = ({},)
    after_epoch: int = 0

    def losses(
        self,
        of_batch: Callable[[dict[str, Any]], Mapping[str, Tensor]],
        collate: Callable[[Sequence[Any]], dict[str, Any]],
        size: int,
        *,
        by_token: bool,
    ) -> dict[str, float]:
        """Mean over samples, with the draws of epoch 0, of what `of_batch` gives for batches of `size`.

        `by_token`: where labels are tokens the mean is over answer tokens, as a training step's is, and the perplexity
        comes with it.
        """
        totals: dict[str, float] = defaultdict(float)
        weight, tokens = 0, None
        for start in range(0, len(self.samples), size):
            items = [self.samples[0, i] for i in range(start, min(start + size, len(self.samples)))]
            batch = collate(items)
            tokens = _answer_tokens(batch) if by_token else None
            counted = len(items) if tokens is None else tokens
            for shared in self.shared:
                for name, loss in of_batch({**batch, **shared}).items():
                    totals[name] += float(loss) * counted / len(self.shared)
            weight += counted
        found = {name: total / weight for name, total in totals.items()}
        if tokens is not None and found["loss"] < math.log(1e30):
            found["perplexity"] = math.exp(found["loss"])
        return found


def _answer_tokens(batch: Mapping[str, Any]) -> int | None:
    """Tokens that the batch's loss is a mean over; None where it is a mean over rows."""
    labels = batch.get("labels")
    if not isinstance(labels, Tensor) or labels.dim() != 2:
        return None
    return int((labels[:, 1:] != IGNORED_LABEL).sum())
