"""What in a shown text would give its arm away: self-identification, names, template debris, outliers."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from evaluation.answers.doctors_names import named
from evaluation.answers.neutral import CJK

SELF_IDENTIFICATION = "self_identification"
TEMPLATE_DEBRIS = "template_debris"
NAME = "name"
EMPTY = "empty"
LANGUAGE = "language"
LENGTH = "length"
# Kinds that are settled as a whole, not by a wording.
MEASURED = frozenset({LENGTH, LANGUAGE})
# Kinds that keep a trial from being frozen until a rule settles them.
BLOCKING = frozenset({SELF_IDENTIFICATION, TEMPLATE_DEBRIS, NAME, EMPTY}) | MEASURED

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
_DOCTOR_EN = r"(?:radiologist|physician|doctor|surgeon)"
_MADE_EN = r"(?:generated|written|produced|composed|answered)"
_YEARS = r"(?:[\d一二两三四五六七八九十百几数]+\s*余?多?|多)年"
# No part of a hospital's name: what sends a patient to one, and which kind of hospital is meant.
_NO_HOSPITAL = (
    "建议|可以|可到|尽快|及时|务必|咨询|联系|前往|转诊|就诊|选择|听从|遵照|按照|根据|配合|通过|经过|需要|"
    "能够|如果|若|或|以及|并|但|因|由|与|及|为|对|等|当地|本地|外地|正规|三甲|上级|下级|专科|综合|大型|"
    "附近|就近|所在|其他|其它|另|任何|公立|私立|民营|基层|社区|乡镇|县级|市级|省级|三级|二级|教学|有条件|"
    "有资质|具备|相关|专业|权威|知名|这家|那家|一家|两家|几家|多家|每家|哪家|同一|不同|所有|不少|许多|部分|"
    "很多|多数|少数|目前|现在|原来|随后|之后|以后|之前|再|先|就|也|都|还|只|已|未|不|没|无|该|本|各|"
    "大医|好医|住院|门诊|出院|患者|病人|带|携|医生|医院"
)
_KIND_OF_HOSPITAL = "肿瘤|妇产|妇幼|妇幼保健|妇儿|中医|儿童"
_HOSPITAL = re.compile(
    rf"(?:(?<=[到去在往是来找从至])|(?<![{CJK}]))(?!(?:{_KIND_OF_HOSPITAL})医院)"
    rf"(?:(?!{_NO_HOSPITAL}|[到去在往是来找从至的您你我请])[{CJK}]){{2,16}}?医院"
)
_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (SELF_IDENTIFICATION, re.compile(rf"\bas (?:an?|your) (?:\w+ ){{0,2}}?{_MACHINE_EN}", re.I)),
    (SELF_IDENTIFICATION, re.compile(rf"\b{_MADE_EN} by (?:an? |the )?(?:\w+ )?{_MACHINE_EN}", re.I)),
    (SELF_IDENTIFICATION, re.compile(r"\bAI[- ]generated\b", re.I)),
    (
        SELF_IDENTIFICATION,
        re.compile(rf"(?:由|是)\w{{0,4}}?{_MACHINE_ZH}\w{{0,4}}?(?:生成|撰写|编写|回答|作答|答复)"),
    ),
    (SELF_IDENTIFICATION, re.compile(rf"{_MACHINE_ZH}(?:自动)?生成")),
    (
        SELF_IDENTIFICATION,
        re.compile(rf"\bI(?:'m|’m| am)(?: just| only)? an? (?:\w+ ){{0,2}}?{_MACHINE_EN}", re.I),
    ),
    (
        SELF_IDENTIFICATION,
        re.compile(
            rf"\b(?:as|I(?:'m|’m| am)) an? (?:\w+ ){{0,2}}?{_DOCTOR_EN}\b|"
            rf"\bI(?:'m|’m| am) your (?:\w+ ){{0,2}}?{_DOCTOR_EN}\b|"
            rf"\bI(?:'ve|’ve| have) been an? (?:\w+ ){{0,2}}?{_DOCTOR_EN}\b",
            re.I,
        ),
    ),
    (
        # "such as your doctor" and "as your doctor advised" speak of another one.
        SELF_IDENTIFICATION,
        re.compile(
            rf"(?<!such )(?<!same )(?<!well )(?<!soon )(?<!much )(?<!long )\bas your (?:\w+ ){{0,2}}?{_DOCTOR_EN}\b"
            rf"(?=\s*(?:[,，.。;:]|$|I\b))",
            re.I,
        ),
    ),
    (
        SELF_IDENTIFICATION,
        re.compile(r"\bI(?:'ve|’ve| have) (?:been )?(?:worked|working|practi[sc](?:ed|ing))\b", re.I),
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
            rf"(?:我)?(?:从(?:医|业|事\w{{0,8}})|行医|执业)(?:已|有|了|超过|近)*\s*{_YEARS}|"
            rf"(?:我|本人)(?:已|一直)?[{CJK}]{{0,10}}?工作(?:已|有|了|超过|近)*\s*{_YEARS}|"
            rf"(?:我|本人)[{CJK}]{{0,3}}?{_YEARS}[{CJK}]{{0,8}}?经验"
        ),
    ),
    (NAME, re.compile(_PRODUCTS, re.I)),
    (NAME, _HOSPITAL),
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

    @property
    def is_measured(self) -> bool:
        """Whether it is settled as a whole, by its kind, and not by a wording."""
        return self.kind in MEASURED


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
    for words in named(text):
        matched = " ".join(words.split())
        found.setdefault((NAME, matched.casefold()), Finding(NAME, matched))
    other = language_outlier(text, language)
    if other is not None:
        found[LANGUAGE, ""] = other
    return list(found.values())


def language_outlier(text: str, language: str) -> Finding | None:
    """The finding of a text in another language than the question's, `zh` or `en`; None where it is in hers."""
    share = len(re.findall(rf"[{CJK}]", text)) / max(1, len(re.findall(r"\w", text)))
    if text.strip() and ((language == "zh" and share < 0.3) or (language == "en" and share > 0.3)):
        return Finding(LANGUAGE, f"{share:.0%} Chinese characters")
    return None


