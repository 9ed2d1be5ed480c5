"""Taking identity out of what a patient wrote, before anybody but a data manager or a model reads it."""

import re
from collections.abc import Iterable, Sequence

NUMBER_MARK = "[编号]"


def cleaned_turns(turns: Sequence[str], *, identifiers: Iterable[str]) -> list[str]:
    """The turns without identity.

    Args:
        identifiers: what is known to identify her (hospital number, accession number); replaced wherever they
            stand by themselves.
    """
    known = [text for text in identifiers if len(text) >= 4]
    return [_without(turn, known) for turn in turns]


def _without(text: str, known: Iterable[str]) -> str:
    for identifier in known:
        text = re.sub(
            rf"(?<!\w){re.escape(identifier)}(?!\w)", NUMBER_MARK, text, flags=re.IGNORECASE | re.ASCII
        )
    return text
