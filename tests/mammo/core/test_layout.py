"""`platform/` is a folder of the sources and the standard library's module at once; both must work."""

import subprocess
import sys
from pathlib import Path

import pytest
from django.apps import apps
from django.db.models import ForeignKey, ManyToManyField

ROOT = Path(__file__).resolve().parents[3]
# Each room may point at rooms to its left only (the order in which data flows).
LAYERS = ["core", "accounts", "jobs", "archive", "annotation", "modeling", "evaluation", "demo"]


def python(code: str, *, cwd: Path = ROOT) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True, timeout=120)


def test_platform_never_becomes_a_package() -> None:
    assert not (ROOT / "platform" / "__init__.py").exists()
    assert not [path.name for path in (ROOT / "platform").iterdir() if path.suffix == ".py"]


@pytest.mark.parametrize("first", ["platform", "mammo.core.errors"])
def test_the_standard_module_and_ours_import_in_either_order(first: str) -> None:
    second = "mammo.core.errors" if first == "platform" else "platform"
    path = "import sys; sys.path.insert(0, 'platform')\n"
    done = python(
        f"{path}import {first}\nimport {second}\nimport platform\n"
        "print(platform.python_version(), platform.__file__)"
    )
    assert done.returncode == 0, done.stderr
    version, file = done.stdout.split()
    assert version == ".".join(map(str, sys.version_info[:3]))
    assert str(ROOT) not in file or ".venv" in file


def test_libraries_that_ask_for_the_platform_find_it_from_the_root() -> None:
    done = python("import platform, uuid, celery, numpy; print(platform.system())")
    assert done.returncode == 0, done.stderr


def test_modelings_own_module_stays_empty() -> None:
    assert (ROOT / "modeling" / "__init__.py").read_text() == ""


def test_no_module_is_called_utils_or_helpers() -> None:
    rooms = ("platform/mammo", "annotation", "modeling", "evaluation", "tests")
    named = {"utils.py", "helpers.py", "util.py", "helper.py"}
    found = [p for room in rooms for p in (ROOT / room).rglob("*.py") if "node_modules" not in p.parts]
    assert [str(path) for path in found if path.name in named] == []


def test_foreign_keys_follow_the_flow_of_data() -> None:
    wrong = []
    for model in apps.get_models(include_auto_created=True):
        here = model._meta.app_label
        if here not in LAYERS:
            continue
        for field in model._meta.get_fields():
            if not isinstance(field, ForeignKey | ManyToManyField) or field.related_model is None:
                continue
            there = field.related_model._meta.app_label
            # The account and its audit trail are known everywhere, as Django's own AUTH_USER_MODEL is.
            if there in LAYERS and there != "accounts" and LAYERS.index(there) > LAYERS.index(here):
                wrong.append(f"{model._meta.label}.{field.name} -> {there}")
    assert wrong == []


def test_every_room_is_walked() -> None:
    labels = {model._meta.app_label for model in apps.get_models()}
    assert {"core", "accounts", "jobs", "archive", "annotation", "modeling", "evaluation"} <= labels


def test_every_model_has_a_migration_and_none_is_missing(db: None) -> None:
    from django.core.management import call_command

    call_command("makemigrations", "--check", "--dry-run", verbosity=0)
