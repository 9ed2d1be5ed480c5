"""Quarantine, unmatched rows, imports, tables and fetches hold identities: nobody but a data manager meets any of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from mammo.accounts.models import AuditEvent, Site, User
from mammo.accounts.services import create_account
from mammo.archive.label_corrections import correct_labels
from mammo.archive.models import (
    Erasure,
    ImportBatch,
    ImportItem,
    PacsService,
    PictureSample,
    Study,
    TableUpload,
)
from mammo.archive.pacs_fetches import begin_fetch
from mammo.archive.pacs_query import Query
from mammo.archive.picture_checks import draw_sample, judge_picture
from mammo.archive.reports_import import import_reports
from mammo.archive.services import import_studies, request_erasure
from mammo.archive.table_uploads import keep_table
from mammo.archive.tables import Row
from mammo.archive.unmatched import unmatched_csv
from mammo.jobs.models import Job

from .files import mammogram, picture, study

# Her name and numbers as they come: in files, their names, tables, and what is asked of a PACS.
NAME, SPELT, NUMBER, ASKED, UID = "钱多多", "QIAN^DUODUO", "H7654321", "H1112223", "1.2.840.999.77"
PLANTED = (NAME, SPELT, "QIAN", "DUODUO", NUMBER, ASKED, UID)
OTHERS = ("researcher", "statistician", "auditor", "admin", "senior", "junior")


@pytest.fixture
def full(site: Site, dana: User, tmp_path: Path) -> Site:
    """A hospital in which each of these pages has something of hers to show."""
    folder = tmp_path / f"{NAME}_{NUMBER}"
    identity = {"PatientName": f"{SPELT}={NAME}", "PatientID": NUMBER, "StudyInstanceUID": UID}
    study(folder, **identity)
    mammogram(
        folder / f"{SPELT}.dcm", image=picture(seed=8), PresentationIntentType="FOR PROCESSING", **identity
    )
    import_studies([folder], site=site, by_user=None)
    text = f"双乳BI-RADS 2类，{NAME}"
    rows = [
        Row(2, {"patient": NUMBER, "accession": "WRONG", "text": text}),
        Row(3, {"study_uid": UID, "text": text}),
    ]
    import_reports(rows, Path(f"{NAME}.csv"), site=site, by_user=None, is_simulated=False)
    table = SimpleUploadedFile(f"{NAME}.csv", f"patient,text\n{NUMBER},{text}\n".encode())
    keep_table(table, kind="reports", site=site, by_user=dana)
    hers = Study.objects.get()
    reason = f"病理报告：{NAME}，住院号{NUMBER}"
    correct_labels(hers, {"density": "C"}, reason=reason, expected_version=hers.version, by_user=dana)
    request_erasure(hers.patient, reason=f"2026-11-03 letter of {NAME} ({NUMBER})", by_user=dana)
    sample = draw_sample(site, 2, by_user=dana)
    judge_picture(sample.pictures.all()[0], "text", by_user=dana)
    return site


@pytest.fixture
def asked_pacs(full: Site, dana: User) -> None:
    """A PACS was asked for her, and the job broke off."""
    service = PacsService.objects.create(site=full, name="main", url="http://127.0.0.1:9/dicom-web")
    begin_fetch(service, Query(patient=ASKED, study_uid=UID), by_user=dana)


def addresses() -> Iterator[str]:
    plain = (
        *(
            "imports",
            "imports-waiting",
            "quarantine",
            "picture-checks",
            "tables",
            "pacs",
            "pacs-fetches",
            "upload",
        ),
        *("doctors", "erasures", "studies", "overview", "cohorts", "splits"),
    )
    yield from (reverse(f"archive:{name}") for name in plain)
    for batch in ImportBatch.objects.all():
        yield from (
            reverse(f"archive:{name}", args=[batch.pk]) for name in ("import-batch", "import-unmatched")
        )
        yield f"{reverse('archive:imports-waiting')}?batch={batch.pk}"
        yield f"/api/v1/imports/{batch.pk}/"
        yield f"/api/v1/imports/{batch.pk}/items/"
    for item in ImportItem.objects.filter(outcome="quarantined"):
        yield reverse("archive:quarantine-item", args=[item.pk])
    for name, rows in (("table", TableUpload), ("picture-check", PictureSample), ("erasure", Erasure)):
        yield from (reverse(f"archive:{name}", args=[row.pk]) for row in rows.objects.all())
    for row in Study.objects.all():
        yield from (reverse(f"archive:{name}", args=[row.pk]) for name in ("study", "viewer"))
        yield from (reverse("archive:raw-report", args=[report.pk]) for report in row.reports.all())
    for job in Job.objects.all():
        yield from (f"/jobs/{job.pk}/", f"/api/v1/jobs/{job.pk}/")
    yield from ("/", "/jobs/", "/accounts/audit/", "/api/v1/imports/", "/api/v1/studies/", "/api/v1/jobs/")


def met(client: Client) -> list[tuple[str, str]]:
    """Every planted string in what an account's browser gets, headers and redirects too."""
    found = []
    for address in addresses():
        answer = client.get(address, HTTP_HX_REQUEST="true") if "waiting" in address else client.get(address)
        body = b"".join(answer.streaming_content) if answer.streaming else answer.content  # type: ignore[attr-defined]
        got = body.decode(errors="replace") + str(dict(answer.headers))
        found += [(address, word) for word in PLANTED if word in got]
        if answer.status_code == 200:
            assert answer.headers["Cache-Control"] in (
                "private, no-store",
                "no-store",
                "private, no-cache",
            ), address
    return found


@pytest.mark.usefixtures("asked_pacs")
@pytest.mark.parametrize("role", OTHERS)
def test_who_is_no_data_manager_meets_none_of_it(full: Site, role: str) -> None:
    client = Client()
    client.force_login(
        create_account(f"some-{role}", password="correct horse battery", roles={role: [full]}, by_user=None)
    )
    assert met(client) == []


@pytest.mark.usefixtures("asked_pacs")
def test_a_data_manager_of_another_hospital_meets_none_of_it(full: Site, other_site: Site) -> None:
    client = Client()
    client.force_login(
        create_account(
            "elsewhere", password="correct horse battery", roles={"data_manager": [other_site]}, by_user=None
        )
    )
    assert met(client) == []


@pytest.mark.slow
def test_the_data_manager_meets_it_and_only_where_it_is_audited(full: Site, dana: User) -> None:
    client = Client()
    client.force_login(dana)
    where = {address.split("/")[2] for address, _word in met(client)}
    assert {"quarantine", "imports", "reports"} <= where
    for action in (
        "sources_seen",
        "quarantine_seen",
        "table_seen",
        "unmatched_rows_fetched",
        "raw_text_opened",
    ):
        assert AuditEvent.objects.filter(action=f"archive.{action}", actor=dana).exists(), action
    (batch,) = (b for b in ImportBatch.objects.filter(kind="reports") if b.counts.get("rejected"))
    assert NAME in unmatched_csv(batch).decode()


def test_what_people_write_about_her_loses_what_identifies_her(full: Site) -> None:
    correction = Study.objects.get().label_corrections.get()
    erasure = Erasure.objects.get()
    assert correction.reason.startswith("病理报告：")
    assert erasure.reason.startswith("2026-11-03 letter of ")
    trail = str(AuditEvent.objects.values_list("details", flat=True))
    for word in PLANTED:
        assert not any(word in text for text in (correction.reason, erasure.reason, trail))
