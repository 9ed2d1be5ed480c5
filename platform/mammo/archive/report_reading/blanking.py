"""Takes the BI-RADS category out of a report; strictly, also what gives it away.

Blanked: every value, whichever exam or modality it belongs to, and the words that describe a category
("probably benign", percent bands). Strictly blanked: management and conclusions as well ("biopsy advised",
"no evidence of malignancy"). Findings stay: a spiculated mass is finding text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from mammo.archive.report_reading import lexicon as lx
from mammo.archive.report_reading.mention import Mention
from mammo.archive.report_reading.normalised import NormalisedText
from mammo.archive.report_reading.sections import find_sections, legends
from mammo.archive.report_reading.sentences import SENTENCE_END, sentence_start
from mammo.core.patterns import compiled_when_used

PLACEHOLDER = "__"
Span = tuple[int, int]

# Wordings that only ever describe a category.
_DESCRIPTOR = compiled_when_used(
    r"(?:很?可能(?:为|是)?良性|良性可能(?:性)?(?:大|较大)?|(?:高度|中度|低度)?可疑恶性|高度(?:提示|怀疑|"
    r"可疑)(?:为)?恶性|(?:低|中|高)度(?:可疑|怀疑)|"
    r"恶性可能性?(?:低|中等?|高|大|较大|较低|小)|恶性(?:风险|概率)[^,。;\n]{0,4}(?:低|中等?|高|大)|"
    r"倾向(?:于)?(?:良|恶)性|已(?:经)?(?:活检|病理)?证实(?:的)?恶性|典型恶性|评估不完全|"
    r"需要?(?:结合|补充)其他(?:影像)?检查|"
    r"probabl[ye]\s+benign(?:\s+findings?)?|likely\s+benign|(?:low|moderate|intermediate|"
    r"high)\s+suspicion(?:\s+(?:for|of)\s+malignancy)?|"
    r"(?:highly\s+)?suggestive\s+of\s+malignancy|suspicious\s+(?:abnormality|for\s+malignancy)|"
    r"(?:known\s+)?biopsy[- ]proven\s+malignancy|known\s+malignancy|"
    r"need(?:s)?\s+prior\s+mammograms?(?:\s+for\s+comparison)?|"
    r"(?<![a-z])(?:assessment\s+)?incomplete(?![a-z])|wahrscheinlich\s+gutartig|probablement\s+bénin\w*|"
    r"probablemente\s+benign\w*|"
    r"provavelmente\s+benign\w*|probabilmente\s+benign\w*|waarschijnlijk\s+goedaardig|muhtemelen\s+(?:benign|"
    r"iyi\s+huylu)|"
    r"вероятно\s+доброкачественн\w*|양성\s?추정|おそらく良性|良性の可能性|altamente\s+sospechos\w*|"
    r"hochgradig\s+(?:verdächtig|suspekt)|"
    r"malignitätsverdächtig|hautement\s+évocat\w*|fortement\s+suspect\w*|altamente\s+sugestiv\w*|"
    r"(?:大概率|极可能)(?:良|恶)性|考虑良性可能)",
    lx.FLAGS,
)
# Plain words are descriptors only beside a value or as the whole impression.
_PLAIN = (
    r"(?:阴性|正常|良性(?:改变|病变|发现|征象|钙化)?|可疑(?:异常)?|恶性|未见(?:明显)?异常|评估(?:不完全|未完成)|"
    r"negative|normal|benign(?:\s+(?:findings?|changes?))?|suspicious(?:\s+(?:findings?|abnormality))?|"
    r"malignant|positive|"
    r"incomplete|bénin|gutartig|benigno|maligno|suspeito|sospechoso|양성|음성|良性|陰性)"
)
_BESIDE = compiled_when_used(
    rf"\s*{lx.CLASS_WORD}?\s*[\-:(,=/]{{1,2}}\s*(?P<word>{_PLAIN})"
    rf"(?=\s*[).,;:。<|/]|\s*$|\n|\s+-|\s+(?:for|in|on|of)\s+(?:the\s+)?(?:{lx.BOTH}|{lx.LEFT}|{lx.RIGHT}))",
    lx.FLAGS,
)
# "Assessment: Benign (2)": the word before its value.
_BEFORE = compiled_when_used(
    rf"(?:^|[:.;,。;(\n])\s*(?P<word>{_PLAIN})\s*[\-:(,]\s*(?:{lx.LABEL}|{lx.WEAK_LABEL})?[\s:\-]*$", lx.FLAGS
)
_IMPRESSION = compiled_when_used(
    rf"(?:impression|assessment|conclusion|category|印象|结论|诊断|评估|"
    rf"分类)\s*:\s*(?P<word>{_PLAIN})(?=\s*[.,;。(\n\-]|\s*$)",
    lx.FLAGS,
)
_PERCENT = r"[<>≤≥~约]?\s*\d{1,3}(?:\.\d+)?\s*%?\s*(?:(?:-|~|至|to)\s*[<>≤≥]?\s*\d{1,3}\s*)?%"
_BAND = compiled_when_used(
    rf"(?:(?:恶性|癌)[^,。;\n%]{{0,12}}{_PERCENT}|{_PERCENT}[^,。;.\n]{{0,12}}(?:恶性|malignan\w*|cancer)|"
    rf"(?:malignancy|cancer)[^,.;\n%]{{0,20}}{_PERCENT})",
    lx.FLAGS,
)
_BAND_BESIDE = compiled_when_used(rf"\s*{lx.CLASS_WORD}?\s*[(,\-]\s*(?P<word>{_PERCENT})", lx.FLAGS)

# "5 (highly suggestive of malignancy, ≥95%)"
_BRACKET = compiled_when_used(rf"\s*{lx.CLASS_WORD}?\s*\([^()\n]{{0,80}}\)", lx.FLAGS)
_PERCENTS = compiled_when_used(_PERCENT, lx.FLAGS)

# What is to be done, by language: whoever reads it knows the category without reading a number.
_ADVICE_ZH = (
    r"建议|建議|请[^,。;\n]{0,8}(?:治疗|诊治|就诊|会诊|处理|手术)|请(?:提供|携|带|对比|对照|调阅|结合|外科|临床|专科|到|至|于|定期|每年|年度)|"
    r"(?:宜|应|需|须|需要|可|拟|尽快|尽早|必要时|有待)(?:进一步|行|作|做|予|加|补|结合|短期|定期|尽快|尽早|"
    r"及时|立即|手术|穿刺|活检|"
    r"复查|随访|召回|MRI|超声|切除|除外|排除|考虑(?:活检|穿刺|手术))|"
    r"待(?:结合|复查|补充|活检|穿刺|病理|超声)|复查|复诊|随访|随诊|追踪|追蹤|追随|定期(?:观察|检查|体检)|(?:每年|年度|常规|例行)[^,。;\n]{0,6}(?:筛查|"
    r"体检|检查|普查|摄影)|"
    r"(?:不(?:能|可)?(?:完全)?(?:除外|排除)|(?:除外|排除)不了)[^,。;\n]{0,6}(?:恶性|癌|ca)|(?:恶性|癌|"
    r"ca)[^,。;\n]{0,4}"
    r"(?:待排|待除外|不除外|不能除外|不排除|可能|可能性大|征象)|(?:考虑|倾向|符合|提示|疑似|疑为|警惕)[^,。;\n]{0,6}"
    r"(?:良性|恶性|癌|乳癌|(?:ca|mt|bc|idc|dcis)(?![a-z]))|加(?:摄|拍|做|照)|补(?:摄|拍|照)|进一步(?:检查|诊治|"
    r"评估|处理|明确|诊断)|"
    r"会诊|就诊|召回|(?:行|做|予|作|及时|立即|尽快)[^,。;\n]{0,8}(?:活检|穿刺|切除|手术)|(?:穿刺|手术|切除|"
    r"粗针|真空|旋切)[^,。;\n]{0,4}"
    r"活检|切片检查|切片檢查|手术治疗|外科处理|未见恶性(?:征象|病变)"
)
_ADVICE_EN = (
    r"recommend\w*|(?<![a-z])rec(?:s|\.|:)?\s+(?=[a-z])|suggest(?:s|ed)?\s+(?:an?\s+)?(?:biops|follow|repeat|further|"
    r"additional|ultraso|mri|short|clinical|correlat|core|surg|annual|routine|six|6|recall|return)\w*|advi[sc]e\w*|"
    r"(?:should|must)\s+(?:be|undergo|have|return|consider|go)\b|(?<![a-z])(?:needs?|requires?|"
    r"warrants?)\s+(?:to\s+be\s+)?"
    r"(?:an?\s+)?(?:biops|tissue|recall|further|additional|ultraso|spot|magnif|prior|follow|surg|work)\w*|"
    r"(?:is|are)\s+(?:required|warranted|indicated|needed|necessary)|"
    r"(?<![a-z])(?:routine|annual|yearly|regular|continued?)\s+(?:\w+\s+){0,2}(?:screen\w*|mammo\w*|follow\w*|"
    r"surveill\w*|check\w*|"
    r"interval)|continue\s+\w+|short[- ](?:interval|term)|follow[- ]?up|surveillance|f/u(?![a-z])|"
    r"(?:six|twelve|6|12|18|24)[- ]months?\s+(?:\w+\s+){0,2}(?:mammo\w*|imaging|film|check|review|recheck)|"
    r"(?:in|at)\s+(?:one|two|six|twelve|1|2|6|12)\s+(?:years?|months?)(?:'\s*time)?(?=\s*(?:[.;,\n]|$))|"
    r"tissue\s+(?:diagnosis|sampling)|appropriate\s+action|(?:additional|further|supplementa\w+)\s+(?:imaging|views?|"
    r"evaluation|work-?up|assessment|films?|projections?|investigation)|recall(?!ed\s+from)|call(?:ed)?[- ]?back|"
    r"(?<![a-z])(?:us|ultrasound|sono\w*|stereo\w*|mri|image|needle)?[- ]?(?:guided\s+)?(?:core\s+|needle\s+|"
    r"excision\w*\s+|surgical\s+|"
    r"vacuum\w*[- ]\w*\s+|percutaneous\s+|open\s+)*(?:biops(?:y|ies)|bx)(?![- ]*(?:clip|marker|scar|site|"
    r"change|proven|tract|"
    r"cavit|show|confirm|demonstr|reveal|was|in\s+\d|on\s+\d|\d|\(\d|performed|result|path))|"
    r"excision(?!al\s+(?:scar|site))|"
    r"(?:surgical|breast|clinic|surgeon|oncolog\w*)\s+(?:referral|consult\w*|opinion|review)|refer(?:ral|red)?\s+to|"
    r"(?:no|without)\s+(?:\w+\s+)?(?:\w+\s+)?(?:evidence|signs?|features)\s+(?:of|for|"
    r"to\s+suggest)\s+(?:malignan\w*|cancer|neoplas\w*)|"
    r"return\s+(?:to\s+)?(?:annual|routine|screening|in)|repeat\s+(?:\w+\s+)?(?:mammo\w*|imaging|views?|"
    r"ultraso\w*|study|exam\w*)|"
    r"spot\s+compression\s+(?:views?|and)|(?:worrisome|concerning|suspicious|consistent|compatible)\s+(?:for|"
    r"with)\s+(?:\w+\s+)?"
    r"(?:malignan\w*|cancer|carcinoma|neoplas\w*)|(?:likely|probably|presumed)\s+(?:malignan\w*|cancer)|"
    r"next\s+(?:mammo\w*|screening)|correlat\w*\s+with"
)
_ADVICE_OTHER = (
    r"contrôle|kontroll\w*|control\s+(?:en|a|de)|controle\s+(?:em|de)|controllo|seguimiento|seguimento|"
    r"biopsi[ae]\w*|abkläarung|abklärung|empf(?:ohlen|ehl\w*)|recomm?and\w*|recomen\w*|sugier\w*|sugere\w*|"
    r"aconsej\w*|aconselh\w*|"
    r"consigli\w*|raccomand\w*|conseil\w*|aanbevolen|advies|öneril\w*|önerilir|biyopsi|takip|рекоменд\w*|биопси\w*|"
    r"контрол\w*|권고|추천|조직검사|추적|생검|精密検査|経過観察|精査|生検|要追加|再検|complementar\w*|follow-up"
)
_ADVICE = compiled_when_used(f"{_ADVICE_ZH}|{_ADVICE_EN}|{_ADVICE_OTHER}", lx.FLAGS)
_PAST = compiled_when_used(
    r"(?:活检|穿刺|手术|切除)(?:证实|病理|术后|后|提示|示|术|史)|(?:已|曾|年|月)[^,。;\n]{0,6}(?:行|"
    r"做)?[^,。;\n]{0,4}(?:活检|穿刺|手术)|"
    r"术后|biopsy[- ]proven|(?:s/p|status\s+post|after|post|prior|previous|known|old|"
    r"benign)[-\s]+(?:\w+\s+){0,3}(?:biops|excis|surg)|"
    r"(?:s/p|status\s+post)|(?:biopsy|excision)\s+(?:in|on|of)?\s*\(?\d",
    lx.FLAGS,
)
# The reason for an examination is no advice, though it may be "routine follow-up".
_REASON = compiled_when_used(
    r"(?:主诉|病史|临床|申请|检查目的|indication|history|clinical|reason)[^。.\n]*$", lx.FLAGS
)
_CLAUSE_END = compiled_when_used(r"[。;\n]|\.(?=\s|$)")


def blank(source: NormalisedText, mentions: Sequence[Mention]) -> str:
    """The original text with every value and descriptor replaced by PLACEHOLDER."""
    return _replace(source, _category_spans(source.text, mentions))


def blank_strictly(source: NormalisedText, mentions: Sequence[Mention]) -> str:
    """As `blank`, and without clauses of advice or conclusion, the parts headed so, and what looks like a value."""
    text = source.text
    values = [*_category_spans(text, mentions), *left_over(text, mentions)]
    return _replace(source, [*values, *_advice_spans(text), *_advice_parts(text)])


# A value whose letter tells the scale, where a breast is spoken of, and no pattern has read it.
_LEFT_OVER = compiled_when_used(r"(?<![a-z0-9.\-/])(?:4|iv|四)[abc](?![a-z0-9])", lx.FLAGS)
_A_SIDE = compiled_when_used(f"{lx.BOTH}|{lx.LEFT}|{lx.RIGHT}|乳|breast", lx.FLAGS)


def left_over(text: str, mentions: Sequence[Mention]) -> list[Span]:
    """Spans of what looks like a value beside the word of a breast, and is not among what was read."""
    known = [
        *_category_spans(text, mentions),
        *(m.span() for m in re.finditer(lx.OTHER_SCALE, text, lx.FLAGS)),
    ]
    return [
        match.span()
        for match in _LEFT_OVER.finditer(text)
        if not any(start < match.end() and match.start() < end for start, end in known)
        and _A_SIDE.search(text, sentence_start(text, match.start()), _sentence_end(text, match.end()))
    ]


def _sentence_end(text: str, position: int) -> int:
    end = SENTENCE_END.search(text, position)
    return end.start() if end else len(text)


def _category_spans(text: str, mentions: Sequence[Mention]) -> list[Span]:
    spans = [(mention.start, mention.end) for mention in mentions]
    # A key to the categories says nothing of this exam: it goes whole.
    spans += [(start, end) for start, end, _ in legends(text)]
    spans += [match.span() for pattern in (_DESCRIPTOR, _BAND) for match in pattern.finditer(text)]
    spans += [match.span("word") for match in _IMPRESSION.finditer(text)]
    for mention in mentions:
        for pattern in (_BESIDE, _BAND_BESIDE):
            match = pattern.match(text, mention.end)
            if match:
                spans.append(match.span("word"))
        bracket = _BRACKET.match(text, mention.end)
        if bracket:
            spans += [match.span() for match in _PERCENTS.finditer(text, *bracket.span())]
        before = _BEFORE.search(text, max(0, mention.start - 60), mention.start)
        if before:
            spans.append(before.span("word"))
    return spans


def _advice_parts(text: str) -> list[Span]:
    parts = [text[section.body : section.end] for section in find_sections(text) if section.kind == "advice"]
    starts = [section.body for section in find_sections(text) if section.kind == "advice"]
    return [
        (start + len(part) - len(part.lstrip()), start + len(part.rstrip()))
        for start, part in zip(starts, parts, strict=True)
        if part.strip()
    ]


def _advice_spans(text: str) -> list[Span]:
    """Clauses of advice: from a trigger's clause (bounded by comma before, full stop behind)."""
    spans: list[Span] = []
    for match in _ADVICE.finditer(text):
        start = (
            max(text.rfind(mark, max(0, match.start() - 400), match.start()) for mark in ",，。;\n:.(") + 1
        )
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
