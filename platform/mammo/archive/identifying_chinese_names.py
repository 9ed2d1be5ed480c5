"""Where a Chinese name stands: behind a keyword, before a title, at the opening of a report.

Groups of a match: `it` is a name for certain; `name` begins with a surname and is none where it is an ordinary word;
`any` is a name by its place alone and is none where it, or its beginning, is an ordinary word; `word` and `placed` stand
in a stronger place: the first may begin with a word, the second may be one of two characters.
"""

# Surnames of two characters; those of the second line are ordinary words too and need a boundary behind the name.
COMPOUND = "欧阳|司马|上官|诸葛|皇甫|尉迟|公孙|慕容|令狐|司徒|夏侯|端木|宇文|长孙"
_COMPOUND_WORDS = "东方|南宫|百里|西门|独孤|轩辕"
SURNAMES = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎"
    "余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文"
    "庞樊兰殷施陶洪翟安颜倪严牛温芦季俞章鲁葛伍韦申尤毕聂丛焦向柳邢骆岳齐沿梅莫庄辛管祝左涂谷祁时舒耿牟"
    "卜路詹关苗凌费纪靳盛童欧甄项曲成游阳裴席卫查屈鲍位覃霍翁隋植甘景薄单包司柏宁柯阮桂闵解强柴华车冉房边"
    "肖付闫鄢冼佟麦寇阙缪匡邸仇栾荆晏敖谌饶卞池桑荣楼郎厉戚蔺窦湛蒲粟郁滕仝喻岑巫巩褚臧郗晁娄苟鞠蓝卓綦迟狄邝贡揭"
)
HAN = r"[\u4e00-\u9fff]"
_NAME = rf"(?:(?:{COMPOUND}|{_COMPOUND_WORDS}){HAN}{{1,2}}|[{SURNAMES}]{HAN}{{1,2}})"
# Where nothing bounds the name, its third character is none that begins the sentence behind it.
_LOOSE_NAME = (
    rf"(?:(?:{COMPOUND}|{_COMPOUND_WORDS}){HAN}{{1,2}}|"
    rf"[{SURNAMES}]{HAN}(?:(?![左右双于因在的与及和日性女男年]){HAN})?)"
)
# Written with blanks between the characters.
_SPACED_NAME = rf"(?:(?:{COMPOUND}|[{SURNAMES}]) {HAN}(?: ?(?![女男]){HAN})?(?!{HAN}))"
_DOT = r" ?[·•・‧∙] ?"
_DOTTED_NAME = rf"(?:{HAN}{{1,8}}(?:{_DOT}{HAN}{{1,8}}){{1,3}})"
# Characters in which Uyghur, Kazakh, Tibetan and Mongolian names are written.
_TRANSCRIBED = (
    "阿依古丽娜尔买麦提艾力卓玛扎西其格巴特热汗努帕仁乌兰才让央金德吉次旺姆桑拉多索朗木沙吐孙玉苏甫江克比米肯别"
    "不都合曼诺敏萨高娃图雅布仓珍措加太尖参罗泽登益哈马穆罕默斯地里提夏迪赛亚森伊明克孜再帖莎茹蒙根花托娅那日嘎顿珠旦尼翁罕茨逊拜"
)
_TRANSCRIBED_NAME = rf"(?:[{_TRANSCRIBED}]{{3,10}})"
_PINYIN_NAME = (
    r"(?:(?!BI|RADS|ACR|CC|MLO|CT|MR|US|ID|[IVX]{1,4}(?![A-Za-z]))(?![A-Za-z]{1,8}-RADS)[A-Z][A-Za-z'’-]{1,20}(?:(?: |"
    r", ?|\^|·)[A-Z][A-Za-z'’-]{0,20}){0,2}(?![A-Za-z0-9\u4e00-\u9fff-]))"
)
# What follows a name and is no part of it.
_END = (
    r"(?=$|[\s,，。.;；:：、()（）|/!！?？【】\[\]\"'“”]|女|男|\d|医[生师]|主任|教授|护士|技师|审核|报告|日期|"
    r"[年电手住门病床]|主诉|自诉|因|于|在|是|的|说|她|他|今年|让|给|建议|看)"
)
_HARD_END = (
    r"(?=$|[\s,，。.;；:：、()（）|/!！?？【】\[\]\"'“”]|\d|女|男|医[生师]|主[任治管]|副主|教授|护士|技师|"
    r"审[核阅定签]|摄|书写|"
    r"复[核审]|报告|日期|时间|签[名字发章])"
)
# What stands behind a keyword of names and is none.
_NO_VALUE = (
    r"(?!无|未|不[^都]|已|同|见|详|请|待|另|暂|否|是|有|可|需|应|了|过|的|来|到|他|她|你|我|其[他它余中]|各|本|"
    r"外院|门诊|住院|主任|副主|主治|医|"
    r"建议|系统|自动|女|男|通过|完成|合格|异常|正常|阳性|阴性|随访|复查|打印|日期|时间|签|左[乳侧右腋]|右|双|性别|"
    r"姓名|年龄|意见|认为)"
)
# Words that begin like a surname and follow the keywords of names in ordinary sentences.
_NO_NAME = (
    r"(?!于[外我本当今昨前去左右门医某其此上下体术入半一二三四五六\d]|常[规年常见服感觉有伴因做于说]|夏[天季]|"
    r"龙胆|段[样落时]|万[分一]|"
    r"许多|康复|安[排全装静慰]|何[时处种人以况必为谓]|毛[刺病玻囊]|叶[状酸]|程[度序]|史[无有不]|范围|温[度水和]|"
    r"时[间常有而候不]|"
    r"成[年功熟人]|关[节于注系键心]|向[上下内外医]|左[乳侧右腋胸上下外内手臂肩肺]|单[纯侧发位个独]|包[块膜括裹]|"
    r"管[状理腔]|"
    r"解[释决剖除]|强[烈度调化]|车祸|房[颤间]|边[缘界]|路[上过]|查[体出到了见看不]|华法|宁[可愿]|牛[奶皮]|"
    r"焦[虑急]|严[重格密]|"
    r"卫生|梅毒|莫名|辛[苦辣]|季节|阳[性气]|游[离走]|位[于置]|项目|曲[张线]|童年|沿[着用]|雷[替洛]|凌晨|费用|尤其|"
    r"毕[竟业]|"
    r"颜[色面]|涂[抹片]|舒[适张]|文[化献字]|易[感出患发被怒疲]|任[何意由]|马[上来力]|方[才便法案向面能可知觉发]|"
    r"余[无未正者下随诊同]|"
    r"高[龄血烧度危密热中考压良脂尿低]|白[带色血细天癜]|石[蜡灰]|金[属黄]|黄[体色疸]|"
    r"宫[颈内腔体]|付[费出款]|连[续接]|麦[粒芽]|荣[幸誉]|池|蓝[色染]|郁[闷积]|厉害|迟[发缓疑]|桑[葚叶]|楼[上下层]|"
    r"喻|卓[越著]|"
    r"管[腔壁径样]|石[灰样]|边[锐清]|高[信回]号|单[发枚个]|方[形位]|张[力开口]|强[回化]|"
    r"曾[患经有行做因于在被接诊服用说去得来查是出发怀手确多见住感口外])"
)
_RELATIVE = (
    r"(?:姐姐?|妹妹?|妈妈?|母亲|婆婆|女儿|老婆|妻子|爱人|太太|媳妇|阿姨|姑[姑妈]|姨妈|舅妈|朋友|同事|邻居|同学|"
    r"嫂子|奶奶|外婆|"
    r"姥姥|闺蜜|老公|丈夫|爸爸?|儿子|家属|丈母娘)"
)
_TITLES = (
    r"(?:副?主任|主治|住院|主管|值班|经治)?(?:医生|医师|主任|教授|护士长?|技师|技士|女士|先生|大夫|阿姨|大姐|小姐|"
    r"太太|老师|"
    r"院长|专家|同志)"
)
# Who is named by a post: behind it a name, a surname with a form of address, or 小王.
_POSTS = (
    r"(?:护士长|护师|技师长|护理员|护工|导诊员?|博士生导师|硕士生导师|博导|硕导|导师|副?院长|科主任|副?主任(?:医师|护师|技师)?|科长|组长|所长|"
    r"站长|班长|麻醉师|药剂?师|检验[师员]|理疗师|营养师|咨询师|心理师|主管技师|规培生|实习生|研究生|进修生|志愿者|义工|社工|保姆|月嫂|护送员|"
    r"村医|校医|医助|导医|住院总|教授|老师|大夫|护士|技[师士]|医[生师]|助理|秘书|同事|同学|战友|病友|室友|邻床|老乡|客服|前台|收费员|司机)"
)
# Surnames that are adverbs before a verb: 主任曾建议, 院长时常来.
_NO_ADVERB = (
    r"(?![曾常时方易于向连单成关万强包全都](?:建议|要求|说|讲|让|提醒|告诉|认为|表示|安排|联系|通知|推荐|介绍|"
    r"解释|叮|嘱|看|问|复|查|来|去|在|把|为|经|做))"
)
_GOING_ON = (
    r"(?=$|[\s,，。.;；:：、()（）|/!！?？【】\[\]\"'“”]|说|讲|让|给|看|建议|认为|开|告诉|告知|通知|打|帮|陪|安排|联系|"
    r"签|要|提醒|问|做|来|去|到|处|那|这|在|的|对|和|跟|与|及|已|负责|接诊|主刀|手术|查|复|审|会|介绍|推荐|解释|叮嘱|嘱|把|为|也|都|就|今天|昨天|明天)"
)
_OF_A_RELATIVE = (
    r"(?=有[^关没]|带|护|[二三四五六七八九]十[一二三四五六七八九]?岁|乳腺|乳癌|卵巢|肺癌|胃癌|肝癌|肠癌|说|让|叫|没有|也[有是得患曾查在做来]|都|陪|患|得[了过]|确诊|去世|过世|走[了得]|查出|检查出|今年|去年|前年|\d{2}岁|曾[有患得]|送|带我|替|帮|代|生病|"
    r"生前|早年|因为|的[乳电手病检病])"
)
_SYLLABLE = (
    r"(?:zh|ch|sh|[bpmfdtnlgkhjqxzcsryw])?(?:iang|iong|uang|ang|eng|ing|ong|iao|ian|uai|uan|ai|ei|ao|ou|an|en|in|un|"
    r"ia|ie|iu|ua|uo|ui|ue|er|[aeiouv])"
)
_LOWER_PINYIN = (
    rf"(?!(?:none|pending|same|unknown|nil|done|see|na|yes|no|ditto|agree)(?![a-z]))"
    rf"{_SYLLABLE}(?: ?{_SYLLABLE}){{1,3}}(?![A-Za-z@.-])"
)
_POST_NAME = (
    rf"(?:(?:{COMPOUND}){HAN}{{1,2}}|[{SURNAMES}]{HAN}(?:(?![说讲让给看告要问做来去到对跟已查复审会介推解嘱把也都就的在打帮]|建议)"
    rf"{HAN})?)"
)
_LISTED = r" ?[/、,，和] ?"


