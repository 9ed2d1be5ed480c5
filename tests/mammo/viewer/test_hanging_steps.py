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


def boxes(page: Page) -> dict[str, list[int]]:
    """Where the slots in front lie within the grid: left, top, right and bottom in percent of it."""
    return page.evaluate("""() => {
      const grid = document.querySelector(".mv-grid").getBoundingClientRect();
      const share = (at, from, size) => Math.round((100 * (at - from)) / size);
      return Object.fromEntries([...document.querySelectorAll(".mv-slot")].filter((s) => !s.inert).map((s) => {
        const b = s.getBoundingClientRect();
        const across = [b.left, b.right].map((x) => share(x, grid.left, grid.width));
        const down = [b.top, b.bottom].map((y) => share(y, grid.top, grid.height));
        return [s.dataset.slot, [across[0], down[0], across[1], down[1]]];
      }));
    }""")


def test_one_key_walks_through_the_steps_and_the_earlier_study_hangs_beside_at_one_scale(page: Page) -> None:
    study = with_earlier()
    with served(study) as address:
        open_study(page, address)
        assert step(page) == "four"
        seen, places = [], []
        for _ in range(6):
            press(page, "n", in_front(page)[0])
            page.wait_for_timeout(150)
            seen.append((step(page), in_front(page)))
            places.append(boxes(page))
        left, right, whole = [0, 0, 50, 100], [50, 0, 100, 100], [0, 0, 100, 100]
        assert places[:2] == [{"RCC": left, "LCC": right}, {"RMLO": left, "LMLO": right}]
        assert places[2:] == [{name: whole} for name in ("RCC", "LCC", "RMLO", "LMLO")]
        assert page.inner_text(".mv-step") == "Step 7 of 8: L MLO pixel for pixel"
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
        # What a click marks is on the present study: one on the earlier view tells the page nothing.
        page.evaluate(
            "window.points = [], addEventListener('mammo-viewer:point', (told) => points.push(told.detail.view))"
        )
        for name in ("earlier-RCC", "RCC"):
            page.click(f"[data-slot={name}]")
            page.wait_for_timeout(100)
        assert page.evaluate("window.points") == ["RCC"]
        press(page, "f", "LMLO")
        assert boxes(page)["LMLO"] == whole
        press(page, "b", "LMLO")
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


def test_the_lens_shows_the_pictures_own_pixels_where_the_view_is_shown_smaller(page: Page) -> None:
    """On a ramp: what lies a hundred pixels of the screen beside the middle of the lens lies so many of the image's."""
    rows, columns, across, down = 1600, 1280, 1.2, 0.8
    y, x = np.mgrid[0:rows, 0:columns]
    ramp = (600 + across * x + down * y).astype(np.uint16)
    study = Study()
    for side, view in (("R", "CC"), ("L", "CC"), ("R", "MLO"), ("L", "MLO")):
        study.add(side, view, ramp)
    with served(study) as address:
        open_study(page, address)
        of_image = float(slots(page)["LCC"]["mmPerPixel"]) / 0.5  # pixels of the image in one of the screen
        assert of_image > 2.5
        press(page, "l")
        box = page.locator("[data-slot=LCC]").bounding_box()
        middle = box["height"] / 2
        page.mouse.move(box["x"] + 180, box["y"] + middle)
        page.wait_for_timeout(150)
        (under,) = read_canvas(page, "LCC", [(180, middle)])["greys"]
        left, right, above, below, centre = page.evaluate(
            """() => { const c = document.querySelector(".mv-lens"); const x = c.getContext("2d");
            return [[-100, 0], [100, 0], [0, -100], [0, 100], [0, 0]].map(([dx, dy]) =>
              x.getImageData(c.width / 2 + dx, c.height / 2 + dy, 1, 1).data[0]); }"""
        )
        assert abs(centre - under) <= 2
        grey = 255 / 4095  # of one step of the pixel values
        assert right - left == pytest.approx(200 * across * grey, abs=2)
        assert below - above == pytest.approx(200 * down * grey, abs=2)
        assert 200 * of_image * across * grey > 30, "a lens that does not magnify would fail"


