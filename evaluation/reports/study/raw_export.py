"""Raw data of a trial for other programs: long tables, a codebook, snippets, and files for reader-study tools."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import xlsxwriter

from evaluation.reports.study.data import COLUMNS, StudyData, to_folder
from evaluation.reports.study.snippets import SNIPPETS, python_snippet, r_snippet
from evaluation.reports.writers.flat import safe_text
from evaluation.reports.writers.spreadsheet import CREATED, OPTIONS

CODEBOOK: dict[str, str] = {
    "rater": "pseudonym of the rater, R01 on; the same person has one pseudonym within a trial",
    "question": "number of the question, Q001 on",
    "patient": "number of the question's patient, P001 on: questions of one patient depend on each other",
    "arm": "name of the arm after unblinding, before it the masked code",
    "aspect": "key of the aspect that was scored",
    "score": "the standing score, on the trial's scale",
    "position": "place in the rater's sequence, 1 on",
    "sitting": "number of the sitting, 1 on",
    "seconds": (
        "active seconds on the form (all aspects together) until its standing scores were stored: where it was opened "
        "again for a change, the sum of the visits in which a value was saved; a visit that was left without saving, "
        "or that changed no value, counts nothing"
    ),
    "simulated": "1 where the score is marked as simulated: not a result",
    "known": "1 where the rater said to have met the case outside the trial",
    "typed": "1 where the values of the form were typed although the trial has lines",
}

UNSAFE = "in flags.csv, a row for each scored form: 1 where the rater flagged the answer as unsafe"
CONTROL_COLUMNS = ("rater", "question", "arm", "whole", "control")


def export_files(data: StudyData) -> dict[str, bytes]:
    """All files of a raw export by name; the scores and the manifest among them make the report again."""
    files = to_folder(data) | {
        "codebook.csv": _codebook(data),
        "controls.csv": _controls(data),
        "table1.R": r_snippet(data).encode(),
        "table1.py": python_snippet(data).encode(),
        "scores.xlsx": workbook("scores", data.scores, {n: CODEBOOK[n] for n in COLUMNS}, SNIPPETS),
    }
    parquet = parquet_of(data.scores, COLUMNS)
    return files | ({"scores.parquet": parquet} if parquet is not None else {})


def _codebook(data: StudyData) -> bytes:
    lines = ["\ufeffcolumn,meaning"]
    lines += [f'{name},"{CODEBOOK[name]}"' for name in COLUMNS]
    lines += [f'unsafe,"{UNSAFE}"'] if data.flags is not None else []
    lines += [
        f'aspect {row["key"]},"{safe_text(row["name"]).replace(chr(34), chr(39))}"' for row in data.aspects
    ]
    lines += [f'{name},"{meaning}"' for name, meaning in SNIPPETS.items()]
    return ("\n".join(lines) + "\n").encode()


def _controls(data: StudyData) -> bytes:
    """Degraded controls beside the whole answers, means over the aspects."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, CONTROL_COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(data.controls)
    return ("\ufeff" + text.getvalue()).encode()


def workbook(
    title: str, rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str], more: Mapping[str, str]
) -> bytes:
    """An XLSX file: a sheet of rows, and one that says what each column means.

    Args:
        columns: name and meaning, in order; more: further lines of the second sheet.
    """
    stream = io.BytesIO()
    book = xlsxwriter.Workbook(stream, OPTIONS)
    book.set_properties({"title": title, "created": CREATED})
    sheet = book.add_worksheet(title)
    for place, name in enumerate(columns):
        sheet.write_string(0, place, name)
    for line, row in enumerate(rows, start=1):
        for place, name in enumerate(columns):
            _write(sheet, line, place, row[name])
    notes = book.add_worksheet("codebook")
    for line, (name, meaning) in enumerate({**columns, **more}.items()):
        notes.write_string(line, 0, name)
        notes.write_string(line, 1, meaning)
    book.close()
    return stream.getvalue()


def _write(sheet: Any, line: int, place: int, value: Any) -> None:
    if isinstance(value, str):
        sheet.write_string(line, place, safe_text(value))
    elif value is not None:
        sheet.write_number(line, place, value)


def parquet_of(rows: Sequence[Mapping[str, Any]], columns: Iterable[str]) -> bytes | None:
    """Parquet where pyarrow is installed (the extra `export`); else there is no such file."""
    try:
        import pyarrow as pa  # type: ignore[import-untyped,unused-ignore]
        import pyarrow.parquet as pq  # type: ignore[import-untyped,unused-ignore]
    except ImportError:
        return None
    stream = io.BytesIO()
    pq.write_table(pa.table({name: [row[name] for row in rows] for name in columns}), stream)
    return stream.getvalue()
