"""A small server for the viewer's tests: synthetic viewing copies, the built files, the strict policy."""

import json
import mimetypes
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from django.conf import settings
from django.template.loader import render_to_string
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, generate_uid

STATIC = Path(settings.PACKAGE_DIR) / "static"
HTJ2K_LOSSLESS = UID("1.2.840.10008.1.2.4.201")
EXPECTED = ["RCC", "LCC", "RMLO", "LMLO"]
PREFERENCES = "/archive/viewer/preferences/"
REPORT = "/views-shown"


def breast(laterality: str, rows: int = 400, columns: int = 320, seed: int = 0) -> np.ndarray:
    """A 12-bit half disc of texture with its chest wall on the image's inner edge; uint16 (rows, columns)."""
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[0:rows, 0:columns].astype(float)
    distance = np.hypot((y - rows / 2) / (rows * 0.45), x / (columns * 0.8))
    tissue = 900 + 1500 * np.clip(1 - distance, 0, 1) + generator.normal(0, 40, (rows, columns))
    tissue += 900 * np.exp(-((y - rows * 0.4) ** 2 + (x - columns * 0.3) ** 2) / (2 * 9.0**2))
    image = np.where(distance < 1, tissue, 0).clip(0, 4095).astype(np.uint16)
    return image if laterality == "L" else np.ascontiguousarray(image[:, ::-1])


def viewing_copy(image: np.ndarray) -> bytes:
    """The array as an HTJ2K-lossless DICOM file, as the archive's viewing copies are."""
    frame = bytes(imagecodecs.htj2k_encode(image, reversible=True))
    frame += b"\0" * (len(frame) % 2)
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = HTJ2K_LOSSLESS
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.1.2"
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = generate_uid()
    dataset.Modality = "MG"
    dataset.Rows, dataset.Columns = image.shape
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation = 0
    dataset.PixelData = encapsulate([frame])
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


@dataclass
class Study:
    """What the server serves: the study's description and its files by path."""

    images: list[dict[str, Any]] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    expected: list[str] = field(default_factory=lambda: list(EXPECTED))
    earlier: "Study | None" = None
    screens: list[dict[str, float]] = field(default_factory=list)
    preferences: dict[str, Any] = field(default_factory=dict)
    is_judged: bool = False  # the viewer must tell what is on screen
    reported: list[list[str]] = field(default_factory=list)  # names of the images, report by report

    def add(self, laterality: str, view: str, image: np.ndarray, **described: Any) -> dict[str, Any]:
        """Add an image; `described` overrides what the description says of it."""
        uid = str(uuid.uuid4())
        url = f"/archive/images/{uid}/view.dcm"
        self.files[url] = viewing_copy(image)
        description = {
            "uid": uid,
            "url": url,
            "rows": image.shape[0],
            "columns": image.shape[1],
            "spacing": [0.5, 0.5],
            "spacing_estimated": False,
            "wc": 2048,
            "ww": 4096,
            "voi_fn": "LINEAR",
            "presets": [],
            "laterality": laterality,
            "view": view,
            "acquired_order": len(self.images),
        } | described
        self.images.append(description)
        return description

    def refusal(self, shown: list[str]) -> str:
        """Which views no report has named so far."""
        self.reported.append(shown)
        seen = {image["laterality"] + image["view"] for image in self.images if image["uid"] in shown}
        return " ".join(name for name in self.expected if name not in seen)

    def move_to_new_addresses(self) -> None:
        """Make it another case to a browser: other names and addresses, the same pixels."""
        for image in self.images:
            content = self.files.pop(image["url"])
            image["uid"] = str(uuid.uuid4())
            image["url"] = f"/archive/images/{image['uid']}/view.dcm"
            self.files[image["url"]] = content

    def description(self) -> bytes:
        """The JSON that the archive serves at viewer.json."""
        document: dict[str, Any] = {
            "study": str(uuid.uuid4()),
            "images": self.images,
            "expected": self.expected,
            "earlier": None,
        }
        if self.earlier is not None:
            self.files |= self.earlier.files
            document["earlier"] = {"images": self.earlier.images, "months": 14}
        return json.dumps(document).encode()


def four_views() -> Study:
    """A study with the four standard views."""
    study = Study()
    for number, (laterality, view) in enumerate([("R", "CC"), ("L", "CC"), ("R", "MLO"), ("L", "MLO")]):
        study.add(laterality, view, breast(laterality, seed=number))
    return study


def _policy() -> str:
    directives = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]
    return "; ".join(f"{name} {' '.join(values)}" for name, values in directives.items())


def _page(*, is_judged: bool) -> bytes:
    told = {"viewer_report": REPORT} if is_judged else {}
    viewer = render_to_string(
        "viewer/_viewer.html", {"viewer_src": "/study.json", "viewer_keys": "page", **told}
    )
    styles = (
        '<link rel="stylesheet" href="/static/viewer.css"><link rel="stylesheet" href="/static/mammo.css">'
    )
    head = f'<meta charset="utf-8"><title>viewer</title>{styles}'
    body = f"{viewer}<textarea id=text></textarea>"
    return f"<!doctype html><html><head>{head}</head><body>{body}</body></html>".encode()


@contextmanager
def served(study: Study) -> Iterator[str]:
    """Serve a study and one page with a viewer and a text field; gives the page's address."""
    policy, page = _policy(), _page(is_judged=study.is_judged)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.split("?")[0]
            if path == "/":
                self._answer(page, "text/html")
            elif path == "/study.json":
                self._answer(study.description(), "application/json")
            elif path == PREFERENCES:
                self._answer_preferences()
            elif path in study.files:
                self._answer(study.files[path], "application/dicom")
            elif path.startswith("/static/") and (STATIC / path[8:]).is_file():
                kind = "application/wasm" if path.endswith(".wasm") else mimetypes.guess_type(path)[0]
                self._answer((STATIC / path[8:]).read_bytes(), kind or "application/octet-stream")
            else:
                self.send_error(404)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == REPORT:
                lacks = study.refusal(json.loads(body)["shown"])
                self._answer(json.dumps({"refusal": lacks}).encode(), "application/json")
                return
            if self.path != PREFERENCES:
                self.send_error(404)
                return
            study.preferences |= json.loads(body)
            self._answer_preferences()

        def _answer_preferences(self) -> None:
            kept = {"preferences": study.preferences, "screens": study.screens}
            self._answer(json.dumps(kept).encode(), "application/json")

        def _answer(self, body: bytes, kind: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Content-Security-Policy", policy)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            """Keep the test's output quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
