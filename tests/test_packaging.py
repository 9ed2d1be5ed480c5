"""A wheel built after set-up holds what pages need, and the console script answers."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TIMEOUT = 240


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkout's wheel, unpacked; built without the network by the same backend that pip calls."""
    folder = tmp_path_factory.mktemp("wheel")
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)],
        cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        archive.extractall(folder / "unpacked")
    return folder / "unpacked"


def python(wheel: Path, home: Path, code: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a program that sees the unpacked wheel before the checkout."""
    environment = {
        **os.environ, "PYTHONPATH": str(wheel), "MAMMO_HOME": str(home), "DJANGO_SETTINGS_MODULE": "mammo.settings",
    }  # fmt: skip
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=home, env=environment, capture_output=True, text=True,
        timeout=TIMEOUT,
    )  # fmt: skip


def test_a_wheel_holds_the_packages_with_their_pages_and_specs_and_no_tests(wheel: Path) -> None:
    assert {"mammo", "annotation", "modeling", "evaluation"} <= {path.name for path in wheel.iterdir()}
    assert (wheel / "mammo" / "templates" / "base.html").is_file()
    assert (wheel / "modeling" / "inference" / "specs" / "mammovlm.json").is_file()
    for left_out in ("tests", "benchmarks", "platform", "mammo/viewer/node_modules"):
        assert not (wheel / left_out).exists(), left_out


def test_pages_of_a_wheel_have_style_viewer_and_chinese(wheel: Path, tmp_path: Path) -> None:
    said = python(
        wheel,
        tmp_path,
        "import django, mammo; django.setup(); print(mammo.__file__)\n"
        "from django.utils import translation\n"
        "from mammo.core.assets import BUILT, built_folder\n"
        "print(BUILT / (built_folder() or 'not built'))\n"
        "translation.activate('zh-hans'); print(translation.gettext('Sign in'))",
    )
    assert said.returncode == 0, said.stderr
    source, built, chinese = said.stdout.splitlines()
    assert source.startswith(str(wheel))
    assert list(Path(built).glob("*.css"))
    assert list(Path(built).glob("*.js"))
    assert chinese == "登录"
    for room in ("mammo", "annotation", "modeling", "evaluation"):
        assert list((wheel / room / "locale").rglob("*.mo")), room


def test_the_console_script_lists_the_commands() -> None:
    script = Path(sys.prefix) / "bin" / "mammo"
    done = subprocess.run([script, "--help"], cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT)
    assert done.returncode == 0, done.stderr
    assert {"import_studies", "propose", "train", "table", "demo", "up"} <= set(done.stdout.split())
