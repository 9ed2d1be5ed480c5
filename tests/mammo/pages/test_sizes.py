"""What docs/design_system.md promises of sizes, read from every style sheet of our own, and as a browser makes them."""

import itertools
import re
from pathlib import Path

import pytest
from django.conf import settings
from playwright.sync_api import Page

from mammo.core.assets import BUILT, built_folder

ROOT = Path(settings.BASE_DIR)
SHEETS = sorted(
    path
    for room in ("platform", "annotation", "modeling", "evaluation")
    for path in (ROOT / room).rglob("*.css")
    if not {"node_modules", "built"} & set(path.parts)
)
DRAWINGS = sorted(path for path in (ROOT / "platform" / "mammo").rglob("*.svg") if "templates" in path.parts)
SMALLEST = 14.0  # pixels; 1rem is 16
SIZE = re.compile(r"font(?:-size)?\s*[:=]\s*\"?([^;}\"]*)")
LENGTH = re.compile(r"(\d*\.?\d+)(px|rem|em|pt|%)?(?=$|[\s/!])")
PIXELS = {"px": 1.0, "rem": 16.0, "em": 16.0, "pt": 4 / 3, "%": 0.16, "": 1.0}
WORDS = ("xx-small", "x-small", "small", "smaller")


def sizes_of(text: str) -> list[tuple[str, float]]:
    """Every size of letters in a sheet: as it stands there, and in pixels; `em` as if of the page's own size."""
    found = []
    for value in SIZE.findall(re.sub(r"/\*.*?\*/", "", text, flags=re.S)):
        if set(value.split()) & set(WORDS):
            found.append((value, 0.0))
        # Of max(a, b) the larger stands.
        parts = re.split(r"[(),]\s*", value.strip()) if value.strip().startswith("max(") else [value.strip()]
        lengths = [length for part in parts if (length := LENGTH.search(part)) is not None]
        if lengths:
            found.append((value, max(float(each[1]) * PIXELS[each[2] or ""] for each in lengths)))
    return found


@pytest.mark.parametrize(
    ("text", "pixels"),
    [
        (".a { font-size: 12px; }", [12]),
        (".a { font-size: .8125rem }", [13]),
        (".a { font: 0.75em/1.5 sans-serif; }", [12]),
        (".a { font-size: max(0.7em, 0.8125rem); }", [13]),
        (".a { font-size: small; } .b { font: inherit; }", [0]),
        ('<svg font-size="11">', [11]),
    ],
)
def test_sizes_are_found_however_they_are_written(text: str, pixels: list[float]) -> None:
    assert [round(size, 3) for _, size in sizes_of(text)] == pixels


def test_no_letters_are_smaller_than_14_pixels() -> None:
    assert len(SHEETS) > 6
    small = {
        f"{path.relative_to(ROOT)}: {value.strip()}"
        for path in (*SHEETS, *DRAWINGS)
        for value, size in sizes_of(path.read_text("utf-8"))
        if size < SMALLEST
    }
    assert small == set()


# What Bootstrap makes smaller than the letters around it.
SMALLER = (
    "small", "kbd", "code", "pre", "samp", "sub", "sup", "p.small", "span.badge", "div.form-text",
    "div.invalid-feedback", "div.valid-feedback", "figcaption.figure-caption",
)  # fmt: skip
AROUND = (
    "div",
    "p.small",
    "div.form-text",
    "footer.site-foot",
    "ol.breadcrumb",
    "small",
    "code",
    "td.number",
)


def element(kind: str, inside: str) -> str:
    """HTML of one element, named as `tag.class`."""
    tag, _, name = kind.partition(".")
    return f'<{tag} class="{name}">{inside}</{tag}>'


@pytest.mark.browser
def test_what_bootstrap_makes_small_is_14_pixels_wherever_it_stands(page: Page) -> None:
    assert built_folder() is not None
    sheets = [BUILT / str(built_folder()) / "bootstrap.min.css"]
    sheets += [
        ROOT / "platform" / "mammo" / "static" / name for name in ("mammo.css", "parts.css", "viewer.css")
    ]
    places = "".join(
        f'<section data-place="{kind} in {around}">{element(around, element(kind, "14"))}</section>'
        for kind, around in itertools.product(SMALLER, AROUND)
    )
    page.set_content(f'<!doctype html><html data-bs-theme="dark"><body>{places}</body></html>')
    for sheet in sheets:
        page.add_style_tag(content=sheet.read_text("utf-8"))
    sizes = page.evaluate("""() => Object.fromEntries([...document.querySelectorAll("[data-place]")].map((place) => {
      const all = [...place.querySelectorAll("*")].map((part) => parseFloat(getComputedStyle(part).fontSize));
      return [place.dataset.place, Math.min(...all)];
    }))""")
    assert len(sizes) == len(SMALLER) * len(AROUND)
    assert {place: size for place, size in sizes.items() if size < SMALLEST} == {}


FIELDS = (
    '<input class="form-control">', '<textarea class="form-control"></textarea>', '<select class="form-select"></select>',
    '<input class="form-check-input" type="checkbox">', '<input class="form-check-input" type="radio">',
    '<input class="form-check-input" type="checkbox" checked>', '<input class="form-control" type="file">',
)  # fmt: skip


def luminance(colour: str) -> float:
    """Relative luminance of `rgb(r, g, b)` (WCAG 2.2)."""
    parts = [int(float(part)) / 255 for part in re.findall(r"[\d.]+", colour)[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.browser
def test_the_frame_of_every_field_stands_out_from_what_is_around_it(page: Page) -> None:
    """3:1 (WCAG 1.4.11): in a dark room a box nobody sees is a box nobody ticks; axe does not measure it."""
    fields = "".join(f"<p>{field}</p>" for field in FIELDS)
    body = f'<main>{fields}</main><div class="card"><div class="card-body">{fields}</div></div>'
    page.set_content(f'<!doctype html><html data-bs-theme="dark"><body>{body}</body></html>')
    for sheet in (
        BUILT / str(built_folder()) / "bootstrap.min.css",
        ROOT / "platform/mammo/static/mammo.css",
    ):
        page.add_style_tag(content=sheet.read_text("utf-8"))
    seen = page.evaluate("""() => [...document.querySelectorAll("p > *")].map((field) => {
      let around = field.parentElement;
      while (around.parentElement && getComputedStyle(around).backgroundColor === "rgba(0, 0, 0, 0)") {
        around = around.parentElement;
      }
      return [field.outerHTML, getComputedStyle(field).borderTopColor, getComputedStyle(around).backgroundColor];
    })""")
    assert len(seen) == 2 * len(FIELDS)
    for field, frame, behind in seen:
        light, dark = sorted((luminance(frame), luminance(behind)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 3, (field, frame, behind)
