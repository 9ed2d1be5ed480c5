"""Who may fetch a viewing copy, what the viewer is told, the imports page, and a patient's withdrawal."""

from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from mammo.accounts.models import AuditEvent, Site, User
from mammo.accounts.services import create_account
from mammo.archive import erasure as erasures
from mammo.archive import storage
from mammo.archive.models import Image, ImportBatch, ImportItem, Patient, Report, Study
from mammo.archive.services import (
    erase_patient,
    import_studies,
    register_holder,
    request_erasure,
    viewer_json,
)
from mammo.core.encryption import ErasedText
from mammo.core.errors import NotAllowedError, WrongStateError
from mammo.core.keys import KeyDestroyedError

from .files import code, mammogram, picture, study


@pytest.fixture
def batch(tmp_path: Path, site: Site) -> ImportBatch:
    study(tmp_path / "in")
    close_up = code("399162004", "SCT")
    close_up.ViewModifierCodeSequence = [code("399055006", "SCT")]
    mammogram(tmp_path / "in" / "spot.dcm", ViewCodeSequence=[close_up], image=picture(seed=9))
    reports = tmp_path / "reports.csv"
    reports.write_text("study_uid,text\n1.2.3.4,双乳BI-RADS 2类\n")
    return import_studies([tmp_path / "in"], site=site, reports=reports, by_user=None)


