"""Normalised images show the same greys as the stored ones, whatever the vendor stored (PS3.3 C.11.2)."""

from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset

from mammo.archive.dicom.pixels import pixel_header, stored_values
from mammo.archive.dicom.prepared import Prepared, normalise
from mammo.archive.dicom.reading import read_dicom
from mammo.archive.dicom.refusal import Refusal

from .compressed import JPEG_LS, codestream, compressed
from .files import mammogram, picture


def normalised(path: Path) -> Prepared:
    dataset = read_dicom(path)
    stored = stored_values(dataset)
    return normalise(stored, pixel_header(dataset, stored))


def grey(values: np.ndarray, center: float, width: float, function: str) -> np.ndarray:
    """Displayed grey 0..1 by the formulas of PS3.3 C.11.2.1.2 and C.11.2.1.3."""
    if function == "SIGMOID":
        return 1 / (1 + np.exp(-4 * (values - center) / width))
    if function == "LINEAR":
        return np.clip((values - (center - 0.5)) / (width - 1) + 0.5, 0, 1)
    return np.clip((values - center) / width + 0.5, 0, 1)


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize(("slope", "intercept"), [("1", "0"), ("1", "-1024"), ("0.5", "-100")])
def test_greys_are_those_of_the_stored_image(
    tmp_path: Path, function: str, photometric: str, slope: str, intercept: str
) -> None:
    path = mammogram(
        tmp_path / "a.dcm",
        PhotometricInterpretation=photometric,
        RescaleSlope=slope,
        RescaleIntercept=intercept,
        WindowCenter="700",
        WindowWidth="900",
        VOILUTFunction=function,
    )
    stored = picture().astype(float) * float(slope) + float(intercept)
    expected = grey(stored, 700, 900, function)
    if photometric == "MONOCHROME1":
        expected = 1 - expected
    found = normalised(path)
    window = found.windows[0]
    shown = grey(found.image.astype(float), window.center, window.width, found.voi_function)
    assert np.abs(shown - expected).max() < 1 / 255


def test_padding_becomes_the_minimum_in_monochrome1_too(tmp_path: Path) -> None:
    image = picture()
    image[image == 0] = 4095
    image[:5, -5:] = 4000
    path = mammogram(
        tmp_path / "a.dcm",
        image=image,
        PhotometricInterpretation="MONOCHROME1",
        PixelPaddingValue=4095,
        PixelRepresentation=0,
    )
    found = normalised(path)
    assert set(found.image[image == 4095]) == {found.image.min()}


def test_padding_is_a_range_where_the_file_gives_a_limit(tmp_path: Path) -> None:
    image = picture()
    image[:5, -10:] = np.repeat([4000, 4050, 4095, 3999, 4096 - 1], 2)
    path = mammogram(tmp_path / "a.dcm", image=image, PixelPaddingValue=4095, PixelPaddingRangeLimit=4000)
    found = normalised(path)
    padded = (image >= 4000) & (image <= 4095)
    assert padded.sum() == 40
    assert set(found.image[padded]) == {found.image[~padded].min()}
    assert np.array_equal(found.image[~padded], image[~padded]), "3999 lies outside the range and stays"


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_a_modality_lut_sequence_is_applied_before_the_window(tmp_path: Path, photometric: str) -> None:
    lut = Dataset()
    lut.LUTDescriptor = [4096, 0, 16]
    lut.LUTData = (np.arange(4096) * 3 + 7).astype("<u2").tobytes()
    lut["LUTData"].VR = "OW"
    lut.ModalityLUTType = "US"
    path = mammogram(
        tmp_path / "a.dcm",
        ModalityLUTSequence=[lut],
        PhotometricInterpretation=photometric,
        WindowCenter="4000",
        WindowWidth="5000",
    )
    found = normalised(path)
    through = picture().astype(float) * 3 + 7
    expected = grey(through, 4000, 5000, "LINEAR")
    window = found.windows[0]
    shown = grey(found.image.astype(float), window.center, window.width, found.voi_function)
    assert np.abs(shown - (1 - expected if photometric == "MONOCHROME1" else expected)).max() < 1 / 255
    if photometric == "MONOCHROME2":
        assert np.array_equal(found.image, through)


