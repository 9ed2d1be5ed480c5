"""Text burned in at any grey is found; markers, tissue and noise are not text."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture
from PIL import ImageDraw, ImageFont

from mammo.archive.dicom.burned_in import text_lines
from mammo.archive.dicom.marker_words import is_marker
from tests.conftest import missing

from .files import picture

CHINESE = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc")


def written(
    text: str,
    size: int,
    grey: int,
    *,
    turned: bool = False,
    on_label: bool = False,
    mirrored: bool = False,
    font: str = "",
) -> np.ndarray:
    """A mammogram with a text beside the breast, in one grey."""
    image = picture("L", 640, 560)
    letters = ImageFont.truetype(font, size) if font else ImageFont.load_default(size)
    left, top, right, bottom = letters.getbbox(text)
    canvas = Picture.new("L", (int(right - left) + 20, int(bottom - top) + 20))
    ImageDraw.Draw(canvas).text((10 - left, 10 - top), text, fill=255, font=letters)
    ink = np.array(canvas) / 255.0
    ink = np.rot90(ink) if turned else ink[:, ::-1] if mirrored else ink
    place = image[20 : 20 + ink.shape[0], 560 - 20 - ink.shape[1] : 540]
    ground = np.full(place.shape, 3500.0) if on_label else place.astype(float)
    place[:] = np.round(ground * (1 - ink) + grey * ink)
    return image


@pytest.mark.parametrize("grey", [60, 700, 4095])
@pytest.mark.parametrize("text", ["ZHANG SAN 1963", "2019-03-11", "LI NA", "Anna Smith", "ID:448812"])
def test_a_line_beside_the_breast_is_found_at_any_grey(text: str, grey: int) -> None:
    assert len(text_lines(written(text, 24, grey))) == 1


@pytest.mark.parametrize("options", [{"turned": True}, {"on_label": True, "grey": 300}, {"mirrored": True}])
def test_a_line_along_the_side_on_a_label_or_mirrored_is_found(options: dict[str, int]) -> None:
    assert text_lines(written("CHEN HUA 52Y", 22, **{"grey": 2000, **options}))


@pytest.mark.parametrize("text", ["李娜", "王小芳", "姓名：欧阳静 年龄：52", "北京某医院放射科"])
@pytest.mark.parametrize("grey", [300, 3000])
def test_a_chinese_name_is_found(text: str, grey: int) -> None:
    if not CHINESE.exists():
        missing("no Chinese font is installed (Debian: fonts-noto-cjk)")
    assert text_lines(written(text, 30, grey, font=str(CHINESE)))


@pytest.mark.parametrize("text", ["RMLO", "L CC", "LMLO", "RCC", "XCCL", "R"])
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_marker_passes_also_mirrored(text: str, mirrored: bool) -> None:
    assert text_lines(written(text, 26, 4095, mirrored=mirrored)) == []


@pytest.mark.parametrize("seed", range(4))
def test_tissue_noise_and_calcifications_are_no_text(seed: int) -> None:
    rng = np.random.default_rng(seed)
    image = picture("R", 500, 420, seed=seed)
    for x, y in rng.integers((300, 150), (410, 350), (12, 2)):
        image[y - 1 : y + 2, x - 1 : x + 2] = 4095
    assert text_lines(image) == []


def lettered(text: str, size: int) -> np.ndarray:
    """Letters on black, 0..1."""
    letters = ImageFont.load_default(size)
    left, top, right, bottom = letters.getbbox(text)
    canvas = Picture.new("L", (int(right - left), int(bottom - top)))
    ImageDraw.Draw(canvas).text((-left, -top), text, fill=255, font=letters)
    return np.array(canvas) / 255.0


@pytest.mark.parametrize("edge", ["top", "bottom"])
@pytest.mark.parametrize("cut", [0, 4])
@pytest.mark.parametrize(("grey", "ground"), [(3000, 0), (0, 3500)])
def test_a_line_at_the_edge_that_may_cut_it_is_found(edge: str, cut: int, grey: int, ground: int) -> None:
    image, ink = picture("L", 640, 560), lettered("ZHANG SAN 1963", 24)
    ink = ink[cut:] if edge == "top" else ink[: len(ink) - cut]
    rows = slice(0, len(ink)) if edge == "top" else slice(640 - len(ink), 640)
    if ground:  # a bright label as high as the line and a margin
        image[slice(0, 60) if edge == "top" else slice(580, 640), 300:] = ground
    place = image[rows, 340 : 340 + ink.shape[1]]
    place[:] = np.round(place * (1 - ink) + grey * ink)
    assert text_lines(image)


@pytest.mark.parametrize("ruling", ["underline", "frame"])
def test_a_line_that_touches_its_underline_or_frame_is_found(ruling: str) -> None:
    image, ink = picture("L", 640, 560), lettered("LI NA 1963-04", 24)
    height, width = ink.shape
    ink[-1:] = 1
    if ruling == "frame":
        ink[:1] = ink[:, :1] = ink[:, -1:] = 1
    image[40 : 40 + height, 340 : 340 + width] = np.round(3000 * ink)
    assert text_lines(image)


@pytest.mark.parametrize("size", [160, 300])
def test_large_lettering_is_found(size: int) -> None:
    image, ink = picture("L", 1400, 1900), lettered("LIU", size)
    place = image[40 : 40 + len(ink), 1900 - 40 - ink.shape[1] : 1860]
    place[:] = np.maximum(place, np.round(3000 * ink))
    assert text_lines(image)


@pytest.mark.parametrize("grey", [8, 14])
def test_a_line_as_faint_as_two_thousandths_of_the_range_is_found(grey: int) -> None:
    image = written("ZHANG SAN 1963", 24, grey)
    image[-1, 0] = 4095
    assert text_lines(image)


@pytest.mark.parametrize("text", ["RIO", "LIO"])
def test_a_name_that_looks_like_a_side_and_a_word_is_no_marker(text: str) -> None:
    assert text_lines(written(text, 26, 4095))


@pytest.mark.parametrize("word", ["LI", "MI", "SI", "LS", "RS", "RM", "S", "IL"])
def test_two_letters_of_a_name_are_no_marker(word: str) -> None:
    ink = lettered(word, 26)
    assert not is_marker(ink > 0.3, (ink * 4095).astype(np.uint16))


@pytest.mark.parametrize("word", ["R", "LM", "ML", "RCC", "LMLO", "LXCCL", "RCCM", "LCCS"])
def test_a_word_of_the_list_of_markers_is_one(word: str) -> None:
    ink = lettered(word, 26)
    assert is_marker(ink > 0.3, (ink * 4095).astype(np.uint16))
