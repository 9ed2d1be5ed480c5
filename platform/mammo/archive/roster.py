"""The identifying strings that are known of a patient, and the forms in which they stand in a text."""

import re
from typing import Any

from mammo.archive.one_script import folded, in_one_script
from mammo.archive.report_reading.normalised import normalise
from mammo.archive.roster_names import name_patterns

KINDS = ("names", "doctors", "numbers", "places")
Roster = dict[str, list[str]]

# The end of a number by itself: shorter ones are a year, or a measure.
_TAIL = 5
_HAN = re.compile(r"[\u3400-\u9fff]")
# What stands in a place's field without naming one, and in reports too.
_NO_PLACES = frozenset(
    re.findall(
        r"\S+",
        "医院 本院 我院 外院 院外 门诊 住院 病房 科室 放射 放射科 影像科 乳腺 乳腺科 乳腺外 外科 妇科 体检 "
        "本市 本地 外地 城区 不详 未知 其他 "
        "hospital clinic local main home ward unknown none other inpatient outpatient",
    )
)
_BETWEEN_DIGITS = r"[\s\-_/.,、]{0,2}"


def merged_roster(roster: Roster, header: dict[str, Any]) -> Roster:
    """The roster with what a file's header adds."""
    merged = {kind: list(roster.get(kind, [])) for kind in KINDS}
    for kind in KINDS:
        for value in header.get(kind) or []:
            if value and value not in merged[kind]:
                merged[kind].append(value)
    return merged


def stands_in(text: str, roster: Roster) -> bool:
    """Whether anything of the roster stands in a text."""
    in_script = folded(normalise(text)).text
    return any(pattern.search(in_script) for _kind, pattern in roster_patterns(roster))


def roster_patterns(roster: Roster) -> list[tuple[str, re.Pattern[str]]]:
    """(kind, pattern) of everything known of her, for texts in one script (`one_script.folded`).

    Names and what she is called by them, numbers and their ends, places.
    """
    found: list[tuple[str, re.Pattern[str]]] = []
    for kind in ("names", "doctors"):
        for name in roster.get(kind, []):
            patterns = name_patterns(name, is_patient=kind == "names")
            found += [("name", pattern) for pattern in patterns]
    for number in roster.get("numbers", []):
        if len(number) >= 4:
            found.append(("number", _number_pattern(number)))
    for place in roster.get("places", []):
        if _is_told(place):
            written = r"\s{0,8}".join(map(re.escape, in_one_script(place).split()))
            found.append(("place", re.compile(written, re.IGNORECASE)))
    return found


def _is_told(place: str) -> bool:
    """Is a place's name long enough to be told from other words: two Chinese characters, or four letters?"""
    return place.lower() not in _NO_PLACES and (len(place) >= 4 or len(_HAN.findall(place)) >= 2)


def _number_pattern(number: str) -> re.Pattern[str]:
    """The number however it is grouped, or its last digits (88213 of MG2019-0088213, 0088213 without its zeros)."""
    characters = re.sub(r"[\s\-_/.]", "", number)
    whole = _BETWEEN_DIGITS.join(map(re.escape, characters))
    digits = re.search(r"\d*$", characters)
    ending = digits[0] if digits else ""
    tails = [ending[-length:] for length in range(len(ending) - (ending == characters), _TAIL - 1, -1)]
    bodies = "|".join([whole, *tails])
    return re.compile(rf"(?<![A-Za-z0-9])(?<!\d\.)(?:{bodies})(?![A-Za-z0-9]|\.\d)", re.IGNORECASE)
