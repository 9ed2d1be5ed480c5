"""What an answer says of the breasts' density against the record (ACR A to D)."""

import re

from annotation.text_safety import clauses as cl
from annotation.text_safety.facts import StudyFacts
from mammo.archive.report_reading.density import read_density
from mammo.archive.report_reading.mentions import find_mentions

# Without one of these a sentence that speaks of fat or of scattered glands is about a finding.
_ABOUT = re.compile(r"密度|型|致密|腺体|\bdens|\bcomposition|\bfatty breasts?\b|\bfibroglandular", cl.FLAGS)
# "dense" alone is C or D; these say which.
_EXACT = re.compile(
    r"极度|極度|极其|极为|非常|高度|不均|extremely|heterogen|散在|少量|scattered|脂肪|\bfat", cl.FLAGS
)
_NOT_HERS = (
    rf"{cl.CONDITION}|{cl.GENERAL}|\bother women|别人|其他女性|以前|上次|去年|\blast (?:year|time)|\bprevious"
)
_DENSE = "CD"


def densities(text: str, facts: StudyFacts) -> list[tuple[int, int]]:
    """Sentences that state another density than the record's, and nowhere the record's own."""
    if not facts.density:
        return []
    found = []
    for sentence in cl.sentences(text):
        if not sentence.says(_ABOUT.pattern) or sentence.says(_NOT_HERS):
            continue
        stated = {letters for clause in cl.clauses(sentence) for letters in _stated(clause)}
        if stated and not any(facts.density in letters for letters in stated):
            found.append((sentence.start, sentence.end))
    return found


def _stated(clause: cl.Piece) -> list[str]:
    """The letter that a clause states; "CD" where it says no more than that the breasts are dense."""
    letters = re.findall(r"(?<![a-z0-9])([a-d])\s*(?:型|类|级)", clause.text, cl.FLAGS)
    if len({letter.upper() for letter in letters}) > 1:
        return [letter.upper() for letter in letters]
    reading = read_density(clause.text, find_mentions(clause.text))
    if reading.value is None:
        return []
    is_vague = reading.source == "words" and reading.value in _DENSE and _EXACT.search(clause.text) is None
    return [_DENSE if is_vague else reading.value]
