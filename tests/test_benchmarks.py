"""What benchmarks import exists. They run by hand, so a name that moved was found on the day of measuring."""

import ast
import importlib.util
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = sorted((ROOT / "benchmarks").glob("*.py"))


def source_of(module: str) -> Path | None:
    """File of one of our own modules; nothing is imported (many benchmarks import torch)."""
    parts = Path(*module.split("."))
    for root in (ROOT, ROOT / "platform"):
        for path in ((root / parts).with_suffix(".py"), root / parts / "__init__.py"):
            if path.is_file():
                return path
    return None


@cache
def names_of(path: Path) -> frozenset[str]:
    """What a module defines at its top level, also under an `if` or a `try`."""
    found: set[str] = set()
    waiting: list[ast.AST] = [ast.parse(path.read_text("utf-8"))]
    while waiting:
        for node in ast.iter_child_nodes(waiting.pop()):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                found.add(node.name)
            elif isinstance(node, ast.Import | ast.ImportFrom):
                found |= {(name.asname or name.name).partition(".")[0] for name in node.names}
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found.add(node.id)
            else:
                waiting.append(node)
    return frozenset(found)


def is_ours(module: str) -> bool:
    top = module.partition(".")[0]
    return any((root / top / "__init__.py").is_file() for root in (ROOT, ROOT / "platform"))


def unresolved(script: Path) -> list[str]:
    """Imports that lead to nothing, those inside functions too."""
    lost = []
    for node in ast.walk(ast.parse(script.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            wanted = [(name.name, "") for name in node.names]
        elif isinstance(node, ast.ImportFrom):
            wanted = [(node.module or "", name.name) for name in node.names]
        else:
            continue
        for module, name in wanted:
            if not is_ours(module):
                there = importlib.util.find_spec(module.partition(".")[0]) is not None
            else:
                path = source_of(module)
                there = path is not None and (
                    not name or name in names_of(path) or source_of(f"{module}.{name}") is not None
                )
            if not there:
                lost.append(f"{script.name}:{node.lineno} {module} {name}".rstrip())
    return lost


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_every_name_that_a_benchmark_imports_exists(script: Path) -> None:
    assert unresolved(script) == []


@pytest.mark.slow
def test_a_name_that_is_gone_is_found(tmp_path: Path) -> None:
    script = tmp_path / "old.py"
    script.write_text(
        "def measure():\n    from tests.browser import ARGUMENTS, page\n    import no_such_package\n"
    )
    assert unresolved(script) == ["old.py:2 tests.browser ARGUMENTS", "old.py:3 no_such_package"]
