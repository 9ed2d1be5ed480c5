"""Which breast an image shows, and whether its pixels lie the way the statement says."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from mammo.archive.dicom.reading import text, texts
from mammo.archive.dicom.refusal import quarantined

# Share by which one edge must be brighter than the other before the pixels are believed.
DECISIVE = 0.35
_OTHER = {"L": "R", "R": "L"}


@dataclass
class SideFound:
    """The side of an image.

    Attributes:
        side: L or R.
        source: ImageLaterality, Laterality, ViewPosition, pixels or table.
        mirrored: the pixels are stored mirrored; the viewing copy is flipped back.
        flags: what a person should look at.
    """

    side: str
    source: str
    mirrored: bool = False
    flags: list[str] = field(default_factory=list)


def stated_side(dataset: Dataset, view_side: str) -> tuple[str, str]:
    """Side that the tags state and the tag that states it; ('', '') when none does.

    Raises:
        Refusal: two tags disagree, or both breasts are in one image (quarantined).
    """
    statements = [
        ("ImageLaterality", text(dataset, "ImageLaterality").upper()),
        ("Laterality", text(dataset, "Laterality").upper()),
        ("ViewPosition", view_side),
    ]
    if any(side == "B" for _, side in statements):
        raise quarantined("the image is marked as showing both breasts", kind="both_breasts")
    made = [(source, side) for source, side in statements if side in _OTHER]
    for source, side in made[1:]:
        if side != made[0][1]:
            raise quarantined(
                f"{made[0][0]} says {made[0][1]}, {source} says {side}: a person must say which",
                kind="side_conflict",
            )
    return (made[0][1], made[0][0]) if made else ("", "")


def find_side(dataset: Dataset, view_side: str, image: NDArray[np.uint16], *, is_close_up: bool) -> SideFound:
    """Resolve the side of a normalised image (rows, columns; bright breast on dark background).

    The chest wall of a left breast lies on the left edge, unless PatientOrientation says that rows run the
    other way: then the image is stored mirrored.

    Args:
        is_close_up: magnification or spot view, whose edges say nothing.

    Raises:
        Refusal: nothing states the side, or the pixels contradict it (quarantined).
    """
    side, source = stated_side(dataset, view_side)
    edge = "" if is_close_up else chest_wall_edge(image)
    rows_run = "".join(texts(dataset, "PatientOrientation")[:1]).upper()[:1]
    if not side:
        return _side_from_pixels(dataset, edge)
    if not edge or edge == side:
        return SideFound(side, source)
    if rows_run == ("A" if edge == "L" else "P"):
        return SideFound(side, source, mirrored=True, flags=["stored_mirrored"])
    raise quarantined(
        f"{source} says {side}, but the chest wall lies on the edge of the other side: mirrored or mislabelled",
        kind="side_against_pixels",
        laterality=side,
    )


def _side_from_pixels(dataset: Dataset, edge: str) -> SideFound:
    """Side where no tag states it: only if PatientOrientation and the pixels agree."""
    columns_run = "".join(texts(dataset, "PatientOrientation")[1:2]).upper()
    # In the standard views rows run down and towards the other breast (PS3.3 C.7.6.1.1.1).
    oriented = {"R": "L", "L": "R"}.get(columns_run[-1:], "")
    if not edge or (oriented and oriented != edge):
        raise quarantined("no tag states the side and the pixels do not show it", kind="no_side")
    return SideFound(edge, "pixels", flags=["side_from_pixels"])


def chest_wall_edge(image: NDArray[np.uint16]) -> str:
    """L or R: the edge on which the breast lies; '' when the picture does not decide."""
    width = max(1, image.shape[1] // 10)
    sample = image[:: max(1, image.shape[0] // 512)]
    floor = float(np.percentile(sample, 5))
    left = float(sample[:, :width].mean()) - floor
    right = float(sample[:, -width:].mean()) - floor
    total = left + right
    if total <= 0 or abs(left - right) / total < DECISIVE:
        return ""
    return "L" if left > right else "R"
