"""Fixtures of the archive's tests: the real command in a home of its own."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import migrated

ROOT = Path(__file__).resolve().parents[3]


@dataclass
class Home:
    """A MAMMO_HOME of its own, with tables and the site `north`."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """Environment of a command that works there."""
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("MAMMO_", "DATABASE_"))
        }
        return {**kept, "MAMMO_HOME": str(self.folder), "OMP_NUM_THREADS": "1"}

    def start(self, *arguments: str, **more: Any) -> "subprocess.Popen[str]":
        """Start `manage.py ARGUMENTS` and do not wait."""
        return subprocess.Popen(
            [sys.executable, str(ROOT / "manage.py"), *arguments],
            env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, **more,
        )  # fmt: skip

    def run(self, *arguments: str, **more: Any) -> "subprocess.CompletedProcess[str]":
        """Run `manage.py ARGUMENTS` to its end."""
        process = self.start(*arguments, **more)
        out, err = process.communicate(timeout=300)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def json(self, *arguments: str) -> dict[str, Any]:
        """The JSON that `manage.py ARGUMENTS --json` prints."""
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def files(self) -> list[Path]:
        """Files of the two image stores."""
        return sorted(
            p
            for store in ("originals", "viewing_copies")
            for p in (self.folder / store).rglob("*")
            if p.is_file()
        )


@pytest.fixture(scope="session")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with tables and a site; copied for each test that needs one."""
    home = Home(tmp_path_factory.mktemp("home-template") / "home")
    migrated.put_into(home.folder)
    assert home.run("migrate", "-v0").returncode == 0
    made = home.run(
        "shell", "-v0", "-c",
        "from mammo.accounts.services import create_site; create_site('north', 'North Hospital', by_user=None)",
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    return home


@pytest.fixture
def home(empty_home: Home, tmp_path: Path) -> Home:
    """A home of its own for one test of the real command."""
    target = tmp_path / "command-home"
    shutil.copytree(empty_home.folder, target)
    return Home(target)


@pytest.fixture(autouse=True)
def _one_parsing_child(monkeypatch: pytest.MonkeyPatch) -> None:
    """A handful of small files needs one child; each costs a second to start."""
    monkeypatch.setattr("mammo.archive.parsing.default_children", lambda: 1)


@pytest.fixture
def outcomes() -> Callable[[Any], dict[str, tuple[str, str]]]:
    """Outcome and reason by file name of an ImportBatch."""

    def by_name(batch: Any) -> dict[str, tuple[str, str]]:
        items = batch.items.select_related("batch__site")
        return {Path(item.source).name: (item.outcome, item.reason) for item in items}

    return by_name
