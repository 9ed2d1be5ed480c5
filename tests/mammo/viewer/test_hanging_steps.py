"""Steps of the hanging, lens, flip, true size, the earlier study and kept choices, in a real browser."""

import numpy as np
import pytest
from playwright.sync_api import Page

from tests.mammo.viewer.study_server import Study, breast, four_views, served
from tests.mammo.viewer.test_viewer import open_study, press, read_canvas, slots

pytestmark = pytest.mark.browser


def with_earlier() -> Study:
    """Four views, and four of another detector from fourteen months before."""
    study, before = four_views(), Study()
    for number, (side, view) in enumerate([("R", "CC"), ("L", "CC"), ("R", "MLO"), ("L", "MLO")]):
        before.add(side, view, breast(side, 300, 240, seed=number), wc=1500, ww=2000)
    study.earlier = before
    return study


def step(page: Page) -> str:
    return page.get_attribute("mammo-viewer", "data-step") or ""


def in_front(page: Page) -> list[str]:
    return page.evaluate(
        "[...document.querySelectorAll('.mv-slot')].filter((s) => !s.inert).map((s) => s.dataset.slot)"
    )


def test_one_key_walks_through_the_steps_and_the_earlier_study_hangs_beside_at_one_scale(page: Page) -> None:
    study = with_earlier()
    with served(study) as address:
        open_study(page, address)
        assert step(page) == "four"
        seen = []
        for _ in range(6):
            press(page, "n", in_front(page)[0])
            page.wait_for_timeout(150)
            seen.append((step(page), in_front(page)))
        assert seen[0] == ("cc", ["RCC", "LCC"])
        assert seen[1] == ("mlo", ["RMLO", "LMLO"])
        assert [names for _name, names in seen[2:]] == [["RCC"], ["LCC"], ["RMLO"], ["LMLO"]]
        # A single view is shown pixel for pixel: 0.5 mm per pixel, and per pixel of the screen.
        assert float(slots(page)["LMLO"]["mmPerPixel"]) == pytest.approx(0.5, rel=1e-3)
        press(page, "n", "LMLO")
        page.wait_for_selector("[data-slot=earlier-LMLO][data-state=shown]")
        page.wait_for_selector('mammo-viewer[data-step="prior"]', state="attached")
        page.wait_for_timeout(300)
        found = slots(page)
        scales = [float(found[name]["mmPerPixel"]) for name in in_front(page)]
        assert len(scales) == 8
        assert max(scales) == pytest.approx(min(scales), rel=1e-3)
        assert "14 months before" in page.inner_text("[data-slot=earlier-RCC] .mv-label")
        # Linked: the earlier view's window moves as far from its own as this one's did.
        press(page, "]", "LCC")
        page.wait_for_timeout(100)
        found = slots(page)
        assert float(found["LCC"]["windowWidth"]) == pytest.approx(4096 * 1.15, abs=1)
        assert float(found["earlier-LCC"]["windowWidth"]) == pytest.approx(2000 * 1.15, abs=2)
        # A drag in one view is followed by its partner alone.
        box = page.locator("[data-slot=RCC]").bounding_box()
        page.mouse.move(box["x"] + 100, box["y"] + 200)
        page.mouse.down()
        page.mouse.move(box["x"] + 140, box["y"] + 200, steps=4)
        page.mouse.up()
        page.wait_for_timeout(150)
        dragged = slots(page)
        now, then = (float(dragged[name]["windowWidth"]) for name in ("RCC", "earlier-RCC"))
        assert now != pytest.approx(4096 * 1.15, abs=1)
        assert then / 2000 == pytest.approx(now / 4096, abs=2e-3)
        assert dragged["LCC"]["windowWidth"] == found["LCC"]["windowWidth"]
        press(page, "b", "LCC")
        assert step(page) == "single"
        assert page.evaluate("window.violations") == []


def test_lens_flip_true_size_and_choices_that_the_server_keeps(page: Page) -> None:
    study = four_views()
    study.screens = [{"width": 1400, "height": 1000, "mm_per_device_pixel": 0.25}]
    with served(study) as address:
        open_study(page, address)
        press(page, "t")
        assert float(slots(page)["LCC"]["mmPerPixel"]) == pytest.approx(0.25, rel=1e-3)
        press(page, "0")
        size = read_canvas(page, "LCC")
        row = [(x, size["height"] / 2) for x in (5, 60, 120)]
        before = read_canvas(page, "LCC", row)["greys"]
        press(page, "h")
        wide = 320 * 0.5 / float(slots(page)["LCC"]["mmPerPixel"])
        mirrored = [(wide - 1 - x, y) for x, y in row]
        after = read_canvas(page, "LCC", mirrored)["greys"]
        assert np.abs(np.array(after) - np.array(before)).max() <= 12
        press(page, "0")
        press(page, "1")
        press(page, "l")
        box = page.locator("[data-slot=LCC]").bounding_box()
        middle = box["height"] / 2
        page.mouse.move(box["x"] + 120, box["y"] + middle)
        page.wait_for_timeout(150)
        # Pixel for pixel beside pixel for pixel: the lens shows what lies under it.
        under = read_canvas(page, "LCC", [(120 + d, middle + d) for d in (-60, -20, 0, 20, 60)])["greys"]
        lens = page.evaluate(
            """() => { const c = document.querySelector(".mv-lens"); const x = c.getContext("2d");
            return [-60, -20, 0, 20, 60].map((d) => x.getImageData(c.width / 2 + d, c.height / 2 + d, 1, 1).data[0]); }"""
        )
        assert np.abs(np.array(lens) - np.array(under)).max() <= 40
        assert len(set(lens)) > 2
        press(page, "s")
        press(page, "m")
        page.wait_for_timeout(300)
        assert study.preferences == {"lens_size": 360, "tool": "length"}
        stored = page.evaluate("Object.keys(localStorage).concat(Object.keys(sessionStorage))")
        assert not [name for name in stored if "lens" in name or "tool" in name or "mammo" in name]
        page.reload()
        page.wait_for_selector('mammo-viewer[data-ready="1"]', state="attached")
        assert page.get_attribute("[data-tool=length]", "aria-pressed") == "true"
        assert page.evaluate("window.violations") == []


def test_without_webgl_the_pictures_come_with_a_warning(chromium: str, browser) -> None:
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    page = context.new_page()
    page.add_init_script(
        "HTMLCanvasElement.prototype.getContext = ((real) => function (kind, ...more) {"
        " return String(kind).includes('webgl') ? null : real.call(this, kind, ...more); })"
        "(HTMLCanvasElement.prototype.getContext);"
        "if (window.OffscreenCanvas) OffscreenCanvas.prototype.getContext = ((real) => function (kind, ...more) {"
        " return String(kind).includes('webgl') ? null : real.call(this, kind, ...more); })"
        "(OffscreenCanvas.prototype.getContext);"
    )
    try:
        with served(four_views()) as address:
            open_study(page, address)
            assert "no WebGL" in page.inner_text(".mv-banner")
            assert read_canvas(page, "LCC")["mean"] > 5
    finally:
        context.close()
