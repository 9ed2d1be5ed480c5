"""Training sets from picks: asked for, written (here or by a job's child process), and put on record."""

import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from annotation.exporting import formats
from annotation.exporting.writing import (
    HASH_PLACE,
    IMAGES,
    WrittenSet,
    choices,
    goes_together,
    write_training_set,
)
from annotation.models import Campaign, TrainingExport
from annotation.services.access import require_researcher
from annotation.services.campaign_settings import editions_of
from annotation.services.data_card import data_card
from annotation.services.splits import SHARES, create_split, extend_split
from annotation.services.study_context import standard_views, viewing_copy_path
from annotation.services.training_samples import (
    TrainingSample,
    any_simulated,
    lineage_of,
    patients_of,
    require_a_pick,
    training_samples,
)
from mammo.accounts import audit
from mammo.accounts.models import User
from mammo.archive.held_files import destroy_folder
from mammo.archive.models import Patient, Split
from mammo.archive.picture_holders import a_picture_left
from mammo.archive.splits import exported_name
from mammo.core.errors import UserError, WrongStateError
from mammo.jobs import services as jobs
from mammo.jobs.models import Job, JobState

FORMATS = tuple(formats.WRITERS)
# What a person chooses among: a format, and whether its pictures are files or packed into the rows.
CHOICES = tuple(choices())
JOB_KIND = "annotation.export"
MODULE = "annotation.exporting.child"
# A job's folder, or the part of one that a killed child left.
_JOB_FOLDER = re.compile(r"\.?[a-z]+-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:\.\d+\.part)?$")
# Title of jobs that were queued before the format stood in it: they keep their translation.
FORMER_TITLE = gettext_lazy("Training set of %(name)s")


def campaign_split(campaign: Campaign, *, by_user: User | None) -> Split:
    """The campaign's own split by patient (8:1:1, from its seed); patients who came later get a side."""
    name = _own_name(campaign)
    patients = patients_of(campaign)
    split = Split.objects.filter(name=name).first()
    if split is None:
        if not patients:
            # Only questions without a patient: the split has shares, but no members.
            return Split.objects.create(
                site=campaign.site,
                name=name,
                purpose="sft",
                parameters={"shares": SHARES},
                seed=campaign.seed,
                by_user=by_user,
                is_simulated=campaign.is_simulated,
            )
        return create_split(
            name, site=campaign.site, by_user=by_user, purpose="sft", patients=patients, seed=campaign.seed
        )
    extend_split(split, patients)
    return split


def _own_name(campaign: Campaign) -> str:
    return f"{campaign.site.code} {campaign.name}"[:80]


def splits_for(campaign: Campaign) -> QuerySet[Split]:
    """Splits that a training set of this campaign can follow beside its own: those of its hospital, and of all."""
    rows = Split.objects.filter(Q(site=campaign.site) | Q(site=None), members__isnull=False)
    return rows.exclude(name=_own_name(campaign)).distinct().order_by("name")


def _chosen_split(campaign: Campaign, name: str, by_user: User | None) -> Split:
    if not name:
        return campaign_split(campaign, by_user=by_user)
    split = splits_for(campaign).filter(name=name).first()
    if split is None:
        known = ", ".join(splits_for(campaign).values_list("name", flat=True)) or _("none yet")
        raise UserError(
            _("split “%(name)s”: unknown here; known: %(known)s") % {"name": name, "known": known}
        )
    return split


