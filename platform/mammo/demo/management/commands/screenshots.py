"""`screenshots`: pictures of the demo's pages in both languages, small PNGs for the documentation."""

import io
import re
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser
from PIL import Image as Picture

from mammo.core.command import Command as BaseCommand
from mammo.core.errors import UserError
from mammo.core.jsonlines import write_atomically
from mammo.demo.people import PASSWORD

SIZE = {"width": 1280, "height": 800}
CHROMIUM = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LANGUAGES = {"en": "en-GB", "zh": "zh-CN"}
# name, account, address, selector of a link to follow there (empty: none)
PAGES = (
    ("sign-in", "", "/accounts/login/", ""),
    ("home", "rita", "/", ""),
    ("worklist", "june", "/annotation/correct/", ""),
    ("correct", "june", "/annotation/correct/", "table a, main ul a"),
    ("pick", "sena", "/annotation/pick/", "table a, main ul a"),
    ("trial", "rita", "/evaluation/", "table a, main ul a"),
    ("jobs", "rita", "/jobs/", ""),
    ("runs", "rita", "/modeling/runs/", ""),
    ("imports", "dana", "/archive/imports/", ""),
    ("scoring", "sena", "/evaluation/score/", "main a.btn, main table a, main ul a"),
)


class Command(BaseCommand):
    """Take the pictures from a demo that is being served."""

    help = "Take screenshots of a served demo's pages in English and Chinese (needs Chromium)."
    example = "manage.py screenshots --address http://127.0.0.1:8000 --out docs/screenshots"

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--address", default="http://127.0.0.1:8000")
        parser.add_argument("--out", default="docs/screenshots")
        parser.add_argument("--only", action="append", choices=[page[0] for page in PAGES])

    def run(self, **options: Any) -> dict[str, Any]:
        folder, written = Path(options["out"]), []
        try:
            urllib.request.urlopen(f"{options['address']}/healthz", timeout=10).close()  # noqa: S310  (our own site)
        except OSError as error:
            raise UserError(
                f"--address {options['address']}: no site answers there ({error}); run `make demo`"
            ) from None
        with _browser() as browser:
            for language, locale in LANGUAGES.items():
                for name, account, address, link in PAGES:
                    if options["only"] and name not in options["only"]:
                        continue
                    context = browser.new_context(viewport=SIZE, locale=locale)
                    page = context.new_page()
                    try:
                        self._visit(page, options["address"], account, address, link)
                        path = folder / f"{name}-{language}.png"
                        write_atomically(path, small_png(page.screenshot()))
                    finally:
                        context.close()
                    written.append(str(path))
                    self.say(str(path), **options)
        return {"files": written}

    def _visit(self, page: Any, address: str, account: str, path: str, link: str) -> None:
        if account:
            page.goto(f"{address}/accounts/login/")
            page.fill("input[name=login]", account)
            page.fill("input[name=password]", PASSWORD)
            page.press("input[name=password]", "Enter")
            page.wait_for_url(re.compile(f"^{re.escape(address)}/$"))
        page.goto(f"{address}{path}")
        if link:
            found = page.locator(link).first
            if found.count() == 0:
                raise UserError(f"{address}{path}: nothing to open there; run `make demo` to its end first")
            found.click()
            page.wait_for_load_state()
        if page.locator("mammo-viewer").count():
            page.wait_for_selector("mammo-viewer[data-ready='1']", timeout=60_000)
        page.wait_for_timeout(500)


@contextmanager
def _browser() -> Iterator[Any]:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise UserError("playwright is not installed; run `make setup`") from None
    executable = next((path for path in CHROMIUM if Path(path).exists()), None)
    if executable is None:
        raise UserError("no Chromium is installed (Debian: apt-get install chromium fonts-noto-cjk)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def small_png(data: bytes) -> bytes:
    """The picture in 96 colours: a quarter of the bytes, and every word still readable."""
    with Picture.open(io.BytesIO(data)) as picture:
        small = picture.convert("RGB").quantize(96, dither=Picture.Dither.NONE)
        out = io.BytesIO()
        small.save(out, "PNG", optimize=True)
    return out.getvalue()
