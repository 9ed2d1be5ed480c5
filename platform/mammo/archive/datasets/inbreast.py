"""INbreast (Moreira et al. 2012): INbreast.csv with semicolons, AllDICOMs/<id>_<hash>_MG_<side>_<view>_ANON.dcm."""

import re
from collections.abc import Iterator
from pathlib import Path

from mammo.archive.datasets.dataset import DataSet, Labelled, category_of, density_of, table
from mammo.core.errors import UserError

_NAME = re.compile(r"(?P<id>\d+)_(?P<patient>[0-9a-f]+)_MG_(?P<side>[LR])_(?P<view>CC|ML)_ANON\.dcm", re.I)


def images(root: Path) -> Iterator[Labelled]:
    """One image per file name; the table's patient is removed, the hash in the name stands for her."""
    folder = next(
        (base for base in (root, root / "INbreast Release 1.0") if (base / "AllDICOMs").is_dir()), None
    )
    if folder is None:
        raise UserError(f"{root}: holds no folder AllDICOMs")
    rows = {
        row["File Name"].removesuffix(".0"): row
        for row in table(
            folder / "INbreast.csv", "File Name", "ACR", "Bi-Rads", "Acquisition date", delimiter=";"
        )
        if row["File Name"].removesuffix(".0").isdecimal()
    }
    for path in sorted((folder / "AllDICOMs").glob("*.dcm")):
        match = _NAME.fullmatch(path.name)
        if match is None:
            continue
        row = rows.get(match["id"], {})
        yield Labelled(
            path,
            patient=match["patient"],
            study=f"{match['patient']}-{row.get('Acquisition date', '')}",
            laterality=match["side"].upper(),
            view="MLO" if match["view"].upper() == "ML" else "CC",  # ML stands for MLO in this set
            density=density_of(row.get("ACR", "")),
            birads=category_of(row.get("Bi-Rads", "")),
        )


DATASET = DataSet(
    "inbreast",
    "INbreast",
    images,
    frozenset({"other_kind", "table_conflict"}),
    notes="no pathology in its table",
)
