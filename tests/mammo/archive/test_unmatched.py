"""Rows that were not taken identify patients: sealed on disk, opened for whoever asks, destroyed after two weeks."""

import os
import time
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from mammo.accounts.models import AuditEvent, Site, User
from mammo.accounts.services import create_account
from mammo.archive.models import ImportBatch, ImportItem, Patient
from mammo.archive.reports_import import import_reports
from mammo.archive.services import erase_patient, import_pathology, import_studies, request_erasure
from mammo.archive.tables import Row
from mammo.archive.unmatched import unmatched_csv, unmatched_path
from mammo.jobs.chores import do_chores

from .files import mammogram

# Nothing of hers but the category is in the platform yet: this number and name stand in the refused rows alone.
NAME, NUMBER, TEXT = "钱多多", "H7654321", "双乳BI-RADS 2类，钱多多"


def refused_reports(site: Site) -> ImportBatch:
    rows = [
        Row(2, {"patient": NUMBER, "accession": "ACC7", "text": TEXT}),
        Row(3, {"patient": "H1234567", "accession": "WRONG", "text": "another text"}),
    ]
    return import_reports(rows, Path("ris.csv"), site=site, by_user=None, is_simulated=False)


def test_no_file_of_the_home_holds_a_refused_row_in_clear(site: Site, tmp_path: Path) -> None:
    batch = refused_reports(site)
    held = [path.read_bytes() for path in (tmp_path / "home").rglob("*") if path.is_file()]
    assert unmatched_path(batch.pk).read_bytes() in held
    written = [word.encode(codec) for word in (NAME, NUMBER) for codec in ("utf-8", "gb18030")]
    assert not any(word in data for data in held for word in written)
    assert TEXT in unmatched_csv(batch).decode()


@pytest.mark.parametrize("column", ["side", "method", "class", "date"])
def test_a_name_in_a_wrong_column_is_not_kept_in_the_reason(site: Site, tmp_path: Path, column: str) -> None:
    cells = {"patient": NUMBER, "date": "2019-03-15", "side": "L", "method": "surgery", "class": "benign"}
    cells[column] = NAME
    table = tmp_path / "p.csv"
    table.write_text(",".join(cells) + "\n" + ",".join(cells.values()) + "\n", encoding="utf-8")
    import_pathology(table, site=site, by_user=None)
    item = ImportItem.objects.get()
    assert item.reason.startswith(f"column '{column}': ")
    assert NAME not in item.reason
    assert item.source == "p.csv, line 2"


def test_a_name_in_the_column_of_ages_is_not_kept_in_the_reason(site: Site, tmp_path: Path) -> None:
    import_studies([mammogram(tmp_path / "in" / "a.dcm")], site=site, by_user=None)
    rows = [Row(2, {"patient": "H1234567", "accession": "ACC1", "text": "双乳BI-RADS 2类", "age": NAME})]
    batch = import_reports(rows, Path("ris.csv"), site=site, by_user=None, is_simulated=False)
    reason = batch.items.get().reason
    assert reason == "column 'age': no age in years; write a number from 10 to 120"


def test_refused_rows_are_destroyed_after_two_weeks_and_so_are_those_written_in_clear_earlier(
    site: Site, dana: User, client: Client
) -> None:
    old, fresh = refused_reports(site), refused_reports(site)
    clear = unmatched_path(old.pk).with_suffix(".csv")
    clear.write_text(TEXT)
    long_ago = time.time() - 15 * 24 * 3600
    for path in (unmatched_path(old.pk), clear):
        os.utime(path, (long_ago, long_ago))
    do_chores()
    assert not unmatched_path(old.pk).exists()
    assert not clear.exists()
    client.force_login(dana)
    assert client.get(f"/archive/imports/{old.pk}/not-taken.csv").status_code == 404
    assert "not-taken.csv" not in client.get(f"/archive/imports/{old.pk}/").content.decode()
    assert TEXT in client.get(f"/archive/imports/{fresh.pk}/not-taken.csv").content.decode()


def test_a_withdrawal_takes_her_rows_and_leaves_the_others(site: Site, dana: User, tmp_path: Path) -> None:
    import_studies([mammogram(tmp_path / "in" / "a.dcm")], site=site, by_user=None)
    batch = refused_reports(site)
    admin = create_account("adam", password="correct horse battery", roles={"admin": [site]}, by_user=None)
    erase_patient(request_erasure(Patient.objects.get(), reason="withdrew", by_user=dana), by_user=admin)
    rows = unmatched_csv(batch).decode()
    assert NUMBER in rows
    assert "H1234567" not in rows


def test_the_command_writes_a_private_file_says_so_in_the_audit_and_overwrites_nothing(
    site: Site, tmp_path: Path
) -> None:
    batch, target = refused_reports(site), tmp_path / "not-taken.csv"
    call_command("not_taken", str(batch.pk), str(target))
    assert target.stat().st_mode & 0o077 == 0
    assert TEXT in target.read_text(encoding="utf-8-sig")
    assert AuditEvent.objects.filter(action="archive.unmatched_rows_fetched", actor=None).count() == 1
    with pytest.raises(CommandError, match="give another name"):
        call_command("not_taken", str(batch.pk), str(target))
    unmatched_path(batch.pk).unlink()
    with pytest.raises(CommandError, match="import it again"):
        call_command("not_taken", str(batch.pk), str(tmp_path / "second.csv"))
    with pytest.raises(CommandError, match="give the id"):
        call_command("not_taken", "ris.csv", str(tmp_path / "second.csv"))
