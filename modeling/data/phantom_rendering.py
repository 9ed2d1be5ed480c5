"""Draws one mammographic view of a phantom: intensities 0..1, background exactly 0.

An image is composed on a grid of half the wanted size when it is large (and of twice the size when it is
small), then brought to size, so that 1008 x 800 costs a tenth of a second and 126 x 100 a few milliseconds.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from modeling.data.phantom_anatomy import (
    CONSPICUITIES,
    FIELD_HEIGHT_MM,
    FIELD_WIDTH_MM,
    VIEWS,
    Breast,
    Laterality,
    Lesion,
    Phantom,
    ViewPosition,
)

Image = NDArray[np.floating[Any]]
_LARGE = 504  # rows from which a view is composed at half size
_VIEW_NUMBER = {("L", "CC"): 0, ("L", "MLO"): 1, ("R", "CC"): 2, ("R", "MLO"): 3}


def render_view(
    phantom: Phantom, laterality: Laterality, view: ViewPosition, *, height: int = 1008, width: int = 800
) -> NDArray[np.float32]:
    """One view as hung: float32 (height, width) in 0..1, the chest wall at the left edge of left views and at
    the right edge of right views, lateral (CC) or superior (MLO) at the top."""
    if height < 32 or width < 32:
        raise ValueError(f"a view of {height} x {width} is too small: 32 x 32 is the least")
    streams = np.random.SeedSequence([phantom.seed, 3, _VIEW_NUMBER[laterality, view]])
    rng = np.random.Generator(np.random.SFC64(streams))
    large = height >= _LARGE
    rows, columns = ((height + 1) // 2, (width + 1) // 2) if large else (height * 2, width * 2)
    breast = phantom.breasts[laterality]
    image, inside = _compose(breast, phantom, view, rows, columns, rng)
    if large:
        image, inside = _double(image)[:height, :width], _double(inside)[:height, :width]
    else:
        image, inside = _halve(image), _halve(inside)
    grain = rng.standard_normal(image.shape, dtype=np.float32)
    image += grain * (np.float32(0.016 if large else 0.008) * np.sqrt(np.clip(image, 0.0, 1.0)))
    np.clip(image, 0.02, 1.0, out=image)
    image[inside < 0.5] = 0.0
    return np.asarray(image[:, ::-1] if laterality == "R" else image, dtype=np.float32)


def render_study(phantom: Phantom, *, height: int = 1008, width: int = 800) -> NDArray[np.float32]:
    """The four views L CC, L MLO, R CC, R MLO as float32 (4, height, width)."""
    return np.stack([render_view(phantom, side, view, height=height, width=width) for side, view in VIEWS])


def lesion_centre_mm(breast: Breast, lesion: Lesion, view: ViewPosition) -> tuple[float, float]:
    """(x, y) of a lesion in millimetres from the chest wall and from the top, for a view hung as a left one.

    x is the breast's depth less the lesion's distance from the nipple in both views.
    """
    x = breast.depth_mm - lesion.nipple_distance_mm
    axis = _axis_mm(breast, view) + (breast.sag_mm * (x / breast.depth_mm) ** 2 if view == "MLO" else 0.0)
    return x, axis - (lesion.lateral_mm if view == "CC" else lesion.superior_mm)


def _axis_mm(breast: Breast, view: ViewPosition) -> float:
    """Height of the nipple axis at the chest wall."""
    return (
        FIELD_HEIGHT_MM / 2
        if view == "CC"
        else FIELD_HEIGHT_MM - breast.half_height_mm - breast.sag_mm - 12.0
    )


def _nipple_mm(breast: Breast, view: ViewPosition) -> float:
    """Height of the nipple, mm from the top."""
    return _axis_mm(breast, view) + (breast.sag_mm if view == "MLO" else 0.0)


def _compose(
    breast: Breast, phantom: Phantom, view: ViewPosition, rows: int, columns: int, rng: np.random.Generator
) -> tuple[Image, Image]:
    """Intensities and the breast's mask, both float32 (rows, columns), hung as a left view."""
    x, y = _grid(rows, columns)
    radial, inside, edge_mm = _outline(breast, view, x, y, rng)
    white = fft.rfft2(rng.standard_normal((rows, columns), dtype=np.float32))
    coarse = _field(white, rows, columns, 3.4)
    fine = _field(white, rows, columns, 1.9)
    ducts = _ducts(breast, view, x, y, rng)
    pectoral = _pectoral(view, x, y, coarse, rng)
    gland = _glandular(breast, radial, inside, edge_mm, pectoral, x, coarse, fine + 0.9 * ducts)
    rolloff = np.sqrt(np.clip(edge_mm / 18.0, 0.0, 1.0))
    ligaments = np.exp(-((ducts / 0.18) ** 2))
    fat = 0.21 + 0.022 * fine + 0.035 * ligaments + 0.02 * ducts
    image = rolloff * (fat + gland * (0.27 + 0.04 * fine + 0.035 * coarse + 0.03 * ducts))
    image = image + 0.16 * np.exp(-(((edge_mm - 0.9) / 1.0) ** 2)) * inside  # skin
    image += rolloff * _vessels(breast, view, x, y, rng)
    image = image * (1 - 0.85 * pectoral) + pectoral * (0.50 + 0.02 * fine + 0.02 * coarse)
    image = image.astype(np.float32)
    for lesion in breast.lesions:
        _add_lesion(image, breast, lesion, phantom, view)
    return image * inside, inside


