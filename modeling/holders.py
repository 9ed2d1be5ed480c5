"""Where a patient's data lives on: frozen training sets, and weights that learned from them."""

from uuid import UUID

from mammo.archive.models import Patient
from modeling.models import Checkpoint, Run, Snapshot


def snapshots_and_checkpoints_that_hold(patient: Patient) -> list[dict[str, str]]:
    """Snapshots with her in them, and checkpoints trained on those or started from such checkpoints."""
    snapshots = list(Snapshot.objects.filter(patients=patient).order_by("created_at"))
    held = [_entry("snapshot", row, row.folder) for row in snapshots]
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
    return held + [_entry("checkpoint", row, row.folder) for row in checkpoints]


def _entry(kind: str, row: Snapshot | Checkpoint, where: str) -> dict[str, str]:
    return {"kind": kind, "name": str(row), "id": str(row.pk), "where": where}
