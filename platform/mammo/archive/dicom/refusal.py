"""The answer of a check that a file did not pass."""

from typing import Any

REJECTED = "rejected"
QUARANTINED = "quarantined"


class Refusal(Exception):  # noqa: N818 (an ordinary outcome of an import, not an error of the program)
    """A file that is not taken: `rejected` (no use to anyone) or `quarantined` (a person looks at it).

    Args:
        outcome: one of the two words above.
        reason: one line for the data manager; holds no value read from the file but enumerated ones.
        found: what is known all the same, such as side and view.
    """

    def __init__(self, outcome: str, reason: str, **found: Any) -> None:
        super().__init__(reason)
        self.outcome = outcome
        self.reason = reason
        self.found = found
        # Whose file it is (see `pseudonyms.identity`), for her withdrawal; leaves the child only as a keyed hash.
        self.identity = ""


def rejected(reason: str, **found: Any) -> Refusal:
    """A file that cannot be a mammogram."""
    return Refusal(REJECTED, reason, **found)


def quarantined(reason: str, **found: Any) -> Refusal:
    """A file that a person must look at."""
    return Refusal(QUARANTINED, reason, **found)
