"""Table 4: patients by reported category and pathology (the biopsied part of a training set)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from evaluation import counted
from evaluation.reports import paper_tables
from evaluation.reports.options import TableOptions
from evaluation.reports.strata import labelled, of_studies
from evaluation.reports.table import Cell, Column, Row, Table, software_version
from evaluation.reports.validators import sums_differ
from evaluation.reports.verification import TISSUE
from evaluation.statistics.results import Estimate
from mammo.archive.models import Pathology
from mammo.core.choices import Birads, PathologyClass
from mammo.core.errors import UserError

NUMBER = 4
# A 4 without a letter stands in its own column where there is one.
CATEGORIES = ("3", "4", "4A", "4B", "4C")


@dataclass(frozen=True)
class Biopsied:
    """One patient with tissue: her highest reported category, and whether anything was malignant."""

    patient: str
    study: Any
    category: str
    is_malignant: bool
    is_high_risk: bool
    pathology: tuple[str, ...]


def build(options: TableOptions) -> Table:
    """Count patients of a snapshot (or of the archive) with a biopsy of a breast reported as 3 to 4C.

    Raises:
        UserError: there is no such patient.
    """
    found = biopsied(options)
    strata = _strata(found, options.by)
    categories = [name for name in CATEGORIES if name != "4" or any(p.category == "4" for p in found)]
    rows: list[Row] = []
    warnings: list[str] = []
    for stratum, people in strata.items():
        rows += _rows(people, categories, options.by, stratum)
        warnings += _check(people, categories)
    if options.paper and options.by is None:
        rows = [_with_paper(row) for row in rows]
    return Table(
        number=NUMBER,
        caption=_caption(found, options),
        stub=_("Pathology"),
        columns=_columns(categories, options),
        rows=rows,
        method=_(
            "Counts of patients; each stands once, under her highest reported category of a biopsied breast."
        ),
        version=software_version(),
        notes=[*_notes(found, options), *warnings],
        is_simulated=options.simulated and _simulated(options, found),
        sources=[_source(person) for person in found],
    )


def biopsied(options: TableOptions) -> list[Biopsied]:
    """Patients with tissue results whose biopsied breast was reported as 3 or 4.

    Raises:
        UserError: there is none.
    """
    rows = _pathology(options).order_by("study__patient_id", "pk")
    by_patient: dict[str, list[Pathology]] = {}
    for row in rows.select_related("study"):
        if _category(row) in CATEGORIES:
            by_patient.setdefault(str(row.study.patient_id), []).append(row)
    if not by_patient:
        raise UserError(
            _(
                "table 4: no patient here has a biopsy of a breast reported as category 3 or 4; import pathology"
            )
            + ("" if options.simulated else " " + _("(rows marked as simulated count with --simulated)"))
        )
    return [_patient(patient, results) for patient, results in sorted(by_patient.items())]


def _pathology(options: TableOptions) -> QuerySet[Pathology]:
    rows = Pathology.objects.filter(method__in=TISSUE, replaced_by__isnull=True)
    if not options.simulated:
        rows = rows.filter(is_simulated=False, study__is_simulated=False)
    if options.sites is not None:
        rows = rows.filter(study__site__in=options.sites)
    if options.snapshot is not None:
        rows = rows.filter(study__patient__in=options.snapshot.patients.all())
    return rows


def _category(row: Pathology) -> str:
    study = row.study
    own = study.birads_left if row.laterality == "L" else study.birads_right
    return str(own or study.birads_overall)


def _patient(patient: str, results: list[Pathology]) -> Biopsied:
    order = list(Birads.values)
    highest = max(results, key=lambda row: order.index(_category(row)))
    return Biopsied(
        patient,
        highest.study_id,
        _category(highest),
        any(row.result == PathologyClass.MALIGNANT for row in results),
        any(row.result == PathologyClass.HIGH_RISK for row in results),
        tuple(str(row.pk) for row in results),
    )


def _strata(found: list[Biopsied], by: str | None) -> dict[str | None, list[Biopsied]]:
    if by is None:
        return {None: found}
    strata = of_studies((person.study for person in found), by)
    return {
        name: [person for person in found if strata[person.study] == name]
        for name in sorted(set(strata.values()))
    }


def _rows(people: list[Biopsied], categories: list[str], by: str | None, stratum: str | None) -> list[Row]:
    parts = (
        ("negative", _("Negative"), [p for p in people if not p.is_malignant]),
        ("positive", _("Positive (malignant)"), [p for p in people if p.is_malignant]),
        ("total", _("Total"), people),
    )
    made = []
    for key, label, members in parts:
        cells = {name: _count([p for p in members if p.category == name]) for name in categories}
        cells["total"] = _count(members)
        made.append(Row(key if stratum is None else f"{key}:{stratum}", labelled(label, by, stratum), cells))
    return made


def _count(members: list[Biopsied]) -> Cell:
    sources = tuple(person.patient for person in members)
    return Cell(Estimate(float(len(members)), None, "count", n=len(members)), digits=0, sources=sources)


def _columns(categories: list[str], options: TableOptions) -> list[Column]:
    names = [*categories, "total"]
    columns: list[Column] = []
    for name in names:
        heading = _("Total") if name == "total" else name
        columns.append(Column(name, heading))
        if options.paper and options.by is None and name != "4":
            columns.append(Column(f"{name}_paper", heading, from_paper=True))
    return columns


def _with_paper(row: Row) -> Row:
    figures = zip(("3", "4A", "4B", "4C", "total"), paper_tables.TABLE_4[row.key], strict=True)
    paper = {
        f"{name}_paper": Cell(Estimate(float(v), None, "as printed in the paper"), digits=0)
        for name, v in figures
    }
    return Row(row.key, row.label, {**row.cells, **paper})


def _check(people: list[Biopsied], categories: list[str]) -> list[str]:
    counts = [sum(person.category == name for person in people) for name in categories]
    return sums_differ(_("patients by category"), counts, len(people))


def _caption(found: list[Biopsied], options: TableOptions) -> str:
    where = options.snapshot.name if options.snapshot is not None else _("the whole archive")
    caption = _(
        "Table 4. Patients with a biopsied breast reported as BI-RADS 3 to 4C, by category and pathology "
        "(%(count)s, %(malignant)s malignant; %(where)s)."
    ) % {
        "count": counted.patients(len(found)),
        "malignant": sum(p.is_malignant for p in found),
        "where": where,
    }
    if options.simulated and _simulated(options, found):
        caption += " " + _("Not a result: %(what)s.") % {"what": _("synthetic patients")}
    return caption


def _simulated(options: TableOptions, found: list[Biopsied]) -> bool:
    return (
        _pathology(options)
        .filter(pk__in=[pk for p in found for pk in p.pathology], is_simulated=True)
        .exists()
    )


def _notes(found: list[Biopsied], options: TableOptions) -> list[str]:
    notes = [
        _(
            "Verification bias: only biopsied breasts stand here; the share of malignant ones among biopsied "
            "BI-RADS 3 is not that of all BI-RADS 3."
        )
    ]
    high_risk = sum(person.is_high_risk and not person.is_malignant for person in found)
    if high_risk:
        notes.append(
            ngettext(
                "%(count)s patient with a high-risk lesion counts as negative.",
                "%(count)s patients with a high-risk lesion count as negative.",
                high_risk,
            )
            % {"count": high_risk}
        )
    if options.paper:
        notes.append(
            _("The paper's text gives 1,914 benign BI-RADS 4 (56.66 %); its own table gives 1,494 (44.23 %).")
        )
    return notes


def _source(person: Biopsied) -> Mapping[str, Any]:
    return {
        "patient": person.patient,
        "category": person.category,
        "malignant": person.is_malignant,
        "pathology": " ".join(person.pathology),
    }