@lru_cache(maxsize=8)
def _grid(rows: int, columns: int) -> tuple[Image, Image]:
    """Pixel centres in millimetres: x (1, columns) from the chest wall, y (rows, 1) from the top."""
    x = (np.arange(columns, dtype=np.float32) + 0.5) * np.float32(FIELD_WIDTH_MM / columns)
    y = (np.arange(rows, dtype=np.float32) + 0.5) * np.float32(FIELD_HEIGHT_MM / rows)
    return x[None, :], y[:, None]


@lru_cache(maxsize=16)
def _filter(rows: int, columns: int, beta: float, aspect: float) -> Image:
    """Amplitude 1 / f^(beta / 2); an aspect below 1 draws structures out along the columns' axis."""
    fy = fft.fftfreq(rows, FIELD_HEIGHT_MM / rows)[:, None]
    fx = fft.rfftfreq(columns, FIELD_WIDTH_MM / columns)[None, :] / aspect
    # Below one cycle in 70 mm the spectrum is flat: a breast shows no larger structure of its own.
    amplitude = np.maximum(np.sqrt(fx**2 + fy**2), 1 / 70) ** (-beta / 2)
    amplitude[0, 0] = 0.0
    return np.asarray(amplitude, dtype=np.float32)


def _field(white: NDArray[np.complex64], rows: int, columns: int, beta: float, aspect: float = 1.0) -> Image:
    """Gaussian texture with a power law spectrum, mean 0 and standard deviation 1."""
    field = fft.irfft2(white * _filter(rows, columns, beta, aspect), s=(rows, columns))
    return np.asarray((field - field.mean()) / field.std(), dtype=np.float32)


def _ducts(breast: Breast, view: ViewPosition, x: Image, y: Image, rng: np.random.Generator) -> Image:
    """Texture that runs towards the nipple: noise on a grid of angle and distance, looked up in the image."""
    angles, distances = 320, 160
    white = fft.rfft2(rng.standard_normal((angles, distances), dtype=np.float32))
    polar = _field(white, angles, distances, 2.3, 0.35)
    dx, dy = breast.depth_mm + 14.0 - x, y - _nipple_mm(breast, view)
    angle = np.arctan2(dy, dx) * np.float32(angles / np.pi) + np.float32(angles / 2)
    distance = np.sqrt(dx**2 + dy**2) * np.float32((distances - 1) / 230.0)
    return np.asarray(
        ndimage.map_coordinates(polar, [angle, distance], order=1, mode="nearest"), dtype=np.float32
    )


def _outline(
    breast: Breast, view: ViewPosition, x: Image, y: Image, rng: np.random.Generator
) -> tuple[Image, Image, Image]:
    """Radial coordinate (1 at the skin), mask, and distance to the skin in mm."""
    axis, depth = _axis_mm(breast, view), breast.depth_mm
    if view == "CC":
        below: Image | float = breast.half_width_mm
        above: Image | float = breast.half_width_mm
        offset = y - axis
    else:
        below, above = breast.half_height_mm, axis * 1.12  # the upper edge runs on into the axilla
        offset = y - axis - breast.sag_mm * (x / depth) ** 2
    half = np.where(offset > 0, below, above).astype(np.float32)
    n = breast.exponent
    bump = 4.5 * np.exp(-(((y - _nipple_mm(breast, view)) / 3.6) ** 4))  # the nipple, in profile
    forward = np.maximum(x - bump * np.clip((x / depth - 0.7) / 0.3, 0, 1), 0)
    radial = ((forward / depth) ** n + np.abs(offset / half) ** n) ** (1 / n)
    phase = rng.uniform(0, 6.28, size=2).astype(np.float32)
    radial = radial * (1 + 0.004 * np.sin(y / 11 + phase[0]) + 0.006 * np.sin(y / 23 + phase[1]))
    edge_mm = np.maximum((1 - radial) * np.minimum(depth, half), 0)
    return radial.astype(np.float32), (radial < 1).astype(np.float32), edge_mm.astype(np.float32)


