"""Raw data of a trial for other programs: long tables, a codebook, snippets, and files for reader-study tools."""

import csv
import io
from typing import Any

import xlsxwriter

from evaluation.reports.study.data import COLUMNS, StudyData, to_folder
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
    "seconds": "active seconds on the form (all aspects together)",
    "simulated": "1 where the score is marked as simulated: not a result",
    "known": "1 where the rater said to have met the case outside the trial",
    "typed": "1 where the values of the form were typed although the trial has lines",
}

CONTROL_COLUMNS = ("rater", "question", "arm", "whole", "control")

R_SNIPPET = """# Table 1 from scores.csv: means by arm and aspect, and the contrasts of the interaction model.
scores <- read.csv("scores.csv", fileEncoding = "UTF-8-BOM", stringsAsFactors = TRUE)
aggregate(score ~ arm + aspect, scores, mean)
library(lmerTest); library(emmeans)
one <- subset(scores, aspect == levels(scores$aspect)[1])
fit <- lmer(score ~ arm + (1 | rater) + (1 | question) + (1 | rater:arm) + (1 | question:arm), one)
emmeans(fit, pairwise ~ arm, lmer.df = "satterthwaite", adjust = "holm")
"""

PYTHON_SNIPPET = '''"""Table 1 from scores.csv: means by arm and aspect, intervals by two-way cluster bootstrap."""
import numpy as np
import pandas as pd

scores = pd.read_csv("scores.csv", encoding="utf-8-sig")
print(scores.pivot_table(values="score", index="arm", columns="aspect", aggfunc="mean").round(1))

rng = np.random.default_rng(1)
for (aspect, arm), part in scores.groupby(["aspect", "arm"]):
    grid = part.pivot_table(values="score", index="rater", columns="patient", aggfunc=["sum", "count"]).fillna(0)
    total, count = grid["sum"].to_numpy(), grid["count"].to_numpy()
    raters, patients = total.shape
    w = rng.multinomial(raters, np.full(raters, 1 / raters), 10_000)
    v = rng.multinomial(patients, np.full(patients, 1 / patients), 10_000)
    means = np.einsum("br,bc,rc->b", w, v, total) / np.einsum("br,bc,rc->b", w, v, count)
    print(aspect, arm, np.quantile(means, [0.025, 0.975]).round(1))
'''


def export_files(data: StudyData) -> dict[str, bytes]:
    """All files of a raw export by name; the scores and the manifest among them make the report again."""
    files = to_folder(data) | {
        "codebook.csv": _codebook(data),
        "controls.csv": _controls(data),
        "table1.R": R_SNIPPET.encode(),
        "table1.py": PYTHON_SNIPPET.encode(),
        "scores.xlsx": _workbook(data),
    }
    parquet = _parquet(data)
    return files | ({"scores.parquet": parquet} if parquet is not None else {})


def _codebook(data: StudyData) -> bytes:
    lines = ["\ufeffcolumn,meaning"]
    lines += [f'{name},"{CODEBOOK[name]}"' for name in COLUMNS]
    lines += [
        f'aspect {row["key"]},"{safe_text(row["name"]).replace(chr(34), chr(39))}"' for row in data.aspects
    ]
    return ("\n".join(lines) + "\n").encode()


def _controls(data: StudyData) -> bytes:
    """Degraded controls beside the whole answers, means over the aspects."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, CONTROL_COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(data.controls)
    return ("\ufeff" + text.getvalue()).encode()


def _workbook(data: StudyData) -> bytes:
    stream = io.BytesIO()
    book = xlsxwriter.Workbook(stream, OPTIONS)
    book.set_properties({"title": "scores", "created": CREATED})
    sheet = book.add_worksheet("scores")
    for place, name in enumerate(COLUMNS):
        sheet.write_string(0, place, name)
    for line, row in enumerate(data.scores, start=1):
        for place, name in enumerate(COLUMNS):
            _write(sheet, line, place, row[name])
    notes = book.add_worksheet("codebook")
    for line, name in enumerate(COLUMNS):
        notes.write_string(line, 0, name)
        notes.write_string(line, 1, CODEBOOK[name])
    book.close()
    return stream.getvalue()


def _write(sheet: Any, line: int, place: int, value: Any) -> None:
    if isinstance(value, str):
        sheet.write_string(line, place, safe_text(value))
    else:
        sheet.write_number(line, place, value)


def _parquet(data: StudyData) -> bytes | None:
    """Parquet where pyarrow is installed (the extra `export`); else there is no such file."""
    try:
        import pyarrow as pa  # type: ignore[import-untyped,unused-ignore]
        import pyarrow.parquet as pq  # type: ignore[import-untyped,unused-ignore]
    except ImportError:
        return None
    stream = io.BytesIO()
    pq.write_table(pa.table({name: [row[name] for row in data.scores] for name in COLUMNS}), stream)
    return stream.getvalue()
