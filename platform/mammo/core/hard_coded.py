"""Words in templates and page scripts that no translation reaches, because they were written without one."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

# Shown as they are in every language: names, file kinds, units, codes.
AS_THEY_ARE = frozenset(
    """
    MammoVLM BI-RADS BIRADS DICOM SHA-256 CSV TSV XLSX JSON HTML LaTeX Word Excel Markdown PDF API URL ID GPU CPU
    CC MLO AUC ROC CI px mm kb mb gb TOTP WebAuthn OpenAPI GLM UMiCon nbsp middot hellip
    """.lower().split()
)
# Keys of a keyboard, machine words and addresses are no language.
NOT_LANGUAGE = frozenset({"kbd", "code", "pre", "script", "style", "samp"})
READ_ALOUD = frozenset({"title", "aria-label", "aria-description", "placeholder", "alt"})
WORD = re.compile(r"[A-Za-z]{2,}(?:-[\dA-Za-z]+)*")
COMMENT = re.compile(
    r"\{#.*?#\}|\{% comment .*?endcomment %\}|\{% comment %\}.*?\{% endcomment %\}|<!--.*?-->", re.S
)
TRANSLATED = re.compile(r"\{%\s*blocktrans(?:late)?\b.*?\{%\s*endblocktrans(?:late)?\s*%\}", re.S)
TAG = re.compile(r"\{%.*?%\}|\{\{.*?\}\}", re.S)
# Parts of the design system that show their arguments: a literal there must be _("…").
SHOWS_ARGUMENTS = re.compile(r"\{%\s*(?:breadcrumbs|state|empty_state)\b(.*?)%\}", re.S)
# A literal that is translated, an address or a command line; any other is shown as it is.
SETTLED = re.compile(r'_\("[^"]*"\)|\b(?:url|command)="[^"]*"')
LITERAL = re.compile(r'"([^"]*)"')
CLASSES = re.compile(r"\{%\s*block \w*class\s*%\}.*?\{%\s*endblock.*?%\}", re.S)
# Where a script shows words: what is assigned to text, or given to a reader.
SHOWN = re.compile(
    r"""(?:\.(?:textContent|innerText|title|placeholder|ariaLabel)\s*=\s*|setAttribute\(\s*["'](?:aria-label|title|placeholder|alt)["']\s*,\s*|\b(?:alert|confirm|prompt)\(\s*|createTextNode\(\s*|\.append\(\s*)(["'`])((?:\\.|(?!\1).)*)\1"""
)
HOLE = re.compile(r"\$\{[^}]*\}")
TONES = frozenset({"waiting", "running", "done", "failed", "attention", "quiet"})


# Names of acts, commands and files: annotation.pick, manage.py.
DOTTED = re.compile(r"\b\w+(?:\.\w+)+\b")


def _is_language(text: str) -> bool:
    text = DOTTED.sub("", text)
    return any(word.lower() not in AS_THEY_ARE for word in WORD.findall(text))


class _Texts(HTMLParser):
    """Collects what a reader sees or hears."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += tag in NOT_LANGUAGE
        self.found += [value for name, value in attrs if name in READ_ALOUD and value and _is_language(value)]

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in NOT_LANGUAGE and self._silent > 0

    def handle_data(self, data: str) -> None:
        if not self._silent and _is_language(data):
            self.found.append(" ".join(data.split()))


def in_template(source: str) -> list[str]:
    """Words of a Django template that stand outside every translation."""
    source = CLASSES.sub("", COMMENT.sub("", source))
    arguments = [literal for part in SHOWS_ARGUMENTS.findall(source) for literal in _shown_literals(part)]
    reader = _Texts()
    reader.feed(TAG.sub("", TRANSLATED.sub("", source)))
    reader.close()
    return reader.found + arguments


def _shown_literals(arguments: str) -> Iterator[str]:
    for literal in LITERAL.findall(SETTLED.sub("", arguments)):
        if literal not in TONES and _is_language(literal):
            yield literal


def in_script(source: str) -> list[str]:
    """Words that a page script shows; it should take them from the page's data attributes."""
    found = (HOLE.sub("", text) for _quote, text in SHOWN.findall(source))
    return [text for text in found if _is_language(text)]


def hard_coded(folder: Path) -> list[str]:
    """`file: words` for every template and page script under `folder`."""
    lines = []
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder).parts
        if {"node_modules", "built", "locale"}.intersection(inside):
            continue
        if path.suffix == ".html" and "templates" in inside:
            found = in_template(path.read_text(encoding="utf-8"))
        elif path.suffix == ".js" and {"static", "viewer"}.intersection(inside):
            found = in_script(path.read_text(encoding="utf-8"))
        else:
            continue
        lines += [f"{'/'.join(inside)}: {words}" for words in found]
    return lines
