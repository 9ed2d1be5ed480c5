"""The four-view viewer in a real browser, on HTJ2K viewing copies, under the strict policy."""

import re
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page

from mammo.archive.dicom.prepared import PixelHeader, Window, prepare
from tests.mammo.viewer.study_server import EXPECTED, Study, breast, four_views, served

pytestmark = pytest.mark.browser

READY = 'mammo-viewer[data-ready="1"]'
SETTLED = f'{READY}, mammo-viewer[data-failed]:not([data-failed=""])'
# Mean grey and the greys at given places (fractions of width and height) of one slot's canvas.
READ_CANVAS = """([slot, places]) => {
  const canvas = document.querySelector(`[data-slot=${slot}] canvas`);
  const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  let sum = 0;
  for (let i = 0; i < pixels.length; i += 4) sum += pixels[i];
  const at = ([x, y]) => pixels[4 * (Math.round(y) * canvas.width + Math.round(x))];
  return {mean: sum / (pixels.length / 4), greys: places.map(at), width: canvas.width, height: canvas.height};
}"""


def open_study(page: Page, address: str) -> None:
    page.goto(address)
    page.wait_for_selector(SETTLED, state="attached")


def slots(page: Page) -> dict[str, dict[str, str]]:
    found = page.evaluate("[...document.querySelectorAll('.mv-slot')].map((slot) => ({...slot.dataset}))")
    return {slot["slot"]: slot for slot in found}


def read_canvas(page: Page, slot: str, places: list[tuple[float, float]] | None = None) -> dict:
    page.wait_for_timeout(200)
    return page.evaluate(READ_CANVAS, [slot, places or []])


def press(page: Page, key: str, slot: str = "LCC") -> None:
    page.focus(f"[data-slot={slot}]")
    page.keyboard.press(key)


@pytest.fixture
def four(page: Page):
    with served(four_views()) as address:
        open_study(page, address)
        yield page


def test_four_views_are_shown_right_on_the_left_under_the_strict_policy(four: Page) -> None:
    assert four.locator(READY).count() == 1
    assert {name: slot["state"] for name, slot in slots(four).items()} == dict.fromkeys(EXPECTED, "shown")
    boxes = {name: four.locator(f"[data-slot={name}]").bounding_box() for name in EXPECTED}
    assert boxes["RCC"]["x"] < boxes["LCC"]["x"]
    assert boxes["RCC"]["y"] < boxes["RMLO"]["y"]
    assert all(read_canvas(four, name)["mean"] > 5 for name in EXPECTED)
    assert four.evaluate("window.violations") == []


def test_chest_walls_meet_in_the_middle(four: Page) -> None:
    for name, edge in (("RCC", "right"), ("LCC", "left"), ("RMLO", "right"), ("LMLO", "left")):
        size = read_canvas(four, name)
        inner = size["width"] - 2 if edge == "right" else 1
        outer = 1 if edge == "right" else size["width"] - 2
        at_wall, at_nipple_side = read_canvas(
            four, name, [(inner, size["height"] / 2), (outer, size["height"] / 2)]
        )["greys"]
        assert at_wall > 60, name
        assert at_nipple_side == 0, name


def test_i_inverts_and_typing_i_in_a_text_field_does_not(four: Page) -> None:
    size = read_canvas(four, "LCC")
    places = [(10 + 20 * step, size["height"] / 2 + 3 * step) for step in range(8)]
    before = np.array(read_canvas(four, "LCC", places)["greys"])
    four.click("#text")
    four.keyboard.type("iiiii")
    assert np.array_equal(read_canvas(four, "LCC", places)["greys"], before)
    press(four, "i")
    assert np.abs(np.array(read_canvas(four, "LCC", places)["greys"]) - (255 - before)).max() <= 1
    press(four, "0")
    assert np.array_equal(read_canvas(four, "LCC", places)["greys"], before)


def test_zoom_and_reset_by_key_keep_one_scale(four: Page) -> None:
    before = float(slots(four)["RCC"]["mmPerPixel"])
    press(four, "+")
    zoomed = [float(slot["mmPerPixel"]) for slot in slots(four).values()]
    assert zoomed == pytest.approx([before / 1.25] * 4, rel=1e-3)
    press(four, "0")
    assert float(slots(four)["RCC"]["mmPerPixel"]) == pytest.approx(before, rel=1e-3)


