"""What the archive promises, counted on the shared data: outcomes, planted strings, false alarms, reading of reports.

MAMMO_SHARED_DATA names the data where it does not lie in ../shared/data.
"""

import csv
import json
import os
import re
import subprocess
import sys
import tempfile
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.alone import measured_alone, show

ROOT = Path(__file__).resolve().parents[1]


# Values of one form: 4A stands for 4B and 4C, Ⅳ for Ⅱ, 四 for 三.
_SAME_FORM = (
    *(
        tuple("0123456"),
        tuple("０１２３４５６"),
        tuple("一二三四五"),
        tuple("ⅠⅡⅢⅣⅤ"),
        ("I", "II", "III", "IV", "V"),
    ),
    *(("4A", "4B", "4C"), ("4a", "4b", "4c"), ("４Ａ", "４Ｂ", "４Ｃ")),
)


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
        str(Path(str(item.source)).relative_to(real.name)): item
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
    if item.outcome not in row["outcome"].split("|") or (item.outcome != "imported" and not item.reason):
        return False
    found = item.details or {}
    if item.image:
        found = {"laterality": item.image.laterality, "view": item.image.view}
    return row["side"] in ("", found.get("laterality")) and row["view"] in ("", found.get("view"))


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

    right: Counter[str] = Counter()
    lines = (shared() / "reports_dev.jsonl").read_text(encoding="utf-8").splitlines()
    for gold in map(json.loads, lines):
        reading, want = read_report(gold["text"]), gold["gold"]["birads"]
        blanked, strict = _characters(reading.blanked), _characters(reading.blanked_strict)
        leaks = [_characters(text) for text in gold["blanked_must_not_contain"]]
        advice = [_characters(text) for text in gold["indirect_leaks"]]
        kept = all(_characters(text) in blanked for text in gold["must_keep"])
        right["read rightly, overall"] += reading.birads.overall == want["overall"]
        sides = (reading.birads.left, reading.birads.right)
        right["read rightly, per side"] += sides == (want["left"], want["right"])
        right["read rightly, density"] += reading.density == gold["gold"]["density"]
        right["blanked: all gone and all kept"] += kept and not any(text in blanked for text in leaks)
        right["strictly blanked: no advice left"] += not any(text in strict for text in leaks + advice)
        right["swapping each value leaves the blanked text as it was"] += all(
            read_report(text).blanked == reading.blanked for text in with_other_values(gold)
        )
    return {"reports": len(lines), **{f"reports {name}": count for name, count in right.items()}}


def with_other_values(gold: dict[str, Any]) -> list[str]:
    """The report once for each of its values, that value replaced by each other one of the same form."""
    found = []
    for span in gold["category_spans"]:
        start, end = span["start"], span["end"]
        written = gold["text"][start:end]
        forms = [form for form in _SAME_FORM if written in form]
        others = [other for form in forms for other in form if other != written]
        found += [gold["text"][:start] + other + gold["text"][end:] for other in others]
    return found


def _characters(text: str) -> str:
    """A text as a reader compares it: one width, one case, no spaces."""
    return re.sub(r"[\s\u200b\u200c\u200d\ufeff]", "", unicodedata.normalize("NFKC", text)).casefold()


if __name__ == "__main__":
    show(counted())
