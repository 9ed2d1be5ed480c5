"""A study's views as the pictures that vision-language models are shown. Numpy and Pillow only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

from PIL import Image

from modeling.data.snapshot import VIEWS, Images

# Each view by itself, or all in one picture as they are hung (for models that were trained on one image).
Layout = Literal["each", "montage"]
LAYOUTS: tuple[str, ...] = get_args(Layout)


def hang(pictures: Sequence[tuple[str, str, Image.Image]], height: int) -> Image.Image:
    """(laterality, view, grey picture) in any order -> one picture: R before L, CC above MLO, chest walls together.

    Each view is scaled to `height` pixels, its aspect kept.
    """
    rows = [sorted((p for p in pictures if p[1] == view), key=lambda p: p[0] != "R") for view in VIEWS]
    scaled = [[_scaled(picture, height) for _, _, picture in row] for row in rows if row]
    width = max(sum(part.width for part in row) for row in scaled)
    sheet = Image.new("L", (width, height * len(scaled)))
    for number, row in enumerate(scaled):
        left = (width - sum(part.width for part in row)) // 2
        for part in row:
            sheet.paste(part, (left, number * height))
            left += part.width
    return sheet.convert("RGB")


def frames_as_pictures(images: Images, views: Sequence[tuple[str, str]], layout: Layout) -> list[Image.Image]:
    """A training set's frames (V, H, W) uint8 of (laterality, view) -> pictures of three equal channels."""
    greys = [Image.fromarray(image) for image in images]
    if layout == "montage" and greys:
        return [hang([(*view, grey) for view, grey in zip(views, greys, strict=True)], images.shape[1])]
    return [grey.convert("RGB") for grey in greys]


def _scaled(picture: Image.Image, height: int) -> Image.Image:
    width = max(1, round(picture.width * height / picture.height))
    return picture.resize((width, height), Image.Resampling.BILINEAR)
