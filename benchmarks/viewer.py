"""Time to four views on screen, viewing copies (HTJ2K) against raw files, also at 100 Mbit/s; their bytes."""

import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import numpy as np

from benchmarks.alone import show

ROWS, COLUMNS, RUNS = 2394, 1800, 3
MEGABIT = 1_000_000 / 8


def measure() -> dict[str, float]:
    """Seconds from opening the page to four views (median), and the ratios of times and bytes; no browser: nothing."""
    import os

    import django

    from mammo.demo.browser import NONE_INSTALLED, installed

    if installed() is None:
        print(f"  {NONE_INSTALLED}")
        return {}

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mammo.settings")
    django.setup()
    from tests.mammo.viewer.study_server import served

    copies, raw = _studies()
    found = {
        "bytes of four viewing copies against raw": _size(copies) / _size(raw),
        "seconds, viewing copies": 0.0,
        "seconds, raw files": 0.0,
    }
    with _browser() as browser:
        for label, limit in (("", 0.0), (", at 100 Mbit/s", 100 * MEGABIT)):
            times = {}
            for name, study in (("viewing copies", copies), ("raw files", raw)):
                with served(study) as address:
                    times[name] = statistics.median(_open(browser, address, limit) for _ in range(RUNS))
                found[f"seconds, {name}{label}"] = times[name]
            found[f"time to four views against raw{label}"] = times["viewing copies"] / times["raw files"]
    return found


def _studies() -> tuple[Any, Any]:
    """The same four textured breasts as viewing copies and as uncompressed files."""
    from scipy import ndimage

    from tests.mammo.viewer.study_server import Study, breast

    copies, raw = Study(), Study()
    for number, (side, view) in enumerate([("R", "CC"), ("L", "CC"), ("R", "MLO"), ("L", "MLO")]):
        image = breast(side, ROWS, COLUMNS, seed=number)
        smooth = ndimage.gaussian_filter(image.astype(float), 1.5)
        image = np.where(image > 0, smooth, 0).astype(np.uint16)
        copies.add(side, view, image)
        url = raw.add(side, view, image)["url"]
        raw.files[url] = _uncompressed(raw.files[url], image)
    return copies, raw


def _uncompressed(copy: bytes, image: np.ndarray) -> bytes:
    from pydicom import dcmread
    from pydicom.uid import ExplicitVRLittleEndian

    file = dcmread(BytesIO(copy))
    file.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    file.PixelData = image.astype("<u2").tobytes()
    file["PixelData"].VR = "OW"
    file["PixelData"].is_undefined_length = False
    buffer = BytesIO()
    file.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _size(study: Any) -> int:
    return sum(len(data) for data in study.files.values())


@contextmanager
def _browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    from mammo.demo.browser import FLAGS, installed

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=installed(), args=FLAGS)
        yield browser
        browser.close()


def _open(browser: Any, address: str, bytes_per_second: float) -> float:
    """Seconds until four views are on screen, nothing cached."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    page = context.new_page()
    if bytes_per_second:
        limits = {
            "offline": False,
            "latency": 1,
            "downloadThroughput": bytes_per_second,
            "uploadThroughput": bytes_per_second,
        }
        context.new_cdp_session(page).send("Network.emulateNetworkConditions", limits)
    page.goto(address)
    page.wait_for_selector('mammo-viewer[data-ready="1"]', state="attached", timeout=120_000)
    seconds = float(page.evaluate("performance.now() / 1000"))
    context.close()
    return seconds


if __name__ == "__main__":
    show(measure())
