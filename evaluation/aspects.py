"""The five aspects of the paper (section 5.1), with our definitions; a trial may have others."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from django.core.validators import slug_re
from django.utils.translation import gettext as _

from mammo.core.errors import UserError

LONGEST_KEY, LONGEST_NAME = 40, 80


@dataclass(frozen=True)
class AspectDefinition:
    """One thing an answer is scored on.

    Attributes:
        key: stored and exported.
        anchors: wording at the ends of the scale, by language and end.
    """

    key: str
    name: str
    definition: str
    name_zh: str = ""
    definition_zh: str = ""
    anchors: dict[str, str] = field(default_factory=dict)


DEFAULT_ASPECTS: tuple[AspectDefinition, ...] = (
    AspectDefinition(
        "correctness",
        "Correctness",
        "What the answer states is medically right and agrees with these mammograms.",
        "正确性",
        "回答中的陈述在医学上正确，并与这些乳腺X线图像相符。",
        {"low": "wrong throughout", "high": "no error", "low_zh": "完全错误", "high_zh": "没有错误"},
    ),
    AspectDefinition(
        "rationality",
        "Rationality",
        "The reasoning holds together, and its conclusions follow from what is said.",
        "合理性",
        "推理前后一致，结论由所述内容得出。",
        {
            "low": "no sound reasoning",
            "high": "fully reasoned",
            "low_zh": "推理不成立",
            "high_zh": "推理充分",
        },
    ),
    AspectDefinition(
        "helpfulness",
        "Helpfulness",
        "It answers what the patient asked, in words she can use, and tells her what to do next.",
        "有用性",
        "回答了患者所问，用语患者能理解，并说明下一步怎么做。",
        {"low": "of no help", "high": "of great help", "low_zh": "没有帮助", "high_zh": "很有帮助"},
    ),
    AspectDefinition(
        "professionalism",
        "Professionalism",
        "It uses terms and recommendations as a breast radiologist would, with due care in tone.",
        "专业性",
        "术语与建议符合乳腺影像专业水平，语气恰当。",
        {"low": "unprofessional", "high": "expert", "low_zh": "不专业", "high_zh": "专家水平"},
    ),
    AspectDefinition(
        "completeness",
        "Completeness",
        "Nothing that she needs to know for this question is missing.",
        "完整性",
        "就这一问题她需要知道的内容没有遗漏。",
        {
            "low": "most is missing",
            "high": "nothing is missing",
            "low_zh": "大部分缺失",
            "high_zh": "没有遗漏",
        },
    ),
)


def is_usable_key(key: str) -> bool:
    """Whether an aspect may have this key: Latin letters, digits, - and _ alone, not too many."""
    return len(key) <= LONGEST_KEY and slug_re.match(key) is not None


def check_aspects(aspects: Sequence[AspectDefinition], *, known: Collection[str] = ()) -> None:
    """Refuse aspects that no trial can have: figures, tables and columns of exports are named by their keys.

    Args:
        known: keys of an earlier version, which a draft or its frozen protocol holds already; they stay.

    Raises:
        UserError: none was given, two have the same key, or a key or a name can't be used.
    """
    keys = [aspect.key for aspect in aspects]
    if not keys or len(set(keys)) != len(keys):
        raise UserError(_("aspects: give at least one, each with a key of its own"))
    for aspect in aspects:
        if aspect.key not in known and not is_usable_key(aspect.key):
            raise UserError(
                _(
                    "aspects: the key “%(key)s” can't be used; give Latin letters, digits, - and _ alone, at most "
                    "%(most)s of them (names may be Chinese)"
                )
                % {"key": aspect.key, "most": LONGEST_KEY}
            )
        if not aspect.name.strip() or max(len(aspect.name), len(aspect.name_zh)) > LONGEST_NAME:
            raise UserError(
                _("aspects: “%(key)s” needs a name of at most %(most)s characters in each language")
                % {"key": aspect.key, "most": LONGEST_NAME}
            )


def file_name_of(key: str, place: int) -> str:
    """What stands for an aspect in names of files and in addresses: its key, or its place where a key of an older trial
    can't stand there."""
    return key if slug_re.match(key) else f"aspect_{place}"
