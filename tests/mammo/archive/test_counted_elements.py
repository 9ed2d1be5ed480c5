"""Elements are counted as the reader would make them, before it does."""

import struct
from pathlib import Path

import pydicom
import pytest
from pydicom import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from mammo.archive.dicom.elements import count_data_set, count_elements, first_value
from mammo.archive.dicom.limits import LIMITS
from mammo.archive.dicom.reading import is_dicom

from .files import mammogram


def elements(dataset: Dataset) -> int:
    """Elements of a data set and of all its sequences, as pydicom holds them."""
    return sum(1 + (sum(map(elements, element.value)) if element.VR == "SQ" else 0) for element in dataset)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
@pytest.mark.parametrize("undefined", [False, True])
def test_each_element_of_each_sequence_is_counted(tmp_path: Path, syntax: UID, undefined: bool) -> None:
    source = pydicom.dcmread(mammogram(tmp_path / "a.dcm"))
    deep = Dataset()
    deep.CodeValue = "R-10242"
    middle = Dataset()
    middle.ViewModifierCodeSequence = Sequence([deep, deep, Dataset()])
    middle.CodeMeaning = "cranio-caudal"
    source.ViewCodeSequence = Sequence([middle, deep])
    for sequence in (source["ViewCodeSequence"], middle["ViewModifierCodeSequence"]):
        sequence.is_undefined_length = undefined
    source.file_meta.TransferSyntaxUID = syntax
    target = tmp_path / "b.dcm"
    source.save_as(
        target,
        implicit_vr=syntax.is_implicit_VR,
        little_endian=syntax.is_little_endian,
        enforce_file_format=True,
    )
    written = pydicom.dcmread(target)
    found = count_elements(target.read_bytes(), 10_000)
    assert (found.elements, found.is_whole) == (elements(written) + len(written.file_meta), True)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
@pytest.mark.parametrize("undefined", [False, True])
def test_an_element_of_the_data_set_is_found_and_none_of_its_sequences(
    tmp_path: Path, syntax: UID, undefined: bool
) -> None:
    source = pydicom.dcmread(mammogram(tmp_path / "a.dcm", StudyInstanceUID="1.2.3.4"))
    related = Dataset()
    related.StudyInstanceUID = "9.9.9"
    source.RelatedSeriesSequence = Sequence([related, related])
    source["RelatedSeriesSequence"].is_undefined_length = undefined
    target = tmp_path / "b.dcm"
    for expected in (b"1.2.3.4", None):
        source.file_meta.TransferSyntaxUID = syntax
        source.save_as(
            target, implicit_vr=syntax.is_implicit_VR, little_endian=True, enforce_file_format=True
        )
        found = first_value(target.read_bytes(), 0x0020000D, 10_000)
        assert (found and found.rstrip(b"\0")) == expected
        source.pop("StudyInstanceUID", None)


def test_elements_in_the_other_byte_order_are_counted(tmp_path: Path) -> None:
    inner, outer = Dataset(), Dataset()
    inner.CodeValue = "R-10242"
    outer.Rows, outer.PatientID, outer.ViewCodeSequence = 96, "P1", Sequence([inner, inner])
    outer.file_meta = pydicom.dataset.FileMetaDataset()
    outer.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    outer.file_meta.MediaStorageSOPClassUID = outer.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    outer.SOPClassUID = outer.SOPInstanceUID = "1.2.3"
    target = tmp_path / "big.dcm"
    outer.save_as(target, implicit_vr=False, little_endian=False, enforce_file_format=True)
    written = pydicom.dcmread(target)
    found = count_elements(target.read_bytes(), 1000)
    assert found.elements == elements(written) + len(written.file_meta) > 10
    assert found.is_whole


def test_real_files_are_counted_whole_and_stay_far_below_the_limit(shared_data: Path) -> None:
    counted = 0
    for path in sorted((shared_data / "real").rglob("*.dcm")):
        if not is_dicom(path):
            continue
        found = count_elements(path.read_bytes(), LIMITS.elements)
        assert found.elements < LIMITS.elements / 10, path.name
        assert found.is_whole == (path.name != "d28_truncated.dcm"), path.name
        try:
            read = pydicom.dcmread(path)
            expected = elements(read) + len(read.file_meta)
        except Exception:  # damaged on purpose
            continue
        if not read.file_meta.TransferSyntaxUID.is_deflated:
            assert found.elements == expected, path.name
            counted += 1
    assert counted > 10


def test_the_count_stops_behind_the_limit_and_takes_any_bytes() -> None:
    many = struct.pack("<HH2sH", 0x11, 0x1000, b"LO", 0) * 10_000
    assert count_data_set(many, 100).elements == 101
    for rubbish in (b"", b"\0" * 7, b"\xff" * 5000, b"SQ" * 999, many[:-3]):
        assert 0 <= count_data_set(rubbish, 100).elements <= 101
        assert 0 <= count_elements(rubbish, 100).elements <= 101


def test_data_is_whole_only_where_its_last_element_ends(tmp_path: Path) -> None:
    private = struct.pack("<HH2sH", 0x11, 0x1000, b"LO", 6) + b"as long"[:6]
    opened = struct.pack("<HH2sHL", 0x11, 0x1001, b"SQ", 0, 0xFFFFFFFF)
    ended = struct.pack("<HHL", 0xFFFE, 0xE0DD, 0)
    for whole in (private, private + bytes(5), opened + ended, opened + ended + private):
        assert count_data_set(whole, 100).is_whole
    for cut in (private[:-1], private[:9], private + b"\x11", opened, opened + ended[:-1], opened + private):
        assert not count_data_set(cut, 100).is_whole
