"""Removes what identifies a person from a text about her: first what is known of her, then what has the form of it.

The strongest rule is the roster: names, nicknames, numbers and places of this very patient. The patterns cover
identity cards, telephones, record numbers, dates, addresses, accounts, signatures and names after keywords, in
Chinese and English, in full width and with digits written out. Typed tokens stand in their place, such as [姓名]
or [date -14 d]; ages of 90 and more become one class; all other characters stay as they were.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from unicodedata import combining

from mammo.archive.identifying_ages import OLD_AGE, age_span
from mammo.archive.identifying_ages import TOKENS as AGE_TOKENS
from mammo.archive.identifying_dates import (
    BIRTH,
    BIRTH_YEAR,
    DATE,
    ENGLISH_DATE,
    ORDINALS,
    chinese_number,
    with_digits,
)
from mammo.archive.identifying_patterns import PATTERNS
from mammo.archive.one_script import folded
from mammo.archive.ordinary_words import begins_like_a_word, is_ordinary_word
from mammo.archive.report_reading.normalised import normalise
from mammo.archive.roster import Roster, roster_patterns

_HAN = re.compile(r"[\u3400-\u9fff]")
# Surnames that are also words which stand before "医生" (those of the first line also where a text begins), and
# what stands before a surname there.
_PREPOSITIONS = frozenset("时于向单从和管解边查申经当由位")
_PARTICLES = _PREPOSITIONS | frozenset("成任关易常方曾万文高安包尤乐年有全明强史白左余叶周")
_CALLING = frozenset("找问请让由跟和给看叫是的及与经见被")
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


def clean_text(
    text: str, roster: Roster, *, studied: date | None = None, dates_stay: bool = False
) -> Cleaned:
    """Clean a text about one patient.

    Args:
        roster: what is known of her (`roster.merged_roster`).
        studied: true date of the study; dates become distances from it. Without it they are removed.
        dates_stay: leave days as they are: the text is of what the house did, not of her examinations.
    """
    if not text:
        return Cleaned("")
    language = "zh" if _HAN.search(text) else "en"
    source = folded(normalise(text))
    dates = [] if dates_stay else _dates(source.text, studied, language)
    findings = _joined(
        [*_known(source.text, roster), *dates, *_old_ages(source.text, language), *_formed(source.text)]
    )
    pieces: list[str] = []
    position = 0
    for found in findings:
        start, end = source.original_span(found.start, found.end)
        while end < len(text) and combining(text[end]):  # the mark of its last letter
            end += 1
        pieces += [text[position:start], found.token or f"[{_TOKENS[language][found.kind]}]"]
        position = end
    return Cleaned("".join([*pieces, text[position:]]), dict(Counter(found.kind for found in findings)))


def _known(text: str, roster: Roster) -> Iterator[_Finding]:
    digits = with_digits(text)
    for kind, pattern in roster_patterns(roster):
        for match in pattern.finditer(digits if kind == "number" else text):
            yield _Finding(*match.span(), kind)


def _old_ages(text: str, language: str) -> Iterator[_Finding]:
    for match in OLD_AGE.finditer(text):
        yield _Finding(*age_span(match), "age", AGE_TOKENS[language])


def _formed(text: str) -> Iterator[_Finding]:
    digits = with_digits(text)
    for kind, pattern in PATTERNS:
        for match in pattern.finditer(digits):
            groups = match.groupdict()
            named = next(
                (name for name in ("it", "name", "any", "word", "placed", "title") if groups.get(name)), None
            )
            if named is None or named == "it" or _is_name(match, named):
                yield _Finding(*match.span(named or 0), kind)


def _is_name(match: re.Match[str], group: str) -> bool:
    """Whether what stands in the place of a name is none of the ordinary words."""
    written, start = match[group], match.start(group)
    if group == "title":
        # 查 of 检查医师, 成 of 赞成医生, 时 of 检查时医生: a surname alone stands at the beginning or behind a verb.
        before = match.string[start - 1 : start]
        if not _HAN.match(before):
            return written not in _PREPOSITIONS and not before.isalnum()
        return not is_ordinary_word(before + written) and (written not in _PARTICLES or before in _CALLING)
    if group == "placed":
        return not is_ordinary_word(written, names_allowed=True)
    return not (is_ordinary_word(written) if group == "word" else begins_like_a_word(written))


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
    for match in (*BIRTH.finditer(text), *BIRTH_YEAR.finditer(text)):
        yield _Finding(*match.span("it"), "date", f"[{word}]")


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
    for form in "1245":
        if month := match[f"m{form}"]:
            year, day = match[f"y{form}"], match[f"d{form}"].lower()
            if not year.isdigit():  # '18: of which century is not said
                return None
            number = ORDINALS.index(day) + 1 if day in ORDINALS else int(re.sub(r"\D", "", day))
            return _valid(year, str(_MONTHS.index(month.lower()[:3]) + 1), str(number))
    return None


def _valid(year: str, month: str, day: str | None) -> date | None:
    if not day:
        return None
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None