def export_training(
    campaign: Campaign,
    folder: Path,
    *,
    format: str,  # noqa: A002 (the name of the command's option)
    by_user: User | None,
    preferences: bool = False,
    split: Split | None = None,
    images: str = "reference",
) -> TrainingExport:
    """Write the campaign's picked answers as a training set, now and here.

    Args:
        folder: made by this call; must not exist, or be empty.
        format: llamafactory, trl, swift or parquet.
        preferences: add pairs (picked over each other corrected answer that no senior of the round chose; equal
            texts skipped).
        split: sides of patients; the campaign's own split when not given.
        images: by reference (files beside the rows), packed into the rows (Parquet), or none (texts alone).

    Raises:
        NotAllowedError: not a researcher of the site.
        UserError: unknown format, nothing picked, a patient without a side, a missing viewing copy, or the
            folder is not empty. Nothing is written then. Or the picks changed, or a patient withdrew, while it was
            written: what was written is destroyed.
    """
    require_researcher(campaign.site, by_user)
    _check_choice(format, images)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(_("%(folder)s: exists and is not empty; give another folder") % {"folder": folder})
    folder = folder.absolute()
    with transaction.atomic():
        chosen = split or campaign_split(campaign, by_user=by_user)
    samples = training_samples(campaign, chosen)
    begun = timezone.now()
    request = _request(campaign, samples, chosen, format, preferences, images)
    # Outside the transaction: on SQLite it would keep everybody from writing while pictures are made.
    written = write_training_set(request, folder)
    try:
        with transaction.atomic():
            _refuse_changes(samples, training_samples(campaign, chosen))
            _refuse_pictures_that_left(samples, begun)
            return _record(campaign, folder, samples, request, written, by_user)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def queue_export(
    campaign: Campaign,
    *,
    by_user: User,
    format: str,  # noqa: A002
    preferences: bool = False,
    images: str = "reference",
    split: str = "",
) -> Job:
    """Queue a job that writes the training set into the server's folder of exports.

    The job reads the answers; here only what is cheap is looked at, because the caller may hold SQLite's write lock.

    Args:
        split: name of the split whose sides patients have; the campaign's own when empty. A model that was trained
            on another split's training patients may be tested on the set's test patients only if they are the same.

    Raises:
        NotAllowedError: not a researcher of the site.
        UserError: unknown format or split, or nothing picked.
        WrongStateError: the same set is being written already.
    """
    require_researcher(campaign.site, by_user)
    _check_choice(format, images)
    require_a_pick(campaign)
    with transaction.atomic():
        parameters = {
            "campaign": str(campaign.pk),
            "split": str(_chosen_split(campaign, split, by_user).pk),
            "format": format,
            "preferences": preferences,
            "images": images,
        }
        if any(job.parameters == parameters for job in Job.objects.unfinished().about(campaign)):
            raise WrongStateError(_("The same training set is being written already; see the page of jobs."))
        job = jobs.submit(
            JOB_KIND,
            by_user=by_user,
            site=campaign.site,
            about=campaign,
            title=gettext_lazy("Training set of %(name)s, %(format)s"),
            title_values={"name": campaign.name, "format": format},
            parameters=parameters,
            is_simulated=campaign.is_simulated,
        )
        audit.record(
            "annotation.export_queued", by_user=by_user, on=campaign, site=campaign.site, format=format
        )
    return job


def _check_choice(format_name: str, images: str) -> None:
    if format_name not in FORMATS:
        raise UserError(_("Choose one of these formats: %(known)s.") % {"known": ", ".join(FORMATS)})
    if images not in IMAGES:
        raise UserError(_("Choose pictures as files, packed into the rows, or texts alone."))
    if not goes_together(format_name, images):
        raise UserError(
            _(
                "The format %(name)s has no place for pictures in its rows: choose pictures as files, or Parquet."
            )
            % {"name": format_name}
        )


def build_request(job: Job) -> dict[str, Any]:
    """The child's request: every record with its texts and the paths of its pictures."""
    chosen = job.parameters
    campaign = Campaign.objects.select_related("site").get(pk=chosen["campaign"])
    split = Split.objects.get(pk=chosen["split"])
    if split.name == _own_name(campaign):  # another one's sides are not ours to give
        with transaction.atomic():
            extend_split(split, patients_of(campaign))
    samples = training_samples(campaign, split)
    request = _request(campaign, samples, split, chosen["format"], chosen["preferences"], chosen["images"])
    return {**request, "folder": str(exports_root() / f"{chosen['format']}-{job.pk}")}


