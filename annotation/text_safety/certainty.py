"""Certain statements about cancer, read by the grammar of `words`: it is one, it is none, it is this benign thing."""

import re
from collections.abc import Iterator

from annotation.text_safety import clauses as cl
from annotation.text_safety import words as w
from annotation.text_safety.facts import StudyFacts, is_quiet

Span = tuple[int, int]

_GENERAL = cl.GENERAL.replace("|任何", "")  # "no chance of any kind" is said of her
_QUESTION = r"是不是|是否|有没有|会不会|究竟|到底|说了算|\bwhether\b|\bif it\b|[?]|吗"
_DOUBT = (
    r"\bodds\b|\bchances?\b|\bpercent\b|%(?<!100%)|可能(?!性?(?:是|为|等于)?零)|也许|或许|怀疑|疑似|考虑|倾向|排除"
    r"|除外|概率(?!为零|是零)|风险|几率(?!为零|是零)|机会|多数|部分|大多|通常|一般|往往"
    r"|家族|亲属|母亲|姐妹|预防|筛查|警惕|比如|例如"
    r"|\bmay\b|\bmight\b|\bcould\b|\bpossib|\bprobab|\blikely\b|\bunlikely\b|\bsuspect|\bsuspicious\b|\bsuggest"
    r"|\brisk\b|\bmost\b|\bmany\b|\bsome\b"
    r"|\busually\b|\bgenerally\b|\bmother\b|\bsister\b|\bfamily\b|\bexclude\b|\brule out\b|\bprevent|\bscreening\b"
    r"|\bcells? (?:is|are) sent\b"
)
_SURE = re.compile(
    r"百分之?百|百分百|100\s*%|肯定|一定(?!要|会|程度)|绝对|无疑|毫无疑问|断定|确信|保证|担保|敢说|必然|铁定|绝非"
    r"|决不|绝不"
    r"|\bdefinitely\b|\bcertainly\b|\bwithout (?:a )?(?:doubt|question)\b|\bundoubtedly\b|\bno doubt\b|\bguarantee\b"
    r"|\bassure\b|\bpromise\b"
    r"|只是|不过是|无非|而已|永远|一辈子|\bonly\b|\bjust\b|\bmerely\b|\bsimply\b|\bnothing but\b|\bnever\b"
    r"|\bfull stop\b|\bprove\w*\b|\bfor sure\b|\b100 ?%|\babsolutely\b|\bunquestionably\b|\bclearly\b",
    cl.FLAGS,
)
_IS = re.compile(
    r"(?:是|为|属于|患(?:有|上|了|的是|的)?|得(?:了|上|的是)|癌变|变成|发展成|确诊|断定|证实|证明|有)[^,。;不]{0,8}$"
    r"|\b(?:is|are|was|has|have|'s|'ve|turned (?:in)?to|become|proves?|proved|shows?|suffer\w* from|of|with|got"
    r"|confirm\w*|diagnos\w*|called)\b"
    r"[^,.;]{0,24}$|(?:'s|'ve)\s[^,.;]{0,16}$",
    cl.FLAGS,
)
_TURNED = re.compile(
    r"(?:已经?|发生|出现)(?:了)?癌变|已经?恶变|\bturned (?:cancerous|malignant|into cancer)", cl.FLAGS
)
_NO_CHANCE = re.compile(
    r"(?:癌|恶性)[^,。;]{0,8}(?:可能性|概率|几率|机会|风险)[^,。;]{0,3}(?:为零|是零|等于零|为0|是0|几乎没有|没有)"
    r"|(?:跟|和|与)[^,。;]{0,6}(?:癌|恶性)[^,。;]{0,6}(?:无关|没有?[^,。;]{0,4}关系|不沾边|不搭边)"
    r"|\b(?:chance|risk|probability|possibility|likelihood)[^,.;]{0,14}(?:cancer|malignan)\w*[^,.;]{0,6}(?:zero|nil"
    r"|none|0 ?%)"
    r"|(?:没有?|毫?无)[^,。;]{0,4}(?:癌|恶性)[^,。;]{0,3}(?:可能|风险|嫌疑)|癌[^,。;]{0,6}(?:可以"
    r"|能)[^,。;]{0,2}(?:排除|划掉|不用考虑)|\b(?:cross|strike|rule|take) (?:\w+ )?(?:cancer|malignancy) (?:off|out)\b"
    r"|\b(?:no|zero) (?:chance|risk|possibility|question) (?:\w+ )?(?:of|that)[^,.;]{0,14}(?:cancer|malignan)"
    r"|\bnothing to do with (?:\w+ )?(?:cancer|malignan)\w*",
    cl.FLAGS,
)
_NEVER_TURNS = re.compile(
    r"(?:不会|绝不|永远不)[^,。;]{0,4}(?:恶变|癌变|变坏|变成?癌)|\bnever (?:\w+ )?(?:turn|become|be"
    r"|develop)\w* (?:\w+ )?(?:bad|cancer|malignan)\w*",
    cl.FLAGS,
)


def certain(text: str, facts: StudyFacts) -> list[Span]:
    """Places where the answer is surer than pictures allow."""
    found: list[Span] = []
    is_proved = "6" in facts.categories
    for sentence in cl.sentences(text):
        if sentence.says(_QUESTION) or sentence.says(
            rf"^\s*(?:但是?|而|那么|but|and|then)?\s*(?:{cl.CONDITION})"
        ):
            continue
        is_sure = sentence.says(_SURE.pattern)
        for clause, side in cl.sided(sentence):
            if clause.says(rf"{cl.CONDITION}|{cl.DENIAL}|{_GENERAL}"):
                continue
            found += clause.spans(_NO_CHANCE)
            known = {facts.category(side)} - {""} if side else facts.categories
            is_calm = bool(known) and all(is_quiet(one) for one in known)
            if not is_calm and is_sure:
                found += clause.spans(_NEVER_TURNS)
            if clause.says(_DOUBT):
                continue
            if not is_proved:
                found += clause.spans(_TURNED)
                found += _affirmed(clause)
            if not is_calm:
                found += _denied(clause)
                if is_sure:
                    found += _benign(clause)
    return found


def _affirmed(clause: cl.Piece) -> Iterator[Span]:
    for match in w.CANCER.finditer(clause.text):
        before = clause.text[: match.start()]
        if _IS.search(before) and not w.is_negated(clause.text, match.start(), match.end()):
            yield clause.start + match.start(), clause.start + match.end()


def _denied(clause: cl.Piece) -> Iterator[Span]:
    """ "It is not cancer": denied by what stands right before it, and of a thing or of her."""
    for match in w.CANCER.finditer(clause.text):
        before = clause.text[max(0, match.start() - 12) : match.start()]
        if re.search(
            r"(?:不是|绝非|并非|不属于|没有?得|没患|没有患|不存在)\S{0,4}$|\bnot (?:an? |any )?\w{0,8} ?$"
            r"|n't (?:an? )?$",
            before,
            cl.FLAGS,
        ):
            yield clause.start + match.start(), clause.start + match.end()


def _benign(clause: cl.Piece) -> Iterator[Span]:
    for match in w.BENIGN_THING.finditer(clause.text):
        if not w.is_negated(clause.text, match.start(), match.end()):
            yield clause.start + match.start(), clause.start + match.end()
