"""Predictions of runs as the statistics want them, with the truth of each unit and the rows they come from."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import numpy as np
from django.utils.translation import gettext as _

from evaluation.reports.options import TableOptions
from evaluation.reports.strata import labelled, of_studies
from evaluation.statistics.mrmc_readings import BoolArray
from evaluation.statistics.score_cube import FloatArray
from mammo.archive.models import Pathology
from mammo.core.choices import PathologyClass
from mammo.core.errors import UserError
from modeling.models import Prediction, Run

# Test first: figures on validation were used to choose the weights, and are taken only where there is nothing else.
SIDES = ("test", "validation")


@dataclass(frozen=True)
class Unit:
    """One prediction with what is known about its unit."""

    prediction: str
    run: str
    unit: str
    patient: str
    study: UUID
    laterality: str
    value: float
    is_simulated: bool


@dataclass(frozen=True)
class Judged:
    """Units of one row whose truth is known.

    Attributes:
        key, label: of the row.
        run: run they come from; None for readers.
    """

    key: str
    label: str
    units: list[Unit]
    truth: BoolArray
    run: Run | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def scores(self) -> FloatArray:
        """(units,)."""
        return np.array([unit.value for unit in self.units])

    @property
    def patients(self) -> list[str]:
        """Patient of each unit: breasts of one patient depend on each other."""
        return [unit.patient for unit in self.units]

    def sources(self, **extra: Any) -> list[Mapping[str, Any]]:
        """Companion rows: one per prediction."""
        return [
            {
                "row": self.label,
                "prediction": unit.prediction,
                "run": unit.run,
                "unit": unit.unit,
                "value": unit.value,
                "truth": int(truth),
                "simulated": unit.is_simulated,
            }
            | extra
            for unit, truth in zip(self.units, self.truth, strict=True)
        ]


def chosen_runs(options: TableOptions, stages: Sequence[str], number: int) -> list[Run]:
    """The runs named by `--run`, else the latest run with predictions of each stage and variant.

    Raises:
        UserError: none is there; says which stages the table needs.
    """
    if options.runs:
        return list(options.runs)
    with_rows = Run.objects.filter(stage__in=stages, checkpoints__predictions__isnull=False)
    if options.sites is not None:
        with_rows = with_rows.filter(site__in=options.sites)
    if not options.simulated:
        with_rows = with_rows.filter(is_simulated=False)
    latest: dict[tuple[str, str, str], Run] = {}
    for run in with_rows.distinct().order_by("created_at"):
        latest[run.stage, run.variant, _encoder(run)] = run
    if not latest:
        raise UserError(
            _(
                "table %(number)s: no run of %(stages)s has predictions%(hint)s; train one, or name runs with --run"
            )
            % {
                "number": number,
                "stages": ", ".join(stages),
                "hint": "" if options.simulated else _(" (runs marked as simulated count with --simulated)"),
            }
        )
    return sorted(latest.values(), key=lambda run: run.created_at)


def _encoder(run: Run) -> str:
    return str(run.config.get("selector", "")) if run.stage == "encoder_probe" else ""


def run_label(run: Run) -> str:
    """Variant, encoder or name of a run."""
    return run.variant or _encoder(run) or str(run)


def units_of(
    run: Run, *, kind: str, method: str | None, unit_kind: str, simulated: bool
) -> tuple[list[Unit], str]:
    """Predictions of one run and kind on its test side (validation where it has no test), and that side."""
    rows = Prediction.objects.filter(checkpoint__run=run, kind=kind, unit_kind=unit_kind, study__isnull=False)
    if method is not None:
        rows = rows.filter(method=method)
    if not simulated:
        rows = rows.filter(is_simulated=False)
    for side in SIDES:
        found = list(rows.filter(side=side).select_related("study").order_by("unit", "-created_at"))
        if found:
            # Of several checkpoints the latest judged a unit last.
            once = {row.unit: row for row in reversed(found)}
            return [_unit(run, row) for _name, row in sorted(once.items())], side
    return [], ""


def _unit(run: Run, row: Prediction) -> Unit:
    study = row.study
    if study is None:
        raise ValueError(f"prediction {row.pk} has no study")
    return Unit(
        str(row.pk),
        str(run.pk),
        row.unit,
        str(study.patient_id),
        study.pk,
        row.laterality,
        row.value,
        row.is_simulated,
    )


def malignancy_of(units: Iterable[Unit]) -> dict[tuple[UUID, str], bool]:
    """Pathology of each breast that has one: malignant or not (high-risk lesions are not)."""
    found: dict[tuple[UUID, str], bool] = {}
    studies = {unit.study for unit in units}
    rows = Pathology.objects.filter(study__in=studies, replaced_by__isnull=True)
    for study, side, result in rows.values_list("study_id", "laterality", "result"):
        found[study, side] = found.get((study, side), False) or result == PathologyClass.MALIGNANT
    return found


def by_stratum(judged: Judged, by: str | None) -> list[Judged]:
    """The row, or one row per stratum of its studies."""
    if by is None:
        return [judged]
    strata = of_studies((unit.study for unit in judged.units), by)
    names = sorted(set(strata.values()))
    made = []
    for name in names:
        kept = [place for place, unit in enumerate(judged.units) if strata[unit.study] == name]
        made.append(
            Judged(
                f"{judged.key}:{name}",
                labelled(judged.label, by, name),
                [judged.units[place] for place in kept],
                judged.truth[kept],
                judged.run,
                list(judged.notes),
            )
        )
    return made


def side_note(sides: Iterable[str]) -> list[str]:
    """What to say where some run has no test side."""
    if "validation" not in set(sides):
        return []
    return [
        _("Some runs have no test patients: their validation patients stand in, on whom weights were chosen.")
    ]
