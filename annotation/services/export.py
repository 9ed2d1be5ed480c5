"""Training sets from picks: a folder that exists whole or not at all, with lineage, card and hashes."""

import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from django.db import transaction
from django.utils import translation

from annotation.models import Campaign, TrainingExport
from annotation.services import export_formats
from annotation.services.access import require_researcher
from annotation.services.data_card import data_card
from annotation.services.export_images import png_of
from annotation.services.splits import SHARES, create_split, extend_split
from annotation.services.study_context import standard_views
from annotation.services.training_samples import TrainingSample, lineage_of, patients_of, training_samples
from mammo.accounts import audit
from mammo.accounts.models import User
from mammo.archive.models import Patient, Split
from mammo.core.errors import UserError
from mammo.core.jsonlines import write_atomically

FORMATS = tuple(export_formats.WRITERS)
MANIFEST = "manifest.json"
CARD = "README.md"
LINEAGE = "lineage.jsonl"


def campaign_split(campaign: Campaign, *, by_user: User | None) -> Split:
    """The campaign's own split by patient (8:1:1, from its seed); patients who came later get a side."""
    name = f"{campaign.site.code} {campaign.name}"[:80]
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


def export_training(
    campaign: Campaign,
    folder: Path,
    *,
    format: str,  # noqa: A002 (the name of the command's option)
    by_user: User | None,
    preferences: bool = False,
    split: Split | None = None,
) -> TrainingExport:
    """Write the campaign's picked answers as a training set.

    Args:
        folder: made by this call; must not exist, or be empty.
        format: llamafactory, trl, swift or parquet.
        preferences: add pairs (picked over each other corrected answer, equal texts skipped).
        split: sides of patients; the campaign's own split when not given.

    Raises:
        NotAllowedError: not a researcher of the site.
        UserError: unknown format, nothing picked, a patient without a side, a missing viewing copy, or the
            folder is not empty. Nothing is written then.
    """
    require_researcher(campaign.site, by_user)
    if format not in export_formats.WRITERS:
        raise UserError(f"--format {format}: unknown; known: {', '.join(FORMATS)}")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder}: exists and is not empty; give another folder")
    folder = folder.absolute()
    with transaction.atomic():
        chosen = split or campaign_split(campaign, by_user=by_user)
    samples = training_samples(campaign, chosen)
    part = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    try:
        # Outside the transaction: on SQLite it would keep everybody from writing while pictures are made.
        digest, counts = _write(part, campaign, samples, format, preferences, chosen)
        with transaction.atomic():
            export = _record(campaign, folder, samples, format, preferences, digest, counts, by_user)
            if folder.exists():
                folder.rmdir()
            os.replace(part, folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return export


def _write(
    part: Path,
    campaign: Campaign,
    samples: Sequence[TrainingSample],
    format_name: str,
    preferences: bool,
    split: Split,
) -> tuple[str, dict[str, int]]:
    part.mkdir(parents=True)
    records = [_record_of(sample, part) for sample in samples]
    files = export_formats.WRITERS[format_name](records, preferences=preferences)
    for name, data in files.items():
        write_atomically(part / name, data)
    lineage = "".join(json.dumps(lineage_of(s), ensure_ascii=False, sort_keys=True) + "\n" for s in samples)
    write_atomically(part / LINEAGE, lineage.encode())
    hashes = _hashes(part)
    lines = "".join(f"{name} {sha256}\n" for name, sha256 in sorted(hashes.items()))
    digest = hashlib.sha256(lines.encode()).hexdigest()
    counts = _counts(records)
    manifest = {
        "campaign": campaign.name,
        "split": split.name,
        "format": format_name,
        "preferences": preferences,
        "counts": counts,
        "content_hash": digest,
        "files": hashes,
        "simulated": any(sample.is_simulated for sample in samples),
    }
    write_atomically(part / MANIFEST, json.dumps(manifest, ensure_ascii=False, indent=1).encode())
    with translation.override("en"):
        card = data_card(
            campaign, samples, split=split, format_name=format_name, counts=counts, content_hash=digest
        )
    write_atomically(part / CARD, card.encode())
    return digest, counts


def _record_of(sample: TrainingSample, part: Path) -> export_formats.Record:
    images = []
    for image in standard_views(sample.question.study) if sample.question.study else ():
        name = f"images/{image.pk}.png"
        if not (part / name).exists():
            write_atomically(part / name, png_of(image))
        images.append(name)
    return export_formats.Record(
        id=str(sample.question.pk),
        split=sample.split,
        turns=sample.turns,
        answer=sample.answer,
        rejected=sample.rejected,
        images=tuple(images),
    )


def _hashes(part: Path) -> dict[str, str]:
    return {
        path.relative_to(part).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(part.rglob("*"))
        if path.is_file()
    }


def _counts(records: Sequence[export_formats.Record]) -> dict[str, int]:
    sides = Counter(record.split for record in records)
    return {
        "samples": len(records),
        **{split: sides[split] for split in export_formats.SPLITS},
        "pairs": sum(len(record.rejected) for record in records),
        "images": len({name for record in records for name in record.images}),
    }


def _record(
    campaign: Campaign,
    folder: Path,
    samples: Sequence[TrainingSample],
    format_name: str,
    preferences: bool,
    digest: str,
    counts: dict[str, int],
    by_user: User | None,
) -> TrainingExport:
    export = TrainingExport.objects.create(
        campaign=campaign,
        format=format_name,
        preferences=preferences,
        folder=str(folder),
        content_hash=digest,
        counts=counts,
        by_user=by_user,
        is_simulated=any(sample.is_simulated for sample in samples),
    )
    patients = {sample.question.patient_id for sample in samples if sample.question.patient_id}
    export.patients.set(Patient.objects.filter(pk__in=patients))
    audit.record(
        "annotation.exported",
        by_user=by_user,
        on=export,
        site=campaign.site,
        format=format_name,
        content_hash=digest,
        counts=counts,
    )
    return export
