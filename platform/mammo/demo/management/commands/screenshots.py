"""`screenshots`: pictures of every page of the demo in both languages, small PNGs for the documentation."""

import importlib.util
import io
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser
from PIL import Image as Picture

from mammo.core.command import Command as BaseCommand
from mammo.core.errors import UserError
from mammo.core.jsonlines import write_atomically
from mammo.demo.browser import FLAGS, NONE_INSTALLED, installed
from mammo.demo.pages import DEMO_PAGES, FIRST_ROW, DemoPage
from mammo.demo.people import PASSWORD
from mammo.demo.picture_list import listing
from mammo.demo.serving import served_demo

SIZE = {"width": 1280, "height": 720}
# Pages longer than the screen are shown whole, up to here.
MOST_HEIGHT = 1400
# Who sends in judgements, and so describes the screen first.
JUDGING = ("june", "sena")
# Pages that count over thousands of rows take their time on a busy machine.
PATIENCE_MS = 120_000
LANGUAGES = {"en": "en-GB", "zh": "zh-CN"}
# The most bytes of one picture; colours are given up until it fits.
MOST_BYTES = 80_000
COLOURS = (64, 32, 24, 16)


class Command(BaseCommand):
    """Take the pictures from a finished demo: one that is served, or else served by this command."""

    help = (
        "Take screenshots of every page of a finished demo in English and Chinese (needs Chromium and, once, "
        "`make demo SERVE=0`). Serves the demo of MAMMO_HOME on a free port meanwhile, unless --address names one that "
        "is up. In the demo it describes the display, sends in one correction and one pick, begins the open scoring "
        "and asks the model one question, where that has not happened yet."
    )
    example = "manage.py screenshots --out docs/screenshots"

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--address",
            default="",
            help="where a demo is served already (http://127.0.0.1:8000); else served here",
        )
        parser.add_argument("--out", default="docs/screenshots", help="folder to write to")
        parser.add_argument(
            "--only",
            action="append",
            choices=[page.name for page in DEMO_PAGES],
            help="this page; may be repeated",
        )

    def run(self, **options: Any) -> dict[str, Any]:
        folder = Path(options["out"])
        chosen = [page for page in DEMO_PAGES if not options["only"] or page.name in options["only"]]
        accounts = sorted({page.account for page in chosen if page.account})
        written, kept = [], []
        # The site first: while playwright runs, Django takes this thread for an asynchronous one.
        executable = _chromium()
        with _site(options["address"].rstrip("/"), accounts) as address, _browser(executable) as browser:
            visitors = Visitors(browser, address)
            for page in chosen:
                for language in LANGUAGES:
                    path = folder / f"{page.name}-{language}.png"
                    picture = visitors.picture_of(page, language)
                    if picture is None:
                        kept.append(str(path))
                        self.say(f"{path}: gone past already in this demo; kept as it is", **options)
                        continue
                    write_atomically(path, small_png(picture))
                    written.append(str(path))
                    self.say(str(path), **options)
        if not options["only"]:
            write_atomically(folder / "README.md", listing().encode())
        return {"files": written, "kept": kept}


