"""Studies of a snapshot as batches of tensors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from modeling.data.augmentation import generator, orient, shift
from modeling.data.snapshot import Images, Snapshot, Study, View


def view_images(snapshot: Snapshot, views: Sequence[View], *, flip_right: bool) -> Images:
    """The views' images (V, H, W) uint8, right breasts mirrored if asked."""
    images = snapshot.images[[view.index for view in views]]
    return orient(images, [view.laterality for view in views], flip_right=flip_right)


def stack_views(items: Sequence[Images]) -> tuple[Tensor, Tensor]:
    """Studies of differing view counts -> images (B, V, H, W) uint8 and the mask (B, V) of real views."""
    most = max(len(item) for item in items)
    images = torch.zeros((len(items), most, *items[0].shape[1:]), dtype=torch.uint8)
    mask = torch.zeros((len(items), most), dtype=torch.bool)
    for row, item in enumerate(items):
        images[row, : len(item)] = torch.from_numpy(item)
        mask[row, : len(item)] = True
    return images, mask


def study_batches(
    snapshot: Snapshot, studies: Sequence[Study], *, flip_right: bool, size: int = 16
) -> Iterator[tuple[Sequence[Study], Tensor, Tensor]]:
    """Studies in order with their images (B, V, H, W) and view masks (B, V), for measuring."""
    for start in range(0, len(studies), size):
        part = studies[start : start + size]
        yield (part, *stack_views([view_images(snapshot, s.views, flip_right=flip_right) for s in part]))


class DensityImages:
    """Every image of a split's studies whose density is known, with its class 0..3."""

    def __init__(
        self, snapshot: Snapshot, *, seed: int, flip_right: bool, shift_part: float, split: str = "train"
    ) -> None:
        self.snapshot = snapshot
        self.seed = seed
        self.flip_right = flip_right
        self.shift_part = shift_part
        self.items = [
            (view, "ABCD".index(study.density))
            for study in snapshot.in_split(split)
            if study.density is not None
            for view in study.views
        ]

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, key: tuple[int, int]) -> tuple[Images, int]:
        epoch, index = key
        view, density = self.items[index]
        image = view_images(self.snapshot, [view], flip_right=self.flip_right)
        image = shift(image, generator(self.seed, epoch, "shift", view.index), part=self.shift_part)
        return image[0], density

    @staticmethod
    def collate(items: Sequence[tuple[Images, int]]) -> dict[str, Any]:
        """images (N, H, W) uint8 and density (N,)."""
        return {
            "images": torch.from_numpy(np.stack([image for image, _ in items])),
            "density": torch.tensor([density for _, density in items]),
        }
