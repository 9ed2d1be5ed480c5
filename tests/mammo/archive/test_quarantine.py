"""A data manager looks at a quarantined file and releases, masks or refuses it."""

import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from PIL import Image as Picture
from PIL import ImageDraw, ImageFont

from mammo.accounts.models import AuditEvent, Site, User
from mammo.archive import quarantine, storage
from mammo.archive.dataset_import import import_dataset
from mammo.archive.datasets import DATASETS
from mammo.archive.models import Image, ImportItem
from mammo.archive.pseudonyms import installation
from mammo.archive.quarantine import look_at, refuse
from mammo.archive.services import import_studies
from mammo.core.errors import NotAllowedError, UserError, WrongStateError

from .decisions import release
from .files import mammogram, picture
from .test_datasets import cbis


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A mammogram with a name burned in."""
    image = picture("L", 500, 420)
    canvas = Picture.new("L", (420, 500))
    ImageDraw.Draw(canvas).text((265, 30), "ZHANG 1963", fill=255, font=ImageFont.load_default(24))
    image[np.array(canvas) > 128] = 1500
    return mammogram(tmp_path / "in" / "written.dcm", image=image, BurnedInAnnotation="NO")


@pytest.fixture
def item(written: Path, site: Site) -> ImportItem:
    batch = import_studies([written], site=site, by_user=None)
    return batch.items.select_related("batch__site").get()


def test_a_masked_file_is_imported_without_the_text_and_the_quarantined_copy_is_gone(
    item: ImportItem, dana: User, written: Path, django_capture_on_commit_callbacks: Any
) -> None:
    assert item.outcome == "quarantined"
    boxes = look_at(item).boxes
    assert len(boxes) == 1
    with pytest.raises(UserError, match="not imported"):  # the detector looks once more behind the masks
        release(item, masks=((1, 1, 4, 4),), reason="wrong place", by_user=dana)
    with django_capture_on_commit_callbacks(execute=True):
        made = release(item, masks=boxes, reason="name of the patient", by_user=dana)
    assert made.image is not None
    shown = pydicom.dcmread(storage.viewing_copies_root() / made.image.viewing_copy).pixel_array
    x, y, width, height = boxes[0]
    assert (shown[y : y + height, x : x + width] == shown.min()).all()
    item.refresh_from_db()
    assert (item.decision, item.resolved_by) == ("masked", dana)
    assert not (storage.originals_root() / item.quarantine_file).exists()
    original = storage.read_original(made.image.original, made.image.study.patient.key_id)
    assert original == written.read_bytes()
    assert AuditEvent.objects.filter(action="archive.quarantine_decided").count() == 1


def test_a_side_that_a_person_states_settles_a_conflict(tmp_path: Path, site: Site, dana: User) -> None:
    source = mammogram(tmp_path / "a.dcm", Laterality="R")
    found = import_studies([source], site=site, by_user=None).items.select_related("batch__site").get()
    assert found.details["kind"] == "side_conflict"
    with pytest.raises(UserError, match="which side"):
        release(found, reason="seen", by_user=dana)
    made = release(found, laterality="L", reason="marker on the film", by_user=dana)
    assert (made.image.slot, made.image.laterality_source) == ("LCC", "person")


def test_a_person_overrules_the_edge_on_which_the_chest_wall_seems_to_lie(
    tmp_path: Path, site: Site, dana: User
) -> None:
    source = mammogram(
        tmp_path / "a.dcm", image=picture("L"), ImageLaterality="R", PatientOrientation=["P", "L"]
    )
    found = import_studies([source], site=site, by_user=None).items.select_related("batch__site").get()
    assert found.details["kind"] == "side_against_pixels"
    made = release(found, laterality="R", reason="an implant lies at the other edge", by_user=dana)
    assert (made.image.slot, made.image.laterality_source, made.image.flags) == ("RCC", "person", [])


def test_a_person_who_contradicts_the_pixels_without_having_been_told_is_asked_again(
    tmp_path: Path, site: Site, dana: User
) -> None:
    source = mammogram(tmp_path / "a.dcm", Laterality="R")
    found = import_studies([source], site=site, by_user=None).items.select_related("batch__site").get()
    with pytest.raises(UserError, match="the chest wall lies on the other edge"):
        release(found, laterality="R", reason="slip of the hand", by_user=dana)


def test_a_refused_file_is_destroyed_and_rejected_when_it_comes_again(
    item: ImportItem, dana: User, written: Path, site: Site
) -> None:
    refuse(item, reason="another patient's name", by_user=dana)
    with pytest.raises(WrongStateError):
        release(item, reason="changed my mind", by_user=dana)
    assert not Image.objects.exists()
    again = import_studies([written], site=site, by_user=None).items.get()
    assert (again.outcome, again.reason) == ("rejected", "a data manager refused this file earlier")


def test_what_is_no_examination_view_cannot_be_released(tmp_path: Path, site: Site, dana: User) -> None:
    source = mammogram(tmp_path / "a.dcm", PresentationIntentType="FOR PROCESSING")
    found = import_studies([source], site=site, by_user=None).items.select_related("batch__site").get()
    with pytest.raises(WrongStateError, match="can't be released"):
        release(found, reason="please", by_user=dana)


def test_nobody_else_decides_or_sees(item: ImportItem, june: User, otto: User, client: Client) -> None:
    for user in (june, otto):
        with pytest.raises(NotAllowedError):
            refuse(item, reason="no", by_user=user)
        client.force_login(user)
        assert client.get(reverse("archive:quarantine-item", args=[item.pk])).status_code == 404
        assert client.get(reverse("archive:quarantine")).status_code == 404


def test_the_page_shows_the_line_and_takes_the_decision(item: ImportItem, dana: User, client: Client) -> None:
    client.force_login(dana)
    assert item.reason in client.get(reverse("archive:quarantine")).content.decode()
    page = client.get(reverse("archive:quarantine-item", args=[item.pk])).content.decode()
    assert "Box 1" in page
    assert page.count("data:image/png;base64,") == 2
    sent = {"decision": "rejected", "reason": "a name", "idempotency_key": str(uuid.uuid4())}
    address = reverse("archive:quarantine-decide", args=[item.pk])
    assert client.post(address, {**sent, "masks": "1,2,3"}).status_code == 400
    for _ in range(2):
        assert client.post(address, sent).status_code == 302
    assert ImportItem.objects.get(pk=item.pk).decision == "rejected"


def test_a_kept_film_of_a_public_set_is_released_to_the_patient_of_the_sets_table(
    site: Site, dana: User, tmp_path: Path
) -> None:
    cbis(tmp_path)
    film = next(tmp_path.rglob("1-1.dcm"))
    header = pydicom.dcmread(film)
    pixels = np.ascontiguousarray(header.pixel_array[:, ::-1])  # its chest wall lies on the other edge
    header.PixelData = pixels.tobytes()
    header.save_as(film)
    batch, _ = import_dataset(DATASETS["cbis"], tmp_path, site=site, by_user=None)
    kept = batch.items.select_related("batch__site").get()
    assert (kept.outcome, kept.details["kind"]) == ("quarantined", "side_against_pixels")
    made = release(kept, laterality="L", is_mirrored=True, reason="mirrored film", by_user=dana)
    assert made.image is not None
    number = installation().number_hash(site.code, "P_00001")
    assert made.image.study.patient.number_hash == number


@pytest.mark.django_db(transaction=True)
def test_a_file_is_decoded_before_the_transaction_and_a_repeated_form_is_answered_as_the_first(
    tmp_path: Path, site: Site, dana: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On SQLite nobody else can write within a transaction, and decoding takes up to a minute."""
    import_studies([mammogram(tmp_path / "a.dcm", Laterality="R")], site=site, by_user=None)
    found = ImportItem.objects.get()
    client.force_login(dana)
    within: list[bool] = []
    asked = quarantine._asked

    def noted(request: dict[str, Any]) -> dict[str, Any]:
        within.append(connection.in_atomic_block)
        return asked(request)

    monkeypatch.setattr(quarantine, "_asked", noted)
    address = reverse("archive:quarantine-decide", args=[found.pk])
    sent = {
        "decision": "released", "laterality": "L", "reason": "marker", "idempotency_key": str(uuid.uuid4()),
    }  # fmt: skip
    first, again = (client.post(address, sent) for _ in range(2))
    assert (first.status_code, first["Location"]) == (302, reverse("archive:quarantine"))
    assert (again.status_code, again["Location"]) == (302, first["Location"])
    assert within == [False]
    assert Image.objects.count() == 1
