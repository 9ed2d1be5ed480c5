"""Random changes of training images, each drawn from (seed, epoch, sample) alone, so that a resumed run
repeats them exactly. Numpy only."""

from __future__ import annotations

import hashlib

import numpy as np

from modeling.data.snapshot import Images


def generator(seed: int, epoch: int, *sample: str | int) -> np.random.Generator:
    """The random generator of one sample in one epoch, whatever the order of samples."""
    key = "\x1f".join(str(part) for part in (seed, epoch, *sample))
    return np.random.default_rng(int.from_bytes(hashlib.blake2b(key.encode(), digest_size=16).digest()))


def orient(images: Images, lateralities: list[str], *, flip_right: bool) -> Images:
    """(V, H, W) as hung -> copies with right breasts mirrored onto left, if asked."""
    turned = np.array(images, dtype=np.uint8)
    if flip_right:
        for row, laterality in enumerate(lateralities):
            if laterality == "R":
                turned[row] = turned[row, :, ::-1]
    return turned


def square_mask(images: Images, rng: np.random.Generator, *, area: float) -> Images:
    """(V, H, W) with one square of `area` of each image set to background, strictly inside (section 3.2)."""
    masked = images.copy()
    height, width = images.shape[1:]
    side = min(round((area * height * width) ** 0.5), height - 2, width - 2)
    for image in masked:
        top = int(rng.integers(1, height - side))
        left = int(rng.integers(1, width - side))
        image[top : top + side, left : left + side] = 0
    return masked


def shift(images: Images, rng: np.random.Generator, *, part: float) -> Images:
    """(V, H, W), each moved by up to `part` of its height and width; what enters is background."""
    height, width = images.shape[1:]
    most = (round(part * height), round(part * width))
    if most == (0, 0):
        return images
    moved = np.zeros_like(images)
    for source, target in zip(images, moved, strict=True):
        down, right = (int(rng.integers(-m, m + 1)) for m in most)
        target[max(down, 0) : height + min(down, 0), max(right, 0) : width + min(right, 0)] = source[
            max(-down, 0) : height + min(-down, 0), max(-right, 0) : width + min(-right, 0)
        ]
    return moved
