"""What the archive holds, counted as section 4.1 and Tables 4 and 9 of the paper count it."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, QuerySet
from django.utils.translation import gettext as _

from mammo.accounts.models import Site
from mammo.archive.models import Image, Pathology, Patient, Study
from mammo.core.choices import Density, PathologyClass, Vendor


@dataclass(frozen=True)
class CountTable:
    """A table of counts.

    Attributes:
        name: of its file and its place on the page.
        note: how it was counted.
        head: of the columns; the first column holds the rows' names.
    """

    name: str
    title: str
    note: str
    head: Sequence[str]
    rows: Sequence[Sequence[str | int]]


def overview_tables(sites: QuerySet[Site], *, simulated: bool) -> list[CountTable]:
    """All tables over some sites; rows of women who withdrew do not count.

    Args:
        simulated: count simulated studies instead of real ones, never both together.
    """
    studies = Study.objects.filter(site__in=sites, patient__erased_at=None, is_simulated=simulated)
    return [_whole(studies), _density(studies), _views(studies), _pathology(studies), _screening(studies)]


def _whole(studies: QuerySet[Study]) -> CountTable:
    images = Image.objects.filter(study__in=studies)
    rows: list[tuple[str, int]] = [
        (_("Studies"), studies.count()),
        (_("Studies with a report"), studies.filter(reports__isnull=False).distinct().count()),
        (_("Patients"), Patient.objects.filter(studies__in=studies).distinct().count()),
        (_("Hospitals"), studies.values("site").distinct().count()),
        (_("Images"), images.count()),
        *(
            (
                _("Studies of %(vendor)s") % {"vendor": Vendor(vendor).label}
                if vendor
                else _("Studies without a vendor"),
                count,
            )
            for vendor, count in studies.order_by("vendor").values_list("vendor").annotate(Count("pk"))
        ),
    ]
    return CountTable("section_4_1", _("The data set (section 4.1)"), "", (_("What"), _("Count")), rows)


def _density(studies: QuerySet[Study]) -> CountTable:
    counts = dict(studies.order_by().values_list("density").annotate(Count("pk")))
    rows = [(str(label), counts.get(value, 0)) for value, label in Density.choices]
    rows.append((_("not stated"), counts.get("", 0)))
    return CountTable("density", _("Studies by density"), "", (_("Density"), _("Studies")), rows)


def _views(studies: QuerySet[Study]) -> CountTable:
    images = Image.objects.filter(study__in=studies).order_by("view", "laterality")
    rows = [
        (f"{side} {view}", count)
        for side, view, count in images.values_list("laterality", "view").annotate(Count("pk"))
    ]
    return CountTable("views", _("Images by side and view"), "", (_("View"), _("Images")), rows)


def _pathology(studies: QuerySet[Study]) -> CountTable:
    """Table 4: patients with BI-RADS 3 or 4 and pathology; the worst result of a patient decides."""
    categories = ("3", "4", "4A", "4B", "4C")
    proven = Pathology.objects.filter(
        study__in=studies.filter(birads_overall__in=categories), replaced_by=None
    ).exclude(result="")
    results: dict[object, set[str]] = {}
    reported: dict[object, str] = {}
    for patient, category, result in proven.values_list("study__patient", "study__birads_overall", "result"):
        results.setdefault(patient, set()).add(result)
        reported[patient] = max(reported.get(patient, ""), category)
    malignant = {patient for patient, found in results.items() if PathologyClass.MALIGNANT in found}
    shown = [category for category in categories if category != "4" or "4" in reported.values()]
    rows: list[tuple[str | int, ...]] = []
    for label, members in ((_("Negative"), set(results) - malignant), (_("Positive"), malignant)):
        counts = [sum(reported[patient] == category for patient in members) for category in shown]
        rows.append((label, *counts, sum(counts)))
    totals = [sum(int(row[column]) for row in rows) for column in range(1, len(shown) + 2)]
    rows.append((_("Total"), *totals))
    return CountTable(
        "table_4",
        _("Table 4: patients with pathology, by reported BI-RADS"),
        _(
            "Highest category of a patient; positive: any malignant result. High-risk lesions count as negative."
        ),
        (_("Pathology"), *shown, _("Total")),
        rows,
    )


def _screening(studies: QuerySet[Study]) -> CountTable:
    """Table 9: studies by reported BI-RADS, gathered as malignant (4 to 6), benign (1 to 3) and excluded (0)."""
    counts = dict(studies.order_by().values_list("birads_overall").annotate(Count("pk")))
    groups = (
        (_("Malignant"), ("4", "4A", "4B", "4C", "5", "6")),
        (_("Benign"), ("1", "2", "3")),
        (_("Excluded"), ("0",)),
    )
    rows = [
        (label, category, counts.get(category, 0), sum(counts.get(each, 0) for each in categories))
        for label, categories in groups
        for category in categories
        if counts.get(category, 0) or category in ("0", "1", "2", "3", "4", "5", "6")
    ]
    return CountTable(
        "table_9",
        _("Table 9: studies by reported BI-RADS"),
        _("By the report, not by pathology. Studies without a category are left out."),
        (_("Mammograms"), "BI-RADS", _("Count"), _("Total")),
        rows,
    )
