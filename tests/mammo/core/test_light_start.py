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


# A page of its own fetches these; the web process comes up without them.
HEAVY_FOR_THE_WEB = (
    "torch",
    "transformers",
    "scipy",
    "sklearn",
    "statsmodels",
    "matplotlib",
    "pydicom",
    "numpy",
)


def said_by(statement: str) -> str:
    """What a process prints that has started Django and run the statement."""
    paths = (settings.BASE_DIR, settings.BASE_DIR / "platform")
    done = subprocess.run(
        [sys.executable, "-c", f"import django, sys; django.setup(); {statement}"],
        cwd=settings.BASE_DIR,
        env={"DJANGO_SETTINGS_MODULE": "mammo.settings", "PYTHONPATH": os.pathsep.join(map(str, paths))},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout


def loaded_by(statement: str) -> set[str]:
    """Modules of a process that has started Django and run the statement."""
    return set(said_by(f"{statement}; print(' '.join(sys.modules))").split())


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    """Modules of a process that has only started Django."""
    return loaded_by("pass")


@pytest.fixture(scope="module")
def loaded_by_the_web() -> set[str]:
    """Modules of a process that knows every address."""
    return loaded_by("import mammo.urls")


@pytest.mark.parametrize("name", HEAVY)
def test_a_start_loads_no(loaded: set[str], name: str) -> None:
    assert "django" in loaded
    assert name not in loaded


@pytest.mark.parametrize("name", HEAVY_FOR_THE_WEB)
def test_the_addresses_load_no(loaded_by_the_web: set[str], name: str) -> None:
    assert "evaluation.views.designing" in loaded_by_the_web
    assert name not in loaded_by_the_web


def test_a_start_compiles_none_of_the_archives_expressions() -> None:
    said = said_by(
        "from django.utils.functional import empty; "
        "from mammo.archive.identifying_patterns import PATTERNS; "
        "print(sum(vars(pattern)['_wrapped'] is empty for _, pattern in PATTERNS), len(PATTERNS))"
    )
    not_compiled, whole = map(int, said.split())
    assert not_compiled == whole > 50
