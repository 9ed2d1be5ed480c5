"""The quicker ways of reading a picture give what the plain ones give: by the value, and by the quicker decoder."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.pixels import pixel_array
from pydicom.pixels.decoders import pylibjpeg as decoders

from mammo.archive.dicom import prepared
from mammo.archive.dicom.pixels import stored_values
from mammo.archive.dicom.prepared import Lut, PixelHeader, Window, normalise
from mammo.archive.dicom.reading import read_dicom

from .compressed import J2K, codestream, compressed
from .files import picture

_LUT = Lut(-3, (np.arange(400, dtype=np.uint16) * 7) % 911)


@given(
    dtype=st.sampled_from([np.uint8, np.int8, np.uint16, np.int16]),
    seed=st.integers(0, 2**32 - 1),
    header=st.builds(
        PixelHeader,
        is_inverted=st.booleans(),
        slope=st.sampled_from([1.0, 0.5, -1.5, 3.0]),
        intercept=st.sampled_from([0.0, -1024.0, 0.25]),
        modality_lut=st.sampled_from([None, None, _LUT]),
        windows=st.sampled_from([(), (Window(100, 200, "NORMAL"),)]),
        voi_function=st.sampled_from(["LINEAR", "LINEAR_EXACT", "SIGMOID", "LOG"]),
        voi_lut=st.sampled_from([None, _LUT]),
        padding=st.sampled_from([None, (0, 0), (5, 20), (-9, 300), (7000, 8000)]),
    ),
)
@settings(max_examples=300, deadline=None, derandomize=True)
def test_each_value_transformed_once_gives_what_each_pixel_does(
    dtype: type[Any], seed: int, header: PixelHeader
) -> None:
    limits = np.iinfo(dtype)
    rng = np.random.default_rng(seed)
    low, high = sorted(rng.integers(limits.min, limits.max, 2, endpoint=True))
    stored = rng.integers(low, high, (300, 5), endpoint=True).astype(dtype)
    stored[0, 0] = stored[-1, -1] ^ 1  # never all the same
    by_table = prepared._normalised_by_table(stored, header)
    by_pixel = prepared._normalised(stored, header)
    np.testing.assert_array_equal(by_table.image, by_pixel.image)
    assert (by_table.windows, by_table.flags, by_table.voi_baked) == (
        by_pixel.windows, by_pixel.flags, by_pixel.voi_baked,
    )  # fmt: skip


def test_a_rescaled_picture_is_read_by_the_table_and_a_plain_one_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes: list[int] = []
    plain = prepared._modality_values

    def counted(stored: np.ndarray, header: PixelHeader) -> np.ndarray:
        sizes.append(stored.size)
        return plain(stored, header)

    monkeypatch.setattr(prepared, "_modality_values", counted)
    stored = picture() % 50
    normalise(stored, PixelHeader(slope=1.5))
    normalise(stored.astype(np.int32) * 9999, PixelHeader(slope=1.5))
    normalise(stored, PixelHeader())
    assert sizes == [50, stored.size, stored.size]


@pytest.mark.parametrize("signed", [False, True])
def test_the_quicker_decoder_of_jpeg_2000_gives_what_the_other_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, signed: bool
) -> None:
    image = picture(seed=3).astype(np.int16) - 900 if signed else picture(seed=3)
    values = {"PixelRepresentation": int(signed), "BitsStored": 16, "HighBit": 15}
    path = compressed(tmp_path / "a.dcm", codestream(image, J2K), J2K, **values)
    used: list[int] = []
    ((name, plain),) = decoders._DECODERS[J2K].items()

    def counted(*args: Any, **kwargs: Any) -> Any:
        used.append(1)
        return plain(*args, **kwargs)

    monkeypatch.setitem(decoders._DECODERS, J2K, {name: counted})
    quicker = stored_values(read_dicom(path))
    np.testing.assert_array_equal(quicker, image)
    np.testing.assert_array_equal(quicker, pixel_array(path, decoding_plugin="gdcm"))
    assert len(used) == 1


def test_what_the_quicker_decoder_cannot_read_another_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = picture(seed=4)
    path = compressed(tmp_path / "a.dcm", codestream(image, J2K), J2K)

    def fail(*args: object, **kwargs: object) -> None:
        raise RuntimeError("not by this one")

    monkeypatch.setitem(decoders._DECODERS, J2K, {"openjpeg": fail})
    np.testing.assert_array_equal(stored_values(read_dicom(path)), image)
