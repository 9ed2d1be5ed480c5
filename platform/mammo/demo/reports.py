"""Writes the radiology reports of the demo's hospital, in Chinese and English.

The description comes from `modeling.data.phantom_texts`; what stands around it (history, comparison,
assessment per breast in many wordings, advice, signatures) is written here.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from modeling.data.phantom_anatomy import Density, Laterality
from modeling.data.phantom_texts import Finding, Language, findings_text

_ROMAN = {"1": "Ⅰ", "2": "Ⅱ", "3": "Ⅲ", "5": "Ⅴ"}

INDICATIONS: dict[str, tuple[str, ...]] = {
    "zh": ("体检", "乳腺癌筛查", "单位体检", "常规复查"),
    "en": ("screening", "routine check", "annual screening"),
}
SYMPTOMS: dict[str, tuple[str, ...]] = {
    "zh": ("发现{side}乳肿块{n}周", "{side}乳疼痛{n}月", "自觉{side}乳包块{n}月余"),
    "en": ("palpable lump in the {side} breast for {n} weeks", "pain in the {side} breast for {n} months"),
}
HISTORIES: dict[str, tuple[str, ...]] = {
    "zh": ("无特殊", "母亲有乳腺癌病史", "既往双乳增生病史", "无家族史"),
    "en": ("none", "mother had breast cancer", "no family history", "previous cyst aspiration"),
}
_ASSESSMENTS: dict[str, tuple[str, ...]] = {
    "zh": (
        "印象：左乳BI-RADS {L}类；右乳BI-RADS {R}类。",
        "诊断意见：1.左乳BI-RADS {L}类。2.右乳BI-RADS {R}类。",
        "诊断：左乳BI-RADS：{L}类；右乳BI-RADS：{R}类。",
        "BI-RADS分类：左乳{L}类，右乳{R}类。",
        "评估(BI-RADS)：L {L} / R {R}。",
        "结论：左乳BIRADS-{L}；右乳BIRADS-{R}。",
        "意见：右乳 BI-RADS {R} 类；左乳 BI-RADS {L} 类。",
        "BI-RADS {L}类（左），BI-RADS {R}类（右）。",
    ),
    "en": (
        "IMPRESSION: Left: BI-RADS {L}. Right: BI-RADS {R}.",
        "ASSESSMENT: Right breast: BI-RADS category {R}. Left breast: BI-RADS category {L}.",
        "BI-RADS: L{L}, R{R}.",
        "Impression: BI-RADS {L} left; BI-RADS {R} right.",
        "Assessment: left BIRADS-{L}, right BIRADS-{R}.",
    ),
}
_BOTH: dict[str, tuple[str, ...]] = {
    "zh": ("双乳BI-RADS {L}类。", "印象：双侧BI-RADS：{L}类。", "结论：双乳BI-RADS分类为{L}类。"),
    "en": ("IMPRESSION: BI-RADS {L} bilaterally.", "Assessment: both breasts BI-RADS {L}."),
}
_DESCRIPTORS: dict[str, dict[str, str]] = {
    "zh": {"1": "阴性", "2": "良性", "3": "可能良性", "4": "可疑恶性", "5": "高度提示恶性"},
    "en": {
        "1": "negative",
        "2": "benign",
        "3": "probably benign",
        "4": "suspicious",
        "5": "highly suggestive of malignancy",
    },
}
_ADVICE: dict[str, dict[str, tuple[str, ...]]] = {
    "zh": {
        "1": ("建议每年常规复查。", "每年常规筛查。"),
        "2": ("建议每年复查一次。", "建议12个月后复查。"),
        "3": ("建议6个月后复查。", "建议短期随访（6个月）。", "建议半年复查。"),
        "4": ("建议穿刺活检。", "建议粗针穿刺活检，请外科会诊。"),
        "5": ("建议穿刺活检，请外科会诊。", "建议立即活检。"),
    },
    "en": {
        "1": ("Routine screening in 1 year.", "Annual screening is recommended."),
        "2": ("Routine annual mammography.",),
        "3": ("Short-interval follow-up in 6 months.", "Follow-up mammography in 6 months is recommended."),
        "4": ("Core biopsy is recommended.", "Tissue diagnosis is recommended."),
        "5": ("Biopsy should be performed without delay.", "Surgical referral and core biopsy recommended."),
    },
}


@dataclass(frozen=True)
class ReportFacts:
    """All that one report says."""

    density: Density
    findings: Sequence[Finding]
    birads: Mapping[Laterality, str]
    indication: str  # symptom or reason for the examination
    history: str
    prior: tuple[date, str] | None  # date and overall category of the examination before
    doctors: tuple[str, str] | None


def draw_indication(rng: random.Random, language: Language, side: str | None) -> str:
    """A symptom on `side` for half of the patients with a finding, else a reason for screening."""
    if side is None or rng.random() < 0.5:
        return rng.choice(INDICATIONS[language])
    names = {"zh": {"L": "左", "R": "右"}, "en": {"L": "left", "R": "right"}}
    return rng.choice(SYMPTOMS[language]).format(side=names[language][side], n=rng.randint(2, 6))


def draw_history(rng: random.Random, language: Language) -> str:
    """A line of history."""
    return rng.choice(HISTORIES[language])


def write_report(facts: ReportFacts, language: Language, rng: random.Random) -> str:
    """One report as a hospital would file it: history, description, comparison, assessment, advice."""
    description = findings_text(facts.density, facts.findings, language, rng)
    lines = [
        _history_line(facts, language),
        ("影像所见：" if language == "zh" else "FINDINGS: ") + description,
    ]
    if facts.prior is not None:
        lines.append(_comparison(facts.prior, language))
    assessment = _assessment(facts.birads, language, rng)
    worst = max(facts.birads.values())
    advice = rng.choice(_ADVICE[language][worst[0]]) if rng.random() < 0.85 else ""
    lines.append(assessment + ("" if language == "zh" else " " if advice else "") + advice)
    if facts.doctors is not None:
        first, second = facts.doctors
        lines.append(
            f"报告医师：{first}  审核医师：{second}"
            if language == "zh"
            else f"Reported by {first}, reviewed by {second}"
        )
    return "\n".join(lines)


def _history_line(facts: ReportFacts, language: Language) -> str:
    if language == "zh":
        return f"主诉：{facts.indication}。病史：{facts.history}。检查方法：双乳CC位及MLO位。"
    return f"INDICATION: {facts.indication}. HISTORY: {facts.history}. TECHNIQUE: CC and MLO views."


def _comparison(prior: tuple[date, str], language: Language) -> str:
    day, category = prior
    if language == "zh":
        return f"与{day.isoformat()}旧片（BI-RADS {category}类）比较。"
    return f"Comparison: {day.isoformat()}, previously BI-RADS {category}."


def _assessment(birads: Mapping[Laterality, str], language: Language, rng: random.Random) -> str:
    left, right = birads["L"], birads["R"]
    if left == right and rng.random() < 0.6:
        return rng.choice(_BOTH[language]).format(L=left)
    if language == "zh" and left in _ROMAN and right in _ROMAN and rng.random() < 0.15:
        return f"印象：左乳BI-RADS {_ROMAN[left]}级；右乳BI-RADS {_ROMAN[right]}级。"
    if rng.random() < 0.2:
        # With the category in words behind the number.
        words = _DESCRIPTORS[language]
        if language == "zh":
            pair = f"左乳BI-RADS {left}类（{words[left[0]]}）；右乳BI-RADS {right}类（{words[right[0]]}）"
            return f"印象：{pair}。"
        pair = f"Left: BI-RADS {left} - {words[left[0]]}. Right: BI-RADS {right} - {words[right[0]]}."
        return f"IMPRESSION: {pair}"
    shown_left, shown_right = (left.lower(), right.lower()) if rng.random() < 0.2 else (left, right)
    return rng.choice(_ASSESSMENTS[language]).format(L=shown_left, R=shown_right)
