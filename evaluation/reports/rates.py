"""AUC and rates of one row, with the checks that stand beside them."""

from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from evaluation.reports.predictions import Judged
from evaluation.reports.table import Cell
from evaluation.reports.validators import auc_of_two_values, auc_without_width, narrower_than_one_case
from evaluation.statistics.clustered_roc import clustered_auc
from evaluation.statistics.delong import auc
from evaluation.statistics.fourfold import Fourfold, at_prevalence, fourfold, rates
from evaluation.statistics.mrmc_readings import BoolArray
from evaluation.statistics.results import Estimate

RATES = ("accuracy", "sensitivity", "specificity", "ppv", "npv")


@dataclass
class RowFigures:
    """Cells of a row under construction, and the warnings they raise."""

    label: str
    sources: tuple[str, ...]
    cells: dict[str, Cell] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def put(self, key: str, estimate: Estimate | None, text: str = "") -> None:
        """Set one cell."""
        self.cells[key] = Cell(estimate, text=text, digits=3, sources=self.sources)


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
    figures: RowFigures, truth: BoolArray, called: BoolArray, *, prevalence: float | None = None
) -> Fourfold:
    """Rates of calls, their prevalence, and predictive values at another one."""
    counts = fourfold(truth, called)
    found = rates(counts)
    for name in RATES:
        figures.put(name, found.get(name))
    figures.put("prevalence", None, f"{counts.prevalence:.1%} ({counts.positives}/{counts.total})")
    if prevalence is not None and counts.positives and counts.negatives:
        for name, estimate in zip(("ppv_at", "npv_at"), at_prevalence(counts, prevalence), strict=True):
            figures.put(name, estimate)
    return counts
