"""What an answer says against the report: another category, the other breast, advice that does not follow from it."""

import re
from collections.abc import Iterator

from annotation.text_safety import advice
from annotation.text_safety import clauses as cl
from annotation.text_safety import words as w
from annotation.text_safety.facts import LEFT, RIGHT, StudyFacts, is_quiet, is_suspicious
from mammo.archive.report_reading.context import Placed, place_mentions
from mammo.archive.report_reading.mentions import find_mentions

Span = tuple[int, int]

_FINDING = (
    r"结节|肿块|肿物|包块|病灶|钙化|占位|异常|不对称|结构扭曲|\blump|\bmass\b|\bmasses\b|\bnodule|\blesion"
    r"|\bcalcification|\babnormal"
    r"|\basymmetr|\bdistortion|\bfinding"
)
_SUSPICION = (
    r"可疑|恶性|活检|穿刺|取.{0,4}组织|怀疑|手术|BI-?RADS\s*[:类为是]*\s*[456]"
    r"|\bsuspicious|\bbiops|\bmalignan|\bcancer|\bsurgery|\bsampled\b|\bneedle\b|\babnormal|异常|\bconcerning\b"
    r"|\bworr(?:ying|isome)"
)
_NO_FINDING = (
    r"未见(?:明显|明确|可疑)?|没有(?:发现|看到|明显|可疑|任何)?|无(?:明显|明确|可疑)?(?:异常|结节|肿块|钙化)"
    r"|正常|阴性|不是|并非|\bno\b|\bnot\b|\bwithout\b|\bnormal\b|\bnegative\b|\bnothing\b"
)
_NORMAL = re.compile(
    r"(?:未见|没有|无)(?:发现|看到|任何|明显|明确|可疑)*(?:的)?(?:异常|问题|病变|恶性征象|可疑)|(?:结果|检查|乳房"
    r"|乳腺|一切|完全|都|均)(?:是)?(?:很)?正常"
    r"|没(?:有)?(?:看到|发现|看出)?(?:什么|任何)?(?:大)?(?:问题|毛病|大碍|事情?)|(?:一切|都|情况|结果)(?:很|良)?好"
    r"|\beverything (?:is|looks|seems) (?:fine|good|ok|okay|normal|all right)|\blooks? (?:fine|good|ok|okay)\b"
    r"|\b(?:is|are|was|were|looks?|completely|entirely) (?:completely |entirely )?normal\b|\bno (?:\w+ )?abnormalit"
    r"|\bnothing [^.;]{0,30}\b(?:needs|requires|attention|concern)"
    r"|\bnothing (?:abnormal|suspicious|to worry)|\ball (?:is )?clear\b"
    r"|\bno (?:suspicious|signs? of (?:cancer|malignancy))",
    cl.FLAGS,
)
_NO_NEED = r"(?:无需|不需要|不必|没有必要|没必要|不用)(?:再)?(?:做|进行|进一步|任何|特殊|立即)*(?:的)?"
_REST = re.compile(
    rf"{_NO_NEED}(?:活检|穿刺|检查|处理|复查|治疗|随访|手术|担心|就诊)"
    r"|(?:一年|1年|12个月|两年|2年)(?:后|之后)(?:再|来|常规)?(?:复查|检查|随访)|每(?:一|1|两|2)?年(?:常规"
    r"|定期)?(?:进行|做)?(?:一次)?(?:的)?(?:复查|检查|体检|筛查)"
    r"|(?:常规|定期)(?:体检|筛查)(?:即可|就可以|就行)"
    r"|\bno (?:further |additional |more )?(?:tests?|work-?up|biops\w+|imaging|follow-?up|action|treatment) "
    r"(?:is |are )?(?:needed|necessary|required)"
    r"|\b(?:do not|don'?t) need (?:a |any |to )?(?:further |more )?(?:biopsy|tests?|follow-?up|imaging|do anything"
    r"|worry)"
    r"|\broutine (?:annual |yearly )?(?:screening|mammogra\w+)|\b(?:annual|yearly) (?:screening|mammogra\w+|check)"
    r"|不着急|不急着?|过(?:一|两|1|2)年|(?:年度|常规)筛查(?:就|即)|\bskip (?:the|a|this) (?:test|follow-?up)"
    r"|不用管|不去管|不管它|(?:继续)?观察(?:就|即)(?:行|好|可)|明年(?:再|来|体检|复查|检查)"
    r"|\b(?:see you|again) (?:again )?next year|\bin (?:12|twelve|24|twenty-four) months|\bwatch (?:this|it)\b"
    r"|\bkeep an eye on (?:this|it)\b"
    r"|\b(?:come back|return|repeat\w*|again|follow-?up) (?:\w+ ){0,3}(?:in|after) (?:a|one|1|two|2) years?",
    cl.FLAGS,
)
_ACTION = re.compile(
    r"(?:需要|必须|应该|应当|建议|应|须|要|得)[^,。;]{0,10}(?:穿刺|活检|手术|切除|切掉|开刀|化疗|放疗)"
    r"|\b(?:need|needs|must|should|require|requires|recommend|recommends|advise|advises|suggest|suggests)\b[^,.;]{0,30}"
    r"\b(?:biops|surgery|mastectomy|excis|chemotherapy|lumpectomy|operation|operated|removed|removal)"
    r"|\b(?:biopsy|surgery|mastectomy|excision|operation|removal) (?:is|will be) "
    r"(?:required|needed|necessary|advised|recommended)",
    cl.FLAGS,
)
# Six months is too long before a biopsy, one year too long for a category 3.
_HALF_YEAR = re.compile(
    r"(?:六|6|半)(?:个月|年)(?:后|之后)(?:再|来)?(?:复查|检查|随访)|\b(?:in|after) (?:six|6) months|\bsix-month follow",
    cl.FLAGS,
)
_GUARDS = (
    rf"{cl.CONDITION}|{cl.GENERAL}|不能|不可以|不要(?!做)|不应|并非|以上|才(?:需|要|考虑)|\bor above\b|\band above\b"
    r"|\bdoes not mean|\bnot mean|\bother women|\busually\b"
)


