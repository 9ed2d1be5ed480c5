"""The profile against the whole table E.1-1 of PS3.15, and strings planted wherever a file can hold one."""

import random
import struct
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom import Dataset
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.uid import generate_uid

from mammo.archive.dicom.acceptance import examine
from mammo.archive.dicom.profile import profile
from mammo.archive.dicom.refusal import Refusal
from mammo.archive.dicom.release import write_release
from mammo.archive.pseudonyms import Pseudonyms

from .files import mammogram

TABLE = Path(__file__).with_name("annex_e.txt")
# What an attribute of the table must say of itself to be there all the same.
WORDS = {
    "U": ("keyed UID",),
    "Z": ("empty", "pseudonym", "Modified Dates", "as StudyDate", "Retain Patient", "as PatientID"),
    "D": ("constant", "code", "pseudonym", "Modified Dates", "as StudyDate"),
    "X": ("Retain Patient", "keyed"),
}


def table() -> dict[int, str]:
    """Tag -> action of the basic profile; a repeating group by its first."""
    found = {}
    for line in TABLE.read_text().splitlines():
        if not line.startswith("#"):
            action, group, *elements = line.split()
            found.update({int(group + element, 16): action for element in elements})
    return found


def released(source: Path, target: Path) -> pydicom.FileDataset:
    write_release(target, examine(source), Pseudonyms(b"k" * 32), "release")
    return pydicom.dcmread(target)


def test_the_table_is_whole() -> None:
    assert len(table()) == 620
    assert table()[0x00100010] == "Z"
    assert table()[0x00081030] == "X"


def test_no_attribute_of_the_table_is_kept_without_a_written_reason() -> None:
    actions, reasons = table(), profile().made | {kept.keyword: kept.reason for kept in profile().kept}
    for keyword, reason in reasons.items():
        tag = tag_for_keyword(keyword)
        assert tag is not None, keyword
        action = actions.get(tag)
        if action is not None:
            allowed = {word for letter in action.split("/") for word in WORDS[letter]}
            assert any(word in reason for word in allowed), (keyword, action, reason)


def test_a_released_file_holds_nothing_outside_the_profile(tmp_path: Path, shared_data: Path) -> None:
    known = set(profile().made) | {kept.keyword for kept in profile().kept}
    for source in (mammogram(tmp_path / "a.dcm"), shared_data / "real" / "derived" / "d21_ml_mag_spot.dcm"):
        file = released(source, tmp_path / f"out-{source.name}")
        held = {element.keyword for element in [*file.file_meta, *file.iterall()]}
        assert held <= known, held - known


PLANTS = {
    "DA": "19310405", "DT": "19310405091733", "TM": "091733.4242", "AS": "097Y", "UI": "1.2.826.0.1.77310155.424242",
    "PN": "SECRETNAME^ANNA=秘密^安娜", "IS": "77310155", "DS": "7731.0155",
}  # fmt: skip
TEXT = "SECRETNAME 77310155"
SECRETS = (
    b"SECRET",
    "秘密".encode(),
    "秘密".encode("gb18030"),
    b"77310155",
    b"19310405",
    b"091733",
    b"7731.0155",
)


def _value(vr: str) -> Any:
    if vr in PLANTS:
        return PLANTS[vr]
    if vr in ("LO", "SH", "ST", "LT", "UT", "UC", "CS", "AE", "UR"):
        return TEXT[:16] if vr in ("SH", "CS", "AE") else TEXT
    if vr in ("OB", "OW", "UN", "OB or OW"):
        return TEXT.encode() + b"\0"
    return None


def _plant(dataset: Dataset, tag: int, vr: str) -> None:
    if vr == "SQ":
        item = Dataset()
        item.PatientName, item.PatientComments, item.StudyDate = PLANTS["PN"], TEXT, PLANTS["DA"]
        inner = Dataset()
        inner.OtherPatientIDs, inner.TextValue = "77310155", TEXT
        item.add_new(0x00081140, "SQ", [inner])
        dataset.add_new(tag, "SQ", [item])
    elif (value := _value(vr)) is not None:
        dataset.add_new(tag, vr.split(" ")[0], value)


def _assert_clean(path: Path) -> None:
    written = path.read_bytes()
    assert [secret for secret in SECRETS if secret in written] == []


