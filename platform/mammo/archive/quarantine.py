"""Decisions about quarantined files: a data manager looks, and releases, masks or refuses each."""

import contextlib
import os
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from mammo.accounts import audit
from mammo.accounts.models import User
from mammo.archive import storage
from mammo.archive.labels import Labels
from mammo.archive.models import ImportBatch, ImportItem
from mammo.archive.parsing import ParsingPool
from mammo.archive.pseudonyms import installation
from mammo.archive.sources import Source
from mammo.archive.studies_import import StudyImport, finish_batch, open_batch
from mammo.archive.study_rows import Found
from mammo.core.errors import NotAllowedError, UserError, WrongStateError

Box = tuple[int, int, int, int]
Decision = ImportItem.Decision
# Kinds of refusal that a person can overrule by looking; the others name what the file is or whose it is.
RELEASABLE = frozenset(
    {
        "burned_in", "secondary_capture", "other_kind", "no_view", "no_side", "side_conflict",
        "side_against_pixels", "view_conflict", "table_conflict",
    }
)  # fmt: skip
# Of these the person must say side and view.
NEEDS_SIDE = frozenset({"no_side", "side_conflict", "side_against_pixels", "table_conflict"})
NEEDS_VIEW = frozenset({"no_view", "view_conflict", "table_conflict"})


@dataclass(frozen=True)
class Look:
    """What a person sees of a quarantined file.

    Attributes:
        png: the picture, b"" when there is none.
        boxes: what looks like lines of text (x, y, width, height in the file's pixels).
        crops: the first boxes enlarged (PNG).
        problem: why there is no picture.
    """

    png: bytes = b""
    boxes: tuple[Box, ...] = ()
    crops: tuple[bytes, ...] = ()
    rows: int = 0
    columns: int = 0
    problem: str = ""


def kind_of(item: ImportItem) -> str:
    """The kind of refusal; '' for files that were quarantined before kinds were kept."""
    return str((item.details or {}).get("kind", ""))


def look_at(item: ImportItem) -> Look:
    """Draw a quarantined file, in a limited child process."""
    with _opened(item) as path:
        return look_at_file(path)


def look_at_file(path: Path, *, is_viewing_copy: bool = False) -> Look:
    """Draw a file, in a limited child process; the pictures are written beside it.

    Args:
        is_viewing_copy: this platform wrote it, of a file that may have been larger than compressed ones may be.
    """
    target = path.with_suffix(".png")
    asked = {
        "task": "preview", "path": str(path), "target": str(target), "is_viewing_copy": is_viewing_copy,
    }  # fmt: skip
    answer = _asked(asked)
    if answer["outcome"] != "previewed":
        return Look(problem=str(answer["reason"]))
    boxes = tuple((int(x), int(y), int(w), int(h)) for x, y, w, h in answer["boxes"])
    crops = [target.with_suffix(f".{number}.png") for number in range(1, len(boxes) + 1)]
    return Look(
        target.read_bytes(),
        boxes,
        tuple(crop.read_bytes() for crop in crops if crop.exists()),
        int(answer["rows"]),
        int(answer["columns"]),
    )


def refuse(item: ImportItem, *, reason: str, by_user: User) -> None:
    """Destroy a quarantined file; the same bytes are rejected when they come again.

    Raises:
        NotAllowedError: the account is no data manager of its site.
        WrongStateError: someone decided already.
    """
    with transaction.atomic():
        item = _waiting(item, by_user)
        name = item.quarantine_file
        _resolve(item, Decision.REJECTED, reason, by_user)
        transaction.on_commit(lambda: storage.remove(storage.originals_root(), name))


@dataclass(frozen=True)
class ReadAgain:
    """A quarantined file as it was read once more under a person's judgement."""

    item: uuid.UUID
    path: Path
    judged: dict[str, Any]
    answer: dict[str, Any]


@contextlib.contextmanager
def read_again(
    item: ImportItem,
    *,
    masks: tuple[Box, ...] = (),
    laterality: str = "",
    view: str = "",
    is_mirrored: bool = False,
    by_user: User,
) -> Iterator[ReadAgain]:
    """Read a quarantined file as the person judged it, for `release`; what was written of it is gone afterwards.

    It is decoded in a process of its own, which may take a minute: not within a transaction, in which nobody else
    could write (SQLite). `release` is called inside, and so is whatever ends its transaction.

    Args:
        masks: boxes to black out in what is shown (the encrypted original stays as it was).

    Raises:
        NotAllowedError: the account is no data manager of its site.
        WrongStateError: someone decided already, or this kind can't be released.
        UserError: the side or the view has to be stated.
    """
    with transaction.atomic():
        item = _waiting(item, by_user)
    kind = kind_of(item)
    if kind not in RELEASABLE:
        raise WrongStateError(_("this file can't be released: %(reason)s") % {"reason": item.reason})
    if kind in NEEDS_SIDE and not laterality:
        raise UserError(_("say which side the image shows"))
    if kind in NEEDS_VIEW and not view:
        raise UserError(_("say which view the image shows"))
    # Whoever releases an image has looked at all of it; behind masks the detector looks once more.
    accepts = {kind} - {"burned_in"} if masks else {kind, "burned_in"}
    accepts |= set((item.details or {}).get("accepts", ()))
    if view:
        accepts.add("table_conflict")
    judged = {
        "accepts": sorted(accepts),
        "laterality": laterality,
        "view": view,
        "is_mirrored": is_mirrored,
        "masks": [list(box) for box in masks],
    }
    with storage.RunningImport() as running, _opened(item) as path:
        running.admit_others()
        asked = {
            "task": "import",
            "path": str(path),
            "target": str(path.with_suffix(".view")),
            "site": item.batch.site.code,
            "label": (item.details or {}).get("label"),
            "judged": judged,
        }
        yield ReadAgain(item.pk, path, judged, _asked(asked))


