"""A patient withdraws while tables that name her wait under the site's key: her rows go, the others' imports go on."""

import io
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from openpyxl import Workbook

from mammo.accounts.models import AuditEvent, Site, User
from mammo.accounts.services import create_account
from mammo.archive import erasure as erasures
from mammo.archive import table_uploads
from mammo.archive.models import Erasure, ImportBatch, Pathology, Patient, Report, Study, TableUpload
from mammo.archive.pathology_import import import_pathology_rows
from mammo.archive.reports_import import import_reports
from mammo.archive.services import erase_patient, import_studies, request_erasure
from mammo.archive.table_uploads import confirm, keep_table, lay_out, path_of, preview, tables_folder
from mammo.archive.tables import Row
from mammo.archive.unmatched import unmatched_csv, unmatched_path
from mammo.core.errors import UserError
from mammo.core.keys import key_store
from mammo.jobs.chores import do_chores

from .files import mammogram
from .test_pacs_fetches import run_all

pytestmark = pytest.mark.django_db
HERS, THEIRS = "H1234567", "H7654321"
COLUMNS = ["patient", "accession", "text"]
WORDS, OTHERS = "双乳BI-RADS 2类，患者原话", "双乳BI-RADS 3类，别人的话"
ROWS = [
    [THEIRS, "ACC7", f"{OTHERS}一"],
    [HERS, "ACC1", WORDS],
    ["", "ACC1", WORDS],
    [THEIRS, "ACC7", f"{OTHERS}二"],
]


@pytest.fixture
def hers(tmp_path: Path, site: Site) -> Patient:
    """She and another woman of the hospital have a study each."""
    import_studies([mammogram(tmp_path / "in" / "a.dcm")], site=site, by_user=None)
    other = mammogram(
        tmp_path / "in" / "b.dcm", PatientID=THEIRS, AccessionNumber="ACC7", StudyInstanceUID="1.2.3.9"
    )
    import_studies([other], site=site, by_user=None)
    assert Study.objects.count() == 2
    return Study.objects.get(accession_hash=hash_of(site, "ACC1")).patient


def hash_of(site: Site, accession: str) -> str:
    from mammo.archive.pseudonyms import installation

    return installation().accession_hash(site.code, accession)


def erase(patient: Patient, dana: User) -> Erasure:
    admin = create_account(
        "an-admin", password="correct horse battery", roles={"admin": [patient.site]}, by_user=None
    )
    return erase_patient(request_erasure(patient, reason="withdrew", by_user=dana), by_user=admin)


def as_csv(rows: list[list[str]]) -> bytes:
    lines = [COLUMNS, *rows]
    return "\n".join(",".join(f'"{cell}"' for cell in line) for line in lines).encode("gb18030")


def as_jsonl(rows: list[list[str]]) -> bytes:
    return "\n".join(json.dumps(dict(zip(COLUMNS, row, strict=True))) for row in rows).encode()


def as_xlsx(rows: list[list[str]]) -> bytes:
    book, buffer = Workbook(), io.BytesIO()
    for line in (COLUMNS, *rows):
        book.active.append(line)
    book.save(buffer)
    return buffer.getvalue()


FORMATS = {"ris.csv": as_csv, "ris.jsonl": as_jsonl, "ris.xlsx": as_xlsx}


def kept(name: str, data: bytes, dana: User, site: Site) -> TableUpload:
    return keep_table(SimpleUploadedFile(name, data), kind="reports", site=site, by_user=dana)


def opened(upload: TableUpload) -> str:
    """What the site's key opens of it."""
    sealed = path_of(upload).read_bytes()
    return key_store().decrypt(upload.site.key_id, sealed, table_uploads.PURPOSE).decode("utf-8", "replace")


