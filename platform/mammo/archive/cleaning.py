"""Removes what identifies a person from a text about her: first what is known of her, then what has the form of it.

The strongest rule is the roster: names, numbers and places of this very patient. The patterns cover Chinese
identity-card, telephone and record numbers, dates, addresses, messenger names and signatures, in full-width
and Chinese digits too. Typed tokens stand in their place, such as [姓名] or [date -14 d]; clinical words stay.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta

from mammo.archive.roster import Roster

_HAN = re.compile(r"[\u3400-\u9fff]")
# Surnames of two characters, and common ones of one.
_COMPOUND = "欧阳|司马|上官|诸葛|东方|皇甫|尉迟|公孙|慕容|令狐|司徒|夏侯|端木|百里|南宫"
_SURNAMES = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎"
    "余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文"
)
_NAME = rf"(?:(?:{_COMPOUND})[\u4e00-\u9fff]{{1,2}}|[{_SURNAMES}][\u4e00-\u9fff]{{1,2}})"
_NAME_END = (
    r"(?=$|[\s,，。.;；:：、()（）|/]|女|男|\d|医[生师]|主任|教授|护士|技师|审核|报告|日期|[年电手住门病床])"
)
# After the keyword these begin an ordinary sentence though they begin with a surname.
_NO_NAME = (
    r"(?!高龄|于|曾|方|马上|高度|白[带色]|余|常规|石蜡|金属|万|文化|易|任何|段|龙"
    r"|夏|江|田|许多|康复|安|武|何|毛刺|叶状|钱)"
)
_PATTERNS: tuple[tuple[str, str], ...] = (
    (
        "id",
        r"(?<!\d)[1-9]\d{5}\s?(?:18|19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\s?\d{3}[\dXx](?!\d)",
    ),
    ("id", r"(?<!\d)[1-9]\d{7}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}(?!\d)"),
    ("phone", r"(?<!\d)(?:\+?86[- ]?)?1[3-9]\d(?:[- ]?\d{4}){2}(?!\d)"),
    ("phone", r"(?<!\d)0\d{2,3}[- ]?\d{7,8}(?!\d)"),
    ("phone", r"(?:电话|手机|座机|联系方式|tel|phone|mobile)(?:号码?)?\s*[:：是为.]?\s*\+?\d[\d\- ]{6,}\d"),
    (
        "number",
        r"(?:病历号|住院号|门诊号|检查号|影像号|病案号|登记号|就诊卡号?|医保卡号?|社保号|条码号|放射号|X线号|ID号?|No\.?"
        r"|MRN|accession(?: number)?|patient (?:id|number|no\.?)|hospital (?:id|number|no\.?))"
        r"\s*[:：是为#]?\s*[A-Za-z]{0,3}\d{4,}",
    ),
    ("number", r"\d{1,3}\s*(?:号?病?床|床位)(?!旁)"),
    ("account", r"(?:微信|wechat|weixin|QQ|vx)\s*(?:号)?\s*[:：是]?\s*[A-Za-z0-9_-]{5,}"),
    ("account", r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"),
    (
        "place",
        r"[\u4e00-\u9fff]{2,12}(?:省|市|区|县)[\u4e00-\u9fff0-9]{2,20}(?:路|街|道|巷|村|小区|大厦)"
        r"[0-9]*(?:号|弄|栋|室|单元)?[0-9]*(?:室|楼)?",
    ),
    (
        "place",
        r"(?:[\u4e00-\u9fff]{2,10}(?:市|省|区|县|大学|人民|中心|妇幼|附属|第[一二三四五六七八九十]|肿瘤|中医|保健))+[\u4e00-\u9fff]{0,8}(?:医院|保健院|卫生院)",
    ),
    ("place", r"(?:[A-Z][A-Za-z.'-]+ ){1,4}(?:Hospital|Clinic|Medical Cent(?:er|re))"),
    ("place", r"(?:住址|地址|家住)\s*[:：]?\s*[^\s，,。;；]{4,40}"),
    (
        "name",
        rf"(?:姓名|患者|病人|名字|我叫|报告医[生师]|审核医[生师]|诊断医[生师]"
        rf"|主治医[生师]|检查技师|技师|操作者|报告者|审核者|联系人)"
        rf"\s*(?:[:：是为]\s*{_NAME}|{_NO_NAME}{_NAME}{_NAME_END})",
    ),
    ("name", rf"(?<![\u4e00-\u9fff]){_NAME}(?=医生|医师|主任|教授|护士长?|技师|女士|先生|大夫)"),
    ("name", rf"{_NO_NAME}[{_SURNAMES}](?=医生|医师|主任|教授|大夫|女士)"),
    (
        "name",
        r"(?:reported by|signed(?: by)?|reviewed by|radiologist|dictated by"
        r"|verified by|technologist|patient(?: name)?)\s*:\s*"
        r"(?:Dr\.?|Prof\.?|Mrs?\.?|Ms\.?)?\s*[A-Z][A-Za-z.'-]*(?:[ ,^]+[A-Z][A-Za-z.'-]*){0,3}",
    ),
    ("name", r"\b(?:Dr|Prof|Mrs|Mr|Ms)\b\.?\s+(?:[A-Z]\.\s*)*[A-Z][A-Za-z'-]+(?:\s+[A-Z][A-Za-z'-]+)?"),
)
_KEYWORDS = re.compile(r"^(?:[\u4e00-\u9fffA-Za-z .]+?)\s*[:：]\s*")
_COMPILED = [
    (kind, re.compile(pattern, re.I if kind in ("number", "phone", "account") else 0))
    for kind, pattern in _PATTERNS
]
_DATE = re.compile(
    r"(?P<y>(?:19|20)\d{2})\s*(?:年|[-/.])\s*(?P<m>0?[1-9]|1[0-2])(?:\s*(?:月|[-/.])\s*(?P<d>3[01]|[12]\d|0?[1-9])(?!\d)\s*日?|\s*月)"
    r"|(?<!\d)(?P<y8>(?:19|20)\d{2})(?P<m8>0[1-9]|1[0-2])(?P<d8>0[1-9]|[12]\d|3[01])(?!\d)"
)
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_ENGLISH_DATE = re.compile(
    r"\b(?:(?P<d1>\d{1,2})(?:st|nd|rd|th)?\s+(?P<m1>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?,?\s+(?P<y1>(?:19|20)\d{2})"
    r"|(?P<m2>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?\s+(?P<d2>\d{1,2})(?:st|nd|rd|th)?,?\s+(?P<y2>(?:19|20)\d{2}))\b",
    re.I,
)
_DIGITS_IN_WORDS = re.compile(r"[〇零一二三四五六七八九幺]{7,}")
_TOKENS = {
    "zh": {
        "id": "证件号",
        "phone": "电话",
        "number": "编号",
        "account": "账号",
        "place": "地点",
        "name": "姓名",
        "date": "日期",
    },
    "en": {
        "id": "ID",
        "phone": "phone",
        "number": "number",
        "account": "account",
        "place": "place",
        "name": "name",
        "date": "date",
    },
}


@dataclass(frozen=True)
class Cleaned:
    """A text without what identifies.

    Attributes:
        text: with typed tokens in the place of what was removed.
        found: how many of each kind were removed.
    """

    text: str
    found: dict[str, int] = field(default_factory=dict)


def clean_text(text: str, roster: Roster, *, studied: date | None = None) -> Cleaned:
    """Clean a text about one patient.

    Args:
        roster: what is known of her (`roster.merged_roster`).
        studied: true date of the study; dates become distances from it. Without it they are removed.
    """
    if not text:
        return Cleaned("")
    tokens = _TOKENS["zh" if _HAN.search(text) else "en"]
    counts: Counter[str] = Counter()
    text = _half_width(text)

    def token(kind: str) -> str:
        counts[kind] += 1
        return f"[{tokens[kind]}]"

    for kind, pattern in _roster_patterns(roster):
        text = pattern.sub(lambda match, kind=kind: token(kind), text)  # type: ignore[misc]
    text = _without_dates(text, studied, tokens["date"], counts)
    for kind, pattern in _COMPILED:
        text = pattern.sub(lambda match, kind=kind: _kept_keyword(match[0], kind) + token(kind), text)  # type: ignore[misc]
    text = _DIGITS_IN_WORDS.sub(lambda match: token("number"), text)
    return Cleaned(text, dict(counts))


def _half_width(text: str) -> str:
    """Full-width digits and letters as ordinary ones; Chinese punctuation stays."""
    return "".join(
        unicodedata.normalize("NFKC", c) if "０" <= c <= "９" or "Ａ" <= c <= "ｚ" else c for c in text
    )


def _kept_keyword(found: str, kind: str) -> str:
    """`报告医师：` stays, the name after it goes."""
    match = _KEYWORDS.match(found)
    return match[0] if match and kind in ("name", "number", "phone", "place") else ""


def _roster_patterns(roster: Roster) -> list[tuple[str, re.Pattern[str]]]:
    """Exact patterns of what is known of her; longest first, so that no part of a name is left over."""
    wanted: list[tuple[str, str]] = []
    for kind, values in (("name", roster.get("names", []) + roster.get("doctors", [])),):
        for value in values:
            wanted += [(kind, form) for form in name_forms(value)]
    wanted += [("number", value) for value in roster.get("numbers", []) if len(value) >= 4]
    wanted += [("place", value) for value in roster.get("places", []) if len(value) >= 4]
    unique = sorted(set(wanted), key=lambda pair: -len(pair[1]))
    return [(kind, _exact(form)) for kind, form in unique]


def _exact(form: str) -> re.Pattern[str]:
    body = (
        r"[\s^,]*".join(re.escape(part) for part in form.split())
        if not _HAN.search(form)
        else re.escape(form)
    )
    if _HAN.search(form):
        return re.compile(body)
    return re.compile(rf"(?<![A-Za-z0-9]){body}(?![A-Za-z0-9])", re.I)


def name_forms(name: str) -> list[str]:
    """Forms in which a DICOM person name may stand in a text: both orders, Chinese whole and given name alone."""
    forms: list[str] = []
    for group in name.split("="):
        parts = [part for part in re.split(r"[\^\s]+", group) if part]
        if not parts:
            continue
        if _HAN.search(group):
            whole = "".join(parts)
            forms += [whole] if len(whole) >= 2 else []
            given = "".join(parts[1:]) if len(parts) > 1 else whole[1:]
            # A given name of one character is an ordinary word.
            forms += [given] if len(given) >= 2 else []
        elif len("".join(parts)) >= 4:
            forms += [" ".join(parts), " ".join((*parts[1:], parts[0]))]
            if len(parts) > 1:
                forms += [" ".join(("".join(parts[1:]), parts[0])), " ".join((parts[0], "".join(parts[1:])))]
    return list(dict.fromkeys(forms))


def _without_dates(text: str, studied: date | None, word: str, counts: Counter[str]) -> str:
    def replace(pick: Callable[[re.Match[str]], date | None]) -> Callable[[re.Match[str]], str]:
        def put(match: re.Match[str]) -> str:
            counts["date"] += 1
            found = pick(match)
            if found is None or studied is None:
                return f"[{word}]"
            days = (found - studied) // timedelta(days=1)
            return f"[{word}{days:+d}天]" if word == "日期" else f"[{word} {days:+d} d]"

        return put

    return _ENGLISH_DATE.sub(replace(_english_day), _DATE.sub(replace(_day), text))


def _day(match: re.Match[str]) -> date | None:
    return _valid(match["y"] or match["y8"], match["m"] or match["m8"], match["d"] or match["d8"])


def _english_day(match: re.Match[str]) -> date | None:
    month = (match["m1"] or match["m2"]).lower()[:3]
    return _valid(match["y1"] or match["y2"], str(_MONTHS.index(month) + 1), match["d1"] or match["d2"])


def _valid(year: str, month: str, day: str | None) -> date | None:
    if not day:
        return None
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None
