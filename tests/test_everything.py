"""What a lane of `make test` does with what failed: a real pytest on a small file."""

import os
from pathlib import Path

import pytest

from tests.everything import HURRY_VARIABLE, _pytest, is_late, once_more

ROOT = Path(__file__).resolve().parents[1]
SETTINGS = (
    "[pytest]\naddopts = -p tests.selection\nmarkers =\n  slow: over ten seconds\n  browser: in a browser\n"
)
SUITE = """
import os
from pathlib import Path
import pytest

def fails_the_first_time(name):
    seen = Path(os.environ["SEEN"], name)
    if not seen.exists():
        seen.touch()
        pytest.fail("a browser was slow")

@pytest.mark.browser
def test_waits(): fails_the_first_time("waits")
"""
PLAIN = """
def test_is_plain(): fails_the_first_time("plain")
"""
BROKEN = """
@pytest.mark.slow
def test_is_broken(): assert 1 == 2
"""


def lane(tmp_path: Path, suite: str) -> tuple[int, str]:
    """Status of a lane over this suite, and what it said."""
    (tmp_path / "test_suite.py").write_text(suite)
    (tmp_path / "pytest.ini").write_text(SETTINGS)
    (tmp_path / "seen").mkdir(exist_ok=True)
    variables = {"SEEN": str(tmp_path / "seen"), "PYTHONPATH": str(ROOT)}
    with (tmp_path / "told").open("w+") as told:
        status = _pytest(["-p", "no:cacheprovider"], variables, told, "A lane", paths=["test_suite.py"])
        told.seek(0)
        return status, told.read()


@pytest.fixture(autouse=True)
def _plain_arguments(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The lane runs in its own folder and takes no option of the run that this test is in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["everything"])
    for name in [name for name in os.environ if name.startswith(("PYTEST_", "DJANGO_"))]:
        monkeypatch.delenv(name)


def test_what_waits_for_a_browser_is_run_once_more_alone_and_named(tmp_path: Path) -> None:
    status, said = lane(tmp_path, SUITE)
    assert status == 0, said
    assert "Failed beside the others and passed alone" in said
    assert said.count("test_suite.py::test_waits") >= 2


def test_no_other_test_is_given_a_second_chance(tmp_path: Path) -> None:
    status, said = lane(tmp_path, SUITE + PLAIN)
    assert status == 1, said
    assert "Once more" not in said


def test_what_fails_alone_too_fails_the_run(tmp_path: Path) -> None:
    status, said = lane(tmp_path, SUITE + BROKEN)
    assert status == 1, said
    assert "Once more" in said
    assert "passed alone" not in said


def test_many_failures_are_no_chance() -> None:
    assert once_more({}) == []
    assert once_more({"a": True, "b": True}) == ["a", "b"]
    assert once_more({"a": True, "b": False}) == []
    assert once_more(dict.fromkeys("abcd", True)) == []


def test_nothing_is_left_out_unless_a_limit_is_named_and_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(HURRY_VARIABLE, raising=False)
    assert not is_late(10**6)
    monkeypatch.setenv(HURRY_VARIABLE, "30")
    assert not is_late(30 * 60)
    assert is_late(30 * 60 + 1)