def ingest(job: Job, rows: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Put the written set on record, inside the transaction that ends the job.

    Raises:
        UserError: picks were added or changed while it was written, so that the record would not fit the files, or a
            picture was taken out of the archive meanwhile; then what was written is destroyed.
    """
    chosen = job.parameters
    campaign = Campaign.objects.select_related("site").get(pk=chosen["campaign"])
    (row,) = rows
    samples = training_samples(campaign, Split.objects.get(pk=chosen["split"]))
    try:
        if _picked(samples) != row.get("picked"):
            raise _changed()
        _refuse_pictures_that_left(samples, job.started_at or job.created_at)
    except UserError:
        shutil.rmtree(row["folder"], ignore_errors=True)
        raise
    written = WrittenSet(row["content_hash"], row["export_id"], row["counts"])
    export = _record(campaign, Path(row["folder"]), samples, chosen, written, job.by_user, job)
    return {"export": export.export_id, "content_hash": export.content_hash, "samples": len(samples)}


def _picked(samples: Sequence[TrainingSample]) -> list[list[str]]:
    return [[str(sample.question.pk), str(sample.pick.pk)] for sample in samples]


def _refuse_changes(written: Sequence[TrainingSample], now: Sequence[TrainingSample]) -> None:
    """Keep no set that holds other answers than may go into one now."""
    if _picked(written) != _picked(now):
        raise _changed()


def _changed() -> UserError:
    return UserError(
        _(
            "Answers were picked, or a patient or question was taken out, while the set was written; "
            "what was written is destroyed. Ask for it again."
        )
    )


def _refuse_pictures_that_left(samples: Sequence[TrainingSample], since: datetime) -> None:
    """Keep no set for which a picture was read that shows burned-in text."""
    patients = {sample.question.patient_id for sample in samples if sample.question.patient_id}
    if a_picture_left(patients, since):
        raise UserError(
            _("A picture with text was taken out of its study while the set was written; ask for it again.")
        )


def exports_root() -> Path:
    """Where exports lie that a job wrote."""
    return Path(settings.MAMMO_HOME) / "exports"


def remove_leftovers() -> int:
    """Remove what export jobs wrote that were cancelled or failed: pictures that no row names; a chore.

    Returns:
        how many folders.
    """
    removed = 0
    for folder in exports_root().glob("*-*"):
        named = _JOB_FOLDER.match(folder.name)
        if named is None or TrainingExport.objects.filter(folder=str(folder)).exists():
            continue
        broken_off = (JobState.CANCELLED, JobState.FAILED)
        if Job.objects.filter(pk=named[1], kind=JOB_KIND, state__in=broken_off).exists():
            destroy_folder(str(folder))
            removed += 1
    return removed


def packed_export(export: TrainingExport, *, by_user: User) -> IO[bytes]:
    """The export as one zip file, to be carried away: on record as a download.

    Raises:
        NotAllowedError: not a researcher of the site.
        UserError: its folder is gone.
    """
    require_researcher(export.campaign.site, by_user)
    folder = Path(export.folder)
    if not folder.is_dir():
        raise UserError(_("The folder of this export is gone; make it again."))
    target = tempfile.TemporaryFile()  # noqa: SIM115 (the answer closes it)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder).as_posix())
    target.seek(0)
    audit.record(
        "annotation.export_downloaded",
        by_user=by_user,
        on=export,
        site=export.campaign.site,
        content_hash=export.content_hash,
    )
    return target


def _request(
    campaign: Campaign,
    samples: Sequence[TrainingSample],
    split: Split,
    format_name: str,
    preferences: bool,
    images: str,
) -> dict[str, Any]:
    records = [_record_of(sample, pictured=images != "none") for sample in samples]
    editions = editions_of(campaign)
    lineage = [
        lineage_of(sample, editions) | {"images": [_named(image) for image in record["images"]]}
        for sample, record in zip(samples, records, strict=True)
    ]
    with translation.override("en"):
        card = data_card(
            campaign,
            samples,
            split=split,
            format_name=format_name,
            preferences=preferences,
            content_hash=HASH_PLACE,
            pictured=any(record["images"] for record in records),
            packed=images == "packed",
            texts_alone=images == "none",
        )
    return {
        "campaign": campaign.name,
        "campaign_id": str(campaign.pk),
        "split": exported_name(split),
        "format": format_name,
        "preferences": preferences,
        "images": images,
        "simulated": any_simulated(samples, pairs=preferences),
        "card": card,
        "lineage": lineage,
        "records": records,
    }


def _named(image: dict[str, Any]) -> dict[str, Any]:
    """Which picture is of which breast and view, in the order of the row."""
    return {name: image[name] for name in ("name", "laterality", "view")}


def _record_of(sample: TrainingSample, *, pictured: bool) -> dict[str, Any]:
    study = sample.question.study if pictured else None
    return {
        "id": str(sample.question.pk),
        "split": sample.split,
        "turns": list(sample.turns),
        "answer": sample.answer,
        "rejected": list(sample.rejected),
        "images": [
            {
                "name": f"images/{image.pk}.png",
                "laterality": image.laterality,
                "view": image.view,
                "path": str(viewing_copy_path(image)),
                "center": image.window_center,
                "width": image.window_width,
                "function": image.voi_function,
            }
            for image in (standard_views(study) if study is not None else ())
        ],
    }


def _record(
    campaign: Campaign,
    folder: Path,
    samples: Sequence[TrainingSample],
    chosen: dict[str, Any],
    written: WrittenSet,
    by_user: User | None,
    job: Job | None = None,
) -> TrainingExport:
    export = TrainingExport.objects.create(
        campaign=campaign,
        format=chosen["format"],
        preferences=chosen["preferences"],
        images=chosen["images"],
        folder=str(folder),
        content_hash=written.content_hash,
        export_id=written.export_id,
        counts=written.counts,
        by_user=by_user,
        job=job,
        is_simulated=any_simulated(samples, pairs=chosen["preferences"]),
    )
    patients = {sample.question.patient_id for sample in samples if sample.question.patient_id}
    export.patients.set(Patient.objects.filter(pk__in=patients))
    audit.record(
        "annotation.exported",
        by_user=by_user,
        on=export,
        site=campaign.site,
        format=export.format,
        content_hash=written.content_hash,
        counts=written.counts,
    )
    return export
