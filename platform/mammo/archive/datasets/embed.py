"""EMBED open data (Jeong et al. 2023): one row per file and one per finding, joined by patient, examination and side."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from mammo.archive.datasets.dataset import (
    DataSet,
    Labelled,
    Result,
    density_of,
    is_true,
    side_of,
    table,
    view_of,
    worst,
)
from mammo.core.errors import UserError

# asses: the letter of the assessment (A additional, N negative, B benign, P probably, S suspicious, M, K known).
_CATEGORIES = {"A": "0", "N": "1", "B": "2", "P": "3", "S": "4", "M": "5", "K": "6"}
# path_severity: 0 invasive, 1 in situ, 2 high risk, 3 borderline, 4 benign, 5 negative, 6 non-breast.
_RESULTS = {
    "0": "malignant",
    "1": "malignant",
    "2": "high_risk",
    "3": "high_risk",
    "4": "benign",
    "5": "benign",
}


def images(root: Path) -> Iterator[Labelled]:
    """Two-dimensional images only; synthetic and tomosynthesis files are other rows of the table."""
    findings = _findings(root)
    for row in table(
        _find(root, "EMBED_OpenData_metadata"),
        "anon_dicom_path", "empi_anon", "acc_anon", "FinalImageType", "ImageLateralityFinal", "ViewPosition",
        "spot_mag",
    ):  # fmt: skip
        if row["FinalImageType"] != "2D":
            continue
        side, examination = side_of(row["ImageLateralityFinal"]), (row["empi_anon"], row["acc_anon"])
        hers = findings[*examination, side] + findings[*examination, "B"]
        yield Labelled(
            root.joinpath(*Path(row["anon_dicom_path"]).parts[-4:]),
            patient=row["empi_anon"].removesuffix(".0"),
            study=row["acc_anon"].removesuffix(".0"),
            laterality=side,
            view=view_of(row["ViewPosition"]),
            # The column says "spot compression or magnification"; spot views are also most of the magnified ones.
            modifiers=("spot_compression",) if is_true(row["spot_mag"]) else (),
            density=next((density_of(found["tissueden"]) for found in hers), ""),
            birads=worst([_CATEGORIES.get(found["asses"].upper(), "") for found in hers]),
            results=tuple(
                Result(side, _RESULTS[severity], f"finding {found['numfind'].removesuffix('.0')}")
                for found in findings[*examination, side]
                if (severity := found["path_severity"].removesuffix(".0")) in _RESULTS
            ),
        )


def _findings(root: Path) -> dict[tuple[str, str, str], list[dict[str, str]]]:
    """By patient, examination and side: a join without the side would mix the breasts (the set's own warning)."""
    found: dict[tuple[str, str, str], list[dict[str, str]]] = defaultdict(list)
    for row in table(
        _find(root, "EMBED_OpenData_clinical"),
        "empi_anon", "acc_anon", "tissueden", "asses", "numfind", "side", "path_severity",
    ):  # fmt: skip
        # Rows without a side are of the whole examination.
        found[row["empi_anon"], row["acc_anon"], side_of(row["side"]) or "B"].append(row)
    return found


def _find(root: Path, stem: str) -> Path:
    for name in (f"{stem}.csv", f"{stem}_reduced.csv"):
        for path in (root / "tables" / name, root / name):
            if path.is_file():
                return path
    raise UserError(f"{root}: holds no tables/{stem}.csv")


DATASET = DataSet(
    "embed",
    "EMBED",
    images,
    frozenset({"other_kind"}),
    notes="two-dimensional images only; spot and magnified views are further views",
)
