"""Whether a text may hold a name that is known in the other writing only: 王芳 where the header has Wang^Fang.

No library that reads Chinese characters as pinyin is among the dependencies, and a character has many readings, so
such a name can't be removed with certainty. What can be known is its shape: a surname with the right reading, and
as many characters (or syllables) behind it as the given name has, that make no word. A text with such a place
waits for a person.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

from mammo.archive.one_script import folded, in_one_script
from mammo.archive.ordinary_words import begins_like_a_word, is_ordinary_word
from mammo.archive.report_reading.normalised import normalise
from mammo.archive.roster import Roster
from mammo.archive.roster_names import TITLE, pinyin_syllables

# Readings of surnames (those of nearly all Chinese, and the usual compound ones); one character may have two.
_READINGS = (
    "an安 ao敖 ba巴 bai白柏 ban班 bao包鲍 bei贝 bi毕 bian边卞 bie别 bin宾 bo柏薄 bu卜步 cai蔡 cao曹 "
    "cen岑 chai柴 chan单 chang常昌 chao晁巢 che车 chen陈谌 cheng程成 chi池迟 chong种 chu储褚楚 "
    "chun淳 cui崔 dai戴代 dang党 dao刀 deng邓 di狄翟 diao刁 ding丁 dong董东 dou窦 du杜都堵 duan段 "
    "e鄂 fan范樊 fang方房 fei费 feng冯丰封 fu傅付符伏扶 gai盖 gan甘干 gao高 ge葛戈盖 geng耿 "
    "gong龚宫公巩 gou苟勾缑 gu顾古谷辜 guan关管官 guang广 gui桂归 guo郭国 ha哈 hai海 han韩 hang杭 "
    "hao郝 he何贺和赫 hei黑 heng衡 hong洪弘 hou侯后 hu胡扈 hua华花滑 huai怀 huan桓宦 huang黄 hui惠 "
    "huo霍 ji季吉纪姬冀嵇计籍 jia贾家 jian简蹇 jiang江姜蒋 jiao焦矫 jie解揭 jin金靳晋 jing荆井景经 "
    "jiu酒 ju居鞠 jue厥 kan阚 kang康 ke柯 kong孔 kou寇 kuai蒯 kuang匡邝 kui夔 lai赖来 lan兰蓝 "
    "lang郎 lao劳 le乐 lei雷 leng冷 li李黎厉郦利栗 lian连廉练 liang梁 liao廖 lin林蔺 ling凌令 "
    "liu刘柳 long龙隆 lou娄楼 lu卢陆鲁路逯禄 lv吕 luan栾 lun伦 luo罗骆洛 ma马麻 mai麦 man满 mao毛茅 "
    "mei梅 men门 meng孟蒙 mi米糜 miao苗缪 min闵 ming明 mo莫墨 mou牟 mu穆慕牧 na那 nan南 ni倪 "
    "nian年粘 nie聂 ning宁 niu牛钮 nong农 ou欧区 pan潘 pang庞 pei裴 peng彭 pi皮 pian片 ping平 "
    "pu蒲濮朴浦 qi齐祁戚 qian钱 qiang强 qiao乔谯 qin秦覃 qing青 qiu邱丘秋裘仇 qu曲屈瞿渠 quan全权 "
    "que阙 ran冉 rao饶 ren任 rong荣容戎 ru汝茹 ruan阮 rui芮 sa萨 sang桑 sha沙 shan单山 shang尚商 "
    "shao邵 she佘 shen沈申 sheng盛 shi石史施师时 shou寿 shu舒束 shuai帅 shui水 si司 song宋 su苏宿粟 "
    "sui隋眭 sun孙 suo索 tai邰 tan谭谈覃 tang唐汤 tao陶 teng滕 tian田 tie铁 tong童佟仝 tou头 tu涂屠 "
    "wan万 wang王汪 wei魏韦卫尉 wen温文闻 weng翁 wo沃 wu吴武伍邬巫乌 xi席奚习郗 xia夏 xian冼鲜 "
    "xiang向项相 xiao肖萧 xie谢解 xin辛 xing邢 xiong熊 xiu修 xu徐许胥 xuan宣 xue薛 xun荀 "
    "yan严颜阎闫燕晏 yang杨阳羊 yao姚么 ye叶 yi易衣伊 yin尹殷阴印 ying应英 yong雍 you尤游 "
    "yu于余俞喻虞郁禹 yuan袁苑元 yue岳乐 yun云恽 zai宰 zang臧 zeng曾 zha查 zhai翟 zhan詹占湛 "
    "zhang张章 zhao赵 zhen甄 zheng郑 zhi支 zhong钟仲 zhou周 zhu朱祝诸竺 zhuang庄 zhuo卓 zi訾 zong宗 "
    "zou邹 zu祖 zuo左 ouyang欧阳 sima司马 shangguan上官 zhuge诸葛 huangfu皇甫 yuchi尉迟 gongsun公孙 "
    "murong慕容 linghu令狐 situ司徒 xiahou夏侯 duanmu端木 yuwen宇文 zhangsun长孙 dongfang东方 "
    "nangong南宫 ximen西门 dugu独孤 xuanyuan轩辕 "
)
_HAN = re.compile(r"[\u3400-\u9fff]")
_COMPOUND_LENGTH = 2
_MOST_GIVEN = 2
# Pinyin surnames that header and text write differently.
_OTHER_SPELLINGS = {"lu": ("lv",), "lyu": ("lv",), "lue": ("lv",), "lü": ("lv",)}


def may_hold_a_name(text: str, roster: Roster) -> bool:
    """Whether a cleaned text has a place that could be a name of the roster in the other writing."""
    if not text:
        return False
    names = [name for kind in ("names", "doctors") for name in roster.get(kind, [])]
    in_han = folded(normalise(text)).text
    return any(
        _in_han(in_han, surname, given) if is_latin else _in_latin(in_han, surname, given)
        for name in names
        for is_latin, surname, given in _readings_of(name)
    )


def _readings_of(name: str) -> Iterator[tuple[bool, str, int]]:
    """(is it in pinyin, its surname, how many syllables the given name has) of a name in one writing alone."""
    groups = [group for group in in_one_script(name).split("=") if group.strip("^ ")]
    written = [_HAN.search(group) is not None for group in groups]
    if not groups or len(set(written)) > 1:
        return
    parts = [part for part in re.split(r"[\^\s,]+", groups[0]) if part and not TITLE.match(part)]
    if written[0]:
        whole = "".join(parts)
        is_compound = whole[:_COMPOUND_LENGTH] in _characters_of_readings()
        length = len(parts[0]) if len(parts) > 1 else _COMPOUND_LENGTH if is_compound else 1
        if len(whole) - length in range(1, _MOST_GIVEN + 1):
            yield False, whole[:length], len(whole) - length
        return
    if len(parts) < 2:
        return
    orders = [(parts[0], parts[1:])]
    if "^" not in groups[0]:
        orders.append((parts[-1], parts[:-1]))
    for surname, others in orders:
        given = sum(len(pinyin_syllables(re.sub(r"[\-'’]", "", part))) or 9 for part in others)
        if surname.lower() in _surnames() and 1 <= given <= _MOST_GIVEN:
            yield True, surname.lower(), given


def _in_han(text: str, surname: str, given: int) -> bool:
    for written in _surnames()[surname]:
        for match in re.finditer(rf"{written}(?=[\u3400-\u9fff]{{{given}}})", text):
            candidate = text[match.start() : match.end() + given]
            before = text[match.start() - 1 : match.start()]
            # 方 of 后方: the surname ends a word; 高密度 and 高回声 begin with one, or are one.
            ends_a_word = bool(before) and is_ordinary_word(before + written[0])
            is_a_word = is_ordinary_word(candidate[:2]) or is_ordinary_word(text[match.start() :][:3])
            is_compound = len(written) == _COMPOUND_LENGTH
            if is_compound or not (begins_like_a_word(candidate) or is_a_word or ends_a_word):
                return True
    return False


def _in_latin(text: str, surname: str, given: int) -> bool:
    for reading in _characters_of_readings().get(surname, ()):
        family = f"(?:{reading.capitalize()}|{reading.upper()})"
        one = r"[A-Z][A-Za-z\-'’]{1,12}"
        orders = (
            rf"(?<![A-Za-z]){family}[\s,]{{1,3}}(?P<given>{one}(?:\s{one})?)",
            rf"(?P<given>{one})\s{family}",
        )
        for order in orders:
            for match in re.finditer(order + "(?![A-Za-z])", text):
                words = re.split(r"[\s\-'’]", match["given"])
                for count in range(1, len(words) + 1):
                    if sum(len(pinyin_syllables(word)) or 9 for word in words[:count]) == given:
                        return True
    return False


@lru_cache(maxsize=1)
def _surnames() -> Mapping[str, tuple[str, ...]]:
    """Surnames in characters by their reading."""
    found: dict[str, tuple[str, ...]] = {}
    for entry in _READINGS.split():
        reading = re.sub(r"[^a-z]", "", entry)
        characters = entry[len(reading) :]
        found[reading] = (characters,) if _is_compound(reading) else tuple(characters)
    for spelling, readings in _OTHER_SPELLINGS.items():
        found[spelling] = (*found.get(spelling, ()), *(one for reading in readings for one in found[reading]))
    return found


def _is_compound(reading: str) -> bool:
    return len(pinyin_syllables(reading)) == _COMPOUND_LENGTH


@lru_cache(maxsize=1)
def _characters_of_readings() -> Mapping[str, tuple[str, ...]]:
    """Readings by the surname in characters."""
    found: dict[str, list[str]] = {}
    for reading, written in _surnames().items():
        for characters in written:
            found.setdefault(characters, []).append(reading)
    return {characters: tuple(readings) for characters, readings in found.items()}
