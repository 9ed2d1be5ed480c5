"""Sentences and clauses of an answer, Chinese or English, with their places in it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from annotation.text_safety.facts import LEFT, RIGHT

FLAGS = re.IGNORECASE
_SENTENCE = re.compile(r"[^。!?;\n]+?(?:[。!?;\n]|\.(?=\s|$)|$)")
_CLAUSE = re.compile(r"[^,、]+(?:[,、]|$)")

# Words that make a statement a general one, a condition, a possibility or a denial.
CONDITION = r"如果|若|假如|假设|倘若|万一|一旦|除非|要是|\bif\b|\bunless\b|\bin case\b|\bshould you\b|\bwhen(?:ever)?\b"
DENIAL = (
    r"不能|无法|不可(?!能)|尚不|并不|不代表|不等于|不一定|未必|不是说|没有?说|谁也|没有确诊|未确诊|不意味|并非|难以"
    r"|不足以|不应|不要"
    r"|does(?:n'?t| not) (?:mean|imply|prove|show)|do not mean|not necessarily|cannot|can'?t|can not|not possible to"
    r"|no ?(?:one|body) can|not yet|isn'?t proof|not proof|need not mean|rather than"
)
POSSIBILITY = (
    r"可能|也许|或许|怀疑|疑似|考虑|倾向|不排除|是否|有没有|概率|风险|几率|机会|多数|大多|通常|一般|往往|似|像"
    r"|\bmay\b|\bmight\b|\bcould\b|\bpossib|\bprobab|\blikely\b|\bunlikely\b|\bsuspect|\bsuspicious\b|\bsuggest"
    r"|\bwhether\b"
    r"|\brisk\b|\bchance\b|\bmost\b|\busually\b|\bgenerally\b|\bappears?\b|\blooks?\b|\bconsistent with\b"
)
GENERAL = (
    r"(?:表示|是指|意味着|分为|指的是|代表|的意思|这一类|此类|这类|所有|任何|包括)"
    r"|\bmeans\b|\brefers to\b|\bstands for\b|\bis defined\b|\bscale\b|\branges?\b|\bin general\b"
    r"|\bis used\b|\bare used\b"
)

_LEFT = r"左(?:侧|边)?(?:乳|胸)|左侧|左边|\bleft\b"
_RIGHT = r"右(?:侧|边)?(?:乳|胸)|右侧|右边|\bright breast|\bright side|\bright-sided|\b(?:your|the) right\b"
_THE_OTHER = (
    r"^\W*(?:而|但是?|\band\b|\bwhile\b|\bbut\b|\bwhereas\b)?\s*(?:在|\b(?:in|on|for|of)\b)?\s*(?:\bthe\b|\byour\b|您的?)?\s*"
    r"(?:对侧|另外?一?[侧边]|\bother (?:breast|side|one)\b|\bopposite (?:breast|side)\b|\bcontralateral\b)"
)
_BOTH = r"双(?:侧)?(?:乳|胸)|两侧|两边|双侧|\bboth\b|\bbilateral"


@dataclass(frozen=True)
class Piece:
    """A stretch of the normalised text."""

    start: int
    text: str

    @property
    def end(self) -> int:
        """Position behind it."""
        return self.start + len(self.text)

    def says(self, pattern: str) -> bool:
        """Whether the pattern occurs in it."""
        return re.search(pattern, self.text, FLAGS) is not None

    def spans(self, pattern: re.Pattern[str]) -> list[tuple[int, int]]:
        """Places of all matches, counted in the whole text."""
        return [(self.start + m.start(), self.start + m.end()) for m in pattern.finditer(self.text)]


def sentences(text: str) -> Iterator[Piece]:
    """Sentences; a semicolon ends one."""
    for match in _SENTENCE.finditer(text):
        if match[0].strip():
            yield Piece(match.start(), match[0])


def clauses(sentence: Piece) -> Iterator[Piece]:
    """Parts of a sentence between commas."""
    for match in _CLAUSE.finditer(sentence.text):
        if match[0].strip():
            yield Piece(sentence.start + match.start(), match[0])


def sided(sentence: Piece) -> Iterator[tuple[Piece, str | None]]:
    """Clauses with the breast they are about: the one side they name, the other one than was named last where they
    begin with "the other side", else the one named last."""
    current: str | None = None
    for clause in clauses(sentence):
        named = side_of(clause.text)
        if clause.says(_BOTH):
            current = None
        elif named is None and current is not None and clause.says(_THE_OTHER):
            current = RIGHT if current == LEFT else LEFT
        else:
            current = named or current
        yield clause, current


def side_of(text: str) -> str | None:
    """L or R where exactly one side is named."""
    if re.search(_BOTH, text, FLAGS):
        return None
    left, right = re.search(_LEFT, text, FLAGS), re.search(_RIGHT, text, FLAGS)
    if bool(left) == bool(right):
        return None
    return LEFT if left else RIGHT


def names_both(text: str) -> bool:
    """Whether both breasts are named together."""
    return re.search(_BOTH, text, FLAGS) is not None