@pytest.mark.parametrize("name", FORMATS)
def test_her_rows_go_and_the_others_are_imported_under_their_line_numbers(
    hers: Patient, dana: User, site: Site, name: str, django_capture_on_commit_callbacks: object
) -> None:
    upload = kept(name, FORMATS[name](ROWS), dana, site)
    erasure = erase(hers, dana)
    assert erasure.destroyed["table_rows"] == 2
    upload.refresh_from_db()
    text = opened(upload)
    assert "患者原话" not in text
    assert HERS not in text
    assert "ACC1" not in text
    assert name not in str(upload.name)
    confirm(upload, preview(upload).mapping, by_user=dana)
    run_all(django_capture_on_commit_callbacks)
    taken = Report.objects.filter(study__accession_hash=hash_of(site, "ACC7"))
    assert sorted(str(report.original)[-1] for report in taken) == ["一", "二"]
    lines = [item.source.rpartition(" ")[2] for item in ImportBatch.objects.get(pk=upload.pk).items.all()]
    first = 1 if name.endswith("jsonl") else 2
    assert sorted(lines) == [str(first + n) for n in range(4)]


def test_an_import_that_is_under_way_goes_on_where_it_was(
    hers: Patient, dana: User, site: Site, django_capture_on_commit_callbacks: object,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Her row was read by a job of which the results are stored after the erasure: it is refused and not kept."""
    monkeypatch.setattr(table_uploads, "ROWS_PER_JOB", 2)
    upload = kept("ris.csv", as_csv(ROWS), dana, site)
    confirm(upload, preview(upload).mapping, by_user=dana)
    upload.refresh_from_db()
    job = upload.job
    assert job is not None
    erase(hers, dana)
    read = [
        {"number": number, "cells": dict(zip(COLUMNS, row, strict=True))}
        for number, row in enumerate(ROWS[:2], start=2)
    ]
    table_uploads.ingest(job, [*read, {"rows": 4, "start": 0}])
    upload.refresh_from_db()
    assert upload.taken == 2
    run_all(django_capture_on_commit_callbacks)
    upload.refresh_from_db()
    assert upload.finished_at
    assert Report.objects.filter(study__patient=hers).count() == 0
    assert Report.objects.count() == 2
    refused = unmatched_csv(ImportBatch.objects.get(pk=upload.pk)).decode()
    assert "患者原话" not in refused
    assert HERS not in refused


def test_a_table_in_which_she_cannot_be_told_goes_whole(
    hers: Patient, dana: User, site: Site, django_capture_on_commit_callbacks: Any
) -> None:
    upload = kept("ris.csv", as_csv([*ROWS[:1] * 6]) + b'\n"a","b","c","d"', dana, site)
    path = path_of(upload)
    with django_capture_on_commit_callbacks(execute=True):
        assert erase(hers, dana).destroyed["tables"] == 1
    assert not path.exists()
    assert not TableUpload.objects.exists()
    assert AuditEvent.objects.get(action="archive.table_discarded").reason == "erasure"


def test_a_withdrawal_that_breaks_off_leaves_every_table_as_it_was_and_can_be_confirmed_again(
    hers: Patient, dana: User, site: Site, monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:  # fmt: skip
    upload = kept("ris.csv", as_csv(ROWS), dana, site)
    kept("broken.csv", as_csv([*ROWS[:1] * 6]) + b'\n"a","b","c","d"', dana, site)
    before = {path: path.read_bytes() for path in tables_folder().iterdir()}
    admin = create_account("adam", password="correct horse battery", roles={"admin": [site]}, by_user=None)
    erasure = request_erasure(hers, reason="withdrew", by_user=dana)

    def in_use(patient: Patient) -> None:
        raise UserError("a training set's folder can't be removed")

    with monkeypatch.context() as patched, django_capture_on_commit_callbacks(execute=True):
        patched.setattr(erasures, "_erasers", [in_use])
        with pytest.raises(UserError, match="can't be removed"):
            erase_patient(erasure, by_user=admin)
    assert {path: path.read_bytes() for path in before} == before
    upload.refresh_from_db()
    assert preview(upload).rows[0][0] == THEIRS

    with django_capture_on_commit_callbacks(execute=True):
        done = erase_patient(erasure, by_user=admin)
    assert (done.destroyed["table_rows"], done.destroyed["tables"]) == (2, 1)
    assert not any(path.exists() for path in before)
    upload.refresh_from_db()
    assert [row[0] for row in preview(upload).rows] == [THEIRS, "(erased)", "", THEIRS]
    # What the attempt that broke off wrote is named by no row.
    for path in tables_folder().iterdir():
        os.utime(path, (time.time() - 4000, time.time() - 4000))
    assert do_chores()["archive.table_files"] == 1
    assert list(tables_folder().iterdir()) == [path_of(upload)]


def test_a_job_that_read_the_row_before_a_withdrawal_is_given_the_table_without_her(
    hers: Patient, dana: User, site: Site, tmp_path: Path, django_capture_on_commit_callbacks: Any
) -> None:
    early = kept("ris.csv", as_csv(ROWS), dana, site)
    with django_capture_on_commit_callbacks(execute=True):
        erase(hers, dana)
    text = lay_out(early, tmp_path).read_text()
    assert HERS not in text
    assert THEIRS in text


def test_tables_without_her_and_of_other_hospitals_stay_as_they_are(
    hers: Patient, dana: User, site: Site, other_site: Site
) -> None:
    duo = create_account(
        "duo", password="correct horse battery", roles={"data_manager": [other_site]}, by_user=None
    )
    uploads = [kept("a.csv", as_csv(ROWS[:1]), dana, site), kept("b.csv", as_csv(ROWS), duo, other_site)]
    before = [path_of(upload).read_bytes() for upload in uploads]
    erasure = erase(hers, dana)
    assert (erasure.destroyed["table_rows"], erasure.destroyed["tables"]) == (0, 0)
    assert [path_of(upload).read_bytes() for upload in uploads] == before


def test_refused_rows_that_name_her_by_accession_or_study_go_too(
    hers: Patient, dana: User, site: Site
) -> None:
    rows = [
        Row(2, {"accession": "ACC1", "text": WORDS}),
        Row(3, {"patient": THEIRS, "accession": "WRONG", "text": OTHERS}),
    ]
    batch = import_reports(rows, Path("ris.csv"), site=site, by_user=None, is_simulated=False)
    assert WORDS in unmatched_csv(batch).decode()
    assert erase(hers, dana).destroyed["refused_rows"] == 1
    text = unmatched_csv(batch).decode()
    assert WORDS not in text
    assert OTHERS in text


def test_rows_that_come_for_her_afterwards_are_refused_and_not_kept(
    hers: Patient, dana: User, site: Site
) -> None:
    erase(hers, dana)
    uid = Study.objects.get(patient=hers)
    assert uid
    reports = import_reports(
        [Row(2, {"patient": HERS, "accession": "ACC1", "text": WORDS}), Row(3, {"patient": THEIRS, "text": OTHERS})],
        Path("ris.csv"), site=site, by_user=None, is_simulated=False,
    )  # fmt: skip
    pathology = import_pathology_rows(
        [Row(2, {"patient": HERS, "side": "L", "method": "surgery", "class": "benign", "date": "2019-04-02"})],
        Path("lis.csv"), site=site, by_user=None,
    )  # fmt: skip
    assert not Pathology.objects.exists()
    assert (reports.counts["rejected"], pathology.counts["rejected"]) == (2, 1)
    for batch in (reports, pathology):
        assert unmatched_path(batch.pk).exists()
        text = unmatched_csv(batch).decode()
        assert WORDS not in text
        assert HERS not in text
        assert "\n2," in text or ",2," in text or text.splitlines()[1].startswith("2")
    assert OTHERS in unmatched_csv(reports).decode()


def test_the_withdrawal_says_how_much_went(hers: Patient, dana: User, site: Site, client: Client) -> None:
    kept("ris.csv", as_csv(ROWS), dana, site)
    erasure = erase(hers, dana)
    client.force_login(dana)
    page = client.get(f"/archive/erasures/{erasure.pk}/").content.decode()
    assert "Rows of reports and pathology that waited to be imported: 2" in page
    assert AuditEvent.objects.get(action="archive.patient_erased").details["destroyed"]["table_rows"] == 2
