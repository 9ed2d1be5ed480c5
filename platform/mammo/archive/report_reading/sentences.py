"""Where the sentences of a normalised text begin and end."""

from __future__ import annotations

from mammo.core.patterns import compiled_when_used

SENTENCE_END = compiled_when_used(r"[。\n;!]|\?(?![类→\-])|\.(?=\s|$)(?<!lt\.)(?<!rt\.)")
# Dictation without a full stop: further back nothing belongs to a value.
_LONGEST_SENTENCE = 400


def clause_start(text: str, position: int) -> int:
    """Where the sentence around `position` begins (full stops, semicolons and line ends bound it)."""
    start = max(0, position - _LONGEST_SENTENCE)
    for match in SENTENCE_END.finditer(text, start, position):
        start = match.end()
    return start


def sentence_start(text: str, position: int) -> int:
    """As `clause_start`, but a semicolon does not end the sentence."""
    start = clause_start(text, position)
    while start > 0 and text[start - 1] == ";":
        start = clause_start(text, start - 1)
    return start
