"""The torch rooms load in a process where Django and the apps cannot be imported."""

import pkgutil
import subprocess
import sys

import modeling.data
import modeling.inference
import modeling.nn
import modeling.training
import modeling.weights

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


def test_every_torch_module_loads_without_django():
    names = [
        f"{package.__name__}.{module.name}"
        for package in (modeling.data, modeling.nn, modeling.training, modeling.inference, modeling.weights)
        for module in pkgutil.iter_modules(package.__path__)
    ]
    assert {"modeling.training.density", "modeling.nn.umicon", "modeling.data.build"} <= set(names)
    done = subprocess.run(
        [sys.executable, "-c", BLOCK, *names], check=False, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
