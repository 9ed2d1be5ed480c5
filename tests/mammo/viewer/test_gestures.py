"""Moving the picture: pan by drag and by key, upside down, and a screen with two device pixels for each of CSS."""

import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from tests.mammo.viewer.study_server import four_views, served
from tests.mammo.viewer.test_viewer import open_study, press, read_canvas, slots

pytestmark = pytest.mark.browser
# A grid of places around the phantom's bright spot, in CSS pixels from a view's middle.
AROUND = [(dx, dy) for dx in range(-60, 61, 20) for dy in range(-60, 61, 20)]


def greys(page: Page, slot: str, places: list[tuple[float, float]]) -> np.ndarray:
    return np.array(read_canvas(page, slot, places)["greys"], float)


def test_a_drag_with_the_pan_tool_and_the_arrows_move_the_picture_by_that_much(page: Page) -> None:
    with served(four_views()) as address:
        open_study(page, address)
        press(page, "1")
        size = read_canvas(page, "LCC")
        places = [(100 + dx, size["height"] / 2 + dy) for dx, dy in AROUND]
        before = greys(page, "LCC", places)
        assert before.std() > 2
        other = greys(page, "RCC", places)
        press(page, "p")
        box = page.locator("[data-slot=LCC]").bounding_box()
        page.mouse.move(box["x"] + 100, box["y"] + 150)
        page.mouse.down()
        page.mouse.move(box["x"] + 130, box["y"] + 140, steps=5)
        page.mouse.up()
        moved = greys(page, "LCC", [(x + 30, y - 10) for x, y in places])
        assert np.abs(moved - before).max() <= 3
        assert np.abs(greys(page, "RCC", places) - other).max() <= 3
        press(page, "ArrowDown")
        press(page, "ArrowLeft")
        moved = greys(page, "LCC", [(x + 30 - 40, y - 10 + 40) for x, y in places])
        assert np.abs(moved - before).max() <= 3
        press(page, "0")
        press(page, "1")
        assert np.abs(greys(page, "LCC", places) - before).max() <= 3
        assert page.evaluate("window.violations") == []


def test_v_turns_the_views_upside_down_and_back(page: Page) -> None:
    with served(four_views()) as address:
        open_study(page, address)
        height = read_canvas(page, "LCC")["height"]
        places = [(60 + dx, height / 2 + dy) for dx, dy in AROUND if 60 + dx > 0]
        mirrored = [(x, height - 1 - y) for x, y in places]
        before, below = greys(page, "LCC", places), greys(page, "LCC", mirrored)
        assert np.abs(before - below).max() > 30  # the spot lies above the middle
        press(page, "v")
        assert np.abs(greys(page, "LCC", mirrored) - before).max() <= 12
        press(page, "v")
        assert np.abs(greys(page, "LCC", places) - before).max() <= 3


def test_on_a_dense_screen_one_image_pixel_takes_one_device_pixel(chromium: str, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 700, "height": 500}, device_scale_factor=2)
    page = context.new_page()
    study = four_views()
    study.screens = [{"width": 700, "height": 500, "mm_per_device_pixel": 0.1}]
    try:
        with served(study) as address:
            open_study(page, address)
            box = page.locator("[data-slot=LCC] canvas").bounding_box()
            size = read_canvas(page, "LCC")
            assert size["width"] == pytest.approx(2 * box["width"], abs=2)
            press(page, "1")
            # 0.5 mm per image pixel, two of which lie on one CSS pixel.
            assert float(slots(page)["LCC"]["mmPerPixel"]) == pytest.approx(1.0, rel=1e-3)
            assert read_canvas(page, "LCC")["mean"] > 5
            press(page, "t")
            assert float(slots(page)["LCC"]["mmPerPixel"]) == pytest.approx(0.2, rel=1e-3)
    finally:
        context.close()
