"""Names of doctors and of their hospitals in an answer, in Chinese and English.

An answer is general advice: whoever is named in it wrote it, signed it or works where its author does. The grammar of
names is that of the archive's cleaning of reports; the places where a name stands are those of an answer.
"""

from collections.abc import Iterator

from mammo.archive.identifying_chinese_names import COMPOUND, HAN, SURNAMES
from mammo.archive.identifying_english_names import CREDENTIAL, INITIAL, MARK, NAME_WORD, NO_NAME, TWO_WORDS
from mammo.archive.ordinary_words import begins_like_a_word
from mammo.core.patterns import compiled_when_used

# Surnames that end no word: they stand before a title wherever in a sentence.
_CLEAR_SURNAMES = (
    "王李张刘陈杨赵吴徐孙朱郭罗宋郑韩唐冯董萧曹袁邓沈彭吕苏卢蒋蔡丁魏薛阎潘戴姚谭邹熊孔汪崔邱秦侯邵孟尹黎"
    "贺赖龚庞殷陶洪翟倪钱郝廖贾"
)
# Surnames that are words by themselves in front of 医生: 向医生咨询, 复诊时医生会说明.
_WORDS_ALONE = "向于时任常成全关应位曲单管连有解左车查边项包路"
_TITLE = (
    r"(?:副?主任|主治|住院|主管|值班|经治)?(?:医生|医师|大夫|教授|主任|专家|老师|院长|护士长?|技师|博士)"
    # 王主任医师 is one title.
    r"(?:医[生师])?"
)
# No part of a given name: what joins a surname's character to the words behind it, and departments.
_GIVEN = (
    rf"(?:(?![的您你我他她它这那其各等们者由和与或及是有一二三两名位个了着过可会应先再请让给对把被将当也都就还不"
    rf"未无需要能科院部室系乳腺影像放射外内妇中西主副任治住值班上下级医生师])"
    rf"{HAN})"
)
_BEFORE = rf"(?:(?<!{HAN})|(?<=[由请经找让及和与叫是被的为问见跟给看到按听如据去向科院系挂]))"
_END = r"(?=$|[\s,，。.;；:：、()（）!！?？日])"

_CHINESE = compiled_when_used(
    # 王主任, 李医生, 欧阳教授
    rf"(?<![紧主扩夸慌铺荒])[{_CLEAR_SURNAMES}]{_TITLE}|"
    rf"(?:{COMPOUND}){_GIVEN}{{0,2}}{_TITLE}|"
    rf"{_BEFORE}(?![{_WORDS_ALONE}])[{SURNAMES}]{_TITLE}|"
    # 张伟医生: the name is looked up
    rf"{_BEFORE}(?P<name>[{SURNAMES}]{_GIVEN}{{1,2}}) ?{_TITLE}|"
    # 主治医师王芳, 签名：李明, 我叫王芳
    rf"(?:医[生师]|大夫|教授|主任|专家|签名|签字|署名|作者|报告者|审核者|回答者|答复人|我叫|我是) ?[:：]? ?"
    rf"(?P<behind>[{SURNAMES}]{_GIVEN}{{1,2}}){_END}|"
    rf"(?:Dr|DR|Prof)\.? ?[{SURNAMES}]{HAN}{{0,2}}"
)
_CAPITALISED = rf"(?!(?i:{NO_NAME}|[ivx]{{1,4}}){MARK})[A-Z][A-Za-z'’-]{{1,30}}"
_ENGLISH = compiled_when_used(
    # Dr. Li, Dr J. Smith, Professor Wang
    r"\b(?:(?:Drs?|DR|Prof|PROF|Mr|Mrs|Ms)\b\.?\s{0,3}|(?:Doctor|Professor|Nurse) )"
    rf"(?:{INITIAL}\s?){{0,2}}{_CAPITALISED}(?: {_CAPITALISED}){{0,2}}|"
    rf"\b(?:[Rr]adiologist|[Ss]urgeon|[Pp]hysician|[Dd]octor):? {TWO_WORDS}|"
    # John Smith, MD
    rf"\b{TWO_WORDS},?\s{{1,3}}{CREDENTIAL}{MARK}|"
    # Smith, MD
    rf"\b{_CAPITALISED}, (?:M\.?D\.?|MBBS|FRCR|FACR){MARK}|"
    rf"(?i:\b(?:reported|signed|written|answered|reviewed|interpreted|read|dictated|approved) by:? ){TWO_WORDS}|"
    rf"(?i:\b(?:my name is|i am called) ){NAME_WORD}(?: {NAME_WORD})?|"
    rf"\b(?:I'm|I’m|I am|This is) {TWO_WORDS}|"
    rf"(?i:\b(?:sincerely|best regards|kind regards|regards|yours),)\s{{1,3}}{TWO_WORDS}"
)
# A kind of hospital, no name of one.
_KIND = (
    r"breast|women'?s|women’s|cancer|general|local|nearest|nearby|community|public|private|regional|district|"
    r"county|city|teaching|specialist|specialised|specialized|tertiary|academic|university|accredited|large|larger|"
    r"big|reputable|different|another|same|other|every|some|such|many|most|outpatient|screening|oncology|surgical|"
    r"imaging|medical|health|mammography|family|genetics?|walk-in|to|in|on|an|what|why|how|can|do|does|should|visit|"
    r"ask|bring|contact|go|choose|find|take|after|before|during|once|since|because|for"
)
_PLACE_WORD = rf"(?!(?i:{NO_NAME}|{_KIND}){MARK})[A-Z][A-Za-z.'’-]{{1,30}}"
_ANY_PLACE_WORD = r"[A-Z][A-Za-z.'’-]{1,30}"
_PLACE = (
    r"(?:Hospital|Infirmary|Clinic|(?:Medical|Health|Cancer|Breast) Cent(?:er|re)|School of Medicine|"
    r"Medical College)"
)
_HOSPITAL = compiled_when_used(
    rf"\b{_PLACE_WORD}(?: (?:of |and |the )?{_ANY_PLACE_WORD}){{0,4}}? {_PLACE}\b|"
    rf"\b{_PLACE} (?:of|at) (?:the )?{_PLACE_WORD}(?: {_ANY_PLACE_WORD}){{0,3}}|"
    r"(?i:\b(?:our|my) (?:own )?(?:breast |radiology |imaging |local )?"
    r"(?:hospital|clinic|department|institution|institute|cent(?:er|re)|unit|practice)\b)|"
    r"(?:我院|本院|敝院|我们(?:医院|院(?!子)|科室|科(?!学)|中心)|咱们?(?:医院|院(?!子)|科室|科(?!学))|本科室|本中心|"
    r"我科(?!学))"
)


def named(text: str) -> Iterator[str]:
    """Words that name a doctor, or the hospital of whoever writes, in the order of the text within each grammar."""
    for match in _CHINESE.finditer(text):
        name = match.group("name") or match.group("behind")
        if name is None or not begins_like_a_word(name):
            yield match.group(0)
    for pattern in (_ENGLISH, _HOSPITAL):
        for match in pattern.finditer(text):
            yield match.group(0)
