"""What a synthetic patient's breasts hold, in millimetres: outline, density, lesions.

Nothing here is drawn on a grid: `phantom_rendering` turns an anatomy into an image of any size, so the
same seed gives the same breasts and the same lesions at 126 x 100 and at 1008 x 800.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np

Laterality = Literal["L", "R"]
ViewPosition = Literal["CC", "MLO"]
Density = Literal["A", "B", "C", "D"]
LesionKind = Literal["mass", "calcifications"]
PathologyClass = Literal["benign", "high_risk", "malignant"]
ConspicuityName = Literal["easy", "hard"]

FIELD_HEIGHT_MM = 201.6
FIELD_WIDTH_MM = 160.0
VIEWS: tuple[tuple[Laterality, ViewPosition], ...] = (("L", "CC"), ("L", "MLO"), ("R", "CC"), ("R", "MLO"))
DENSITIES: tuple[Density, ...] = ("A", "B", "C", "D")

# Share of the breast's area that is glandular, per ACR category (areas, not volumes).
GLANDULAR_FRACTION: Mapping[Density, tuple[float, float]] = MappingProxyType(
    {"A": (0.03, 0.10), "B": (0.16, 0.30), "C": (0.42, 0.60), "D": (0.74, 0.90)}
)


@dataclass(frozen=True)
class Conspicuity:
    """How easily a lesion is seen.

    `easy` lets networks of 0.3 M parameters learn benign from malignant from scratch on a hundred breasts at
    126 x 100; `hard` has the size and contrast of screening lesions, which such networks cannot learn.
    """

    name: ConspicuityName
    contrast: tuple[float, float]  # of a malignant lesion, added to an intensity scale of 0..1
    benign_contrast: float  # share of it that a benign lesion has: equal density, not high density
    radius_mm: tuple[float, float]  # of a mass
    mass_share: float  # the other lesions are calcifications
    calcification_mm: tuple[float, float]  # diameter of one benign calcification
    spicule_mm: float  # half width of a spicule at its root
    spicule_reach: tuple[float, float]  # length of a spicule in mass radii


CONSPICUITIES: Mapping[str, Conspicuity] = MappingProxyType(
    {
        "easy": Conspicuity("easy", (0.46, 0.58), 0.6, (12.0, 18.0), 0.85, (2.6, 3.6), 1.6, (2.0, 2.7)),
        "hard": Conspicuity("hard", (0.10, 0.18), 0.85, (3.0, 8.0), 0.60, (0.5, 1.0), 0.4, (1.4, 2.0)),
    }
)


@dataclass(frozen=True)
class Lesion:
    """One finding; its place is measured from the nipple so that CC and MLO agree about it."""

    laterality: Laterality
    kind: LesionKind
    malignant_look: bool
    scattered: bool  # a few coarse benign calcifications that nobody would biopsy
    nipple_distance_mm: float  # along the nipple axis, the same in both views
    lateral_mm: float  # + lateral, - medial: what CC shows
    superior_mm: float  # + superior, - inferior: what MLO shows
    radius_mm: float
    contrast: float
    seed: int

    @property
    def quadrant(self) -> Literal["UO", "UI", "LO", "LI"]:
        """Quadrant of the breast: upper or lower, outer or inner."""
        if self.superior_mm >= 0:
            return "UO" if self.lateral_mm >= 0 else "UI"
        return "LO" if self.lateral_mm >= 0 else "LI"


@dataclass(frozen=True)
class Breast:
    """One breast's shape and its lesions."""

    laterality: Laterality
    depth_mm: float  # chest wall to nipple
    half_width_mm: float  # CC, nipple axis to the lateral or medial edge
    half_height_mm: float  # MLO, nipple axis to the inframammary fold
    sag_mm: float  # MLO, how far the nipple hangs below the axis at the chest wall
    exponent: float  # of the super-ellipse; 2 is an ellipse
    glandular_fraction: float
    lesions: tuple[Lesion, ...]


@dataclass(frozen=True)
class Phantom:
    """One study's anatomy: two breasts of one density, and the seed of its textures."""

    seed: int
    density: Density
    conspicuity: ConspicuityName
    breasts: Mapping[Laterality, Breast]


