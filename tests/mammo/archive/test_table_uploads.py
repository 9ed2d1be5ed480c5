"""A table on a page: previewed with its mapping, corrected, imported by jobs, remembered; others come back as a file."""

import csv
import io
import os
import resource
import uuid
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import translation
from openpyxl import Workbook

from mammo.accounts.models import AuditEvent, Site, User
from mammo.archive.dicom.limits import LIMITS
from mammo.archive.models import ImportBatch, Pathology, Report, Study, TableUpload
from mammo.archive.services import import_studies
from mammo.archive.table_child import EXIT_NO_MEMORY
from mammo.archive.table_uploads import confirm, forget_stale, keep_table, preview
from mammo.archive.tables import header_and_rows
from mammo.core.errors import NotAllowedError, UserError, WrongStateError

from .damaged_books import DAMAGES, book
from .files import mammogram
from .test_pacs_fetches import run_all

LIS = (
    "住院号\t取材日期\t侧别\t标本\t取材方式\t病理结果\t送检医院\n"
    "H1234567\t2019-04-02\t左乳\t1\t空心针穿刺\t恶性\t某院\nNOBODY\t2019-04-02\t右乳\t1\t手术\t良性\t某院\n"
)


@pytest.fixture
def hers(tmp_path: Path, site: Site) -> Study:
    """One study of 2019-03-11."""
    import_studies([mammogram(tmp_path / "in" / "a.dcm")], site=site, by_user=None)
    return Study.objects.get()


def sent(text: str | bytes, name: str = "lis.tsv") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, text if isinstance(text, bytes) else text.encode("gb18030"))


def key() -> dict[str, str]:
    return {"idempotency_key": str(uuid.uuid4())}


def test_a_lis_table_goes_through_the_page_and_is_remembered(
    hers: Study, dana: User, client: Client, tmp_path: Path, django_capture_on_commit_callbacks: object
) -> None:
    client.force_login(dana)
    answer = client.post(
        "/archive/imports/tables/send/", {"site": "north", "kind": "pathology", "table": sent(LIS), **key()}
    )
    address = answer["Location"]
    page = client.get(address).content.decode()
    assert "空心针穿刺" in page
    assert not Pathology.objects.exists()
    upload = TableUpload.objects.get()
    proposed = preview(upload).mapping
    assert (proposed["住院号"], proposed["标本"]) == ("patient", "")
    kept = [path.read_bytes() for path in (tmp_path / "home").rglob("*") if path.is_file()]
    assert not any("空心针".encode(codec) in data for data in kept for codec in ("utf-8", "gb18030"))
    theirs = list(proposed)
    ours = ["lesion" if name == "标本" else proposed[name] for name in theirs]
    client.post(address, {"theirs": theirs, "ours": ours, "do": "import", **key()})
    assert "hx-get" in client.get(address).content.decode()  # it says how far it is by itself
    run_all(django_capture_on_commit_callbacks)
    upload.refresh_from_db()
    assert upload.finished_at
    assert client.get(address, headers={"HX-Request": "true"})["HX-Refresh"] == "true"
    assert "hx-get" not in client.get(address).content.decode().split("<main")[1]
    assert (Pathology.objects.get().lesion, Pathology.objects.get().study) == ("1", hers)
    batch = ImportBatch.objects.get(pk=upload.pk)
    assert (batch.kind, batch.origin, batch.by_user) == ("pathology", "upload", dana)
    assert (batch.counts["imported"], batch.counts["rejected"]) == (1, 1)
    assert not list((tmp_path / "home" / "imports" / "tables").iterdir())
    assert "not-taken.csv" in client.get(f"/archive/imports/{batch.pk}/").content.decode()
    given = client.get(f"/archive/imports/{batch.pk}/not-taken.csv")
    rows = list(csv.DictReader(io.StringIO(given.content.decode("utf-8-sig"))))
    assert [(row["patient"], row["line"]) for row in rows] == [("NOBODY", "3")]
    assert AuditEvent.objects.filter(action="archive.unmatched_rows_fetched", actor=dana).count() == 1
    again = keep_table(sent(LIS), kind="pathology", site=hers.site, by_user=dana)
    assert preview(again).is_remembered
    assert preview(again).mapping["标本"] == "lesion"


