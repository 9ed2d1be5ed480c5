"""A data manager looks at a random sample of stored pictures; what shows text leaves its study for the quarantine."""

import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.test import Client
from django.urls import reverse

from evaluation.statistics.proportions import wilson
from mammo.accounts.models import AuditEvent, Site, User
from mammo.accounts.services import create_account
from mammo.archive import picture_checks, storage
from mammo.archive.dataset_import import import_dataset
from mammo.archive.datasets import DATASETS
from mammo.archive.dicom.limits import LIMITS, VIEWING_COPY_LIMITS
from mammo.archive.dicom.preview import write_preview
from mammo.archive.dicom.refusal import Refusal
from mammo.archive.models import Image, ImportItem, Patient, PictureSample, SampledPicture
from mammo.archive.picture_checks import draw_sample, judge_picture, look_at_picture, result_of
from mammo.archive.quarantine import Look, look_at, refuse
from mammo.archive.services import erase_patient, import_studies, request_erasure
from mammo.core import intervals
from mammo.core.errors import NotAllowedError, UserError, WrongStateError

from .decisions import release
from .files import mammogram, study
from .test_datasets import inbreast

pytestmark = pytest.mark.django_db


def test_a_sample_is_looked_at_and_a_picture_with_text_waits_in_quarantine(
    site: Site,
    dana: User,
    june: User,
    client: Client,
    tmp_path: Path,
    django_capture_on_commit_callbacks: Any,
) -> None:
    study(tmp_path / "in")
    import_studies([tmp_path / "in"], site=site, by_user=None)
    client.force_login(dana)
    form = {"site": site.code, "count": "3", "idempotency_key": str(uuid.uuid4())}
    assert client.post(reverse("archive:picture-check-draw"), form).status_code == 302
    sample = PictureSample.objects.get()
    assert (sample.population, sample.pictures.count()) == (4, 3)
    page, judged = (reverse(f"archive:picture-check{end}", args=[sample.pk]) for end in ("", "-judge"))
    shown = client.get(page).content.decode()
    assert shown.count("data:image/png;base64,") == 1
    assert AuditEvent.objects.filter(action="archive.images_opened").count() == 1

    first, second, third = sample.pictures.all()
    image = Image.objects.get(pk=second.image_key)
    with django_capture_on_commit_callbacks(execute=True):
        for number, verdict in ((1, "clean"), (2, "text")):
            sent = {"picture": number, "verdict": verdict, "idempotency_key": str(uuid.uuid4())}
            assert client.post(judged, sent).status_code == 302
        with storage.RunningImport() as other:
            assert not other.is_alone, "no import sweeps the file away before its row is there for everyone"
    sample.pictures.filter(pk=third.pk).update(image_key=uuid.uuid4())  # a picture that left meanwhile
    assert "1 picture was not there any more" in client.get(page).content.decode()
    result = result_of(sample)
    assert (result.looked, result.with_text, result.waiting, result.gone) == (2, 1, 0, 1)
    assert f"{result.high:.2f} %" in client.get(reverse("archive:picture-checks")).content.decode()

    # It left the archive, with its files; her original waits under the site's key, and no older row names its source.
    assert not Image.objects.filter(pk=image.pk).exists()
    assert not (storage.originals_root() / image.original).exists()
    assert not (storage.viewing_copies_root() / image.viewing_copy).exists()
    item = ImportItem.objects.select_related("batch__site").get(batch__origin="check")
    assert (item.outcome, item.reason) == ("quarantined", "a person saw text on the stored picture")
    assert item.source.endswith(".dcm")
    again = import_studies([tmp_path / "in"], site=site, by_user=None)
    assert again.counts["quarantined"] == 1, "the same bytes do not slip in again"
    assert look_at(item).png
    made = release(item, masks=((0, 0, 9, 9),), reason="a name in the corner", by_user=dana)
    assert made.image is not None

    for change in ({"verdict": "clean"}, {"verdict": ""}):
        with pytest.raises(DatabaseError, match="never changes"), transaction.atomic():
            SampledPicture.objects.filter(pk=second.pk).update(**change)
    with pytest.raises(WrongStateError):
        judge_picture(first, "text", by_user=dana)
    with pytest.raises(NotAllowedError):
        draw_sample(site, 1, by_user=june)
    with pytest.raises(UserError, match="from 1 to"):
        draw_sample(site, 5, by_user=dana)


@pytest.mark.parametrize(("events", "total"), [(0, 100), (3, 200), (7, 7)])
def test_the_interval_is_wilsons(events: int, total: int) -> None:
    expected = wilson(events, total).interval
    assert expected is not None
    assert intervals.wilson(events, total) == pytest.approx(list(expected), rel=1e-9)


def test_a_picture_of_a_public_set_with_text_does_not_come_back_with_the_set(
    site: Site, dana: User, tmp_path: Path
) -> None:
    inbreast(tmp_path)
    import_dataset(DATASETS["inbreast"], tmp_path, site=site, by_user=None)
    sample = draw_sample(site, 1, by_user=dana)
    judge_picture(sample.pictures.get(), "text", by_user=dana)
    again, _ = import_dataset(DATASETS["inbreast"], tmp_path, site=site, by_user=None)
    assert again.counts["quarantined"] == 1
    assert not Image.objects.exists()
    refuse(again.items.get(), reason="a name", by_user=dana)
    third, _ = import_dataset(DATASETS["inbreast"], tmp_path, site=site, by_user=None)
    assert third.counts["rejected"] == 1
    assert not Image.objects.exists()


