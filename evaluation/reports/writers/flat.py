"""A table with one number per cell, as spreadsheets want it."""

from evaluation.reports.table import Column, Row, Table, finite

FlatValue = str | float | int | None
# Characters with which a spreadsheet begins to compute.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def safe_text(text: str) -> str:
    """The text so that no spreadsheet takes it for a formula."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def flat_header(table: Table) -> list[str]:
    """Headings: the stub, then for each of our columns value, both limits and n; the paper's value alone."""
    names = [table.stub]
    for column in table.columns:
        if column.from_paper:
            names.append(column.heading)
        else:
            names += [column.name, f"{column.name} CI low", f"{column.name} CI high", f"{column.name} n"]
    return [safe_text(name) for name in names]


def flat_rows(table: Table) -> list[list[FlatValue]]:
    """Rows under `flat_header`; numbers as numbers, texts safe, nothing where there is no finite number."""
    rows: list[list[FlatValue]] = []
    for row in table.rows:
        values: list[FlatValue] = [safe_text(row.label)]
        for column in table.columns:
            values += _values(table, row, column)
        rows.append(values)
    return rows


def _values(table: Table, row: Row, column: Column) -> list[FlatValue]:
    cell = table.cell(row, column)
    if cell.estimate is None:
        empty: list[FlatValue] = [safe_text(cell.text) if cell.text else None]
        return empty if column.from_paper else [*empty, None, None, None]
    if column.from_paper:
        return [finite(cell.estimate.value)]
    low, high = cell.estimate.interval or (None, None)
    return [finite(cell.estimate.value), finite(low), finite(high), cell.estimate.n]
