"""Everything that readers gave, one row a reading, for other programs: CSV, XLSX, Parquet and a codebook."""

import csv
import io
from collections.abc import Sequence
from typing import Any

from evaluation.reports.reader_readings import CaseReading
from evaluation.reports.study.raw_export import parquet_of, workbook
from evaluation.reports.study.reader_files import patient_numbers

LONG = "readings_long"
CODEBOOK: dict[str, str] = {
    "reader": "pseudonym of the reader, R01 on; the same in every file of the study",
    "group": "group of the reader: junior, senior, ...",
    "condition": "key of the condition that was read under",
    "session": "period of the reader, 1 on: of a crossover the second comes after the washout",
    "position": "place in the reader's sequence, 1 on",
    "case": "number of the case, C001 on",
    "patient": "number of the case's patient, P001 on: cases of one patient depend on each other",
    "truth": "1 where pathology found cancer",
    "side": "side that the reader named: R, L, B (both), N (none); empty where none was asked for",
    "finding": "finding that the reader named (BI-RADS lexicon)",
    "view": "view of the click on the lesion; empty where there was none",
    "across": "place of the click from the left edge, as a share of the image's width",
    "down": "place of the click from the upper edge, as a share of the image's height",
    "category": "BI-RADS category that the reader gave",
    "decision": "1 where the category is at or above the study's operating point",
    "likelihood": "likelihood of malignancy that the reader gave, 0 to 100",
    "output_right": "1 where the pinned output, at one half, agreed with the truth; empty where there was none",
    "revision": "1 for a reading given once, 2 on for one that was changed before the lock (this is the last)",
    "seconds": "active seconds on the case's form until the reading was stored",
    "simulated": "1 where the reading is marked as simulated: not a result",
}


def raw_files(found: Sequence[CaseReading]) -> dict[str, bytes]:
    """The long table in three forms and its codebook, by name.

    Args:
        found: `CaseReading`s of the database: those of an exported folder hold no more than its files.
    """
    rows = _rows(found)
    files = {
        f"{LONG}.csv": _csv(rows),
        f"{LONG}.xlsx": workbook(LONG, rows, CODEBOOK, {}),
        "codebook.csv": _csv([{"column": n, "meaning": m} for n, m in CODEBOOK.items()]),
    }
    parquet = parquet_of(rows, CODEBOOK)
    return files | ({f"{LONG}.parquet": parquet} if parquet is not None else {})


def _rows(found: Sequence[CaseReading]) -> list[dict[str, Any]]:
    number = patient_numbers(found)
    rows = []
    for r in found:
        row = {
            "reader": r.reader,
            "group": r.group,
            "condition": r.condition,
            "case": r.case,
            "patient": number[r.patient],
            "truth": int(r.truth),
            "decision": int(r.called),
            "likelihood": r.likelihood,
            "output_right": None if r.output_right is None else int(r.output_right),
            "simulated": int(r.is_simulated),
            **r.given,
        }
        rows.append({name: row[name] for name in CODEBOOK})
    return rows


def _csv(rows: Sequence[dict[str, Any]]) -> bytes:
    """UTF-8 with a byte order mark, for Excel; nothing here begins like a formula."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return ("\ufeff" + text.getvalue()).encode()
