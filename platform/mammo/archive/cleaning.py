"""Removes what identifies a person from a text about her: first what is known of her, then what has the form of it.

The strongest rule is the roster: names, nicknames, numbers and places of this very patient. The patterns cover
identity cards, telephones, record numbers, dates, addresses, accounts, signatures and names after keywords, in
Chinese and English, in full width and with digits written out. Typed tokens stand in their place, such as [姓名]
or [date -14 d]; all other characters stay as they were.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

from mammo.archive.identifying_patterns import DATE, ENGLISH_DATE, PATTERNS, chinese_number, with_digits
from mammo.archive.report_reading.normalised import normalise
from mammo.archive.roster import Roster, roster_patterns

_HAN = re.compile(r"[\u3400-\u9fff]")
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_TOKENS = {
    "zh": {
        "id": "证件号",
        "phone": "电话",
        "number": "编号",
        "account": "账号",
        "place": "地点",
        "name": "姓名",
        "date": "日期",
    },
    "en": {
        "id": "ID",
        "phone": "phone",
        "number": "number",
        "account": "account",
        "place": "place",
        "name": "name",
        "date": "date",
    },
}


@dataclass(frozen=True)
class Cleaned:
    """A text without what identifies.

    Attributes:
        text: with typed tokens in the place of what was removed.
        found: how many of each kind were removed.
    """

    text: str
    found: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class _Finding:
    """A span of the normalised text that must go, and the token for it."""

    start: int
    end: int
    kind: str
    token: str = ""


def clean_text(text: str, roster: Roster, *, studied: date | None = None) -> Cleaned:
    """Clean a text about one patient.

    Args:
        roster: what is known of her (`roster.merged_roster`).
        studied: true date of the study; dates become distances from it. Without it they are removed.
    """
    if not text:
        return Cleaned("")
    language = "zh" if _HAN.search(text) else "en"
    source = normalise(text)
    findings = _joined(
        [*_known(source.text, roster), *_dates(source.text, studied, language), *_formed(source.text)]
    )
    pieces: list[str] = []
    position = 0
    for found in findings:
        start, end = source.original_span(found.start, found.end)
        pieces += [text[position:start], found.token or f"[{_TOKENS[language][found.kind]}]"]
        position = end
    return Cleaned("".join([*pieces, text[position:]]), dict(Counter(found.kind for found in findings)))


def _known(text: str, roster: Roster) -> Iterator[_Finding]:
    for kind, pattern in roster_patterns(roster):
        for match in pattern.finditer(text):
            yield _Finding(*match.span(), kind)


def _formed(text: str) -> Iterator[_Finding]:
    digits = with_digits(text)
    for kind, pattern in PATTERNS:
        for match in pattern.finditer(digits):
            named = [name for name in ("it", "name") if match.groupdict().get(name)]
            yield _Finding(*match.span(named[0] if named else 0), kind)


def _dates(text: str, studied: date | None, language: str) -> Iterator[_Finding]:
    word = _TOKENS[language]["date"]
    for pattern, day_of in ((DATE, _day), (ENGLISH_DATE, _english_day)):
        for match in pattern.finditer(text):
            day = day_of(match)
            token = f"[{word}]"
            if day is not None and studied is not None:
                days = (day - studied) // timedelta(days=1)
                token = f"[{word}{days:+d}天]" if language == "zh" else f"[{word} {days:+d} d]"
            yield _Finding(*match.span(), "date", token)


def _joined(findings: list[_Finding]) -> list[_Finding]:
    """In reading order, overlapping ones as one under the kind of the longest (of equals the first found)."""
    joined: list[_Finding] = []
    for found in sorted(findings, key=lambda item: item.start):
        last = joined[-1] if joined else None
        if last is None or found.start >= last.end:
            joined.append(found)
            continue
        longer = found if found.end - found.start > last.end - last.start else last
        end = max(found.end, last.end)
        whole = (longer.start, longer.end) == (last.start, end)
        joined[-1] = _Finding(last.start, end, longer.kind, longer.token if whole else "")
    return joined


def _day(match: re.Match[str]) -> date | None:
    if match["cy"]:
        if not match["cd"]:
            return None
        return _valid(*(str(chinese_number(match[part])) for part in ("cy", "cm", "cd")))
    if match["y4"]:
        # 3/11/2019 is the third or the eleventh: only one that can be read one way has a distance.
        first, second = int(match["a"]), int(match["b"])
        if first > 12 or first == second:
            return _valid(match["y4"], match["b"], match["a"])
        return _valid(match["y4"], match["a"], match["b"]) if second > 12 else None
    if not (match["y"] or match["y8"]):
        return None
    return _valid(match["y"] or match["y8"], match["m"] or match["m8"], match["d"] or match["d8"])


def _english_day(match: re.Match[str]) -> date | None:
    if match["m3"]:
        return None
    month = (match["m1"] or match["m2"]).lower()[:3]
    return _valid(match["y1"] or match["y2"], str(_MONTHS.index(month) + 1), match["d1"] or match["d2"])


def _valid(year: str, month: str, day: str | None) -> date | None:
    if not day:
        return None
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None