@pytest.mark.filterwarnings("ignore")
def test_every_attribute_of_the_table_planted_at_once_leaves_nothing(tmp_path: Path) -> None:
    needed = {0x00080016, 0x00080018, 0x00280010, 0x00280011, 0x00020003}
    source = pydicom.dcmread(mammogram(tmp_path / "a.dcm"))
    planted = 0
    for tag in table():
        if tag in needed or tag >> 16 in (0, 2, 0xFFFA, 0xFFFC, 4):
            continue
        vr = {0x5000: "OW", 0x6000: "OW"}.get(tag >> 16) or dictionary_VR(tag)
        _plant(source, tag, vr)
        planted += tag in source
    assert planted > 500
    source.StudyInstanceUID, source.SeriesInstanceUID = PLANTS["UI"], PLANTS["UI"]
    source.save_as(tmp_path / "planted.dcm")
    assert b"SECRETNAME" in (tmp_path / "planted.dcm").read_bytes()
    file = released(tmp_path / "planted.dcm", tmp_path / "out.dcm")
    _assert_clean(tmp_path / "out.dcm")
    assert file.PatientAge == "090Y"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(6))
def test_strings_planted_in_places_nobody_lists_leave_nothing(tmp_path: Path, seed: int) -> None:
    """Private blocks, odd groups and VRs, deep nesting, overlays, icons, file meta, preamble, code meanings."""
    rng = random.Random(seed)
    source = pydicom.dcmread(mammogram(tmp_path / "a.dcm"))
    for _ in range(12):  # private blocks with and without a creator
        group = rng.randrange(0x0009, 0x7FDF, 2)
        block = source.private_block(group, f"SECRET MAKER {rng.randrange(99)}", create=True)
        block.add_new(rng.randrange(256), rng.choice(["LO", "LT", "PN", "ST"]), TEXT)
    for _ in range(20):  # groups of the standard, elements it does not know, any VR
        tag = (rng.randrange(0x0008, 0x5000, 2) << 16) | rng.randrange(0xE000, 0xFFFE)
        source.add_new(tag, rng.choice(["LO", "UT", "PN", "ST", "LT"]), TEXT)
    nested = source
    for _ in range(rng.randrange(4, 24)):
        item = Dataset()
        item.PatientName = PLANTS["PN"]
        nested.add_new(rng.choice([0x00400275, 0x00081140, 0x00540220, 0x00189507]), "SQ", [item])
        nested = item
    source.add_new(0x60003000, "OW", TEXT.encode() + b"\0")
    source.add_new(0x60001500, "LO", TEXT)
    icon = Dataset()
    icon.BitsAllocated, icon.PixelData = 8, TEXT.encode() + b"\0"
    source.IconImageSequence = [icon]
    for keyword in (
        "ImageType",
        "BodyPartExamined",
        "PatientSex",
        "VOILUTFunction",
        "PresentationLUTShape",
        "Manufacturer",
    ):
        setattr(source, keyword, rng.choice([TEXT[:16], f"F {TEXT}"[:16]]))
    source.WindowCenterWidthExplanation = TEXT
    source.ImagerPixelSpacing = ["0.1", "0.1", "7731.0155"]
    source.file_meta.ImplementationVersionName = "SECRET 77310155"
    source.file_meta.SourceApplicationEntityTitle = "SECRETAE"
    source.file_meta.PrivateInformationCreatorUID = "1.2.77310155"
    source.file_meta.PrivateInformation = TEXT.encode() + b"\0"
    source.preamble = (TEXT.encode() * 8)[:128].ljust(128, b"\0")
    source.SOPInstanceUID = source.file_meta.MediaStorageSOPInstanceUID = (
        f"1.2.77310155.{generate_uid()[-9:]}"
    )
    path = tmp_path / "planted.dcm"
    source.save_as(path)
    path.write_bytes(
        path.read_bytes() + b"\xfc\xff\xfc\xffOB\0\0" + struct.pack("<I", 20) + TEXT.encode() + b"\0"
    )
    try:
        released(path, tmp_path / "out.dcm")
    except Refusal:
        return  # kept back whole: nothing was released
    _assert_clean(tmp_path / "out.dcm")
