"""Whether two answers say different things, or only greet differently.

Two answers are the same when nothing but greetings, closings, punctuation, spacing and case tells them apart.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

_GREETINGS = (
    r"(?:您|你)好|hello|hi there|hi|dear (?:patient|madam|lady)|good (?:morning|afternoon|evening)"
    r"|尊敬的(?:女士|患者)|女士|亲爱的(?:女士|患者)|感谢您的(?:提问|咨询|信任)|谢谢您的(?:提问|咨询|信任)"
    r"|thank you for (?:your question|asking|writing)|thanks for (?:your question|asking|writing)"
)
_CLOSINGS = (
    r"祝(?:您|你)?(?:身体)?(?:健康|平安|安康|早日康复|一切顺利|生活愉快)|希望(?:这些|以上)?(?:内容|回答|信息)?(?:能)?"
    r"对(?:您|你)有(?:所)?帮助|请(?:您|你)?放心|谢谢(?:您|你)?|如有(?:其他)?(?:疑问|问题)请?随时(?:咨询|联系)(?:我们|医生)?"
    r"|(?:i |we )?hope (?:this|that) helps(?: you)?|take (?:good )?care|best wishes|kind regards|best regards"
    r"|wish(?:ing)? you (?:good health|all the best|well)|(?:please )?feel free to ask"
)
_NOISE = re.compile(r"[\W_]+")
_START = re.compile(rf"^(?:[\W_]*(?:{_GREETINGS})(?![a-z]))+")
_END = re.compile(rf"(?:(?<![a-z])(?:{_CLOSINGS})[\W_]*)+$")


def core_of(answer: str) -> str:
    """The answer without greeting, closing, punctuation, spacing and case: what answers are compared by."""
    text = unicodedata.normalize("NFKC", answer).casefold()
    return _NOISE.sub("", _END.sub("", _START.sub("", text)))


def repeated(answers: Sequence[str]) -> list[int]:
    """The places of answers that are empty or say the same as an earlier one."""
    seen: set[str] = set()
    places = []
    for place, answer in enumerate(answers):
        core = core_of(answer)
        if not core or core in seen:
            places.append(place)
        seen.add(core)
    return places
