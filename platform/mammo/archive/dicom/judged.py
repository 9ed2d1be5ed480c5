"""What a person decided about a quarantined file, handed to the child that reads it again."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Judged:
    """A person's decision; the default decides nothing.

    Attributes:
        accepts: kinds of refusal (`Refusal.found["kind"]`) that the person overruled.
        laterality, view: what the person read off the image; '' leaves it to the file.
        is_mirrored: the pixels are stored mirrored.
        masks: boxes (x, y, width, height) to black out, in the file's own pixels.
    """

    accepts: frozenset[str] = frozenset()
    laterality: str = ""
    view: str = ""
    is_mirrored: bool = False
    masks: tuple[Box, ...] = ()

    @classmethod
    def from_json(cls, written: Mapping[str, Any] | None) -> Self:
        """From a request of `mammo.archive.parse_child`."""
        written = written or {}
        return cls(
            frozenset(written.get("accepts", ())),
            str(written.get("laterality", "")),
            str(written.get("view", "")),
            bool(written.get("is_mirrored", False)),
            tuple((int(x), int(y), int(w), int(h)) for x, y, w, h in written.get("masks", ())),
        )

    def over(self, label: dict[str, str]) -> dict[str, str]:
        """The row of a labels table as the person corrects it."""
        mended = dict(label)
        if self.laterality:
            mended.update(laterality=self.laterality, mirrored="yes" if self.is_mirrored else "no")
        if self.view:
            mended["view"] = self.view
        return mended


def masked(image: NDArray[np.uint16], boxes: tuple[Box, ...]) -> NDArray[np.uint16]:
    """The image (rows, columns; uint16) with each box set to the image's darkest value."""
    if not boxes:
        return image
    out = image.copy()
    darkest = image.min()
    for x, y, width, height in boxes:
        out[max(0, y) : max(0, y + height), max(0, x) : max(0, x + width)] = darkest
    return out
