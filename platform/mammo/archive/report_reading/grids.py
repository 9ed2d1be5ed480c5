"""Tables inside reports: a column or a row headed BI-RADS, with the breasts along the other edge.

Cells are parted by pipes, tabs or HTML; a report's own tables are small, so each is looked at whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mammo.archive.report_reading import lexicon as lx
from mammo.core.patterns import compiled_when_used

_LABEL = compiled_when_used(
    rf"{lx.LABEL}|{lx.SHORT_HEAD}|{lx.WEAK_LABEL}|(?<![a-z])assessment|分类|分级|类别|评估|評価|판정",
    lx.FLAGS,
)
_DENSITY = compiled_when_used(r"densit|密度|构成|composition|腺体|acr", lx.FLAGS)
_SIDE = compiled_when_used(rf"\W*{lx.SIDE}\s*(?:breast|side|乳腺|乳房|乳|侧|유방)?\W*", lx.FLAGS)
_LETTER = compiled_when_used(r"\W*(?:acr|type|类型)?\s*(?P<letter>[a-d])\s*(?:型|类)?\W*", lx.FLAGS)
_VALUE = compiled_when_used(
    rf"\W*(?:{lx.LABEL}|{lx.WEAK_LABEL})?[\s:\-]*(?P<value>{lx.RANGE})\s*{lx.CLASS_WORD}?(?![\w.%])", lx.FLAGS
)
_HTML_ROW = compiled_when_used(r"<tr\b[^<>]*>(.*?)(?=<tr\b|</table|$)", re.IGNORECASE | re.DOTALL)
_HTML_CELL = compiled_when_used(r"<t[dh]\b[^<>]*>(.*?)(?=<t[dh]\b|</tr|$)", re.IGNORECASE | re.DOTALL)
_TAG = compiled_when_used(r"<[^<>]*>")


@dataclass(frozen=True)
class Cell:
    """A cell's text and where it begins."""

    start: int
    text: str


def grid_values(text: str) -> Iterator[tuple[int, int, str]]:
    """(start, end, the side's word) of every category that stands in a table."""
    for rows in _grids(text):
        yield from _under_label(rows)
        yield from _beside_label(rows)


def grid_densities(text: str) -> Iterator[tuple[int, str]]:
    """(start, letter) of every density in a column or a row that is headed so."""
    for rows in _grids(text):
        for number, header in enumerate(rows):
            columns = [i for i, cell in enumerate(header) if _is_density(cell)]
            cells = [row[i] for row in rows[number + 1 :] for i in columns if 0 < i < len(row)]
            for cell in [*cells, *(header[1:] if columns == [0] else [])]:
                if letter := _LETTER.fullmatch(cell.text):
                    yield cell.start, letter["letter"].upper()


def _is_density(cell: Cell) -> bool:
    return _DENSITY.search(cell.text) is not None and len(cell.text.strip()) < 30


def _grids(text: str) -> Iterator[list[list[Cell]]]:
    html = [_html_cells(text, match) for match in _HTML_ROW.finditer(text)]
    if len(html) > 1:
        yield html
    yield from _spaced_grids(text)
    rows: list[list[Cell]] = []
    position = 0
    for line in [*text.split("\n"), ""]:
        mark = "|" if line.count("|") > 1 else "\t" if "\t" in line else "│" if "│" in line else None
        if mark is not None:
            rows.append(list(_cells(line, mark, position)))
        elif rows:
            yield rows
            rows = []
        position += len(line) + 1


def _spaced_grids(text: str) -> Iterator[list[list[Cell]]]:
    """Tables whose columns only blanks part: a line of two sides, or lines of equally many words under a label."""
    lines = [(match.start(), match[0]) for match in re.finditer(r"[^\n]+", text)]
    words = [[Cell(at + w.start(), w[0]) for w in re.finditer(r"\S+", line)] for at, line in lines]
    for number, header in enumerate(words[:-1]):
        if len(header) in (2, 3) and all(_side(cell) for cell in header[-2:]):
            below = [_first_and_two(row) for row in words[number + 1 :] if len(row) > 2]
            yield [[Cell(lines[number][0], ""), *header[-2:]], *below]
        elif 1 < len(header) < 8 and any(_is_label(cell) for cell in header):
            rows = [header]
            for row in words[number + 1 :]:
                if len(row) != len(header) or _side(row[0]) is None:
                    break
                rows.append(row)
            if len(rows) > 1:
                yield rows


def _first_and_two(row: list[Cell]) -> list[Cell]:
    """The last two words are values; what stands before them says of what."""
    return [Cell(row[0].start, " ".join(cell.text for cell in row[:-2])), *row[-2:]]


def _cells(line: str, mark: str, start: int) -> Iterator[Cell]:
    position = start
    inner = line
    if mark == "|" and line.lstrip().startswith("|"):
        skipped = line.index("|") + 1
        inner, position = line[skipped:], start + skipped
    for piece in inner.split(mark):
        yield Cell(position, piece)
        position += len(piece) + 1


def _html_cells(text: str, row: re.Match[str]) -> list[Cell]:
    cells: list[Cell] = []
    for match in _HTML_CELL.finditer(text, row.start(1), row.end(1)):
        # Tags inside a cell become blanks, so that positions hold.
        cells.append(Cell(match.start(1), _TAG.sub(lambda tag: " " * len(tag[0]), match[1])))
    return cells


def _under_label(rows: Sequence[Sequence[Cell]]) -> Iterator[tuple[int, int, str]]:
    """Header row with a BI-RADS column; each further row names its breast in some cell."""
    columns = [_columns(row) for row in rows]
    header = next((index for index, found in enumerate(columns) if found), None)
    if header is None:
        return
    for row in rows[header + 1 :]:
        side = next((found for cell in row if (found := _side(cell))), None)
        for column in columns[header]:
            if side is not None and column < len(row):
                yield from _value(row[column], side)


def _columns(row: Sequence[Cell]) -> list[int]:
    return [i for i, cell in enumerate(row) if _is_label(cell)] if len(row) > 1 else []


def _is_label(cell: Cell) -> bool:
    found = _LABEL.search(cell.text)
    return (
        found is not None and not _DENSITY.search(cell.text) and _VALUE.match(cell.text, found.end()) is None
    )


def _beside_label(rows: Sequence[Sequence[Cell]]) -> Iterator[tuple[int, int, str]]:
    """Header row that names the breasts; a row headed BI-RADS holds a value under each."""
    for number, header in enumerate(rows):
        sides = {i: side for i, cell in enumerate(header) if (side := _side(cell))}
        if len(sides) < 2:
            continue
        for row in rows[number + 1 :]:
            if row and _is_label(row[0]):
                for column, side in sides.items():
                    if column < len(row):
                        yield from _value(row[column], side)


def _side(cell: Cell) -> str | None:
    match = _SIDE.fullmatch(cell.text)
    return match[match.lastgroup] if match and match.lastgroup else None


def _value(cell: Cell, side: str) -> Iterator[tuple[int, int, str]]:
    match = _VALUE.match(cell.text)
    if match is not None:
        yield cell.start + match.start("value"), cell.start + match.end("value"), side