def _client(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_the_viewer_is_told_all_images_in_their_order_and_which_four_it_expects(
    batch: ImportBatch, rita: User
) -> None:
    answer = _client(rita).get(f"/archive/studies/{Study.objects.get().pk}/viewer.json").json()
    assert answer["expected"] == ["RCC", "LCC", "RMLO", "LMLO"]
    slots = sorted(image["laterality"] + image["view"] for image in answer["images"])
    assert slots == ["LCC", "LCC+", "LMLO", "RCC", "RMLO"]
    assert sorted(image["acquired_order"] for image in answer["images"]) == [1, 2, 3, 4, 5]
    first = answer["images"][0]
    assert (first["rows"], first["columns"], first["spacing"], first["spacing_estimated"]) == (
        96,
        80,
        [0.1, 0.1],
        True,
    )
    assert (first["wc"], first["ww"], first["voi_fn"]) == (2048, 4096, "LINEAR")
    assert set(first) == {
        "uid", "url", "rows", "columns", "spacing", "spacing_estimated", "wc", "ww", "voi_fn", "presets", "laterality",
        "view", "acquired_order",
    }  # fmt: skip


def test_repeats_of_a_view_are_told_newest_first_and_none_is_dropped(
    tmp_path: Path, site: Site, rita: User
) -> None:
    for rows, clock in ((96, "101500"), (100, "103000"), (104, "095900")):
        mammogram(
            tmp_path / "in" / f"{rows}.dcm",
            side="R",
            image=picture("R", rows),
            AcquisitionDate="20190311",
            AcquisitionTime=clock,
        )
    import_studies([tmp_path / "in"], site=site, by_user=None)
    study = Study.objects.get()
    client = _client(rita)
    told = client.get(f"/archive/studies/{study.pk}/viewer.json").json()["images"]
    newest_first = sorted(told, key=lambda image: -image["acquired_order"])
    assert [image["rows"] for image in newest_first] == [100, 96, 104]
    page = client.get(f"/archive/studies/{study.pk}/")
    assert [image.rows for image in page.context["images"]] == [100, 96, 104]


def test_a_blinded_room_gives_its_own_addresses_and_names(batch: ImportBatch) -> None:
    answer = viewer_json(Study.objects.get(), lambda image: "/slot/1", image_uid=lambda image: "x")
    assert {(image["url"], image["uid"]) for image in answer["images"]} == {("/slot/1", "x")}


def test_a_viewing_copy_is_served_to_people_of_its_site_only(
    batch: ImportBatch, rita: User, june: User, otto: User
) -> None:
    image = Image.objects.first()
    address = f"/archive/images/{image.pk}/view.dcm"
    answer = _client(rita).get(address)
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/dicom"
    assert answer["Cache-Control"] == "private, no-cache"
    again = _client(rita).get(address, headers={"If-None-Match": answer["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    # A junior sees images of those alone whose questions she works on.
    assert _client(june).get(address).status_code == 404
    assert _client(june).get(f"/archive/studies/{image.study_id}/viewer.json").status_code == 404
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert (
        b"".join(answer.streaming_content)
        == (storage.viewing_copies_root() / image.viewing_copy).read_bytes()
    )
    stranger = _client(otto)
    assert stranger.get(f"/archive/images/{image.pk}/view.dcm").status_code == 404
    assert stranger.get(f"/archive/studies/{image.study_id}/viewer.json").status_code == 404
    assert Client().get(f"/archive/images/{image.pk}/view.dcm").status_code == 302


def test_sources_are_shown_to_data_managers_only_and_seeing_them_is_audited(
    batch: ImportBatch, dana: User, june: User, otto: User
) -> None:
    page = _client(dana).get(f"/archive/imports/{batch.pk}/")
    assert "spot.dcm" in page.content.decode()
    assert (
        AuditEvent.objects.filter(action="archive.sources_seen", actor=dana, object_id=str(batch.pk)).count()
        == 1
    )
    assert (
        "spot.dcm" not in _client(dana).get(f"/archive/imports/{batch.pk}/?outcome=rejected").content.decode()
    )
    listed = _client(dana).get("/archive/imports/")
    assert str(batch.pk) in listed.content.decode()
    for other in (june, otto):
        assert _client(other).get(f"/archive/imports/{batch.pk}/").status_code == 404
        assert _client(other).get("/archive/imports/").status_code == 404


def test_the_imports_page_speaks_chinese(batch: ImportBatch, dana: User) -> None:
    client = _client(dana)
    client.cookies["django_language"] = "zh-hans"
    assert "导入" in client.get("/archive/imports/").content.decode()


def test_erasure_needs_two_persons_destroys_what_is_readable_and_leaves_rows(
    batch: ImportBatch, site: Site, dana: User, june: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A holder stays registered for as long as its process lives; this one is for this test alone.
    monkeypatch.setattr(erasures, "_holders", list(erasures._holders))
    admin = create_account("ada", password="correct horse battery", roles={"admin": [site]}, by_user=None)
    register_holder(_snapshots)
    patient = Patient.objects.get()
    with pytest.raises(NotAllowedError):
        request_erasure(patient, reason="withdrew in writing", by_user=june)
    erasure = request_erasure(patient, reason="withdrew in writing", by_user=dana)
    with pytest.raises(WrongStateError, match="second person"):
        erase_patient(erasure, by_user=dana)
    image = Image.objects.select_related("study__patient").first()
    done = erase_patient(erasure, by_user=admin)
    assert done.still_held_in == [{"kind": "snapshot", "name": "first"}]
    assert Image.objects.count() == 5
    assert not list(storage.viewing_copies_root().rglob("*.dcm"))
    assert not list(storage.originals_root().rglob("*.enc"))
    assert isinstance(Report.objects.get().cleaned, ErasedText)
    assert (Study.objects.get().age, Study.objects.get().birads_overall) == (None, "")
    assert {item.source for item in ImportItem.objects.filter(batch=batch).select_related("batch__site")} == {
        "(erased)"
    }
    with pytest.raises(KeyDestroyedError):
        storage.read_original(image.original, patient.key_id)
    assert _client(dana).get(f"/archive/studies/{image.study_id}/viewer.json").status_code == 404
    with pytest.raises(WrongStateError, match="already"):
        erase_patient(erasure, by_user=admin)


def _snapshots(patient: Patient) -> list[dict[str, str]]:
    return [{"kind": "snapshot", "name": "first"}]


def test_an_erased_patient_is_not_imported_again(
    batch: ImportBatch, site: Site, dana: User, tmp_path: Path
) -> None:
    admin = create_account("ada", password="correct horse battery", roles={"admin": [site]}, by_user=None)
    erase_patient(request_erasure(Patient.objects.get(), reason="withdrew", by_user=dana), by_user=admin)
    later = mammogram(tmp_path / "later.dcm", StudyInstanceUID="1.2.99")
    again = import_studies([later], site=site, by_user=None)
    assert again.counts["rejected"] == 1
    assert not list(storage.originals_root().rglob("*.enc"))


def _files(home: Path) -> set[Path]:
    """Below the home, without an import's list of opaque names, which the next import sweeps."""
    files = {path.relative_to(home) for path in home.rglob("*") if path.is_file()}
    return {path for path in files if not path.name.startswith("written-")}


def test_no_file_of_hers_is_left_and_nobody_elses_goes(
    site: Site, dana: User, tmp_path: Path, settings: Any
) -> None:
    """Originals, viewing copies, thumbnails, arrays made for training, whatever an import or a page wrote for her."""
    home = Path(settings.MAMMO_HOME)
    mammogram(tmp_path / "other.dcm", PatientID="Z999", StudyInstanceUID="1.2.99", image=picture(seed=4))
    import_studies([tmp_path / "other.dcm"], site=site, by_user=None)
    other, before = Patient.objects.get(), _files(home)
    study(tmp_path / "in")
    import_studies([tmp_path / "in"], site=site, by_user=None)
    newest = Patient.objects.exclude(pk=other.pk).get()
    hers = _files(home) - before
    assert {".enc", ".dcm", ".png"} <= {path.suffix for path in hers}
    key = home / "keys" / "data" / f"{newest.key_id}.key"
    secret = key.read_bytes()
    admin = create_account("ada", password="correct horse battery", roles={"admin": [site]}, by_user=None)
    erase_patient(request_erasure(newest, reason="withdrew", by_user=dana), by_user=admin)
    assert hers & _files(home) == {key.relative_to(home)}, "of her stands the tombstone of her key"
    assert secret not in key.read_bytes()
    assert before <= _files(home)