def test_dragging_changes_the_window_of_one_view_only(four: Page) -> None:
    box = four.locator("[data-slot=LMLO]").bounding_box()
    four.mouse.move(box["x"] + 200, box["y"] + 200)
    four.mouse.down()
    four.mouse.move(box["x"] + 260, box["y"] + 200, steps=4)
    four.mouse.up()
    widths = {name: float(slot["windowWidth"]) for name, slot in slots(four).items()}
    assert widths.pop("LMLO") != pytest.approx(4096, abs=1)
    assert set(widths.values()) == {4096.0}


def measure(page: Page) -> str:
    """Draw a line of 100 screen pixels in the left CC view; give what the viewer writes beside it."""
    press(page, "m")
    box = page.locator("[data-slot=LCC]").bounding_box()
    page.mouse.move(box["x"] + 50, box["y"] + 150)
    page.mouse.down()
    page.mouse.move(box["x"] + 150, box["y"] + 150, steps=5)
    page.mouse.up()
    page.wait_for_timeout(500)
    return " ".join(page.locator("[data-slot=LCC] svg").all_text_contents())


@pytest.mark.parametrize("estimated", [True, False])
def test_the_length_tool_measures_millimetres_and_says_when_they_are_estimated(
    page: Page, estimated: bool
) -> None:
    study = four_views()
    for image in study.images:
        image["spacing_estimated"] = estimated
    with served(study) as address:
        open_study(page, address)
        drawn = measure(page)
        measured = re.search(r"([\d.]+) mm( est\.)?", drawn)
        assert measured, drawn
        assert bool(measured.group(2)) == ("est" in drawn) == estimated, drawn
        expected = 100 * float(slots(page)["LCC"]["mmPerPixel"])
        assert float(measured.group(1)) == pytest.approx(expected, abs=0.6)
        assert page.evaluate("window.violations") == []


def test_images_of_two_detector_sizes_hang_at_one_scale_with_chest_walls_on_the_edge(page: Page) -> None:
    study = Study()
    for number, (side, view) in enumerate([("R", "CC"), ("L", "CC"), ("R", "MLO"), ("L", "MLO")]):
        rows, columns = (400, 320) if side == "R" else (300, 200)
        study.add(side, view, breast(side, rows, columns, seed=number))
    with served(study) as address:
        open_study(page, address)
        scales = [float(slot["mmPerPixel"]) for slot in slots(page).values()]
        assert max(scales) == pytest.approx(min(scales), rel=1e-3)
        size = read_canvas(page, "LCC")
        wall = read_canvas(page, "LCC", [(1, size["height"] / 2)])
        assert wall["greys"][0] > 60


def expected_greys(values: np.ndarray, function: str, center: float, width: float) -> np.ndarray:
    """Grey levels 0..255 by the formulas of DICOM PS3.3 C.11.2.1.2 and C.11.2.1.3."""
    if function == "SIGMOID":
        return 255 / (1 + np.exp(-4 * (values - center) / width))
    if function == "LINEAR" and width == 1:
        return np.where(values <= center - 0.5, 0, 255)
    if function == "LINEAR":
        return np.clip(((values - (center - 0.5)) / (width - 1) + 0.5) * 255, 0, 255)
    return np.clip(((values - center) / width + 0.5) * 255, 0, 255)