def test_a_long_table_is_taken_in_parts_and_a_second_import_adds_nothing(
    hers: Study, dana: User, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: object
) -> None:
    monkeypatch.setattr("mammo.archive.table_uploads.ROWS_PER_JOB", 2)
    lines = [f"H1234567,ACC1,双乳BI-RADS 2类，第{number}次" for number in range(3)]
    text = "\n".join(["patient,accession,text", *lines, "NOBODY,X,无", "H1234567,NO,无"])
    for imported, duplicate in ((3, 0), (0, 3)):
        upload = keep_table(sent(text.encode(), "ris.csv"), kind="reports", site=hers.site, by_user=dana)
        confirm(upload, preview(upload).mapping, by_user=dana)
        with pytest.raises(WrongStateError):
            confirm(upload, {}, by_user=dana)
        run_all(django_capture_on_commit_callbacks)
        upload.refresh_from_db()
        counts = ImportBatch.objects.get(pk=upload.pk).counts
        assert (upload.taken, counts["imported"], counts["duplicate"]) == (5, imported, duplicate)
        assert counts["rejected"] == 2
    assert Report.objects.filter(study=hers, replaced_by=None).count() == 1


def test_a_wrong_mapping_imports_nothing_and_the_table_can_be_destroyed(
    hers: Study, dana: User, client: Client, tmp_path: Path
) -> None:
    upload = keep_table(sent(LIS), kind="pathology", site=hers.site, by_user=dana)
    with pytest.raises(UserError, match="is mapped to 'nonsense'"):
        confirm(upload, {"住院号": "nonsense"}, by_user=dana)
    client.force_login(dana)
    client.post(f"/archive/imports/tables/{upload.pk}/", {"do": "discard", **key()})
    assert not TableUpload.objects.exists()


def test_tables_that_nobody_confirmed_are_destroyed(hers: Study, dana: User, tmp_path: Path) -> None:
    old = keep_table(sent(LIS), kind="pathology", site=hers.site, by_user=dana)
    keep_table(sent(LIS), kind="pathology", site=hers.site, by_user=dana)
    TableUpload.objects.filter(pk=old.pk).update(created_at=old.created_at - timedelta(days=15))
    assert forget_stale() == 1
    assert TableUpload.objects.count() == 1
    assert len(list((tmp_path / "home" / "imports" / "tables").glob("*.enc"))) == 1


@pytest.mark.parametrize(("name", "data"), [("a.exe", b"x"), ("a.xlsx", b"no zip"), ("a.csv", b"")])
def test_what_is_no_table_is_refused_and_not_kept(
    site: Site, dana: User, tmp_path: Path, name: str, data: bytes
) -> None:
    with pytest.raises(UserError, match=name.replace(".", r"\.")):
        keep_table(sent(data, name), kind="reports", site=site, by_user=dana)
    assert not list((tmp_path / "home").rglob("*.enc"))


