"""The rows behind the numbers of a trial's tables, fetched when somebody asks: a large trial holds millions of them."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from evaluation.models import Score

CHUNK = 5_000
# Columns that hold an id of the database: a rater's own list of forms and scores holds them too.
IDS = frozenset({"score", "slot", "form"})
FIELDS = (
    "pk",
    "value",
    "revision",
    "is_simulated",
    "aspect__key",
    "slot_id",
    "slot__position",
    "slot__rater_id",
    "slot__answer__arm_id",
    "slot__answer__question__position",
)


def shown_rows(rows: Iterable[Mapping[str, Any]], *, is_masked: bool) -> Iterator[Mapping[str, Any]]:
    """Rows behind numbers as people and files get them: before the unblinding without an id, by which what stands beside
    a code could be joined with what raters were shown; rater, question and aspect name the row."""
    for row in rows:
        yield {name: value for name, value in row.items() if name not in IDS} if is_masked else row


@dataclass(frozen=True)
class ScoreRows(Collection[Mapping[str, Any]]):
    """Scores as mappings, read anew at each pass; a locked trial's scores stay what they are.

    Attributes:
        scores: the scores used.
        pseudonyms: of raters, by row.
        arms: what stands for an arm, by id: its code under the mask.
        count: how many there are.
    """

    scores: QuerySet[Score]
    pseudonyms: Mapping[Any, str]
    arms: Mapping[str, str]
    count: int

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        ordered = self.scores.order_by("slot__rater", "slot__position", "aspect__position")
        for row in ordered.values(*FIELDS).iterator(chunk_size=CHUNK):
            yield {
                "score": str(row["pk"]),
                "arm": self.arms[str(row["slot__answer__arm_id"])],
                "aspect": row["aspect__key"],
                "rater": self.pseudonyms[row["slot__rater_id"]],
                "question": f"Q{row['slot__answer__question__position']:03d}",
                "slot": str(row["slot_id"]),
                "position": row["slot__position"],
                "value": row["value"],
                "revision": row["revision"],
                "simulated": bool(row["is_simulated"]),
            }

    def __contains__(self, row: object) -> bool:
        return any(row == one for one in self)


@dataclass(frozen=True)
class CellRows(Collection[str]):
    """Ids of the scores behind one cell.

    Attributes:
        rows: the scores of the table.
        arm, aspect: of the cell.
        questions: positions of the stratum's questions; None takes all.
        count: how many there are.
    """

    rows: ScoreRows
    arm: str
    aspect: str
    count: int
    questions: frozenset[int] | None = field(default=None)

    def of_cell(self) -> ScoreRows:
        """The scores themselves."""
        scores = self.rows.scores.filter(slot__answer__arm=UUID(self.arm), aspect__key=self.aspect)
        if self.questions is not None:
            scores = scores.filter(slot__answer__question__position__in=self.questions)
        return ScoreRows(scores, self.rows.pseudonyms, self.rows.arms, self.count)

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[str]:
        return (str(row["score"]) for row in self.of_cell())

    def __contains__(self, score: object) -> bool:
        return any(score == one for one in self)
