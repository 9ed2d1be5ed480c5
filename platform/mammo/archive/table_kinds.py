"""Kinds of table that a hospital's other systems give. Knows no Django."""

from mammo.archive.tables import PATHOLOGY, REPORTS, Columns

KINDS: dict[str, Columns] = {"reports": REPORTS, "pathology": PATHOLOGY}