@pytest.mark.parametrize(
    ("function", "width"), [("LINEAR", 2200), ("LINEAR", 1), ("LINEAR_EXACT", 2200), ("SIGMOID", 2200)]
)
def test_greys_on_screen_follow_the_dicom_formula(page: Page, function: str, width: int) -> None:
    side, steps = 30, 10
    values = np.linspace(20, 4000, steps * steps).round().astype(np.uint16)
    wedge = np.kron(values.reshape(steps, steps), np.ones((side, side), dtype=np.uint16))
    study = four_views()
    study.images.clear()
    study.add("L", "CC", wedge, voi_fn=function, wc=1800, ww=width)
    study.expected = ["LCC"]
    with served(study) as address:
        open_study(page, address)
        press(page, "1")
        height = read_canvas(page, "LCC")["height"]
        top = (height - side * steps) / 2
        centres = [
            (side * (column + 0.5), top + side * (row + 0.5)) for row in range(10) for column in range(10)
        ]
        greys = np.array(read_canvas(page, "LCC", centres)["greys"], dtype=float)
    error = np.abs(greys - expected_greys(values.astype(float), function, 1800, width))
    assert error.max() <= 1.0
    assert error.mean() <= 0.5


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_a_monochrome1_file_is_on_screen_as_its_own_formula_says(page: Page, function: str) -> None:
    """Through the archive's own normalisation: inverted exactly once, the window moved along."""
    side, steps = 30, 10
    values = np.linspace(20, 4000, steps * steps).round().astype(np.uint16)
    stored = np.kron(values.reshape(steps, steps), np.ones((side, side), dtype=np.uint16))
    windows = (Window(1800, 2200, "NORMAL"),)
    made = prepare(stored, PixelHeader(is_inverted=True, windows=windows, voi_function=function))
    study = four_views()
    study.images.clear()
    window = made.windows[0]
    study.add("L", "CC", made.image, voi_fn=made.voi_function, wc=window.center, ww=window.width)
    study.expected = ["LCC"]
    with served(study) as address:
        open_study(page, address)
        press(page, "1")
        top = (read_canvas(page, "LCC")["height"] - side * steps) / 2
        centres = [
            (side * (column + 0.5), top + side * (row + 0.5)) for row in range(10) for column in range(10)
        ]
        greys = np.array(read_canvas(page, "LCC", centres)["greys"], dtype=float)
    expected = 255 - expected_greys(values.astype(float), function, 1800, 2200)
    assert np.abs(greys - expected).max() <= 1.0


def test_presets_are_chosen_by_their_explanation(page: Page) -> None:
    study = four_views()
    for image in study.images:
        image["presets"] = [
            {"wc": 2048, "ww": 4096, "label": "NORMAL"},
            {"wc": 1500, "ww": 1200, "label": "HARDER"},
        ]
    with served(study) as address:
        open_study(page, address)
        page.select_option(".mv-presets", label="HARDER")
        assert {slot["windowWidth"] for slot in slots(page).values()} == {"1200.0"}


def test_windows_of_makers_that_order_them_differently_are_matched_by_name(page: Page) -> None:
    study = four_views()
    normal, harder = {"wc": 2048, "ww": 4096, "label": "NORMAL"}, {"wc": 1500, "ww": 1200, "label": "HARDER"}
    for image in study.images:
        image["presets"] = [normal, harder]
    other, single = study.images[3], study.images[1]
    other["presets"] = [
        {"wc": 900, "ww": 1000, "label": "Harder "},
        {"wc": 1800, "ww": 3000, "label": "SOFTER"},
    ]
    single["presets"] = []
    with served(study) as address:
        open_study(page, address)
        page.select_option(".mv-presets", label="HARDER")
        widths = {name: slot["windowWidth"] for name, slot in slots(page).items()}
        other_slot, single_slot = (f"{image['laterality']}{image['view']}" for image in (other, single))
        assert widths.pop(other_slot) == "1000.0"
        assert widths.pop(single_slot) == "4096.0"
        assert set(widths.values()) == {"1200.0"}
        press(page, "x")  # the next of them: SOFTER, which one view has
        assert sorted(slot["windowWidth"] for slot in slots(page).values()) == ["3000.0", *["4096.0"] * 3]


def test_several_images_of_one_view_share_a_slot_the_newest_first(page: Page) -> None:
    study = four_views()
    study.add("R", "CC", np.full((400, 320), 4095, dtype=np.uint16), acquired_order=99)
    with served(study) as address:
        open_study(page, address)
        newest = read_canvas(page, "RCC")["mean"]
        press(page, ".", slot="RCC")
        page.wait_for_selector('[data-slot=RCC][data-state="shown"] .mv-steps >> text="2 of 2"')
        assert read_canvas(page, "RCC")["mean"] < newest / 2
        assert page.locator(READY).count() == 1


def test_further_views_get_slots_of_their_own_and_no_picture_is_stretched(page: Page) -> None:
    study = four_views()
    study.add("L", "ML", breast("L", seed=7))
    study.add("R", "XCCL", breast("R", seed=8))
    stretched = """[...document.querySelectorAll(".mv-slot canvas")].map((canvas) =>
      (canvas.width / canvas.height) / (canvas.clientWidth / canvas.clientHeight))"""
    with served(study) as address:
        open_study(page, address)
        assert list(slots(page)) == [*EXPECTED, "RXCCL", "LML"]
        assert {slot["state"] for slot in slots(page).values()} == {"shown"}
        assert page.evaluate(stretched) == pytest.approx([1.0] * 6, abs=0.01)


