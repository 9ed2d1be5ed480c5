"""Has contrastive training shrunk all images to one point? Scale-free measures (effective rank) hide it.

Retrieval is scale-free as well: vectors with a hundredth of their spread left may find as many reports as healthy
ones. It is measured and reported beside the spread, and does not decide (docs/decisions/0006).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from modeling.nn.losses import pair_distances

# Below this share of the untrained network's spread, vectors are called collapsed.
SPREAD_SHARE = 0.1


@dataclass(frozen=True)
class Spread:
    """How far apart the vectors of N studies lie, and whether a study's report is found by its images."""

    # Mean over dimensions of the standard deviation over image vectors.
    std: float
    # Mean Euclidean distance of two different image vectors.
    distance: float
    # Share of studies whose own report is the nearest of `candidates` reports; NaN where fewer than two have one.
    r_at_1: float
    # What guessing would reach.
    chance: float
    studies: int

    def to_dict(self) -> dict[str, float | int]:
        """The figures as JSON values."""
        return asdict(self)


def measure_spread(
    image: Tensor, report: Tensor, *, described: Sequence[int] | None = None, candidates: int = 50
) -> Spread:
    """Image and report vectors (N, C) of the same studies in the same order -> their spread.

    Args:
        described: rows of the studies that have a report, among which it is looked for; None: all have.
        candidates: most reports among which one is looked for.

    Retrieval is measured in consecutive groups of at most `candidates` studies; equal distances count as
    misses, so that a collapsed space scores nothing by luck of order. Raises ValueError for N < 2.
    """
    count = len(image)
    if count < 2:
        raise ValueError(f"{count} studies: at least 2 are needed to measure a spread")
    distances = pair_distances(image, image)
    off_diagonal = distances[~torch.eye(count, dtype=torch.bool, device=image.device)]
    rows_read = list(range(count)) if described is None else list(described)
    hits, chance, read = 0.0, 0.0, len(rows_read)
    groups = -(-read // candidates) if read > 1 else 0
    for rows in torch.tensor(rows_read, device=image.device).chunk(groups) if groups else ():
        to_reports = pair_distances(image[rows], report[rows])
        own = to_reports.diagonal()
        hits += float(((to_reports <= own[:, None]).sum(1) == 1).sum())
        chance += 1.0
    return Spread(
        std=float(image.std(0).mean()),
        distance=float(off_diagonal.mean()),
        r_at_1=hits / read if groups else math.nan,
        chance=chance / read if groups else math.nan,
        studies=count,
    )


def is_collapsed(start: Spread, now: Spread) -> bool:
    """True when the vectors shrank to under a tenth of the untrained network's spread, by std or mean distance.

    Vectors that are no numbers any more (NaN, infinite) count as collapsed.
    """
    kept = (now.std / max(start.std, 1e-12), now.distance / max(start.distance, 1e-12))
    return not all(math.isfinite(share) and share >= SPREAD_SHARE for share in kept)
