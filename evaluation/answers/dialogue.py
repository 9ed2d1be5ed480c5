"""The shown text of a dialogue: every answer of one arm in one text, with a mark between them.

The mark is a control character that the neutral style takes out of every answer, so that none can hold it. The text
of a single question holds none and is its one part.
"""

from collections.abc import Callable, Iterable

ROUND_MARK = "\x1e"


def parts_of(shown: str) -> list[str]:
    """The answers of a shown text, in the order of the patient's turns."""
    return shown.split(ROUND_MARK)


def joined(answers: Iterable[str]) -> str:
    """One shown text of several answers in the neutral style."""
    return ROUND_MARK.join(answers)


def each_part(shown: str, change: Callable[[str], str]) -> str:
    """The shown text with every answer changed by itself."""
    return joined(change(part) for part in parts_of(shown))


def readable(shown: str) -> str:
    """The answers as one text without the mark, a blank line between them: for measures and lists."""
    return "\n\n".join(parts_of(shown))
