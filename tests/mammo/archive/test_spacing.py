"""Millimetres per pixel at the breast, by the rules of PS3.3 10.7.1, and whether they are an estimate."""

from typing import Any

import pytest
from pydicom import Dataset

from mammo.archive.dicom.header import read_header

CORRECTED, DETECTOR = ["0.0607", "0.0608"], ["0.065", "0.066"]


@pytest.mark.parametrize(
    ("pixel", "detector", "factor", "calibration", "spacing", "estimated"),
    [
        # Calibrated, and it is said how.
        (CORRECTED, DETECTOR, "1.07", "GEOMETRY", [0.0607, 0.0608], False),
        (CORRECTED, DETECTOR, None, "FIDUCIAL", [0.0607, 0.0608], False),
        (CORRECTED, None, None, "GEOMETRY", [0.0607, 0.0608], False),
        # Other values than the detector's: corrected, nobody says how.
        (CORRECTED, DETECTOR, "1.07", None, [0.0607, 0.0608], True),
        # Without the detector's it cannot be determined whether it was corrected.
        (CORRECTED, None, None, None, [0.0607, 0.0608], True),
        # The detector's own, named twice: not corrected, whatever the type says.
        (DETECTOR, DETECTOR, "1.07", None, [0.065 / 1.07, 0.066 / 1.07], True),
        (DETECTOR, DETECTOR, "1.07", "GEOMETRY", [0.065 / 1.07, 0.066 / 1.07], True),
        (None, DETECTOR, "1.8", None, [0.065 / 1.8, 0.066 / 1.8], True),
        (None, DETECTOR, None, None, [0.065, 0.066], True),
        # No magnification makes an image smaller, none is that large; no pixel is that large.
        (None, DETECTOR, "0.5", None, [0.065, 0.066], True),
        (None, DETECTOR, "65", None, [0.065, 0.066], True),
        (["65", "65"], DETECTOR, None, "GEOMETRY", [0.065, 0.066], True),
        (None, None, "1.07", None, None, True),
    ],
)
def test_spacing_is_that_at_the_breast_as_far_as_it_is_known(
    pixel: Any, detector: Any, factor: Any, calibration: Any, spacing: list[float] | None, estimated: bool
) -> None:
    dataset = Dataset()
    for keyword, value in (
        ("PixelSpacing", pixel), ("ImagerPixelSpacing", detector), ("PixelSpacingCalibrationType", calibration),
        ("EstimatedRadiographicMagnificationFactor", factor),
    ):  # fmt: skip
        if value is not None:
            setattr(dataset, keyword, value)
    header = read_header(dataset)
    assert (header.spacing, header.spacing_estimated) == (spacing and pytest.approx(spacing), estimated)
