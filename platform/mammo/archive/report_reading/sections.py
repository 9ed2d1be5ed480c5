"""The parts of a report: what was known before, what was found, what it means, what to do, and legends."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from mammo.archive.report_reading import lexicon as lx
from mammo.core.patterns import compiled_when_used

Kind = Literal["history", "comparison", "other_modality", "findings", "impression", "advice"]

_HEADINGS: dict[Kind, str] = {
    "history": (
        r"(?:简要|临床|既往|现|个人)?病史(?:摘要)?|既往史|主诉|临床(?:诊断|资料|信息|症状|表现)|"
        r"检查(?:目的|原因)|(?:临床)?(?:疑问|提问)|(?:clinical\s+)?question|申请(?:原因|目的)|"
        r"(?:clinical\s+|patient\s+|breast\s+|past\s+|medical\s+)*(?:history|hx)|"
        r"(?:clinical\s+)?(?:indications?|details|information)|clinical|reason(?:\s+for\s+(?:the\s+)?(?:exam\w*|"
        r"study|visit))?|anamnese|anamnèse|antecedentes|antécédents|indication\s+clinique|"
        r"현병력|임상\s?정보|臨床情報|既往歴"
    ),
    "comparison": (
        r"对比|比较|与旧片(?:对比|比较)|前片|comparisons?(?:\s+studies)?|prior\s+(?:exams?|studies|imaging)|"
        r"previous\s+(?:exams?|studies|imaging)|vergleich|comparaison|comparación|비교"
    ),
    "other_modality": (
        r"(?:乳腺)?(?:彩色)?(?:多普勒)?(?:超声|彩超|b超|mri|核磁(?:共振)?|磁共振)(?:检查|所见|提示|表现|诊断|报告)*|"
        r"(?:targeted\s+|breast\s+|(?:left|right|bilateral)\s+)*(?:ultrasound|sonograph\w*|us|mri|mr)"
        r"(?:\s+(?:left|right|both|breasts?|findings|report|exam(?:ination)?|of|the))*|초음파|超音波"
    ),
    "findings": (
        r"(?:影像|检查|x线|乳腺|摄影|钼靶)*(?:所见|表现|描述)|影像学(?:所见|表现)|findings?|description|report|"
        r"mammogra(?:m|phy|phic\s+findings)|technique|检查(?:方法|技术|部位)|(?:breast\s+)?(?:density|composition)|"
        r"乳腺(?:密度|构成|类型)|腺体(?:类型|密度|分型)|befund|résultats?|hallazgos|achados|reperti|所見|소견"
    ),
    "impression": (
        r"(?:影像|x线|放射|检查|超声|临床)*(?:学)?(?:诊断|印象|结论|提示|意见)(?:意见|印象|提示|与建议|及建议|"
        r"和建议)?|"
        r"評估|结果|結論|評價|评估(?:意见|结果)?|综合评估|"
        r"impressions?|assessments?|(?:final\s+|overall\s+)(?:assessment|impression)|conclusions?|opinion|"
        r"interpretation|summary|diagnosis|impression\s*(?:and|&|/)\s*recommendations?|"
        r"beurteilung|conclusion|conclusión|conclusões|conclusão|impresión|impressão|conclusioni|conclusie|"
        r"заключение|판정|결론|診断"
    ),
    "advice": (
        r"(?:处理|诊疗|随访|临床|检查|后续)?(?:建议|建議|处理意见|处置)|"
        r"(?:management\s+|follow-?up\s+)?recommendations?|plan|management|disposition|next\s+steps?|advice|"
        r"follow-?up|empfehlung(?:en)?|recomendaci(?:ón|ones)|recomendaç(?:ão|ões)|conduta|"
        r"conduite(?:\s+à\s+tenir)?|raccomandazioni|aanbeveling|рекомендации|öneri(?:ler)?|권고(?:사항)?|추천"
    ),
}
_HEADING = compiled_when_used(
    r"(?:^|(?<=[\n。.;!?】\]>*#|]))[^\S\n]*(?:[【\[*#_]{1,4}\s?|<[a-z][^<>]{0,30}>|\d{1,2}[.、)]\s?)?(?:"
    + "|".join(f"(?P<{kind}>{words})" for kind, words in _HEADINGS.items())
    + r")(?:[^\S\n]*\([^()\n]{0,20}\))?[^\S\n]*(?:[】\]*_]{0,4}[^\S\n]*:|[】\]]|</?[a-z][^<>]{0,30}>|"
    r"[*_]{0,4}(?=[^\S\n]*(?:\n|$)))",
    lx.FLAGS,
)
# An item of a key to the categories: "0类：需要其他检查", "2 = benign", "BI-RADS 3 - probably benign".
_KEY = compiled_when_used(
    rf"(?:(?P<label>{lx.LABEL}|{lx.WEAK_LABEL})[\s:\-#(]*)?(?<![\d.<>≤≥~%\-])(?<!\d:)(?P<value>{lx.RANGE})\s*"
    rf"(?P<class>{lx.CLASS_WORD})?\s*(?P<mark>[=:(\-]+>?|→|是|为|指|表示|means|is|,)?",
    lx.FLAGS,
)
_MEANING = compiled_when_used(
    r"[\s=:(\-→]*(?:表示|代表|指)?(?:评估|评价|阴性|良性|可能|很可能|可疑|高度|中度|低度|恶性|已|经|活检|需|"
    r"未见|正常|建议|不完全|"
    r"incomplete|need|negative|normal|benign|probabl|suspicio|low|moderate|intermediate|high|malignan|known|biops|"
    r"assessment)",
    lx.FLAGS,
)
# "0 incomplete, 1 negative": without a mark the whole item is its meaning.
_BARE_MEANING = compiled_when_used(
    r"\s+(?:probabl[ey]\s+(?:benign|malignant)|(?:highly\s+|moderately\s+)?suspicious(?:\s+abnormality)?|"
    r"(?:highly\s+)?suggestive(?:\s+of\s+(?:malignancy|cancer))?|"
    r"(?:biopsy[- ]proven|known|proven)\s+(?:cancer|carcinoma|malignancy|malignant)|incomplete(?:\s+assessment)?|"
    r"negative|normal|benign(?:\s+findings?)?|需(?:进一步|其他|补充)[^,;、。\n]{0,8}|评估不完[全整]|阴性|正常|良性|(?:很?可能|高度可?疑?)?(?:良性|恶性|可疑)(?:恶性)?|"
    r"已(?:活检)?证实(?:恶性)?|活检证实(?:恶性)?)(?=\s*(?:[,;、/。.)\n]|$))",
    lx.FLAGS,
)
_SIDE = compiled_when_used(lx.SIDE, lx.FLAGS)
_FEWEST_KEYS = 3
_LONGEST_MEANING = 90


_PARAGRAPH = compiled_when_used(r"\n\s*\n|\n(?=[^\n:]{0,30}:)")
_SENTENCE = compiled_when_used(r"[。;\n]|\.(?=\s|$)")


@dataclass(frozen=True)
class Section:
    """`start` is the heading's first character, `body` the first behind it, `end` the next heading's first."""

    kind: Kind
    start: int
    body: int
    end: int


def find_sections(text: str) -> list[Section]:
    """The headed parts of a normalised text, in order."""
    matches = list(_HEADING.finditer(text))
    ends = [match.start() for match in matches[1:]] + [len(text)] * bool(matches)
    return [
        Section(match.lastgroup, match.start(), match.end(), _end(text, match, end))  # type: ignore[arg-type]
        for match, end in zip(matches, ends, strict=True)
    ]


def _end(text: str, heading: re.Match[str], end: int) -> int:
    """A last part ends with its paragraph, one of history with its sentence: no heading tells where it does."""
    body = heading.end()
    if end < len(text):
        return end
    begun = len(text[body:]) - len(text[body:].lstrip())
    stop = _SENTENCE if heading.lastgroup in ("history", "comparison") else _PARAGRAPH
    found = stop.search(text, body + begun)
    return found.start() if found else end


def section_at(sections: Sequence[Section], position: int) -> Section | None:
    """The part that holds a position; None before the first heading and in between."""
    for section in sections:
        if section.start <= position < section.end:
            return section
    return None


def legends(text: str) -> list[tuple[int, int, list[tuple[int, int]]]]:
    """Keys to the categories: (start, end, spans of the values) of three or more meanings in a row.

    What makes a key is that each value is followed by its meaning and nothing says whose it is.
    """
    found: list[tuple[int, int, list[tuple[int, int]]]] = []
    run: list[re.Match[str]] = []
    matches = [
        match
        for match in _KEY.finditer(text)
        if match["class"] or match["mark"] or match["label"] or _BARE_MEANING.match(text, match.end("value"))
    ]
    for match in matches:
        if run and not _continues(text, run[-1], match):
            found += _as_legend(text, run)
            run = []
        if _MEANING.match(text, match.end()) or _BARE_MEANING.match(text, match.end("value")):
            run.append(match)
        elif run:
            found += _as_legend(text, run)
            run = []
    return found + _as_legend(text, run)


def _continues(text: str, last: re.Match[str], match: re.Match[str]) -> bool:
    between = text[last.end() : match.start()]
    return len(between) <= _LONGEST_MEANING and "\n\n" not in between and not _SIDE.search(between)


def _as_legend(text: str, run: Sequence[re.Match[str]]) -> list[tuple[int, int, list[tuple[int, int]]]]:
    if len(run) < _FEWEST_KEYS:
        return []
    # The last meaning ends with its clause.
    stop = re.compile(r"[;；。\n|]|\.(?=\s|$)").search(text, run[-1].end())
    end = stop.start() if stop else len(text)
    return [(run[0].start(), end, [match.span("value") for match in run])]