def _pectoral(view: ViewPosition, x: Image, y: Image, coarse: Image, rng: np.random.Generator) -> Image:
    """Pectoral muscle, 0..1: a triangle at the top of the chest wall in MLO, nothing in CC."""
    top, foot = float(rng.uniform(44, 62)), float(rng.uniform(100, 132))
    if view == "CC":
        return np.zeros_like(coarse)
    border = top * (1 - np.clip(y / foot, 0, 1) ** 1.25) + 0.6 * coarse
    return np.asarray(1 / (1 + np.exp(np.clip((x - border) / 1.1, -30, 30))) * (y < foot), dtype=np.float32)


def _glandular(
    breast: Breast,
    radial: Image,
    inside: Image,
    edge_mm: Image,
    pectoral: Image,
    x: Image,
    coarse: Image,
    fine: Image,
) -> Image:
    """Glandular tissue, 0..1, covering the breast's glandular fraction of its own area."""
    fraction = breast.glandular_fraction
    centred = np.exp(-(((radial - 0.35) / 0.55) ** 2)) + 0.25 * np.sqrt(np.clip(x / breast.depth_mm, 0, 1))
    # Sparse tissue is strewn, abundant tissue fills the cone behind the nipple.
    score = coarse + 0.22 * fine + (0.8 + 1.6 * fraction) * centred
    within = (inside > 0) & (pectoral < 0.5)
    score = score - 4.0 * np.exp(-edge_mm / 3.0) - 3.0 * pectoral
    threshold = np.float32(np.quantile(score[within][::7], 1 - fraction))
    return np.asarray(1 / (1 + np.exp(-(score - threshold) / 0.30)), dtype=np.float32)


def _vessels(breast: Breast, view: ViewPosition, x: Image, y: Image, rng: np.random.Generator) -> Image:
    """Faint curved vessels that run from the chest wall towards the nipple."""
    axis = _axis_mm(breast, view)
    image = np.zeros((y.shape[0], x.shape[1]), dtype=np.float32)
    for _ in range(int(rng.integers(1, 4))):
        start, bend, wavelength, phase = rng.uniform((-45, -25, 7, 0), (45, 25, 12, 6)).astype(np.float32)
        reach, width = rng.uniform((0.5, 0.7), (0.9, 1.2)).astype(np.float32)
        reach = reach * np.float32(breast.depth_mm)
        wave = 2.0 * np.sin(x / wavelength + phase)
        course = axis + start * (1 - x / breast.depth_mm) + bend * (x / breast.depth_mm) ** 2 + wave
        fade = np.clip((reach - x) / 15, 0, 1) * np.float32(0.075)
        image += fade * np.exp(-(((y - course) / width) ** 2))
    return image


def _add_lesion(image: Image, breast: Breast, lesion: Lesion, phantom: Phantom, view: ViewPosition) -> None:
    """Add a lesion's attenuation in place, computed on the patch that it can reach."""
    rows, columns = image.shape
    step_y, step_x = FIELD_HEIGHT_MM / rows, FIELD_WIDTH_MM / columns
    cx, cy = lesion_centre_mm(breast, lesion, view)
    reach = 3.1 * lesion.radius_mm
    top, bottom = max(0, int((cy - reach) / step_y)), min(rows, int((cy + reach) / step_y) + 1)
    left, right = max(0, int((cx - reach) / step_x)), min(columns, int((cx + reach) / step_x) + 1)
    if top >= bottom or left >= right:
        return
    y = (np.arange(top, bottom, dtype=np.float32)[:, None] + 0.5) * np.float32(step_y) - np.float32(cy)
    x = (np.arange(left, right, dtype=np.float32)[None, :] + 0.5) * np.float32(step_x) - np.float32(cx)
    setting = CONSPICUITIES[phantom.conspicuity]
    rng = np.random.default_rng(np.random.SeedSequence([lesion.seed]))
    if lesion.kind == "mass":
        if lesion.malignant_look:
            profile = _spiculated_mass(x, y, lesion.radius_mm, setting.spicule_mm, setting.spicule_reach, rng)
        else:
            profile = _circumscribed_mass(x, y, lesion.radius_mm, view, rng)
    else:
        profile = _calcifications(x, y, lesion, setting.calcification_mm, view, min(step_x, step_y), rng)
    patch = image[top:bottom, left:right]
    # Bright tissue has less head room: keep part of the contrast by pulling towards white.
    patch += np.float32(lesion.contrast) * profile * (1.15 - 0.55 * np.clip(patch, 0, 1))


