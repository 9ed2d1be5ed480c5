"""Reports that wait for a person, and how a data manager says that one holds no name."""

import random
import uuid
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from mammo.accounts.models import AuditEvent, Site, User
from mammo.archive.label_corrections import correct_labels
from mammo.archive.models import Report, Study
from mammo.archive.report_reading import read_report
from mammo.archive.report_readings import record_no_name, waits_for_a_person
from mammo.archive.services import import_reports, import_studies
from mammo.archive.tables import Row
from mammo.core.errors import NotAllowedError, WrongStateError
from mammo.demo import hospital

from .files import mammogram, picture
from .studies import add_report, add_study, is_locked_last, signed_in


def suspected(site: Site) -> Report:
    report = add_report(add_study(site, "100"))
    report.reading = {"confidence": 1.0, "may_hold_a_name": True}
    report.save(update_fields=["reading"])
    return report


def waits(report: Report) -> bool:
    return waits_for_a_person(Report.objects.select_related("study").get(pk=report.pk))


def test_a_doubtful_report_waits_until_a_person_states_the_labels(site: Site, dana: User) -> None:
    report = add_report(add_study(site, "100"), confidence=0.74)
    assert waits(report)
    assert not waits(add_report(add_study(site, "101"), confidence=0.75))
    correct_labels(report.study, {"density": "C"}, reason="read", expected_version=1, by_user=dana)
    assert not waits(report)


def test_a_report_that_may_name_somebody_waits_until_a_data_manager_has_read_it(
    site: Site, dana: User
) -> None:
    report = suspected(site)
    page = signed_in(dana).get(reverse("archive:study", args=[report.study_id])).content.decode()
    assert "may hold a name" in page
    assert "not shown to readers" in page
    assert waits(report)
    assert list(Study.objects.needing("doubtful")) == [report.study]
    url = reverse("archive:report-no-name", args=[report.pk])
    sent = signed_in(dana).post(url, {"idempotency_key": str(uuid.uuid4())}, follow=True).content.decode()
    assert "you read the report and found no name in it" in sent
    assert "may hold a name" not in sent
    report.refresh_from_db()
    assert (report.read_by, report.read_at is not None) == (dana, True)
    assert not waits(report)
    assert not Study.objects.needing("doubtful").exists()
    event = AuditEvent.objects.get(action="archive.report_holds_no_name")
    assert event.actor == dana


def test_it_is_said_once(site: Site, dana: User) -> None:
    report = record_no_name(suspected(site), by_user=dana)
    again = record_no_name(report, by_user=dana)
    assert again.read_at == report.read_at
    assert AuditEvent.objects.filter(action="archive.report_holds_no_name").count() == 1


def test_stating_the_labels_is_reading_the_report(site: Site, dana: User) -> None:
    report = suspected(site)
    correct_labels(report.study, {"density": "C"}, reason="read", expected_version=1, by_user=dana)
    assert not waits(report)


def test_what_becomes_known_of_her_later_keeps_back_the_reports_in_which_it_stands(
    site: Site, dana: User, tmp_path: Path
) -> None:
    table = tmp_path / "r.csv"
    table.write_text("study_uid,text\n1.2.3.4,与顾莉莉本人核对。双乳BI-RADS 2类。\n", encoding="utf-8")
    import_studies([mammogram(tmp_path / "a.dcm")], site=site, reports=table, by_user=None)
    report = Report.objects.select_related("study__patient").get()
    assert "顾莉莉" in str(report.cleaned)
    correct_labels(
        report.study, {"density": "C"}, reason="read", expected_version=report.study.version, by_user=dana
    )
    assert not waits(report)
    later = {"StudyInstanceUID": "1.2.3.9", "StudyDate": "20210311", "AccessionNumber": "ACC9"}
    import_studies([mammogram(tmp_path / "b.dcm", **later)], site=site, by_user=None)
    assert not waits(report)  # numbers became known that stand nowhere
    named = {"OtherPatientNames": "顾^莉莉", "SOPInstanceUID": "1.2.3.9.1"}
    import_studies([mammogram(tmp_path / "c.dcm", **later, **named)], site=site, by_user=None)
    assert waits(report)
    assert report.study in Study.objects.needing("doubtful")
    assert AuditEvent.objects.filter(action="archive.report_kept_back").count() == 1
    record_no_name(report, by_user=dana)
    assert not waits(report)


def test_the_trail_is_locked_when_all_files_and_rows_of_a_transaction_are_written(
    site: Site, tmp_path: Path
) -> None:
    table, second = tmp_path / "r.csv", tmp_path / "s.csv"
    table.write_text("study_uid,text\n1.2.3.4,与顾莉莉及吴小明核对。双乳BI-RADS 2类。\n", encoding="utf-8")
    import_studies([mammogram(tmp_path / "a.dcm")], site=site, reports=table, by_user=None)
    named = mammogram(tmp_path / "b.dcm", OtherPatientNames="顾^莉莉", SOPInstanceUID="1.2.3.9.1")
    other = mammogram(tmp_path / "c.dcm", PatientID="Z9", StudyInstanceUID="1.9", image=picture(seed=2))
    with CaptureQueriesContext(connection) as queries:
        import_studies([named, other], site=site, by_user=None)
    assert is_locked_last(queries)
    rows = [
        Row(number, {"study_uid": "1.2.3.4", "text": text, "doctor": "吴小明"})
        for number, text in enumerate(("双乳BI-RADS 1类。", "双乳BI-RADS 3类。"), start=1)
    ]
    with CaptureQueriesContext(connection) as queries:
        import_reports(rows, second, site=site, by_user=None, is_simulated=False)
    assert is_locked_last(queries)
    assert AuditEvent.objects.filter(action="archive.report_kept_back").count() >= 2


def test_only_a_data_manager_says_so_and_only_where_a_name_is_suspected(
    site: Site, rita: User, dana: User
) -> None:
    report = suspected(site)
    with pytest.raises(NotAllowedError):
        record_no_name(report, by_user=rita)
    page = signed_in(rita).get(reverse("archive:study", args=[report.study_id])).content.decode()
    assert "I read it: no name in it" not in page
    with pytest.raises(WrongStateError, match="no name is suspected"):
        record_no_name(add_report(report.study), by_user=dana)


def test_no_report_of_the_demo_waits() -> None:
    rng = random.Random(9)
    for study in hospital.plan_hospital(rng, studies=100, patients=80):
        text = hospital._report_text(study, hospital._phantom(study, "easy"), rng)
        assert not read_report(text).is_doubtful, text
