"""The two UIDs that an answer to a push names are read from the first bytes, whatever a stranger writes there."""

import struct
import sys
from pathlib import Path

import pytest
from django.test import Client
from pydicom import dcmread
from pydicom.uid import DigitalMammographyXRayImageStorageForPresentation

from mammo.accounts.models import Site
from mammo.archive.dicom.file_meta import class_and_instance
from mammo.archive.sending_systems import add_sending_system

from .files import mammogram

CLASS, INSTANCE = "1.2.840.10008.5.1.4.1.1.1.2", "2.25.17"


def element(number: int, vr: bytes, value: bytes, *, length: int | None = None) -> bytes:
    size = len(value) if length is None else length
    if vr in (b"OB", b"UN"):
        return struct.pack("<HH2sHI", 2, number, vr, 0, size) + value
    return struct.pack("<HH2sH", 2, number, vr, size) + value


def written(path: Path, *elements: bytes) -> Path:
    path.write_bytes(b"\0" * 128 + b"DICM" + b"".join(elements))
    return path


def test_they_are_those_that_pydicom_writes_and_reads(tmp_path: Path) -> None:
    path = mammogram(tmp_path / "a.dcm")
    expected = dcmread(path).file_meta
    assert class_and_instance(path) == (
        DigitalMammographyXRayImageStorageForPresentation, expected.MediaStorageSOPInstanceUID,
    )  # fmt: skip


def test_every_kind_of_shared_file_reads_as_pydicom_reads_it(shared_data: Path) -> None:
    found = 0
    for path in sorted((shared_data / "real").rglob("*.dcm")):
        expected = dcmread(path, stop_before_pixels=True, force=True).file_meta
        if "MediaStorageSOPInstanceUID" in expected and path.read_bytes()[128:132] == b"DICM":
            found += 1
            assert class_and_instance(path) == (
                expected.MediaStorageSOPClassUID, expected.MediaStorageSOPInstanceUID,
            )  # fmt: skip
    assert found > 20


@pytest.mark.parametrize(
    "elements",
    [
        (),
        (element(2, b"UI", CLASS.encode()),),
        (element(2, b"UI", CLASS.encode()), element(3, b"UI", b"1." * 33)),
        (element(2, b"UI", CLASS.encode()), element(3, b"UI", b"1.2", length=60_000)),
        (element(2, b"UI", CLASS.encode()), element(3, b"LO", INSTANCE.encode())),
        (element(2, b"UI", CLASS.encode()), element(3, b"UI", b"<script>")),
        (element(1, b"OB", b"", length=0xFFFFFFFF), element(2, b"UI", CLASS.encode())),
        (element(2, b"UI", CLASS.encode()), b"\x02\x00\x03"),
    ],
)
def test_what_is_cut_too_long_or_no_uid_is_no_dicom_file(tmp_path: Path, elements: tuple[bytes, ...]) -> None:
    assert class_and_instance(written(tmp_path / "x.dcm", *elements)) is None


def test_padding_and_longer_elements_before_them_do_no_harm(tmp_path: Path) -> None:
    path = written(
        tmp_path / "x.dcm", element(1, b"OB", b"\0\1"), element(2, b"UI", CLASS.encode() + b"\0"),
        element(3, b"UI", INSTANCE.encode() + b"\0"),
    )  # fmt: skip
    assert class_and_instance(path) == (CLASS, INSTANCE)
    path.write_bytes(path.read_bytes()[128:])
    assert class_and_instance(path) is None


def test_a_push_with_an_endless_element_is_refused_and_pydicom_is_not_asked(
    client: Client, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, token = add_sending_system("pacs1", site=site, by_user=None)
    monkeypatch.setitem(sys.modules, "pydicom.filereader", None)  # an import of it fails
    endless = written(tmp_path / "a.dcm", element(1, b"OB", b"", length=0xFFFFFFFF)).read_bytes()
    body = b"--edge\r\nContent-Type: application/dicom\r\n\r\n" + endless + b"\r\n--edge--"
    answer = client.post(
        "/archive/dicomweb/studies", body, 'multipart/related; type="application/dicom"; boundary=edge',
        headers={"Authorization": f"Bearer {token}"},
    )  # fmt: skip
    assert answer.status_code == 409
    assert answer.json()["00081198"]["Value"][0]["00081197"]["Value"] == [0xC000]
