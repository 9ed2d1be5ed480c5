"""CBIS-DDSM (TCIA; Lee et al. 2017): four description tables, scanned films in folders named by case, side and view."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from mammo.archive.datasets.dataset import (
    DataSet,
    Labelled,
    Result,
    category_of,
    density_of,
    side_of,
    table,
    worst,
)
from mammo.core.errors import UserError

_TABLES = tuple(
    f"{kind}_case_description_{part}_set.csv" for kind in ("mass", "calc") for part in ("train", "test")
)
_RESULTS = {"BENIGN": "benign", "BENIGN_WITHOUT_CALLBACK": "benign", "MALIGNANT": "malignant"}


def images(root: Path) -> Iterator[Labelled]:
    """One image per film; its abnormalities are gathered from their rows. Crops and masks are left out."""
    films: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in _rows(root):
        films[row["image file path"].split("/")[0]].append(row)
    for film, rows in sorted(films.items()):
        first, side = rows[0], side_of(rows[0]["left or right breast"])
        yield Labelled(
            _file(root, film, first["image file path"]),
            patient=first["patient_id"],
            study=first["patient_id"],
            laterality=side,
            view=first["image view"].upper(),
            density=density_of(first.get("breast_density") or first.get("breast density", "")),
            birads=worst([category_of(row["assessment"]) for row in rows]),
            results=tuple(
                Result(side, _RESULTS[row["pathology"]], f"{row['abnormality type']} {row['abnormality id']}")
                for row in rows
                if row["pathology"] in _RESULTS
            ),
        )


def _rows(root: Path) -> list[dict[str, str]]:
    found = [root / name for name in _TABLES if (root / name).is_file()]
    if not found:
        raise UserError(f"{root}: none of {', '.join(_TABLES)} is there")
    return [
        row
        for path in found
        for row in table(
            path, "patient_id", "left or right breast", "image view", "abnormality id", "abnormality type",
            "assessment", "pathology", "image file path",
        )
    ]  # fmt: skip


def _file(root: Path, film: str, written: str) -> Path:
    """The path as the table has it, or whatever file a download tool put into the film's folder."""
    for base in (root, root / "CBIS-DDSM"):
        if (base / written).is_file():
            return base / written
        files = sorted((base / film).rglob("*.dcm")) if (base / film).is_dir() else []
        if files:
            return files[0]
    return root / written


DATASET = DataSet(
    "cbis", "CBIS-DDSM", images, frozenset({"secondary_capture", "other_kind"}),
    notes="scanned films; one 'study' per patient: the set gives no dates",
)  # fmt: skip
