"""The demo's hospital: real mammography files, tables with the columns that imports expect, one seed."""

import csv
import errno
import filecmp
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pydicom
import pytest

from mammo.demo import hospital
from mammo.demo.questions import STYLES, corpus, question_kind, read_truth, true_answer
from modeling.data.facts import read_facts

SMALL = {"studies": 30, "patients": 24, "height": 64, "width": 50, "processes": 1}


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    return hospital.build(tmp_path_factory.mktemp("hospital") / "one", seed=11, **SMALL)


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def headers(folder: Path) -> list[pydicom.Dataset]:
    return [pydicom.dcmread(path, stop_before_pixels=True) for path in sorted(folder.glob("dicom/*/*.dcm"))]


def files_of(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_the_same_seed_writes_the_same_bytes_in_one_process_or_in_two(built, tmp_path):
    again = hospital.build(tmp_path / "again", seed=11, **{**SMALL, "processes": 2})
    names = files_of(built)
    assert names == files_of(again)
    _, different, unreadable = filecmp.cmpfiles(built, again, names, shallow=False)
    assert (different, unreadable) == ([], [])


def test_another_seed_writes_other_patients(built, tmp_path):
    other = hospital.build(tmp_path / "other", seed=12, **SMALL)
    numbers = {row["patient"] for row in table(built / "reports.csv")}
    assert not numbers & {row["patient"] for row in table(other / "reports.csv")}


def test_a_finished_folder_is_left_as_it_is(built):
    before = (built / "reports.csv").stat().st_mtime_ns
    assert hospital.build(built, seed=11, **SMALL) == built
    assert (built / "reports.csv").stat().st_mtime_ns == before


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_what_is_ended_leaves_no_half_of_a_hospital_behind(tmp_path, error):
    """Pieces left on a full disk would keep it full."""

    def end(done, total):
        if done == 3:
            raise error

    with pytest.raises(type(error)):
        hospital.build(tmp_path / "one", seed=11, **SMALL, progress=end)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_another_hospital_is_refused(built):
    with pytest.raises(ValueError, match="holds another hospital"):
        hospital.build(built, seed=12, **SMALL)


def test_a_folder_with_other_files_is_refused_and_kept(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ValueError, match="not a demo hospital"):
        hospital.build(tmp_path, seed=1, **SMALL)
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_a_hospital_that_was_interrupted_is_built_anew(tmp_path, monkeypatch):
    def stop(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(hospital, "_write_images", stop)
        with pytest.raises(KeyboardInterrupt):
            hospital.build(tmp_path / "one", seed=11, **SMALL)
    assert not (tmp_path / "one").exists()
    whole = hospital.build(tmp_path / "one", seed=11, **SMALL)
    assert len(list(whole.glob("dicom/*/*.dcm"))) == 4 * SMALL["studies"]


def test_more_than_two_studies_a_patient_are_refused(tmp_path):
    with pytest.raises(ValueError, match="one or two studies"):
        hospital.build(tmp_path / "many", seed=1, studies=30, patients=10)


def test_every_study_has_the_four_standard_views(built):
    by_study: dict[str, list[tuple[str, str]]] = {}
    for header in headers(built):
        by_study.setdefault(header.StudyInstanceUID, []).append((header.ImageLaterality, header.ViewPosition))
    assert len(by_study) == SMALL["studies"]
    assert all(sorted(v) == [("L", "CC"), ("L", "MLO"), ("R", "CC"), ("R", "MLO")] for v in by_study.values())


def test_the_files_are_mammograms_for_presentation_with_12_bits(built):
    for header in headers(built):
        assert header.SOPClassUID == pydicom.uid.DigitalMammographyXRayImageStorageForPresentation
        assert header.file_meta.TransferSyntaxUID == pydicom.uid.ExplicitVRLittleEndian
        assert (header.BitsAllocated, header.BitsStored, header.HighBit) == (16, 12, 11)
        assert header.ViewCodeSequence[0].CodeMeaning in ("cranio-caudal", "medio-lateral oblique")
        assert float(header.ImagerPixelSpacing[0]) == pytest.approx(201.6 / header.Rows)


def test_orientation_names_the_side_on_which_the_chest_wall_lies(built):
    for path in sorted(built.glob("dicom/*/*.dcm"))[:16]:
        file = pydicom.dcmread(path)
        breast = file.pixel_array > 0
        chest_wall_is_left = breast[:, 0].sum() > breast[:, -1].sum()
        assert chest_wall_is_left == (file.ImageLaterality == "L")
        assert file.PatientOrientation[0] == ("A" if chest_wall_is_left else "P")
        assert file.pixel_array.dtype == np.uint16
        assert 1500 < file.pixel_array.max() <= 4095


def test_identifying_fields_are_filled_so_that_there_is_something_to_remove(built):
    for header in headers(built):
        for field in ("PatientName", "PatientID", "PatientBirthDate", "InstitutionName", "AccessionNumber"):
            assert str(header[field].value)
        assert (
            "2018-01-01" < f"{header.StudyDate[:4]}-{header.StudyDate[4:6]}-{header.StudyDate[6:]}" < "2022"
        )


def test_a_header_says_why_she_came_and_apart_from_it_her_history_as_her_report_does(built):
    reports = {row["accession"]: row["text"] for row in table(built / "reports.csv")}
    found = {
        (str(h.AccessionNumber), str(h.ReasonForStudy), str(h.AdditionalPatientHistory))
        for h in headers(built)
    }
    assert len(found) == 30
    for accession, indication, history in found:
        assert history != indication
        assert indication in reports[accession]
        assert any(f"{name}{history}" in reports[accession] for name in ("病史：", "HISTORY: "))
    assert len({history for _accession, _indication, history in found}) > 3


def test_both_vendors_and_both_languages_occur(built):
    assert len({header.Manufacturer for header in headers(built)}) == 2
    assert {row["language"] for row in table(built / "questions.csv")} == {"zh", "en"}
    chinese = [
        any("\u4e00" <= sign <= "\u9fff" for sign in row["text"]) for row in table(built / "reports.csv")
    ]
    assert set(chinese) == {True, False}


def test_every_header_holds_her_age_and_ages_differ(built):
    ages = [int(str(header.PatientAge).removesuffix("Y")) for header in headers(built)]
    assert all(18 <= age <= 100 for age in ages)
    assert len(set(ages)) > 5


def test_patients_ask_the_same_thing_in_several_wordings(built):
    wordings: dict[tuple[str, str], set[str]] = {}
    for row in table(built / "questions.csv"):
        asked = json.loads(row["turns"])[-1]
        wordings.setdefault((row["language"], question_kind([asked])), set()).add(asked)
    assert {kind for _language, kind in wordings} >= {"density", "category", "next", "finding"}
    assert all(len(found) > 1 for (language, _kind), found in wordings.items() if language == "zh")
    assert len(wordings["en", "density"]) > 1


def test_the_tables_have_the_columns_that_imports_expect(built):
    columns = {name: list(table(built / f"{name}.csv")[0]) for name in ("reports", "pathology", "questions")}
    assert columns["reports"] == ["patient", "accession", "study_uid", "date", "text"]
    assert columns["pathology"] == ["patient", "accession", "date", "side", "lesion", "method", "class"]
    assert columns["questions"] == ["patient", "accession", "language", "turns", "source", "consent"]


def test_tables_and_files_name_the_same_patients_and_studies(built):
    in_files = {(h.PatientID, h.AccessionNumber, h.StudyInstanceUID) for h in headers(built)}
    assert in_files == {(r["patient"], r["accession"], r["study_uid"]) for r in table(built / "reports.csv")}
    keys = {(patient, accession) for patient, accession, _ in in_files}
    for name in ("pathology", "questions"):
        assert {(row["patient"], row["accession"]) for row in table(built / f"{name}.csv")} <= keys


def test_accessions_are_unique_and_some_patients_return(built):
    rows = table(built / "reports.csv")
    assert len({row["accession"] for row in rows}) == len(rows)
    visits = Counter(row["patient"] for row in rows)
    assert sorted(visits.values()).count(2) == SMALL["studies"] - SMALL["patients"]


def test_a_hospital_of_300_studies_has_at_least_160_biopsied_breasts_about_half_malignant():
    import random

    planned = hospital.plan_hospital(random.Random(7), studies=300, patients=240)
    outcomes = [outcome for study in planned for outcome in study.plan.pathology.values()]
    assert len(outcomes) >= 160
    assert 0.4 < outcomes.count("malignant") / len(outcomes) < 0.6
    assert min(Counter(study.plan.density for study in planned).values()) >= 35


def test_truth_agrees_with_the_pathology_table(built):
    studies = json.loads((built / "truth.json").read_text(encoding="utf-8"))["studies"]
    malignant = {row["accession"] for row in table(built / "pathology.csv") if row["class"] == "malignant"}
    assert malignant == {study["accession"] for study in studies if study["category"] == "4"}


def test_every_question_has_a_true_answer_that_fits_its_study(built):
    truth = read_truth(built)
    rows = table(built / "questions.csv")
    assert len(rows) == 4 * SMALL["studies"]
    stating = 0
    for row in rows:
        turns = json.loads(row["turns"])
        assert len(turns) % 2 == 1, "turns end with the patient"
        facts = truth[row["accession"]]
        for style in STYLES:
            stated = read_facts(true_answer(turns, facts, style))
            assert stated.density in (None, facts.density)
            assert stated.birads in (None, facts.category)
        stating += read_facts(true_answer(turns, facts)).density is not None
    assert stating >= 0.4 * len(rows)


def test_some_conversations_have_several_turns(built):
    lengths = Counter(len(json.loads(row["turns"])) for row in table(built / "questions.csv"))
    assert lengths[1] > 0
    assert lengths[3] > 0


def test_the_corpus_asks_every_question_of_the_hospital_and_knows_no_patient(built):
    known = {row["turns"][-1] for row in corpus(1)}
    asked = {json.loads(row["turns"])[-1] for row in table(built / "questions.csv")}
    assert asked <= known
    facts = [
        read_facts(row["answer"]).density for row in corpus(1) if question_kind(row["turns"]) == "density"
    ]
    shares = Counter(facts)
    assert max(shares.values()) < 1.35 * min(shares.values())


def test_progress_is_told_for_every_study(tmp_path):
    seen = []
    hospital.build(tmp_path / "p", seed=1, **SMALL, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(done, 30) for done in range(1, 31)]
