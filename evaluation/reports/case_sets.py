"""Which cases a row of Table 7 stands on, and what their truth rests on."""

from collections.abc import Collection

import numpy as np
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from evaluation import counted
from evaluation.models import ReaderStudy, ReaderStudyCase
from evaluation.reports.predictions import Judged, Unit, run_label
from evaluation.services.leakage import training_side
from modeling.models import Prediction, Run


def cases_read(study: ReaderStudy, names: Collection[str]) -> list[ReaderStudyCase]:
    """Cases of the study by the names that readings have (C001, …)."""
    rows = study.cases.select_related("study").order_by("position")
    return [case for case in rows if f"C{case.position:03d}" in names]


def judged_on_cases(
    run: Run, cases: Collection[ReaderStudyCase], *, method: str, simulated: bool
) -> Judged | None:
    """What a run said about the study's own cases, with the study's truth; None where it said nothing.

    Cases of patients whom the run was trained or chosen on are left out. A whole patient's case has the highest chance
    of her breasts.
    """
    rows = Prediction.objects.filter(
        checkpoint__run=run,
        kind="malignancy",
        method=method,
        unit_kind=Prediction.UnitKind.BREAST,
        study__in={case.study_id for case in cases},
    )
    if not simulated:
        rows = rows.filter(is_simulated=False)
    # Of several checkpoints the latest judged a breast last.
    latest = {(row.study_id, row.laterality): row for row in rows.order_by("created_at")}
    trained = {
        patient for checkpoint in run.checkpoints.all() for patient in training_side(checkpoint).patients
    }
    units, truth = [], []
    for case in cases:
        if case.study.patient_id in trained:
            continue
        own = [
            row
            for (of_study, side), row in latest.items()
            if of_study == case.study_id and case.laterality in ("", side)
        ]
        if own:
            row = max(own, key=lambda prediction: prediction.value)
            patient = str(case.study.patient_id)
            units.append(
                Unit(
                    *(str(row.pk), str(run.pk), row.unit, patient, case.study_id, row.laterality),
                    *(row.value, row.is_simulated),
                )
            )
            truth.append(case.truth)
    if not units:
        return None
    return Judged(str(run.pk), run_label(run), units, np.array(truth, dtype=bool), run)


def other_cases(label: str, judged: Judged, shared: int, cases: int) -> str:
    """The warning beside a row that does not stand on the cases of the readers."""
    return _(
        "%(label)s: judged on %(units)s, the readers on %(cases)s; %(shared)s in common: the rows compare case sets as "
        "well as methods."
    ) % {
        "label": label,
        "units": counted.cases(len(judged.units)),
        "cases": counted.cases(cases),
        "shared": counted.cases(shared),
    }


def verification_note(tissue: int, others: int) -> str:
    """What the truth of so many cases rests on, and what it is no measure of."""
    if not others:
        return _(
            "Every case has a biopsy (verification bias): sensitivity and specificity are not those of screening."
        )
    return ngettext(
        "%(tissue)s case has a biopsy, %(others)s a negative follow-up of two years or more alone (verification "
        "bias: who was biopsied was chosen); sensitivity and specificity are not those of screening.",
        "%(tissue)s cases have a biopsy, %(others)s a negative follow-up of two years or more alone (verification "
        "bias: who was biopsied was chosen); sensitivity and specificity are not those of screening.",
        tissue,
    ) % {"tissue": tissue, "others": others}
