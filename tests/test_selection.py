"""What a run of the suite takes, says at its end, and does with a test that hangs: a real pytest on a small file."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.everything import ON_POSTGRESQL

ROOT = Path(__file__).resolve().parents[1]
SUITE = """
import threading, time
import pytest

@pytest.fixture
def hospital(db):
    return "north"

def test_pure(): pass
def test_through_a_fixture(hospital): pass
def test_with_a_server(live_server): pass
@pytest.mark.django_db
def test_marked(): pass
@pytest.mark.skip(reason="no such server here")
def test_skipped(): pass
@pytest.mark.skip(reason="no such server here")
def test_skipped_too(): pass
def test_that_hangs():
    threading.Thread(target=a_thread_that_waits, daemon=True).start()
    time.sleep(600)
def a_thread_that_waits():
    time.sleep(600)
@pytest.mark.slow
def test_slow(): pass
"""


SETTINGS = "[pytest]\naddopts = -p tests.selection\nmarkers = slow: over ten seconds\n"


def pytest_on(folder: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    """Run pytest with this project's plugin on the suite above."""
    (folder / "test_quick.py").write_text("def test_quick(): pass\n")
    (folder / "test_suite.py").write_text(SUITE)
    (folder / "pytest.ini").write_text(SETTINGS)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "DJANGO_"))}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options],
        cwd=folder, env={**kept, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip


def test_the_quick_run_takes_one_of_each_file_that_touches_the_database_and_all_others(
    tmp_path: Path,
) -> None:
    done = pytest_on(tmp_path, "--collect-only", "-q", "--one-of-each-file", "-m", "not slow")
    taken = {line.partition("::")[2] for line in done.stdout.splitlines() if "::" in line}
    others = {"test_pure", "test_skipped", "test_skipped_too", "test_that_hangs", "test_quick"}
    assert taken == {"test_through_a_fixture", *others}, done.stdout + done.stderr


def test_the_second_pass_takes_what_touches_the_database_and_nothing_else(tmp_path: Path) -> None:
    done = pytest_on(tmp_path, "--collect-only", "-q", "--database-only")
    taken = {line.partition("::")[2] for line in done.stdout.splitlines() if "::" in line}
    assert taken == {"test_through_a_fixture", "test_with_a_server", "test_marked"}, done.stdout + done.stderr


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Everything that a run says whose one test hangs."""
    names = "pure or skipped or hangs or slow or quick"
    done = pytest_on(tmp_path_factory.mktemp("suite"), "-v", "-k", names, "--timeout", "2")
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_files_with_slow_tests_come_first(said: str) -> None:
    assert 0 < said.index("test_suite.py::") < said.index("test_quick.py::")


def test_what_was_skipped_is_told_with_its_reason(said: str) -> None:
    assert "not run on this machine, and why" in said
    assert "   2  no such server here" in said


def test_a_test_that_hangs_ends_with_the_stacks_of_all_threads_and_the_others_go_on(said: str) -> None:
    assert "1 failed, 3 passed, 2 skipped" in said
    assert "def test_that_hangs" in said
    assert "a_thread_that_waits" in said


@pytest.mark.parametrize("option", ["faulthandler_timeout", "timeout"])
def test_every_test_of_this_project_has_a_limit(pytestconfig: pytest.Config, option: str) -> None:
    assert float(pytestconfig.getini(option)) > 0


@pytest.mark.slow
def test_the_pass_on_postgresql_has_browsers_where_they_meet_locks_and_conflicts() -> None:
    """Sign-in in place, two tabs, a double click; no other test of a browser."""
    files = ["tests/annotation/test_browser.py", "tests/access/test_signing_in_again.py"]
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "--database-only", "-m", ON_POSTGRESQL]
    done = subprocess.run(
        [*command, *files], cwd=ROOT, capture_output=True, text=True, check=False, timeout=300
    )
    taken = {line.partition("::")[2] for line in done.stdout.splitlines() if "::" in line}
    assert taken == {
        "test_a_double_click_and_the_back_button_send_once",
        "test_a_junior_types_on_and_signs_in_over_the_page",
        "test_two_tabs_show_both_texts_and_lose_neither",
    }, done.stdout + done.stderr
