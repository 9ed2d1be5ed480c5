"""Originals that are not kept, and what is destroyed when its retention period is over."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from mammo.accounts.models import AuditEvent, Site, User
from mammo.archive import storage
from mammo.archive.models import Image, Patient, Report
from mammo.archive.raw_text import open_raw_text
from mammo.archive.retention import apply_retention, forget_before
from mammo.archive.services import erase_patient, import_studies, request_erasure
from mammo.archive.written_files import unnamed_files

from .files import mammogram, study


def stored(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


def test_with_originals_discarded_none_is_written_and_the_viewing_copies_are_there(
    tmp_path: Path, site: Site, dana: User, settings: object
) -> None:
    settings.ORIGINALS = "discard"  # type: ignore[attr-defined]
    files = study(tmp_path / "in")
    assert import_studies(files, site=site, by_user=None).counts["imported"] == 4
    assert import_studies(files, site=site, by_user=None).counts["duplicate"] == 4
    assert stored(storage.originals_root()) == []
    assert len(list(storage.viewing_copies_root().glob("*/*.dcm"))) == 4
    admin = make_admin(site)
    erase_patient(request_erasure(Patient.objects.get(), reason="withdrew", by_user=dana), by_user=admin)
    assert list(storage.viewing_copies_root().glob("*/*.dcm")) == []
    later = import_studies([mammogram(tmp_path / "b.dcm", StudyInstanceUID="1.9")], site=site, by_user=None)
    assert later.counts["rejected"] == 1
    assert stored(storage.originals_root()) == []


def make_admin(site: Site) -> User:
    from mammo.accounts.services import create_account

    return create_account("adam", password="correct horse battery", roles={"admin": [site]}, by_user=None)


@pytest.fixture
def old_and_new(tmp_path: Path, site: Site) -> None:
    """Two images, one of them and its report a year old."""
    reports = tmp_path / "reports.csv"
    reports.write_text("study_uid,text\n1.2.3.4,患者李秀英，双乳BI-RADS 2类\n1.9,双乳BI-RADS 1类\n")
    paths = [
        mammogram(tmp_path / "in" / "a.dcm"),
        mammogram(tmp_path / "in" / "b.dcm", StudyInstanceUID="1.9", AccessionNumber="ACC2"),
    ]
    import_studies(paths, site=site, reports=reports, by_user=None)
    year = timezone.now() - timedelta(days=365)
    old = Report.objects.get(original__isnull=False, study__accession_hash=_hash(site, "ACC1")).study
    Image.objects.filter(study=old).update(created_at=year)
    Report.objects.filter(study=old).update(created_at=year)


def _hash(site: Site, accession: str) -> str:
    from mammo.archive.pseudonyms import installation

    return installation().accession_hash(site.code, accession)


def test_what_is_older_than_the_period_is_destroyed_and_the_rest_stays(
    old_and_new: None, dana: User, settings: object, django_capture_on_commit_callbacks: object
) -> None:
    assert apply_retention() == 0  # no period: for ever
    settings.MAMMO_RETENTION_DAYS = 300  # type: ignore[attr-defined]
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        assert apply_retention() == 2
    assert len(stored(storage.originals_root())) == 1
    assert sorted(bool(name) for name in Image.objects.values_list("original", flat=True)) == [False, True]
    emptied = Report.objects.get(original="")
    assert "BI-RADS 2" in emptied.cleaned
    assert open_raw_text(emptied, by_user=dana) == ""
    event = AuditEvent.objects.get(action="archive.retention_applied")
    assert event.details == {"originals": 1, "texts": 1}
    assert apply_retention() == 0
    assert unnamed_files() == []


def test_the_command_needs_a_period_and_takes_many_in_parts(
    old_and_new: None, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(CommandError, match="MAMMO_RETENTION_DAYS"):
        call_command("retention")
    call_command("retention", "--days", "300", "--json")
    assert '{"originals": 1, "texts": 1}' in capsys.readouterr().out
    assert forget_before(timezone.now(), at_once=1).originals == 1
