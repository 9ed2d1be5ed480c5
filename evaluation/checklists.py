"""Reporting checklists: their items in our own short words, and which fact of the rows fills each.

STARD 2015 and STARD-AI, CLAIM (2024), TRIPOD-LLM, CHART. The published lists hold more words and sub-items: an author
checks the manuscript against them; here stands what the rows say to each item, and what is still missing.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from django.utils.translation import get_language

TABLE = Path(__file__).with_name("checklists.tsv")
NAMES = {
    "stard": "STARD 2015",
    "stardai": "STARD-AI",
    "claim": "CLAIM 2024",
    "tripodllm": "TRIPOD-LLM",
    "chart": "CHART",
}
# Lists whose items we know by their published numbers. In the others the second half of a key is our own.
NUMBERED = frozenset({"stard"})
# Which lists a kind of study is reported by.
OF_TRIALS = ("chart", "tripodllm")
OF_READER_STUDIES = ("stard", "stardai", "claim")


@dataclass(frozen=True)
class Item:
    """One item.

    Attributes:
        key: `<checklist>.<item>`; the item is the published number in NUMBERED lists, else a mark of our own.
        fact: name of the fact that fills it; empty where only an author can.
    """

    key: str
    english: str
    chinese: str
    fact: str

    @property
    def checklist(self) -> str:
        """Key of its list."""
        return self.key.partition(".")[0]

    @property
    def number(self) -> str:
        """Its number in the published list; empty where the list's items are ours in words and order."""
        return self.key.partition(".")[2] if self.checklist in NUMBERED else ""

    @property
    def text(self) -> str:
        """What it asks for, in the reader's language."""
        return self.chinese if (get_language() or "").startswith("zh") else self.english


@lru_cache(maxsize=1)
def items() -> tuple[Item, ...]:
    """Every item, list by list."""
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    return tuple(Item(*line.split("\t")) for line in lines if line.strip())


def keys() -> list[str]:
    """Keys of all items."""
    return [item.key for item in items()]


def of(checklist: str) -> list[Item]:
    """The items of one list."""
    return [item for item in items() if item.checklist == checklist]
