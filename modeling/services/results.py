"""A stage's answer file as rows: checkpoints, points of curves, predictions with their study and breast."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from mammo.archive.models import Study
from mammo.core.choices import Laterality
from mammo.core.errors import UserError
from modeling.models import Checkpoint, Metric, Prediction, Run

KINDS = ("checkpoint", "metric", "prediction")
# What the process that did the work tells of code, machine and weights that it read; stored with the run.
ENVIRONMENT = "environment"


def store_results(run: Run, rows: Iterable[dict[str, Any]]) -> dict[str, int]:
    """Store the rows of a finished run.

    Returns:
        counts by kind.

    Raises:
        UserError: no checkpoint came, a row has an unknown kind, or a prediction names an unknown study.
    """
    sorted_rows: dict[str, list[dict[str, Any]]] = {kind: [] for kind in (*KINDS, ENVIRONMENT)}
    for row in rows:
        if row.get("kind") not in sorted_rows:
            raise UserError(
                f"run {run.pk}: its answer has a row of kind {row.get('kind')!r}; known: {', '.join(KINDS)}"
            )
        sorted_rows[row["kind"]].append(row)
    if not sorted_rows["checkpoint"]:
        raise UserError(f"run {run.pk}: its answer names no checkpoint")
    for row in sorted_rows.pop(ENVIRONMENT):
        run.environment = {**run.environment, **row["told"]}
        run.save(update_fields=["environment"])
    checkpoints = [_checkpoint(run, row) for row in sorted_rows["checkpoint"]]
    Metric.objects.bulk_create(_metrics(run, sorted_rows["metric"]), batch_size=500)
    # Predictions are those of the finished model: the last checkpoint of the file.
    predictions = _predictions(checkpoints[-1], sorted_rows["prediction"])
    Prediction.objects.bulk_create(predictions, batch_size=500)
    return {kind: len(found) for kind, found in sorted_rows.items()}


def _checkpoint(run: Run, row: dict[str, Any]) -> Checkpoint:
    return Checkpoint.objects.create(
        run=run,
        folder=row["path"],
        sha256=row["sha256"],
        step=int(row.get("step") or 0),
        epoch=float(row.get("epoch") or 0.0),
        metrics=row.get("metrics") or {},
        is_simulated=run.is_simulated,
    )


def _metrics(run: Run, rows: Iterable[dict[str, Any]]) -> list[Metric]:
    # A resumed run may report a step twice; the later value is that of the weights that were kept.
    points = {(int(row["step"]), str(row["name"])): row for row in rows}
    return [
        Metric(run=run, step=step, name=name, epoch=float(row.get("epoch") or 0.0), value=float(row["value"]))
        for (step, name), row in points.items()
    ]


def _predictions(checkpoint: Checkpoint, rows: list[dict[str, Any]]) -> list[Prediction]:
    named = {row["unit"]: _study_id(row) for row in rows}
    known = set(Study.objects.filter(pk__in={pk for pk in named.values() if pk}).values_list("pk", flat=True))
    made = []
    for row in rows:
        study = named[row["unit"]]
        if study is not None and study not in known:
            raise UserError(
                f"run {checkpoint.run_id}: a prediction names study {study}, which is not in the archive"
            )
        made.append(
            Prediction(
                checkpoint=checkpoint,
                unit_kind=row["unit_kind"],
                unit=row["unit"],
                study_id=study,
                laterality=_side(row["unit"]),
                kind=row["name"],
                method=row.get("method") or "",
                side=row.get("split") or "test",
                value=float(row["value"]),
                is_simulated=checkpoint.is_simulated,
            )
        )
    return made


def _study_id(row: dict[str, Any]) -> UUID | None:
    """The study of a unit `<study>`, `<study>:L` or `<study>:L:CC`; a question is no study."""
    if row["unit_kind"] == Prediction.UnitKind.QUESTION:
        return None
    return UUID(str(row["unit"]).partition(":")[0])


def _side(unit: str) -> str:
    parts = unit.split(":")
    return parts[1] if len(parts) > 1 and parts[1] in Laterality.values else ""
