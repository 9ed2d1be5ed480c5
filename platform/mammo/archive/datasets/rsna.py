"""RSNA Screening Mammography Breast Cancer Detection 2023: train.csv, train_images/<patient>/<image>.dcm."""

from collections.abc import Iterator
from pathlib import Path

from mammo.archive.datasets.dataset import (
    DataSet,
    Labelled,
    Result,
    category_of,
    density_of,
    is_true,
    side_of,
    table,
    view_of,
)


def images(root: Path) -> Iterator[Labelled]:
    """One row per image. A cancer is proven by biopsy; a biopsy without cancer is benign; else nothing is known."""
    for row in table(
        root / "train.csv", "patient_id", "image_id", "laterality", "view", "age", "cancer", "biopsy", "BIRADS",
        "implant", "density",
    ):  # fmt: skip
        side = side_of(row["laterality"])
        yield Labelled(
            root / "train_images" / row["patient_id"] / f"{row['image_id']}.dcm",
            patient=row["patient_id"],
            study=row["patient_id"],
            laterality=side,
            view=view_of(row["view"]) or "OTHER",
            has_implant=is_true(row["implant"]),
            density=density_of(row["density"]),
            birads=category_of(row["BIRADS"]),
            age=row["age"].removesuffix(".0"),
            results=_results(row, side),
        )


def _results(row: dict[str, str], side: str) -> tuple[Result, ...]:
    if not side or row["biopsy"] not in ("1", "1.0"):
        return ()
    is_cancer = row["cancer"] in ("1", "1.0")
    return (Result(side, "malignant" if is_cancer else "benign"),)


DATASET = DataSet(
    "rsna", "RSNA 2023", images, frozenset({"other_kind", "table_conflict"}),
    notes="one examination per patient; categories are only 0, 1 and 2",
)  # fmt: skip
