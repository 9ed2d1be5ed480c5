"""By what rows that nobody looked up yet name a patient: her hospital number, accession numbers, studies."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from mammo.archive.models import Patient, Study
from mammo.archive.pseudonyms import installation

# No number or UID is longer; a report's text need not be hashed.
LONGEST = 64


@dataclass(frozen=True)
class Marks:
    """Keyed hashes of the numbers that stand for one patient at her site."""

    site_code: str
    hashes: frozenset[str]

    def stand_in(self, cells: Iterable[str]) -> bool:
        """Whether one of the cells, in whatever column, is a number of hers."""
        return any(self._is_hers(cell.strip()) for cell in cells if cell and len(cell) <= LONGEST)

    def _is_hers(self, cell: str) -> bool:
        if cell not in self._seen:
            keys = installation()
            hashed = (
                keys.number_hash(self.site_code, cell),
                keys.accession_hash(self.site_code, cell),
                keys.uid_hash(cell),
            )
            self._seen[cell] = not self.hashes.isdisjoint(hashed)
        return self._seen[cell]

    @cached_property
    def _seen(self) -> dict[str, bool]:
        """Cells repeat: sides, classes, days."""
        return {}


def marks_of(patient: Patient) -> Marks:
    """What names her, while her rows still say so: an erasure empties them."""
    studies = Study.objects.filter(patient=patient).values_list("accession_hash", "study_uid_hash")
    hashes = {patient.number_hash, *(value for pair in studies for value in pair)} - {""}
    return Marks(patient.site.code, frozenset(hashes))
