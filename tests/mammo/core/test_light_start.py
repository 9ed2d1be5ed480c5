"""Every command, worker and child's parent starts Django: what only some of them need loads when it is needed."""

import os
import subprocess
import sys

import pytest
from django.conf import settings

HEAVY = (
    "torch",
    "transformers",
    "scipy",
    "sklearn",
    "pydicom",
    "numpy",
    "rest_framework.fields",
    "drf_spectacular.openapi",
)


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    """Modules of a process that has only started Django."""
    paths = (settings.BASE_DIR, settings.BASE_DIR / "platform")
    done = subprocess.run(
        [sys.executable, "-c", "import django, sys; django.setup(); print(' '.join(sys.modules))"],
        cwd=settings.BASE_DIR,
        env={"DJANGO_SETTINGS_MODULE": "mammo.settings", "PYTHONPATH": os.pathsep.join(map(str, paths))},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return set(done.stdout.split())


@pytest.mark.parametrize("name", HEAVY)
def test_a_start_loads_no(loaded: set[str], name: str) -> None:
    assert "django" in loaded
    assert name not in loaded
