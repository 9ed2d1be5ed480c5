"""A table on a page: previewed with its mapping, corrected, imported by jobs, remembered; others come back as a file."""

import csv
import io
import uuid
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from mammo.accounts.models import AuditEvent, Site, User
from mammo.archive.models import ImportBatch, Pathology, Report, Study, TableUpload
from mammo.archive.services import import_studies
from mammo.archive.table_uploads import confirm, forget_stale, keep_table, preview
from mammo.archive.tables import header_and_rows
from mammo.core.errors import NotAllowedError, UserError, WrongStateError

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
