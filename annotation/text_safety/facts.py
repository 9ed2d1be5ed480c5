"""What the record says of a study, as far as an answer can contradict it."""

from dataclasses import dataclass

RIGHT, LEFT = "R", "L"


@dataclass(frozen=True)
class StudyFacts:
    """Reported categories ("0".."6", "4A".."4C"; empty: not on record) and what identifies the patient.

    Attributes:
        roster: what identifies her (names, doctors, numbers, places): searched for exactly.
    """

    birads_right: str = ""
    birads_left: str = ""
    birads_overall: str = ""
    density: str = ""
    roster: dict[str, list[str]] | None = None

    def category(self, side: str) -> str:
        """Category of one side; empty where it is not on record."""
        return self.birads_right if side == RIGHT else self.birads_left

    @property
    def categories(self) -> set[str]:
        """All categories on record."""
        return {self.birads_right, self.birads_left, self.birads_overall} - {""}

    @property
    def overall(self) -> str:
        """Category of the whole examination: the recorded one, else the more suspicious of two known sides."""
        both = self.birads_right and self.birads_left
        return self.birads_overall or (self.most_suspicious if both else "")

    @property
    def most_suspicious(self) -> str:
        """The category that decides what is to be done: 5, 4C .. 4, 6, 0, 3, 2, 1."""
        order = ("5", "4C", "4B", "4A", "4", "6", "0", "3", "2", "1")
        return next((category for category in order if category in self.categories), "")


def is_suspicious(category: str) -> bool:
    """4 to 6: tissue is (or was) asked for."""
    return category[:1] in ("4", "5", "6")


def is_quiet(category: str) -> bool:
    """1 or 2: nothing but routine follows."""
    return category in ("1", "2")
