"""Readings of a multi-reader multi-case study as an array readers x modalities x cases, from rows."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evaluation.statistics.score_cube import FloatArray, require_held

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class ReadingRow:
    """One rating of one case by one reader in one modality; cases of one patient (breasts) depend on each other."""

    reader: str
    modality: str
    case: str
    truth: bool
    rating: float
    patient: str = ""


@dataclass(frozen=True)
class Readings:
    """Ratings of one study.

    Attributes:
        ratings: (readers, modalities, cases), NaN where a case was not read.
        truth: (cases,), True for the positive class.
        readers, modalities, cases: names along the axes, sorted (numbers by value).
        patients: (cases,) patient of each case; None where each case is its own.
    """

    ratings: FloatArray
    truth: BoolArray
    readers: tuple[str, ...]
    modalities: tuple[str, ...]
    cases: tuple[str, ...]
    patients: tuple[str, ...] | None = None

    @property
    def cells(self) -> BoolArray:
        """(readers, modalities): which reader read in which modality."""
        return np.asarray((~np.isnan(self.ratings)).any(axis=2))

    def of(self, readers: list[int], modalities: list[int]) -> "Readings":
        """The same study with some of its readers and modalities, without cases that none of them read."""
        ratings = self.ratings[np.ix_(readers, modalities)]
        read: BoolArray = np.asarray(~np.isnan(ratings).all(axis=(0, 1)))
        places = np.flatnonzero(read)
        return Readings(
            ratings[:, :, read],
            self.truth[read],
            tuple(self.readers[i] for i in readers),
            tuple(self.modalities[i] for i in modalities),
            tuple(self.cases[i] for i in places),
            None if self.patients is None else tuple(self.patients[i] for i in places),
        )


def natural_order(names: Iterable[str]) -> tuple[str, ...]:
    """Different names, numbers by value before texts: the result doesn't depend on the order of the rows."""

    def place(name: str) -> tuple[bool, float, str]:
        try:
            return False, float(name), name
        except ValueError:
            return True, 0.0, name

    return tuple(sorted(set(names), key=place))


def readings(rows: Iterable[ReadingRow]) -> Readings:
    """Arrange rows.

    Raises:
        ValueError: there are no rows, a reading is given twice, or a case has two truths or two patients.
        TooSparseError: readers, modalities and cases have more combinations than can be held.
    """
    kept = list(rows)
    if not kept:
        raise ValueError("there are no readings")
    readers = natural_order(row.reader for row in kept)
    modalities = natural_order(row.modality for row in kept)
    cases = natural_order(row.case for row in kept)
    places = [{name: i for i, name in enumerate(names)} for names in (readers, modalities, cases)]
    require_held(len(readers), len(modalities), len(cases))
    ratings = np.full((len(readers), len(modalities), len(cases)), np.nan)
    truth: dict[str, bool] = {}
    patient: dict[str, str] = {}
    for row in kept:
        at = places[0][row.reader], places[1][row.modality], places[2][row.case]
        if not np.isnan(ratings[at]):
            raise ValueError(f"reader {row.reader}, modality {row.modality}, case {row.case}: given twice")
        ratings[at] = row.rating
        if truth.setdefault(row.case, row.truth) != row.truth:
            raise ValueError(f"case {row.case} has two truths")
        if patient.setdefault(row.case, row.patient) != row.patient:
            raise ValueError(f"case {row.case} has two patients")
    of_case = tuple(patient[case] or f"case {case}" for case in cases)
    patients = of_case if len(set(of_case)) < len(of_case) else None
    return Readings(ratings, np.array([truth[case] for case in cases]), readers, modalities, cases, patients)
