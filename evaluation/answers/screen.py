"""What in a shown text would give its arm away: self-identification, names, template debris, outliers."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from evaluation.answers.neutral import CJK

SELF_IDENTIFICATION = "self_identification"
TEMPLATE_DEBRIS = "template_debris"
NAME = "name"
EMPTY = "empty"
LANGUAGE = "language"
LENGTH = "length"
# Kinds that keep a trial from being frozen until a rule settles them.
BLOCKING = frozenset({SELF_IDENTIFICATION, TEMPLATE_DEBRIS, NAME, EMPTY})

_MACHINE_EN = (
    r"(?:A\.?I\.?|artificial intelligence|(?:large )?language model|LLM|chat ?bot|"
    r"(?:virtual|digital|AI) assistant)"
)
_MACHINE_ZH = (
    r"(?:(?:人工智能|AI)?(?:大?语言模型|大模型|助手|智能助手|聊天机器人|虚拟助手|机器人)|人工智能|AI)"
)
_DOCTOR_ZH = r"(?:(?:放射科|乳腺科|影像科|乳腺外科|外科)?(?:主任|副主任|主治|住院)?(?:医师|医生|专家|大夫))"
_PRODUCTS = (
    r"Chat ?GLM|GLM-?\d|Chat ?GPT|GPT-?\d|OpenAI|LLaVA|CogVLM|Qwen|Llama-?\d?|Mixtral|Gemini|Claude|DeepSeek|"
    r"ERNIE|"
    r"BiomedGPT|Mammo-?CLIP|MammoVLM|BLIP-?2|Yi-VL|通义千问|通义|文心一言|智谱|清言|百川|讯飞星火|豆包|混元"
)
_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (SELF_IDENTIFICATION, re.compile(rf"\bas an? (?:\w+ ){{0,2}}?{_MACHINE_EN}", re.I)),
    (
        SELF_IDENTIFICATION,
        re.compile(rf"\bI(?:'m|’m| am)(?: just| only)? an? (?:\w+ ){{0,2}}?{_MACHINE_EN}", re.I),
    ),
    (
        SELF_IDENTIFICATION,
        re.compile(
            r"\b(?:as|I(?:'m|’m| am)) an? (?:\w+ ){0,2}?(?:radiologist|physician|doctor|surgeon)\b", re.I
        ),
    ),
    (
        SELF_IDENTIFICATION,
        re.compile(r"\b(?:in|with|over) (?:my )?\d+ years of (?:practice|experience)\b", re.I),
    ),
    (
        SELF_IDENTIFICATION,
        re.compile(
            rf"(?:作为|身为|我是|我只是|我仅是|本人是)(?:一个|一名|一位|您的|你的)?(?:\w{{0,6}}?)(?:{_MACHINE_ZH}|{_DOCTOR_ZH})"
        ),
    ),
    (
        SELF_IDENTIFICATION,
        re.compile(
            r"(?:我)?从(?:医|业|事\w{0,8})(?:已|有|了|超过|近)*\s*[\d一二三四五六七八九十百]+\s*余?多?年"
        ),
    ),
    (NAME, re.compile(_PRODUCTS, re.I)),
    (NAME, re.compile(r"\bDr\.? [A-Z][a-z]+(?: [A-Z][a-z]+)?")),
    (NAME, re.compile(r"(?:我院|本院|我们医院|本科室|我科)")),
    (NAME, re.compile(rf"[{CJK}]{{2,12}}(?:大学附属|省立|市立)?[{CJK}]{{0,8}}医院(?=[，。；、]|$)")),
    (
        TEMPLATE_DEBRIS,
        re.compile(
            r"<\|[^|<>\n]{1,40}\|>|\[/?(?:gMASK|INST|MASK|CLS|SEP|UNK|PAD)\]|</?s>|<sop>|<eop>|<</?SYS>>|<unk>"
            r"|<pad>"
        ),
    ),
    (
        TEMPLATE_DEBRIS,
        re.compile(r"(?m)^\s*(?:ASSISTANT|USER|SYSTEM|Human|User|Assistant|系统|用户|助手)\s*[:：]"),
    ),
    (TEMPLATE_DEBRIS, re.compile(r"\ufffd+|<image>|<0x[0-9A-F]{2}>")),
)


@dataclass(frozen=True)
class Finding:
    """One thing found in one text.

    Attributes:
        kind: one of the kinds above.
        matched: the words found (for `language` and `length`: what was measured).
    """

    kind: str
    matched: str

    @property
    def blocks(self) -> bool:
        """Whether the trial can't be frozen while it stands."""
        return self.kind in BLOCKING


def screen(text: str, *, language: str, names: Iterable[str] = ()) -> list[Finding]:
    """Findings in one shown text, each different wording once.

    Args:
        language: of the question, `zh`, `en` or `mix`.
        names: further names that must not appear: arms, authors, sites.
    """
    if not text.strip():
        return [Finding(EMPTY, "")]
    found: dict[tuple[str, str], Finding] = {}
    patterns = [*_PATTERNS, *((NAME, _name_pattern(name)) for name in names if len(name.strip()) > 1)]
    for kind, pattern in patterns:
        for match in pattern.finditer(text):
            matched = " ".join(match.group(0).split())
            found.setdefault((kind, matched.casefold()), Finding(kind, matched))
    share = len(re.findall(rf"[{CJK}]", text)) / max(1, len(re.findall(r"\w", text)))
    if (language == "zh" and share < 0.3) or (language == "en" and share > 0.3):
        found[LANGUAGE, ""] = Finding(LANGUAGE, f"{share:.0%} Chinese characters")
    return list(found.values())


def length_outliers(lengths: Sequence[int]) -> list[int]:
    """Indices of texts under a quarter or over four times the median length."""
    if not lengths:
        return []
    middle = median(lengths)
    return [index for index, length in enumerate(lengths) if length * 4 < middle or length > middle * 4]


def _name_pattern(name: str) -> re.Pattern[str]:
    edge = r"\b" if re.match(r"\w", name) and name.isascii() else ""
    return re.compile(edge + re.escape(name.strip()) + edge, re.I)


REMOVE = "remove"
REMOVE_SENTENCE = "remove_sentence"
ACCEPT = "accept"
ACTIONS = (REMOVE, REMOVE_SENTENCE, ACCEPT)
# A point between digits ends no sentence; the parts joined are the text again.
_SENTENCE = re.compile(r"(?:[^。！？!?.\n]|\.(?=\d))*(?:[。！？!?.\n]+|$)")


@dataclass(frozen=True)
class Rule:
    """What is done with one wording, in every arm alike."""

    matched: str
    action: str
    reason: str


def apply_rules(text: str, rules: Iterable[Rule]) -> str:
    """The text after every rule; wordings are compared without regard to case."""
    for rule in rules:
        pattern = re.compile(r"\s+".join(re.escape(word) for word in rule.matched.split()), re.I)
        if rule.action == REMOVE:
            text = (
                re.sub(r"(?m)^[，,：:\s]+|[ \t]+$", "", pattern.sub("", text))
                if pattern.search(text)
                else text
            )
        elif rule.action == REMOVE_SENTENCE and pattern.search(text):
            kept = [part for part in _SENTENCE.findall(text) if not pattern.search(part)]
            text = "".join(kept).strip()
    return text


def unsettled(findings: Iterable[Finding], rules: Iterable[Rule]) -> list[Finding]:
    """Blocking findings that no rule accepts."""
    accepted = {rule.matched.casefold() for rule in rules if rule.action == ACCEPT}
    return [finding for finding in findings if finding.blocks and finding.matched.casefold() not in accepted]
