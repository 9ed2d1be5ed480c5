"""A person's check of stored pictures: a random sample is looked at, and what shows text goes into quarantine.

The detector of burned-in text lets through what it does not know; how much, only eyes can tell. Of the pictures of a
sample that were looked at, the share with text comes with Wilson's interval (1927); that the archive is finite is left
out, which makes it wider than it must be.
"""

import random
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from mammo.accounts import audit
from mammo.accounts.models import Site, User
from mammo.archive import storage
from mammo.archive.models import Image, ImportBatch, ImportItem, PictureSample, SampledPicture
from mammo.archive.picture_holders import destroy_copies, note_leaving
from mammo.archive.quarantine import Look, look_at_file
from mammo.archive.studies_import import finish_batch
from mammo.archive.study_rows import SEEN_TEXT, SEEN_TEXT_NOT_KEPT
from mammo.archive.written_files import WrittenFiles
from mammo.core.errors import NotAllowedError, UserError, WrongStateError
from mammo.core.intervals import wilson

MOST = 2000
Verdict = SampledPicture.Verdict


@dataclass(frozen=True)
class CheckResult:
    """What a sample says so far.

    Attributes:
        looked, with_text: pictures that were looked at, and those of them with text.
        low, high: interval of the share with text, in per cent; None before the first look.
        waiting, gone, unshown: pictures nobody has looked at yet, those that were not there any more, and those that
            could not be shown; none of them counts.
    """

    looked: int
    with_text: int
    low: float | None
    high: float | None
    waiting: int
    gone: int
    unshown: int


def draw_sample(site: Site, count: int, *, by_user: User) -> PictureSample:
    """Draw pictures at random from all that the site has accepted and that are there.

    Raises:
        NotAllowedError: no data manager of the site.
        UserError: the number can't be drawn.
    """
    if not by_user.has_role("data_manager", site=site):
        raise NotAllowedError(_("only a data manager of the site checks its pictures"))
    there = Image.objects.filter(study__site=site, study__patient__erased_at=None).exclude(viewing_copy="")
    keys = list(there.order_by("pk").values_list("pk", flat=True))
    most = min(MOST, len(keys))
    if not 1 <= count <= most:
        raise UserError(_("pictures: give a number from 1 to %(most)s") % {"most": most})
    seed = secrets.randbits(62)
    drawn = random.Random(seed).sample(keys, count)  # noqa: S311 (a sample, no secret)
    with transaction.atomic():
        sample = PictureSample.objects.create(
            site=site, by_user=by_user, population=len(keys), seed=seed, is_simulated=site.is_simulated
        )
        SampledPicture.objects.bulk_create(
            SampledPicture(sample=sample, image_key=key, position=position)
            for position, key in enumerate(drawn, start=1)
        )
        audit.record("archive.sample_drawn", by_user=by_user, on=sample, site=site, pictures=count)
    return sample


def next_picture(sample: PictureSample) -> tuple[SampledPicture, Image] | None:
    """The first picture that nobody has looked at; those that are gone are marked so and passed over."""
    for picture in sample.pictures.filter(verdict=""):
        image = _image(picture)
        if image is not None:
            return picture, image
        SampledPicture.objects.filter(pk=picture.pk, verdict="").update(
            verdict=Verdict.GONE, judged_at=timezone.now()
        )
    return None


def _image(picture: SampledPicture) -> Image | None:
    rows = Image.objects.filter(pk=picture.image_key, study__patient__erased_at=None)
    return rows.select_related("study__patient", "study__site").first()


def look_at_picture(image: Image) -> Look:
    """Draw a stored picture as a quarantined file is drawn: the faint on black is lifted."""
    with tempfile.TemporaryDirectory(prefix=".look-", dir=storage.viewing_copies_root()) as folder:
        path = Path(folder) / "file"
        path.symlink_to((storage.viewing_copies_root() / image.viewing_copy).resolve())
        return look_at_file(path, is_viewing_copy=True)


