"""Amounts of a drug: number and unit beside a drug, a way of taking it, or how often."""

import re

from annotation.text_safety import clauses as cl
from annotation.text_safety.amounts import NUMBER

Span = tuple[int, int]

_UNIT = (
    r"(?:mg(?!y)|毫克|微克|μg|µg|mcg|g(?![a-z])|克|ml|毫升|iu|国际单位|单位|片|粒|颗|袋|支|丸|贴|滴|喷|勺|包|枚|瓶"
    r"|tablets?|pills?|capsules?|drops?|puffs?|patch(?:es)?|sachets?|spoon\w*|milligrams?|micrograms?|grams?|units?"
    r"|doses?)"
)
_DRUG = (
    r"他莫昔芬|三苯氧胺|来曲唑|[阿瑞][那]?[曲]?唑|依西美坦|托瑞米芬|氟维司群|布洛芬|芬必得|对乙酰氨基酚|阿莫西林"
    r"|头孢|阿司匹林|[\u4e00-\u9fff]{1,4}(?:霉素|西林|洛尔|他汀|地平|拉唑|沙坦|沙星|替丁|普利|双胍|甘油)"
    r"|止痛药|消炎药|抗生素|激素药|安眠药|乳癖消|逍遥丸|小金丸|散结|黄体酮|维生素|维[A-E]|钙片|酸[钠钾钙]|肠溶|缓释"
    r"|分散片|胶囊|颗粒|口服液|草药|中药|冲剂|软膏|凝胶|药膏|膏药|月见草"
    r"|\b\w+(?:cillin|mycin|profen|olol|pril|statin|azole|oxifen|ozole|emestane|caine|fenac|sartan|dipine|cycline"
    r"|oxacin|zepam|formin)\b"
    r"|\bpara?cetamol|\bacetaminophen|\baspirin|\bvitamins?\b|\bcef\w+|\bantibiotics?\b|\bpain ?killers?\b"
    r"|\bsleeping (?:pill|tablet)s?"
    r"|\bnitroglycerin\w*|\bprimrose\b|\bcodeine|\bmorphine|\b(?:oil|gel|cream|ointment|syrup)\b|\bhormone"
    r"|\b(?:tablets?|pills?|capsules?)\b|\bherb\w*|\bgranules\b|\bmedicines?\b|\bdrug\b"
)
_TAKING = (
    r"服|吃|口服|含服|注射|打一针|外用|涂|敷|疗程|剂量|用量|连用|加用|冲服"
    r"|\btak(?:e|es|ing)\b|\bswallow|\binject|\bdose|\bapply\b|\buse\b|\btry\b|\bput\b|\bstart\b|\brub\b"
    r"|\bunder your tongue"
)
_OFTEN = (
    r"每(?:日|天|次|晚|早|周|隔)|一日|一天|早晚|次/日|[一二两三四\d]回|睡前|饭[后前]|[一二三两四\d]次"
    r"|\bdaily\b|\b(?:a|per|each|every) (?:day|night|morning|evening|meal|week)\b|\btwice\b|\bonce\b|\b\w+ times\b"
    r"|\bevery (?:\w+ )?(?:hours?|days?)"
    r"|\bat bedtime\b|\bmorning and evening\b|\bwith (?:each|every) meal|\bafter meals\b|\bbefore (?:meals|bed)"
)
_AMOUNT = re.compile(
    rf"{NUMBER}\s*{_UNIT}(?![\w]*/\s*(?:cm|dl|l)\b)"
    rf"|{NUMBER}\s+(?:\w+ ){{1,2}}(?:tablets?|pills?|capsules?|doses?)\b"
    rf"|(?:半|\bhalf(?: an?| of an?)?)\s+?(?:\w+ ){{0,2}}(?:{_UNIT})"
    rf"|{NUMBER}\s*(?:{_DRUG})|(?:{_DRUG})\s*(?:各)?{NUMBER}\s*(?:{_UNIT})"
    rf"|{NUMBER} (?:a|per) day\b",
    cl.FLAGS,
)
# Units in which hardly anything but a drug is counted.
_OF_DRUGS_ALONE = rf"{NUMBER}\s*(?:mg(?!y)|毫克|微克|μg|mcg|iu|milligrams?|tablets?|pills?|capsules?|粒|丸)"
_FILM = re.compile(r"拍|摄|X线|钼靶|胶片|照", cl.FLAGS)
_NOT_A_DRUG = re.compile(
    r"^\s*(?:/|mm|cm|厘米|毫米|岁|%|years?|months?|weeks?)|^\s*(?:乳|结节|肿块)|^\s*(?:Gy|Sv|西弗|戈瑞)",
    cl.FLAGS,
)


def doses(text: str) -> list[Span]:
    """An amount in a sentence that also names a drug, or a way of taking something together with how often."""
    found = []
    for sentence in cl.sentences(text):
        signs = [sentence.says(one) for one in (_DRUG, _TAKING, _OFTEN, _OF_DRUGS_ALONE)]
        if not signs[0] and sum(signs) < 2:
            continue
        for start, end in sentence.spans(_AMOUNT):
            if not _is_picture(text, start, end) and not _NOT_A_DRUG.match(text[end:]):
                found.append((start, end))
    return found


def _is_picture(text: str, start: int, end: int) -> bool:
    """`4片` of X-rays: a film, where nobody takes anything."""
    return text[start:end].endswith("片") and _FILM.search(text[max(0, start - 10) : end + 6]) is not None
