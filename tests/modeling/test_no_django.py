"""The torch rooms load in a process where Django and the apps cannot be imported."""

import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import modeling.data
import modeling.inference
import modeling.nn
import modeling.training
import modeling.weights

ROOMS = (modeling.data, modeling.nn, modeling.training, modeling.inference, modeling.weights)
BLOCK = """
import importlib, sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"django", "rest_framework", "celery", "mammo", "annotation", "evaluation"}:
            raise ImportError(f"{name} is blocked")
sys.meta_path.insert(0, Blocked())
for name in sys.argv[1:]:
    importlib.import_module(name)
"""


@pytest.mark.slow
def test_every_torch_module_loads_without_django():
    names = {
        module.name
        for room in ROOMS
        for module in pkgutil.walk_packages(room.__path__, prefix=f"{room.__name__}.")
    }
    assert {"modeling.training.density", "modeling.training.proof.worker", "modeling.data.build"} <= names
    # A folder without __init__.py would not be walked.
    files = {path for room in ROOMS for path in Path(room.__path__[0]).rglob("*.py")}
    assert len(names) == len(files) - len(ROOMS), (
        "every file but the rooms' own is a module that is loaded here"
    )
    done = subprocess.run(
        [sys.executable, "-c", BLOCK, *sorted(names)],
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
