"""VinDr-Mammo 1.0.0 (PhysioNet; Nguyen et al. 2023): breast-level annotations, images/<study>/<image>.dicom."""

from collections.abc import Iterator
from pathlib import Path

from mammo.archive.datasets.dataset import DataSet, Labelled, category_of, density_of, side_of, table, view_of


def images(root: Path) -> Iterator[Labelled]:
    """One row per image; the set names no patients: each examination stands alone."""
    for row in table(
        root / "breast-level_annotations.csv",
        "study_id", "image_id", "laterality", "view_position", "breast_birads", "breast_density",
    ):  # fmt: skip
        yield Labelled(
            root / "images" / row["study_id"] / f"{row['image_id']}.dicom",
            patient=row["study_id"],
            study=row["study_id"],
            laterality=side_of(row["laterality"]),
            view=view_of(row["view_position"]),
            density=density_of(row["breast_density"]),
            birads=category_of(row["breast_birads"]),
        )


DATASET = DataSet("vindr", "VinDr-Mammo", images, notes="no pathology: categories are the readers' consensus")
