"""Whether a Chinese string that stands where a name may stand is an ordinary word (from jieba's dictionary)."""

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

# Occurrences in jieba's corpus: below the first a "word" is often a slip of its segmentation; from the second on
# a longer string that begins with the word is no name either (高密 of 高密度 is rare, 单发 of 单发结 is not).
_SEEN = 5
_COMMON = 100
# Words of the field, and of its questions, which the dictionary lacks or calls names.
_FIELD = (
    "安装 张开 张口 张力 康复 高潮 齐全 范畴 周转 宁可 谢谢 顾问 陈述 辛勤 "
    ""
    "管腔 边界 边缘 高危 高位 高龄 高年 中年 单发 单枚 方形 高密 高密度 高信号 高回声 强回声 强信号 单侧 单个 "
    "白带 左乳 左侧 左腋 包块 包膜 "
    "解剖 关节 向上 向下 向内 向外 曾在 于左 于右 于双 于外 常见 易见 查体 查见 复查 查出 石蜡 钙化 成簇 成团 "
    "段样 管状 管样 叶状 毛刺 毛糙 "
    "任意 方脸 何时 时有 单纯 万古 安全 强化 连续 池样 迟发 迟缓 蓝染 厉害 楼上 宫颈 宫内 付费 金属 查房 检查 "
    "复诊 时间 明显 明确 申请 "
    "主管 高血 高血压 高血脂 焦虑 温和 白细胞 白血病 黄体 黄色 单乳 全乳 全数 全部 全程 麦默 麦粒 冷冻 连接 连于 "
    "方案 尤以 位于 毕业 "
    "于上 于下 于乳 于术 成分 成人 成形 康泰 支持 关注 曲张 车祸 解释 甘油 强度 沿管 沿段 "
    "单身 文员 成年 华人 常规 高中 高校 司机 管家 文秘 白色 江苏 江西 常州 郑州 沈阳 温州 安徽 成都 宁波 温热 "
    "马上 方才 查无 余无 时常 常有 "
)
_FIELD_WORDS = frozenset(_FIELD.split())


def is_ordinary_word(candidate: str, *, names_allowed: bool = False) -> bool:
    """Whether the string is a word.

    Args:
        names_allowed: words of two characters that are names too (文静, 江山) are none, but for those of the field.
    """
    if names_allowed and candidate[:2] in _FIELD_WORDS:
        return True
    return candidate in _words()[0] and not (names_allowed and len(candidate) == 2)


def begins_like_a_word(candidate: str) -> bool:
    """Whether the string is a word, or longer than a common word that it begins with."""
    seen, common = _words()
    return candidate in seen or (len(candidate) > 2 and candidate[:2] in common)


@lru_cache(maxsize=1)
def _words() -> tuple[frozenset[str], frozenset[str]]:
    """The words of two or three characters, and the common ones of two; no names of persons.

    Raises:
        FileNotFoundError: the package jieba, or its dictionary, is not installed.
    """
    seen, common = set(_FIELD_WORDS), set(_FIELD_WORDS)
    with _dictionary().open(encoding="utf-8") as lines:
        for line in lines:
            word, count, kind = line.split()
            if kind.startswith("nr") or int(count) < _SEEN:
                continue
            if len(word) in (2, 3):
                seen.add(word)
                if len(word) == 2 and int(count) >= _COMMON:
                    common.add(word)
    return frozenset(seen), frozenset(common)


def _dictionary() -> Path:
    package = find_spec("jieba")
    path = Path(package.origin).parent / "dict.txt" if package and package.origin else None
    if path is None or not path.is_file():
        raise FileNotFoundError("jieba's dict.txt is not installed: install the package jieba again")
    return path
