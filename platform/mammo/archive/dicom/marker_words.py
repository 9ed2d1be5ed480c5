"""Reads the lead markers and view labels that mammograms carry (RMLO, L CC), so that they pass as no text.

Letters are compared with those of Pillow's own font; a word that is not surely a marker is none.
"""

import re
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

# Letters that are confused among each other at this size read as one.
_ALIKE = str.maketrans("DQ0", "OOO")
_LETTERS = "RLCMOXISDTAHNBEFGJKPQUVWYZ0123456789"
# L CC, MLO, R XCCL, RCC S: a side, a view, or both. LI, LS, RIO and the like are names.
_MARKER = re.compile(r"[RL]|[RL]?(?:CC|MLO|ML|LM|LMO|XCCL|XCCM|XCC|FB)(?:IO|M|S)?")
# A bar beside a longer word (a bracket of the marker's frame) reads as I; beside one letter both must stand.
_FRAMED = re.compile(r"I[RL]I|I?[RL]?(?:CC|MLO|LMO|XCCL|XCCM|XCC)(?:IO|M|S)?I?|I?[RL](?:ML|LM|FB)I?")
MIN_ALIKE = 0.5
MAX_LETTERS = 10
# Width over height below which a stroke is a bar.
BAR = 0.3
_SHAPE = (24, 16)

Glyph = NDArray[np.float64]


def is_marker(ink: NDArray[np.bool_], hat: NDArray[np.uint16]) -> bool:
    """Whether a line (rows, columns: its strokes, and their brightness) reads as a marker, also mirrored."""
    glyphs = _glyphs(ink, hat)
    if not 1 <= len(glyphs) <= MAX_LETTERS:
        return False
    mirrored = [glyph[:, ::-1] for glyph in reversed(glyphs)]
    return any(
        _MARKER.fullmatch(word) or _FRAMED.fullmatch(word) for word in (_read(glyphs), _read(mirrored))
    )


def _glyphs(ink: NDArray[np.bool_], hat: NDArray[np.uint16]) -> list[Glyph]:
    """The strokes of a letter's height, from left to right; each alone, its brightest pixel 1."""
    from scipy import ndimage

    labels, _ = ndimage.label(ink, np.ones((3, 3)))
    parts = list(enumerate(ndimage.find_objects(labels), start=1))
    found = []
    for number, (rows, columns) in sorted(parts, key=lambda part: part[1][1].start):
        if 2 * (rows.stop - rows.start) < ink.shape[0]:
            continue
        glyph = np.where(labels[rows, columns] == number, hat[rows, columns], 0).astype(np.float64)
        found.append(glyph / max(1.0, float(glyph.max())))
    return found


def _read(glyphs: list[Glyph]) -> str:
    """The likeliest letters; `?` for a sign that is like none."""
    return "".join(_letter(glyph) for glyph in glyphs).translate(_ALIKE)


def _letter(glyph: Glyph) -> str:
    shape, aspect = _normalised(glyph), glyph.shape[1] / glyph.shape[0]
    if aspect < BAR:
        return "I"
    best, name = max(
        (float((shape * known).sum()) - 0.6 * abs(float(np.log(aspect / its_aspect))), letter)
        for letter, known, its_aspect in _alphabet()
    )
    return name if best >= MIN_ALIKE else "?"


def _normalised(glyph: Glyph) -> Glyph:
    """At one size, mean 0 and length 1, so that the product of two is their correlation."""
    picture = Image.fromarray((glyph.clip(0, 1) * 255).astype(np.uint8))
    small = picture.resize((_SHAPE[1], _SHAPE[0]), Image.Resampling.BILINEAR)
    values = np.asarray(small, np.float64)
    values = values - values.mean()
    return np.asarray(values / max(1e-9, float(np.linalg.norm(values))))


@lru_cache(maxsize=1)
def _alphabet() -> list[tuple[str, Glyph, float]]:
    """Letter, shape and aspect, in three weights."""
    font = ImageFont.load_default(64)
    found = []
    for weight in (0, 2, 4):
        for letter in _LETTERS:
            canvas = Image.new("L", (120, 120))
            ImageDraw.Draw(canvas).text((20, 10), letter, font=font, fill=255, stroke_width=weight)
            drawn = np.asarray(canvas, np.float64) / 255
            rows, columns = np.nonzero(drawn > 0.3)
            cut = drawn[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
            found.append((letter, _normalised(cut), cut.shape[1] / cut.shape[0]))
    return found
