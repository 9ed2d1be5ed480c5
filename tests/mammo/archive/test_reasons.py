"""Reasons of imports: every one that the code can write is known, and said in the reader's language."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client
from django.utils import translation

from mammo.accounts.models import Site, User
from mammo.archive.models import ImportBatch
from mammo.archive.reasons import TEMPLATES, shown_reason
from mammo.archive.services import import_studies

from .conftest import ROOT
from .files import mammogram

ARCHIVE = ROOT / "platform" / "mammo" / "archive"
# Calls whose first argument is a reason, by function name; and the keyword that holds one.
REFUSALS = {"rejected", "quarantined"}
HAN = re.compile(r"[\u4e00-\u9fff]")


def _filled(node: ast.expr) -> str | None:
    """The text of a string or f-string, its places filled with something short."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "L" for part in node.values)
    return None


def written_reasons() -> Iterator[tuple[str, str]]:
    """(file, reason) of every refusal and problem in the archive's code."""
    for path in [*ARCHIVE.glob("*.py"), *(ARCHIVE / "dicom").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            found: list[ast.expr] = []
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                if name in REFUSALS and node.args:
                    found = [node.args[0]]
                elif name in ("Source", "put"):
                    found = [each.value for each in node.keywords if each.arg == "problem"]
            elif (
                isinstance(node, ast.Tuple)
                and len(node.elts) == 2
                and getattr(node.elts[0], "attr", "") in ("REJECTED", "DUPLICATE")
            ):
                found = [node.elts[1]]
            for each in found:
                choices = [each.body, each.orelse] if isinstance(each, ast.IfExp) else [each]
                for choice in choices:
                    if text := _filled(choice):
                        yield path.name, text


def test_every_reason_of_the_code_has_a_chinese_wording() -> None:
    found = list(written_reasons())
    assert len(found) > 50
    with translation.override("zh-hans"):
        unknown = [
            (name, text)
            for name, text in found
            if text != "L: fetch it again" and not HAN.search(shown_reason(text))
        ]
    assert unknown == []


def test_every_template_is_translated_and_keeps_its_places() -> None:
    with translation.override("zh-hans"):
        for msgid in TEMPLATES:
            said = translation.gettext(msgid)
            assert HAN.search(said), msgid
            assert sorted(re.findall(r"%\(\w+\)s", said)) == sorted(re.findall(r"%\(\w+\)s", msgid)), msgid


@pytest.mark.parametrize(
    ("stored", "part"),
    [
        ("2 line(s) that look like burned-in text: a person must look at the image", "2"),
        ("the labels table says L, the file says R", "L"),
        ("side_from_pixels, window_estimated", "，"),
        ("needed attributes are missing: Rows, Columns", "Rows, Columns"),
    ],
)
def test_values_stay_in_the_translated_reason(stored: str, part: str) -> None:
    assert shown_reason(stored) == stored or stored.startswith("side_from")
    with translation.override("zh-hans"):
        said = shown_reason(stored)
    assert HAN.search(said)
    assert part in said or part == "，"
    assert "says" not in said


def test_what_nobody_knows_stays_as_it_is() -> None:
    assert shown_reason("something new, and more") == "something new, and more"


def test_the_page_of_an_import_says_reasons_in_chinese(
    site: Site, dana: User, client: Client, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "note.txt").write_text("no image")
    mammogram(tmp_path / "in" / "a.dcm", PresentationIntentType="FOR PROCESSING")
    import_studies([tmp_path / "in"], site=site, by_user=None)
    client.force_login(dana)
    client.cookies["django_language"] = "zh-hans"
    page = client.get(f"/archive/imports/{ImportBatch.objects.get().pk}/").content.decode()
    assert "neither DICOM" not in page
    assert "既不是DICOM" in page
