"""What the archive holds, as counts, figures and files."""

import csv
from dataclasses import dataclass

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from mammo.archive.overview import CountTable, overview_tables
from mammo.archive.views.access import signed_in

# Pixels of a bar's row, and of the longest bar.
ROW, WIDEST = 22, 210
READERS = ("data_manager", "researcher", "statistician")


@login_required
@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    """All tables of counts."""
    figures = [_figure(table) for table in _tables(request)]
    context = {"figures": figures, "simulated": "simulated" in request.GET}
    return render(request, "archive/overview.html", context)


@login_required
@require_safe
def table_csv(request: HttpRequest, name: str) -> HttpResponse:
    """One table as CSV (UTF-8 with a mark, so that spreadsheets read Chinese)."""
    table = next((each for each in _tables(request) if each.name == name), None)
    if table is None:
        raise Http404
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{table.name}.csv"'
    response.write("\ufeff")
    writer = csv.writer(response)
    writer.writerow(table.head)
    writer.writerows(table.rows)
    return response


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
    """A table and its bars; none for tables that are no single series of counts."""

    table: CountTable
    bars: list[Bar]

    @property
    def height(self) -> int:
        """Of the drawing."""
        return len(self.bars) * ROW


def _figure(table: CountTable) -> Figure:
    if len(table.head) != 2 or table.name == "section_4_1":
        return Figure(table, [])
    most = max((int(row[1]) for row in table.rows), default=0)
    return Figure(
        table,
        [
            Bar(str(row[0]), int(row[1]), round(WIDEST * int(row[1]) / most) if most else 0, number * ROW)
            for number, row in enumerate(table.rows)
        ],
    )
