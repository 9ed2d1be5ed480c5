"""Why a file can't be analysed is said in the reader's language: every refusal of the statistics has its template."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import translation

from evaluation.reports.refusals import REFUSALS
from evaluation.reports.wording import TEMPLATES, refusal_in_words
from mammo.accounts.models import User

FOLDERS = ("statistics", "analyses")
FIELD = re.compile(r"\{[^{}]*\}")


def _template(said: ast.expr, constants: dict[str, str]) -> str | None:
    """The text of an error, its fields as {}; None where it is made elsewhere."""
    if isinstance(said, ast.Constant):
        return str(said.value)
    if isinstance(said, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in said.values)
    if isinstance(said, ast.Call) and isinstance(said.func, ast.Attribute) and said.func.attr == "format":
        return _template(said.func.value, constants)
    return constants.get(said.id) if isinstance(said, ast.Name) else None


def refusals_in(path: Path) -> Iterator[str]:
    """Every text of a ValueError of a module, its fields as {}."""
    tree = ast.parse(path.read_text("utf-8"))
    constants = {
        name.id: str(ast.literal_eval(node.value))
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for name in node.targets
        if isinstance(name, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
            said = _template(node.exc.args[0], constants)
            if ast.unparse(node.exc.func) == "ValueError" and said:
                yield FIELD.sub("{}", said)


def all_refusals() -> set[str]:
    folders = [Path(settings.BASE_DIR) / "evaluation" / folder for folder in FOLDERS]
    return {said for folder in folders for path in folder.glob("*.py") for said in refusals_in(path)}


def test_every_refusal_of_the_statistics_is_listed_and_nothing_else() -> None:
    written = all_refusals()
    listed = {FIELD.sub("{}", template) for template in REFUSALS}
    assert len(written) > 95, "the walk over the code found too little"
    assert written - listed - {FIELD.sub("{}", template) for template in TEMPLATES} == set()
    assert listed - written == set()


@pytest.mark.parametrize("template", REFUSALS)
def test_each_is_said_in_chinese_with_its_fields(template: str) -> None:
    fields = re.findall(r"\{(\w+)\}", template)
    said = template.format(**{name: f"f{place}" for place, name in enumerate(fields)})
    assert refusal_in_words(f"file.csv: {said}") == f"file.csv: {said}"
    with translation.override("zh-hans"):
        chinese = refusal_in_words(f"file.csv: {said}")
    assert chinese.startswith("file.csv: ")
    assert any("\u4e00" <= letter <= "\u9fff" for letter in chinese)
    assert all(f"f{place}" in chinese for place in range(len(fields)))


@pytest.mark.django_db
def test_the_page_of_a_dropped_file_says_it_in_chinese(client: Client, rita: User) -> None:
    client.force_login(rita)
    client.cookies["django_language"] = "zh-hans"
    file = SimpleUploadedFile("mine.csv", b"truth,score\n1,0.5\n0,0.4\n")
    page = client.post(
        reverse("evaluation:analyse"), {"kind": "roc", "file": file, "truth": "truth", "score": "score"}
    )
    assert page.status_code == 400
    said = page.content.decode()
    assert "ROC 分析至少需要 2 个阳性病例和 2 个阴性病例，现有 1 个和 1 个" in said
    assert "needs two positive" not in said
