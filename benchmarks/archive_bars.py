"""What the archive promises, counted on the shared data: outcomes, planted strings, false alarms, reading of reports.

MAMMO_SHARED_DATA names the data where it does not lie in ../shared/data.
"""

import csv
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.alone import measured_alone, show

ROOT = Path(__file__).resolve().parents[1]


def shared() -> Path:
    """The shared data."""
    return Path(os.environ.get("MAMMO_SHARED_DATA", ROOT.parent / "shared" / "data"))


def measure() -> dict[str, float]:
    """Counts beside what they are counted of; empty where the data is missing."""
    if not shared().is_dir():
        print(f"  not run: the shared data is not at {shared()}")
        return {}
    return measured_alone("archive_bars")


def counted() -> dict[str, float]:
    """The counts, in this process: it gets a home of its own."""
    with tempfile.TemporaryDirectory() as home:
        os.environ.update(MAMMO_HOME=home, DJANGO_SETTINGS_MODULE="mammo.settings")
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        return {**_real_files(), **_planted(Path(home)), **_reports()}


def _real_files() -> dict[str, float]:
    from mammo.accounts.services import create_site
    from mammo.archive.services import import_studies

    real = shared() / "real"
    batch = import_studies(
        [real],
        site=create_site("bars", "Bars", by_user=None),
        labels=real / "labels.csv",
        by_user=None,
    )
    items = {
        str(Path(str(item.source)).relative_to(real)): item
        for item in batch.items.select_related("batch__site", "image")
    }
    expected = list(csv.DictReader((real / "expected.csv").open(encoding="utf-8")))
    clean = [row for row in expected if "imported" in row["outcome"].split("|")]
    return {
        "real files": len(expected),
        "real files with the expected outcome, side and view": sum(
            as_expected(row, items[row["file"]]) for row in expected
        ),
        "clean real files": len(clean),
        "clean real files that the text detector holds back (at most 2)": sum(
            (items[row["file"]].details or {}).get("kind") == "burned_in" for row in clean
        ),
    }


def as_expected(row: dict[str, str], item: Any) -> bool:
    """Whether a file's outcome, side and view are those of its line of expected.csv."""
    if item.outcome not in row["outcome"].split("|"):
        return False
    if item.outcome != "imported":
        return bool(item.reason)
    return row["side"] in ("", item.image.laterality) and row["view"] in ("", item.image.view)


def _planted(home: Path) -> dict[str, float]:
    from mammo.archive.deidentification import deidentify

    planted, out = shared() / "phi", home / "released"
    deidentify(planted, out)
    rows = json.loads((planted / "manifest.json").read_text(encoding="utf-8"))
    tool = shared().parent / "tools" / "phi_left.py"
    found: dict[str, float] = {"planted strings": len(rows)}
    if tool.is_file():
        said = subprocess.run(
            [sys.executable, tool, planted, out], capture_output=True, text=True, check=False
        ).stdout
        found["planted strings left (of files released or held back)"] = float(
            said.split(" planted, ")[1].split(" left")[0]
        )
    return found


def _reports() -> dict[str, float]:
    from mammo.archive.report_reading import read_report

    right = {"overall": 0, "per side": 0, "density": 0}
    lines = (shared() / "reports_dev.jsonl").read_text(encoding="utf-8").splitlines()
    for gold in map(json.loads, lines):
        reading, want = read_report(gold["text"]), gold["gold"]["birads"]
        right["overall"] += reading.birads.overall == want["overall"]
        right["per side"] += (reading.birads.left, reading.birads.right) == (want["left"], want["right"])
        right["density"] += reading.density == gold["gold"]["density"]
    return {
        "reports": len(lines),
        **{f"reports read rightly, {name}": count for name, count in right.items()},
    }


if __name__ == "__main__":
    show(counted())
