"""What an archive or a folder holds that can't be read is refused by itself: all around it comes in."""

import os
import random
import uuid
import zipfile
from pathlib import Path

import pytest

from mammo.accounts.models import Site, User
from mammo.accounts.services import create_account
from mammo.archive import inbox
from mammo.archive.deidentification import deidentify
from mammo.archive.models import ImportBatch, Patient
from mammo.archive.received_import import import_received
from mammo.archive.services import erase_patient, import_studies, request_erasure
from mammo.archive.sources import LocalFiles, count_files, iter_sources

from .files import mammogram

pytestmark = pytest.mark.django_db

PACKINGS = {"deflate": zipfile.ZIP_DEFLATED, "bzip2": zipfile.ZIP_BZIP2, "lzma": zipfile.ZIP_LZMA}
DAMAGED = "damaged inside its zip archive; pack it again"


def archive_of(path: Path, files: dict[str, bytes], packing: int) -> Path:
    with zipfile.ZipFile(path, "w", packing) as packed:
        for name, data in files.items():
            packed.writestr(name, data)
    return path


def spoiled(path: Path, name: str) -> Path:
    """The archive with one byte other in the middle of a member's packed data."""
    with zipfile.ZipFile(path) as packed:
        member = packed.getinfo(name)
    data = bytearray(path.read_bytes())
    for at in range(60, 90):
        data[member.header_offset + member.compress_size // 2 + at] ^= 0x5A
    path.write_bytes(bytes(data))
    return path


def outcomes(batch: ImportBatch) -> dict[str, tuple[str, str]]:
    items = batch.items.select_related("batch__site")
    return {str(item.source).rpartition("!")[2]: (item.outcome, item.reason) for item in items}


@pytest.mark.parametrize("packing", PACKINGS)
def test_a_damaged_member_is_refused_and_the_others_come_in(packing: str, site: Site, tmp_path: Path) -> None:
    files = {
        "a.dcm": mammogram(tmp_path / "a.dcm").read_bytes(),
        "b.dcm": mammogram(tmp_path / "b.dcm", side="R").read_bytes(),
        "c.dcm": mammogram(tmp_path / "c.dcm", view="MLO").read_bytes(),
    }
    given = spoiled(archive_of(tmp_path / "set.zip", files, PACKINGS[packing]), "b.dcm")
    batch = import_studies([given], site=site, by_user=None)
    assert outcomes(batch) == {
        "a.dcm": ("imported", ""), "b.dcm": ("rejected", DAMAGED), "c.dcm": ("imported", ""),
    }  # fmt: skip


@pytest.mark.parametrize("packing", PACKINGS)
def test_an_archive_with_any_other_byte_is_read_or_refused(packing: str, tmp_path: Path) -> None:
    rng = random.Random(packing)
    noise = rng.randbytes(900) + b"\0" * 3000
    whole = archive_of(tmp_path / "whole.zip", {"a": noise, "b": noise[::-1]}, PACKINGS[packing]).read_bytes()
    for number in range(150):
        data = bytearray(whole)
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        given = tmp_path / "other.zip"
        given.write_bytes(bytes(data))
        folder = tmp_path / f"unpacked-{number}"
        folder.mkdir()
        found = list(iter_sources([given], folder, set()))
        assert count_files([given]) >= 1
        assert found
        assert all((source.path is None) == bool(source.problem) for source in found)


def test_a_damaged_archive_in_the_inbox_stops_neither_deliveries_nor_withdrawals(
    site: Site, dana: User, tmp_path: Path
) -> None:
    hers = mammogram(tmp_path / "hers.dcm")
    import_studies([hers], site=site, by_user=None)
    files = {"right.dcm": mammogram(tmp_path / "right.dcm", side="R").read_bytes()}
    given = spoiled(archive_of(tmp_path / "set.zip", files, zipfile.ZIP_DEFLATED), "right.dcm")
    other = mammogram(tmp_path / "other.dcm", PatientID="Z999", StudyInstanceUID="1.2.99")
    for path in (given, other):
        inbox.put(site, path.read_bytes(), batch_id=uuid.uuid4(), origin="upload", name=path.name)
    ada = create_account("ada", password="correct horse battery", roles={"admin": [site]}, by_user=None)
    erase_patient(request_erasure(Patient.objects.get(), reason="withdrew", by_user=dana), by_user=ada)
    while import_received(site, taken_as="here") is not None:
        pass
    assert inbox.waiting_count([site]) == 0
    found = [outcomes(batch) for batch in ImportBatch.objects.filter(origin="upload")]
    assert {name: told for each in found for name, told in each.items()} == {
        "right.dcm": ("rejected", DAMAGED), "other.dcm": ("imported", ""),
    }  # fmt: skip


def too_deep(folder: Path) -> Path:
    """A folder below `folder` that nobody can list by its whole name, as one of another account's; its top."""
    top = folder / "deep"
    top.mkdir()
    handle = os.open(top, os.O_RDONLY)
    for _ in range(24):
        os.mkdir("x" * 200, dir_fd=handle)
        below = os.open("x" * 200, os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = below
    os.close(handle)
    return top


def test_a_folder_that_cannot_be_listed_and_one_behind_a_link_are_told(site: Site, tmp_path: Path) -> None:
    ward, elsewhere = tmp_path / "ward", tmp_path / "elsewhere"
    mammogram(ward / "a.dcm")
    mammogram(elsewhere / "b.dcm", side="R")
    (ward / "linked").symlink_to(elsewhere)
    (ward / "z.dcm").symlink_to(elsewhere / "b.dcm")
    too_deep(ward)
    told = outcomes(import_studies([ward], site=site, by_user=None))
    link = "a symbolic link: links inside a folder are not followed"
    assert told.pop("ward/a.dcm") == ("imported", "")
    assert told.pop("ward/linked") == told.pop("ward/z.dcm") == ("rejected", link)
    ((name, (outcome, reason)),) = told.items()
    assert name.startswith("ward/deep/xxx")
    assert outcome == "rejected"
    assert reason.startswith("cannot be read (File name too long); give the platform's account the right")
    released = {each.source: each.outcome for each in deidentify(ward, tmp_path / "released")}
    assert {name[:9]: outcome for name, outcome in released.items()} == {
        "a.dcm": "released", "linked": "rejected", "z.dcm": "rejected", "deep/xxxx": "rejected",
    }  # fmt: skip


def test_a_file_that_the_system_cannot_read_is_refused_and_those_behind_it_come_in(
    site: Site, tmp_path: Path
) -> None:
    unreadable = Path("/proc/self/mem")  # opens, and every read of its first page fails, as of a bad sector
    paths = [mammogram(tmp_path / "a.dcm"), unreadable, mammogram(tmp_path / "b.dcm", side="R")]
    batch = import_studies(paths, site=site, by_user=None)
    told = outcomes(batch)
    assert (told["a.dcm"][0], told["b.dcm"][0]) == ("imported", "imported")
    assert told["mem"][0] == "rejected"
    assert told["mem"][1].startswith("cannot be read (Input/output error)")
    assert LocalFiles(paths, set()).count() == len(paths)
