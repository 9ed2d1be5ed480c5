"""Snapshots: a training set frozen by a job, named by the hash of its content."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from annotation.models import Campaign, TrainingExport
from annotation.services.access import require_researcher
from annotation.services.study_context import image_requests, newest_report
from annotation.services.training_samples import TrainingSample, training_samples
from mammo.accounts import audit
from mammo.accounts.models import Site, User
from mammo.archive.held_files import destroy_folder
from mammo.archive.label_sources import FIELDS
from mammo.archive.models import Patient, Split, Study
from mammo.archive.picture_holders import a_picture_left
from mammo.archive.report_readings import waits_for_a_person
from mammo.core.choices import PathologyClass
from mammo.core.errors import UserError
from mammo.jobs import services as jobs
from mammo.jobs.models import Job
from modeling.models import Snapshot

JOB_KIND = "modeling.snapshot"
# Run by name in a child process: this side knows no torch and decodes no images.
MODULE = "modeling.data.build"
SMALLEST_SIDE = 16


def create_snapshot(
    name: str,
    *,
    site: Site,
    split: Split,
    height: int,
    width: int,
    by_user: User | None,
    campaign: Campaign | None = None,
    export: TrainingExport | None = None,
) -> Snapshot:
    """Queue the freezing of a training set; `content_hash` is filled when the job has succeeded.

    Holds every study of the split's patients with its standard views, strictly blanked report, labels and
    pathology; with a campaign, its picked answers too. A report that waits for a data manager (its reading is
    doubtful, or a name may be left in it) stays out, with the labels read from it; the manifest counts them.

    Args:
        height, width: size in pixels that images are brought to (aspect kept, padded).
        campaign: whose picked answers go in.
        export: the export that was made of the same picks, for the record.

    Raises:
        NotAllowedError: not a researcher of the site.
        UserError: the name is taken, the size makes no sense, the split holds no study, or the campaign has
            no picked answer or a patient outside the split.
    """
    require_researcher(site, by_user)
    _check_new(name, site, height, width)
    studies = _studies_there(split, site)
    samples = training_samples(campaign, split) if campaign is not None else []
    simulated = split.is_simulated or site.is_simulated or studies.filter(is_simulated=True).exists()
    with transaction.atomic():
        snapshot = Snapshot.objects.create(
            site=site,
            name=name,
            split=split,
            export=export,
            campaign=campaign,
            by_user=by_user,
            is_simulated=simulated or any(sample.is_simulated for sample in samples),
        )
        # Also those who asked without having a study here: their words are in it.
        asked = [sample.question.patient_id for sample in samples if sample.question.patient_id]
        snapshot.patients.set(Patient.objects.filter(Q(pk__in=studies.values("patient")) | Q(pk__in=asked)))
        parameters = {"height": height, "width": width, "campaign": str(campaign.pk) if campaign else None}
        snapshot.job = _submit(snapshot, parameters, by_user)
        snapshot.save(update_fields=["job"])
        audit.record("modeling.snapshot_queued", by_user=by_user, on=snapshot, site=site, split=split.name)
    return snapshot


def _submit(snapshot: Snapshot, parameters: dict[str, Any], by_user: User | None) -> Job:
    return jobs.submit(
        JOB_KIND,
        by_user=by_user,
        site=snapshot.site,
        about=snapshot,
        title=gettext_lazy("Snapshot %(name)s"),
        title_values={"name": snapshot.name},
        parameters={"snapshot": str(snapshot.pk)} | parameters,
        is_simulated=snapshot.is_simulated,
    )


def _studies_there(split: Split, site: Site) -> Any:
    studies = _studies(split, site)
    if not studies.exists():
        raise UserError(_("split “%(name)s”: none of its patients has a study here") % {"name": split.name})
    return studies


def _check_new(name: str, site: Site, height: int, width: int) -> None:
    if Snapshot.objects.filter(site=site, name=name).exists():
        raise UserError(
            _("snapshot “%(name)s” exists already; snapshots never change, choose another name")
            % {"name": name}
        )
    if min(height, width) < SMALLEST_SIDE:
        raise UserError(
            _("image size %(height)s x %(width)s: give at least %(least)s pixels each way")
            % {"height": height, "width": width, "least": SMALLEST_SIDE}
        )


def snapshot_by_name(name: str, *, site: Site | None = None) -> Snapshot:
    """Return the snapshot of this name.

    Raises:
        UserError: there is none, or several sites have one.
    """
    found = list(Snapshot.objects.filter(name=name, **({"site": site} if site else {}))[:2])
    if len(found) == 1:
        return found[0]
    if found:
        raise UserError(
            _("--snapshot %(name)s: several sites have one of this name; add --site") % {"name": name}
        )
    known = ", ".join(Snapshot.objects.order_by("name").values_list("name", flat=True)) or "none yet"
    raise UserError(
        _("--snapshot %(name)s: no such snapshot; known: %(known)s") % {"name": name, "known": known}
    )


def build_request(job: Job) -> dict[str, Any]:
    """The builder's request: rows of studies.jsonl with paths of viewing copies, and rows of sft.jsonl."""
    snapshot = Snapshot.objects.select_related("split", "site").get(pk=job.parameters["snapshot"])
    split = snapshot.split
    if split is None:
        raise UserError(_("snapshot %(snapshot)s: has no split") % {"snapshot": snapshot.name})
    sides = dict(split.members.values_list("patient", "side"))
    studies = _studies(split, snapshot.site).select_related("patient").prefetch_related("images", "pathology")
    samples: Sequence[TrainingSample] = []
    if job.parameters.get("campaign"):
        samples = training_samples(Campaign.objects.get(pk=job.parameters["campaign"]), split)
    return {
        "name": snapshot.name,
        # Each attempt writes a folder of its own: what a killed one left never stands in the way.
        "output": str(folder_of_attempts(snapshot) / str(job.attempt)),
        "image": {"height": job.parameters["height"], "width": job.parameters["width"]},
        "simulated": snapshot.is_simulated,
        "studies": [_study_row(study, sides[study.patient_id]) for study in studies.order_by("pk")],
        "sft": [_sft_row(sample) for sample in samples],
    }