class Visitors:
    """The demo's accounts in one browser, each signed in once per language."""

    def __init__(self, browser: Any, address: str) -> None:
        self.browser, self.address = browser, address
        self._tabs: dict[tuple[str, str], Any] = {}

    def picture_of(self, page: DemoPage, language: str) -> bytes | None:
        """The page's picture; None where the page is one that was gone past already."""
        tab = self._tab(page.account, language)
        if page.prepare:
            getattr(Preparation(tab, self.address), page.prepare)()
        if not self._go(tab, page):
            return None
        return _picture(tab)

    def _tab(self, account: str, language: str) -> Any:
        if (account, language) not in self._tabs:
            context = self.browser.new_context(
                viewport=SIZE, locale=LANGUAGES[language], reduced_motion="reduce"
            )
            tab = context.new_page()
            tab.set_default_timeout(PATIENCE_MS)
            if account:
                tab.goto(f"{self.address}/accounts/login/")
                tab.fill("input[name=login]", account)
                tab.fill("input[name=password]", PASSWORD)
                with tab.expect_navigation():
                    tab.press("input[name=password]", "Enter")
                if tab.url.startswith(f"{self.address}/accounts/login"):
                    raise UserError(
                        f"{account}: {self.address} refuses the demo's password; give the --address of a demo"
                    )
                # A screen of this size: a visitor may have described another one.
                if account in JUDGING and account not in {name for name, _language in self._tabs}:
                    tab.goto(f"{self.address}/archive/display/?next=/")
                    _describe_display(tab)
            self._tabs[account, language] = tab
        return self._tabs[account, language]

    def _go(self, tab: Any, page: DemoPage) -> bool:
        tab.goto(f"{self.address}{page.path}")
        for selector in page.follow:
            found = tab.locator(selector).first
            if found.count() == 0:
                if page.once:
                    return False
                raise UserError(
                    f"{page.name}: nothing to open at {page.path} ({selector}); run `make demo` to its end first"
                )
            found.click()
            tab.wait_for_load_state()
        _settle(tab)
        return True


class Preparation:
    """What a visitor does once so that a page exists: each step does nothing where it was done before."""

    def __init__(self, tab: Any, address: str) -> None:
        self.tab, self.address = tab, address

    def correct(self) -> None:
        """Send in one correction: no change needed in any answer."""
        if self._has_done("correct"):
            return
        self.tab.locator("main tbody a").first.click()
        _settle(self.tab)
        for switch in self.tab.locator("[data-no-change]").all():
            switch.check()
        self._send()

    def pick(self) -> None:
        """Pick the first answer of one question."""
        if self._has_done("pick"):
            return
        self.tab.locator("main tbody a").first.click()
        _settle(self.tab)
        # Nobody picks before the end of each answer was in view.
        for answer in self.tab.locator("[data-candidate]").all():
            answer.evaluate("(card) => card.scrollIntoView({ block: 'end' })")
            self.tab.wait_for_timeout(300)
        self.tab.locator("[data-candidate] input[type=radio]").first.check()
        self._send()

    def consent(self) -> None:
        """Take part in the open scoring."""
        self._consent("score")

    def consent_to_read(self) -> None:
        """Take part in the open reader study."""
        self._consent("read")

    def _consent(self, place: str) -> None:
        self.tab.goto(f"{self.address}/evaluation/{place}/")
        conditions = self.tab.locator("main a.btn-primary[href*='/conditions/']").first
        if conditions.count() == 0:
            return
        conditions.click()
        self.tab.wait_for_load_state()
        self.tab.locator("main form button").click()
        self.tab.wait_for_load_state()

    def consult(self) -> None:
        """Enter a protocol, and ask the tuned model one question about a study of the demo."""
        page = f"{self.address}/modeling/consultations/"
        self.tab.goto(page)
        if self.tab.locator("main tbody a").count():
            return
        study = self._a_study()
        self.tab.goto(page)
        if self.tab.locator("main button[value=begin]").count() == 0:
            self.tab.locator("main select[name=site]").select_option(index=1)
            self.tab.fill("[name=title]", "Asking MammoVLM, demonstration")
            self.tab.fill("[name=ethics_number]", "DEMO-1")
            self.tab.fill("[name=ends_on]", f"{date.today() + timedelta(days=365):%Y-%m-%d}")
            self.tab.locator("main button[value=protocol]").click()
            self.tab.wait_for_load_state()
        self.tab.fill("[name=study]", study)
        self.tab.locator("main select[name=protocol]").select_option(index=1)
        self.tab.locator("main select[name=checkpoint]").select_option(index=1)
        self.tab.locator("main button[value=begin]").click()
        self.tab.fill("#question", "我的乳腺密度是哪一型？")
        self.tab.locator("#ask-model").click()
        self.tab.wait_for_selector("main li details > summary")  # the answer is there and can be remarked on

    def cohort(self) -> None:
        """Save one cohort: of what has images and a report."""
        if self._has_rows("/archive/cohorts/"):
            return
        self.tab.fill("#id_name", "With images and report, demonstration")
        for rule in ("no_images", "no_report"):
            self.tab.check(f"#rule_{rule}")
        self.tab.locator("main form button[type=submit]").click()
        self.tab.wait_for_load_state()

    def sample(self) -> None:
        """Draw two stored pictures to be looked at; nobody looks at them yet."""
        if self._has_rows("/archive/checks/"):
            return
        self.tab.fill("#id_count", "2")
        self.tab.locator("main form button[type=submit]").click()
        self.tab.wait_for_load_state()

    def _has_rows(self, path: str) -> bool:
        self.tab.goto(f"{self.address}{path}")
        return bool(self.tab.locator(FIRST_ROW).count())

    def _a_study(self) -> str:
        self.tab.goto(f"{self.address}/archive/studies/")
        href = str(self.tab.locator("main tbody a[href*='/archive/studies/']").first.get_attribute("href"))
        return href.rstrip("/").rpartition("/")[2]

    def _has_done(self, purpose: str) -> bool:
        self.tab.goto(f"{self.address}/annotation/{purpose}/")
        return bool(self.tab.locator("main details tbody a").count())

    def _send(self) -> None:
        before = self.tab.url
        self.tab.locator("[data-submit]").click()
        self.tab.wait_for_url(lambda url: url != before)


