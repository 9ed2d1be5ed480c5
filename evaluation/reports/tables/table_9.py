"""Table 9: the studies of a screening test set by reported category."""

from collections.abc import Sequence

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from evaluation import counted
from evaluation.reports import paper_tables
from evaluation.reports.options import TableOptions
from evaluation.reports.strata import labelled, of_studies
from evaluation.reports.table import Cell, Column, Row, Table, software_version
from evaluation.reports.validators import sums_differ
from evaluation.statistics.results import Estimate
from mammo.archive.models import SplitMembership, Study
from mammo.core.errors import UserError

NUMBER = 9
MALIGNANT, BENIGN, EXCLUDED = ("4", "4A", "4B", "4C", "5", "6"), ("1", "2", "3"), ("0",)


def groups() -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    """(key, label, categories) of the three groups."""
    return (
        ("malignant", _("Malignant mammograms"), MALIGNANT),
        ("benign", _("Benign mammograms"), BENIGN),
        ("excluded", _("Excluded"), EXCLUDED),
    )


def screened_studies(options: TableOptions) -> QuerySet[Study]:
    """Studies of the test side of the snapshot's split; the whole archive without a snapshot."""
    rows = Study.objects.exclude(birads_overall="")
    if not options.simulated:
        rows = rows.filter(is_simulated=False)
    if options.sites is not None:
        rows = rows.filter(site__in=options.sites)
    if options.snapshot is None:
        return rows
    if options.snapshot.split is None:
        return rows.filter(patient__in=options.snapshot.patients.all())
    members = SplitMembership.objects.filter(split=options.snapshot.split, side=SplitMembership.Side.TEST)
    return rows.filter(patient__in=members.values("patient"))


def build(options: TableOptions) -> Table:
    """Count studies by their overall category.

    Raises:
        UserError: no study here has a category.
    """
    found = list(screened_studies(options).order_by("pk").values_list("pk", "birads_overall", "is_simulated"))
    if not found:
        raise UserError(
            _("table 9: no study here has a BI-RADS category")
            + ("" if options.simulated else " " + _("(rows marked as simulated count with --simulated)"))
        )
    strata = of_studies((pk for pk, _category, _sim in found), options.by) if options.by else {}
    rows: list[Row] = []
    for stratum in sorted(set(strata.values())) if options.by else [None]:
        kept = [
            (str(pk), category) for pk, category, _sim in found if not options.by or strata[pk] == stratum
        ]
        rows += _rows(kept, options, stratum)
    is_simulated = any(sim for _pk, _category, sim in found)
    where = options.snapshot.name if options.snapshot is not None else _("the whole archive")
    caption = _("Table 9. %(count)s by reported BI-RADS category (%(where)s).") % {
        "count": counted.studies(len(found)),
        "where": where,
    }
    if is_simulated:
        caption += " " + _("Not a result: %(what)s.") % {"what": _("synthetic patients")}
    return Table(
        number=NUMBER,
        caption=caption,
        stub=_("Mammograms"),
        columns=_columns(options),
        rows=rows,
        method=_(
            "Malignant: BI-RADS 4 to 6; benign: 1 to 3; 0 is excluded. Categories are reported, not proven."
        ),
        version=software_version(),
        notes=_check(found),
        is_simulated=is_simulated,
        sources=[{"study": str(pk), "category": category, "simulated": sim} for pk, category, sim in found],
    )


def _columns(options: TableOptions) -> list[Column]:
    columns = [Column("count", _("Count"))]
    if options.paper and options.by is None:
        columns.append(Column("count_paper", _("Count"), from_paper=True))
    return [*columns, Column("total", _("Total"))]


def _rows(kept: Sequence[tuple[str, str]], options: TableOptions, stratum: str | None) -> list[Row]:
    made = []
    for key, label, categories in groups():
        members = [(pk, category) for pk, category in kept if category in categories]
        total = _count([pk for pk, _category in members])
        # A 4 with a letter has a row of its own only where it occurs.
        shown = [c for c in categories if len(c) == 1 or any(category == c for _pk, category in members)]
        for place, category in enumerate(shown):
            cells = {"count": _count([pk for pk, c in members if c == category])}
            if place == 0:
                cells["total"] = total
            if options.paper and options.by is None and category in paper_tables.TABLE_9:
                figure = Estimate(float(paper_tables.TABLE_9[category]), None, "as printed in the paper")
                cells["count_paper"] = Cell(figure, digits=0)
            name = labelled(f"{label}, BI-RADS {category}", options.by, stratum)
            made.append(Row(f"{key}:{category}" + (f":{stratum}" if stratum else ""), name, cells))
    return made


def _count(pks: Sequence[str]) -> Cell:
    return Cell(Estimate(float(len(pks)), None, "count", n=len(pks)), digits=0, sources=tuple(pks))


def _check(found: Sequence[tuple[object, str, bool]]) -> list[str]:
    known = [c for _key, _label, categories in groups() for c in categories]
    counts = [sum(category == name for _pk, category, _sim in found) for name in known]
    return sums_differ(_("studies by category"), counts, len(found))
