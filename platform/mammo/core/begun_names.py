"""Rows by the beginning of their name: whoever types a command need not type a long name, or one in two languages."""

from typing import TypeVar

from django.db.models import Model, QuerySet

Row = TypeVar("Row", bound=Model)


def only_one_beginning(rows: "QuerySet[Row]", begun: str) -> Row | None:
    """The one row whose `name` begins with these whole words; None where there is none, or several."""
    found = list(rows.filter(name__startswith=f"{begun} ")[:2]) if begun else []
    return found[0] if len(found) == 1 else None
