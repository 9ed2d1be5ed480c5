"""What a clause advises or says of the result, read by the grammar of `words`, against the report's category."""

import re
from collections.abc import Iterator

from annotation.text_safety import clauses as cl
from annotation.text_safety import words as w
from annotation.text_safety.amounts import stretches, value_of
from annotation.text_safety.facts import StudyFacts, is_quiet, is_suspicious

Span = tuple[int, int]

_GENERAL = cl.GENERAL.replace("|任何", "")  # "nothing of any kind" is said of her
_GUARDS = (
    rf"{cl.CONDITION}|{_GENERAL}|不能|不可以|不要因|别因|就不|耽误|后果|是不是|以上|以下|才(?:需|做|要|考虑)"
    r"|\bnot mean|\bcost\b|\bdanger|\bother women|\bor above\b|\band above\b|\bor higher\b"
    r"|\bonly\b[^.;]{0,30}\bneeds?\b|\breason to\b[^.;]*\bskip"
)
# A condition in form only.
_AS_IF = re.compile(
    r"\bif (?:I were you|you ask me|you like)|(?:如果|要)是我的?话?|换(?:作|成|了)?我", cl.FLAGS
)
_MAYBE = r"可能|也许|或许|\bmay\b|\bmight\b|\bcould\b|\bpossib|\bperhaps\b"
# What is not the breast itself, and what a patient feels.
_ELSEWHERE = (
    r"淋巴结|腋|皮肤|乳头|症状|\bnode|\baxilla|\bskin\b|\bnipple|\bsymptom|\bscar\b|\bdiscomfort|\bbleeding"
)
_OTHERS = r"[人女]性?[^,。;]{0,4}(?:最后|都|中|里)|成以上|多数|\bwomen\b|\bpeople\b|\bpatients\b|\bin ten\b"
_SUBJECT = (
    r"(?:乳房|乳腺|双乳|两侧|结果|检查|片子?|影像|图像|报告|钼靶|情况|一切|胸部|您|你"
    rf"|{w.THING}|\bbreasts?|\bexam|\btest|\bresults?|\bimages?|\bpictures?|\bmammogram|\bfilms?|\bscan|\breport"
    rf"|\beverything|\bit\b|\byou\b)"
)
_CALM = re.compile(
    rf"{_SUBJECT}[^,。;.]{{0,10}}(?:是|很|都|挺|蛮|十分|非常|完全|看着|看来)[^,。;.不没]{{0,4}}(?:健康|正常|良好"
    rf"|没事|好的|平安|干净|老实|温和|不要紧|不碍事|风平浪静|安稳)"
    rf"|{_SUBJECT}[^,.;]{{0,30}}?\b(?:is|are|was|were|looks?|seems?|appears?|came back)\b(?! not)[^,.;]{{0,12}}?"
    r"\b(?:healthy|fine|normal|ok(?:ay)?|good|innocent|reassuring|clean|unremarkable|negative)\b"
    r"(?! (?:biopsy|variation|variant|for|part|after))"
    r"|(?:没有?|未|无)(?:有)?[^,。;]{0,5}(?:提示|发现|看到|显示|看出|查出|见到|检出|见)[^,。;]{0,8}(?:不好|异常|问题"
    r"|病|可疑|肿瘤|恶性|毛病|不对)"
    r"|看(?:来|着|上去)[^,。;]{0,2}(?:风平浪静|一切平安|挺好|不错)|\ball (?:is )?(?:good|fine|well|clear)\b"
    r"|没什么(?:事|问题|毛病|大碍|要紧)|没(?:什么)?大(?:问题|事|碍)"
    r"|(?:\b(?:no|not|nothing|none|never)\b|n't)[^,.;]{0,24}\b(?:reveal|show|find|found|see|seen|detect|pick|spot)\w*"
    r"[^,.;]{0,20}\b(?:bad|wrong|abnormal\w*|suspicious|sinister|serious|worr\w+|concern\w*|unusual)"
    r"|\bnothing (?:\w+ )?(?:bad|wrong|sinister|serious|abnormal|unusual|amiss|to worry)|\bno cause for (?:concern"
    r"|alarm)|\bno (?:abnormal|suspicious|worrying|concerning|significant) \w+",
    cl.FLAGS,
)
_IGNORE = re.compile(
    r"(?:不用|不必|别|无需|无须|不需要|可以不|完全不)[^,。;]{0,3}(?:理会|理它|管|在意|在乎|关注|处理|放在心上)"
    r"|(?:先|暂时|暂)(?:不|别|勿)(?:处理|管|动)"
    r"|(?:当|就当)[^,。;]{0,4}(?:没有|不存在|没看见)|随它去|不碍事|听其自然|顺其自然"
    r"|(?<!not )(?<!never )(?<!n't )\b(?:ignore|forget (?:about|you)|disregard|leave (?:it|this|that) alone"
    r"|let (?:it|this|that) be|pay no attention to)\b|\bnothing (?:for you )?to do\b(?! with)|\bnothing further\b"
    r"|\bno (?:more|further|additional) (?:follow-?ups?|checks?|controls?)\b",
    cl.FLAGS,
)
_STATED = re.compile(
    r"(?:属于|属|评为|定为|归为|评估为|判为|给的是|给了|列为|诊断为|分级[为在是]?|分类[为在是]?|您是|为"
    r"|是)\s*(?:BI-?RADS\s*)?"
    r"(?:(?P<a>4\s*[ABC])(?![a-z])|(?P<b>[0-6一二三四五六])\s*(?:类|级))"
    r"|\b(?:rated|graded|scored|classified|labell?ed|assessed|categori[sz]ed|placed|put) (?:as |at "
    r"|in(?:to)? )?(?:an? )?"
    r"(?:BI-?RADS |category |grade |class )?(?P<c>[0-6][abc]?)(?![\w.%])"
    r"|\bcategory (?P<d>one|two|three|four|five|six|[0-6][abc]?)(?![\w.%])",
    cl.FLAGS,
)
_NOT_SO_LATE = re.compile(
    r"(?:不要|别|勿|不能|不可|不应|不得|切莫)[^,。;]{0,4}(?:等|拖|耽|推)|(?:\bnot|n't|\bnever) (?:wait|delay|leave"
    r"|put|let)\b",
    cl.FLAGS,
)
_ENOUGH = re.compile(
    r"(?:片子?|照片|影像|图像|资料|信息|检查)[^,。;]{0,4}(?:已经?|都)?(?:足够|够了|齐全|完整|很清楚|做完)"
    r"|可以[^,。;]{0,3}下结论"
    r"|\b(?:pictures|images|views|films|work-?up|tests?)\b[^,.;]{0,16}\b(?:sufficient|enough|complete|finished)"
    r"|\ball the (?:views|pictures|images)",
    cl.FLAGS,
)
_HALF_YEAR, _A_YEAR = 5.0, 11.0


