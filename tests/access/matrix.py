"""The written table of who reaches what: `matrix.tsv`, one line per address and method.

`python -m tests.access.matrix` writes docs/access.md from it; a test compares the table with the site and
another one the page with the table. A cell holds the status for: one's own object, another's of the same
hospital (where objects have owners), one of another hospital, and one that does not exist.
"""

from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
TABLE = HERE / "matrix.tsv"
PAGE = HERE.parents[1] / "docs" / "access.md"
PEOPLE = {
    "june": "junior", "sena": "senior", "ada": "author", "dana": "data manager", "rita": "researcher",
    "stan": "statistician", "otis": "auditor", "adam": "administrator", "root": "superuser",
    "nina": "no role", "": "signed out",
}  # fmt: skip
# Objects that belong to a person: a colleague's is asked for too.
PERSONAL = {
    "campaign", "question", "corrected", "chosen", "disputed", "proposal", "correction", "pick", "job", "export",
    "consultation", "turn", "upload", "rater", "slot", "score", "token", "asked", "reader", "reading_slot",
}  # fmt: skip
HEADER = ("address", "method", "object", *PEOPLE.values())


@dataclass(frozen=True)
class Row:
    """What everybody gets at one address by one method."""

    name: str
    method: str
    kind: str
    cells: tuple[str, ...]


def read() -> list[Row]:
    """The table as written."""
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    assert tuple(lines[0].split("\t")) == HEADER, "matrix.tsv: the head is another one than matrix.HEADER"
    rows = []
    for line in lines[1:]:
        name, method, kind, *cells = line.split("\t")
        assert len(cells) == len(PEOPLE), f"matrix.tsv, {name} {method}: {len(cells)} cells"
        rows.append(Row(name, method, kind, tuple(cells)))
    return rows


def write(rows: list[Row]) -> None:
    """Write the table; what it says is for a person to judge before it is committed."""
    lines = ["\t".join((row.name, row.method, row.kind, *row.cells)) for row in rows]
    TABLE.write_text("\n".join(["\t".join(HEADER), *lines]) + "\n", encoding="utf-8")


def page(rows: list[Row]) -> str:
    """The page of the documentation."""
    text = [
        "# Who reaches what",
        "Made by `python -m tests.access.matrix` from `tests/access/matrix.tsv`; `tests/access/test_matrix.py` "
        "asks the site for every cell, and fails for an address that lacks a line for one of the methods it answers, "
        "and for a line that nobody reaches and no written reason covers.",
        "",
        "A cell gives the status for one's own object / a colleague's (where objects have owners) / one of "
        "another hospital / one that does not exist. 200 shown, 201 made, 204 done, 302 led on (signed out: to "
        "the sign-in page), 400 or 409 reached and told what is wrong with the empty form, 401 and 403 refused "
        "(only where it is the same whatever is named), 404 not there, which is also what a forbidden object "
        "looks like: the bytes are the same. What is sent is empty but for the object that a field names, and "
        "access is settled before it is read. No page shown here names an object of the other hospital, "
        "but for what belongs to none: events of accounts, and backups. Every "
        "other address of Django's admin is for superusers alone.",
        "",
        "Sessions of data managers, researchers, administrators and superusers have shown a second factor here; "
        "before it they are led to setting one up from every address.",
        "",
        "| " + " | ".join(HEADER) + " |",
        "|" + "---|" * len(HEADER),
    ]
    for row in rows:
        cells = [cell.replace(" ", "/") for cell in row.cells]
        text.append("| " + " | ".join((f"`{row.name}`", row.method, row.kind or "–", *cells)) + " |")
    return "\n".join(text) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(read()), encoding="utf-8")
