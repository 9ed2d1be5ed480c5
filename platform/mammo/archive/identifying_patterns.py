"""What has the form of an identifier, in Chinese and English: (kind, pattern); the group `it` is what must go."""

import re

# Surnames of two characters; those of the second line are ordinary words too and need a boundary behind the name.
COMPOUND = "欧阳|司马|上官|诸葛|皇甫|尉迟|公孙|慕容|令狐|司徒|夏侯|端木|宇文|长孙"
_COMPOUND_WORDS = "东方|南宫|百里|西门|独孤|轩辕"
_SURNAMES = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎"
    "余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文"
    "庞樊兰殷施陶洪翟安颜倪严牛温芦季俞章鲁葛伍韦申尤毕聂丛焦向柳邢骆岳齐沿梅莫庄辛管祝左涂谷祁时舒耿牟"
    "卜路詹关苗凌费纪靳盛童欧甄项曲成游阳裴席卫查屈鲍位覃霍翁隋植甘景薄单包司柏宁柯阮桂闵解强柴华车冉房边"
)
_HAN = r"[\u4e00-\u9fff]"
# Of a place's name; the others join it to its sentence.
_PLACE = rf"(?:(?![在是我你她他的住到去从于和就]){_HAN})"
_NAME = rf"(?:(?:{COMPOUND}|{_COMPOUND_WORDS}){_HAN}{{1,2}}|[{_SURNAMES}]{_HAN}{{1,2}})"
# What follows a name and is no part of it.
_END = (
    r"(?=$|[\s,，。.;；:：、()（）|/!！?？\[\]\"'“”]|女|男|\d|医[生师]|主任|教授|护士|技师|审核|报告|日期|"
    r"[年电手住门病床]|主诉|自诉|因|于|在|是|的|说|她|他|今年|让|给|建议|看)"
)
# Words that begin like a surname and follow the keywords of names in ordinary sentences.
_NO_NAME = (
    r"(?!于[外我本当今昨前去左右门医某其此上下体术入半一二三四五六\d]|常[规年常见服感觉有伴因做于说]|夏[天季]|龙胆|段[样落时]|万[分一]|"
    r"许多|康复|安[排全装静慰]|何[时处种人以况必为谓]|毛[刺病玻囊]|叶[状酸]|程[度序]|史[无有不]|范围|温[度水和]|时[间常有而候不]|"
    r"成[年功熟人]|关[节于注系键心]|向[上下内外医]|左[乳侧右腋胸上下外内手臂肩肺]|单[纯侧发位个独]|包[块膜括裹]|管[状理腔]|"
    r"解[释决剖除]|强[烈度调化]|车祸|房[颤间]|边[缘界]|路[上过]|查[体出到了见看不]|华法|宁[可愿]|牛[奶皮]|焦[虑急]|严[重格密]|"
    r"卫生|梅毒|莫名|辛[苦辣]|季节|阳[性气]|游[离走]|位[于置]|项目|曲[张线]|童年|沿[着用]|雷[替洛]|凌晨|费用|尤其|毕[竟业]|"
    r"颜[色面]|涂[抹片]|舒[适张]|文[化献字]|易[出患发被怒疲]|任[何意由]|马[上来力]|方[才便法案向面能可知觉发]|余[无未正者下]|"
    r"高[龄血烧度危密热中考压良脂尿低]|白[带色血细天癜]|石[蜡灰]|金[属黄]|黄[体色疸]|"
    r"曾[患经有行做因于在被接诊服用说去得来查是出发怀手确多见住感口外])"
)
_RELATIVE = (
    r"(?:姐姐?|妹妹?|妈妈?|母亲|婆婆|女儿|老婆|妻子|爱人|太太|媳妇|阿姨|姑[姑妈]|姨妈|舅妈|朋友|同事|邻居|同学|"
    r"嫂子|奶奶|外婆|"
    r"姥姥|闺蜜|老公|丈夫|爸爸?|儿子|家属|丈母娘)"
)
_TITLES = r"医生|医师|主任|教授|护士长?|技师|女士|先生|大夫|阿姨|大姐|小姐|太太|老师|院长|专家"
_LATIN_NAME = r"[A-Z][A-Za-z.'’-]*(?:[ ,^]+[A-Z][A-Za-z.'’-]*){0,3}"
_DAY_KEYWORDS = r"(?:date of birth|dob|d\.o\.b\.?|born(?: on)?)"