def _describe_display(tab: Any) -> None:
    """Say which screen this is, as a reader does once per computer: without it no judgement is taken."""
    _settle(tab)
    tab.wait_for_selector("[data-fact=decodes]:not(:text-is('–'))")
    for name in ("dark_seen", "light_seen"):
        tab.check(f"input[name={name}]")
    for name, value in (
        ("model", "Screen of the pictures"),
        ("native_columns", "2560"),
        ("native_rows", "2048"),
    ):
        tab.fill(f"input[name={name}]", value)
    tab.click("#display button[type=submit]")
    tab.wait_for_load_state()


def _settle(tab: Any) -> None:
    """Wait until images and fonts are there."""
    if tab.locator("mammo-viewer").count():
        tab.wait_for_selector("mammo-viewer:is([data-ready='1'], [data-refusal])", timeout=60_000)
    if tab.locator("#operations").count():
        tab.wait_for_selector("#operations .opblock")
    tab.wait_for_timeout(300)


def _picture(tab: Any) -> bytes:
    """The page as a visitor sees it; text pages whole, reading pages as the screen shows them."""
    height = SIZE["height"]
    if tab.locator("mammo-viewer").count() == 0:
        height = min(MOST_HEIGHT, max(height, tab.evaluate("document.documentElement.scrollHeight")))
    tab.set_viewport_size({"width": SIZE["width"], "height": height})
    tab.wait_for_timeout(100)
    data: bytes = tab.screenshot()
    tab.set_viewport_size(SIZE)
    return data


@contextmanager
def _site(address: str, accounts: list[str]) -> Iterator[str]:
    """The address given, where a site must answer; where none is given, that of the demo served meanwhile."""
    if not address:
        with served_demo(accounts) as own:
            yield own
        return
    try:
        urllib.request.urlopen(f"{address}/healthz", timeout=10).close()  # noqa: S310  (our own site)
    except OSError as error:
        raise UserError(f"--address {address}: no site answers there ({error}); run `make demo`") from None
    yield address


def _chromium() -> str:
    if importlib.util.find_spec("playwright") is None:
        raise UserError("playwright is not installed; run `make setup`")
    executable = installed()
    if executable is None:
        raise UserError(NONE_INSTALLED)
    return executable


@contextmanager
def _browser(executable: str) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def small_png(data: bytes) -> bytes:
    """The picture in as many colours as keep it under MOST_BYTES; every word stays readable."""
    with Picture.open(io.BytesIO(data)) as picture:
        full = picture.convert("RGB")
    small = b""
    for colours in COLOURS:
        out = io.BytesIO()
        full.quantize(colours, dither=Picture.Dither.NONE).save(out, "PNG", optimize=True)
        small = out.getvalue()
        if len(small) <= MOST_BYTES:
            break
    return small
