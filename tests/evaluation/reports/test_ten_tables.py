"""Each of the ten tables: on its page every number links to its rows, and its six files carry the page's numbers."""

import csv
import html
import io
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import openpyxl
import pytest
from django.test import Client
from django.urls import reverse
from docx import Document

from evaluation.models import ReaderStudy, Trial
from evaluation.reports.options import TableOptions
from evaluation.reports.table import Cell, Column, Row, Table
from evaluation.reports.tables import TRIAL_TABLES, build_table
from evaluation.reports.writers import WRITERS
from evaluation.reports.writers.latex import escaped
from evaluation.statistics.results import Estimate
from evaluation.views.tables import _rows_behind
from mammo.accounts.models import Site, User
from mammo.archive.models import Study
from tests.evaluation.reports.test_strata import hospital, locked  # noqa: F401 (the fixtures)
from tests.evaluation.services.test_masks import unblind

Texts = list[list[str]]


def shown_of(table: Table) -> Texts:
    return [[row.label, *(table.cell(row, column).shown for column in table.columns)] for row in table.rows]


def from_docx(raw: bytes) -> Texts:
    return [[cell.text for cell in row.cells] for row in Document(io.BytesIO(raw)).tables[0].rows[1:]]


def from_markdown(raw: bytes) -> Texts:
    lines = [line for line in raw.decode().splitlines() if line.startswith("| ")][1:]
    cells = [re.split(r" (?<!\\)\| ", line[2:-2]) for line in lines]
    return [[re.sub(r"\\(.)", r"\1", html.unescape(text)) for text in line] for line in cells]


def from_html(raw: bytes) -> Texts:
    body = raw.decode().partition("<tbody>")[2].partition("</tbody>")[0]
    rows = [
        re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S) for row in re.findall(r"<tr>(.*?)</tr>", body)
    ]
    return [[html.unescape(re.sub(r"<[^>]+>", "", text)) for text in row] for row in rows]


def from_latex(raw: bytes) -> Texts:
    body = raw.decode().partition("\\midrule\n")[2].partition("\\bottomrule")[0]
    return [line.strip().removesuffix(r" \\")[1:-1].split("} & {") for line in body.strip().splitlines()]


READ: dict[str, Callable[[bytes], Texts]] = {
    "docx": from_docx, "md": from_markdown, "html": from_html, "tex": from_latex,
}  # fmt: skip


def flat_of(table: Table) -> list[list[Any]]:
    """Value, limits and count of every cell, the paper's value alone: what a spreadsheet is to hold."""
    found = []
    for row in table.rows:
        values: list[Any] = [row.label]
        for column in table.columns:
            cell = table.cell(row, column)
            one = cell.estimate
            limits = (one.interval if one else None) or (None, None)
            whole = [one.value, *limits, one.n] if one else [cell.text or None, None, None, None]
            values += whole[:1] if column.from_paper else whole
        found.append(values)
    return found


def from_csv(raw: bytes) -> list[list[Any]]:
    lines = list(csv.reader(io.StringIO(raw.decode("utf-8-sig"))))
    return [[value or None for value in line] for line in lines[1 : lines.index([])]]


def from_xlsx(raw: bytes) -> list[list[Any]]:
    lines = [
        list(line) for line in openpyxl.load_workbook(io.BytesIO(raw)).active.iter_rows(values_only=True)
    ]
    empty = next(place for place, line in enumerate(lines) if not any(value is not None for value in line))
    return lines[1:empty]


def same_flat(found: list[list[Any]], expected: list[list[Any]]) -> None:
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        assert len(ours) == len(theirs)
        for value, wanted in zip(ours, theirs, strict=True):
            if isinstance(wanted, float | int):
                assert float(value) == pytest.approx(wanted, rel=1e-12)
            else:
                assert value == wanted


def check_files(table: Table, downloaded: bytes) -> None:
    """Every format of the table holds its numbers; what the page gave is one of them, CSV."""
    for kind, write in WRITERS.items():
        raw, where = write(table), (table.number, kind)
        if kind in READ:
            wanted = shown_of(table)
            wanted = [[escaped(text) for text in row] for row in wanted] if kind == "tex" else wanted
            assert READ[kind](raw) == wanted, where
        else:
            same_flat({"csv": from_csv, "xlsx": from_xlsx}[kind](raw), flat_of(table))
    same_flat(from_csv(downloaded), flat_of(table))


