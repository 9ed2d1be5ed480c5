"""From a viewing copy to the array that networks see: crop to the breast, fit into a frame, chest wall to the left.

The fit is stored with the image, so that boxes drawn on one map to the other. Pixels and a small header in, an array
out: no DICOM here.
"""

from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# Paper section 4.2: 1008 x 800 (height, width), aspect kept.
SIZE = (1008, 800)
# The breast is searched for on an image of about this many pixels a side.
LOOK = 256
MARGIN = 0.01
# Rows that are computed at once.
STRIP = 256
VERSION = "fit-1"

Greys = NDArray[np.float32]
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class TrainingFit:
    """How one image becomes the training array.

    Attributes:
        top, left, height, width: the crop around the breast, in pixels of the viewing copy.
        scale: pixels of the array per pixel of the viewing copy.
        size: (rows, columns) of the array.
        is_flipped: a right breast, shown as a left one unless `faithful` is asked for.
    """

    top: int
    left: int
    height: int
    width: int
    scale: float
    size: tuple[int, int]
    is_flipped: bool
    version: str = VERSION

    def as_dict(self) -> dict[str, Any]:
        """A JSON object, as it is stored with the image."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> Self:
        """Reverse of `as_dict`."""
        return cls(**{**stored, "size": (int(stored["size"][0]), int(stored["size"][1]))})

    @property
    def _fitted(self) -> tuple[int, int]:
        rows, columns = round(self.height * self.scale), round(self.width * self.scale)
        return min(max(rows, 1), self.size[0]), min(max(columns, 1), self.size[1])

    def apply(self, greys: Greys, *, faithful: bool = False) -> Greys:
        """Greys in 0..1 (rows, columns of the viewing copy) -> array of `size`, padded with black.

        Args:
            faithful: leave a right breast on its own side.
        """
        part = greys[self.top : self.top + self.height, self.left : self.left + self.width]
        rows, columns = self._fitted
        method = Image.Resampling.BOX if self.scale <= 1 else Image.Resampling.BILINEAR
        small = np.asarray(Image.fromarray(np.ascontiguousarray(part)).resize((columns, rows), method))
        if self.is_flipped:
            small = small[:, ::-1]
        out = np.zeros(self.size, np.float32)
        out[:rows, :columns] = small
        return np.ascontiguousarray(out[:, ::-1]) if faithful and self.is_flipped else out

    def to_array(self, box: Box, *, faithful: bool = False) -> Box:
        """A box (x, y, width, height) of the viewing copy, in the array."""
        x, y, width, height = box
        across = self.left + self.width - x - width if self.is_flipped else x - self.left
        moved = (across * self.scale, (y - self.top) * self.scale, width * self.scale, height * self.scale)
        return self._mirrored(moved) if faithful and self.is_flipped else moved

    def to_image(self, box: Box, *, faithful: bool = False) -> Box:
        """A box of the array, in the viewing copy; reverse of `to_array`."""
        x, y, width, height = self._mirrored(box) if faithful and self.is_flipped else box
        x, y, width, height = x / self.scale, y / self.scale, width / self.scale, height / self.scale
        across = self.left + self.width - x - width if self.is_flipped else self.left + x
        return (across, self.top + y, width, height)

    def _mirrored(self, box: Box) -> Box:
        return (self.size[1] - box[0] - box[2], *box[1:])


def training_fit(image: NDArray[np.uint16], *, laterality: str, size: tuple[int, int] = SIZE) -> TrainingFit:
    """The fit of one normalised image (rows, columns; bright breast on black)."""
    top, left, height, width = breast_box(image)
    scale = min(size[0] / height, size[1] / width)
    return TrainingFit(top, left, height, width, scale, size, laterality == "R")


def breast_box(image: NDArray[np.uint16]) -> tuple[int, int, int, int]:
    """(top, left, height, width) of the largest bright part; the whole image when nothing stands out."""
    from scipy import ndimage  # here: it costs half a second of each child's start

    step = max(1, max(image.shape) // LOOK)
    small = image[::step, ::step].astype(np.float32)
    labels, count = ndimage.label(small > _otsu(small))
    if not count:
        return 0, 0, image.shape[0], image.shape[1]
    largest = int(np.argmax(np.bincount(labels.ravel())[1:])) + 1
    rows, columns = ndimage.find_objects(labels)[largest - 1]
    spare = round(MARGIN * max(image.shape)) + step
    top, left = max(0, rows.start * step - spare), max(0, columns.start * step - spare)
    bottom = min(image.shape[0], rows.stop * step + spare)
    right = min(image.shape[1], columns.stop * step + spare)
    return top, left, bottom - top, right - left


def _otsu(values: Greys) -> float:
    """Otsu's threshold of the square roots: faint fat and skin belong to the breast (Otsu 1979)."""
    root = np.sqrt(values - values.min())
    counts, edges = np.histogram(root, bins=128)
    below = np.cumsum(counts)
    total, mean = below[-1], np.cumsum(counts * edges[:-1])
    above = total - below
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (mean / below - (mean[-1] - mean) / above) ** 2
    cut = edges[int(np.nanargmax(np.where(np.isfinite(between), between, -1))) + 1]
    return float(cut) ** 2 * 0.5 + float(values.min())


def thumbnail(greys: Greys, *, longest: int = 240) -> Image.Image:
    """A small picture of greys in 0..1."""
    small = np.empty(greys.shape, np.uint8)
    for top in range(0, greys.shape[0], STRIP):  # in strips: copies of the whole would cost 150 MB each
        small[top : top + STRIP] = (greys[top : top + STRIP].clip(0, 1) * 255).round()
    picture = Image.fromarray(small)
    scale = longest / max(greys.shape)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture.resize(size, Image.Resampling.BOX)


def windowed(image: NDArray[np.uint16], *, center: float, width: float, function: str) -> Greys:
    """Greys in 0..1 through a window (PS3.3 C.11.2.1.2: LINEAR, LINEAR_EXACT, SIGMOID)."""
    out = np.empty(image.shape, np.float32)
    for top in range(0, image.shape[0], STRIP):
        values = image[top : top + STRIP].astype(np.float32)
        if function == "SIGMOID":
            greys = 1 / (1 + np.exp(-4 * (values - center) / width))
        elif function == "LINEAR_EXACT":
            greys = (values - center) / width + 0.5
        else:
            greys = (values - (center - 0.5)) / max(width - 1, 1e-6) + 0.5
        out[top : top + STRIP] = greys.clip(0, 1)
    return out
