"""What the browser's viewer is given: a JSON description of a study, and the viewing copies themselves."""

from collections.abc import Callable
from typing import Any

from django.http import FileResponse, Http404, HttpRequest, HttpResponseNotModified
from django.http.response import HttpResponseBase

from mammo.archive import storage
from mammo.archive.models import Image, Study

EXPECTED = ("RCC", "LCC", "RMLO", "LMLO")


def viewer_json(
    study: Study, image_url: Callable[[Image], str], *, image_uid: Callable[[Image], str] | None = None
) -> dict[str, Any]:
    """Describe a study to the viewer.

    Args:
        image_url: address of an image's viewing copy; a blinded room gives opaque ones.
        image_uid: public name of an image; its row's random key when not given.

    `acquired_order` counts 1, 2, ... within the study: it tells no time. `study` is the row's random key.
    """
    images = list(study.images.order_by("acquired_order", "created_at"))
    return {
        "study": str(study.pk),
        "images": [
            {
                "uid": image_uid(image) if image_uid else str(image.pk),
                "url": image_url(image),
                "rows": image.rows,
                "columns": image.columns,
                "spacing": [image.spacing_row, image.spacing_column] if image.spacing_row else None,
                "spacing_estimated": image.spacing_estimated,
                "wc": image.window_center,
                "ww": image.window_width,
                "voi_fn": image.voi_function,
                "presets": image.presets,
                "laterality": image.laterality,
                # A close-up CC is no CC of the standard four: it gets a row of its own.
                "view": image.view
                if not image.is_extra or image.view not in ("CC", "MLO")
                else f"{image.view}+",
                "acquired_order": order,
            }
            for order, image in enumerate(images, start=1)
        ],
        "expected": list(EXPECTED),
    }


def viewing_copy_response(image: Image, request: HttpRequest | None = None) -> HttpResponseBase:
    """The viewing copy as a response; the caller has checked that this person may see it.

    A browser may keep it, but must ask before it shows it again: after a withdrawal the answer is 404.

    Args:
        request: answered with 304 where the browser has this very copy.

    Raises:
        Http404: the file is gone (erased).
    """
    try:
        handle = (storage.viewing_copies_root() / image.viewing_copy).open("rb")
    except FileNotFoundError:
        raise Http404 from None
    response = FileResponse(handle, content_type="application/dicom")
    etag = f'"{image.viewing_copy_sha256}"'
    response["ETag"] = etag
    response["Cache-Control"] = "private, no-cache"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Disposition"] = "inline"
    if request is not None and request.headers.get("If-None-Match") == etag:
        response.close()
        unchanged = HttpResponseNotModified()
        unchanged["ETag"], unchanged["Cache-Control"] = etag, "private, no-cache"
        return unchanged
    return response
