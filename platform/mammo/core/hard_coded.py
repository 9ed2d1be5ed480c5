"""Words in templates, page scripts and error messages that no translation reaches: they were written without one."""

import ast
import re
from collections.abc import Collection, Iterable, Iterator
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
# Arguments of form fields that stand on the page, what names a line or a place of it, and messages to a person.
SHOWN_ARGUMENTS = frozenset({"label", "help_text", "empty_label"})
NAMED_ON_PAGES = frozenset({"Notice", "Entry", "Start", "JobKind"})
NAMING_ARGUMENTS = frozenset({"text", "label", "description", "group", "title"})
MESSAGES = frozenset({"debug", "info", "success", "warning", "error"})
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


def error_classes(sources: Collection[str]) -> frozenset[str]:
    """Names of the errors that a person reads: UserError, ValidationError, and every class that descends from them."""
    parents = {
        node.name: {base.id for base in node.bases if isinstance(base, ast.Name)}
        for source in sources
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ClassDef)
    }
    known = {"UserError", "ValidationError"}
    while fresh := {name for name, bases in parents.items() if bases & known} - known:
        known |= fresh
    return frozenset(known)


def in_python(source: str, errors: Collection[str]) -> list[str]:
    """`line: words` for each error of a module whose message is a bare literal."""
    return _told(
        (node, node.args[0])
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and node.args and _name_of(node.func) in errors
    )


def on_pages(source: str, *, fields: bool = True) -> list[str]:
    """`line: words` for each bare literal that a module puts on a page: labels and helps of form fields (those of
    models and of the interface are read by programmers: `fields=False`), labels of choices, messages to whoever
    sent a form, lines and places of the home page."""
    arguments = SHOWN_ARGUMENTS if fields else frozenset[str]()
    return _told(
        (node, shown)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call | ast.ClassDef)
        for shown in (
            _shown_by_call(node, arguments) if isinstance(node, ast.Call) else _shown_by_class(node)
        )
    )


def _told(shown: Iterable[tuple[ast.AST, ast.expr]]) -> list[str]:
    return [
        f"{node.lineno}: {text}"  # type: ignore[attr-defined]
        for node, message in shown
        for text in _bare(message)
        if _is_language(text)
    ]


def _name_of(function: ast.expr) -> str:
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")


def _shown_by_call(call: ast.Call, arguments: frozenset[str]) -> Iterator[ast.expr]:
    if _name_of(call.func) in NAMED_ON_PAGES:
        arguments = NAMING_ARGUMENTS
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    yield from (value for name, value in given.items() if name in arguments)
    choices = given.get("choices")
    if isinstance(choices, ast.List | ast.Tuple):
        yield from _labels(choices.elts)
    if isinstance(call.func, ast.Attribute) and _name_of(call.func.value) == "messages":
        yield from call.args[1:] if call.func.attr in MESSAGES else call.args[2:]


def _shown_by_class(node: ast.ClassDef) -> Iterator[ast.expr]:
    if any(_name_of(base).endswith("Choices") for base in node.bases):
        for line in node.body:
            if isinstance(line, ast.Assign):  # one value alone: Django shows the name of the choice
                yield line.value.elts[-1] if isinstance(line.value, ast.Tuple) else line.value


def _labels(choices: Iterable[ast.expr]) -> Iterator[ast.expr]:
    """The second of each pair, where it says more than the first: what is shown by its key is no label."""
    for pair in choices:
        if isinstance(pair, ast.Tuple) and len(pair.elts) == 2:
            key, label = pair.elts
            if ast.dump(key) != ast.dump(label):
                yield label


def _bare(message: ast.expr) -> Iterator[str]:
    """The words of a message that are handed to no function, such as gettext, on their way to the error."""
    if isinstance(message, ast.Constant) and isinstance(message.value, str):
        yield message.value
    elif isinstance(message, ast.JoinedStr):
        yield " ".join(str(part.value) for part in message.values if isinstance(part, ast.Constant))
    elif isinstance(message, ast.BinOp):
        yield from _bare(message.left)
        if isinstance(message.op, ast.Add):
            yield from _bare(message.right)
    elif isinstance(message, ast.BoolOp):
        for part in message.values:
            yield from _bare(part)
    elif isinstance(message, ast.IfExp):
        yield from _bare(message.body)
        yield from _bare(message.orelse)
    elif isinstance(message, ast.Call) and isinstance(message.func, ast.Attribute):
        yield from _bare(message.func.value) if message.func.attr == "format" else ()


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