def _circumscribed_mass(
    x: Image, y: Image, radius: float, view: ViewPosition, rng: np.random.Generator
) -> Image:
    """Oval with a sharp margin and a thin dark halo."""
    ratio, turn = rng.uniform(0.66, 0.88), rng.uniform(0, np.pi) + (0.5 if view == "MLO" else 0.0)
    along = x * np.cos(turn) + y * np.sin(turn)
    across = (-x * np.sin(turn) + y * np.cos(turn)) / ratio
    distance = np.sqrt(along**2 + across**2) - radius
    body = 1 / (1 + np.exp(np.clip(distance / 0.35, -30, 30)))
    halo = 0.22 * np.exp(-(((distance - 1.4) / 0.9) ** 2))
    return np.asarray(body - halo, dtype=np.float32)


def _spiculated_mass(
    x: Image, y: Image, radius: float, half_width: float, reach: tuple[float, float], rng: np.random.Generator
) -> Image:
    """Irregular core with an indistinct margin and 11 to 16 tapering spicules."""
    distance, angle = np.hypot(x, y), np.arctan2(y, x)
    rim = np.full_like(angle, 0.72 * radius)
    for harmonic in (2, 3, 5):
        rim += 0.10 * radius * np.sin(harmonic * angle + rng.uniform(0, 6.28)).astype(np.float32)
    profile = 1 / (1 + np.exp(np.clip((distance - rim) / (0.14 * radius), -30, 30)))
    count = int(rng.integers(11, 17))
    spicules = np.zeros_like(profile)
    for index in range(count):
        direction = 2 * np.pi * (index + rng.uniform(-0.3, 0.3)) / count
        length = radius * rng.uniform(*reach)
        ahead = x * np.cos(direction) + y * np.sin(direction)
        aside = -x * np.sin(direction) + y * np.cos(direction) + rng.uniform(-0.012, 0.012) * ahead**2
        taper = np.clip(1 - ahead / length, 0, 1)
        spicules = np.maximum(
            spicules, (ahead > 0) * np.sqrt(taper) * np.exp(-((aside / (half_width * (0.5 + taper))) ** 2))
        )
    return np.asarray(np.maximum(profile, 0.9 * spicules), dtype=np.float32)


def _calcifications(
    x: Image,
    y: Image,
    lesion: Lesion,
    diameter_mm: tuple[float, float],
    view: ViewPosition,
    step_mm: float,
    rng: np.random.Generator,
) -> Image:
    """Benign: 5 to 8 round and apart. Malignant: 26 to 38 fine and pleomorphic, strewn along a segment."""
    count = int(rng.integers(26, 39)) if lesion.malignant_look else int(rng.integers(5, 9))
    shrink = 0.5 if lesion.malignant_look else 1.0
    spread = rng.normal(0, 1, size=(count, 3)) * lesion.radius_mm
    spread *= (0.95, 0.40, 0.40) if lesion.malignant_look else (0.62, 0.62, 0.62)
    profile = np.zeros(np.broadcast_shapes(x.shape, y.shape), dtype=np.float32)
    for depth, lateral, superior in spread:
        dx, dy = x - depth, y + (lateral if view == "CC" else superior)
        size = rng.uniform(*diameter_mm) * shrink / 2
        ratio = rng.uniform(0.35, 0.8) if lesion.malignant_look else 1.0
        turn = rng.uniform(0, np.pi)
        along = dx * np.cos(turn) + dy * np.sin(turn)
        across = (-dx * np.sin(turn) + dy * np.cos(turn)) / ratio
        # A speck smaller than a pixel still darkens the film by its share of the pixel.
        drawn = max(size, 0.5 * step_mm)
        speck = np.exp(-(((along**2 + across**2) / drawn**2) ** 1.5)) * (size / drawn)
        profile = np.maximum(profile, np.float32(1.5 * rng.uniform(0.8, 1.0)) * speck)
    return np.asarray(profile, dtype=np.float32)


def _double(image: Image) -> Image:
    """Linear interpolation to twice the size (pixel centres a quarter apart)."""
    padded = np.pad(image, ((1, 1), (0, 0)), mode="edge")
    tall = np.empty((2 * image.shape[0], image.shape[1]), dtype=np.float32)
    tall[0::2] = 0.75 * image + 0.25 * padded[:-2]
    tall[1::2] = 0.75 * image + 0.25 * padded[2:]
    padded = np.pad(tall, ((0, 0), (1, 1)), mode="edge")
    wide = np.empty((tall.shape[0], 2 * tall.shape[1]), dtype=np.float32)
    wide[:, 0::2] = 0.75 * tall + 0.25 * padded[:, :-2]
    wide[:, 1::2] = 0.75 * tall + 0.25 * padded[:, 2:]
    return wide


def _halve(image: Image) -> Image:
    """Mean of 2 x 2 pixels."""
    rows, columns = image.shape[0] // 2, image.shape[1] // 2
    return np.asarray(image.reshape(rows, 2, columns, 2).mean(axis=(1, 3)), dtype=np.float32)
