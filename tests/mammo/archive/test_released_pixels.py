"""A released file shows no text that its examination did not see, and the greys of its source."""

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from mammo.archive.dicom.acceptance import examine
from mammo.archive.dicom.pixels import pixel_header, stored_values
from mammo.archive.dicom.prepared import normalise
from mammo.archive.dicom.preview import write_preview
from mammo.archive.dicom.refusal import Refusal
from mammo.archive.dicom.release import write_release
from mammo.archive.pseudonyms import Pseudonyms

from .files import mammogram, picture
from .test_burned_in import written
from .test_pixels import grey

NAME = "ZHANG SAN 1963"


def table(values: np.ndarray, first: int = 0) -> Dataset:
    item = Dataset()
    item.LUTDescriptor = [len(values), first, 16]
    item.LUTData = values.astype("<u2").tobytes()
    item["LUTData"].VR = "OW"
    return item


def named() -> np.ndarray:
    """A name beside the breast, in one grey that no other pixel has."""
    image = picture("L", 640, 560)
    image[written(NAME, 24, 4095) > 2700] = 4095
    return image


def released(source: Path) -> pydicom.FileDataset:
    target = source.with_name("released.dcm")
    write_release(target, examine(source), Pseudonyms(b"k" * 32), "release")
    return pydicom.dcmread(target)


def shown(path: Path) -> np.ndarray:
    """Displayed greys through the first window."""
    dataset = pydicom.dcmread(path)
    stored = stored_values(dataset)
    made = normalise(stored, pixel_header(dataset, stored))
    return grey(made.image.astype(float), made.windows[0].center, made.windows[0].width, made.voi_function)


@pytest.mark.parametrize(
    "padding",
    [{"PixelPaddingValue": 4095}, {"PixelPaddingValue": 4095, "PixelPaddingRangeLimit": 3000}],
    ids=["value", "range"],
)
def test_text_hidden_by_padding_is_not_released_and_a_person_sees_it(
    tmp_path: Path, padding: dict[str, int]
) -> None:
    path = mammogram(tmp_path / "a.dcm", image=named(), **padding)
    with pytest.raises(Refusal) as held:
        released(path)
    assert held.value.found["kind"] == "burned_in"
    assert not (tmp_path / "released.dcm").exists()
    assert len(write_preview(path, tmp_path / "a.png")["boxes"]) == 1


def test_text_below_nought_is_found_in_signed_values_too(tmp_path: Path) -> None:
    image = named().astype(np.int16) - 1000
    path = mammogram(
        tmp_path / "a.dcm", image=image, PixelRepresentation=1, BitsStored=16, HighBit=15, WindowCenter="1000"
    )
    stored = pydicom.dcmread(path)
    stored.add_new(0x00280120, "SS", 3095)
    stored.save_as(path)
    with pytest.raises(Refusal, match="burned-in"):
        released(path)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("side", ["L", "R"])
@pytest.mark.parametrize("kind", ["ModalityLUTSequence", "VOILUTSequence"])
def test_what_a_table_makes_of_the_values_is_released_with_the_same_greys(
    tmp_path: Path, kind: str, side: str, photometric: str
) -> None:
    """A name in a grey that the table maps to black is in no pixel of the released file."""
    image = named()
    if photometric == "MONOCHROME1":
        image = np.where(image == 4095, 4095, 3000 - image.clip(0, 3000))
    values = np.arange(4096) * 3 + 7
    values[3001:] = 9007 if photometric == "MONOCHROME1" else 7
    drop = ("WindowCenter", "WindowWidth") if kind == "VOILUTSequence" else ()
    more: dict[str, Any] = {kind: [table(values)], "drop": drop, "PhotometricInterpretation": photometric}
    # A right breast stored as a left one: the file says that its rows run the other way.
    path = mammogram(
        tmp_path / "a.dcm", image=image.astype(np.uint16), side=side, PatientOrientation=["A", "R"],
        WindowWidth="9000", WindowCenter="4500", **more,
    )  # fmt: skip
    file = released(path)
    assert "ModalityLUTSequence" not in file
    assert "VOILUTSequence" not in file
    assert np.abs(shown(tmp_path / "released.dcm") - shown(path)).max() < 1 / 255
    assert file.pixel_array.shape == image.shape
    assert int(file.pixel_array.max()) <= 9007 - 7 + 7


def test_without_a_table_the_stored_values_are_released(tmp_path: Path) -> None:
    image = picture().astype(np.int16) - 1000
    path = mammogram(
        tmp_path / "a.dcm", image=image, PixelRepresentation=1, RescaleSlope="2", RescaleIntercept="-10"
    )
    file = released(path)
    assert np.array_equal(file.pixel_array, image)
    assert (file.RescaleSlope, file.RescaleIntercept) == (2, -10)
    assert np.array_equal(shown(tmp_path / "released.dcm"), shown(path))


def test_padding_that_no_pixel_has_is_not_said(tmp_path: Path) -> None:
    image = picture()
    image[image == 1447] = 1448
    assert "PixelPaddingValue" not in released(
        mammogram(tmp_path / "a.dcm", image=image, PixelPaddingValue=1447)
    )
    assert (
        released(mammogram(tmp_path / "b.dcm", image=image, PixelPaddingValue=1448)).PixelPaddingValue == 1448
    )
