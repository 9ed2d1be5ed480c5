"""Viewing copies become grey images: window, orientation, aspect and padding."""

import imagecodecs
import numpy as np
import pytest
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, ExplicitVRLittleEndian

from modeling.data.preprocessing import ViewError, Window, fit, load_view

HTJ2K_LOSSLESS = UID("1.2.840.10008.1.2.4.201")


def write_copy(path, image, *, htj2k=True, **tags):
    """A grey DICOM file of 16-bit `image`, as HTJ2K or plain."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = HTJ2K_LOSSLESS if htj2k else ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = UID("1.2.3"), UID("1.2.3.4")
    file = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    file.SamplesPerPixel, file.PhotometricInterpretation = 1, "MONOCHROME2"
    file.Rows, file.Columns = image.shape
    file.BitsAllocated, file.BitsStored, file.HighBit, file.PixelRepresentation = 16, 12, 11, 0
    if htj2k:
        frame = bytes(imagecodecs.htj2k_encode(np.ascontiguousarray(image), reversible=True))
        file.PixelData = encapsulate([frame + b"\0" * (len(frame) % 2)])
        file["PixelData"].VR = "OB"
        file["PixelData"].is_undefined_length = True
    else:
        file.PixelData = image.tobytes()
        file["PixelData"].VR = "OW"
    for name, value in tags.items():
        setattr(file, name, value)
    file.save_as(path, enforce_file_format=True)
    return path


@pytest.fixture
def ramp():
    """0..4095 from left to right, 40 x 32."""
    return np.tile(np.linspace(0, 4095, 32).round().astype(np.uint16), (40, 1))


@pytest.mark.parametrize("htj2k", [True, False])
def test_the_files_own_window_is_applied(tmp_path, ramp, htj2k):
    path = write_copy(tmp_path / "v.dcm", ramp, htj2k=htj2k, WindowCenter="2048", WindowWidth="1024")
    found = load_view(path, height=40, width=32, laterality="L")
    expected = np.clip((ramp.astype(float) - 2047.5) / 1023 + 0.5, 0, 1) * 255
    assert found.dtype == np.uint8
    assert np.abs(found - expected).max() <= 0.51


def test_a_given_window_overrules_the_files(tmp_path, ramp):
    path = write_copy(tmp_path / "v.dcm", ramp, WindowCenter="2048", WindowWidth="1024")
    found = load_view(path, height=40, width=32, laterality="L", window=Window(1000, 500, "LINEAR_EXACT"))
    expected = np.clip((ramp.astype(float) - 1000) / 500 + 0.5, 0, 1) * 255
    assert np.abs(found - expected).max() <= 0.51


def test_a_sigmoid_window_is_a_sigmoid(tmp_path, ramp):
    tags = {"WindowCenter": "2000", "WindowWidth": "800", "VOILUTFunction": "SIGMOID"}
    found = load_view(write_copy(tmp_path / "v.dcm", ramp, **tags), height=40, width=32, laterality="L")
    expected = 255 / (1 + np.exp(-4 * (ramp.astype(float) - 2000) / 800))
    assert np.abs(found - expected).max() <= 0.51


def test_the_first_of_several_windows_counts(tmp_path, ramp):
    two = write_copy(tmp_path / "2.dcm", ramp, WindowCenter=["2048", "100"], WindowWidth=["1024", "10"])
    one = write_copy(tmp_path / "1.dcm", ramp, WindowCenter="2048", WindowWidth="1024")
    size = {"height": 40, "width": 32, "laterality": "L"}
    assert np.array_equal(load_view(two, **size), load_view(one, **size))


def test_without_a_window_the_breast_fills_the_range_and_background_stays_black(tmp_path):
    image = np.zeros((40, 32), np.uint16)
    image[10:30, :16] = np.linspace(800, 1200, 16).round()
    found = load_view(write_copy(tmp_path / "v.dcm", image), height=40, width=32, laterality="L")
    assert found[:, 16:].max() == 0
    assert found[10:30, :16].max() == 255


def test_monochrome1_is_inverted_once(tmp_path, ramp):
    window = {"WindowCenter": "2048", "WindowWidth": "4096"}
    plain = write_copy(tmp_path / "2.dcm", ramp, **window)
    inverted = write_copy(tmp_path / "1.dcm", 4095 - ramp, PhotometricInterpretation="MONOCHROME1", **window)
    size = {"height": 40, "width": 32, "laterality": "L"}
    difference = load_view(plain, **size).astype(int) - load_view(inverted, **size)
    assert np.abs(difference).max() <= 1


@pytest.mark.parametrize(("laterality", "left", "right"), [("L", 0, 10), ("R", 10, 20)])
def test_padding_lies_away_from_the_chest_wall(laterality, left, right):
    frame = fit(np.ones((40, 20), np.float32), height=20, width=20, laterality=laterality)
    assert (frame[:, left:right] == 255).all()
    assert frame.sum() == 255 * 20 * 10


def test_aspect_is_kept_and_pixels_are_averaged_by_area():
    grey = np.random.default_rng(0).random((40, 24)).astype(np.float32)
    frame = fit(grey, height=10, width=6, laterality="L")
    blocks = grey.reshape(10, 4, 6, 4).mean((1, 3)) * 255
    assert np.abs(frame - blocks).max() <= 0.51
    wide = fit(np.ones((10, 40), np.float32), height=20, width=20, laterality="L")
    assert (wide > 0).sum() == 5 * 20


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "no such file"), (b"", "not a readable DICOM"), (b"x" * 300, "not a readable")],
)
def test_an_unreadable_file_is_named(tmp_path, content, message):
    path = tmp_path / "v.dcm"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ViewError, match=rf"v\.dcm: {message}"):
        load_view(path, height=4, width=4, laterality="L")


def test_broken_pixels_are_named(tmp_path, ramp):
    path = write_copy(tmp_path / "v.dcm", ramp)
    path.write_bytes(path.read_bytes()[:-400])
    with pytest.raises(ViewError, match=r"v\.dcm"):
        load_view(path, height=4, width=4, laterality="L")