_NUMBER_KEYWORDS = (
    r"(?:(?:病历|住院|门诊|检查|影像|病案|登记|就诊|医保|社保|条码|放射|X线|体检|申请单?|流水|病理|标本|超声|"
    r"钼靶|护照|患者|卡|订单)"
    r"(?:卡|证)?(?:号码?|编号|ID)|就诊卡|医保卡|社保卡|护照|身份证|编号|ID号?|No\.?|MRN|NHS(?: number)?|SSN|"
    r"accession(?: (?:number|no\.?))?|patient (?:id|number|no\.?)|hospital (?:id|number|no\.?)|"
    r"(?:medical )?record(?: (?:number|no\.?))|chart(?: (?:number|no\.?))|passport(?: (?:number|no\.?))?|"
    r"insurance(?: (?:number|id|no\.?)))"
)

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
        r"(?:电话|手机|座机|联系方式|联系电话|tel|phone|mobile|cell)(?:号码?)?\s*(?:number|no\.?)?\s*[:：是为.#]?\s*"
        r"(?P<it>\+?\d[\d\- ()]{5,}\d)",
        re.IGNORECASE,
    ),
    (
        "number",
        rf"{_NUMBER_KEYWORDS}\s*(?:是|为|is)?\s*[:：#]?\s*(?P<it>[A-Za-z]{{0,4}}[-_]?\d[\dA-Za-z\-_/]*(?: \d{{3,}})*)"
        r"(?<=[\dA-Za-z]{4})",
        re.IGNORECASE,
    ),
    ("number", r"(?<![\d.])\d{1,3}\s*(?:号?病?床|床位)(?!旁)", 0),
    ("number", r"床号\s*[:：]?\s*(?P<it>\w{1,6})", 0),
    ("number", r"(?<![\w.])\d+(?:\.\d+){4,}(?![\w.])", 0),
    ("number", r"(?<![A-Za-z0-9.])[A-Z]{0,4}\d{7,}[A-Za-z]?(?![A-Za-z0-9])", re.IGNORECASE),
    ("number", r"(?<![\d.])\d{3} \d{3} \d{4}(?!\d)", 0),
    (
        "number",
        r"(?<![a-z])(?:(?:zero|oh|one|two|three|four|five|six|seven|eight|nine|double)[\s,.\-]+){6,}"
        r"(?:zero|oh|one|two|three|four|five|six|seven|eight|nine)(?![a-z])",
        re.IGNORECASE,
    ),
    (
        "account",
        r"(?:微信|wechat|weixin|[薇威徽]信|QQ|vx|wx|v信|抖音|小红书|line id|whatsapp)(?:号|id)?\s*(?:是|为|"
        r"is)?\s*[:：]?\s*"
        r"(?P<it>[A-Za-z0-9][A-Za-z0-9_-]{4,})",
        re.IGNORECASE,
    ),
    ("account", r"(?<![A-Za-z0-9])wxid_\w+", re.IGNORECASE),
    ("account", r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", 0),
    ("account", r"https?://[^\s，。；）)]+", re.IGNORECASE),
    (
        "place",
        rf"{_PLACE}{{2,12}}(?:省|市|区|县|镇|乡){_HAN}{{0,12}}?{_HAN}{{2,8}}(?:路|街|道|巷|村|小区|大厦|苑|花园)"
        r"\d*(?:号|弄|栋|室|单元)?(?:院|楼)?\d*(?:号?楼|室|单元)?\d*(?:室)?",
        0,
    ),
    (
        "place",
        rf"{_PLACE}{{1,8}}(?:路|街|大道|巷|胡同|弄|里)\d+(?:号|弄)(?:院|楼)?(?:\d+(?:号?楼|栋|幢|单元|室|号))*\d*",
        0,
    ),
    (
        "place",
        rf"{_PLACE}{{2,6}}(?:小区|花园|公寓|家园|新村|苑|大厦)[0-9一二三四五六七八九十]+(?:号|栋|幢|座|楼|单元|室|期)"
        r"(?:[0-9一二三四五六七八九十]+(?:号?楼|栋|单元|室|号))*",
        0,
    ),
    (
        "place",
        r"(?:住址|地址|家住|现住|居住|住(?!院)在?|家在)\s*[:：]?\s*"
        r"(?P<it>[^\s，,。;；]{0,30}(?:路|街|巷|号|小区|村|楼|栋|幢|单元|室|市场|对面|旁边|附近|县|镇|乡|弄|"
        r"胡同|广场|学校)"
        r"[^\s，,。;；]{0,16})",
        0,
    ),
    ("place", r"(?:住址|地址)\s*[:：]\s*(?P<it>[^\s，,。;；]{4,40})", 0),
    (
        "place",
        r"(?:(?![在去到从于是的了本我们各家所间个上级当地其他它三甲等正规私立公立住院哪什么这那换看被转经由])"
        rf"{_HAN}){{2,14}}(?:医院|保健院|卫生院|体检中心|诊所|卫生服务中心)",
        0,
    ),
    (
        "place",
        r"(?:[A-Z][A-Za-z.'’-]+ ){1,4}(?:Hospital|Clinic|Infirmary|(?:Medical|Health|Breast|Cancer) Cent(?:er|re))",
        0,
    ),
    (
        "place",
        r"(?<!\d)\d{1,5}[A-Za-z]? (?:[A-Z][a-z'’-]+ ){1,3}(?:Street|St|Road|Rd|Lane|Ln|Avenue|Ave|Drive|Court|"
        r"Close|Way|Place|"
        r"Square|Boulevard|Blvd|Terrace|Crescent)\b\.?",
        0,
    ),
    ("place", r"(?<![A-Za-z0-9-])[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}(?![A-Za-z0-9])", 0),
    ("place", r"(?<![A-Za-z])[A-Z]{2} \d{5}(?:-\d{4})?(?!\d)", 0),
    (
        "name",
        rf"(?:我叫|名叫|姓名|名字叫)\s*(?P<it>{_NAME}){_END}",
        0,
    ),
    (
        "name",
        rf"(?:姓名|患者|病人|名字|本人|报告医[生师]|审核医[生师]|诊断医[生师]|书写医[生师]|"
        rf"申请医[生师]|会诊医[生师]"
        rf"|主治医[生师]|主刀医[生师]|经治医[生师]|检查技师|技师|操作者|报告者|审核者|记录者|签名|签字|联系人)"
        rf"\s*(?:[:：是为叫/]\s*(?P<it>{_NAME})|(?P<name>{_NO_NAME}{_NAME}){_END})",
        0,
    ),
    (
        "name",
        rf"(?:医[生师]|大夫|主任|护士|教授)(?:叫|是)?{_NO_NAME}(?P<it>[{_SURNAMES}]{_HAN}{{1,2}})(?=说|让|给|看|建议|认为|开)",
        0,
    ),
    ("name", rf"{_RELATIVE}(?:叫|名叫|是)?{_NO_NAME}(?P<it>{_NAME}){_END}", 0),
    (
        "name",
        rf"(?:{COMPOUND})(?:(?![的说在是来去也和有做看女先男医主大教护])[\u4e00-\u9fff]){{0,2}}(?:女士|先生)?",
        0,
    ),
    ("name", rf"(?<!{_HAN}){_NAME}(?={_TITLES})", 0),
    (
        "name",
        rf"(?<![主责专])(?<!{_HAN}中){_NO_NAME}[{_SURNAMES}](?=医生|医师|主任|教授|大夫|女士|先生|院长)",
        0,
    ),
    (
        "name",
        r"(?i:reported by|(?:electronically )?signed(?: by)?|reviewed by|radiologist|dictated by|read by|"
        r"interpreted by|"
        r"verified by|approved by|technologist|referring (?:physician|doctor)|patient(?: name)?|name)\s*:\s*"
        rf"(?:(?:Dr|Prof|Mrs?|Ms|Miss)\.?\s+)?(?P<it>{_LATIN_NAME})",
        0,
    ),
    (
        "name",
        rf"(?i:my name is|name is|named|i am called|i'm called|they call me)\s+(?P<it>{_LATIN_NAME})",
        0,
    ),
    (
        "name",
        r"\b(?:I'm|I am|This is|this is|Regards,|regards,|Sincerely,|Thanks,|thanks,)\s+"
        r"(?P<it>[A-Z][a-z]+(?:\s+[A-Z][A-Za-z'’-]+)+)",
        0,
    ),
    (
        "name",
        r"\b(?:neighbou?r|friend|sister|mother|aunt|cousin|daughter|wife|husband|colleague|mum|mom|partner|"
        r"niece|grandmother)"
        r",?\s+(?P<it>[A-Z][a-z]{2,}(?:\s+[A-Z][a-z'’-]+)?)",
        0,
    ),
    (
        "name",
        r"\b(?:Dr|Prof|Mrs|Mr|Ms|Miss)\b\.?\s+(?:[A-Z]\.\s*)*[A-Z][A-Za-z'’-]+(?:[\s,]+[A-Z][A-Za-z'’-]+)?",
        0,
    ),
)
PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(source, flags)) for kind, source, flags in _SOURCES
)

