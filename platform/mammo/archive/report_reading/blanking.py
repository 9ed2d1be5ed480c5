"""Takes the BI-RADS category out of a report; strictly, also what gives it away.

Blanked: every value, whichever exam or modality it belongs to, and the words that describe a category
("probably benign", percent bands). Strictly blanked: management and conclusions as well ("biopsy advised",
"no evidence of malignancy"). Findings stay: a spiculated mass is finding text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from mammo.archive.report_reading import lexicon as lx
from mammo.archive.report_reading.mentions import Mention
from mammo.archive.report_reading.normalised import NormalisedText

PLACEHOLDER = "__"
Span = tuple[int, int]

# Wordings that only ever describe a category.
_DESCRIPTOR = re.compile(
    r"(?:很?可能(?:为|是)?良性|良性可能(?:性)?(?:大|较大)?|(?:高度|中度|低度)?可疑恶性|高度(?:提示|怀疑|"
    r"可疑)(?:为)?恶性|(?:低|中|高)度(?:可疑|怀疑)|"
    r"恶性可能性?(?:低|中等?|高|大)|已(?:经)?(?:活检|病理)?证实(?:的)?恶性|典型恶性|评估不完全|"
    r"需要?(?:结合|补充)其他(?:影像)?检查|"
    r"probabl[ye]\s+benign|probably benign finding|(?:low|moderate|intermediate|"
    r"high)\s+suspicion(?:\s+(?:for|of)\s+malignancy)?|"
    r"(?:highly\s+)?suggestive\s+of\s+malignancy|suspicious\s+(?:abnormality|for\s+malignancy)|"
    r"(?:known\s+)?biopsy[- ]proven\s+malignancy|known\s+malignancy|"
    r"need(?:s)?\s+prior\s+mammograms?(?:\s+for\s+comparison)?|"
    r"(?<![a-z])(?:assessment\s+)?incomplete(?![a-z])|wahrscheinlich\s+gutartig|probablement\s+bénin\w*|"
    r"probablemente\s+benign\w*|"
    r"provavelmente\s+benign\w*)",
    lx.FLAGS,
)
# Plain words are descriptors only beside a value or as the whole impression.
_PLAIN = (
    r"(?:阴性|良性(?:改变|病变|发现)?|可疑|恶性|未见异常|"
    r"negative|benign(?:\s+findings?)?|suspicious|malignant|positive)"
)
_BESIDE = re.compile(rf"\s*{lx.CLASS_WORD}?\s*[\-:(,]\s*(?P<word>{_PLAIN})(?=\s*[).,;。]|\s*$|\n)", lx.FLAGS)
_IMPRESSION = re.compile(
    rf"(?:impression|assessment|conclusion|印象|结论|诊断)\s*:\s*(?P<word>{_PLAIN})(?=\s*[.,;。])", lx.FLAGS
)
_PERCENT = r"[<>≤≥~约]?\s*\d{1,3}(?:\.\d+)?\s*%?\s*(?:(?:-|~|至|to)\s*[<>≤≥]?\s*\d{1,3}\s*)?%"
_BAND = re.compile(
    rf"(?:(?:恶性|癌)[^,。;\n%]{{0,12}}{_PERCENT}|{_PERCENT}[^,。;.\n]{{0,12}}(?:恶性|malignan\w*|cancer)|"
    rf"(?:malignancy|cancer)[^,.;\n%]{{0,20}}{_PERCENT})",
    lx.FLAGS,
)
_BAND_BESIDE = re.compile(rf"\s*{lx.CLASS_WORD}?\s*[(,\-]\s*(?P<word>{_PERCENT})", lx.FLAGS)

_ADVICE = re.compile(
    r"建议|请(?:结合|外科|临床|专科|到|至|于)[^,。;\n]{0,10}(?:会诊|就诊|复查|处理|活检)|请外科|复查|"
    r"随访|(?:每年|年度|常规)[^,。;\n]{0,4}(?:筛查|复查|体检)|"
    r"不(?:能)?除外恶性|不排除恶性|恶性待排|(?:考虑|倾向)[^,。;\n]{0,3}(?:良性|恶性)|加(?:摄|拍|做)|"
    r"进一步(?:检查|诊治)|会诊|召回|(?:行|做)[^,。;\n]{0,6}(?:活检|穿刺)|"
    r"recommend\w*|recommandation|suggest(?:ed)?\s+(?:biopsy|follow)|advis(?:e|ed)|routine\s+(?:annual|"
    r"screening|mammo\w*|follow)|"
    r"annual\s+(?:screening|mammo\w*)|short[- ](?:interval|term)|follow[- ]?up|tissue\s+diagnosis|"
    r"appropriate\s+action|additional\s+(?:imaging|views?)|"
    r"recall|core\s+biopsy\s+of|guided\s+(?:core\s+)?biopsy|biopsy\s+(?:should|is|needed|required|x)|"
    r"surgical\s+(?:referral|consultation)|"
    r"(?:no|without)\s+(?:mammographic\s+)?evidence\s+of\s+malignancy|return\s+to\s+(?:annual|routine)|"
    r"contrôle|kontrolle|control\s+en|"
    r"controle\s+em|seguimiento|biopsia|biopsie\s+(?:recommandée|empfohlen)|精密検査|経過観察",
    lx.FLAGS,
)
_PAST = re.compile(
    r"(?:活检|穿刺)(?:证实|病理|术后|后)|biopsy[- ]proven|(?:s/p|status\s+post|after|post)[- ]", lx.FLAGS
)
# The reason for an examination is no advice, though it may be "routine follow-up".
_REASON = re.compile(
    r"(?:主诉|病史|临床|申请|检查目的|indication|history|clinical|reason)[^。.\n]*$", lx.FLAGS
)
_CLAUSE_END = re.compile(r"[。;\n]|\.(?=\s|$)")


def blank(source: NormalisedText, mentions: Sequence[Mention]) -> str:
    """The original text with every value and descriptor replaced by PLACEHOLDER."""
    return _replace(source, _category_spans(source.text, mentions))


def blank_strictly(source: NormalisedText, mentions: Sequence[Mention]) -> str:
    """As `blank`, and without clauses of advice or conclusion."""
    spans = [*_category_spans(source.text, mentions), *_advice_spans(source.text)]
    return _replace(source, spans)


def _category_spans(text: str, mentions: Sequence[Mention]) -> list[Span]:
    spans = [(mention.start, mention.end) for mention in mentions]
    spans += [match.span() for pattern in (_DESCRIPTOR, _BAND) for match in pattern.finditer(text)]
    spans += [match.span("word") for match in _IMPRESSION.finditer(text)]
    for mention in mentions:
        for pattern in (_BESIDE, _BAND_BESIDE):
            match = pattern.match(text, mention.end)
            if match:
                spans.append(match.span("word"))
    return spans


def _advice_spans(text: str) -> list[Span]:
    """Clauses of advice: from a trigger's clause (bounded by comma before, full stop behind)."""
    spans: list[Span] = []
    for match in _ADVICE.finditer(text):
        start = max(text.rfind(mark, 0, match.start()) for mark in ",，。;\n:.(") + 1
        stop = _CLAUSE_END.search(text, match.end())
        end = stop.start() if stop else len(text)
        reason = _REASON.search(text[max(0, match.start() - 60) : match.start()])
        if not reason and not _PAST.search(text[start:end]):
            spans.append((start + len(text[start:end]) - len(text[start:end].lstrip()), end))
    return spans


def _replace(source: NormalisedText, spans: Iterable[Span]) -> str:
    """Replace spans of the normalised text in the original; touching and overlapping ones become one."""
    original = sorted(source.original_span(start, end) for start, end in spans if end > start)
    pieces: list[str] = []
    position = 0
    for start, end in original:
        if start < position:
            position = max(position, end)
            continue
        pieces += [source.original[position:start], PLACEHOLDER]
        position = end
    pieces.append(source.original[position:])
    return "".join(pieces)
