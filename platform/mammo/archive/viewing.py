"""What the browser's viewer is given: a JSON description of a study, and the viewing copies themselves."""

from collections.abc import Callable, Collection
from typing import Any
from uuid import UUID

from django.http import FileResponse, Http404, HttpRequest, HttpResponseNotModified
from django.http.response import HttpResponseBase
from django.utils.translation import gettext_lazy

from mammo.archive import storage
from mammo.archive.models import Image, Study
from mammo.archive.views_shown import EXPECTED, view_of

Address = Callable[[Image], str]
DAYS_PER_MONTH = 30.44
# What vendors write as the explanation of a window.
WINDOW_NAMES = {
    "NORMAL": gettext_lazy("NORMAL"),
    "HARDER": gettext_lazy("HARDER"),
    "SOFTER": gettext_lazy("SOFTER"),
}


def viewer_json(
    study: Study,
    image_url: Address,
    *,
    image_uid: Address | None = None,
    earlier: Study | None = None,
    only: Collection[UUID] | None = None,
) -> dict[str, Any]:
    """Describe a study to the viewer.

    Args:
        image_url: address of an image's viewing copy; a blinded room gives opaque ones.
        image_uid: public name of an image; its row's random key when not given.
        earlier: a study of the same patient to hang beside this one.
        only: images that are shown, where a frozen design says which; None for all.

    `acquired_order` counts 1, 2, ... within the study: it tells no time. `study` is the row's random key.
    `months` between the two studies is the one time that is told; it survives the shift of the dates.
    """
    name = image_uid or (lambda image: str(image.pk))
    described: dict[str, Any] = {
        "study": str(study.pk),
        "images": _images(study, image_url, name, only),
        "expected": list(EXPECTED),
        "earlier": None,
    }
    if earlier is not None:
        months = None
        if study.date is not None and earlier.date is not None:
            months = round((study.date - earlier.date).days / DAYS_PER_MONTH)
        described["earlier"] = {"images": _images(earlier, image_url, name, only), "months": months}
    return described


def _said_window(label: str) -> str:
    """What a vendor calls a window, in the reader's language where it is one of the usual names."""
    return str(WINDOW_NAMES.get(label.strip().upper(), label))


def _images(
    study: Study, image_url: Address, name: Address, only: Collection[UUID] | None
) -> list[dict[str, Any]]:
    images = study.images.order_by("acquired_order", "created_at")
    if only is not None:
        images = images.filter(pk__in=only)
    return [
        {
            "uid": name(image),
            "url": image_url(image),
            "rows": image.rows,
            "columns": image.columns,
            "spacing": [image.spacing_row, image.spacing_column] if image.spacing_row else None,
            "spacing_estimated": image.spacing_estimated,
            "wc": image.window_center,
            "ww": image.window_width,
            "voi_fn": image.voi_function,
            "presets": [{**preset, "label": _said_window(preset["label"])} for preset in image.presets],
            "laterality": image.laterality,
            "view": view_of(image),
            "acquired_order": order,
        }
        for order, image in enumerate(images, start=1)
    ]


def earlier_study(study: Study) -> Study | None:
    """The patient's last study with pictures before this one; None where a date is unknown."""
    if study.date is None:
        return None
    before = Study.objects.filter(patient_id=study.patient_id, date__lt=study.date, images__isnull=False)
    return before.order_by("-date", "-created_at").distinct().first()


def viewing_copy_response(
    image: Image, request: HttpRequest | None = None, *, tag: str = ""
) -> HttpResponseBase:
    """The viewing copy as a response; the caller has checked that this person may see it.

    A browser may keep it, but must ask before it shows it again: after a withdrawal the answer is 404.

    Args:
        request: answered with 304 where the browser has this very copy.
        tag: opaque name of the copy for the browser; the file's hash when not given.

    Raises:
        Http404: the file is gone (erased).
    """
    etag = f'"{tag or image.viewing_copy_sha256}"'
    try:
        handle = (storage.viewing_copies_root() / image.viewing_copy).open("rb")
    except FileNotFoundError:
        raise Http404 from None
    if request is not None and request.headers.get("If-None-Match") == etag:
        handle.close()  # not the response: closing one ends the request, and with it the database's connection
        unchanged = HttpResponseNotModified()
        unchanged["ETag"], unchanged["Cache-Control"] = etag, "private, no-cache"
        return unchanged
    response = FileResponse(handle, content_type="application/dicom")
    response["ETag"] = etag
    response["Cache-Control"] = "private, no-cache"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Disposition"] = "inline"
    return response