def folder_of_attempts(snapshot: Snapshot) -> Path:
    """Where the attempts to write this training set lie."""
    return Path(settings.MAMMO_HOME) / "snapshots" / str(snapshot.pk)


def _studies(split: Split, site: Site) -> Any:
    members = split.members.values("patient")
    return Study.objects.filter(
        site=site, patient__in=members, patient__erased_at__isnull=True, images__isnull=False
    ).distinct()


def _study_row(study: Study, side: str) -> dict[str, Any]:
    """A row of studies.jsonl; of a report that waits for a data manager neither text nor labels are in it."""
    report = newest_report(study)
    waits = report is not None and waits_for_a_person(report)
    labels = {
        name: getattr(study, name) or None
        for name in FIELDS
        if not (waits and study.label_sources.get(name) == "report")
    }
    return {
        "study": str(study.pk),
        "patient": str(study.patient_id),
        "split": side,
        "density": labels.get("density"),
        "age": study.age,
        "birads": {part: labels.get(f"birads_{part}") for part in ("left", "right", "overall")},
        "report": str(report.blanked_strict) if report and not waits else "",
        "report_waits": waits,
        "language": "en" if report and report.language == "en" else "zh",
        "views": image_requests(study),
        "pathology": _worst_per_breast(study),
    }


def _worst_per_breast(study: Study) -> list[dict[str, str]]:
    order = [PathologyClass.BENIGN, PathologyClass.HIGH_RISK, PathologyClass.MALIGNANT]
    worst: dict[str, str] = {}
    rows = study.pathology.all()
    corrected = {row.replaces_id for row in rows}
    for row in rows:
        if (
            row.pk not in corrected
            and row.result
            and (
                row.laterality not in worst or order.index(row.result) > order.index(worst[row.laterality])  # type: ignore[arg-type]
            )
        ):
            worst[row.laterality] = row.result
    return [{"laterality": side, "class": worst[side]} for side in sorted(worst)]


def _sft_row(sample: TrainingSample) -> dict[str, Any]:
    return {
        "id": str(sample.question.pk),
        "patient": sample.patient_key,
        "study": str(sample.question.study_id) if sample.question.study_id else None,
        "split": sample.split,
        "language": "en" if sample.question.language == "en" else "zh",
        "turns": list(sample.turns),
        "answer": sample.answer,
        "rejected": list(sample.rejected),
    }


def ingest(job: Job, rows: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Note where the frozen set lies and its hash; called inside the transaction that ends the job.

    Raises:
        UserError: the answer holds no snapshot, the snapshot is frozen already, or while it was written a patient in it
            has withdrawn or a picture was taken out of the archive; then what was written is destroyed.
    """
    answer = next((row for row in rows if row.get("kind") == "snapshot"), None)
    if answer is None:
        raise UserError(_("job %(job)s: its answer names no snapshot") % {"job": job.pk})
    snapshot = Snapshot.objects.get(pk=job.parameters["snapshot"])
    begun = job.started_at or job.created_at
    if snapshot.patients.filter(erased_at__gt=begun).exists():
        destroy_folder(str(folder_of_attempts(snapshot)))
        raise UserError(
            _("snapshot %(snapshot)s: a patient in it withdrew while it was written; freeze a new one")
            % {"snapshot": snapshot.name}
        )
    if a_picture_left(snapshot.patients.values_list("pk", flat=True), begun):
        destroy_folder(str(folder_of_attempts(snapshot)))
        raise UserError(
            _(
                "snapshot %(snapshot)s: a picture with text was taken out while it was written; freeze it again"
            )
            % {"snapshot": snapshot.name}
        )
    manifest = json.loads((Path(answer["path"]) / "manifest.json").read_text("utf-8"))
    frozen = Snapshot.objects.filter(pk=job.parameters["snapshot"], content_hash="").update(
        folder=answer["path"], content_hash=answer["content_hash"], manifest=manifest
    )
    if frozen != 1:
        raise UserError(_("snapshot %(snapshot)s is frozen already") % {"snapshot": snapshot.pk})
    audit.record(
        "modeling.snapshot_frozen",
        by_user=job.by_user,
        on=None,
        site=job.site,
        content_hash=answer["content_hash"],
    )
    return {"content_hash": answer["content_hash"], "counts": answer["counts"]}
