"""The forms in which a name that is known stands in a text (both in one script, see `one_script`)."""

import re
from functools import lru_cache
from itertools import pairwise
from unicodedata import normalize

from mammo.archive.one_script import in_one_script

_HAN = re.compile(r"[\u3400-\u9fff]")
TITLE = re.compile(r"^(?:dr|prof|professor|mr|mrs|ms|miss|sir|md|phd)\.?$", re.IGNORECASE)
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
_BETWEEN_LATIN = r"[\s^,.\-·'’]{0,8}"
# A syllable of pinyin; one that begins with a vowel begins with a, e or o.
_SYLLABLE = re.compile(
    r"(?:(?:zh|ch|sh|[bpmfdtnlgkhjqxrzcsyw])(?:iang|iong|uang|ueng|ang|eng|ing|ong|ian|iao|uai|uan|ai|ei|ao|ou|an|en|"
    r"in|un|ia|ie|iu|ua|uo|ui|ue|ve|a|o|e|i|u|v)|ang|eng|ai|ei|ao|ou|an|en|er|a|o|e)",
    re.IGNORECASE,
)
_MOST_SYLLABLES = 3
# Syllables that are English words: a name of such ones alone is told from words by its capital.
_ENGLISH_WORDS = frozenset(
    re.findall(
        r"\S+",
        "a an ban bang bin can dan die do fan fang gang go hang he hen la ma man me men pa pan pang pin rang sang she "
        "shed so song sun tan tang to wan we yang you yin long lung fun run sue cue due lie pie tie bun gun nun pun pen "
        "ten den dung ping king ring ding sing bing ling",
    )
)


# Written with an e where the mark lacks.
_WITH_E = str.maketrans(
    {
        "ä": "ae",
        "ö": "oe",
        "ü": "ue",
        "Ä": "Ae",
        "Ö": "Oe",
        "Ü": "Ue",
        "ø": "oe",
        "Ø": "Oe",
        "å": "aa",
        "Å": "Aa",
    }
)


def name_patterns(name: str, *, is_patient: bool) -> list[re.Pattern[str]]:
    """Patterns of one name as a header writes it: components divided by ^, scripts by =."""
    patterns: list[re.Pattern[str]] = []
    for group in in_one_script(normalize("NFC", name).translate(_WITH_E)).split("="):
        parts = [part for part in re.split(r"[\^\s,]+", group) if part and not TITLE.match(part)]
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
    """All parts in every order however they are joined or split, initials with the surname, and given names alone."""
    pieces = [piece for part in parts for piece in re.split(r"[\-·'’]", part) if piece]
    whole_surname, given = parts[0], parts[1:]
    if len("".join(pieces)) < 4:
        return []
    pieces = pieces if len(parts) > 1 else parts
    orders = [pieces, [*pieces[1:], pieces[0]], [pieces[-1], *pieces[:-1]]]
    found = [_word(_BETWEEN_LATIN.join(map(_written, order)), re.IGNORECASE) for order in orders]
    for family, others in ((whole_surname, given), (parts[-1], parts[:-1])):
        for letters in {tuple(other[0] for other in others), tuple(_initials(others))}:
            initials = r"[\s.\-]{0,8}".join(map(re.escape, letters))
            if initials:
                found.append(_word(rf"{_cased(family)}[\s,]{{1,8}}{initials}\.?", 0))
                found.append(_word(rf"{initials}\.?[\s]{{0,8}}{_cased(family)}", 0))
    for part in parts:
        # Alone a name is told from a word by its capital.
        if len(part) >= 4:
            found.append(_word(_cased(part), 0))
    # Her given name, written as one word in one place and as two in the other.
    for joined in {"".join(given), "".join(parts[:-1]), *parts}:
        syllables = pinyin_syllables(re.sub(r"[\-·'’]", "", joined))
        if len(syllables) > 1 and len(joined) >= 4:
            flags = 0 if _ENGLISH_WORDS.issuperset(syllables) else re.IGNORECASE
            found.append(_word(r"[\s\-·'’]{0,2}".join(map(_cased, syllables)), flags))
    return found


def _written(part: str) -> str:
    """A part of a name, whole or in syllables, ue and the like with and without their e (Mueller, Müller)."""
    syllables = pinyin_syllables(part)
    divided = _BETWEEN_LATIN.join(map(_letters, syllables))
    return f"(?:{_letters(part)}|{divided})" if len(syllables) > 1 else _letters(part)


def _letters(part: str) -> str:
    """Oe and aa also as one letter: what stands for ö and å where the mark lacks."""
    return re.sub(r"(?<=[aouAOU])([eE])(?=[^aeiouAEIOU]|$)|(?<=[aA])([aA])", r"\g<0>?", re.escape(part))


def _cased(part: str) -> str:
    return f"(?:{'|'.join(sorted({_letters(part.capitalize()), _letters(part.upper()), _letters(part)}))})"


def _initials(parts: list[str]) -> list[str]:
    return [syllable[0].upper() for part in parts for syllable in pinyin_syllables(part) or [part]]


@lru_cache(maxsize=4096)
def pinyin_syllables(part: str) -> tuple[str, ...]:
    """The syllables of pinyin that make the part, of several divisions the first of the fewest; () where none do."""
    divisions: list[tuple[int, ...]] = [(0,)]
    for _ in range(_MOST_SYLLABLES):
        longer = [
            (*division, end)
            for division in divisions
            for end in range(division[-1] + 1, min(len(part), division[-1] + 6) + 1)
            if _SYLLABLE.fullmatch(part, division[-1], end)
        ]
        whole = [division for division in longer if division[-1] == len(part)]
        if whole:
            return tuple(part[start:end].lower() for start, end in pairwise(whole[-1]))
        divisions = longer
    return ()


def _word(body: str, flags: int) -> re.Pattern[str]:
    return re.compile(rf"(?<![A-Za-z0-9]){body}(?![A-Za-z0-9])", flags)
