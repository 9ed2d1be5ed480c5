"""Who was sent pictures of a patient stands in the trail, also where nobody asked for the viewer's description."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from mammo.accounts import audit
from mammo.accounts.models import AuditEvent, Site, User
from mammo.archive.models import Image, Study
from mammo.archive.openings import events_about, is_opening, note_images_opened
from mammo.archive.services import import_studies, request_erasure

from .files import study


@pytest.fixture
def images(tmp_path: Path, site: Site) -> list[Image]:
    """The four pictures of her study."""
    import_studies(study(tmp_path / "in"), site=site, by_user=None)
    return list(Image.objects.select_related("study__site", "study__patient"))


def _openings() -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(action="archive.images_opened"))


def test_pictures_fetched_without_the_viewer_are_one_event_on_her_withdrawals_page(
    images: list[Image], rita: User, dana: User, client: Client
) -> None:
    client.force_login(rita)
    addresses = [f"/archive/images/{image.pk}/view.dcm" for image in images]
    answers = [client.get(address) for address in addresses]
    assert [answer.status_code for answer in answers] == [200] * 4
    again = client.get(addresses[0], headers={"If-None-Match": answers[0]["ETag"]})
    assert again.status_code == 304
    (event,) = _openings()
    assert (event.actor, event.object_id, event.site) == (rita, str(images[0].study_id), images[0].study.site)
    assert [each for each in events_about(images[0].study.patient) if is_opening(each)] == [event]
    erasure = request_erasure(images[0].study.patient, reason="letter", by_user=dana)
    client.force_login(dana)
    page = client.get(f"/archive/erasures/{erasure.pk}/").content.decode()
    assert "pictures opened" in page
    assert "Rita" in page


@pytest.mark.parametrize("what", ["thumbnail.png", "304"])
def test_a_small_picture_and_one_that_the_browser_has_are_openings_too(
    images: list[Image], rita: User, client: Client, what: str
) -> None:
    client.force_login(rita)
    image = images[0]
    if what == "304":
        tag = f'"{image.viewing_copy_sha256}"'
        answer = client.get(f"/archive/images/{image.pk}/view.dcm", headers={"If-None-Match": tag})
        assert answer.status_code == 304
    else:
        assert client.get(f"/archive/images/{image.pk}/{what}").status_code == 200
    assert len(_openings()) == 1


def test_the_viewers_own_event_covers_the_pictures_it_fetches_then(
    images: list[Image], rita: User, client: Client
) -> None:
    client.force_login(rita)
    client.get(f"/archive/studies/{images[0].study_id}/viewer.json")
    for image in images:
        client.get(f"/archive/images/{image.pk}/view.dcm")
    assert len(_openings()) == 1


def test_what_is_refused_is_no_opening(images: list[Image], otto: User, client: Client) -> None:
    client.force_login(otto)
    assert client.get(f"/archive/images/{images[0].pk}/view.dcm").status_code == 404
    assert _openings() == []


def test_another_account_and_another_hour_are_events_of_their_own_and_the_trail_is_asked_once(
    images: list[Image],
    rita: User,
    dana: User,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: object,
    django_assert_num_queries: object,
) -> None:
    hers: Study = images[0].study

    def note(user: User) -> None:
        with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
            note_images_opened(hers, by_user=user)

    cache.clear()
    note(rita)
    note(dana)
    assert len(_openings()) == 2
    with django_assert_num_queries(0):  # type: ignore[operator]
        note(rita)
    cache.clear()  # another process
    note(rita)
    assert len(_openings()) == 2
    cache.clear()
    later = timezone.now() + timedelta(minutes=61)
    monkeypatch.setattr("mammo.archive.openings.timezone.now", lambda: later)
    note(rita)
    assert len(_openings()) == 3


def test_several_pictures_asked_for_at_once_are_one_opening_and_one_that_failed_is_tried_again(
    images: list[Image], rita: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    hers: Study = images[0].study
    record = audit.record

    def meanwhile(*given: object, **more: object) -> AuditEvent:
        note_images_opened(hers, by_user=rita)  # another request, before the first one's event is written
        return record(*given, **more)  # type: ignore[arg-type]

    def failing(*given: object, **more: object) -> AuditEvent:
        raise OSError("the disk is full")

    cache.clear()
    monkeypatch.setattr(audit, "record", failing)
    with pytest.raises(OSError, match="full"):
        note_images_opened(hers, by_user=rita)
    monkeypatch.setattr(audit, "record", meanwhile)
    note_images_opened(hers, by_user=rita)
    assert len(_openings()) == 1
