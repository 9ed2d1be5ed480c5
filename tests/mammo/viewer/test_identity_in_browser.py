"""None of the planted strings reaches a reader's browser: addresses, headers, bodies, decoded pixels, metadata."""

import json
import re
from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom
import pytest
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page, Response

from mammo.accounts.models import Site, User
from mammo.archive.models import Study
from mammo.archive.services import import_studies

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# What the browser itself holds of a study once the pictures are on screen.
HELD = """() => JSON.stringify([
  document.documentElement.outerHTML, location.href, document.cookie, document.title,
  Object.entries(localStorage), Object.entries(sessionStorage),
  performance.getEntriesByType("resource").map((entry) => entry.name),
])"""


# Our own opaque UIDs and keys are drawn anew in each run: their digits hold "041709" now and then.
DRAWN = re.compile(
    rb"2\.25\.\d{20,}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|(?<!\w)[0-9a-zA-Z]{32,64}(?!\w)"
)


def strings_of(shared_data: Path) -> list[str]:
    rows = json.loads((shared_data / "phi" / "manifest.json").read_text(encoding="utf-8"))
    assert len(rows) == 244
    return [row["string"] for row in rows]


def encodings(text: str) -> list[bytes]:
    """As pages, files and addresses could carry it."""
    found = [text.encode(), text.encode("utf-16-le"), text.encode("gb18030")]
    return [*found, json.dumps(text)[1:-1].encode(), text.replace("^", "%5E").replace("<", "&lt;").encode()]


def pixels_and_metadata(body: bytes) -> bytes:
    """What a viewing copy holds beside its raw bytes: decoded pixels, and every value written out."""
    copy = pydicom.dcmread(BytesIO(body))
    pixels = copy.pixel_array
    narrow = pixels.astype("uint8").tobytes()  # text hidden one sign to a pixel
    return pixels.tobytes() + narrow + str(copy).encode() + str(copy.file_meta).encode()


def test_no_planted_string_reaches_the_browser(
    page: Page, live_server: Any, client: Client, site: Site, rita: User, shared_data: Path
) -> None:
    assert import_studies([shared_data / "phi"], site=site, by_user=None).counts["imported"] == 3
    client.force_login(rita)
    cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}
    page.context.add_cookies([cookie])
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer))
    received, copies = [], 0
    for study in Study.objects.all():
        answers.clear()
        page.goto(live_server.url + reverse("archive:study", args=[study.pk]))
        page.wait_for_selector("mammo-viewer[data-shown]:not([data-shown=''])", state="attached")
        received.append(page.evaluate(HELD).encode())
        for answer in [each for each in answers if "/static/" not in each.url]:
            body = answer.body()
            headers = {**answer.all_headers(), **answer.request.all_headers()}
            received += [answer.url.encode(), str(headers).encode(), body]
            if answer.url.endswith("view.dcm"):
                received.append(pixels_and_metadata(body))
                copies += 1
    assert copies == 3
    planted = strings_of(shared_data)
    assert not [text for text in planted if DRAWN.search(text.encode())]
    everything = DRAWN.sub(b"", b"\0".join(received))
    assert [text for text in planted for form in encodings(text) if form in everything] == []
