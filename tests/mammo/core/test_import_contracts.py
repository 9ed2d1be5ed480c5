"""The import contracts of pyproject.toml name every module of modeling, and every room of the platform."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
WITHOUT_TORCH = "Web and worker processes know no torch"
WITHOUT_DJANGO = "Torch code knows no Django"
FLOW = "Data flows one way"
# Neither side's: Django's own folders, which hold no code of ours that imports.
UNNAMED = {"__init__", "__pycache__", "locale", "migrations", "static", "templates"}


def test_every_module_of_modeling_is_without_torch_or_without_django() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = {
        one["name"]: set(one["source_modules"])
        for one in settings["tool"]["importlinter"]["contracts"]
        if "source_modules" in one
    }
    there = {path.stem for path in (ROOT / "modeling").iterdir() if path.is_dir() or path.suffix == ".py"}
    modules = {f"modeling.{name}" for name in there - UNNAMED}
    named = contracts[WITHOUT_TORCH] | contracts[WITHOUT_DJANGO]
    assert modules - named == set(), f"name these under {WITHOUT_TORCH!r} or {WITHOUT_DJANGO!r}"
    assert not contracts[WITHOUT_TORCH] & contracts[WITHOUT_DJANGO]
    assert {"mammo", "annotation", "evaluation"} <= contracts[WITHOUT_TORCH]


def test_every_package_and_module_of_the_platform_has_one_place_in_the_flow_of_data() -> None:
    """A package that no layer names may import anything: import-linter looks only at what stands in the list."""
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    (layers,) = (one["layers"] for one in linter["contracts"] if one["name"] == FLOW)
    named = [name.strip() for layer in layers for name in layer.split("|")]
    folder = ROOT / "platform" / "mammo"
    files = [path for path in folder.iterdir() if path.suffix == ".py" and path.name != "__init__.py"]
    packages = [path for path in folder.iterdir() if path.is_dir() and list(path.glob("*.py"))]
    there = [f"mammo.{path.stem}" for path in (*files, *packages)]
    rooms = [root for root in linter["root_packages"] if root != "mammo"]
    assert {"mammo.core", "mammo.archive"} <= set(there)
    assert sorted(named) == sorted(there + rooms), f"name these in the layers of {FLOW!r}, each once"


def test_the_flow_of_data_is_the_one_that_contributors_are_told() -> None:
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    (layers,) = (one["layers"] for one in linter["contracts"] if one["name"] == FLOW)
    (told,) = re.findall(r"data flows one way, `([^`]+)`", contributing)
    order = told.split(" < ")
    assert order == [layer for layer in reversed(layers) if layer in order]
