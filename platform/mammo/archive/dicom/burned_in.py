"""Finds lines of text burned into an image: the gate is the shape of a line, never what OCR could read.

Saturated strokes are joined sideways into boxes; a box of the height of a line, much wider than high and made
of several strokes as high as letters is a line of text. Calcifications and markers (LCC, RMLO) pass.
BurnedInAnnotation (0028,0301) is never trusted.
"""

import numpy as np
from numpy.typing import NDArray

MIN_HEIGHT = 6
MAX_HEIGHT = 90
MIN_ASPECT = 3.0
# Strokes at least half as high as the line.
MIN_STROKES = 5
# Above this share of saturated pixels the image is over-exposed, not written on.
MAX_INK = 0.05
_JOIN_ROWS = 3
_JOIN_COLUMNS = 15


def text_lines(image: NDArray[np.uint16]) -> list[tuple[int, int, int, int]]:
    """Boxes (x, y, width, height) that look like a line of burned-in text."""
    top = int(image.max())
    ink = image >= top - max(1, top // 500)
    if not 20 <= int(ink.sum()) <= MAX_INK * ink.size:
        return []
    from scipy import ndimage  # most images need it not, and it costs half a second of each child's start

    columns = _JOIN_COLUMNS + 2 * (max(0, image.shape[1] - 1200) // 200)
    joined = _dilated(_dilated(ink, _JOIN_ROWS, 0), columns, 1)
    labels, _ = ndimage.label(joined)
    found = []
    for rows, cols in ndimage.find_objects(labels):
        height, width = rows.stop - rows.start - _JOIN_ROWS + 1, cols.stop - cols.start - columns + 1
        if not MIN_HEIGHT <= height <= MAX_HEIGHT or width < MIN_ASPECT * height:
            continue
        strokes, _ = ndimage.label(ink[rows, cols], structure=np.ones((3, 3)))
        tall = sum(2 * (part.stop - part.start) >= height for part, _ in ndimage.find_objects(strokes))
        if tall >= MIN_STROKES:
            found.append((int(cols.start), int(rows.start), int(width), int(height)))
    return found


def _dilated(mask: NDArray[np.bool_], size: int, axis: int) -> NDArray[np.bool_]:
    """Widen a mask by size // 2 on both sides along one axis."""
    out = mask.copy()
    for step in range(1, size // 2 + 1):
        if axis == 0:
            out[step:] |= mask[:-step]
            out[:-step] |= mask[step:]
        else:
            out[:, step:] |= mask[:, :-step]
            out[:, :-step] |= mask[:, step:]
    return out
