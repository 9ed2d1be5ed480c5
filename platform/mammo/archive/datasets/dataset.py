"""What an importer of a public data set gives: files with what the set's own tables say of them."""

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mammo.archive.dicom.view import STORED_VIEWS
from mammo.archive.dicom.view_text import read_view_text
from mammo.core.errors import UserError

_ENCODINGS = ("utf-8-sig", "gb18030")
LETTERS = {"1": "A", "2": "B", "3": "C", "4": "D"}


@dataclass(frozen=True)
class Result:
    """A biopsy or surgical result of one breast or lesion.

    Attributes:
        result: benign, high_risk or malignant.
    """

    side: str
    result: str
    lesion: str = ""
    method: str = "other"


@dataclass(frozen=True)
class Labelled:
    """One image of a public set.

    Attributes:
        path: of the file; it may be missing.
        patient, study: as the set names them.
        laterality, view: '' where the file itself says them.
        modifiers: of the view, names of `codes.MODIFIER_CODES`, where the set's table has them.
        has_implant: the table says that the breast, or the woman, has one.
        density, birads: A-D and a category, '' where the set has none; `birads` is of this side.
    """

    path: Path
    patient: str
    study: str
    laterality: str = ""
    view: str = ""
    modifiers: tuple[str, ...] = ()
    has_implant: bool = False
    density: str = ""
    birads: str = ""
    age: str = ""
    results: tuple[Result, ...] = ()


@dataclass(frozen=True)
class DataSet:
    """A public set.

    Attributes:
        name: as the command names it.
        title: as its authors do.
        images: yields the images of a folder that holds the set.
        accepts: kinds of refusal that the set as a whole overrules (scanned films are Secondary Captures).
        notes: what a user must know.
    """

    name: str
    title: str
    images: Callable[[Path], Iterator[Labelled]]
    accepts: frozenset[str] = field(default_factory=frozenset)
    notes: str = ""


def table(path: Path, *columns: str, delimiter: str = ",") -> list[dict[str, str]]:
    """Rows of a set's CSV file, cells stripped.

    Raises:
        UserError: the file or a column is missing.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; name the folder that holds it")
    rows = list(csv.DictReader(io.StringIO(_text(path), newline=""), delimiter=delimiter))
    found = [
        {(name or "").strip(): (value or "").strip() for name, value in row.items() if name} for row in rows
    ]
    missing = [column for column in columns if not found or column not in found[0]]
    if missing:
        raise UserError(f"{path}: column {missing[0]!r} is missing or the file holds no rows")
    return found


def _text(path: Path) -> str:
    raw = path.read_bytes()
    for encoding in _ENCODINGS:
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise UserError(f"{path}: neither UTF-8 nor GB18030")


def side_of(written: str) -> str:
    """L or R; '' for anything else."""
    return {"l": "L", "left": "L", "r": "R", "right": "R"}.get(written.strip().lower(), "")


def view_of(written: str) -> str:
    """A view that is stored by its name; OTHER for further ones, '' where the text says none."""
    view = read_view_text(written).view
    return view if view in STORED_VIEWS or not view else "OTHER"


def is_true(written: str) -> bool:
    """Whether a column of ones and zeros says yes."""
    return written.strip().removesuffix(".0").lower() in ("1", "true", "yes")


def density_of(written: str) -> str:
    """A-D from A-D, 1-4 or DENSITY C; '' for anything else."""
    last = written.strip().upper().removeprefix("DENSITY").strip().removesuffix(".0")
    last = LETTERS.get(last, last)
    return last if last in ("A", "B", "C", "D") else ""


def category_of(written: str) -> str:
    """A BI-RADS category from 2, 4a, 0.0 or BI-RADS 2; '' for anything else."""
    last = written.strip().upper().removeprefix("BI-RADS").strip().removesuffix(".0")
    return last if last in ("0", "1", "2", "3", "4", "4A", "4B", "4C", "5", "6") else ""


def worst(categories: list[str]) -> str:
    """The category that stands for a breast with several lesions: 5 before 4 before 0 before 3."""
    order = ("", "1", "2", "3", "0", "4", "4A", "4B", "4C", "5", "6")
    return max(categories, key=order.index, default="")
