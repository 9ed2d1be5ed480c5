"""Whatever answers with a file says so where it is pressed: the page stays, so its scripts must not wait for another."""

import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

ROOT = Path(__file__).resolve().parents[3]
PRESSED = re.compile(r"<(a|form)\b(?:\{%.*?%\}|\{\{.*?\}\}|[^>])*>")
NAMED = re.compile(r"""\{% url ['"]([\w:-]+)['"]""")
MARK = re.compile(r"\sdata-download\b")
# Of a link: what comes is saved, were it the page on which to sign in again.
SAVES_ANYTHING = re.compile(r"\sdownload\b")


class FileView(NamedTuple):
    """A view that answers with a file; only where `as` is chosen, if it is a page as well."""

    name: str
    is_chosen: bool


def _routes(patterns: list[Any], space: str = "") -> Iterator[tuple[str, Callable[..., Any]]]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            inner = f"{space}{pattern.namespace}:" if pattern.namespace else space
            yield from _routes(pattern.url_patterns, inner)
        elif isinstance(pattern, URLPattern) and pattern.name:
            yield f"{space}{pattern.name}", pattern.callback


def _source(view: Callable[..., Any]) -> str:
    """What the view says, and the functions of its own module that it calls."""
    written = inspect.getsource(getattr(view, "view_class", None) or inspect.unwrap(view))
    module = inspect.getmodule(inspect.unwrap(view))
    called = [getattr(module, name, None) for name in set(re.findall(r"\b(_\w+)\(", written))]
    own = [part for part in called if inspect.isfunction(part) and part.__module__ == module.__name__]
    return written + "".join(inspect.getsource(part) for part in own)


def file_views() -> list[FileView]:
    found = []
    for name, view in _routes(get_resolver().url_patterns):
        if name.startswith(("admin:", "api")):
            continue
        source = _source(view)
        if "attachment" in source:
            found.append(FileView(name, '"as"' in source))
    return found


def _templates() -> list[Path]:
    folders = (ROOT / "annotation", ROOT / "evaluation", ROOT / "modeling", ROOT / "platform" / "mammo")
    return [path for folder in folders for path in folder.rglob("templates/**/*.html")]


def test_every_link_and_form_that_answers_with_a_file_is_marked() -> None:
    views = {view.name: view for view in file_views()}
    unmarked, seen = [], set()
    for path in _templates():
        for tag in PRESSED.finditer(path.read_text("utf-8")):
            named = NAMED.search(tag[0])
            view = views.get(named[1]) if named else None
            if view is None or (view.is_chosen and "as=" not in tag[0]):
                continue
            seen.add(view.name)
            said = NAMED.sub("", tag[0])
            if not MARK.search(said) or SAVES_ANYTHING.search(said):
                unmarked.append(f"{path.relative_to(ROOT)}: {tag[0]}")
    assert not unmarked, "\n".join(unmarked)
    assert len(seen) >= 10, seen


@pytest.mark.parametrize(
    "name",
    ["annotation:export-download", "evaluation:export-download", "modeling:export-take",
     "archive:overview-figure", "annotation:campaign-quality", "mfa_download_recovery_codes"],
)  # fmt: skip
def test_the_views_that_answer_with_a_file_are_found(name: str) -> None:
    assert name in {view.name for view in file_views()}
