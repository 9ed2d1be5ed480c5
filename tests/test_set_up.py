"""Set-up does nothing twice, and its hooks fetch nothing."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
# Beginnings of the lines that each part of set-up prints before it runs them.
INSTALL = ".venv/bin/uv pip install"
BROWSER_FILES = "cd platform/mammo/viewer && npm"
TRANSLATIONS = ".venv/bin/python manage.py translations compile"


def make(folder: Path, *arguments: str) -> list[str]:
    """The recipe lines that make prints in this folder."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(
        ["make", "--no-print-directory", *arguments], cwd=folder, env=environment, capture_output=True,
        text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [line for line in done.stdout.splitlines() if not line.startswith("make:")]


def test_every_hook_before_a_commit_is_local_and_its_program_is_installed() -> None:
    settings = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert settings["repos"]
    assert {repository["repo"] for repository in settings["repos"]} == {"local"}
    hooks = [hook for repository in settings["repos"] for hook in repository["hooks"]]
    assert {"ruff", "ruff-format", "mypy", "lint-imports"} <= {hook["id"] for hook in hooks}
    for hook in hooks:
        assert hook["language"] == "system", f"{hook['id']}: any other language fetches an environment"
        assert "additional_dependencies" not in hook, hook["id"]
        program = hook["entry"].split()[0]
        assert program.startswith(".venv/bin/")
        assert (Path(sys.prefix) / "bin" / Path(program).name).is_file(), f"`make setup` brings no {program}"


def test_a_second_set_up_of_this_checkout_runs_nothing() -> None:
    """`make test` has set up just before; a run of pytest alone may find changed sources here."""
    assert make(ROOT, "-n", "setup") == [], (
        "run `make setup`; if this stays, a recipe does not leave its mark"
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What set-up reads, copied to a folder where everything counts as done."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy2(ROOT / name, tmp_path / name)
    left_out = shutil.ignore_patterns("node_modules")
    shutil.copytree(ROOT / "platform/mammo/viewer", tmp_path / "platform/mammo/viewer", ignore=left_out)
    for room in ("platform/mammo", "annotation", "modeling", "evaluation"):
        shutil.copytree(ROOT / room / "locale", tmp_path / room / "locale")
    for made in (".venv", "platform/mammo/static/built"):
        (tmp_path / made).mkdir(parents=True)
    make(tmp_path, "--touch", "setup")
    assert make(tmp_path, "-n", "setup") == []
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changed", "runs"),
    [
        ("pyproject.toml", {INSTALL, BROWSER_FILES, TRANSLATIONS}),
        ("constraints.txt", {INSTALL, BROWSER_FILES, TRANSLATIONS}),
        ("platform/mammo/viewer/package-lock.json", {BROWSER_FILES}),
        ("annotation/locale/zh_Hans/LC_MESSAGES/django.po", {TRANSLATIONS}),
        ("Makefile", set()),
    ],
)
def test_what_changed_decides_what_set_up_does_again(checkout: Path, changed: str, runs: set[str]) -> None:
    (checkout / changed).touch()
    planned = make(checkout, "-n", "setup")
    found = {part for part in (INSTALL, BROWSER_FILES, TRANSLATIONS) if any(part in line for line in planned)}
    assert found == runs
