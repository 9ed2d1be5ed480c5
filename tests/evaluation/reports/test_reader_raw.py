"""Everything that readers gave leaves in the raw export, each value as the row has it."""

import csv
import io

import pytest
from openpyxl import load_workbook

from evaluation.models import ReaderStudy, Reading
from evaluation.reports.study.reader_data import from_reader_study, to_files
from evaluation.reports.study.reader_raw import CODEBOOK
from mammo.accounts.models import User
from tests.evaluation import reading_scene

pytestmark = pytest.mark.django_db

SAID = {
    "side": "R", "finding": "mass", "category": "4B", "likelihood": 77, "seconds": 31.5, "revision": 1,
    "point": {"view": "R-MLO", "across": 0.25, "down": 0.75},
}  # fmt: skip


@pytest.fixture
def files(rita: User, sena: User) -> dict[str, bytes]:
    """Of a study with two readings: one with a click, one of a case without a finding."""
    study = reading_scene.open_study(rita, [sena])
    slots = list(study.readers.get().slots.order_by("position"))
    Reading.objects.create(slot=slots[0], by_user=sena, decision=True, **SAID)
    Reading.objects.create(slot=slots[1], by_user=sena, category="2", likelihood=3, side="N", finding="none")
    ReaderStudy.objects.filter(pk=study.pk).update(state="locked")
    return to_files(from_reader_study(ReaderStudy.objects.get(pk=study.pk), simulated=False))


def test_the_long_table_says_what_the_readers_gave(files: dict[str, bytes]) -> None:
    raw = files["readings_long.csv"]
    assert raw.startswith(b"\xef\xbb\xbf")
    first, second = csv.DictReader(io.StringIO(raw.decode("utf-8-sig")))
    slots = [reading.slot for reading in Reading.objects.order_by("slot__position")]
    for row, slot in zip((first, second), slots, strict=True):
        assert row["case"] == f"C{slot.case.position:03d}"
        assert (row["session"], row["position"]) == (str(slot.session), str(slot.position))
        assert (row["condition"], row["truth"]) == (slot.condition, str(int(slot.case.truth)))
    shown = (
        "side",
        "finding",
        "view",
        "across",
        "down",
        "category",
        "decision",
        "likelihood",
        "seconds",
        "revision",
    )
    assert [first[name] for name in shown] == [
        "R", "mass", "R-MLO", "0.25", "0.75", "4B", "1", "77.0", "31.5", "1",
    ]  # fmt: skip
    assert [second[name] for name in shown[:7]] == ["N", "none", "", "", "", "2", "0"]
    assert {first["patient"], second["patient"]} <= {"P001", "P002"}


def test_the_other_forms_hold_the_same_and_every_column_has_its_meaning(files: dict[str, bytes]) -> None:
    rows = list(csv.reader(io.StringIO(files["readings_long.csv"].decode("utf-8-sig"))))
    book = load_workbook(io.BytesIO(files["readings_long.xlsx"]))
    sheet = [
        ["" if v is None else v for v in row] for row in book["readings_long"].iter_rows(values_only=True)
    ]
    assert [str(v) for v in sheet[0]] == rows[0] == list(CODEBOOK)
    for ours, theirs in zip(sheet[1:], rows[1:], strict=True):
        for name, a, b in zip(rows[0], ours, theirs, strict=True):
            assert (str(a) == b) or float(a) == float(b), name
    meanings = list(csv.DictReader(io.StringIO(files["codebook.csv"].decode("utf-8-sig"))))
    assert [row["column"] for row in meanings] == rows[0]
    assert all(row["meaning"] for row in meanings)
    # Hashes and the report's own files stand beside, unchanged.
    assert {"readings.csv", "calls.csv", "manifest.json", "readings.imrmc", "mrmcaov.R"} <= set(files)
