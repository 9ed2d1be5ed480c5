"""The identifying strings that are known of a patient, and the forms in which they stand in a text."""

import re
from typing import Any

KINDS = ("names", "doctors", "numbers", "places")
Roster = dict[str, list[str]]

_HAN = re.compile(r"[\u3400-\u9fff]")
_TITLE = re.compile(r"^(?:dr|prof|professor|mr|mrs|ms|miss|sir|md|phd)\.?$", re.IGNORECASE)
_COMPOUND = (
    "欧阳|司马|上官|诸葛|皇甫|尉迟|公孙|慕容|令狐|司徒|夏侯|端木|宇文|长孙|东方|南宫|百里|西门|独孤|轩辕"
)
# Ordinary words that a nickname's pattern would make of a character of the name.
_WORDS = frozenset(
    re.findall(
        r"\S+",
        "小心 小时 小叶 小便 小腿 小结 小于 小孩 小姐 小儿 小学 小脑 小肠 小产 老年 老师 老人 阿姨 女儿 婴儿 "
        "胎儿 幼儿 这儿 那儿 点儿 天天 常常 慢慢 渐渐 明明 大小 月月 年年 时时 多多 心心 好好 红红 点点 片片 "
        "团团 大姐 小妹 老大 月经",
    )
)
_BETWEEN_HAN = r"[\s·•.]{0,8}"
_BETWEEN_LATIN = r"[\s^,.\-·]{0,8}"


def merged_roster(roster: Roster, header: dict[str, Any]) -> Roster:
    """The roster with what a file's header adds."""
    merged = {kind: list(roster.get(kind, [])) for kind in KINDS}
    for kind in KINDS:
        for value in header.get(kind) or []:
            if value and value not in merged[kind]:
                merged[kind].append(value)
    return merged


def roster_patterns(roster: Roster) -> list[tuple[str, re.Pattern[str]]]:
    """(kind, pattern) of everything known of her: names and what she is called by them, numbers, places."""
    found: list[tuple[str, re.Pattern[str]]] = []
    for name in roster.get("names", []):
        found += [("name", pattern) for pattern in _name_patterns(name, is_patient=True)]
    for name in roster.get("doctors", []):
        found += [("name", pattern) for pattern in _name_patterns(name, is_patient=False)]
    for number in roster.get("numbers", []):
        if len(number) >= 4:
            body = r"[\s\-]?".join(re.escape(character) for character in re.sub(r"[\s\-]", "", number))
            found.append(("number", re.compile(rf"(?<![A-Za-z0-9]){body}(?![A-Za-z0-9])", re.IGNORECASE)))
    for place in roster.get("places", []):
        if len(place) >= 4:
            found.append(("place", re.compile(r"\s{0,8}".join(map(re.escape, place.split())), re.IGNORECASE)))
    return found


def _name_patterns(name: str, *, is_patient: bool) -> list[re.Pattern[str]]:
    patterns: list[re.Pattern[str]] = []
    for group in name.split("="):
        parts = [part for part in re.split(r"[\^\s,]+", group) if part and not _TITLE.match(part)]
        if not parts:
            continue
        if _HAN.search(group):
            patterns += _han_patterns(parts, is_patient=is_patient)
        else:
            patterns += _latin_patterns(parts)
    return patterns


def _han_patterns(parts: list[str], *, is_patient: bool) -> list[re.Pattern[str]]:
    """Whole name, given name, and for a patient what people make of it: 小英, 英姐, 阿英, 英英, 李姐, 老李."""
    whole = "".join(parts)
    compound = re.match(_COMPOUND, whole)
    surname = parts[0] if len(parts) > 1 else compound[0] if compound else whole[:1]
    given = whole[len(surname) :]
    forms = [_BETWEEN_HAN.join(whole)] if len(whole) >= 2 else []
    forms += [_BETWEEN_HAN.join(given)] if len(given) >= 2 else []
    if is_patient:
        called = [f"{mark}{character}" for character in given for mark in "小阿大老"]
        called += [f"{character}{mark}" for character in given for mark in "姐妹哥儿嫂姨婶妈"]
        called += [character * 2 for character in given]
        titles = (
            "姐",
            "阿姨",
            "女士",
            "大姐",
            "小姐",
            "太太",
            "老师",
            "先生",
            "妈",
            "姨",
            "奶奶",
            "婆婆",
            "某",
        )
        called += [f"{surname}{title}" for title in titles]
        called += [f"{mark}{surname}" for mark in "小老阿"]
        forms += [form for form in called if form not in _WORDS]
    return [re.compile(form) for form in sorted(set(forms), key=len, reverse=True)]


def _latin_patterns(parts: list[str]) -> list[re.Pattern[str]]:
    """All parts in both orders however they are joined, initials with the surname, and each part in capitals."""
    pieces = (
        [piece for part in parts for piece in re.split(r"[\-·']", part) if piece] if len(parts) > 1 else parts
    )
    surname, given = parts[0], parts[1:]
    if len("".join(pieces)) < 4:
        return []
    orders = [pieces, [*pieces[1:], pieces[0]], [pieces[-1], *pieces[:-1]]]
    found = [_word(_BETWEEN_LATIN.join(map(re.escape, order)), re.IGNORECASE) for order in orders]
    for family, others in ((surname, given), (parts[-1], parts[:-1])):
        initials = r"[\s.\-]{0,8}".join(re.escape(other[0]) for other in others)
        if initials:
            found.append(_word(rf"{re.escape(family)}[\s,]{{1,8}}{initials}\.?", 0))
            found.append(_word(rf"{initials}\.?\s{{0,8}}{re.escape(family)}", 0))
    for part in parts:
        # Alone a name is told from a word by its capital.
        if len(part) >= 4:
            found.append(
                _word(rf"(?:{re.escape(part.capitalize())}|{re.escape(part.upper())}|{re.escape(part)})", 0)
            )
    return found


def _word(body: str, flags: int) -> re.Pattern[str]:
    return re.compile(rf"(?<![A-Za-z0-9]){body}(?![A-Za-z0-9])", flags)