def test_bytes_that_were_refused_for_one_reason_do_not_come_in_where_it_falls_away(
    site: Site, dana: User, tmp_path: Path
) -> None:
    source = mammogram(tmp_path / "a.dcm", view="", drop=("ViewPosition",))
    kept = import_studies([source], site=site, by_user=None).items.select_related("batch__site").get()
    refuse(kept, reason="no view of a breast", by_user=dana)
    labels = tmp_path / "labels.csv"
    labels.write_text("file,view,laterality\na.dcm,CC,L\n", "utf-8")
    again = import_studies([source], site=site, labels=labels, by_user=None).items.get()
    assert (again.outcome, again.reason) == ("rejected", "a data manager refused this file earlier")


@pytest.mark.parametrize("mode", ["keep", "discard"])
def test_a_withdrawal_empties_what_a_check_kept_of_the_name_of_her_file(
    site: Site, dana: User, tmp_path: Path, settings: Any, client: Client, mode: str
) -> None:
    settings.ORIGINALS = mode
    mammogram(tmp_path / "WANG_FANG" / "IM1.dcm")
    mammogram(tmp_path / "ZHAO_MIN" / "IM1.dcm", PatientID="Z999", StudyInstanceUID="1.2.99")
    import_studies([tmp_path / "WANG_FANG"], site=site, by_user=None)
    hers = Patient.objects.get()
    import_studies([tmp_path / "ZHAO_MIN"], site=site, by_user=None)
    for picture in draw_sample(site, 2, by_user=dana).pictures.all():
        judge_picture(picture, "text", by_user=dana)
    # Of her the same bytes come once more: no image stands behind that row either.
    import_studies([tmp_path / "WANG_FANG"], site=site, by_user=None)
    admin = create_account("ada", password="correct horse battery", roles={"admin": [site]}, by_user=None)
    erase_patient(request_erasure(hers, reason="withdrew", by_user=dana), by_user=admin)
    import_studies([tmp_path / "WANG_FANG"], site=site, by_user=None)
    sources = {item.source for item in ImportItem.objects.select_related("batch__site")}
    assert sources == {"(erased)", "ZHAO_MIN/IM1.dcm", "(moved into quarantine)"}
    client.force_login(dana)
    batches = ImportItem.objects.values_list("batch", flat=True).distinct()
    pages = [client.get(reverse("archive:import-batch", args=[batch])).content.decode() for batch in batches]
    assert not any("WANG_FANG" in page for page in pages)
    assert any("ZHAO_MIN" in page for page in pages)


def test_a_picture_that_can_not_be_shown_is_said_to_be_so_and_does_not_count(
    site: Site, dana: User, tmp_path: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    study(tmp_path / "in")
    import_studies([tmp_path / "in"], site=site, by_user=None)
    sample = draw_sample(site, 2, by_user=dana)
    first, second = sample.pictures.all()
    with pytest.raises(UserError, match="can be shown"):
        judge_picture(first, "unshown", by_user=dana)
    client.force_login(dana)
    page, judge = (reverse(f"archive:picture-check{end}", args=[sample.pk]) for end in ("", "-judge"))
    assert 'value="unshown"' not in client.get(page).content.decode()
    with monkeypatch.context() as patched:
        for module in (picture_checks, "mammo.archive.views.picture_checks"):
            at = module if isinstance(module, str) else module.__name__
            patched.setattr(f"{at}.look_at_picture", lambda image: Look(problem="too large"))
        shown = client.get(page).content.decode()
        for value in ("clean", "text"):
            assert f'value="{value}" disabled' in shown
        sent = {"picture": "1", "verdict": "unshown", "idempotency_key": str(uuid.uuid4())}
        assert client.post(judge, sent).status_code == 302
    judge_picture(second, "clean", by_user=dana)
    result = result_of(sample)
    assert (result.looked, result.with_text, result.unshown, result.waiting) == (1, 0, 1, 0)
    assert "1 picture could not be shown" in client.get(page).content.decode()
    with pytest.raises(DatabaseError, match="never changes"), transaction.atomic():
        SampledPicture.objects.filter(pk=first.pk).update(verdict="clean")


def test_a_viewing_copy_is_drawn_where_a_compressed_file_of_its_size_would_be_refused(
    site: Site, tmp_path: Path
) -> None:
    import_studies([mammogram(tmp_path / "a.dcm")], site=site, by_user=None)
    copy = storage.viewing_copies_root() / Image.objects.get().viewing_copy
    strict = replace(LIMITS, compressed_pixels=100)
    with pytest.raises(Refusal, match="outside what is accepted"):
        write_preview(copy, tmp_path / "a.png", strict)
    with pytest.raises(Refusal, match="larger than 0 MB"):
        write_preview(copy, tmp_path / "a.png", replace(LIMITS, wavelet_bytes=100))
    assert VIEWING_COPY_LIMITS.compressed_pixels == LIMITS.pixels
    assert VIEWING_COPY_LIMITS.wavelet_bytes == LIMITS.file_bytes
    assert look_at_picture(Image.objects.get()).png