def test_a_workbook_that_unpacks_to_more_than_a_table_is_refused_before_it_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        block = bytes(1 << 20)
        with archive.open("xl/sharedStrings.xml", "w", force_zip64=True) as member:
            for _ in range(401):
                member.write(block)
    assert path.stat().st_size < 1 << 20
    with pytest.raises(UserError, match="more than a table can hold"):
        header_and_rows(path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("part", "begins", "cell", "ends"),
    [
        ("xl/sharedStrings.xml", b"", b"<si><t>x</t></si>", b""),
        ("xl/worksheets/sheet1.xml", b"<row>", b"<c><v>1</v></c>", b"</row>"),
    ],
    ids=["strings", "cells"],
)
def test_a_workbook_that_fills_memory_or_time_is_refused_and_a_child_pays_for_it(
    site: Site, dana: User, tmp_path: Path, part: str, begins: bytes, cell: bytes, ends: bytes
) -> None:
    bomb, parts = io.BytesIO(), _workbook()
    opening = b"</sst>" if "shared" in part else b"<row "
    first, found, rest = parts.pop(part).partition(opening)
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
        with archive.open(part, "w", force_zip64=True) as member:
            member.write(first + begins)
            for _ in range(100):
                member.write(cell * ((1 << 20) // len(cell)))
            member.write(ends + found + rest)
    assert bomb.tell() < 1_000_000
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    with pytest.raises(UserError, match=r"bomb\.xlsx: takes too much time or memory"):
        keep_table(sent(bomb.getvalue(), "bomb.xlsx"), kind="reports", site=site, by_user=dana)
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime < LIMITS.preview_cpu_seconds + 1
    assert not list((tmp_path / "home").rglob("*.enc"))


_STRINGS = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"


def _workbook() -> dict[str, bytes]:
    """The parts of a small workbook, one of them a table of strings."""
    book, written = Workbook(), io.BytesIO()
    book.active.append(["text"])
    book.active.append(["左乳BI-RADS 2类"])
    book.save(written)
    with zipfile.ZipFile(written) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    part = "xl/sharedStrings.xml"
    if part not in parts:
        override = f'<Override PartName="/{part}" ContentType="{_STRINGS}"/></Types>'.encode()
        parts["[Content_Types].xml"] = parts["[Content_Types].xml"].replace(b"</Types>", override)
        parts[part] = b'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"></sst>'
    return parts


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_damaged_workbook_is_told_by_its_name_and_no_cell_is_logged(
    site: Site, dana: User, caplog: pytest.LogCaptureFixture, damage: Callable[[object], bytes]
) -> None:
    data = damage([["text"], *(["H1234567"] for _ in range(3))])
    with pytest.raises(UserError, match=r"^ris\.xlsx: not a readable XLSX file"):
        keep_table(sent(data, "ris.xlsx"), kind="reports", site=site, by_user=dana)
    assert "H1234567" not in caplog.text


def test_a_reader_that_fails_is_not_called_slow_and_no_cell_is_logged(
    site: Site, dana: User, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An installation whose library for workbooks is broken, and says something of the table as it fails."""
    (tmp_path / "openpyxl.py").write_text('raise ImportError("H1234567")\n')
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(UserError, match=r"^ris\.xlsx: the program that reads tables failed"):
        keep_table(sent(book([["H1234567"]]), "ris.xlsx"), kind="reports", site=site, by_user=dana)
    assert "ImportError" in caplog.text
    assert "H1234567" not in caplog.text


@pytest.mark.parametrize(
    ("code", "says"),
    [(-24, "time or memory"), (EXIT_NO_MEMORY, "time or memory"), (1, "program that reads tables failed")],
)
def test_time_and_memory_are_named_where_they_ended_the_reader(
    site: Site, dana: User, monkeypatch: pytest.MonkeyPatch, code: int, says: str
) -> None:
    monkeypatch.setattr("mammo.archive.table_previews._read_by_child", lambda request, answer: (code, []))
    with pytest.raises(UserError, match=says):
        keep_table(sent(b"a,b\n1,2\n", "ris.csv"), kind="reports", site=site, by_user=dana)


def test_a_workbook_is_previewed_and_what_is_wrong_with_a_table_is_said_in_the_persons_language(
    site: Site, dana: User
) -> None:
    book = io.BytesIO()
    with zipfile.ZipFile(book, "w") as archive:
        for name, data in _workbook().items():
            archive.writestr(name, data)
    upload = keep_table(sent(book.getvalue(), "ris.xlsx"), kind="reports", site=site, by_user=dana)
    assert preview(upload).mapping == {"text": "text"}
    with translation.override("zh-hans"), pytest.raises(UserError, match=r"^ris\.csv：.*GB18030"):
        keep_table(sent(b"a,b\n\xff\xff,1\n", "ris.csv"), kind="reports", site=site, by_user=dana)


def test_others_neither_send_nor_see_tables(
    hers: Study, dana: User, june: User, rita: User, otto: User, client: Client
) -> None:
    upload = keep_table(sent(LIS), kind="pathology", site=hers.site, by_user=dana)
    for person in (june, rita, otto):
        client.force_login(person)
        for address in ("/archive/imports/tables/", f"/archive/imports/tables/{upload.pk}/"):
            assert client.get(address).status_code == 404
        with pytest.raises(NotAllowedError):
            keep_table(sent(LIS), kind="pathology", site=hers.site, by_user=person)
        with pytest.raises(NotAllowedError):
            confirm(upload, {}, by_user=person)
