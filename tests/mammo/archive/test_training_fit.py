"""The training array: crop, fit, flip, and boxes that map back. Pixels only, no DICOM."""

import numpy as np
import pytest

from mammo.archive.dicom.training_fit import TrainingFit, breast_box, training_fit, windowed

from .files import picture


@pytest.mark.parametrize("side", ["L", "R"])
def test_the_breast_fills_the_frame_with_the_chest_wall_at_the_left(side: str) -> None:
    image = picture(side, 480, 400)
    fit = training_fit(image, laterality=side, size=(126, 100))
    array = fit.apply(image.astype(np.float32) / 4095)
    assert array.shape == (126, 100)
    assert array[:, :10].mean() > 4 * max(1e-6, float(array[:, -10:].mean()))
    faithful = fit.apply(image.astype(np.float32) / 4095, faithful=True)
    assert np.array_equal(faithful, array[:, ::-1] if side == "R" else array)
    _top, left, height, width = breast_box(image)
    assert height < 480
    assert width < 300
    assert (left == 0) == (side == "L")


@pytest.mark.parametrize("faithful", [False, True])
@pytest.mark.parametrize("side", ["L", "R"])
def test_a_bright_lesion_is_where_its_mapped_box_says(side: str, faithful: bool) -> None:
    image = np.where(picture(side, 480, 400) > 0, 600, 0).astype(np.uint16)
    box = (60.0, 220.0, 24.0, 16.0) if side == "L" else (316.0, 220.0, 24.0, 16.0)
    x, y, width, height = (int(value) for value in box)
    image[y : y + height, x : x + width] = 4000
    fit = training_fit(image, laterality=side, size=(252, 200))
    array = fit.apply(image.astype(np.float32), faithful=faithful)
    rows, columns = np.nonzero(array > 3000)
    bx, by, bw, bh = fit.to_array(box, faithful=faithful)
    assert abs(columns.mean() + 0.5 - (bx + bw / 2)) < 1
    assert abs(rows.mean() + 0.5 - (by + bh / 2)) < 1


@pytest.mark.parametrize("seed", range(20))
def test_boxes_map_there_and_back(seed: int) -> None:
    rng = np.random.default_rng(seed)
    top, left = (int(value) for value in rng.integers(0, 500, 2))
    height, width = (int(value) for value in rng.integers(1, 3000, 2))
    flipped, faithful = bool(rng.integers(2)), bool(rng.integers(2))
    scale = min(1008 / height, 800 / width)
    fit = TrainingFit(top, left, height, width, scale, (1008, 800), flipped)
    again = TrainingFit.from_dict(fit.as_dict())
    box = (left + 3.0, top + 2.0, 17.0, 9.0)
    assert again.to_image(fit.to_array(box, faithful=faithful), faithful=faithful) == pytest.approx(box)


def test_windows_follow_the_formulas_of_the_standard() -> None:
    values = np.array([[0, 1000, 2047, 2048, 4095]], np.uint16)
    linear = windowed(values, center=2048, width=4096, function="LINEAR")
    assert linear[0] == pytest.approx([(v - 2047.5) / 4095 + 0.5 for v in values[0]], abs=1e-6)
    sigmoid = windowed(values, center=2048, width=1000, function="SIGMOID")
    assert sigmoid[0] == pytest.approx(
        [1 / (1 + np.exp(-4 * (float(v) - 2048) / 1000)) for v in values[0]], abs=1e-6
    )
