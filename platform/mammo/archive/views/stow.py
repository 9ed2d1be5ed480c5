"""STOW-RS (PS3.18 10.5): a PACS pushes DICOM files with the token of its sending system."""

import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from mammo.archive import inbox
from mammo.archive.dicom.elements import first_value
from mammo.archive.dicom.file_meta import class_and_instance
from mammo.archive.dicom.limits import LIMITS
from mammo.archive.models import ImportBatch, SendingSystem
from mammo.archive.multipart import Part, boundary_of, parts
from mammo.archive.received_job import import_soon
from mammo.archive.sending_systems import system_of_request
from mammo.core.errors import UserError

_BLOCK = 1 << 20
# Failure reasons (PS3.18 table 10.5.3-2).
CANNOT_UNDERSTAND, OUT_OF_RESOURCES, PROCESSING_FAILURE = 0xC000, 0xA700, 0x0110
STUDY_INSTANCE_UID = 0x0020000D
Taken = tuple[dict[str, Any], int]


@csrf_exempt  # no cookie is read here: the sender shows its token
@require_POST
def store(request: HttpRequest, study_uid: str = "") -> HttpResponse:
    """Keep every part of the message in the inbox; the answer names what is kept and what is not.

    Args:
        study_uid: only files of this study are kept; all when empty.
    """
    system = system_of_request(request.headers.get("Authorization", ""))
    if system is None:
        refused = HttpResponse("Unauthorized\n", status=401, content_type="text/plain")
        refused["WWW-Authenticate"] = 'Basic realm="mammograms"'
        return refused
    try:
        boundary = boundary_of(request.headers.get("Content-Type", ""))
    except UserError as error:
        return HttpResponse(f"{error}\n", status=415, content_type="text/plain")
    held = inbox.folder(system.site)
    held.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder = Path(tempfile.mkdtemp(prefix="stow-", dir=held))
    try:
        kept, failed, is_whole = _take_all(request, boundary, folder, partial(_take, system, study_uid))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if kept:
        transaction.on_commit(partial(import_soon, system.site, by_user=None))
    return _answer(kept, failed, is_whole=is_whole)


def _take_all(
    request: HttpRequest, boundary: str, folder: Path, take: Callable[[Part, uuid.UUID], Taken]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], bool]:
    kept: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    batch_id = uuid.uuid4()
    try:
        for part in parts(_blocks(request), boundary, folder, max_part_bytes=LIMITS.file_bytes):
            names, reason = take(part, batch_id)
            if reason:
                failed.append({**names, "00081197": {"vr": "US", "Value": [reason]}})
            else:
                kept.append(names)
            part.path.unlink(missing_ok=True)
    except UserError:
        return kept, failed, False
    return kept, failed, True


def _blocks(request: HttpRequest) -> Iterator[bytes]:
    while block := request.read(_BLOCK):
        yield block


def _take(system: SendingSystem, study_uid: str, part: Part, batch_id: uuid.UUID) -> Taken:
    """References of one part (SOP class and instance), and why it was not kept (0: it was)."""
    names = _references(part.path)
    if part.problem or not names:
        return names, CANNOT_UNDERSTAND
    data = part.path.read_bytes()
    if study_uid and not _is_of_study(data, study_uid):
        return names, PROCESSING_FAILURE
    try:
        inbox.put(
            system.site,
            data,
            batch_id=batch_id,
            origin=ImportBatch.Origin.STOW_RS,
            name=f"{system.name}/{names['00081155']['Value'][0]}.dcm",
        )
    except inbox.InboxFullError:
        return names, OUT_OF_RESOURCES
    return names, 0


def _is_of_study(data: bytes, study_uid: str) -> bool:
    """Whether a file says that it is of this study; a deflated one, which cannot be looked into here, does not."""
    found = first_value(data, STUDY_INSTANCE_UID, LIMITS.elements)
    return found is not None and found.rstrip(b"\0 ") == study_uid.encode()


def _references(path: Path) -> dict[str, Any]:
    """What the file meta information says the file is; {} when it is no DICOM file."""
    uids = class_and_instance(path)
    if uids is None:
        return {}
    return {
        tag: {"vr": "UI", "Value": [uid]} for tag, uid in zip(("00081150", "00081155"), uids, strict=True)
    }


def _answer(kept: list[dict[str, Any]], failed: list[dict[str, Any]], *, is_whole: bool) -> HttpResponse:
    """PS3.18 10.5.3: 200 all, 202 some, 409 none, 400 a damaged message."""
    body: dict[str, Any] = {}
    if kept:
        body["00081199"] = {"vr": "SQ", "Value": kept}
    if failed:
        body["00081198"] = {"vr": "SQ", "Value": failed}
    if not is_whole:
        return JsonResponse(body, status=202 if kept else 400, content_type="application/dicom+json")
    is_full = any(item["00081197"]["Value"] == [OUT_OF_RESOURCES] for item in failed)
    status = 200 if kept and not failed else 202 if kept else 503 if is_full else 409
    return JsonResponse(body, status=status, content_type="application/dicom+json")
