"""Which studies of a PACS to fetch: kept apart from the client, so that no imaging library loads where none is used."""

from dataclasses import dataclass
from datetime import date
from typing import Self


@dataclass(frozen=True)
class Query:
    """Which studies to fetch; what is empty does not restrict.

    Attributes:
        first, last: study dates, both included.
    """

    first: date | None = None
    last: date | None = None
    patient: str = ""
    accession: str = ""
    study_uid: str = ""
    modality: str = "MG"

    @property
    def is_empty(self) -> bool:
        """Whether it asks for everything the PACS has."""
        return not any((self.first, self.last, self.patient, self.accession, self.study_uid))

    def as_dict(self) -> dict[str, str]:
        """A JSON object."""
        days = {name: day.isoformat() if (day := getattr(self, name)) else "" for name in ("first", "last")}
        return {
            **days,
            "patient": self.patient,
            "accession": self.accession,
            "study_uid": self.study_uid,
            "modality": self.modality,
        }

    @classmethod
    def from_dict(cls, stored: dict[str, str]) -> Self:
        """Reverse of `as_dict`."""
        return cls(
            first=_stored_day(stored.get("first", "")),
            last=_stored_day(stored.get("last", "")),
            patient=stored.get("patient", ""),
            accession=stored.get("accession", ""),
            study_uid=stored.get("study_uid", ""),
            modality=stored.get("modality", "MG"),
        )

    def filters(self) -> dict[str, str]:
        """As QIDO-RS wants them (PS3.18 8.3.4)."""
        found = {
            "ModalitiesInStudy": self.modality,
            "PatientID": self.patient,
            "AccessionNumber": self.accession,
            "StudyInstanceUID": self.study_uid,
        }
        if self.first or self.last:
            days = (day.strftime("%Y%m%d") if day else "" for day in (self.first, self.last))
            found["StudyDate"] = "-".join(days)
        return {name: value for name, value in found.items() if value}


def _stored_day(written: str) -> date | None:
    return date.fromisoformat(written) if written else None
