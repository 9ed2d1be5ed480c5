"""No planted string survives: not in released files, not in the database, the viewing copies or the log."""

import json
import sqlite3
import subprocess
import sys
from datetime import date
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image, PngImagePlugin
from pydicom import Dataset
from pydicom._dicom_dict import DicomDictionary
from pydicom.sequence import Sequence
from pydicom.uid import UID

from mammo.archive.deidentification import deidentify
from mammo.archive.dicom.header import read_header
from mammo.core.errors import UserError
from tests.conftest import missing

from .conftest import ROOT, Home
from .files import code, mammogram, picture
from .kept import found_in, left_in, planted_in, rows_of


@pytest.fixture
def phi_left() -> Path:
    tool = ROOT.parent / "shared" / "tools" / "phi_left.py"
    if not tool.is_file():
        missing(f"the counting tool is not at {tool}")
    return tool


def _fixed_key(home: Home) -> None:
    """A fixed master key makes pseudonyms, and so the random digits of new UIDs, the same at every run."""
    (home.folder / "keys").mkdir(exist_ok=True)
    (home.folder / "keys" / "master.key").write_text("QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY=")


@pytest.mark.slow
def test_no_planted_string_is_left_in_released_files(
    home: Home, shared_data: Path, tmp_path: Path, phi_left: Path
) -> None:
    _fixed_key(home)
    answer = home.json("deidentify", str(shared_data / "phi"), str(tmp_path / "released"))
    outcomes = {file["source"]: file["outcome"] for file in answer["files"]}
    assert (
        outcomes["01_mg_basic.dcm"]
        == outcomes["03_mg_private.dcm"]
        == outcomes["05_mg_implicit_meta.dcm"]
        == "released"
    )
    assert outcomes["07_sc_burned_no_flag.dcm"] == "quarantined"
    counted = subprocess.run(
        [sys.executable, phi_left, shared_data / "phi", tmp_path / "released"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert counted.returncode == 0, counted.stdout
    assert "244 planted, 0 left, 3 of 5 files released" in counted.stdout


@pytest.mark.slow
def test_no_planted_string_is_left_by_an_import(home: Home, shared_data: Path) -> None:
    before = [path for path in home.folder.rglob("*") if path.is_file() and path.name != "db.sqlite3"]
    planted = planted_in(shared_data / "phi" / "manifest.json")
    assert len(planted) > 150
    assert {len(string) for string in planted} >= {5, 6}, "the short ones are searched too"
    done = home.run("import_studies", str(shared_data / "phi"), "--site", "north")
    assert done.returncode == 0, done.stderr
    assert list((home.folder / "viewing_copies").rglob("*.dcm"))
    assert found_in((done.stdout + done.stderr).encode(), planted) == []
    assert left_in(home.folder, planted, but=before) == []


# Names of two and three characters and numbers of four to six digits, each where hospitals write them.
SHORT = {
    "PatientName": "Li^Na=李娜", "PatientID": "4711", "AccessionNumber": "90210", "StudyID": "5823",
    "ReferringPhysicianName": "王芳", "PerformingPhysicianName": "赵一鸣", "OperatorsName": "孙六",
    "PatientComments": "钱多 3141", "ImageComments": "陈七来电6613", "StudyDescription": "李娜 4711",
    "PatientTelephoneNumbers": "661309", "StationName": "MG77", "InstitutionName": "仁和", "PatientBirthName": "吴",
}  # fmt: skip
SHORT_STRINGS = (
    "李娜", "4711", "90210", "5823", "王芳", "赵一鸣", "孙六", "钱多", "3141", "陈七", "6613", "661309", "MG77", "仁和"
)  # fmt: skip


@pytest.mark.slow
def test_short_names_and_numbers_are_left_nowhere(home: Home, tmp_path: Path) -> None:
    """In no column, no file's header, no name of a file, and in no text: each is opened, none passed over."""
    before = [path for path in home.folder.rglob("*") if path.is_file() and path.name != "db.sqlite3"]
    folder, uid = tmp_path / "in", {"StudyInstanceUID": "1.2.77"}
    mammogram(folder / "a.dcm", **SHORT, **uid)
    mammogram(folder / "b.dcm", side="R", image=picture("R"), **SHORT, **uid)
    mammogram(folder / "raw.dcm", PresentationIntentType="FOR PROCESSING", **SHORT, **uid)
    text = (
        "患者李娜，号4711，检查号90210。李娜自述左乳胀痛，电话661309。双乳BI-RADS 2类。"
        "与王芳讨论，赵一鸣审核，技师孙六。"
    )
    reports = tmp_path / "r.csv"
    reports.write_text(
        f"study_uid,text\n1.2.77,{text}\n1.2.99,另一份：李娜 4711\n1.2.77,\n", encoding="utf-8"
    )
    results = tmp_path / "p.csv"
    results.write_text(
        "patient,accession,date,side,lesion,method,class,follow_up_months\n"
        "4711,90210,2019-03-20,L,,core,benign,\n4711,5823,2019-03-20,R,,core,benign,\n",
        encoding="utf-8",
    )
    imported = home.run("import_studies", str(folder), "--site", "north", "--reports", str(reports))
    assert imported.returncode == 0, imported.stderr
    matched = home.run("import_pathology", str(results), "--site", "north")
    assert matched.returncode == 0, matched.stderr
    stored = dict.fromkeys(where for where, _text in rows_of(home.folder / "db.sqlite3"))
    assert {"archive_report.cleaned", "archive_pathology.result", "archive_importitem.source"} <= set(stored)
    said = (imported.stdout + imported.stderr + matched.stdout + matched.stderr).encode()
    assert found_in(said, SHORT_STRINGS) == []
    assert left_in(home.folder, SHORT_STRINGS, but=before) == []


def test_the_search_finds_a_short_string_in_each_place_it_opens(tmp_path: Path, home: Home) -> None:
    """A file's header, its code stream, a picture's note, a name of a file, a column, its JSON, a deleted row."""
    home_folder = home.folder
    before = [path for path in home_folder.rglob("*") if path.is_file() and path.name != "db.sqlite3"]
    assert left_in(home_folder, SHORT_STRINGS, but=before) == []
    mammogram(home_folder / "viewing_copies" / "a.dcm", PatientID="4711", PatientName="X^Y=李娜")
    note = PngImagePlugin.PngInfo()
    note.add_text("Comment", "90210")
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(home_folder / "t.png", pnginfo=note)
    (home_folder / "u.txt").write_bytes("孙六".encode("gb18030"))
    (home_folder / "5823.txt").write_text("empty")
    (home_folder / "plain.enc").write_text("who sends this in: tel. 3141")
    with sqlite3.connect(home_folder / "db.sqlite3") as held:
        held.execute("PRAGMA secure_delete = OFF")
        held.execute("CREATE TABLE t (plain TEXT, listed TEXT)")
        held.execute("INSERT INTO t VALUES ('tel 6613', ?)", (json.dumps({"who": "陈七"}),))
        held.execute("INSERT INTO t VALUES ('赵一鸣', '')")
        held.execute("DELETE FROM t WHERE plain = '赵一鸣'")
    held.close()
    found = {string for string, _where in left_in(home_folder, SHORT_STRINGS, but=before)}
    assert found == {"4711", "李娜", "90210", "孙六", "5823", "6613", "陈七", "赵一鸣", "3141"}


def test_identity_typed_into_kept_attributes_does_not_pass(tmp_path: Path) -> None:
    view_code = code("R-10242", "SRT")
    view_code.CodeMeaning = "CC of Mrs SECRETNAME"
    view_code.add_new((0x0011, 0x0010), "LO", "SECRETCREATOR")
    mammogram(
        tmp_path / "in" / "a.dcm",
        PatientAge="097Y",
        ImageType=["ORIGINAL", "PRIMARY", "SECRETNAME"],
        BodyPartExamined="SECRETNAME",
        Manufacturer="SIEMENS SECRETNAME",
        WindowCenterWidthExplanation="SECRETNAME",
        ViewCodeSequence=[view_code],
        PatientSex="SECRETNAME",
        LossyImageCompression="SECRETNAME",
    )
    deidentify(tmp_path / "in", tmp_path / "out")
    released = (tmp_path / "out" / "a.dcm").read_bytes()
    assert b"SECRET" not in released
    assert pydicom.dcmread(tmp_path / "out" / "a.dcm").PatientAge == "090Y"


def _plant_everywhere(path: Path) -> None:
    """SECRET strings in every text attribute, private and nested ones, overlay, icon, preamble and meta."""
    dataset = pydicom.dcmread(mammogram(path))
    read_by_the_reader = {"SpecificCharacterSet", "PhotometricInterpretation", "PresentationIntentType"}
    for tag, (vr, _, _, _, keyword) in DicomDictionary.items():
        if tag < 0x00080000 or not keyword or keyword in dataset or keyword in read_by_the_reader:
            continue
        if vr in ("LO", "SH", "PN", "ST", "LT", "UT", "UC", "AE", "UR"):
            setattr(dataset, keyword, "SECRET" if vr != "PN" else "SECRET^A=赵^SECRET")
    block = dataset.private_block(0x0029, "SECRETCREATOR", create=True)
    nested, inner = Dataset(), Dataset()
    inner.add_new((0x0019, 0x0010), "LO", "SECRETCREATOR")
    nested.PatientName, nested.ReferencedImageSequence = "SECRET", [inner]
    for number, vr in enumerate(("UN", "OB"), start=1):
        block.add_new(number, vr, b"SECRET")
    block.add_new(3, "SQ", Sequence([nested]))
    dataset.RequestAttributesSequence = [nested]
    dataset.add_new(0x60003000, "OW", b"SECRET")
    dataset.add_new(0xFFFCFFFC, "OB", b"SECRET")
    dataset.PixelData += b"SECRET"
    # Numbers too may be a telephone number.
    dataset.WindowCenter, dataset.WindowWidth = ["2048", "13912345678"], ["4096", "10010011001"]
    dataset.ImagerPixelSpacing = ["0.1392837465", "0.1"]
    dataset.preamble = b"SECRET".ljust(128, b"\0")
    dataset.file_meta.SourceApplicationEntityTitle = "SECRET"
    dataset.file_meta.PrivateInformationCreatorUID = UID("1.2.99887766554433")
    dataset.file_meta.PrivateInformation = b"SECRET"
    dataset.save_as(path, enforce_file_format=True)


def test_identity_in_any_attribute_of_the_standard_private_or_meta_does_not_pass(tmp_path: Path) -> None:
    _plant_everywhere(tmp_path / "in" / "a.dcm")
    assert [file.outcome for file in deidentify(tmp_path / "in", tmp_path / "out")] == ["released"]
    released = (tmp_path / "out" / "a.dcm").read_bytes()
    for planted in ("SECRET", "赵", "9887766", "391234", "001001100", "392837"):
        assert not any(planted.encode(codec) in released for codec in ("utf-8", "gb18030")), planted
    assert float(pydicom.dcmread(tmp_path / "out" / "a.dcm").WindowCenter) == 2048


@pytest.mark.parametrize("tail", [b"SECRET", b"SECRET behind the last element"])
def test_what_stands_behind_the_last_element_is_not_passed_over(tmp_path: Path, tail: bytes) -> None:
    path = mammogram(tmp_path / "in" / "a.dcm")
    path.write_bytes(path.read_bytes() + tail)
    assert [file.outcome for file in deidentify(tmp_path / "in", tmp_path / "out")] == ["rejected"]
    assert not list((tmp_path / "out").rglob("*.dcm"))


@pytest.mark.parametrize("codec", ["gb2312", "utf-8"])
@pytest.mark.parametrize("declared", [None, "ISO_IR 100", ["", "ISO 2022 IR 58"]])
def test_a_chinese_name_is_known_though_its_character_set_is_not_declared(
    tmp_path: Path, codec: str, declared: str | list[str] | None
) -> None:
    written = "欧阳^婷婷".encode(codec)
    stand_in = "#" * len(written)
    path = mammogram(tmp_path / "a.dcm", PatientName=f"Ouyang^Ting={stand_in}", SpecificCharacterSet=declared)
    path.write_bytes(path.read_bytes().replace(stand_in.encode(), written))
    assert read_header(pydicom.dcmread(path)).names == ["Ouyang^Ting=欧阳^婷婷"]


def test_one_patient_keeps_one_name_and_the_interval_between_her_dates(tmp_path: Path) -> None:
    first = mammogram(tmp_path / "in" / "a.dcm", StudyDate="20190311", StudyInstanceUID="1.2.3")
    second = mammogram(tmp_path / "in" / "b.dcm", StudyDate="20200310", StudyInstanceUID="1.2.4")
    mammogram(tmp_path / "in" / "c.dcm", PatientID="OTHER", StudyInstanceUID="1.2.5")
    deidentify(tmp_path / "in", tmp_path / "out")
    a, b, c = (pydicom.dcmread(tmp_path / "out" / name) for name in ("a.dcm", "b.dcm", "c.dcm"))
    assert a.PatientID == b.PatientID != c.PatientID

    def day(text: str) -> date:
        return date(int(text[:4]), int(text[4:6]), int(text[6:8]))

    assert (day(b.StudyDate) - day(a.StudyDate)).days == 365
    assert abs((day(a.StudyDate) - date(2019, 3, 11)).days) >= 365
    assert a.StudyInstanceUID != b.StudyInstanceUID
    assert a.StudyInstanceUID.startswith("2.25.")
    assert first.exists()
    assert second.exists()


def test_released_pixels_are_the_stored_values(tmp_path: Path) -> None:
    source = mammogram(tmp_path / "in" / "a.dcm")
    deidentify(source, tmp_path / "out")
    released = pydicom.dcmread(tmp_path / "out" / "a.dcm")
    assert (released.pixel_array == pydicom.dcmread(source).pixel_array).all()
    assert released.PatientIdentityRemoved == "YES"


def test_a_destination_inside_the_source_is_refused(tmp_path: Path) -> None:
    mammogram(tmp_path / "in" / "a.dcm")
    with pytest.raises(UserError, match="lies inside"):
        deidentify(tmp_path / "in", tmp_path / "in" / "out")
    assert not (tmp_path / "in" / "out").exists()
