"""What the tests of predictions and readers stand on: runs with checkpoints and what they predicted."""

from typing import Any

from mammo.accounts.models import Site
from mammo.archive.models import Pathology, Study
from modeling.models import Checkpoint, Prediction, Run

DENSITIES = "ABCD"


def run_of(
    site: Site, stage: str, *, variant: str = "", simulated: bool = False, **config: Any
) -> Checkpoint:
    """A run with one checkpoint."""
    run = Run.objects.create(
        site=site,
        name=f"{stage} {variant}",
        stage=stage,
        variant=variant,
        config=config,
        is_simulated=simulated,
    )
    return Checkpoint.objects.create(run=run, folder="/weights", sha256="a" * 64, is_simulated=simulated)


def predict(checkpoint: Checkpoint, study: Study, kind: str, value: float, **fields: Any) -> Prediction:
    side = fields.pop("laterality", "")
    return Prediction.objects.create(
        checkpoint=checkpoint,
        unit_kind="breast" if side else "study",
        unit=f"{study.pk}:{side}" if side else str(study.pk),
        study=study,
        laterality=side,
        kind=kind,
        method=fields.pop("method", "image"),
        value=value,
        is_simulated=checkpoint.is_simulated,
        **fields,
    )


def malignancy_run(
    site: Site,
    archive: list[Study],
    *,
    stage: str = "umicon_supervised",
    variant: str = "umicon",
    **fields: Any,
) -> Checkpoint:
    """Chances for every biopsied breast, by image, report and both."""
    checkpoint = run_of(site, stage, variant=variant, **fields)
    for place, row in enumerate(Pathology.objects.order_by("study__pk", "laterality")):
        base = 0.35 + 0.3 * (row.result == "malignant") + 0.05 * (place % 5)
        for method, shift in (("image", 0.0), ("report", -0.04 * (place % 3)), ("fused", 0.02)):
            predict(
                checkpoint, row.study, "malignancy", base + shift, laterality=row.laterality, method=method
            )
    return checkpoint


def cell(found: dict[str, Any], row: int, column: str) -> Any:
    return found["rows"][row]["cells"][column]
