"""CMMD (TCIA; Cui et al. 2021): CMMD_clinicaldata_revision.csv, one row per breast, CMMD/<patient>/.../1-1.dcm."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from mammo.archive.datasets.dataset import DataSet, Labelled, Result, side_of, table

_RESULTS = {"benign": "benign", "malignant": "malignant"}


def images(root: Path) -> Iterator[Labelled]:
    """Every file below a patient's folder; side and view stand in the files themselves."""
    breasts: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in table(root / "CMMD_clinicaldata_revision.csv", "ID1", "LeftRight", "Age", "classification"):
        breasts[row["ID1"]].append(row)
    for patient, rows in sorted(breasts.items()):
        results = tuple(
            Result(
                side_of(row["LeftRight"]), _RESULTS[row["classification"].lower()], row.get("abnormality", "")
            )
            for row in rows
            if row["classification"].lower() in _RESULTS and side_of(row["LeftRight"])
        )
        folder = next(
            (base / patient for base in (root, root / "CMMD") if (base / patient).is_dir()), root / patient
        )
        files = sorted(folder.rglob("*.dcm")) or [folder]
        for path in files:
            yield Labelled(
                path, patient=patient, study=patient, age=rows[0]["Age"].removesuffix(".0"), results=results
            )


DATASET = DataSet(
    "cmmd", "CMMD", images, frozenset({"other_kind"}),
    notes="every case is proven by biopsy or surgery; save the set's XLSX table as CSV",
)  # fmt: skip
