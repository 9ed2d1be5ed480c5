"""No planted string survives: not in released files, not in the database, the viewing copies or the log."""

import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import pydicom
import pytest
from pydicom import Dataset
from pydicom._dicom_dict import DicomDictionary
from pydicom.sequence import Sequence
from pydicom.uid import UID

from mammo.archive.deidentification import deidentify
from mammo.archive.dicom.header import read_header
from mammo.core.errors import UserError
from tests.conftest import missing

from .conftest import ROOT, Home
from .files import code, mammogram


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


def test_no_planted_string_is_left_by_an_import(home: Home, shared_data: Path) -> None:
    planted = json.loads((shared_data / "phi" / "manifest.json").read_text(encoding="utf-8"))
    done = home.run("import_studies", str(shared_data / "phi"), "--site", "north")
    assert done.returncode == 0, done.stderr
    kept = [path for path in home.folder.rglob("*") if path.is_file()]
    assert any("viewing_copies" in str(path) for path in kept)
    blobs = {str(path.relative_to(home.folder)): path.read_bytes() for path in kept}
    blobs["log"] = done.stderr.encode()
    # Short strings of digits occur by chance in random bytes.
    strings = {
        row["string"] for row in planted if not row["string"].startswith("<") and len(row["string"]) > 6
    }
    assert len(strings) > 150
    left = [
        (string, name)
        for string in strings
        for name, blob in blobs.items()
        if any(string.encode(codec, "ignore") in blob for codec in ("utf-8", "gb18030", "utf-16-le"))
    ]
    assert left == []


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
    """SECRET strings in every text attribute, private and nested ones, overlay, icon, preamble, meta and tails."""
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
    path.write_bytes(path.read_bytes() + b"SECRET")


def test_identity_in_any_attribute_of_the_standard_private_meta_or_tail_does_not_pass(tmp_path: Path) -> None:
    _plant_everywhere(tmp_path / "in" / "a.dcm")
    assert [file.outcome for file in deidentify(tmp_path / "in", tmp_path / "out")] == ["released"]
    released = (tmp_path / "out" / "a.dcm").read_bytes()
    for planted in ("SECRET", "赵", "9887766", "391234", "001001100", "392837"):
        assert not any(planted.encode(codec) in released for codec in ("utf-8", "gb18030")), planted
    assert float(pydicom.dcmread(tmp_path / "out" / "a.dcm").WindowCenter) == 2048


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
