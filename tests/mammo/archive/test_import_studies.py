"""Importing studies: rows and files of what came in, twice, in conflict, from archives, and with labels."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from PIL import Image as Picture

from mammo.accounts.models import AuditEvent, Role, Site
from mammo.accounts.services import create_account
from mammo.archive import storage
from mammo.archive.models import Image, ImportItem, Patient, Report, Study
from mammo.archive.services import import_studies
from mammo.core.errors import UserError

from .files import mammogram, picture, study, zipped

Outcomes = Callable[[Any], dict[str, tuple[str, str]]]


def test_four_views_become_one_patient_one_study_four_images(tmp_path: Path, site: Site) -> None:
    study(tmp_path / "in")
    batch = import_studies([tmp_path / "in"], site=site, by_user=None)
    assert batch.counts["imported"] == 4
    assert Patient.objects.count() == Study.objects.count() == 1
    assert sorted(image.slot for image in Image.objects.all()) == ["LCC", "LMLO", "RCC", "RMLO"]
    assert Study.objects.get().age == 52
    assert Study.objects.get().vendor == "siemens"
    assert AuditEvent.objects.filter(action="archive.imported").count() == 1


def test_the_original_is_kept_encrypted_under_her_key_and_reads_back(tmp_path: Path, site: Site) -> None:
    source = mammogram(tmp_path / "a.dcm")
    import_studies([source], site=site, by_user=None)
    image = Image.objects.select_related("study__patient").get()
    assert b"Xiuying" not in (storage.originals_root() / image.original).read_bytes()
    assert storage.read_original(image.original, image.study.patient.key_id) == source.read_bytes()


def test_the_viewing_copy_shows_the_same_pixels_and_no_one(tmp_path: Path, site: Site) -> None:
    source = mammogram(tmp_path / "a.dcm")
    import_studies([source], site=site, by_user=None)
    copy = pydicom.dcmread(storage.viewing_copies_root() / Image.objects.get().viewing_copy)
    assert copy.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.4.201"
    assert (copy.pixel_array == pydicom.dcmread(source).pixel_array).all()
    allowed = {
        "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "Modality", "PresentationIntentType",
        "ImageLaterality", "ViewPosition", "PatientIdentityRemoved", "SamplesPerPixel", "PhotometricInterpretation",
        "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "PixelData", "WindowCenter",
        "WindowWidth", "VOILUTFunction",
    }  # fmt: skip
    assert {element.keyword for element in copy} == allowed


def test_a_second_import_of_the_same_files_imports_nothing(tmp_path: Path, site: Site) -> None:
    study(tmp_path / "in")
    import_studies([tmp_path / "in"], site=site, by_user=None)
    files = sorted(storage.originals_root().rglob("*.enc"))
    again = import_studies([tmp_path / "in"], site=site, by_user=None)
    assert again.counts["duplicate"] == 4
    assert Image.objects.count() == 4
    assert sorted(storage.originals_root().rglob("*.enc")) == files


def test_the_same_bytes_twice_in_one_import_are_one_image(tmp_path: Path, site: Site) -> None:
    source = mammogram(tmp_path / "in" / "a.dcm")
    (tmp_path / "in" / "b.dcm").write_bytes(source.read_bytes())
    batch = import_studies([tmp_path / "in"], site=site, by_user=None)
    assert (batch.counts["imported"], batch.counts["duplicate"]) == (1, 1)
    assert len(list(storage.viewing_copies_root().rglob("*.dcm"))) == 1


def test_the_same_uid_with_other_bytes_is_quarantined(tmp_path: Path, site: Site, outcomes: Outcomes) -> None:
    mammogram(tmp_path / "1" / "a.dcm", SOPInstanceUID="1.2.3.9")
    mammogram(tmp_path / "2" / "b.dcm", SOPInstanceUID="1.2.3.9", image=picture(seed=5))
    import_studies([tmp_path / "1"], site=site, by_user=None)
    batch = import_studies([tmp_path / "2"], site=site, by_user=None)
    outcome, reason = outcomes(batch)["b.dcm"]
    assert outcome == "quarantined"
    assert "SOPInstanceUID" in reason
    assert Image.objects.count() == 1
    item = batch.items.select_related("batch__site").get()
    assert storage.read_original(item.quarantine_file, site.key_id) == (tmp_path / "2" / "b.dcm").read_bytes()


def test_a_study_of_two_patients_is_quarantined(tmp_path: Path, site: Site, outcomes: Outcomes) -> None:
    mammogram(tmp_path / "1" / "a.dcm", PatientID="ONE")
    mammogram(tmp_path / "2" / "b.dcm", PatientID="TWO", view="MLO")
    import_studies([tmp_path / "1"], site=site, by_user=None)
    batch = import_studies([tmp_path / "2"], site=site, by_user=None)
    assert outcomes(batch)["b.dcm"] == ("quarantined", "its StudyInstanceUID belongs to another patient")


def test_a_quarantined_file_is_kept_once_however_often_it_comes(tmp_path: Path, site: Site) -> None:
    mammogram(tmp_path / "in" / "a.dcm", PresentationIntentType="FOR PROCESSING")
    for _ in range(2):
        import_studies([tmp_path / "in"], site=site, by_user=None)
    assert ImportItem.objects.filter(outcome="quarantined").count() == 2
    assert len(list(storage.originals_root().rglob("*.enc"))) == 1


def test_files_without_a_patient_number_never_join_two_studies(tmp_path: Path, site: Site) -> None:
    mammogram(tmp_path / "a.dcm", PatientID="", StudyInstanceUID="1.2.1")
    mammogram(tmp_path / "b.dcm", PatientID="", StudyInstanceUID="1.2.2")
    import_studies([tmp_path / "a.dcm", tmp_path / "b.dcm"], site=site, by_user=None)
    assert Patient.objects.count() == 2


def test_the_same_number_at_two_sites_is_two_patients(tmp_path: Path, site: Site, other_site: Site) -> None:
    source = mammogram(tmp_path / "a.dcm")
    import_studies([source], site=site, by_user=None)
    import_studies([source], site=other_site, by_user=None)
    assert len(set(Patient.objects.values_list("number_hash", flat=True))) == 2


def test_a_zip_archive_is_imported_by_content_and_its_names_are_never_paths(
    tmp_path: Path, site: Site
) -> None:
    data = mammogram(tmp_path / "a.dcm").read_bytes()
    archive = zipped(tmp_path / "in.zip", {"../../etc/evil.dcm": data, "note.txt": b"hello"})
    batch = import_studies([archive], site=site, by_user=None)
    assert (batch.counts["imported"], batch.counts["rejected"]) == (1, 1)
    assert not (tmp_path.parent / "etc").exists()
    assert not list(storage.viewing_copies_root().rglob("member-*"))


def test_a_png_takes_patient_side_and_view_from_the_labels_table(tmp_path: Path, site: Site) -> None:
    (tmp_path / "in").mkdir()
    Picture.fromarray(picture("L")).save(tmp_path / "in" / "r.png")  # a right breast stored mirrored
    labels = tmp_path / "labels.csv"
    labels.write_text(
        "file,patient,study,laterality,view,mirrored,density,birads\nin/r.png,P1,S1,R,MLO,yes,C,4A\n"
    )
    batch = import_studies([tmp_path / "in"], site=site, labels=labels, by_user=None)
    assert batch.counts["imported"] == 1
    image = Image.objects.select_related("study").get()
    assert (image.slot, image.laterality_source) == ("RMLO", "table")
    assert (image.study.density, image.study.birads_overall, image.study.label_source) == ("C", "4A", "table")
    shown = pydicom.dcmread(storage.viewing_copies_root() / image.viewing_copy).pixel_array
    assert np.array_equal(shown, picture("L")[:, ::-1])


def test_a_png_without_a_label_is_rejected(tmp_path: Path, site: Site, outcomes: Outcomes) -> None:
    Picture.fromarray(picture()).save(tmp_path / "a.png")
    batch = import_studies([tmp_path / "a.png"], site=site, by_user=None)
    assert outcomes(batch)["a.png"][0] == "rejected"
    assert "labels table" in outcomes(batch)["a.png"][1]


def test_a_report_is_matched_cleaned_read_and_blanked(tmp_path: Path, site: Site) -> None:
    mammogram(tmp_path / "in" / "a.dcm", ReferringPhysicianName="周文斌")
    reports = tmp_path / "reports.csv"
    text = (
        "患者李秀英，2019年3月1日外院检查。双乳腺体C类。左乳BI-RADS 4A类，右乳BI-RADS 2类。报告医师：周文斌"
    )
    reports.write_text(
        f"patient,accession,date,text\nH1234567,ACC1,2019-03-11,{text}\nNOBODY,ACC9,2019-03-11,x\n",
        "utf-8-sig",
    )
    import_studies([tmp_path / "in"], site=site, reports=reports, by_user=None)
    report = Report.objects.select_related("study__patient").get()
    assert "秀英" not in report.cleaned
    assert "周文斌" not in report.cleaned
    assert "[日期-10天]" in report.cleaned
    assert "4A" in report.cleaned
    assert "4A" not in report.blanked
    assert report.original == text
    found = Study.objects.get()
    assert (found.density, found.birads_left, found.birads_right, found.birads_overall) == (
        "C",
        "4A",
        "2",
        "4A",
    )
    assert found.label_source == "report"
    assert ImportItem.objects.filter(batch__kind="reports", outcome="rejected").count() == 1


def test_a_corrected_report_replaces_the_earlier_one(tmp_path: Path, site: Site) -> None:
    mammogram(tmp_path / "in" / "a.dcm")
    reports = tmp_path / "reports.jsonl"
    for category in ("2", "4A", "4A"):
        reports.write_text(f'{{"study_uid": "1.2.3.4", "text": "双乳BI-RADS {category}类"}}\n')
        import_studies([tmp_path / "in"], site=site, reports=reports, by_user=None)
    assert Report.objects.count() == 2
    assert Report.objects.get(replaced_by=None).reading["birads"]["overall"] == "4A"
    assert Study.objects.get().birads_overall == "4A"


def test_optional_columns_of_reports_reach_the_study(tmp_path: Path, site: Site) -> None:
    mammogram(tmp_path / "in" / "a.dcm", drop=("PatientAge",))
    reports = tmp_path / "reports.csv"
    reports.write_text(
        "study_uid,text,age,indication,symptom\n1.2.3.4,BI-RADS 1,61,screening,pain in the left breast\n"
    )
    import_studies([tmp_path / "in"], site=site, reports=reports, by_user=None)
    found = Study.objects.get()
    assert (found.age, found.indication, found.symptom) == (61, "screening", "pain in the left breast")


def test_simulated_data_is_marked_on_every_row(tmp_path: Path, site: Site) -> None:
    mammogram(tmp_path / "in" / "a.dcm")
    reports = tmp_path / "reports.csv"
    reports.write_text("study_uid,text\n1.2.3.4,BI-RADS 1\n")
    batch = import_studies([tmp_path / "in"], site=site, reports=reports, by_user=None, is_simulated=True)
    rows = [batch, Patient.objects.get(), Study.objects.get(), Image.objects.get(), Report.objects.get()]
    assert all(row.is_simulated for row in rows)


@pytest.mark.parametrize(
    ("table", "text", "message"),
    [
        ("reports", "patient,accession,text,colour\nA,B,C,D\n", "unknown column 'colour'"),
        ("reports", "patient,accession\nA,B\n", "column 'text' is missing"),
        ("reports", "patient,text\nA,B\n", "patient and accession or study_uid"),
        ("reports", 'study_uid,text\n"A,B\n', "mend this line"),
        ("labels", "file,laterality\na.dcm,X\n", "column 'laterality': 'X'"),
        ("labels", "file,density\na.dcm,E\n", "column 'density'"),
        ("labels", "file,view\na.dcm,CC\na.dcm,CC\n", "twice"),
    ],
)
def test_a_wrong_table_is_refused_by_name_before_anything_is_imported(
    tmp_path: Path, site: Site, table: str, text: str, message: str
) -> None:
    source = mammogram(tmp_path / "a.dcm")
    path = tmp_path / "table.csv"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        import_studies([source], site=site, by_user=None, **{table: path})
    assert not Patient.objects.exists()
    assert not ImportItem.objects.exists()


def test_a_report_table_in_gb18030_is_read(tmp_path: Path, site: Site) -> None:
    source = mammogram(tmp_path / "a.dcm")
    reports = tmp_path / "reports.csv"
    reports.write_bytes("study_uid,text\n1.2.3.4,双乳BI-RADS 3类\n".encode("gb18030"))
    import_studies([source], site=site, reports=reports, by_user=None)
    assert Study.objects.get().birads_overall == "3"


@pytest.mark.django_db(transaction=True)  # counts stand once their rows are committed
def test_the_page_counts_files_while_they_come_in(
    tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mammo.archive.studies_import.STORED_TOGETHER", 2)
    study(tmp_path / "in")
    (tmp_path / "in" / "z.txt").write_text("no image")
    (tmp_path / "in" / "zz.txt").write_text("no image")
    dana = create_account(
        "dana", password="correct horse battery", roles={Role.DATA_MANAGER: [site]}, by_user=None
    )
    browser = Client()
    browser.force_login(dana)
    shown = []

    def look(done: int, total: int) -> None:
        text = browser.get(reverse("archive:imports-waiting")).content.decode()
        figures = re.search(r'figure">(\d+)</span> imported,.*?(\d+) rejected', text, re.DOTALL)
        shown.append((done, total, *(figures.groups() if figures else ())))

    import_studies([tmp_path / "in"], site=site, by_user=None, progress=look)
    assert shown == [(2, 6, "2", "0"), (4, 6, "4", "0"), (6, 6, "4", "2")]
    text = browser.get(reverse("archive:imports-waiting")).content.decode()
    assert "rejected" not in text, "nothing runs any more"


def test_the_command_says_side_and_view_of_each_image(
    tmp_path: Path, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    mammogram(tmp_path / "in" / "a.dcm", side="R", view="MLO")
    (tmp_path / "in" / "b.dcm").write_bytes(b"no image")
    call_command("import_studies", str(tmp_path / "in"), site=site.code, json=True)
    items = json.loads(capsys.readouterr().out)["items"]
    assert [(item["outcome"], item["side"], item["view"]) for item in items] == [
        ("imported", "R", "MLO"),
        ("rejected", "", ""),
    ]


def test_the_reason_of_a_refusal_is_said_once(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ("a.txt", "b.txt")
    for name in names:
        (tmp_path / name).write_text(f"no image {name}")
    for given in (names[:1], names):
        with pytest.raises(SystemExit):
            call_command("import_studies", *(str(tmp_path / name) for name in given), site=site.code)
        written = capsys.readouterr()
        for name in given:
            assert (written.out + written.err).count(name) == 1, written
        assert "nothing was imported: " in written.err
        assert len(written.err.strip().splitlines()) == 1
        assert "neither DICOM" in (written.err if len(given) == 1 else written.out)
    assert "all 2 files were rejected" in written.err
    mammogram(tmp_path / "good.dcm")
    call_command("import_studies", str(tmp_path / "good.dcm"), str(tmp_path / "a.txt"), site=site.code)
    written = capsys.readouterr()
    assert written.out.count("a.txt") == 1
    assert "nothing" not in written.err