def release(item: ImportItem, read: ReadAgain, *, reason: str, by_user: User) -> ImportItem:
    """Import a quarantined file after all, as `read_again` read it; returns its new item.

    Raises:
        NotAllowedError: the account is no data manager of its site.
        WrongStateError: someone decided meanwhile.
        UserError: the import refused it still; nothing was changed.
    """
    if read.item != item.pk:
        raise ValueError(f"read item {read.item}, to be released {item.pk}")
    with transaction.atomic():
        item = _waiting(item, by_user)
        made = _imported(item, read, by_user)
        name = item.quarantine_file
        # Her original now lies under her own key: no second copy may outlive an erasure.
        transaction.on_commit(lambda: storage.remove(storage.originals_root(), name))
        decision = Decision.MASKED if read.judged["masks"] else Decision.RELEASED
        _resolve(item, decision, reason, by_user)
    return made


def _imported(item: ImportItem, read: ReadAgain, by_user: User) -> ImportItem:
    source = Source(item.source, read.path, judged=read.judged, is_judged_by_person=True)
    found = Found(source, sha256=item.sha256, label=(item.details or {}).get("label"))
    found.staged, found.answer = read.path.with_suffix(".view"), read.answer
    batch = open_batch(
        item.batch.site,
        ImportBatch.Origin.QUARANTINE,
        by_user=by_user,
        is_simulated=item.batch.is_simulated,
        batch_id=None,
    )
    StudyImport(batch, Labels([], None), None).store([found])
    if found.outcome not in (ImportItem.Outcome.IMPORTED, ImportItem.Outcome.DUPLICATE):
        raise UserError(_("it was not imported: %(reason)s") % {"reason": found.reason})
    finish_batch(batch)
    return batch.items.select_related("batch__site", "image").get()


def _waiting(item: ImportItem, user: User) -> ImportItem:
    """The item, locked, if it still waits and this account may decide."""
    locked = ImportItem.objects.select_for_update(of=("self",)).select_related("batch__site").get(pk=item.pk)
    if not user.has_role("data_manager", site=locked.batch.site):
        raise NotAllowedError(_("only a data manager of the site decides about quarantined files"))
    if locked.outcome != ImportItem.Outcome.QUARANTINED or locked.resolved_at or not locked.quarantine_file:
        raise WrongStateError(_("someone decided about this file already"))
    return locked


def _resolve(item: ImportItem, decision: str, reason: str, by_user: User) -> None:
    """Mark every item of these bytes as decided; the same file may have come several times."""
    same = ImportItem.objects.filter(batch__site=item.batch.site, quarantine_file=item.quarantine_file)
    now = timezone.now()
    for each in same.filter(resolved_at=None).select_related("batch__site"):
        each.decision, each.decision_reason = decision, reason.strip()[:500]
        each.resolved_by, each.resolved_at = by_user, now
        each.save(update_fields=["decision", "decision_reason", "resolved_by", "resolved_at"])
    audit.record(
        "archive.quarantine_decided",
        by_user=by_user,
        on=item,
        site=item.batch.site,
        decision=str(decision),
        kind=kind_of(item),
    )


@contextlib.contextmanager
def _opened(item: ImportItem) -> Iterator[Path]:
    """The quarantined file decrypted into a folder of its own, gone afterwards."""
    root = storage.viewing_copies_root()
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".look-", dir=root) as folder:
        path = Path(folder) / "file"
        try:
            data = storage.read_original(item.quarantine_file, item.batch.site.key_id)
        except FileNotFoundError:
            raise WrongStateError(_("the quarantined file is gone")) from None
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(data)
        yield path


def _asked(request: dict[str, Any]) -> dict[str, Any]:
    """One request to one child.

    Raises:
        OSError: the disk is full.
    """
    with ParsingPool[int](installation(), children=1) as pool:
        answer = next(iter(pool.answers([(0, request)])))[1]
    if answer["outcome"] == "failed":
        raise OSError(answer["errno"], answer["reason"])
    return answer
