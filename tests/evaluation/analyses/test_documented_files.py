"""A stranger writes the file that README and docs/analysis.md describe, and runs the line that stands there."""

import csv
import json
import re
import shlex
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

ROOT = Path(__file__).resolve().parents[3]
README = (ROOT / "README.md").read_text(encoding="utf-8")
ANALYSIS = (ROOT / "docs" / "analysis.md").read_text(encoding="utf-8")
READERS, CASES = ("anna", "ben", "chen", "dora"), 40


def value_of(column: str, row: dict[str, Any], rng: np.random.Generator) -> Any:
    """What somebody who knows the words of the field writes under a column."""
    if column in ("reader", "modality", "case", "truth", "rater", "question", "system", "aspect", "unit"):
        return row[column]
    if column == "rating":
        return int(np.clip(40 + 25 * row["truth"] + rng.normal(0, 15), 0, 100))
    if column in ("score", "value"):
        return int(np.clip(60 + 10 * (row["system"] == "ours") + rng.normal(0, 8), 1, 100))
    raise AssertionError(f"the documentation names a column that this test does not know: {column}")


def written(path: Path, columns: list[str]) -> None:
    """A crossed file: every reader rates every case under both modalities; likewise for raters and questions."""
    rng = np.random.default_rng(8)
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns)
        for reader in READERS:
            for second in (False, True) if {"modality", "system"} & set(columns) else (False,):
                for case in range(CASES):
                    row = {
                        "reader": reader, "rater": reader, "modality": "with AI" if second else "alone",
                        "system": "ours" if second else "untuned", "case": f"c{case}", "question": f"q{case}",
                        "unit": f"u{case}", "truth": case % 2, "aspect": "correctness",
                    }  # fmt: skip
                    writer.writerow([value_of(column, row, rng) for column in columns])


def run(words: list[str]) -> dict[str, Any]:
    out = StringIO()
    call_command(*words, "--json", stdout=out)
    result: dict[str, Any] = json.loads(out.getvalue())
    return result


def test_readme_s_line_runs_on_the_file_it_describes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = re.search(r"^python manage\.py (analyse .*?)\s+#.*?file: (\S+)$", README, re.M)
    assert found is not None, "README shows no analyse line with its columns"
    words, columns = shlex.split(found[1]), found[2].split(",")
    monkeypatch.chdir(tmp_path)
    written(tmp_path / words[-1], columns)
    answer = json.dumps(run(words))
    assert "with AI" in answer
    assert "alone" in answer


def documented() -> dict[str, list[str]]:
    """Kind of analysis to its columns, from the first words in code of its line in docs/analysis.md."""
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| ", ANALYSIS, re.M)
    first = {kind: re.match(r"`([\w,]+)`", columns) for kind, columns in rows}
    return {kind: match[1].split(",") for kind, match in first.items() if match is not None}


def test_the_documentation_names_the_columns_of_these_kinds() -> None:
    assert set(documented()) >= {"mrmc", "scores", "agreement", "proportions"}


@pytest.mark.parametrize("kind", ["mrmc", "scores", "agreement"])
def test_the_columns_of_the_table_in_the_documentation_are_read(kind: str, tmp_path: Path) -> None:
    columns = documented()[kind]
    written(tmp_path / "file.csv", columns)
    assert run(["analyse", kind, str(tmp_path / "file.csv")])
    # Each of them is needed: a file without its last column is refused, and the answer names it.
    written(tmp_path / "short.csv", columns[:-1])
    with pytest.raises(CommandError, match=columns[-1]):
        run(["analyse", kind, str(tmp_path / "short.csv")])


def test_the_documentation_s_own_lines_begin_a_file_that_is_read(tmp_path: Path) -> None:
    block = re.search(
        r"^```\n(reader,.*?)\n\.\.\.\npython manage\.py analyse mrmc readings\.csv$", ANALYSIS, re.M | re.S
    )
    assert block is not None
    shown = block[1].splitlines()
    written(tmp_path / "readings.csv", shown[0].split(","))
    lines = (tmp_path / "readings.csv").read_text(encoding="utf-8").splitlines()
    more = [
        line for line in lines[1:] if line.split(",")[:3] not in [own.split(",")[:3] for own in shown[1:]]
    ]
    # Case c1 is malignant in the shown lines and in the written ones.
    (tmp_path / "readings.csv").write_text("\n".join([*shown, *more]) + "\n", encoding="utf-8")
    assert run(["analyse", "mrmc", str(tmp_path / "readings.csv")])
