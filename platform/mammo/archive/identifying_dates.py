"""How a day is written in Chinese and English: a year with a month, or a day; numerals written out."""

from mammo.core.patterns import compiled_when_used

_CHINESE_DIGITS = {
    **{mark: str(value) for value, mark in enumerate("零一二三四五六七八九")},
    **{mark: str(value) for value, mark in enumerate("零壹贰叁肆伍陆柒捌玖")},
    "〇": "0", "○": "0", "幺": "1", "两": "2", "贰": "2", "陸": "6",
    **{mark: str(value) for value, mark in enumerate("①②③④⑤⑥⑦⑧⑨", start=1)},
    **{mark: str(value) for value, mark in enumerate("❶❷❸❹❺❻❼❽❾", start=1)},
    **{mark: str(value) for value, mark in enumerate("➀➁➂➃➄➅➆➇➈", start=1)}, "⓿": "0", "⓪": "0",
}  # fmt: skip
_RUN = compiled_when_used(rf"(?:[{''.join(_CHINESE_DIGITS)}\d](?: ?[,、.] ?|[ \-])?){{7,999}}")
_CHINESE_DATE = (
    r"(?P<cy>[一二][九〇零○][〇零○一二三四五六七八九]{2})年"
    r"(?:(?P<cm>[一二三四五六七八九十]{1,2})月(?:(?P<cd>[一二三四五六七八九十]{1,3})[日号])?)"
)
DATE = compiled_when_used(
    r"(?<!\d)(?P<y>(?:19|20)\d{2})\s{0,3}(?:年|[-/.])\s{0,3}(?P<m>1[0-2]|0?[1-9])"
    r"(?:\s{0,3}(?:月|[-/.])\s{0,3}(?P<d>3[01]|[12]\d|0?[1-9])(?!\d)\s{0,3}[日号]?|\s{0,3}月(?:份)?|(?=[-/]?(?!\d|"
    r"[.\-/]\d)))"
    r"|(?<!\d)(?P<y8>(?:19|20)\d{2})(?P<m8>0[1-9]|1[0-2])(?P<d8>0[1-9]|[12]\d|3[01])(?!\d)"
    r"|(?<![\d./-])(?P<a>0?[1-9]|[12]\d|3[01])(?P<mark>[/.-])(?P<b>0?[1-9]|[12]\d|3[01])(?P=mark)(?P<y4>(?:19|"
    r"20)\d{2})(?!\d)"
    r"|(?<![\d./-])\d{1,2}/\d{1,2}/\d{2}(?![\d/])"
    r"|(?<!\d)(?:0?[1-9]|1[0-2])月(?:3[01]|[12]\d|0?[1-9])[日号]"
    rf"|{_CHINESE_DATE}"
    # 六三年五月十二日, 63年5月12日: the century is not said
    r"|[〇零○一二三四五六七八九]{2}年(?:[一二三四五六七八九十]{1,2}|腊|正|冬)月(?!龄)(?:[一二三四五六七八九十]{1,3}[日号])?"
    r"|(?<!\d)\d{2}年(?:1[0-2]|0?[1-9])月(?!龄)(?:(?:3[01]|[12]\d|0?[1-9])[日号])?"
)
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|"
    r"oct(?:ober)?|nov(?:ember)?|"
    r"dec(?:ember)?)"
)
_ORDINALS = (
    "first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth|thirteenth|fourteenth|"
    "fifteenth|"
    "sixteenth|seventeenth|eighteenth|nineteenth|twentieth|twenty-first|twenty-second|twenty-third|twenty-fourth|"
    "twenty-fifth|twenty-sixth|twenty-seventh|twenty-eighth|twenty-ninth|thirtieth|thirty-first"
)
ORDINALS = tuple(_ORDINALS.split("|"))
_DAY_OF_MONTH = rf"(?:(?:3[01]|[12]\d|0?[1-9])(?:\s?(?:st|nd|rd|th)\b)?|(?:{_ORDINALS}))"
_YEAR = r"(?:(?:19|20)\d{2}|['’]\d{2})"
_GAP = r"[\s,./\-]{0,3}"
# A month and a day without a year: written with a capital, and no measure behind it.
_SAID_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|"
    r"Oct(?:ober)?|Nov(?:ember)?|"
    r"Dec(?:ember)?|JAN(?:UARY)?|FEB(?:RUARY)?|MARCH|APR(?:IL)?|JUNE?|JULY?|AUG(?:UST)?|SEPT?(?:EMBER)?|"
    r"OCT(?:OBER)?|"
    r"NOV(?:EMBER)?|DEC(?:EMBER)?)"
)
_NO_MEASURE = (
    r"(?![\d.,/]?\d|\s?(?:mm|cm|x\b|×|%|o'clock|times?\b|years?\b|months?\b|weeks?\b|days?\b|views?\b|images?\b|"
    r"cases?\b|"
    r"more\b|lesions?\b|masses\b|nodules\b|cysts\b))"
)
ENGLISH_DATE = compiled_when_used(
    rf"(?<![A-Za-z0-9])(?i:(?P<d1>{_DAY_OF_MONTH}){_GAP}(?:day\s{{1,3}})?(?:of\s{{1,3}})?(?P<m1>{_MONTH})"
    rf"\b\.?{_GAP}(?P<y1>{_YEAR})"
    rf"|(?P<d4>\d{{1,2}})(?P<m4>{_MONTH})(?P<y4>(?:19|20)\d{{2}})"
    rf"|(?P<m2>{_MONTH})\.?{_GAP}(?:the\s{{1,3}})?(?P<d2>{_DAY_OF_MONTH})(?!\d){_GAP}(?P<y2>{_YEAR})"
    rf"|(?P<y5>(?:19|20)\d{{2}}){_GAP}(?P<m5>{_MONTH})\b\.?{_GAP}(?P<d5>{_DAY_OF_MONTH})"
    rf"|(?P<y7>(?:19|20)\d{{2}})[-/.](?P<m7>{_MONTH})\b"
    rf"|(?P<m3>{_MONTH})\.?{_GAP}(?:of\s{{1,3}})?(?P<y3>{_YEAR})"
    rf"|(?P<d6>\d{{1,2}})[-/.](?P<m6>{_MONTH})[-/.](?P<y6>\d{{2}}))(?!\d)"
    rf"|(?<![A-Za-z0-9.])(?:{_DAY_OF_MONTH}\s(?:of\s)?{_SAID_MONTH}\b(?!\s(?:be|have|not)\b)"
    rf"|{_SAID_MONTH}\.?\s(?:the\s)?{_DAY_OF_MONTH}\b{_NO_MEASURE})",
)
# A year before a word of birth: 1963年生, 六三年出生, 63年生人.
BIRTH_YEAR = compiled_when_used(
    r"(?P<it>(?:(?<!\d)(?:19|20)?\d{2}|(?:[一二][九〇零○])?[〇零○一二三四五六七八九]{2})年)"
    r"(?=的?[,，、 ]?属[鼠牛虎兔龙蛇马羊猴鸡狗猪]|出?生(?:[，,。;；\s()（）]|$|人|于|的|在|，))"
)
# Whatever stands behind a word of birth.
BIRTH = compiled_when_used(
    r"(?i:\b(?:date of birth|birth\s?date|birthday|dob|d\.o\.b\.?|born(?: on)?)|出生(?:日期|年月日?|时间|于)?|"
    r"生日|生于)(?:是|为)?\s{0,3}[:：]?\s{0,3}"
    rf"(?P<it>\d{{1,4}}[\s./\-年]{{1,3}}(?:\d{{1,2}}|(?i:{_MONTH}))[\s./\-月,]{{1,3}}\d{{1,4}}(?!\d)[日号]?)"
)


def with_digits(text: str) -> str:
    """The text with seven or more numerals in a row as digits (一三八零零 ... as 13800...); lengths stay."""
    return _RUN.sub(lambda run: "".join(_CHINESE_DIGITS.get(mark, mark) for mark in run[0]), text)


def chinese_number(written: str) -> int:
    """Value of a Chinese numeral below 100, or of a year written digit by digit."""
    if "十" in written:
        tens, _, ones = written.partition("十")
        return int(_CHINESE_DIGITS.get(tens, "1")) * 10 + int(_CHINESE_DIGITS.get(ones, "0"))
    return int("".join(_CHINESE_DIGITS[mark] for mark in written))
