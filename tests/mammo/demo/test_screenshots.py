"""`screenshots`: which browser it takes, whose demo it serves, and who signs in."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings as django_settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.urls import resolve
from PIL import Image as Picture
from playwright.sync_api import Browser

from mammo.archive.models import Cohort, PictureSample
from mammo.core.errors import UserError
from mammo.demo import browser as browsers
from mammo.demo import people, picture_list
from mammo.demo.management.commands import screenshots
from mammo.demo.pages import DEMO_PAGES, NOT_SHOWN
from mammo.demo.progress import STEPS, Progress
from tests import migrated
from tests.annotation import scene

ROOT = Path(__file__).resolve().parents[3]
MAKE_PEOPLE = "import django; django.setup(); from mammo.demo.people import ensure_people; ensure_people()"


def finished() -> Progress:
    """A demonstration that was told to its end."""
    return Progress(seconds=dict.fromkeys(STEPS, 1.0))


def page_named(name: str) -> Any:
    return next(page for page in DEMO_PAGES if page.name == name)


def test_the_browser_of_the_continuous_integration_is_one_that_is_found() -> None:
    wanted = set(re.findall(r"-x (/usr/bin/chromium[a-z-]*)", (ROOT / ".ci" / "run").read_text("utf-8")))
    assert "/usr/bin/chromium-headless-shell" in wanted
    assert wanted <= set(browsers.BROWSERS)


def test_pictures_are_taken_by_the_first_browser_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = tmp_path / "chromium-headless-shell"
    there.touch()
    monkeypatch.setattr(browsers, "BROWSERS", (str(tmp_path / "none"), str(there)))
    started: list[dict[str, Any]] = []

    class Playwright:
        """Notes what is started."""

        chromium = property(lambda self: self)
        close = staticmethod(lambda: None)
        __enter__ = lambda self: self  # noqa: E731
        __exit__ = staticmethod(lambda *args: None)

        def launch(self, **options: Any) -> Any:
            started.append(options)
            return self

    monkeypatch.setattr("playwright.sync_api.sync_playwright", Playwright)
    with screenshots._browser(screenshots._chromium()):
        pass
    assert started == [{"executable_path": str(there), "args": browsers.FLAGS}]
    monkeypatch.setattr(browsers, "BROWSERS", ())
    with pytest.raises(UserError, match="no Chromium is installed"):
        screenshots._chromium()


@pytest.fixture
def no_browser_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command asks for a demo before it needs its browser for anything."""
    import contextlib

    monkeypatch.setattr(screenshots, "_chromium", lambda: "")
    monkeypatch.setattr(screenshots, "_browser", lambda executable: contextlib.nullcontext())


@pytest.mark.usefixtures("no_browser_started")
def test_without_a_finished_demo_the_mend_is_told(db: None) -> None:
    with pytest.raises(CommandError, match="holds no demo; run `make demo SERVE=0` first"):
        call_command("screenshots")
    done = dict.fromkeys(list(STEPS)[:4], 1.0)
    Progress(seconds=done, running=list(STEPS)[4]).save()
    with pytest.raises(CommandError, match=f"not finished .next step: {list(STEPS)[4]}"):
        call_command("screenshots")


@pytest.mark.usefixtures("no_browser_started")
def test_whoever_can_not_sign_in_is_named_before_a_picture_is_taken(db: None) -> None:
    finished().save()
    accounts = people.ensure_people()
    accounts["rita"].set_password("another one")
    accounts["rita"].save()
    accounts["june"].is_active = False
    accounts["june"].save()
    with pytest.raises(CommandError, match=r"^june, rita: can't sign in with the demo's password"):
        call_command("screenshots")


def test_every_account_of_the_pictures_is_a_visitor_with_a_sign_in() -> None:
    visitors = {name for name, *_ in people.VISITORS}
    assert {page.account for page in DEMO_PAGES} - {""} <= visitors
    assert set(screenshots.JUDGING) <= visitors


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_visitors_sign_in_and_a_changed_password_is_told(browser: Browser, live_server: Any) -> None:
    accounts = people.ensure_people()
    visitors = screenshots.Visitors(browser, live_server.url)
    assert visitors.picture_of(page_named("home-researcher"), "en")
    accounts["adam"].set_password("another one")
    accounts["adam"].save()
    with pytest.raises(UserError, match=r"adam: .* refuses the demo's password"):
        visitors.picture_of(page_named("home-admin"), "en")
    for tab in visitors._tabs.values():
        tab.context.close()


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", ["cohort", "picture-check", "home-statistician"])
def test_a_page_whose_row_the_demo_lacks_is_made_once_and_shown(
    browser: Browser, live_server: Any, name: str
) -> None:
    scene.patient_with_study(people.ensure_people().site)
    wanted = page_named(name)
    visitors = screenshots.Visitors(browser, live_server.url)
    for language in ("en", "zh"):
        assert visitors.picture_of(wanted, language)
        tab = visitors._tabs[wanted.account, language]
        assert resolve(urlsplit(tab.url).path).view_name == wanted.url_name
    assert Cohort.objects.count() == (1 if name == "cohort" else 0)
    assert PictureSample.objects.count() == (1 if name == "picture-check" else 0)
    for tab in visitors._tabs.values():
        tab.context.close()


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.usefixtures("chromium")
def test_one_command_serves_the_demo_takes_its_pictures_and_ends_what_it_started(tmp_path: Path) -> None:
    known = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    home = tmp_path / "served"
    environment = {
        **known, "MAMMO_HOME": str(home), "DJANGO_SETTINGS_MODULE": "mammo.settings",
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "platform")]),
    }  # fmt: skip

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *command], cwd=django_settings.BASE_DIR, env=environment, capture_output=True,
            text=True, check=False,
        )  # fmt: skip

    migrated.put_into(home)
    assert run("manage.py", "migrate", "-v0").returncode == 0
    made = run("-c", MAKE_PEOPLE)
    assert made.returncode == 0, made.stderr
    (home / "demo").mkdir(exist_ok=True)
    (home / "demo" / "progress.json").write_text(json.dumps(finished().__dict__), "utf-8")
    out = tmp_path / "pictures"
    chosen = ("--only", "sign-in", "--only", "home-researcher")
    done = run("manage.py", "screenshots", "--out", str(out), "--json", *chosen)
    assert done.returncode == 0, done.stderr
    names = {f"{name}-{language}.png" for name in ("sign-in", "home-researcher") for language in ("en", "zh")}
    assert {Path(path).name for path in json.loads(done.stdout)["files"]} == names
    for name in names:
        with Picture.open(out / name) as picture:
            assert picture.width == 1280
            assert len(picture.getcolors() or ()) > 2, f"{name} is blank"
    left = subprocess.run(["pgrep", "-f", "uvicorn mammo"], capture_output=True, text=True, check=False)
    ours = [
        pid for pid in left.stdout.split() if str(home) in Path(f"/proc/{pid}/environ").read_text("utf-8")
    ]
    assert ours == []


def test_the_list_beside_the_pictures_is_that_of_the_pages() -> None:
    folder = ROOT / "docs" / "screenshots"
    text = (folder / "README.md").read_text("utf-8")
    assert text == picture_list.listing(), "python -m mammo.demo.picture_list > docs/screenshots/README.md"
    linked = set(re.findall(r"\]\(([a-z0-9-]+\.png)\)", text))
    assert linked == {path.name for path in folder.glob("*.png")}
    assert all(f"`{name}` | {reason}" in text for name, reason in NOT_SHOWN.items())
