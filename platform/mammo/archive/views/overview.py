"""What the archive holds, as counts, figures and files."""

import csv
from dataclasses import dataclass

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from mammo.accounts import audit
from mammo.accounts.models import Site
from mammo.accounts.site_letters import site_letters
from mammo.archive.models import Study
from mammo.archive.overview import CountTable, overview_tables
from mammo.archive.views.access import signed_in

# Pixels of a bar's row, and of the longest bar.
ROW, WIDEST = 22, 210
READERS = ("data_manager", "researcher", "statistician")


@login_required
@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    """All tables of counts; of simulated studies where nobody chose and no real one is there."""
    user = signed_in(request)
    if not request.GET and user.has_role(*READERS):
        held = Study.objects.filter(site__in=user.sites_as(*READERS)).order_by()
        if set(held.values_list("is_simulated", flat=True).distinct()) == {True}:
            return redirect(f"{request.path}?simulated")
    simulated = "simulated" in request.GET
    held = Study.objects.filter(site__in=user.sites_as(*READERS), is_simulated=simulated)
    figures = [_figure(table) for table in _tables(request)]
    letters = site_letters()
    sites = [(letters[site.pk], site) for site in user.sites_as(*READERS)]
    context = {
        "figures": figures,
        "is_empty": not held.exists(),
        "simulated": simulated,
        "sites": sorted(sites, key=_letter),
    }
    return render(request, "archive/overview.html", context)


def _letter(pair: tuple[str, Site]) -> tuple[int, str]:
    return len(pair[0]), pair[0]


@login_required
@require_safe
def table_csv(request: HttpRequest, name: str) -> HttpResponse:
    """One table as CSV (UTF-8 with a mark, so that spreadsheets read Chinese); put on record."""
    table = next((each for each in _tables(request) if each.name == name), None)
    if table is None:
        raise Http404
    _put_on_record(request, name, "csv")
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{table.name}.csv"'
    response.write("\ufeff")
    writer = csv.writer(response)
    writer.writerow(table.head)
    writer.writerows(table.rows)
    return response


@login_required
@require_safe
def figure_svg(request: HttpRequest, name: str) -> HttpResponse:
    """One table's figure as a file (SVG); put on record."""
    table = next((each for each in _tables(request) if each.name == name), None)
    figure = _figure(table) if table is not None else None
    if figure is None or not figure.bars:
        raise Http404
    response = render(
        request, "archive/_count_figure.svg", {"figure": figure, "alone": True}, content_type="image/svg+xml"
    )
    _put_on_record(request, name, "svg")
    response["Content-Disposition"] = f'attachment; filename="{name}.svg"'
    return response


def _put_on_record(request: HttpRequest, name: str, kind: str) -> None:
    """Counts of all the reader's sites: the event belongs to none of them."""
    simulated = "simulated" in request.GET
    user = signed_in(request)
    audit.record("archive.overview_downloaded", by_user=user, table=name, kind=kind, simulated=simulated)


def _tables(request: HttpRequest) -> list[CountTable]:
    user = signed_in(request)
    if not user.has_role(*READERS):
        raise Http404
    return overview_tables(user.sites_as(*READERS), simulated="simulated" in request.GET)


@dataclass(frozen=True)
class Bar:
    """One bar of a figure, in the figure's own units."""

    name: str
    count: int
    width: int
    top: int

    @property
    def baseline(self) -> int:
        """Where the bar's words stand."""
        return self.top + 14


@dataclass(frozen=True)
class Figure:
    """A table and its bars; none where it has no rows."""

    table: CountTable
    bars: list[Bar]

    @property
    def height(self) -> int:
        """Of the drawing."""
        return len(self.bars) * ROW


def _figure(table: CountTable) -> Figure:
    series = _series(table)
    most = max((count for _name, count in series), default=0)
    bars = [
        Bar(name, count, round(WIDEST * count / most) if most else 0, number * ROW)
        for number, (name, count) in enumerate(series)
    ]
    return Figure(table, bars)


def _series(table: CountTable) -> list[tuple[str, int]]:
    """Names and counts of a table's bars: Table 4 by category and result, Table 9 by category.

    Of section 4.1 all but the hospitals: a handful beside thousands would be no bar.
    """
    if table.name == "section_4_1":
        return [(str(row[0]), int(row[1])) for row in table.rows if row[0] != _("Hospitals")]
    if table.name == "table_4":
        return [
            (f"BI-RADS {category}: {row[0]}", int(row[column]))
            for column, category in enumerate(table.head[1:-1], start=1)
            for row in table.rows[:-1]
        ]
    if table.name == "table_9":
        return [(f"BI-RADS {row[1]}: {row[0]}", int(row[2])) for row in table.rows]
    return [(str(row[0]), int(row[1])) for row in table.rows]