def test_studies_are_opened_at_the_step_the_reader_chose(page: Page) -> None:
    study = four_views()
    with served(study) as address:
        open_study(page, address)
        assert page.get_attribute("[data-toggles=begin]", "aria-pressed") == "true"
        press(page, "n", in_front(page)[0])
        press(page, "n", in_front(page)[0])
        assert (step(page), page.get_attribute("[data-toggles=begin]", "aria-pressed")) == ("mlo", "false")
        press(page, "o", "RMLO")
        page.wait_for_timeout(300)
        assert study.preferences == {"first_step": "mlo"}
        page.reload()
        page.wait_for_selector('mammo-viewer[data-ready="1"]', state="attached")
        assert (step(page), in_front(page)) == ("mlo", ["RMLO", "LMLO"])
        # A single view is no place to begin: the next study may lack it.
        press(page, "n", "RMLO")
        assert page.get_attribute("[data-command=begin]", "aria-disabled") == "true"
        press(page, "o", "RCC")
        press(page, "b", "RCC")
        page.click("[data-command=begin]")
        page.wait_for_timeout(300)
        assert study.preferences == {"first_step": "four"}
        assert page.evaluate("window.violations") == []


def test_only_views_that_were_in_front_count_as_shown(page: Page) -> None:
    study = four_views()
    study.is_judged, study.preferences = True, {"first_step": "cc"}
    names = {image["uid"]: image["laterality"] + image["view"] for image in study.images}
    with served(study) as address:
        page.goto(address)
        page.wait_for_selector('mammo-viewer[data-step="cc"][data-refusal="RMLO LMLO"]', state="attached")
        assert page.get_attribute("mammo-viewer", "data-ready") is None
        press(page, "n", "RCC")
        page.wait_for_selector('mammo-viewer[data-step="mlo"][data-ready="1"]', state="attached")
        press(page, "n", "RMLO")
        page.wait_for_timeout(200)
    told = [sorted(names[uid] for uid in shown) for shown in study.reported]
    assert told == [["LCC", "RCC"], ["LCC", "LMLO", "RCC", "RMLO"]]


def test_views_that_hang_together_count_as_shown_at_once(page: Page) -> None:
    study = four_views()
    study.is_judged = True
    with served(study) as address:
        open_study(page, address)
        assert page.get_attribute("mammo-viewer", "data-ready") == "1"
        press(page, "n", "RCC")
        page.wait_for_timeout(200)
    assert len(study.reported) == 1


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


REMEMBER_CONTEXTS = """
window.contexts = [];
HTMLCanvasElement.prototype.getContext = ((real) => function (kind, ...more) {
  const made = real.call(this, kind, ...more);
  if (made && String(kind).includes("webgl")) window.contexts.push(made);
  return made;
})(HTMLCanvasElement.prototype.getContext);
"""


def test_a_lost_graphics_card_is_said_and_no_view_counts_as_shown(page: Page) -> None:
    page.add_init_script(REMEMBER_CONTEXTS)
    with served(four_views()) as address:
        open_study(page, address)
        assert page.get_attribute("mammo-viewer", "data-ready") == "1"
        page.evaluate("contexts.forEach((c) => c.getExtension('WEBGL_lose_context')?.loseContext())")
        page.wait_for_selector('mammo-viewer:not([data-ready])[data-shown=""]', state="attached")
        assert page.get_attribute("mammo-viewer", "data-failed").split() == ["RCC", "LCC", "RMLO", "LMLO"]
        assert "graphics card" in page.inner_text("[data-slot=LMLO] .mv-notice")
        page.click(".mv-retry")
        page.wait_for_selector('mammo-viewer[data-ready="1"]', state="attached")
        assert read_canvas(page, "LMLO")["mean"] > 5


def test_keys_work_without_a_click_and_the_switch_for_single_keys_holds(page: Page) -> None:
    with served(four_views()) as address:
        open_study(page, address)
        page.keyboard.press("n")
        assert step(page) == "cc"
        page.evaluate("document.documentElement.dataset.keys = 'off'")
        press(page, "n", "RCC")
        page.evaluate("document.activeElement.blur()")
        page.keyboard.press("i")
        assert step(page) == "cc"
        assert page.get_attribute("[data-toggles=invert]", "aria-pressed") == "false"