@dataclass(frozen=True)
class PlannedLesion:
    """What a caller asks for in one breast; size, contrast and place are drawn."""

    laterality: Laterality
    malignant_look: bool
    kind: LesionKind | None = None  # None: drawn by the conspicuity's mass share
    scattered: bool = False  # as Lesion.scattered


def resolve_conspicuity(name: str) -> Conspicuity:
    """The setting called `name`; ValueError names the choices."""
    try:
        return CONSPICUITIES[name]
    except KeyError:
        choices = ", ".join(sorted(CONSPICUITIES))
        raise ValueError(f"conspicuity {name!r} is unknown: choose one of {choices}") from None


def draw_phantom(
    seed: int,
    *,
    density: Density,
    planned: tuple[PlannedLesion, ...] = (),
    conspicuity: str = "easy",
    texture_seed: int | None = None,
) -> Phantom:
    """Draw both breasts of one patient.

    seed: any non-negative integer; fixes shape and lesions (a returning patient keeps hers).
    texture_seed: fixes the textures of one study; `seed` where absent.
    Raises ValueError on an unknown density or conspicuity.
    """
    if density not in GLANDULAR_FRACTION:
        raise ValueError(f"density {density!r} is unknown: choose one of A, B, C, D")
    setting = resolve_conspicuity(conspicuity)
    shape = np.random.default_rng(np.random.SeedSequence([seed, 1]))
    depth, width = shape.uniform(98, 132), shape.uniform(66, 86)
    height, sag = shape.uniform(66, 80), shape.uniform(8, 22)
    exponent = shape.uniform(1.85, 2.15)
    low, high = GLANDULAR_FRACTION[density]
    fraction = shape.uniform(low, high)
    breasts: dict[Laterality, Breast] = {}
    for side in ("L", "R"):
        wobble = shape.uniform(0.96, 1.04, size=3)
        half_width, half_height = float(width * wobble[1]), float(height * wobble[2])
        lesions = tuple(
            _draw_lesion(seed, index, plan, setting, float(depth), half_width, half_height)
            for index, plan in enumerate(planned)
            if plan.laterality == side
        )
        breasts[side] = Breast(
            laterality=side,
            depth_mm=float(depth * wobble[0]),
            half_width_mm=half_width,
            half_height_mm=half_height,
            sag_mm=float(sag),
            exponent=float(exponent),
            glandular_fraction=float(np.clip(fraction * shape.uniform(0.97, 1.03), low, high)),
            lesions=lesions,
        )
    return Phantom(
        seed=seed if texture_seed is None else texture_seed,
        density=density,
        conspicuity=setting.name,
        breasts=MappingProxyType(breasts),
    )


def _draw_lesion(
    seed: int,
    index: int,
    plan: PlannedLesion,
    setting: Conspicuity,
    depth_mm: float,
    half_width_mm: float,
    half_height_mm: float,
) -> Lesion:
    rng = np.random.default_rng(np.random.SeedSequence([seed, 2, index]))
    kind: LesionKind = "mass" if rng.random() < setting.mass_share else "calcifications"
    if plan.scattered:
        kind = "calcifications"
    elif plan.kind is not None:
        kind = plan.kind
    radius = rng.uniform(14, 24) if plan.scattered else rng.uniform(*setting.radius_mm)
    # Cancers sit in the upper outer quadrant about half of the time.
    outer = rng.random() < 0.68
    upper = rng.random() < 0.68
    contrast = rng.uniform(*setting.contrast)
    return Lesion(
        laterality=plan.laterality,
        kind=kind,
        malignant_look=plan.malignant_look and not plan.scattered,
        scattered=plan.scattered,
        nipple_distance_mm=float(rng.uniform(0.34, 0.62) * depth_mm),
        lateral_mm=float((1 if outer else -1) * rng.uniform(0.12, 0.45) * half_width_mm),
        superior_mm=float((1 if upper else -1) * rng.uniform(0.12, 0.42) * half_height_mm),
        radius_mm=float(radius),
        contrast=float(contrast if plan.malignant_look else contrast * setting.benign_contrast),
        seed=int(rng.integers(2**31)),
    )
