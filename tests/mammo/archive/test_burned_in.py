"""Text burned in at any grey is found; markers, tissue and noise are not text."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture
from PIL import ImageDraw, ImageFont

from mammo.archive.dicom.burned_in import text_lines
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
