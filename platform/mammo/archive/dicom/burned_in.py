"""Finds lines of text burned into an image: the gate is the shape of a line, whatever its grey value.

Thin strokes are what a top-hat of the image keeps (bright ones) or of its negative (dark ones), above the texture
around them. Strokes of one height and one brightness that stand side by side are a line, written across or along.
A short line passes only if its letters read as a marker (RMLO, L CC, also mirrored); everything else is text, and
reading it is left to a person. BurnedInAnnotation (0028,0301) is never trusted.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mammo.archive.dicom.marker_words import is_marker

Image16 = NDArray[np.uint16]
Mask = NDArray[np.bool_]
Box = tuple[int, int, int, int]

# Lines of text in pixels of the examined image (half size above LARGE).
MIN_HEIGHT, MAX_HEIGHT = 6, 96
LARGE = 2200
# Wider than any stroke of such letters, and odd.
STROKE = 15
# Around the image, more than half of STROKE.
AROUND = 8
# Longer than a stroke of any letter that is looked for, and odd.
RULING = 101
# A stroke stands out from the texture of its neighbourhood this many times, and by this share of the range.
ABOVE_TEXTURE, ABOVE_RANGE = 5.0, 0.001
NEIGHBOURHOOD = 64
# Text covers less than the rest of a neighbourhood.
TEXTURE_SHARE = 65
BESIDE = 0.6
MAX_STROKES = 6000
# Height up to which letters of a word may touch.
TOUCHING = 16
# Strokes across from which a line is text whatever it says; the longest marker has fewer letters.
SURELY_TEXT = 8


@dataclass(frozen=True)
class _Strokes:
    """Connected strokes sorted from left to right: box, greatest height above the texture, and grey value there."""

    left: NDArray[np.intp]
    right: NDArray[np.intp]
    top: NDArray[np.intp]
    bottom: NDArray[np.intp]
    peak: NDArray[np.float64]
    grey: NDArray[np.float64]

    @property
    def height(self) -> NDArray[np.intp]:
        """In pixels."""
        return self.bottom - self.top


@dataclass(frozen=True)
class _Parts:
    """Everything connected in the ink: boxes (left, right, top, bottom), greatest height and grey value, pixels."""

    boxes: NDArray[np.intp]
    peak: NDArray[np.float64]
    grey: NDArray[np.float64]
    area: NDArray[np.intp]

    def turned(self) -> "_Parts":
        """As the transposed image has them."""
        return _Parts(self.boxes[:, [2, 3, 0, 1]], self.peak, self.grey, self.area)


def text_lines(image: Image16) -> list[Box]:
    """Boxes (x, y, width, height) that look like a line of burned-in text."""
    small, factor = (_halved(image), 2) if max(image.shape) > LARGE else (image, 1)
    found = _at_one_size(small, factor)
    if max(small.shape) >= 8 * MAX_HEIGHT:  # else higher lettering would fill the image
        found += _at_one_size(_halved(_halved(small)), factor * 4)
    return _merged(found)


def _at_one_size(image: Image16, factor: int) -> list[Box]:
    found: list[Box] = []
    span = int(image.max()) - int(image.min())
    for is_dark in (False, True):
        # Around the image lies what no stroke is of: a line that its edge cuts is seen whole.
        around = np.pad(image, AROUND, constant_values=image.max() if is_dark else image.min())
        hat = _dark(around) if is_dark else _bright(around)
        inner = hat[AROUND:-AROUND, AROUND:-AROUND]  # nothing around counts as texture
        ink = np.pad(_without_rulings(inner > _threshold(inner, span)), AROUND)
        parts = _parts(ink, hat, around, is_dark=is_dark)
        for turned in (False, True):
            view = (ink.T, hat.T, around.T) if turned else (ink, hat, around)
            for x, y, width, height in _lines(parts.turned() if turned else parts, *view, is_dark=is_dark):
                left, top, across, down = (y, x, height, width) if turned else (x, y, width, height)
                left, top = max(0, left - AROUND), max(0, top - AROUND)
                found.append((left * factor, top * factor, across * factor, down * factor))
    return found


def _halved(image: Image16) -> Image16:
    """By means of four: large letters have strokes of several pixels."""
    rows, columns = (size - size % 2 for size in image.shape)
    whole = image[:rows, :columns].astype(np.uint32)
    four = whole[::2, ::2] + whole[1::2, ::2] + whole[::2, 1::2] + whole[1::2, 1::2]
    return (four // 4).astype(np.uint16)


def _without_rulings(ink: Mask) -> Mask:
    """Without frames and underlines, which make one stroke of the letters that they touch."""
    across = _along_rows(np.logical_or, _along_rows(np.logical_and, ink, RULING), RULING)
    along = _along_rows(np.logical_or, _along_rows(np.logical_and, ink.T, RULING), RULING).T
    kept: Mask = ink & ~across & ~along
    return kept


def _bright(image: Image16) -> Image16:
    """What is brighter than any square of STROKE pixels around it: image - opening."""
    opened = _square(np.maximum, _square(np.minimum, image))
    return image - opened


def _dark(image: Image16) -> Image16:
    """What is darker than any square of STROKE pixels around it: closing - image."""
    closed = _square(np.minimum, _square(np.maximum, image))
    return closed - image


def _square(operation: np.ufunc, image: Image16) -> Image16:
    """Running minimum or maximum over a square of STROKE pixels, by doubling: five comparisons per axis."""
    return _along_rows(operation, _along_rows(operation, image, STROKE).T, STROKE).T


def _along_rows(operation: np.ufunc, image: NDArray[Any], size: int) -> NDArray[Any]:
    """Running minimum or maximum of each column over `size` pixels, an odd number."""
    out = np.pad(image, ((size // 2, size // 2), (0, 0)), mode="edge")
    width = 1
    while width < size:
        step = min(width, size - width)
        out = operation(out[:-step], out[step:])
        width += step
    return out


def _threshold(hat: Image16, span: int) -> Image16:
    """Of each pixel: above most of its neighbourhood's texture, and above a share of the range."""
    rows, columns = hat.shape
    down, across = -(-rows // NEIGHBOURHOOD), -(-columns // NEIGHBOURHOOD)
    padded = np.pad(
        hat, ((0, down * NEIGHBOURHOOD - rows), (0, across * NEIGHBOURHOOD - columns)), mode="edge"
    )
    blocks = padded.reshape(down, NEIGHBOURHOOD, across, NEIGHBOURHOOD)[:, ::4, :, ::4]
    texture = np.percentile(blocks.transpose(0, 2, 1, 3).reshape(down, across, -1), TEXTURE_SHARE, axis=2)
    # At the breast's edge most of a neighbourhood may be black: its neighbours' texture counts too.
    around = np.pad(texture, 1, mode="edge")
    beside = np.max([around[y : y + down, x : x + across] for y in (0, 1, 2) for x in (0, 1, 2)], axis=0)
    texture = np.maximum(texture, BESIDE * beside)
    level = np.maximum(max(2.0, ABOVE_RANGE * span), ABOVE_TEXTURE * texture).clip(0, 65534)
    whole = np.repeat(np.repeat(level.astype(np.uint16), NEIGHBOURHOOD, 0), NEIGHBOURHOOD, 1)
    return whole[:rows, :columns]


def _lines(parts: _Parts, ink: Mask, hat: Image16, image: Image16, *, is_dark: bool) -> Iterator[Box]:
    strokes = _strokes(parts)
    for members in _side_by_side(strokes):
        if not len(members := _of_one_line(strokes, members, ink.shape)):
            continue
        left, right = int(strokes.left[members].min()), int(strokes.right[members].max())
        top, bottom = int(strokes.top[members].min()), int(strokes.bottom[members].max())
        height, width = bottom - top, right - left
        if not MIN_HEIGHT <= height <= MAX_HEIGHT or width < 1.4 * height:
            continue
        window = (slice(top, bottom), slice(left, right))
        if not (_is_line(strokes, members, ink[window], height) or _is_signs(strokes, members, ink[window])):
            continue
        if is_dark and not _stands_on_bright(image, (left, top, width, height), ink[window]):
            continue  # the gaps between bright letters
        if not is_marker(ink[window], hat[window]):
            yield left, top, width, height


def _of_one_line(strokes: _Strokes, members: NDArray[np.intp], shape: tuple[int, ...]) -> NDArray[np.intp]:
    """Without the strokes at the image's edge, unless it cuts the line along: then most of its strokes touch it."""
    rows, columns = (size - AROUND for size in shape)
    at_end = (strokes.left[members] <= AROUND) | (strokes.right[members] >= columns)
    members = members[~at_end]
    along = (strokes.top[members] <= AROUND) | (strokes.bottom[members] >= rows)
    return members if 2 * along.sum() > len(members) else members[~along]


def _parts(ink: Mask, hat: Image16, image: Image16, *, is_dark: bool) -> _Parts:
    """The connected parts of the ink, found once for both directions of writing."""
    from scipy import ndimage  # here: it costs half a second of each child's start

    labels, count = ndimage.label(ink, np.ones((3, 3)))
    found = ndimage.find_objects(labels)
    boxes = np.array([(c.start, c.stop, r.start, r.stop) for r, c in found], np.intp).reshape(-1, 4)
    where = np.flatnonzero(ink)  # only these: a look-up of all pixels would sort the whole image
    which = labels.ravel()[where] - 1
    peak, grey = np.zeros(count), np.full(count, np.inf if is_dark else -np.inf)
    np.maximum.at(peak, which, hat.ravel()[where].astype(np.float64))
    (np.minimum if is_dark else np.maximum).at(grey, which, image.ravel()[where].astype(np.float64))
    return _Parts(boxes, peak, grey, np.bincount(which, minlength=count))


def _strokes(parts: _Parts) -> _Strokes:
    """Strokes of a letter's size, the strongest MAX_STROKES of them."""
    boxes, peak = parts.boxes, parts.peak
    height, width = boxes[:, 3] - boxes[:, 2], boxes[:, 1] - boxes[:, 0]
    # Small letters touch and make one stroke of a word; what is wider than that is a vessel or an edge.
    widest = np.where(height <= TOUCHING, 8 * height, 2.5 * height)
    kept = np.flatnonzero((height >= 4) & (height <= MAX_HEIGHT) & (width <= widest) & (parts.area >= 5))
    if len(kept) > MAX_STROKES:
        kept = kept[np.argsort(-peak[kept])[:MAX_STROKES]]
    kept = kept[np.argsort(boxes[kept, 0], kind="stable")]
    left, right, top, bottom = boxes[kept].T
    return _Strokes(left, right, top, bottom, peak[kept], parts.grey[kept])


def _side_by_side(strokes: _Strokes) -> list[NDArray[np.intp]]:
    """Groups of strokes that stand next to each other, of like height and brightness."""
    count = len(strokes.left)
    group = list(range(count))

    def first(index: int) -> int:
        while group[index] != index:
            group[index] = group[group[index]]
            index = group[index]
        return index

    height = strokes.height
    for index in range(count):
        reach = strokes.right[index] + 1.3 * max(int(height[index]), 8)
        others = np.arange(index + 1, np.searchsorted(strokes.left, reach, side="right"))
        if not len(others):
            continue
        taller, lower = np.maximum(height[index], height[others]), np.minimum(height[index], height[others])
        overlap = np.minimum(strokes.bottom[index], strokes.bottom[others]) - np.maximum(
            strokes.top[index], strokes.top[others]
        )
        brighter = np.maximum(strokes.peak[index], strokes.peak[others])
        fainter = np.minimum(strokes.peak[index], strokes.peak[others])
        one_grey = np.abs(strokes.grey[index] - strokes.grey[others]) <= 0.15 * brighter
        near = (strokes.left[others] - strokes.right[index]) <= 1.1 * taller
        alike = (overlap >= 0.4 * lower) & (taller <= 2.6 * lower) & (one_grey | (fainter >= 0.55 * brighter))
        for other in others[near & alike]:
            group[first(int(other))] = first(index)
    roots = np.array([first(index) for index in range(count)], np.intp)
    return [np.flatnonzero(roots == root) for root in np.unique(roots)]


def _is_line(strokes: _Strokes, members: NDArray[np.intp], ink: Mask, height: int) -> bool:
    """Whether a group is written: many strokes across, or fewer on one base line in one brightness."""
    tall = members[2 * strokes.height[members] >= height]
    on_base, same = _evenness(strokes, tall, height)
    spread = _spread(strokes, members)
    across = _crossings(ink)
    if max(len(tall), across) >= SURELY_TEXT:
        return spread <= 0.35 and on_base >= 0.6 * len(tall)
    return len(tall) >= 3 and on_base == same == len(tall) and spread <= 0.12


def _is_signs(strokes: _Strokes, members: NDArray[np.intp], ink: Mask) -> bool:
    """Whether a group of strokes in one grey is as rich as Chinese signs are, across and down."""
    across, down, spread = _crossings(ink), _crossings(ink.T), _spread(strokes, members)
    if len(members) >= 4 and across >= 4 and spread <= 0.02:
        return True  # so many strokes in exactly one grey
    is_rich = across >= max(3.0, 1.5 * ink.shape[1] / ink.shape[0]) and down >= 2.5
    return is_rich and len(members) >= 2 and spread <= 0.1


def _evenness(strokes: _Strokes, tall: NDArray[np.intp], height: int) -> tuple[int, int]:
    """How many strokes stand on the common base line, and how many have the common height."""
    if not len(tall):
        return 0, 0
    base, heights = strokes.bottom[tall], strokes.height[tall]
    on_base = np.abs(base - np.median(base)) <= max(1.5, 0.12 * height)
    same = np.abs(heights - np.median(heights)) <= max(1.5, 0.2 * height)
    return int(on_base.sum()), int(same.sum())


def _spread(strokes: _Strokes, members: NDArray[np.intp]) -> float:
    """How much brightness varies from stroke to stroke: ink has one grey, or one distance from what is under it."""
    peak, grey = strokes.peak[members], strokes.grey[members]
    return float(min(peak.std(), grey.std()) / peak.mean())


def _crossings(ink: Mask) -> float:
    """How many strokes a row of the line's middle crosses (median)."""
    rows = ink.shape[0]
    middle = ink[int(rows * 0.15) : max(int(rows * 0.85), int(rows * 0.15) + 1)]
    starts = np.diff(middle.astype(np.int8), axis=1, prepend=0) == 1
    return float(np.median(starts.sum(axis=1)))


def _stands_on_bright(image: Image16, box: Box, ink: Mask) -> bool:
    """Whether it is bright above and below a line of dark strokes, and not only between them."""
    x, y, width, height = box
    inside = image[y : y + height, x : x + width]
    if ink.all():
        return False
    middle = (float(np.median(inside[ink])) + float(np.median(inside[~ink]))) / 2
    above = image[max(0, y - 2) : max(1, y - 1), x : x + width]
    below = image[y + height + 1 : y + height + 2, x : x + width]
    return all(float((part > middle).mean()) >= 0.7 for part in (above, below) if part.size)


def _merged(boxes: list[Box]) -> list[Box]:
    """Boxes that overlap stand for one line (found bright and dark, across and along)."""
    out: list[Box] = []
    for box in sorted(boxes, key=lambda b: -b[2] * b[3]):
        x, y, width, height = box
        if not any(
            x < kx + kw and kx < x + width and y < ky + kh and ky < y + height for kx, ky, kw, kh in out
        ):
            out.append(box)
    return sorted(out, key=lambda b: (b[1], b[0]))