# Of one breast or place, whichever it is.
_ONE_OF_TWO = (
    r"左|右|另一|对侧|一侧|其他|其它|其余|此处|该处"
    r"|\bleft\b|\bright (?:breast|side|one)|\bother\b|\bopposite\b|\bone (?:side|breast)|\bboth findings\b"
    r"|\bthis (?:spot|area|lump|nodule|finding|calcification)"
)
_NOT_HERS = (
    rf"{cl.CONDITION}|{cl.GENERAL}|[类级] ?(?:及其?)?以[上下]|\bor above\b|\band above\b|\bor higher\b"
)


def categories(text: str, facts: StudyFacts) -> list[Span]:
    """Another category than the report's, "normal" over a suspicious finding, advice that belongs to another one."""
    if not facts.categories:
        return []
    return sorted(
        {
            *_other_category(text, facts),
            *_false_calm(text, facts),
            *_wrong_advice(text, facts),
            *advice.against(text, facts),
        }
    )


def _other_category(text: str, facts: StudyFacts) -> list[Span]:
    stated = list(_stated(text))
    # An answer that says the whole result may give the rest of it without saying of what.
    says_whole = any(_agree(placed.mention.value, facts.overall) for placed, _sentence in stated)
    found = []
    for placed, sentence in stated:
        mention = placed.mention
        known = _known(placed, sentence, facts, says_whole=says_whole)
        if known and not any(_agree(mention.value, category) for category in known):
            found.append((mention.anchor, mention.end))
    return found


def _stated(text: str) -> Iterator[tuple[Placed, cl.Piece | None]]:
    """Categories that the answer states of her present study, with their sentences."""
    pieces = list(cl.sentences(text))
    for placed in place_mentions(text, find_mentions(text)):
        mention = placed.mention
        sentence = next((one for one in pieces if one.start <= mention.start < one.end), None)
        if mention.status == "current" and not (sentence and sentence.says(_NOT_HERS)):
            yield placed, sentence