def _spaced(words: str) -> str:
    """The words (divided by |), each also with one blank between its characters."""
    return "|".join(" ?".join(word) for word in words.split("|"))


# Words of signatures: with a colon, or a blank and a boundary, a name follows.
_ACTS = _spaced(
    "报告|审核|复核|审阅|审签|审定|审校|审查|签发|签名|签字|签章|署名|阅片|读片|复审|初审|终审|二审|一审|初写|"
    "书写|撰写|录入|校对|核对|投照|"
    "摄片|摄影|拍片|照片|主刀|助手|术者|记录|操作|打印|登记|主诊|初诊|首诊|复诊|接诊|带教|会诊|申请|送检|送诊|"
    "开单|主治|管床|经治|经管|值班|"
    "麻醉|责任|执行|穿刺|手术|诊断|检查|发布|技术|指导|采集|扫描|影像|放射|超声|上级|主管|责任护士|经手|联系|"
    "陪同|进修|规培|住院"
)
_SIGNED_ACTS = _spaced("审核|复核|审阅|审签|审定|签发|签名|签字|签章|署名|复审|终审|录入|校对|初写")
_WHO = _spaced("医生|医师|技师|技士|护士|大夫|教授|老师|专家|主任|者|人|人员|员")
_ASIDE = r"(?: ?\([^()\n]{1,8}\))?(?: ?(?:签 ?名|签 ?字|签 ?章|盖 ?章|姓 ?名))?"
_PERSON = _spaced(
    "姓名|名字|患者姓名|病人姓名|受检者|被检者|受检人|受检者姓名|检查者|技师|报告者|审核者|记录者|操作者|联系人|"
    "签名|签字|报告人|审核人|书写者|申请人|监护人|家属姓名|母亲姓名"
)
_DOCTOR = r"(?:报告|审核|诊断|书写|申请|会诊|主治|主刀|经治|检查)(?:医[生师]|技师)"
_COLON = r" ?[:：=] ?"
_JOINT = r"(?: ?[:：=】\])/—-] ?| ?)"
_STRONG_VALUE = (
    rf"{_NO_VALUE}(?:(?P<it>{_SPACED_NAME}|{_DOTTED_NAME}|{HAN}(?:\.{HAN}{{1,3}}){{1,2}}|{_PINYIN_NAME}"
    rf"|(?!{_TRANSCRIBED_NAME}{_HARD_END}){_NAME}{_HARD_END}(?:{_LISTED}{_NAME}{_HARD_END}){{0,4}}"
    rf"|{_TRANSCRIBED_NAME}{_HARD_END})"
    rf"|(?P<any>{HAN}{{2,3}})(?!\d{{1,3}}(?!\d)){_HARD_END})"
)
# A title begins behind the first character: 向主任 is no name.
_NO_POST = rf"(?!{HAN}(?:主任|医[生师]|教授|大夫|护士|院长|专家))"
_CLEAR_NAME = rf"(?:{_SPACED_NAME}|(?:{_DOTTED_NAME}|{_TRANSCRIBED_NAME}){_HARD_END})"
_WEAK_VALUE = rf"{_NO_NAME}{_NO_POST}(?P<name>{_NAME}){_HARD_END}"
_SEX = r"(?:女|男)(?:性|士)?"
_AGE = r"(?:年龄)? ?:? ?\d{1,3} ?(?:周?岁|[Yy](?![a-z])|[Yy]ears?)"
_STOP = r"[\s,，、;；/|()（）]{1,3}"
_LATIN_SEX = r"(?:女|男|F|M|Female|Male|FEMALE|MALE)(?![A-Za-z])"
_START = r"(?<![\u4e00-\u9fffA-Za-z0-9])"
_FORMED = rf"(?:{_DOTTED_NAME}|{_TRANSCRIBED_NAME})"

