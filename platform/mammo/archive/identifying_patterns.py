"""What has the form of an identifier, in Chinese and English: (kind, pattern); the group `it` is what must go."""

import re

from mammo.archive.identifying_chinese_names import CHINESE_NAMES, HAN
from mammo.archive.identifying_english_names import ENGLISH_NAMES
from mammo.core.patterns import compiled_when_used

# Of a place's name; the others join it to its sentence.
_PLACE = rf"(?:(?![在是我你她他的住到去从于和就]){HAN})"

_NUMBER_KEYWORDS = (
    r"(?:(?:病历|住院|门诊|检查|影像|病案|登记|就诊|医保|社保|条码|放射|X线|体检|申请单?|流水|病理|标本|超声|"
    r"钼靶|护照|患者|卡|订单)"
    r"(?:卡|证)?(?:号码?|编号|ID)|就诊卡|医保卡|社保卡|护照|身份证|编号|ID号?|No\.?|MRN|NHS(?: number)?|SSN|"
    r"accession(?: (?:number|no\.?))?|patient (?:id|number|no\.?)|hospital (?:id|number|no\.?)|"
    r"(?:medical )?record(?: (?:number|no\.?))|chart(?: (?:number|no\.?))|passport(?: (?:number|no\.?))?|"
    r"insurance(?: (?:number|id|no\.?)))"
)

# Any "...号", but for words such as 信号 and 型号, and for counted ones (3号, 一号).
_NUMBER_OF = (
    r"(?:[\u4e00-\u9fff]|(?<![A-Za-z])[A-Za-z]{1,5})"
    r"(?<![信型批符括问引句逗顿冒感分挂大小中几序称口讯螺加减等外绰暗记旗病床拨个门一二三四五六七八九十])"
    r"(?:号码?|编号)\s{0,3}(?:是|为)?\s{0,3}[:：#]?\s{0,3}"
)
_ENGLISH_NUMBER_OF = (
    r"(?<![a-z])(?:accession|acc|exam(?:ination)?|study|case|order|visit|encounter|registration|reg|film|x-?ray|"
    r"account|file|"
    r"folder|specimen|lab|requisition|request|episode|admission|hospital|patient|record|chart|passport|insurance|"
    r"member|policy|"
    r"report|unit|referral)\s{0,3}(?:numbers?|num\.?|nos?\.?|#|id)\s{0,3}(?:is\b)?\s{0,3}[:.#]?\s{0,3}"
)
# Letters with two digits or more, or three digits or more; no measure.
_CODE = (
    r"(?P<it>(?:[A-Za-z]{1,6}[-_/ ]?\d[\dA-Za-z\-_/]{1,60}|[A-Za-z]{1,6}\d{2,4}|\d{1,6}[A-Za-z]{1,4}-?\d{2,40}|"
    r"\d[\d\-_/]{1,60}\d))"
    r"(?![\d.]|\s?(?:mm|cm|ml|%|岁|年|个))"
)

# Between the groups of a number that is said, or written with points.
_PAUSE = r"(?:[\s\-_/]{0,2}[.,、;][\s]{0,2}|[\s\-_/]{1,3})"
_LOCAL = r"[A-Za-z0-9][\w.+\-]{0,63}"
_AT = (
    r"(?:\s{0,3}(?:@|[(\[{<]\s?(?:at|@)\s?[)\]}>]|艾特|(?<=\w)#(?=\w)|\(a\)|\*at\*|_at_|-at-)\s{0,3}|\s{1,3}at\s{1,3}(?=[\w-]{1,63}(?:"
    r"\s{1,3}dot\s|\s?[(\[]\s?dot|\.(?:com|net|org|edu|gov|cn|hk|tw|nhs|ac|co)(?![A-Za-z]))))"
)
# Without those that are words of these texts: at, it, me, no, us.
_TOP = (
    r"(?:com|net|org|edu|gov|info|cn|hk|tw|uk|de|fr|es|pt|nl|jp|kr|ca|au|eu|sg|ru|ch|se|dk|fi|pl|br|mx|"
    r"co|io|ac|nhs)"
)
_DOT = r"\s{0,2}(?:\.|。|点|[(\[{<]\s?(?:dot|点|\.)\s?[)\]}>]|(?<=\s)dot(?=\s)|\*dot\*|_dot_|-dot-)\s{0,2}"
_DIGIT_PAIR = r"(?:[\s.,、\-]{1,3}\d)"
_HOW_MANY = r"(?:[3-8三四五六七八]|几)"

