"""The import contracts of pyproject.toml name every module of modeling, on one side or the other."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
WITHOUT_TORCH = "Web and worker processes know no torch"
WITHOUT_DJANGO = "Torch code knows no Django"
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