CHINESE_NAMES: tuple[str, ...] = (
    # signatures
    rf"(?:{_PERSON}){_ASIDE}{_COLON}{_STRONG_VALUE}",
    rf"(?:{_PERSON}){_ASIDE}{_JOINT}(?:(?P<it>{_CLEAR_NAME})|{_WEAK_VALUE})",
    rf"(?:姓 ?名){_ASIDE} ?(?P<it>{_FORMED}|{_SPACED_NAME}|{HAN}(?:\.{HAN}{{1,3}}){{1,2}}){_HARD_END}",
    rf"(?:医 ?[生师]|技 ?[师士]|护 ?士|大夫|教授|(?:{_ACTS}) ?(?:{_WHO})){_ASIDE}{_COLON}{_STRONG_VALUE}",
    rf"(?:者|人|员|老师|主任){_ASIDE}{_COLON}{_NO_NAME}{_NO_POST}(?P<word>{_NAME}){_HARD_END}",
    rf"(?:医 ?[生师]|技 ?[师士]|护 ?士|大夫|教授|(?:{_ACTS}) ?(?:{_WHO})){_ASIDE}{_JOINT}(?:(?P<it>{_CLEAR_NAME})"
    rf"|{_WEAK_VALUE})",
    rf"(?:{_SIGNED_ACTS}){_ASIDE}{_COLON}{_STRONG_VALUE}",
    rf"(?:{_ACTS}){_ASIDE}{_COLON}{_NO_NAME}(?:(?P<it>{_SPACED_NAME})|(?P<word>{_NAME}){_HARD_END})",
    rf"(?:{_ACTS}){_ASIDE}(?: |[】\])]){_WEAK_VALUE}",
    rf"(?:{_NO_NAME}(?P<name>(?<!{HAN}){_NAME})) ?[/、] ?{_NAME} ?(?=$|\n|\d{{4}})",
    rf"(?<=/)(?<={HAN}/){_NO_NAME}(?P<name>{_NAME}) ?(?=$|\n|\d{{4}})",
    # the last character of any word of a signature: 核片, 医助, 初写
    rf"[审核阅签写录校读片刀诊检摄拍照助编](?: ?(?:者|人|员))?{_COLON}{_NO_NAME}{_NO_POST}(?P<word>{_NAME}){_HARD_END}",
    rf"[审核阅签写录校刀摄拍](?: ?(?:者|人|员))?{_COLON}(?P<it>{_PINYIN_NAME})",
    rf"(?:患者|病人|受检者) ?[(（]{_NO_NAME}(?P<name>{_NAME})[)）]",
    # what she says of herself, what is said of her
    rf"(?:我叫|名叫|名字叫|名字是|名字为|我名叫|大名){_STRONG_VALUE}",
    rf"(?:我叫|名叫|名字叫) ?(?P<it>{_LOOSE_NAME}){_END}",
    rf"我是(?:{_NO_NAME}(?P<name>{_NAME}){_HARD_END}|(?P<any>{_DOTTED_NAME}|{_TRANSCRIBED_NAME}){_HARD_END})",
    rf"我是{HAN}?[^,，。;；\n]{{1,8}}的{_NO_NAME}(?P<name>{_NAME}){_HARD_END}",
    rf"(?:患者|病人|受检者)(?:{_COLON}| )?[(（]?{_NO_NAME}(?P<placed>{_NAME})[,，\s(（]{{1,2}}{_SEX}(?!{HAN})",
    rf"(?:我|免贵|本人|患者|病人)姓(?P<it>{COMPOUND}|[{SURNAMES}])(?!名)",
    rf"(?:姓 ?名|患者|病人|名字|本人|受检者)(?: ?[:：是为叫/] ?| )?{_NO_NAME}(?P<placed>{_NAME}){_END}",
    rf"(?:姓 ?名|名字){_COLON}{_NO_VALUE}(?P<it>{_LOOSE_NAME})",
    rf"(?:{_PERSON}|患者|病人|本人|医 ?[生师]|技 ?[师士]|(?:{_ACTS}) ?(?:{_WHO}))"
    rf" ?[:=是为叫/] ?{_NO_NAME}{_NO_POST}(?P<placed>{_LOOSE_NAME})",
    rf"(?:患者|病人|本人|受检者)(?:{_COLON}| )?(?P<it>{_FORMED})(?=[,，\s(（]{{0,2}}(?:{_SEX}|{_AGE}))",
    rf"(?:{_PERSON}|{_DOCTOR})(?: ?[:：是为叫/] ?| )?{_NO_NAME}(?P<placed>{_NAME}){_END}",
    rf"(?:医[生师]|大夫|主任|护士|教授)(?:叫|是)?{_NO_NAME}(?P<name>[{SURNAMES}]{HAN}{{1,2}})(?=说|让|给|看|建议|"
    rf"认为|开)",
    rf"{_RELATIVE}(?:叫|名叫|是)?(?:{_COLON})?{_NO_NAME}(?P<placed>{_NAME}){_END}",
    rf"{_RELATIVE}(?:[是为]|(?:叫|名叫|是|为)? ?[:/ ] ?){_NO_NAME}{_NO_POST}(?P<name>{_NAME}){_HARD_END}",
    # what she has or does stands behind the name: 我母亲陈桂芳有乳腺癌, 姐姐陈桂兰也有, 我丈夫李志强陪我来的
    rf"(?:{_RELATIVE}|(?:我|她|他)(?:先生|姐夫|妹夫)|[大二三小]姐|[弟哥]哥?弟?)(?:叫|名叫|是)? ?"
    rf"{_NO_NAME}{_NO_POST}{_NO_ADVERB}(?P<name>{_NAME}){_OF_A_RELATIVE}",
    # a signature in pinyin without capitals: 报告医生：wangjianguo
    rf"(?:{_DOCTOR}|{_PERSON}|(?:{_ACTS}) ?(?:{_WHO})|(?:{_SIGNED_ACTS})){_ASIDE}{_COLON}(?P<it>{_LOWER_PINYIN})",
    rf"(?:医[生师]|大夫|主任|护士|教授)(?:叫|名叫)(?P<name>{_NAME}){_HARD_END}",
    rf"{_POSTS}(?:叫|是|为|:)? ?{_NO_NAME}{_NO_POST}{_NO_ADVERB}(?P<name>{_POST_NAME}){_GOING_ON}",
    rf"(?:超声|放射|影像|乳腺|病理|外|肿瘤|检验|介入|核医学|乳)科(?:室)?{_NO_NAME}{_NO_POST}{_NO_ADVERB}(?P<name>{_NAME}){_HARD_END}",
    rf"{_POSTS} ?(?P<it>[小老阿][{SURNAMES}])(?![时孩心腿脑学产年师人]){_GOING_ON}",
    rf"{_POSTS} ?(?P<it>[{SURNAMES}](?:阿姨|大姐|姐|师傅|叔叔?|女士|先生|老师|同志))",
    # a title behind it
    rf"(?:{COMPOUND})(?:(?![的说在是来去也和有做看女先男医主大教护]){HAN}){{0,2}}(?:女士|先生)?",
    rf"{_START}{_NO_NAME}{_NO_POST}(?P<name>{_NAME}) ?\(?(?={_TITLES})",
    rf"(?<=[由请经找让及和与叫是被的为/:科院问见跟给看]){_NO_NAME}{_NO_POST}(?P<name>{_NAME}) ?(?={_TITLES})",
    rf"(?<![主责专])(?<!{HAN}中){_NO_NAME}(?P<title>[{SURNAMES}])(?=医生|医师|主任|教授|大夫|女士|先生|院长)",
    # openings: name, sex, age
    rf"{_START}{_NO_NAME}(?P<name>{_NAME}){_STOP}(?:性别 ?:? ?)?{_SEX}(?=$|[\s,，。、;；/|)）]|\d)",
    rf"{_START}(?P<it>{_SPACED_NAME}|{_DOTTED_NAME}){_STOP}(?:性别 ?:? ?)?{_SEX}(?=$|[\s,，。、;；/|)）]|\d)",
    rf"{_START}{_NO_NAME}(?P<placed>{_NAME}){_STOP}(?:{_AGE}{_STOP}{_SEX}|{_SEX}{_STOP}{_AGE}|{_LATIN_SEX}{_STOP}{_AGE}|{_AGE}{_LATIN_SEX})",
    rf"{_START}{_NO_NAME}(?P<placed>{_NAME}) ?[(（] ?(?:[女男]|[FMfm]) ?[/,，、 ]? ?\d{{1,3}} ?(?:岁|[Yy])? ?[)）]",
    rf"(?:^|\n) ?{_NO_NAME}(?P<name>{_NAME}){_STOP}{_AGE}",
    rf"{_START}(?P<any>{_TRANSCRIBED_NAME}){_STOP}(?:{_SEX}(?=$|[\s,，。、;；/|)）]|\d)|{_AGE}{_STOP}{_SEX})",
    rf"(?:^|\n) ?{_NO_VALUE}{_NO_NAME}(?!患者|病人|成年|中年|青年|老年|已婚|未婚|绝经|体检|术后|乳腺)"
    rf"(?P<any>{HAN}{{2,3}}){_STOP}{_SEX}{_STOP}{_AGE}",
    rf"(?<![A-Za-z0-9-])(?P<it>{_PINYIN_NAME}){_STOP}(?:[女男]性?(?![\u4e00-\u9fff])"
    rf"|{_LATIN_SEX}{_STOP}\d{{1,3}} ?岁)",
)
