"""Scores as an array raters x questions x systems, from rows."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
# Cells of the array that rows are arranged into (0.4 GB): nearly all of a larger one would stand empty.
MOST_CELLS = 50_000_000


class TooSparseError(ValueError):
    """Rows whose labels hardly ever meet: the array of all their combinations is too large to be held."""

    def __init__(self, cells: int) -> None:
        super().__init__(f"{cells} combinations of the labels, at most {MOST_CELLS} can be analysed")
        self.cells = cells


def require_held(*lengths: int) -> None:
    """Let an array of these lengths pass.

    Raises:
        TooSparseError: it has more cells than can be held.
    """
    cells = math.prod(lengths)
    if cells > MOST_CELLS:
        raise TooSparseError(cells)


@dataclass(frozen=True)
class ScoreCube:
    """Scores of one aspect.

    Attributes:
        values: (raters, questions, systems), NaN where no score was given.
        raters, questions, systems: names along the axes.
        patients: name of each question's patient, or None when each question is its own.
    """

    values: FloatArray
    raters: tuple[str, ...]
    questions: tuple[str, ...]
    systems: tuple[str, ...]
    patients: tuple[str, ...] | None = None

    @property
    def is_complete(self) -> bool:
        """Every rater scored every question of every system."""
        return not bool(np.isnan(self.values).any())

    @property
    def n_patients(self) -> int:
        """Number of different patients."""
        return len(self.questions if self.patients is None else set(self.patients))

    @property
    def has_clusters(self) -> bool:
        """Whether any patient has more than one question."""
        return self.n_patients < len(self.questions)

    @property
    def clusters(self) -> tuple[str, ...]:
        """What each question belongs to: its patient, or itself."""
        return self.questions if self.patients is None else self.patients

    def of_systems(self, systems: Collection[str]) -> "ScoreCube":
        """The scores of these systems alone, in the order of this cube."""
        places = [place for place, name in enumerate(self.systems) if name in systems]
        names = tuple(self.systems[place] for place in places)
        return replace(self, values=self.values[:, :, places], systems=names)

    def by_patient(self) -> "ScoreCube | None":
        """Questions averaged within patients; None unless every patient has the same number of questions.

        With equal numbers the grand means stay what they are, and patients are then the random factor.
        """
        if self.patients is None or not self.is_complete:
            return None
        members: dict[str, list[int]] = {}
        for index, patient in enumerate(self.patients):
            members.setdefault(patient, []).append(index)
        if len({len(indices) for indices in members.values()}) != 1:
            return None
        means = np.stack([self.values[:, indices, :].mean(axis=1) for indices in members.values()], axis=1)
        return ScoreCube(means, self.raters, tuple(members), self.systems)


@dataclass(frozen=True)
class ScoreRow:
    """One score with its labels."""

    rater: str
    question: str
    system: str
    aspect: str
    score: float
    patient: str | None = field(default=None)


def cubes(
    rows: Iterable[ScoreRow],
    *,
    systems: Sequence[str] | None = None,
    raters: Sequence[str] | None = None,
    questions: Sequence[str] | None = None,
) -> dict[str, ScoreCube]:
    """Arrange rows into one cube per aspect, all with the same axes (in order of first appearance).

    Args:
        systems, raters, questions: order of each axis, where it is not that of the rows.

    Raises:
        ValueError: a score is given twice, or a question has two patients.
        TooSparseError: the labels have more combinations than can be held.
    """
    kept = list(rows)
    of_rater = _index(raters if raters is not None else (row.rater for row in kept))
    of_question = _index(questions if questions is not None else (row.question for row in kept))
    columns = _index(systems if systems is not None else (row.system for row in kept))
    aspects = _index(row.aspect for row in kept)
    require_held(len(aspects), len(of_rater), len(of_question), len(columns))
    values = np.full((len(aspects), len(of_rater), len(of_question), len(columns)), np.nan)
    patients: dict[str, str] = {}
    for row in kept:
        place = aspects[row.aspect], of_rater[row.rater], of_question[row.question], columns[row.system]
        if not np.isnan(values[place]):
            raise ValueError(
                f"rater {row.rater}, question {row.question}, system {row.system}, {row.aspect}: given twice"
            )
        values[place] = row.score
        if row.patient is not None and patients.setdefault(row.question, row.patient) != row.patient:
            raise ValueError(
                f"question {row.question} belongs to two patients, {patients[row.question]} and {row.patient}"
            )
    of_patient = tuple(patients.get(name, f"question {name}") for name in of_question) if patients else None
    return {
        aspect: ScoreCube(values[place], tuple(of_rater), tuple(of_question), tuple(columns), of_patient)
        for aspect, place in aspects.items()
    }


def _index(names: Iterable[str]) -> Mapping[str, int]:
    found: dict[str, int] = {}
    for name in names:
        found.setdefault(name, len(found))
    return found