def length_outliers(lengths: Sequence[int]) -> list[int]:
    """Indices of texts under a quarter or over four times the median length."""
    if not lengths:
        return []
    middle = median(lengths)
    return [index for index, length in enumerate(lengths) if length * 4 < middle or length > middle * 4]


def _name_pattern(name: str) -> re.Pattern[str]:
    # No \b: a Latin name may stand between Chinese characters, which are word characters too.
    before, after = (r"(?<![A-Za-z0-9_])", r"(?![A-Za-z0-9_])") if name.isascii() else ("", "")
    return re.compile(before + re.escape(name.strip()) + after, re.I)


REMOVE = "remove"
REMOVE_SENTENCE = "remove_sentence"
ACCEPT = "accept"
CUT = "cut"
ACTIONS = (REMOVE, REMOVE_SENTENCE, ACCEPT, CUT)
# A point between digits ends no sentence; the parts joined are the text again.
_SENTENCE = re.compile(r"(?:[^。！？!?.\n]|\.(?=\d))*(?:[。！？!?.\n]+|$)")


@dataclass(frozen=True)
class Rule:
    """What is done with one wording, or with all findings of a measured kind, in every arm alike.

    Attributes:
        kind: length or language; empty for a rule about a wording.
        limit: characters that an answer is cut to, at the end of a sentence (action `cut`).
        answers: ids of the outliers that were there when a rule accepted them; later ones are asked for anew.
    """

    matched: str
    action: str
    reason: str
    kind: str = ""
    limit: int | None = None
    answers: tuple[str, ...] = ()


def apply_rules(text: str, rules: Iterable[Rule]) -> str:
    """The text after every rule; wordings are compared without regard to case."""
    for rule in rules:
        if rule.kind:
            text = _cut(text, rule.limit) if rule.action == CUT and rule.limit else text
            continue
        pattern = re.compile(r"\s+".join(re.escape(word) for word in rule.matched.split()), re.I)
        if rule.action == REMOVE:
            text = _without(pattern, text)
        elif rule.action == REMOVE_SENTENCE and pattern.search(text):
            kept = [part for part in _SENTENCE.findall(text) if not pattern.search(part)]
            text = "".join(kept).strip()
    return text


def _cut(text: str, limit: int) -> str:
    """As many whole sentences as fit; where not even the first does, the first `limit` characters."""
    if len(text) <= limit:
        return text
    kept = ""
    for part in _SENTENCE.findall(text):
        if len(kept) + len(part) > limit:
            break
        kept += part
    return kept.rstrip() or text[:limit].rstrip()


# A character that the neutral style takes out of every text: it stands where words were removed.
_GONE = "\x1f"


def _without(pattern: re.Pattern[str], text: str) -> str:
    """The text without the words, its other lines and its paragraphs as they were.

    Marks that the words leave at the head of their line go with them, and a line of nothing else.
    """
    lines = []
    for line in pattern.sub(_GONE, text).split("\n"):
        if _GONE not in line:
            lines.append(line)
            continue
        kept = re.sub(rf"^[，,：:{_GONE} \t]*{_GONE}[，,：: \t]*", "", line).replace(_GONE, "").rstrip(" \t")
        if kept:
            lines.append(kept)
    return "\n".join(lines)


def unsettled(findings: Iterable[Finding], rules: Iterable[Rule]) -> list[Finding]:
    """Blocking findings that no rule accepts."""
    accepted = {rule.matched.casefold() for rule in rules if rule.action == ACCEPT and not rule.kind}
    return [finding for finding in findings if finding.blocks and finding.matched.casefold() not in accepted]