def against(text: str, facts: StudyFacts) -> list[Span]:
    """Places where the advice or the result does not fit the category on record."""
    found: list[Span] = []
    for sentence in cl.sentences(text):
        if cl.Piece(0, _AS_IF.sub("", sentence.text)).says(_GUARDS):
            continue
        sided = list(cl.sided(sentence))
        for clause, side in sided:
            about = (facts.category(side) if side else "") or facts.most_suspicious
            found += _stated(clause, facts.category(side) if side else "", facts)
            if (is_suspicious(about) and about != "6") or about == "0":
                found += _too_little(clause, sided, about)
            if about == "3":
                found += [*clause.spans(_IGNORE), *_later_than(clause, sentence, _A_YEAR)]
            is_other_side = side is not None and not is_quiet(facts.most_suspicious)
            if is_quiet(about) and not is_other_side:
                found += _too_much(clause)
    return found


def _stated(clause: cl.Piece, here: str, facts: StudyFacts) -> Iterator[Span]:
    known = {here} if here else facts.categories
    for match in _STATED.finditer(clause.text):
        said = next(word for word in match.groups() if word)
        number = value_of(said)
        category = f"{number:.0f}" if number is not None else said.replace(" ", "").upper()
        if w.is_negated(clause.text, match.start(), match.end()):
            continue
        if not any(category == one or category == one[:1] or category[:1] == one for one in known):
            yield clause.start + match.start(), clause.start + match.end()


def _too_little(clause: cl.Piece, sided: list[tuple[cl.Piece, str | None]], about: str) -> Iterator[Span]:
    """No tissue, no further picture, too late a look, or a calm result, over a finding that asks for more."""
    whole = [one for one, _side in sided]
    acts = any(w.affirms(one.text, w.TISSUE) or w.affirms(one.text, w.SUSPICION) for one in whole)
    if is_suspicious(about) and w.denies(clause.text, w.TISSUE):
        yield clause.start, clause.end
    if about == "0":
        yield from clause.spans(_ENOUGH)
        if w.denies(clause.text, w.PICTURES):
            yield clause.start, clause.end
    if acts:
        return
    yield from clause.spans(_IGNORE)
    if not clause.says(f"{_ELSEWHERE}|{_MAYBE}|{_OTHERS}"):
        yield from clause.spans(_CALM)
    sentence = cl.Piece(whole[0].start, "".join(one.text for one in whole))
    yield from _later_than(clause, sentence, _HALF_YEAR)


def _later_than(clause: cl.Piece, sentence: cl.Piece, months: float) -> Iterator[Span]:
    """Being looked at again later than in so many months; not where an earlier look stands beside it."""
    if not sentence.says(w.AGAIN.pattern) or clause.says(w.PAST.pattern):
        return
    ahead = stretches(sentence.text)
    if any(2 < length < months for _begin, _end, length in ahead):
        return
    for begin, end, length in stretches(clause.text):
        if length >= months and not _NOT_SO_LATE.search(clause.text):
            yield clause.start + begin, clause.start + end


def _too_much(clause: cl.Piece) -> Iterator[Span]:
    """A biopsy or an operation planned for what the report calls normal or benign."""
    if clause.says(_MAYBE) or clause.says(w.PAST.pattern) or not clause.says(w.PLAN.pattern):
        return
    for pattern in (w.TISSUE, w.CUTTING):
        for match in pattern.finditer(clause.text):
            if not w.is_negated(clause.text, match.start(), match.end()):
                yield clause.start + match.start(), clause.start + match.end()