_SOURCES: tuple[tuple[str, str, int], ...] = (
    (
        "id",
        r"(?<!\d)[1-9]\d{5}[\s-]?(?:18|19|20)\d{2}[\s-]?(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|"
        r"3[01])[\s-]?\d{3}[\dXx](?!\d)",
        0,
    ),
    ("id", r"(?<!\d)[1-9]\d{7}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}(?!\d)", 0),
    ("id", r"(?<!\d)\d{3}-\d{2}-\d{4}(?!\d)", 0),
    ("phone", r"(?<!\d)(?:\+?86[- ]?)?1[3-9]\d(?:[-. ]?\d{4}){2}(?!\d)", 0),
    ("phone", r"(?<!\d)1[3-9]\d{2}[-. ]?\d{3}[-. ]?\d{4}(?!\d)", 0),
    ("phone", r"(?<!\d)\(?0\d{2,3}\)?[- ]?\d{7,8}(?:-\d{1,5})?(?!\d)", 0),
    ("phone", r"(?<![\d.])\+\d{1,3}(?:[\s.\-()]{0,2}\d{2,5}){2,5}(?!\d)", 0),
    ("phone", r"(?<![\d.])\(?\d{3}\)?[\s.\-]\s?\d{3}[\s.\-]\d{4}(?!\d)", 0),
    (
        "phone",
        r"(?:电话|手机|座机|联系方式|联系电话|tel|phone|mobile|cell)(?:号码?)?\s{0,3}(?:number|"
        r"no\.?)?\s{0,3}[:：是为.#]?\s{0,3}"
        r"(?P<it>\+?\d[\d\- ()]{5,40}\d)",
        re.IGNORECASE,
    ),
    # Groups with pauses between them: 3-4-4, 4-3-4, 3-3-5, or one digit after the other.
    (
        "phone",
        rf"(?<![\d.])(?!1[3-9]\d、[1-9]\d{{3}}、[1-9]\d{{3}}(?!\d))(?:\+?86{_PAUSE}?)?1[3-9]\d(?:{_PAUSE}\d{{4}}{_PAUSE}\d{{4}}|{_PAUSE}\d{{3}}{_PAUSE}\d{{5}}|"
        rf"\d{_PAUSE}\d{{3}}{_PAUSE}\d{{4}})(?!\d|\.\d)",
        0,
    ),
    ("phone", rf"(?<![\d.])1[\s.,、\-]{{1,3}}[3-9](?:{_DIGIT_PAIR}){{9}}(?!\d|\.\d)", 0),
    (
        "phone",
        r"(?:电话|手机|座机|联系方式|tel|phone|mobile|cell)[^\d\n。;]{0,8}(?P<it>\d{3,8}"
        r"(?:(?:[\s,、.\-]{1,3}|[,、]?\s?(?:后面|然后|接着|再|转|分机|最后)[是为]?\s?)\d{3,8}){1,4})"
        r"(?!\d)",
        re.IGNORECASE,
    ),
    (
        "phone",
        r"(?:\b(?:ring|call|text|dial)\b|打给?|拨打?)[^\d\n。;]{0,12}"
        r"(?P<it>\d(?:[ \-.,]{0,2}\d){6,14})(?![\d.]|\s?(?:mm|cm|%))",
        re.IGNORECASE,
    ),
    # The end of a number that is not given whole.
    (
        "number",
        rf"(?:尾号|末尾|(?:最?末|最?后|末尾){_HOW_MANY}[位个](?:数字?|号码)?)\s?(?:是|为)?\s?[:]?\s?(?P<it>[A-Za-z]?\d{{3,8}})"
        r"(?![\d.]|\s?(?:mm|cm|%|岁|年|个月))",
        0,
    ),
    (
        "number",
        r"\blast\s(?:three|four|five|six|[3-8])\s(?:digits?|numbers?|figures?|characters?)"
        r"(?:\s(?:of|on)\s[a-z' ]{1,40}?)?"
        r"(?:\s(?:is|are|was|were))?\s?[:,]?\s?(?P<it>[A-Za-z]?\d{3,8})(?![\d.])",
        re.IGNORECASE,
    ),
    (
        "number",
        r"\b(?:accession|number|no\.?|id|mrn|record|chart|phone|mobile|card|file)\b[^;\n\d]{0,20}?\b(?:ending|ends?)"
        r"(?:\s(?:in|with|on))?\s?[:]?\s?(?P<it>[A-Za-z]?\d{3,8})(?![\d.])",
        re.IGNORECASE,
    ),
    (
        "number",
        rf"{_NUMBER_KEYWORDS}\s{{0,3}}(?:是|为|"
        rf"is)?\s{{0,3}}[:：#]?\s{{0,3}}(?P<it>[A-Za-z]{{0,4}}[-_]?\d[\dA-Za-z\-_/]{{0,99}}(?: \d{{3,20}}){{0,9}})"
        r"(?<=[\dA-Za-z]{4})",
        re.IGNORECASE,
    ),
    ("number", rf"{_NUMBER_OF}{_CODE}", re.IGNORECASE),
    ("number", rf"{_ENGLISH_NUMBER_OF}{_CODE}", re.IGNORECASE),
    ("number", r"(?<![\d.])\d{1,3}\s{0,3}(?:号?病?床|床位)(?!旁)", 0),
    ("number", r"床号\s{0,3}[:：]?\s{0,3}(?P<it>\w{1,6})", 0),
    ("number", r"(?<![\w.])\d{1,64}(?:\.\d{1,64}){4,32}(?![\w.])", 0),
    ("number", r"(?<![A-Za-z0-9.])[A-Z]{0,4}\d{7,999}[A-Za-z]?(?![A-Za-z0-9])", re.IGNORECASE),
    ("number", r"(?<![\d.])\d{3} \d{3} \d{4}(?!\d)", 0),
    (
        "number",
        r"(?<![a-z])(?:(?:zero|oh|one|two|three|four|five|six|seven|eight|nine|double)[\s,.\-]{1,3}){6,40}"
        r"(?:zero|oh|one|two|three|four|five|six|seven|eight|nine)(?![a-z])",
        re.IGNORECASE,
    ),
    (
        "account",
        r"(?:微信|wechat|weixin|[薇威徽]信|QQ|vx|wx|v信|抖音|小红书|line id|whatsapp)(?:号|id)?\s{0,3}(?:是|为|"
        r"is)?\s{0,3}[:：]?\s{0,3}"
        r"(?P<it>[A-Za-z0-9][A-Za-z0-9_-]{4,64})",
        re.IGNORECASE,
    ),
    # 加我V：…, +V …, 微：…, 薇芯…
    (
        "account",
        r"(?:加(?:一?下|个)?我?的?|[+➕]\s?)\s?(?:v|vx|v信|[微薇威徽维溦]信?)(?:号)?\s{0,3}[:：]?\s{0,3}"
        r"(?P<it>[A-Za-z0-9][A-Za-z0-9_-]{4,64})",
        re.IGNORECASE,
    ),
    (
        "account",
        r"(?:(?<![A-Za-z0-9])v\s?(?:信|号)?|(?<![轻细稍略低显])[微薇威徽维溦](?:信|芯|心|星|ixin)?|卫星)(?:号)?\s{0,3}[:：]\s{0,3}"
        r"(?P<it>[A-Za-z](?=[A-Za-z_-]{0,20}[\d_-]|[a-z]{5})[A-Za-z0-9_-]{4,64})",
        re.IGNORECASE,
    ),
    ("account", rf"(?<!{HAN})微\s{{1,3}}(?P<it>[A-Za-z][A-Za-z_-]{{2,20}}\d{{2,10}})", 0),
    (
        "account",
        r"(?:[薇威徽维溦]|(?<=我)微|(?<=加)微)(?:信|芯|心|星)(?:号)?\s{0,3}(?:是|为)?\s{0,3}[:：]?\s{0,3}(?P<it>[A-Za-z0-9][A-Za-z0-9_-]{4,64})",
        re.IGNORECASE,
    ),
    ("account", r"(?<![A-Za-z0-9])wxid_\w{1,64}", re.IGNORECASE),
    ("account", r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}", 0),
    # As people write it to be read by people: "li (at) example dot com", "li @ example . com", "li艾特163点com".
    (
        "account",
        rf"(?<![A-Za-z0-9]){_LOCAL}{_AT}[A-Za-z0-9][\w\-]{{0,62}}(?:{_DOT}[A-Za-z0-9\-]{{1,63}}){{0,4}}?"
        rf"{_DOT}{_TOP}(?![A-Za-z0-9])(?:\.{_TOP}(?![A-Za-z0-9]))?",
        re.IGNORECASE,
    ),
    ("account", r"https?://[^\s，。；）)]{1,999}", re.IGNORECASE),
    (
        "place",
        rf"{_PLACE}{{2,12}}(?:省|市|区|县|镇|乡){HAN}{{0,12}}?{HAN}{{2,8}}(?:路|街|道|巷|村|小区|大厦|苑|花园)"
        r"\d{0,5}(?:号|弄|栋|室|单元)?(?:院|楼)?\d{0,5}(?:号?楼|室|单元)?\d{0,5}(?:室)?",
        0,
    ),
    (
        "place",
        rf"{_PLACE}{{1,8}}(?:路|街|大道|巷|胡同|弄|里)\d{{1,5}}(?:号|弄)(?:院|楼)?(?:\d{{1,5}}(?:号?楼|栋|幢|单元|"
        rf"室|号)){{0,5}}\d{{0,5}}",
        0,
    ),
    (
        "place",
        rf"{_PLACE}{{2,6}}(?:小区|花园|公寓|家园|新村|苑|大厦)[0-9一二三四五六七八九十]{{1,6}}(?:号|栋|幢|座|楼|"
        rf"单元|室|期)"
        r"(?:[0-9一二三四五六七八九十]{1,6}(?:号?楼|栋|单元|室|号)){0,5}",
        0,
    ),
    (
        "place",
        r"(?:住址|地址|家住|现住|居住|住(?!院)在?|家在)\s{0,3}[:：]?\s{0,3}"
        r"(?P<it>[^\s，,。;；]{0,30}(?:路|街|巷|号|小区|村|楼|栋|幢|单元|室|市场|对面|旁边|附近|县|镇|乡|弄|"
        r"胡同|广场|学校)"
        r"[^\s，,。;；]{0,16})",
        0,
    ),
    ("place", r"(?:住址|地址)\s{0,3}[:：]\s{0,3}(?P<it>[^\s，,。;；]{4,40})", 0),
    (
        "place",
        r"(?:(?![在去到从于是的了本我们各家所间个上级当地其他它三甲等正规私立公立住院哪什么这那换看被转经由])"
        rf"{HAN}){{2,14}}(?:医院|保健院|卫生院|体检中心|诊所|卫生服务中心)",
        0,
    ),
    (
        "place",
        r"(?:[A-Z][A-Za-z.'’-]{1,30} ){1,4}(?:Hospital|Clinic|Infirmary|(?:Medical|Health|Breast|Cancer)"
        r" Cent(?:er|re))",
        0,
    ),
    (
        "place",
        r"(?<!\d)\d{1,5}[A-Za-z]? (?:[A-Z][a-z'’-]{1,30} ){1,3}(?:Street|St|Road|Rd|Lane|Ln|Avenue|Ave|Drive|Court|"
        r"Close|Way|Place|"
        r"Square|Boulevard|Blvd|Terrace|Crescent)\b\.?",
        0,
    ),
    ("place", r"(?<![A-Za-z0-9-])[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}(?![A-Za-z0-9])", 0),
    ("place", r"(?<![A-Za-z])[A-Z]{2} \d{5}(?:-\d{4})?(?!\d)", 0),
)
PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    *((kind, compiled_when_used(source, flags)) for kind, source, flags in _SOURCES),
    *(("name", compiled_when_used(source)) for source in (*CHINESE_NAMES, *ENGLISH_NAMES)),
)
