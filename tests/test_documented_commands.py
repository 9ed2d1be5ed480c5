"""Every command that docs and README name exists and does something when it is called as written."""

import ast
import importlib.util
import re
from pathlib import Path

import pytest
from django.core.management import get_commands

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("docs/**/*.md"), *ROOT.glob("*.md"), ROOT / "Makefile"])
# `python -m modeling.training.STAGE` stands for any stage, so a name ends before a word in capitals.
MODULE = re.compile(r"(?:python3?|\$\(PY\)) -m ([a-z_][a-z0-9_.]*)((?: +[a-z_0-9]+)*)")
COMMAND = re.compile(r"manage\.py ([a-z_0-9]+)")


def named(pattern: re.Pattern[str]) -> list[tuple[str, ...]]:
    found = {match.groups() for page in PAGES for match in pattern.finditer(page.read_text("utf-8"))}
    return sorted(found)


def runs_when_called(module: str) -> bool:
    """Whether `python -m module` reaches code of its own: a package's __main__, or a guarded last part."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        return False
    if spec.submodule_search_locations:
        return (Path(spec.origin).parent / "__main__.py").is_file()
    tests = [
        node.test for node in ast.parse(Path(spec.origin).read_text("utf-8")).body if isinstance(node, ast.If)
    ]
    return any(ast.unparse(test) == "__name__ == '__main__'" for test in tests)


def ours(module: str) -> bool:
    return (ROOT / module.partition(".")[0]).is_dir()


MODULES = sorted(
    {module.rstrip(".") for module, _ in named(MODULE) if ours(module) and not module.endswith(".")}
)
FAMILIES = sorted({module.rstrip(".") for module, _ in named(MODULE) if module.endswith(".")})


def test_the_pages_name_commands_of_both_kinds():
    assert {"benchmarks.kill_points", "benchmarks.training_ratios", "benchmarks.gpu"} <= set(MODULES)
    assert FAMILIES == ["modeling.training"]
    assert len(named(COMMAND)) > 25


@pytest.mark.parametrize("module", MODULES)
def test_a_module_that_is_named_does_something_when_it_is_called(module):
    assert runs_when_called(module)


def test_every_stage_can_be_called_by_its_name():
    from modeling.services.stages import SPECS

    modules = [spec.module for spec in SPECS]
    assert modules
    assert [module for module in modules if not runs_when_called(module)] == []


@pytest.mark.slow
def test_every_benchmark_prints_its_figures_when_it_is_called_alone_and_has_the_name_that_pages_give():
    from benchmarks.__main__ import BENCHMARKS

    modules = [benchmark.__name__ for benchmark in BENCHMARKS]
    assert [module for module in modules if not runs_when_called(module)] == []
    given = {name for module, names in named(MODULE) if module == "benchmarks" for name in names.split()}
    assert given <= {module.rpartition(".")[2] for module in modules}


def test_every_command_of_manage_py_exists():
    known = set(get_commands())
    assert [name for (name,) in named(COMMAND) if name not in known] == []


@pytest.mark.slow
def test_a_module_without_a_main_is_noticed():
    assert not runs_when_called("modeling.training.trainer")
    assert not runs_when_called("benchmarks.no_such_thing")
    assert runs_when_called("benchmarks")