def test_a_voi_lut_is_applied_only_where_there_is_no_window(tmp_path: Path) -> None:
    lut = Dataset()
    lut.LUTDescriptor = [4096, 0, 16]
    lut.LUTData = np.minimum(np.arange(4096) * 4, 65535).astype("<u2").tobytes()
    lut["LUTData"].VR = "OW"
    baked = normalised(
        mammogram(tmp_path / "a.dcm", VOILUTSequence=[lut], drop=("WindowCenter", "WindowWidth"))
    )
    assert baked.voi_baked
    assert np.array_equal(baked.image, picture() * 4)
    kept = normalised(mammogram(tmp_path / "b.dcm", VOILUTSequence=[lut]))
    assert not kept.voi_baked
    assert np.array_equal(kept.image, picture())


def test_bits_above_the_stored_ones_are_cleared(tmp_path: Path) -> None:
    image = picture()
    image[10:20, 10:20] |= 0x8000  # where old machines kept an overlay
    found = normalised(mammogram(tmp_path / "a.dcm", image=image))
    assert np.array_equal(found.image, image & 0x0FFF)


def test_a_window_without_a_usable_width_is_none(tmp_path: Path) -> None:
    found = normalised(mammogram(tmp_path / "a.dcm", WindowCenter=["2048", "100"], WindowWidth=["0", "200"]))
    assert [(window.center, window.width) for window in found.windows] == [(100, 200)]
    estimated = normalised(mammogram(tmp_path / "b.dcm", drop=("WindowWidth",)))
    assert "window_estimated" in estimated.flags
    assert estimated.windows[0].width > 100


@pytest.mark.parametrize("is_compressed", [False, True])
def test_bits_above_the_stored_ones_are_the_sign_of_signed_values(
    tmp_path: Path, is_compressed: bool
) -> None:
    """Where old machines kept an overlay; JPEG-LS knows no sign."""
    image = picture().astype(np.int16) - 1000
    pattern = image.view(np.uint16) & 0x0FFF
    pattern[10:20, 10:20] |= 0x4000
    path = mammogram(tmp_path / "a.dcm", image=pattern, PixelRepresentation=1)
    if is_compressed:
        compressed(path, codestream(pattern & 0x0FFF, JPEG_LS), JPEG_LS, PixelRepresentation=1)
    assert np.array_equal(stored_values(read_dicom(path)), image)


@pytest.mark.parametrize(
    ("center", "width"),
    [("882134", "4096"), ("-882134", "4096"), ("2048", "882134"), ("2048", "0.5"), ("44881", "4096")],
)
def test_a_number_far_from_the_image_is_no_window(tmp_path: Path, center: str, width: str) -> None:
    path = mammogram(tmp_path / "a.dcm", WindowCenter=[center, "1500"], WindowWidth=[width, "2000"])
    assert [(window.center, window.width) for window in normalised(path).windows] == [(1500, 2000)]


def test_a_dark_image_keeps_the_window_of_its_detector(tmp_path: Path) -> None:
    path = mammogram(tmp_path / "a.dcm", image=picture() // 8)
    assert [(window.center, window.width) for window in normalised(path).windows] == [(2048, 4096)]


def test_windows_and_the_rescaling_keep_six_digits(tmp_path: Path) -> None:
    path = mammogram(
        tmp_path / "a.dcm",
        WindowCenter="2077.310155",
        WindowWidth="3077.310155",
        RescaleIntercept="-107.7310155",
    )
    found = normalised(path)
    scale = 65535 / picture().max()
    assert [(window.center, window.width) for window in found.windows] == [
        (float(f"{(2077.31 + 107.731) * scale:.6g}"), float(f"{3077.31 * scale:.6g}"))
    ]


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_a_window_of_values_rescaled_to_one_is_kept(tmp_path: Path, function: str) -> None:
    path = mammogram(
        tmp_path / "a.dcm",
        RescaleSlope=f"{1 / 4096}",
        WindowCenter="0.3",
        WindowWidth="0.4",
        VOILUTFunction=function,
    )
    found = normalised(path)
    assert "window_estimated" not in found.flags
    exact = "LINEAR_EXACT" if function == "LINEAR" else function
    expected = grey(picture() / 4096, 0.3, 0.4, exact)
    window = found.windows[0]
    shown = grey(found.image.astype(float), window.center, window.width, found.voi_function)
    assert np.abs(shown - expected).max() < 1 / 255


def test_a_transform_that_makes_one_value_of_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="the image is empty"):
        normalised(mammogram(tmp_path / "a.dcm", RescaleSlope="0"))
