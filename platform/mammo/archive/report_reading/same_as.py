"""A breast that is described by reference: "右乳：同左", "Right: same", "the other side is identical"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mammo.archive.report_reading import lexicon as lx
from mammo.core.patterns import compiled_when_used

Breast = Literal["L", "R"]
_OTHER: dict[str, Breast] = {"L": "R", "R": "L"}
_SUBJECT = (
    rf"(?:(?P<L>{lx.LEFT})|(?P<R>{lx.RIGHT})|(?P<other>对侧|另一?[侧边]|(?:the\s+)?(?:other|opposite|contralateral)"
    r"\s+(?:side|breast)))"
)
_ABOUT = (
    r"(?:[\s:：=|\-,]|breast|side|is|are|shows?|has|have|the|findings?|appearances?|assessment|category|birads|bi-rads|"
    r"所见|表现|情况|分类|类别|评估|分级|级别|及|和|与|、|亦|也|均|的|为|乳腺|乳房){0,10}?"
)
_LIKE = (
    r"(?:(?P<like>同(?:样|上|前)?|与(?=[左右对上])|如上|相同|(?<![a-z])(?:(?:the\s+)?same|identical|ditto|idem|likewise|as\s+above|similar(?:ly)?))"
    r"(?![a-z龄期日步时意])(?P<assessed>\s*(?:assessment|category|findings?|appearances?))?)"
)
_TARGET = (
    rf"\s*(?:as|to|with|that\s+of|for|in|on|the|,|于)?\s*(?:as|to|the|for|on)?\s*(?:(?P<toL>{lx.LEFT})|(?P<toR>{lx.RIGHT})|"
    r"(?P<toOther>对侧|另一?侧|(?:the\s+)?(?:other|opposite|contralateral)\s+(?:side|breast)|above))?"
)
_REFERENCE = compiled_when_used(
    rf"(?:^|(?<=[\n。.;,，；|!?]))[\s\d.、*#•-]*(?:the\s+)?{_SUBJECT}{_ABOUT}{_LIKE}{_TARGET}"
    r"(?:\s*(?:breast|side|侧|乳腺|乳))?(?P<rest>[^.。;,\n]{0,12})",
    lx.FLAGS,
)
# A reference to something that is no part of this text: "同前片", "same as before".
_ELSEWHERE = compiled_when_used(r"前|旧|既往|上次|before|prior|previous|last|earlier|(?:19|20)\d\d", lx.FLAGS)


@dataclass(frozen=True)
class Reference:
    """`side` is described as the breast `like`; like None: as something that the text does not hold."""

    side: Breast
    like: Breast | None


def references(text: str) -> list[Reference]:
    """What the text describes by reference, in reading order."""
    found: list[Reference] = []
    for match in _REFERENCE.finditer(text):
        side: Breast | None = "L" if match["L"] else "R" if match["R"] else _not_named(text, match.start())
        if side is None:
            continue
        target = "L" if match["toL"] else "R" if match["toR"] else None
        if target == side:
            continue
        is_elsewhere = _ELSEWHERE.search(f"{match['like']} {match['rest']}") is not None
        found.append(Reference(side, None if is_elsewhere else _OTHER[side]))
    return found


def _not_named(text: str, position: int) -> Breast | None:
    """The breast that "the other side" means: not the one that was named last."""
    named = compiled_when_used(lx.SIDE, lx.FLAGS)
    last = [match.lastgroup for match in named.finditer(text, 0, position + 1)]
    return _OTHER.get(str(last[-1])) if last else None
