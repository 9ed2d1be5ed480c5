"""AUC and rates of one row, with the checks that stand beside them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from evaluation.reports.predictions import Judged
from evaluation.reports.table import Cell
from evaluation.reports.validators import (
    auc_of_two_values,
    auc_without_width,
    narrower_than_one_case,
    rates_fit,
    sums_differ,
)
from evaluation.statistics.clustered_roc import clustered_auc
from evaluation.statistics.clustered_shares import effective_size, rates_of_units
from evaluation.statistics.delong import auc
from evaluation.statistics.fourfold import Fourfold, at_prevalence, fourfold
from evaluation.statistics.mrmc_readings import BoolArray
from evaluation.statistics.results import Estimate

DIGITS = 3
RATE_NAMES = {"accuracy": "ACC", "sensitivity": "SEN", "specificity": "SPC", "ppv": "PPV", "npv": "NPV"}
RATES = ("accuracy", "sensitivity", "specificity", "ppv", "npv")

CLUSTERED = gettext_noop(
    "Some patients have several breasts or studies here: intervals take patients as clusters (AUC: Obuchowski 1997; "
    "rates: Rao and Scott 1992)."
)


@dataclass
class RowFigures:
    """Cells of a row under construction, and the warnings they raise."""

    label: str
    sources: tuple[str, ...]
    cells: dict[str, Cell] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    is_clustered: bool = False

    def put(self, key: str, estimate: Estimate | None, text: str = "") -> None:
        """Set one cell."""
        self.cells[key] = Cell(estimate, text=text, digits=DIGITS, sources=self.sources)


def cluster_note(rows: Iterable[RowFigures]) -> list[str]:
    """What to say where a patient has several units in a row."""
    return [_(CLUSTERED)] if any(row.is_clustered for row in rows) else []


def area_of(judged: Judged, level: float = 0.95) -> Estimate:
    """AUC: clustered where patients have several units, else DeLong's.

    Raises:
        ValueError: too few cases of a class.
    """
    patients = judged.patients
    if len(set(patients)) < len(patients):
        return clustered_auc(judged.truth, judged.scores, patients, level=level)
    return auc(judged.truth, judged.scores, level=level)


def put_area(figures: RowFigures, judged: Judged, key: str = "auc") -> None:
    """The AUC cell with its checks; a text where it is not defined."""
    figures.is_clustered |= len(set(judged.patients)) < len(judged.patients)
    try:
        area = area_of(judged)
    except ValueError as error:
        figures.put(key, None, _("not defined"))
        figures.warnings.append(f"{figures.label}: {error}.")
        return
    figures.put(key, area)
    figures.warnings += auc_of_two_values(figures.label, judged.scores.tolist())
    figures.warnings += narrower_than_one_case(figures.label, area, len(judged.units))
    figures.warnings += auc_without_width(figures.label, area, len(judged.units))


def put_rates(
    figures: RowFigures, judged: Judged, called: BoolArray, *, prevalence: float | None = None
) -> Fourfold:
    """Rates of calls (units,), their prevalence, and predictive values at another one; patients are clusters."""
    truth, patients = judged.truth, judged.patients
    counts = fourfold(truth, called)
    found = rates_of_units(truth, called, patients)
    for name in RATES:
        figures.put(name, found.get(name))
    figures.warnings += checks(figures.label, counts, found)
    figures.put("prevalence", None, f"{counts.prevalence:.1%} ({counts.positives}/{counts.total})")
    if prevalence is not None and counts.positives and counts.negatives:
        of_patient = np.asarray(patients, dtype=object)
        m, n = (
            effective_size((truth == called)[mask], of_patient[mask].tolist()) for mask in (truth, ~truth)
        )
        shifted = at_prevalence(counts, prevalence, sizes=(m, n))
        for name, estimate in zip(("ppv_at", "npv_at"), shifted, strict=True):
            figures.put(name, estimate)
    return counts


def checks(label: str, counts: Fourfold, found: Mapping[str, Estimate]) -> list[str]:
    """The rates as printed against their counts, their intervals against one case, and the sums of the counts."""
    cases = {
        "accuracy": counts.total,
        "sensitivity": counts.positives,
        "specificity": counts.negatives,
        "ppv": counts.tp + counts.fp,
        "npv": counts.tn + counts.fn,
    }
    warnings = sums_differ(label, (counts.tp, counts.fp, counts.fn, counts.tn), counts.total)
    for name, estimate in found.items():
        # One case alone says nothing of its width.
        if cases[name] > 1:
            warnings += narrower_than_one_case(f"{label} ({RATE_NAMES[name]})", estimate, cases[name])
    printed = [round(found[name].value, DIGITS) for name in RATES[1:] if name in found]
    if len(printed) == len(RATES) - 1:
        sen, spc, ppv, npv = printed
        rates = (sen, spc, ppv, npv)
        warnings += rates_fit(label, counts.total, rates, digits=DIGITS, positives=counts.positives)
    return warnings
