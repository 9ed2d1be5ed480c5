"""Fixtures shared by every room: people with names, a site, the shared data, a home folder of its own."""

import asyncio
import gc
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.core.management.base import CommandError
from django.db import DatabaseError, connections
from django.utils import translation

from mammo.demo.browser import NONE_INSTALLED, installed
from tests import migrated
from tests.restored import RESTORED

FLUSH_PATIENCE = 20.0

ROOT = Path(__file__).resolve().parents[1]
# One Chromium for the whole run: a second one inside the first is refused by playwright.
pytest_plugins = ["tests.browser", "tests.quicker"]


def pytest_configure(config: pytest.Config) -> None:
    """Cheap password hashing: tests sign in hundreds of times."""
    django_settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def missing(reason: str) -> None:
    """Skip with a reason; in CI a skip for something that should be there is a failure."""
    if os.environ.get("CI"):
        pytest.fail(f"missing in CI: {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The test data beside the project (../shared/data, or MAMMO_SHARED_DATA)."""
    folder = Path(os.environ.get("MAMMO_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        missing(f"the shared test data is not at {folder}; set MAMMO_SHARED_DATA")
    return folder


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of an installed Chromium."""
    path = installed()
    if path is None:
        missing(NONE_INSTALLED)
        raise AssertionError
    return path


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """Test databases begin as copies of one in which every migration has run."""
    migrated.start_from_a_copy(connections["default"])


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, settings: object) -> None:
    """Each test has its own MAMMO_HOME: keys, originals, viewing copies, queue, runs."""
    home = tmp_path / "home"
    settings.MAMMO_HOME = home  # type: ignore[attr-defined]
    settings.MAMMO_KEYS = home / "keys"  # type: ignore[attr-defined]
    settings.MAMMO_ORIGINALS = home / "originals"  # type: ignore[attr-defined]
    settings.MAMMO_VIEWING_COPIES = home / "viewing_copies"  # type: ignore[attr-defined]


@pytest.fixture
def no_browsers_loop() -> Iterator[None]:
    """Playwright's event loop counts as running in this thread as long as a browser of an earlier test is open;
    Django's test client, which reads an asynchronous stream, would refuse to begin another one."""
    loop = asyncio._get_running_loop()
    asyncio._set_running_loop(None)
    yield
    asyncio._set_running_loop(loop)


@pytest.fixture(autouse=True)
def _begin_in_english() -> None:
    """A request leaves its language behind in the thread: the next test begins in English."""
    translation.activate("en")


@pytest.fixture(autouse=True)
def _second_factor_is_shown(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whoever signs in (`client.force_login` or the page) has shown a second factor.

    Tests of signing in itself are marked `real_sign_in`: there nothing is given.
    """
    from django.contrib.auth.signals import user_logged_in

    from mammo.accounts import second_factor

    if request.node.get_closest_marker("real_sign_in"):
        yield
        return

    def show(sender: object, request: object, user: object, **kwargs: object) -> None:
        second_factor.mark(request, user, "totp")  # type: ignore[arg-type]

    user_logged_in.connect(show, dispatch_uid="tests.second_factor")
    yield
    user_logged_in.disconnect(dispatch_uid="tests.second_factor")


@pytest.fixture(autouse=True)
def _views_were_on_screen(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever judges had all views on a described screen, as a browser would have reported: real rows are made.

    Tests of that record itself are marked `real_screens`: there nothing is given.
    """
    from mammo.archive import displays, views_shown
    from tests.mammo.viewer import screens

    if request.node.get_closest_marker("real_screens"):
        return
    standing, display_of = views_shown.standing_views, displays.display_of

    def shown(kind: str, task: object, by_user: object, study: object) -> object:
        return standing(kind, task, by_user, study) or screens.put_on_screen(by_user, kind, task, study)  # type: ignore[arg-type]

    def described(user: object, screen: object) -> object:
        return display_of(user, screen) or screens.describe(user)  # type: ignore[arg-type]

    monkeypatch.setattr(views_shown, "standing_views", shown)
    monkeypatch.setattr(views_shown, "display_of", described)
    # Signing in then leads home, not to a display that was never described.
    monkeypatch.setattr(displays, "needs_description", lambda user, browser: False)
    monkeypatch.setattr(displays, "hindrance", lambda user: "")


@pytest.fixture(autouse=True, scope="session")
def _flushes_may_empty_append_only_tables() -> Iterator[None]:
    """The one place where triggers are lifted: the flush at the end of a transactional test.

    For the whole session: the flush comes after the fixtures of its test are gone.
    """
    from django.core.management.commands import flush

    from mammo.core import append_only

    real = flush.Command.handle

    def handle(self: flush.Command, **options: object) -> None:
        # The server of a browser test may still answer what the closed page had asked for.
        deadline = time.monotonic() + FLUSH_PATIENCE
        while True:
            try:
                with append_only.lifted(str(options["database"])):
                    real(self, **options)
                RESTORED.flushed = True
                return
            except (DatabaseError, CommandError) as error:
                if "locked" not in f"{error} {error.__cause__}" or time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(flush.Command, "handle", handle)
        yield


@pytest.fixture
def site(db: None):
    """The hospital `north`."""
    from mammo.accounts.services import create_site

    return create_site("north", "North Hospital", by_user=None, is_simulated=False)


@pytest.fixture
def other_site(db: None):
    """Another hospital, whose rows nobody of `north` may see."""
    from mammo.accounts.services import create_site

    return create_site("south", "South Hospital", by_user=None, is_simulated=False)


def _person(name: str, role: str, site: object):
    from mammo.accounts.services import create_account

    return create_account(
        name.lower(), password="correct horse battery", display_name=name, roles={role: [site]}, by_user=None
    )


@pytest.fixture
def june(site):
    """A junior radiologist at north."""
    return _person("June", "junior", site)


@pytest.fixture
def jack(site):
    """Another junior radiologist at north."""
    return _person("Jack", "junior", site)


@pytest.fixture
def sena(site):
    """A senior radiologist at north."""
    return _person("Sena", "senior", site)


@pytest.fixture
def sol(site):
    """Another senior radiologist at north."""
    return _person("Sol", "senior", site)


@pytest.fixture
def rita(site):
    """A researcher at north."""
    return _person("Rita", "researcher", site)


@pytest.fixture
def dana(site):
    """A data manager at north."""
    return _person("Dana", "data_manager", site)


@pytest.fixture
def otto(other_site):
    """A researcher at south: a stranger to north."""
    return _person("Otto", "researcher", other_site)


def pytest_collection_finish(session: pytest.Session) -> None:
    """What was imported stays: searching all of it for cycles again and again took a twelfth of the suite's time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Close what is open so that the test database can be dropped."""
    connections.close_all()
