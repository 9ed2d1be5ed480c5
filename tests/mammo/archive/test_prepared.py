"""Viewing copy, training array and thumbnail of one image come from one function of pixels and a small header."""

import subprocess
import sys
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
import pytest
from PIL import Image as Picture

from mammo.archive.dicom.acceptance import examine
from mammo.archive.dicom.prepared import Lut, PixelHeader, Window, prepare
from mammo.archive.dicom.refusal import Refusal
from mammo.archive.dicom.viewing_copy import write_viewing_copy

from .conftest import ROOT
from .files import mammogram, picture
from .test_limits_of_a_reader import answers

WINDOW = (Window(2048, 4096, "NORMAL"),)


def test_no_dicom_library_is_needed() -> None:
    """The function runs where pydicom can't be imported."""
    program = (
        "import sys; sys.modules['pydicom'] = None\n"
        "import numpy as np\n"
        "from mammo.archive.dicom.prepared import PixelHeader, prepare\n"
        "image = np.zeros((200, 160), np.uint16); image[40:160, :90] = 3000; image[60:70, 20:40] = 4000\n"
        "made = prepare(image, PixelHeader())\n"
        "print(made.image.shape, made.training_array().shape, made.thumbnail().size)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT / "platform",
    )  # fmt: skip
    assert done.stdout.strip() == "(200, 160) (1008, 800) (192, 240)"


@pytest.mark.parametrize("side", ["L", "R"])
def test_all_three_show_the_same_breast(side: str) -> None:
    stored = picture(side, 480, 400)
    made = prepare(stored, PixelHeader(laterality=side, windows=WINDOW))
    assert np.array_equal(made.image, stored)
    array, faithful = made.training_array(), made.training_array(faithful=True)
    assert array.shape == (1008, 800)
    assert array[:, :100].mean() > 4 * array[:, -100:].mean(), "the chest wall lies at the left"
    assert np.array_equal(faithful, array[:, ::-1] if side == "R" else array)
    small = np.asarray(made.thumbnail(), float)
    assert small.shape == (240, 200)
    whole = np.asarray(
        Picture.fromarray(made.greys()).resize((200, 240), Picture.Resampling.BOX), float
    )  # fmt: skip
    assert np.abs(small / 255 - whole).max() < 2 / 255


def test_the_header_says_how_pixels_become_greys() -> None:
    """Inverted exactly once, padding black, mirrored back, the window moved along."""
    breast = picture("L", 200, 160)
    stored = (4095 - breast)[:, ::-1].copy()
    stored[:20, :20] = 5000
    header = PixelHeader(
        laterality="L", is_mirrored=True, is_inverted=True, slope=0.5, intercept=-100,
        windows=(Window(900, 1800, "NORMAL"),), padding=(5000, 5000),
    )  # fmt: skip
    made = prepare(stored, header)
    plain = prepare(breast, PixelHeader(windows=WINDOW))
    assert made.image[0, -1] == made.image.min()
    assert np.argmax(made.greys().mean(axis=0)) == np.argmax(plain.greys().mean(axis=0))
    values = stored[:, ::-1].astype(float) * 0.5 - 100
    expected = 1 - np.clip((values - 899.5) / 1799 + 0.5, 0, 1)
    inside = stored[:, ::-1] != 5000
    assert np.abs(made.greys() - expected)[inside].max() < 1 / 255
    again = prepare(stored, header)
    assert np.array_equal(again.image, made.image)
    assert again.windows == made.windows


def test_a_table_of_eight_bits_maps_twelve_bit_values() -> None:
    """An index above 255 is no index modulo 256."""
    made = prepare(picture(), PixelHeader(voi_lut=Lut(0, (np.arange(4096) // 16).astype(np.uint16))))
    assert made.voi_baked
    assert np.array_equal(made.image, picture() // 16)


def test_a_transform_that_makes_no_numbers_is_refused() -> None:
    with pytest.raises(Refusal, match="rescale"):
        prepare(picture(), PixelHeader(slope=float("inf")))


def test_the_import_writes_what_the_function_makes(tmp_path: Path) -> None:
    path = mammogram(
        tmp_path / "a.dcm", image=4095 - picture("R", 300, 200), side="R", PatientOrientation=["P", "L"],
        PhotometricInterpretation="MONOCHROME1", RescaleSlope="1", RescaleIntercept="-50",
    )  # fmt: skip
    made = prepare(
        4095 - picture("R", 300, 200),
        PixelHeader(laterality="R", is_inverted=True, intercept=-50, windows=WINDOW),
    )
    (answer,) = answers([path], tmp_path)
    assert answer["outcome"] == "imported", answer
    copy = pydicom.dcmread(tmp_path / "out-0.dcm")
    assert np.array_equal(copy.pixel_array, made.image)
    assert (float(copy.WindowCenter), float(copy.WindowWidth)) == (
        made.windows[0].center,
        made.windows[0].width,
    )
    assert answer["image"]["training_fit"] == {**made.fit.as_dict(), "size": list(made.fit.size)}
    with Picture.open(tmp_path / "out-0.png") as small:
        assert np.array_equal(np.asarray(small), np.asarray(made.thumbnail()))
    assert np.array_equal(examine(path).prepared.training_array(), made.training_array())


@pytest.mark.parametrize("spoilt", ["a pixel", "a lossy stream", "half the frame"])
def test_a_viewing_copy_that_does_not_decode_to_its_image_is_noticed_and_gone(
    tmp_path: Path, spoilt: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An encoder that errs: what it wrote is read back before it counts."""
    image = picture("L", 200, 160)
    encode = imagecodecs.htj2k_encode

    def err(pixels: np.ndarray, **how: object) -> bytes:
        if spoilt == "a pixel":
            pixels = pixels.copy()
            pixels[50, 20] ^= 1
        if spoilt == "a lossy stream":
            return bytes(encode(pixels, reversible=False, level=0.01))
        whole = bytes(encode(pixels, **how))
        return whole[: len(whole) // 2] if spoilt == "half the frame" else whole

    def write() -> None:
        write_viewing_copy(
            tmp_path / "copy.dcm", image, bits_stored=12, laterality="L", view="CC",
            uids={"study": "1.2.3", "series": "1.2.4", "sop": "1.2.5"},
        )  # fmt: skip

    write()
    (tmp_path / "copy.dcm").unlink()
    monkeypatch.setattr("mammo.archive.dicom.viewing_copy.imagecodecs.htj2k_encode", err)
    with pytest.raises(RuntimeError, match="does not decode"):
        write()
    assert not list(tmp_path.iterdir())