# --- dates: a year with a month, or a day
_CHINESE_DIGITS = {
    **{mark: str(value) for value, mark in enumerate("零一二三四五六七八九")},
    **{mark: str(value) for value, mark in enumerate("零壹贰叁肆伍陆柒捌玖")},
    "〇": "0", "○": "0", "幺": "1", "两": "2", "贰": "2", "陸": "6",
}  # fmt: skip
_RUN = re.compile(rf"(?:[{''.join(_CHINESE_DIGITS)}\d][ \-]?){{7,}}")
_CHINESE_DATE = (
    r"(?P<cy>[一二][九〇零○][〇零○一二三四五六七八九]{2})年"
    r"(?:(?P<cm>[一二三四五六七八九十]{1,2})月(?:(?P<cd>[一二三四五六七八九十]{1,3})[日号])?)"
)
DATE = re.compile(
    r"(?<!\d)(?P<y>(?:19|20)\d{2})\s*(?:年|[-/.])\s*(?P<m>1[0-2]|0?[1-9])"
    r"(?:\s*(?:月|[-/.])\s*(?P<d>3[01]|[12]\d|0?[1-9])(?!\d)\s*[日号]?|\s*月(?:份)?|(?=[-/]?(?!\d|[.\-/]\d)))"
    r"|(?<!\d)(?P<y8>(?:19|20)\d{2})(?P<m8>0[1-9]|1[0-2])(?P<d8>0[1-9]|[12]\d|3[01])(?!\d)"
    r"|(?<![\d./-])(?P<a>0?[1-9]|[12]\d|3[01])(?P<mark>[/.-])(?P<b>0?[1-9]|[12]\d|3[01])(?P=mark)(?P<y4>(?:19|"
    r"20)\d{2})(?!\d)"
    r"|(?<![\d./-])\d{1,2}/\d{1,2}/\d{2}(?![\d/])"
    r"|(?<!\d)(?:0?[1-9]|1[0-2])月(?:3[01]|[12]\d|0?[1-9])[日号]"
    rf"|{_CHINESE_DATE}"
)
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|sept|oct|nov|dec)[a-z]*\.?"
ENGLISH_DATE = re.compile(
    rf"\b(?:(?P<d1>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?(?P<m1>{_MONTH}),?\s+(?P<y1>(?:19|20)\d{{2}})"
    rf"|(?P<m2>{_MONTH})\s+(?P<d2>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<y2>(?:19|20)\d{{2}})"
    rf"|(?P<m3>(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|"
    rf"oct(?:ober)?|"
    rf"nov(?:ember)?|dec(?:ember)?)\.?),?\s+(?:of\s+)?(?P<y3>(?:19|20)\d{{2}}))(?!\d)",
    re.IGNORECASE,
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