def test_lengths_are_pixels_where_the_spacing_is_unknown(page: Page) -> None:
    study = four_views()
    for image in study.images:
        image["spacing"] = None
    with served(study) as address:
        open_study(page, address)
        drawn = measure(page)
        assert re.search(r"[\d.]+ px", drawn), drawn
        assert "mm" not in drawn


def test_a_missing_view_is_named_in_its_slot(page: Page) -> None:
    study = four_views()
    del study.images[1]
    with served(study) as address:
        open_study(page, address)
        assert slots(page)["LCC"]["state"] == "missing"
        assert "L CC" in page.inner_text("[data-slot=LCC] .mv-notice")
        assert page.get_attribute("mammo-viewer", "data-missing") == "LCC"


def test_a_broken_image_says_so_in_its_slot_and_the_viewer_is_not_ready(page: Page) -> None:
    study = four_views()
    whole = study.files[study.images[2]["url"]]
    study.files[study.images[2]["url"]] = whole[: len(whole) // 2]
    with served(study) as address:
        open_study(page, address)
        assert page.locator(READY).count() == 0
        assert page.get_attribute("mammo-viewer", "data-failed") == "RMLO"
        assert page.locator("[data-slot=RMLO] .mv-notice").is_visible()
        study.files[study.images[2]["url"]] = whole
        page.click(".mv-retry")
        page.wait_for_selector(READY, state="attached")
        assert page.get_attribute("mammo-viewer", "data-failed") == ""


def test_without_decoders_no_view_is_ready_and_every_slot_says_so(page: Page) -> None:
    page.route("**/*.wasm", lambda route: route.abort())
    with served(four_views()) as address:
        open_study(page, address)
        assert page.locator(READY).count() == 0
        assert page.get_attribute("mammo-viewer", "data-failed").split() == EXPECTED


def test_an_unreachable_study_is_said_in_words(page: Page) -> None:
    page.route("**/study.json", lambda route: route.fulfill(status=404))
    with served(four_views()) as address:
        open_study(page, address)
        assert "could not be loaded" in page.inner_text("mammo-viewer")
        assert page.locator(READY).count() == 0


def test_the_built_folder_carries_every_file_that_the_viewer_asks_for() -> None:
    from mammo.core.assets import BUILT, built_folder

    folder = Path(BUILT) / str(built_folder())
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
    assert {
        "viewer.js",
        "decodeImageFrameWorker.js",
        "wasm/openjphjs.wasm",
        "htmx.min.js",
        "pages.js",
    } <= names


@pytest.mark.slow
def test_ten_cases_one_after_the_other_take_the_memory_of_one(page: Page) -> None:
    """Each case has addresses of its own, as in a session of work: what is kept under one is not met again."""
    case = Study()
    for number, (side, view) in enumerate([("R", "CC"), ("L", "CC"), ("R", "MLO"), ("L", "MLO")]):
        case.add(side, view, breast(side, 1600, 1280, seed=number))
    replace = """() => {
      const old = document.querySelector("mammo-viewer");
      const fresh = old.cloneNode(false);
      delete fresh.dataset.ready;
      old.replaceWith(fresh);
    }"""
    inspector = page.context.new_cdp_session(page)
    held = []
    with served(case) as address:
        open_study(page, address)
        for _ in range(10):
            case.move_to_new_addresses()
            page.evaluate(replace)
            page.wait_for_selector(READY, state="attached")
            page.wait_for_timeout(300)
            inspector.send("HeapProfiler.collectGarbage")
            held.append(inspector.send("Runtime.getHeapUsage")["backingStorageSize"])
    one_case = 4 * 1600 * 1280 * 2
    assert held[-1] - held[0] < one_case / 2


def test_a_viewer_that_leaves_while_it_loads_breaks_nothing(page: Page) -> None:
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    with served(four_views()) as address:
        page.goto(address)
        page.wait_for_selector(".mv-slot", state="attached")
        page.evaluate("document.querySelector('mammo-viewer').remove()")
        page.wait_for_timeout(2000)
    assert errors == []