def _known(placed: Placed, sentence: cl.Piece | None, facts: StudyFacts, *, says_whole: bool) -> set[str]:
    """Categories on record that a mention is about.

    One that names no breast is read as the result of the examination, which is the more suspicious side's; one for
    both breasts at once can't be milder than that either.
    """
    if placed.side in (LEFT, RIGHT):
        return facts.categories if placed.inferred else {facts.category(str(placed.side))} - {""}
    names_another = sentence is not None and sentence.says(_ONE_OF_TWO)
    if says_whole or names_another or not facts.overall:
        return facts.categories
    return {facts.overall}


def _agree(said: str, known: str) -> bool:
    """4 and 4A do not contradict each other; 4A and 4B do."""
    return said == known or (said[:1] == known[:1] == "4" and "4" in (said, known))


def _false_calm(text: str, facts: StudyFacts) -> list[Span]:
    found = []
    for sentence in cl.sentences(text):
        if sentence.says(_GUARDS):
            continue
        for clause, side in cl.sided(sentence):
            about = facts.category(side) if side else facts.most_suspicious
            if is_suspicious(about) and not clause.says(
                r"淋巴结|腋|皮肤|乳头|\bnode|\baxilla|\bskin\b|\bnipple"
            ):
                found += clause.spans(_NORMAL)
    return found


def _wrong_advice(text: str, facts: StudyFacts) -> list[Span]:
    worst = facts.most_suspicious
    found = []
    for sentence in cl.sentences(text):
        if sentence.says(_GUARDS):
            continue
        for clause, side in cl.sided(sentence):
            about = (facts.category(side) if side else "") or worst
            if is_suspicious(about) or about == "0":
                found += clause.spans(_REST)
            if about == "3":
                found += [span for span in clause.spans(_REST) if "担心" not in text[slice(*span)]]
            if is_suspicious(about) and about != "6" and not sentence.says(r"活检|穿刺|biops"):
                found += clause.spans(_HALF_YEAR)
            # With the other breast in doubt, the side is what is wrong, and its own rule says so.
            is_other_side = side is not None and not is_quiet(worst)
            if (
                is_quiet(about)
                and not is_other_side
                and not clause.says(rf"不|无需|\bno\b|\bnot\b|\bneither\b|\bnor\b|{cl.POSSIBILITY}")
            ):
                found += clause.spans(_ACTION)
    return found


def sides(text: str, facts: StudyFacts) -> list[Span]:
    """A finding in the breast that the report calls quiet, where the other one is not."""
    if not (facts.birads_left and facts.birads_right):
        return []
    found = []
    for sentence in cl.sentences(text):
        if sentence.says(cl.CONDITION):
            continue
        carried: str | None = None
        for clause in cl.clauses(sentence):
            named = cl.side_of(clause.text)
            is_free = clause.says(_NO_FINDING) or _is_other_category(clause.text)
            side = named or carried
            # A clause that names no breast is about the one named before, unless that one was called free.
            carried = (None if is_free else named) if named or cl.names_both(clause.text) else carried
            if side is None or is_free:
                continue
            here = facts.category(side)
            there = facts.category(LEFT if side == RIGHT else RIGHT)
            is_doubted = (
                clause.says(_SUSPICION)
                or w.affirms(clause.text, w.TISSUE)
                or w.affirms(clause.text, w.SUSPICION)
            )
            doubtful = is_quiet(here) and not is_quiet(there) and is_doubted
            invented = named and here == "1" and there != "1" and clause.says(rf"{_FINDING}|{w.THING}")
            if doubtful or invented:
                found.append((clause.start, clause.end))
    return found


def _is_other_category(text: str) -> bool:
    """A quiet category stands in the clause itself: the category's own rule looks at it."""
    return re.search(r"BI-?RADS\s*(?:category)?\s*[:类为是]*\s*[123](?!\d)", text, cl.FLAGS) is not None
