"""Where a patient's data lives on: frozen training sets, and weights that learned from them."""

import contextlib
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from annotation.services.study_context import may_hold
from mammo.archive.held_files import destroy_folder, held_in_folder
from mammo.archive.models import Image, Patient
from mammo.core.errors import WrongStateError
from mammo.jobs import services as jobs
from mammo.jobs.models import Job
from modeling.models import Checkpoint, Run, Snapshot
from modeling.services.snapshots import folder_of_attempts


def snapshots_and_checkpoints_that_hold(patient: Patient) -> list[dict[str, str]]:
    """Snapshots with her in them, and checkpoints trained on those or started from such checkpoints."""
    return _named(list(Snapshot.objects.filter(patients=patient).order_by("created_at")))


def sets_that_hold_picture(image: Image) -> list[dict[str, str]]:
    """Snapshots with this picture in them, and checkpoints trained on those or started from such checkpoints."""
    return _named(_snapshots_with(image))


def _named(snapshots: list[Snapshot]) -> list[dict[str, str]]:
    held = [held_in_folder("snapshot", row, row.folder) for row in snapshots]
    found: set[UUID] = set()
    runs = Run.objects.filter(snapshot__in=snapshots)
    while True:
        fresh = Checkpoint.objects.filter(run__in=runs).exclude(pk__in=found)
        fresh_keys = list(fresh.values_list("pk", flat=True))
        if not fresh_keys:
            break
        found.update(fresh_keys)
        runs = Run.objects.filter(starts_from__in=fresh_keys)
    checkpoints = Checkpoint.objects.filter(pk__in=found).select_related("run").order_by("created_at")
    return held + [held_in_folder("checkpoint", row, row.folder) for row in checkpoints]


def destroy_training_sets(patient: Patient) -> None:
    """Stop what writes or reads frozen training sets with her in them, and destroy what this installation holds of them.

    Their rows stay, with manifest and hash. Nothing is trained on them any more (`modeling.services.withdrawals`),
    so their files serve nobody.

    Raises:
        UserError: a folder can't be removed; it names the folder and the mend.
    """
    held = list(Snapshot.objects.filter(patients=patient))
    writing = Q(pk__in=[snapshot.job_id for snapshot in held if not snapshot.content_hash])
    _stop_and_destroy(held, Q(run__snapshot__in=held) | writing)


def destroy_sets_with(image: Image) -> None:
    """Do the same for a picture that shows burned-in text, and mark the frozen sets that hold it: nothing is trained on
    them any more, and no weights that learned from them are handed on (`modeling.services.withdrawals`).

    A set that waits to be written needs no stopping: it will be written without the picture.

    Raises:
        UserError: a folder can't be removed; it names the folder and the mend.
    """
    held = _snapshots_with(image)
    begun = [snapshot.job_id for snapshot in held if not snapshot.content_hash]
    _stop_and_destroy(held, Q(run__snapshot__in=held) | Q(pk__in=begun, started_at__isnull=False))
    keys = [snapshot.pk for snapshot in held if snapshot.content_hash]
    Snapshot.objects.filter(pk__in=keys, text_seen_at=None).update(text_seen_at=timezone.now())


def _snapshots_with(image: Image) -> list[Snapshot]:
    rows = Snapshot.objects.filter(patients=image.study.patient_id, site=image.study.site_id)
    return [
        row
        for row in rows.select_related("job").order_by("created_at")
        if may_hold(
            image,
            asked=row.job.created_at if row.job else None,
            written=(row.job and row.job.finished_at) or timezone.now(),
        )
    ]


def _stop_and_destroy(held: list[Snapshot], reading: Q) -> None:
    for job in Job.objects.unfinished().filter(reading):
        with contextlib.suppress(WrongStateError):  # it ended meanwhile
            jobs.cancel(job, by_user=None)
    for snapshot in held:
        destroy_folder(str(folder_of_attempts(snapshot)))
        destroy_folder(snapshot.folder)
