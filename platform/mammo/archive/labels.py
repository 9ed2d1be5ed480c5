"""The labels table: side and view of files that do not say them, density and BI-RADS of studies."""

import re
from pathlib import Path

from mammo.archive.tables import Row
from mammo.core.choices import Birads, Density, View
from mammo.core.errors import UserError

_YES, _NO = frozenset({"yes", "true", "1", "y"}), frozenset({"no", "false", "0", "n", ""})


class Labels:
    """Rows of a labels table by file.

    Raises:
        UserError: a value is outside its choices, or two rows name the same file (with file and line).
    """

    def __init__(self, rows: list[Row], path: Path | None) -> None:
        self._by_name: dict[str, dict[str, str]] = {}
        for row in rows:
            label = _checked(row, path)
            name = row["file"].replace("\\", "/").strip("/")
            if name in self._by_name:
                raise UserError(
                    f"{path}, line {row.number}: {row['file']!r} stands in the table twice; keep one row"
                )
            self._by_name[name] = label

    @classmethod
    def of(cls, by_name: dict[str, dict[str, str]]) -> "Labels":
        """Labels that were checked elsewhere, by the file's whole path."""
        labels = cls([], None)
        labels._by_name = {name.replace("\\", "/").strip("/"): label for name, label in by_name.items()}
        return labels

    def of_file(self, source: str) -> dict[str, str] | None:
        """The label of a source: the row whose `file` is the end of its path (whole folder names only)."""
        parts = re.split(r"[/\\!]", source)
        for start in range(len(parts)):
            label = self._by_name.get("/".join(parts[start:]))
            if label is not None:
                return label
        return None


def _checked(row: Row, path: Path | None) -> dict[str, str]:
    label = dict(row.cells)
    where = f"{path}, line {row.number}"
    if not label.get("file"):
        raise UserError(f"{where}: column 'file' is empty")
    label["laterality"] = _choice(where, "laterality", label.get("laterality", ""), {"L", "R"})
    label["view"] = _choice(where, "view", label.get("view", ""), set(View.values))
    label["density"] = _choice(where, "density", label.get("density", ""), set(Density.values))
    for column in ("birads", "birads_left", "birads_right"):
        label[column] = _choice(where, column, label.get(column, ""), set(Birads.values))
    mirrored = label.get("mirrored", "").lower()
    if mirrored not in _YES | _NO:
        raise UserError(f"{where}, column 'mirrored': {mirrored!r}; write yes or no")
    label["mirrored"] = "yes" if mirrored in _YES else "no"
    return label


def _choice(where: str, column: str, value: str, allowed: set[str]) -> str:
    value = value.upper()
    if value and value not in allowed:
        raise UserError(f"{where}, column {column!r}: {value!r}; write one of {', '.join(sorted(allowed))}")
    return value
