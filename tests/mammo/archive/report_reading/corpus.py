"""Invented reports with their truth written by hand: how they are marked up, and how a reading is judged.

`=== density | left right overall | style` opens a report; `-` stands for "not stated". In the text, «4A» is a
value or a descriptor of one (both blanked texts must lose it), ‹biopsy advised› gives the category away (the
strictly blanked text must lose it), and ⟦12 mm⟧ must stay. The rules of the truth are those of the reader's
contract: values of this exam only, the most severe lesion of a breast, the higher end of a range, a side only
where the text ties it.
"""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mammo.archive.report_reading import ReportReading

FOLDER = Path(__file__).parent
_MARK = re.compile(r"«(?P<value>[^«»]+)»|‹(?P<advice>[^‹›]+)›|⟦(?P<kept>[^⟦⟧]+)⟧")
_SAME_FORM = (
    *(tuple("0123456"), tuple("０１２３４５６"), ("一", "二", "三", "四", "五"), tuple("①②③④⑤")),
    (("zero", "one", "two", "three", "four", "five")),
    (("I", "II", "III", "IV", "V"), tuple("ⅠⅡⅢⅣⅤ")),
)


@dataclass(frozen=True)
class Case:
    """One report and its truth; `values` are spans of `text` that both blanked texts must lose."""

    style: str
    text: str
    density: str | None
    sides: tuple[str | None, ...]
    values: tuple[tuple[int, int], ...]
    advice: tuple[str, ...]
    kept: tuple[str, ...]

    def leaks(self) -> list[str]:
        """Each value with what stands before and behind it, long enough to occur nowhere else."""
        masked = list(self.text)
        for start, end in self.values:
            masked[start:end] = "\x00" * (end - start)
        rest = same_characters("".join(masked))
        found: list[str] = []
        for start, end in self.values:
            for step in ((1, 0), (0, 1)):
                before, behind = start, end
                while (written := same_characters(self.text[before:behind])) in rest and (
                    before > 0 or behind < len(self.text)
                ):
                    before, behind = max(0, before - step[0]), min(len(self.text), behind + step[1])
                    if (before, behind) in ((0, end), (start, len(self.text))):
                        break
                if written not in rest:
                    found.append(written)
        return found

    def with_other_values(self, rng: random.Random) -> str:
        """The text with each value replaced by another of the same form: 4A by 4C, Ⅳ by Ⅱ, four by two."""
        pieces, position = [], 0
        for start, end in self.values:
            pieces += [self.text[position:start], _another(self.text[start:end], rng)]
            position = end
        return "".join([*pieces, self.text[position:]])


def _another(written: str, rng: random.Random) -> str:
    lettered = re.fullmatch(r"([4４四]|IV|Ⅳ|four)([^\w]*)([a-cA-C])", written)
    if lettered:
        letters = "abc" if lettered[3].islower() else "ABC"
        return lettered[1] + lettered[2] + rng.choice(letters)
    for form in _SAME_FORM:
        if written in form:
            return str(rng.choice([other for other in form if other != written]))
    return written


def same_characters(text: str) -> str:
    """NFKC, without case, white space and zero-width characters: how strings are compared."""
    folded = unicodedata.normalize("NFKC", text)
    return re.sub(r"[\s\u200b\u200c\u200d\u2060\ufeff]", "", folded).casefold()


def cases(name: str) -> list[Case]:
    """The reports of a file of this folder, in order."""
    return list(_parsed((FOLDER / name).read_text(encoding="utf-8")))


def _parsed(source: str) -> Iterator[Case]:
    for block in re.split(r"^=== ", source, flags=re.MULTILINE)[1:]:
        head, _, marked = block.partition("\n")
        density, sides, style = (part.strip() for part in head.split("|"))
        text, values, advice, kept = _unmarked(marked.rstrip("\n"))
        left, right, overall = (None if value == "-" else value for value in sides.split())
        yield Case(
            style, text, None if density == "-" else density, (left, right, overall), values, advice, kept
        )


def _unmarked(marked: str) -> tuple[str, tuple[tuple[int, int], ...], tuple[str, ...], tuple[str, ...]]:
    text, position = "", 0
    values: list[tuple[int, int]] = []
    strings: dict[str, list[str]] = {"advice": [], "kept": []}
    for match in _MARK.finditer(marked):
        text += marked[position : match.start()]
        kind = str(match.lastgroup)
        if kind == "value":
            values.append((len(text), len(text) + len(match[kind])))
        else:
            strings[kind].append(match[kind])
        text += match[kind]
        position = match.end()
    return text + marked[position:], tuple(values), tuple(strings["advice"]), tuple(strings["kept"])


def faults(case: Case, reading: ReportReading) -> dict[str, str]:
    """What is wrong with a reading, by criterion; empty when all is right."""
    read = (reading.birads.left, reading.birads.right, reading.birads.overall)
    blanked, strict = same_characters(reading.blanked), same_characters(reading.blanked_strict)
    leaks, wrong = case.leaks(), {}
    if read[2] != case.sides[2]:
        wrong["overall"] = f"{read[2]} for {case.sides[2]}"
    if read[:2] != case.sides[:2]:
        wrong["sides"] = f"{read[:2]} for {case.sides[:2]}"
    if reading.density != case.density:
        wrong["density"] = f"{reading.density} for {case.density}"
    if left := [leak for leak in leaks if leak in blanked]:
        wrong["blanking"] = f"left: {left}"
    if lost := [kept for kept in case.kept if same_characters(kept) not in blanked]:
        wrong["blanking"] = wrong.get("blanking", "") + f" lost: {lost}"
    advice = [same_characters(text) for text in case.advice]
    if left := [leak for leak in [*leaks, *advice] if leak in strict]:
        wrong["strict"] = f"left: {left}"
    return wrong
