"""The table of docs/importing.md says what becomes of each kind of object, and it does."""

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from mammo.archive.dicom.acceptance import examine
from mammo.archive.dicom.refusal import Refusal
from mammo.archive.quarantine import RELEASABLE

from .conftest import ROOT
from .files import mammogram, picture

# What each object of the table differs in from a digital mammogram of presentation.
DIFFERS: dict[str, dict[str, Any]] = {
    "digital mammogram, FOR PRESENTATION": {},
    "digital mammogram, FOR PROCESSING": {"PresentationIntentType": "FOR PROCESSING"},
    "breast tomosynthesis, never decoded": {"NumberOfFrames": 2, "image": np.vstack([picture()] * 2), "Rows": 96},
    "mammogram of several frames, never decoded": {"NumberOfFrames": 2, "image": np.vstack([picture()] * 2), "Rows": 96},
    "stereotactic image of a biopsy": {"ImageType": ["ORIGINAL", "PRIMARY", "STEREO_SCOUT"]},
    "Secondary Capture, digitised film": {},
    "other radiograph (DX)": {"Modality": "DX"},
    "Mammography CAD SR": {"drop": ("PixelData", "Rows", "Columns"), "Modality": "SR"},
    "any other object without pixels": {"drop": ("PixelData", "Rows", "Columns"), "Modality": "PR"},
    "colour image": {
        "image": np.dstack([(picture() // 16).astype(np.uint8)] * 3), "SamplesPerPixel": 3,
        "PhotometricInterpretation": "RGB", "Rows": 96, "Columns": 80,
    },
}  # fmt: skip


def table() -> list[dict[str, str]]:
    """The rows of the table, by the names of its columns."""
    lines = (ROOT / "docs" / "importing.md").read_text(encoding="utf-8").splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("| object | SOP class |"))
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[start:]]
    end = next(number for number, line in enumerate(lines[start:]) if not line.startswith("|"))
    return [dict(zip(cells[0], row, strict=True)) for row in cells[2:end]]


def test_every_row_has_its_object_and_every_object_its_row() -> None:
    assert [row["object"] for row in table()] == list(DIFFERS)


@pytest.mark.parametrize("row", table(), ids=lambda row: row["object"])
def test_an_object_becomes_what_the_table_says(
    row: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = dict(DIFFERS[row["object"]])
    dropped = values.pop("drop", ())
    path = tmp_path / "a.dcm"
    if dropped:
        # The helper marks pixel data it writes: take it out behind it.
        dataset = pydicom.dcmread(mammogram(path, SOPClassUID=row["SOP class"], **values))
        for keyword in dropped:
            delattr(dataset, keyword)
        dataset.save_as(path, enforce_file_format=True)
    else:
        mammogram(path, SOPClassUID=row["SOP class"], **values)
    if "never decoded" in row["object"]:
        monkeypatch.setattr(
            "pydicom.dataset.FileDataset.pixel_array", property(lambda self: pytest.fail("decoded"))
        )
    if row["outcome"] == "imported":
        assert examine(path).side.side == "L"
        return
    with pytest.raises(Refusal) as refusal:
        examine(path)
    assert refusal.value.outcome == row["outcome"], refusal.value.reason
    if row["outcome"] == "quarantined":
        kind = refusal.value.found["kind"]
        assert kind == row["kind"]
        assert ("release" in row["a data manager can"]) == (kind in RELEASABLE)