def judge_picture(picture: SampledPicture, verdict: str, *, by_user: User) -> None:
    """Write down what was seen; a picture with text leaves the archive for the quarantine, and what this installation
    holds of its pixels elsewhere (frozen training sets, exports) is destroyed.

    Raises:
        NotAllowedError: no data manager of the site.
        UserError: the verdict is none, a picture that is said not to show does, or a training set's folder can't be
            removed; then nothing is written down.
        WrongStateError: somebody looked already, or the picture is gone.
    """
    site = picture.sample.site
    if not by_user.has_role("data_manager", site=site):
        raise NotAllowedError(_("only a data manager of the site checks its pictures"))
    if verdict not in (Verdict.CLEAN, Verdict.TEXT, Verdict.UNSHOWN):
        raise UserError(_("verdict: say whether there is text on the picture"))
    if verdict == Verdict.UNSHOWN:
        _require_unshown(picture)
    with transaction.atomic():
        waiting = SampledPicture.objects.filter(pk=picture.pk, verdict="")
        if waiting.select_for_update().first() is None:
            raise WrongStateError(_("somebody looked at this picture already"))
        left: dict[str, Any] = {}
        if verdict == Verdict.TEXT:
            image = _image(picture)
            if image is None:
                raise WrongStateError(_("this picture is not there any more"))
            left = {"study": image.study, "held_in": _into_quarantine(image, by_user)}
        audit.record("archive.picture_checked", by_user=by_user, on=picture, site=site, verdict=verdict)
        # Last: a set that began before this moment may have read the picture, one that begins later can't.
        waiting.update(verdict=verdict, judged_by=by_user, judged_at=timezone.now(), **left)


def _require_unshown(picture: SampledPicture) -> None:
    """Nobody leaves a picture out of the count that can be looked at."""
    image = _image(picture)
    if image is not None and look_at_picture(image).png:
        raise UserError(_("verdict: this picture can be shown; say whether there is text on it"))


def _into_quarantine(image: Image, by_user: User) -> list[dict[str, str]]:
    """Take a stored image out of its study: its original waits in quarantine, its viewing copy is removed.

    Returns:
        what else held its pixels.
    """
    patient, site = image.study.patient, image.study.site
    kept = ""
    if image.original:
        # As an import: no sweep may take the file for a killed process's before its row stands.
        running = storage.RunningImport()
        running.admit_others()
        transaction.on_commit(running.close)
        # Noted, so that a transaction that fails leaves no file behind.
        written = WrittenFiles()
        transaction.on_commit(written.close)
        data = storage.read_original(image.original, patient.key_id)
        kept = storage.store_original(data, site.key_id, named_by=written.new_name)
        written.sync()
    batch = ImportBatch.objects.create(
        site=site, origin=ImportBatch.Origin.CHECK, by_user=by_user, kind="studies", is_simulated=site.is_simulated
    )  # fmt: skip
    came = ImportItem.objects.filter(image=image).select_related("batch__site").first()
    details = {
        "laterality": image.laterality, "view": image.view, "kind": "burned_in", "patient": patient.number_hash,
    }  # fmt: skip
    ImportItem.objects.create(
        batch=batch,
        source=came.source if came is not None else str(image),
        outcome=ImportItem.Outcome.QUARANTINED if kept else ImportItem.Outcome.REJECTED,
        reason=SEEN_TEXT if kept else SEEN_TEXT_NOT_KEPT,
        details=cast("Any", details),
        sha256=image.sha256,
        quarantine_file=kept,
    )
    finish_batch(batch)
    for earlier in ImportItem.objects.filter(image=image).select_related("batch__site"):
        # Her name may stand in it, and a withdrawal finds it by her image: it stands in the item above alone.
        earlier.image, earlier.source = None, "(moved into quarantine)"
        earlier.save(update_fields=["image", "source"])
    original, copy = image.original, image.viewing_copy
    note_leaving(image)
    # Late: folders do not come back where something before this fails.
    held = destroy_copies(image)
    audit.record(
        "archive.image_quarantined",
        by_user=by_user,
        on=image.study,
        site=site,
        image=str(image.pk),
        still_held_in=held,
    )
    image.delete()
    transaction.on_commit(lambda: storage.remove(storage.originals_root(), original))
    transaction.on_commit(lambda: storage.remove(storage.viewing_copies_root(), copy))
    return held


def held_by_text(sample: PictureSample) -> list[dict[str, str]]:
    """What else held the sample's pictures with text when they left, each named once."""
    with_text = sample.pictures.filter(verdict=Verdict.TEXT).order_by("position")
    held = [each for holders in with_text.values_list("held_in", flat=True) for each in holders]
    return list({(each["kind"], each["id"]): each for each in held}.values())


def result_of(sample: PictureSample) -> CheckResult:
    """Count a sample."""
    said = list(sample.pictures.values_list("verdict", flat=True))
    with_text = said.count(Verdict.TEXT)
    looked = said.count(Verdict.CLEAN) + with_text
    low, high = (100 * end for end in wilson(with_text, looked)) if looked else (None, None)
    return CheckResult(
        looked,
        with_text,
        low,
        high,
        waiting=said.count(""),
        gone=said.count(Verdict.GONE),
        unshown=said.count(Verdict.UNSHOWN),
    )
