"""Numbers of hers typed where a header has numbers: nothing says or keeps more digits than a picture needs."""

from pathlib import Path
from typing import Any

import pydicom
import pytest

from mammo.accounts.models import Site
from mammo.archive import storage
from mammo.archive.models import Image, ImportItem
from mammo.archive.parse_child import answer_request
from mammo.archive.pseudonyms import installation
from mammo.archive.services import import_studies
from mammo.archive.viewing import viewer_json

from .files import mammogram

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

# Telephone and hospital numbers where a header has numbers: tag, VR, value.
SIZES = {
    "frames": (0x00280008, "IS", "13800138000"),
    "rows": (0x00280010, "LO", "13800138"),
    "columns": (0x00280011, "DS", "13800138.5"),
    "allocated": (0x00280100, "LO", "13800138"),
    "stored": (0x00280101, "IS", "13800138"),
    "high": (0x00280102, "IS", "13800138"),
    "short": (0x00280010, "LO", "44881"),
    "samples": (0x00280002, "IS", "13800138"),
}
NUMBERS = {
    "WindowCenter": ["2077.1380013", "882134", "1000"],
    "WindowWidth": ["3077.1380013", "4000", "138001.38"],
    "RescaleIntercept": "-13.8001380013",
    "ImagerPixelSpacing": ["0.1380013800", "0.13800138"],
}


def released(path: Path, target: Path) -> dict[str, Any]:
    """What the child that reads a file answers."""
    request = {"task": "release", "path": str(path), "target": str(target), "site": "release"}
    return answer_request(request, installation())


def test_numbers_typed_into_sizes_windows_and_spacings_are_left_nowhere(tmp_path: Path, site: Site) -> None:
    """In the lists of imports and releases, the rows, the viewer's description and the files."""
    folder = tmp_path / "in"
    mammogram(folder / "windows.dcm", **NUMBERS)
    for name, (tag, vr, value) in SIZES.items():
        dataset = pydicom.dcmread(mammogram(folder / f"{name}.dcm", StudyInstanceUID="1.2.77"))
        dataset.pop(tag, None)
        dataset.add_new(tag, vr, value)
        dataset.save_as(folder / f"{name}.dcm")
    batch = import_studies([folder], site=site, by_user=None)
    said = [str(row) for row in ImportItem.objects.filter(batch=batch).values("reason", "details")]
    said += [str(released(path, tmp_path / path.name)) for path in folder.iterdir()]
    image = Image.objects.get(spacing_row__lt=0.14, spacing_row__gt=0.13)
    rows = Image.objects.values("presets", "window_center", "window_width", "spacing_row", "spacing_column")
    said += [str(rows.get(pk=image.pk)), str(viewer_json(image.study, str))]
    files = [storage.viewing_copies_root() / image.viewing_copy, tmp_path / "windows.dcm"]
    for planted in ("1380013", "44881", "882134"):
        assert [text for text in said if planted in text] == []
        assert not any(planted.encode() in file.read_bytes() for file in files)
    assert len(image.presets) == 1
    assert image.spacing_row == 0.138001