def check_links(table: Table, page: str, open_rows: Callable[[str], str], *, is_masked: bool = False) -> None:
    """Every number of ours links to its rows, which are there (masked: without their ids); nothing else is a link."""
    body = page.partition("<tbody>")[2].partition("</tbody>")[0]
    assert from_html(page.encode()) == shown_of(table), table.number
    links = {}
    for address in map(html.unescape, re.findall(r'<a href="([^"]+)"', body)):
        asked = parse_qs(urlsplit(address).query)
        links[asked["row"][0], asked["column"][0]] = address
    cells = {(row.key, column.key): table.cell(row, column) for row in table.rows for column in table.columns}
    paper = {column.key for column in table.columns if column.from_paper}
    # A count of none has no row.
    numbers = {
        place
        for place, cell in cells.items()
        if (one := cell.estimate) is not None
        and place[1] not in paper
        and not (one.method == "count" and one.value == 0)
    }
    assert numbers, table.number
    assert numbers <= set(links), (table.number, numbers - set(links))
    assert set(links) == {place for place, cell in cells.items() if cell.sources}
    for place in links:
        cell = cells[place]
        found, count = _rows_behind(table, cell)
        assert count == len(set(cell.sources)) > 0, (table.number, place)
        named = {str(value) for source in found for value in source.values()}
        assert set(cell.sources) <= named, (table.number, place)
        assert all({str(value) for value in source.values()} & set(cell.sources) for source in found)
        if cell.estimate is not None and cell.estimate.method == "count":
            assert count == cell.estimate.value == len(found), (table.number, place)
    place = list(links)[-1]
    rows, sources = open_rows(links[place]), cells[place].sources
    assert re.search(rf"\b{len(sources)} rows? stands? behind this number", rows), (table.number, place)
    listed = rows.partition("<tbody>")[2].partition("</tbody>")[0]
    assert 0 < listed.count("<tr>") <= len(sources), (table.number, place)
    assert [source in listed for source in sources] == [not is_masked] * len(sources), (table.number, place)


def visitor(user: User) -> tuple[Client, Callable[[str], str]]:
    client = Client()
    client.force_login(user)
    return client, lambda address: client.get(address).content.decode()


@pytest.mark.slow
@pytest.mark.parametrize("is_masked", [True, False])
def test_tables_of_a_trial(locked: Trial, rita: User, stan: User, is_masked: bool) -> None:  # noqa: F811
    client, page_of = visitor(stan)
    if not is_masked:
        unblind(locked, rita, stan)
        locked.refresh_from_db()
    for number in TRIAL_TABLES:
        table = build_table(number, TableOptions(locked))
        assert (len(table.rows), len(table.columns)) == (3, 5)
        page = page_of(reverse("evaluation:table-page", args=[locked.pk, number]))
        check_links(table, page, page_of, is_masked=is_masked)
        downloaded = client.get(reverse("evaluation:table", args=[locked.pk, number, "csv"]))
        check_files(table, downloaded.content)


def test_tables_of_the_archive_of_runs_and_of_readers(
    hospital: list[Study],  # noqa: F811
    reader_study: ReaderStudy,
    site: Site,
    stan: User,
) -> None:
    client, page_of = visitor(stan)
    for number in range(4, 11):
        of_readers = {"reader_study": str(reader_study.pk), "prevalence": "0.01"} if number == 7 else {}
        table = build_table(
            number,
            TableOptions(
                paper=True,
                sites=(site,),
                reader_study=reader_study if of_readers else None,
                prevalence=0.01 if of_readers else None,
            ),
        )
        address, asked = reverse("evaluation:any-table", args=[number]), {"paper": "on", **of_readers}
        check_links(table, client.get(address, asked).content.decode(), page_of)
        check_files(table, client.get(address, asked | {"as": "csv"}).content)


def test_what_could_not_be_estimated_is_a_dash_in_every_file() -> None:
    lost = Cell(Estimate(float("nan"), None, "mean"))
    limits = Cell(Estimate(0.5, (float("-inf"), float("inf")), "mean"))
    columns = [Column("mean", "Mean"), Column("ratio", "Ratio")]
    table = Table(
        1, "Table 1. A.", "Arm", columns, [Row("a", "A", {"mean": lost, "ratio": limits})], "", "version 1"
    )
    files = {kind: write(table) for kind, write in WRITERS.items()}
    for kind in ("docx", "md", "html"):
        assert READ[kind](files[kind])[0][:2] == ["A", "–"], kind
    assert from_latex(files["tex"])[0][1] == "--"
    assert from_xlsx(files["xlsx"]) == [["A", None, None, None, 0, 0.5, None, None, 0]]
    assert from_csv(files["csv"]) == [["A", None, None, None, "0", "0.5", None, None, "0"]]
