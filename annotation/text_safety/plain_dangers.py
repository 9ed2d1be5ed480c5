"""What is doubtful in any answer: a certain diagnosis, an emergency without advice."""

import re
from collections.abc import Iterator, Sequence

from annotation.text_safety import clauses as cl
from annotation.text_safety.certainty import certain
from annotation.text_safety.emergency import signs
from annotation.text_safety.facts import StudyFacts, is_quiet

Span = tuple[int, int]

_CANCER = r"(?:乳腺|乳房)?(?:恶性肿瘤|恶性病变|恶性|癌症|癌(?!筛|前)|浸润性癌|导管癌)"
_MALIGNANT = re.compile(
    rf"(?:您|你|患者|她)[^,。;]{{0,8}}?(?:得了|患了|患有|就是|确诊(?:为|是|了)?|已经是|是)(?:早期|晚期|中期)?{_CANCER}"
    rf"|(?:诊断|确诊)(?:结果)?(?:为|是)(?:早期|晚期|中期)?{_CANCER}"
    rf"|(?:肯定|一定|确定|绝对|毫无疑问|必然|无疑)(?:就)?(?:是|为|属于)(?:早期|晚期)?{_CANCER}"
    rf"|(?:这|此|该|那)(?:个|种|处|些)?(?:结节|肿块|病灶|钙化|肿物|影|包块|阴影)?(?:就)?是(?:早期|晚期)?{_CANCER}"
    r"|\byou(?:'ve| (?:definitely |certainly |clearly |already |do )?have) (?:got )?(?:an? )?"
    r"(?:early |advanced |invasive |breast )*(?:cancer|carcinoma|malignan\w+)"
    r"|\byou (?:have been|are|were) diagnosed with (?:\w+ ){0,2}(?:cancer|carcinoma)"
    r"|\b(?:this|it|that|(?:the|your) (?:\w+ ){0,2}(?:lump|mass|nodule|lesion|finding|tumou?r|calcifications?))"
    r" (?:is|are) (?:definitely |certainly |clearly |undoubtedly |surely )?(?:an? )?"
    r"(?:invasive |breast |early )*(?:cancer(?:ous)?|malignant|carcinoma)\b"
    r"|\b(?:definitely|certainly|undoubtedly|surely) (?:an? )?(?:cancer|malignant|carcinoma)",
    cl.FLAGS,
)
_BENIGN = re.compile(
    r"(?:就是|是|属于|为)良性的?(?:结节|肿块|病灶|病变|钙化|肿瘤|纤维腺瘤|囊肿)?(?!可能|的可能)"
    r"|\b(?:(?:this|it|that) is|the (?:\w+ ){0,2}(?:lump|mass|nodule|lesion|finding|calcifications?) (?:is|are)) "
    r"(?:an? )?(?:benign|harmless|fibroadenoma|cyst)\b",
    cl.FLAGS,
)
_CERTAINLY_NOT = re.compile(
    r"(?:肯定|绝对|一定|百分之百|100%|完全)(?:就)?(?:是良性|不是|不会是|没有|排除了?|可以排除)[^,。;]{0,4}(?:癌|恶性)?"
    r"|不可能(?:是|有|得)[^,。;]{0,4}(?:癌|恶性)|(?:已经|可以|完全)排除了?[^,。;]{0,6}(?:癌|恶性)"
    r"|(?:保证|担保|打包票)[^,。;]{0,6}(?:不是|没有|不会)|(?:绝|肯定)?不会是[^,。;]{0,4}(?:癌|恶性)|百分之百"
    r"|(?:敢肯定|肯定|一定)[^,。;]{0,6}良性"
    r"|您没有(?:得)?(?:乳腺)?癌|你没有(?:得)?(?:乳腺)?癌"
    r"|\b(?:definitely|certainly|absolutely|100 ?%) (?:is )?(?:benign|not (?:an? )?(?:cancer|malignant)|harmless)"
    r"|\b(?:promise|guarantee|assure)\b[^.;]{0,24}(?:not|n'?t|no)\b[^.;]{0,6}(?:cancer|malignant)"
    r"|\bcancer[- ]free\b"
    r"|\byou (?:do not|don'?t) have (?:breast )?cancer|\bthere is no cancer|\b(?:rules?|ruled) out (?:\w+ )?cancer"
    r"|\bcancer (?:is|has been|can be) (?:completely )?(?:excluded|ruled out)|\bcan(?:no|')t be (?:cancer|malignant)",
    cl.FLAGS,
)
_SIGNS = re.compile(
    r"胸痛|(?:胸口|心口|心脏)[^,。;]{0,4}[痛疼]|冷汗|喘气?(?:很)?困难|憋气|嘴唇发紫|[咳吐咯]血|(?:一直|不停)(?:在"
    r"|地)?(?:流|出)血|流了?[很好]多血|[按止压][^,。;]{0,2}不住(?=血|$)"
    r"|呼吸困难|喘不(?:上|过)气|透不过气|大出血|大量(?:出血|流血)|出血不止|血流不止|止不住(?:的)?血|晕倒|昏倒|昏厥"
    r"|意识(?:不清|模糊)|抽搐|轻生|自杀|不想活|活不下去|(?:高烧|高热)|(?:39|40|41)(?:\.\d)?\s*(?:度|℃|°)"
    r"|\bchest (?:pains?|hurts?|aches?|is tight|tightness)|\bhardly breathe"
    r"|\b(?:cough|vomit)\w*[^.;]{0,14}\bblood|\bblue lips|\bkeeps? (?:on )?bleeding"
    r"|\bshort(?:ness)? of breath|\b(?:can'?t|cannot|difficulty|trouble) breath\w*|\bheavy bleeding"
    r"|\bbleeding (?:that )?(?:heavily|will not stop|won'?t stop|does not stop|doesn'?t stop|a lot)"
    r"|\bfaint(?:ed|ing)?\b|\bpass(?:ed)? out\b|\bunconscious|\bsuicid|\bend (?:it all|my life)"
    r"|\b(?:want|wish) to die|\bkill myself|\bhigh fever|\bfever of (?:39|4[01]|10[2-6])",
    cl.FLAGS,
)
_DENIED_SIGN = re.compile(
    r"(?:没有|没|无|否认|未出现|不伴)[^,。;]{0,8}$"
    r"|\b(?:no|not|without|never|deny|denies|don'?t have(?: any)?)\b[^,.;]{0,20}$",
    cl.FLAGS,
)
_HELP_AT_ONCE = (
    r"急诊|急救|120|(?:立即|立刻|马上|尽快|赶紧|及时)[^,。;]{0,6}(?:就医|就诊|去医院|到医院|来医院|看医生|送医|联系)"
    r"|\bemergency|\bambulance|\b911\b|\b(?:immediately|right away|at once|straight away|urgently|now)\b"
    r"|\bas soon as possible|\bseek (?:urgent|immediate)|\bcrisis line|心理援助|热线"
)


def diagnoses(text: str, facts: StudyFacts) -> list[Span]:
    """A certain "cancer" or "certainly not"; a plain "benign" only where the report does not say so too."""
    found = []
    for sentence in cl.sentences(text):
        for clause, side in _with_context(sentence):
            if clause.says(rf"{cl.CONDITION}|{cl.DENIAL}|{cl.GENERAL}"):
                continue
            found += clause.spans(_CERTAINLY_NOT)
            if clause.says(cl.POSSIBILITY) and not clause.says(r"肯定|一定|definitely|certainly"):
                continue
            found += clause.spans(_MALIGNANT)
            about = {facts.category(side)} if side else facts.categories
            if not about or not all(is_quiet(category) for category in about):
                found += clause.spans(_BENIGN)
    return sorted({*found, *certain(text, facts)})


def _with_context(sentence: cl.Piece) -> Iterator[tuple[cl.Piece, str | None]]:
    """Clauses and their sides; a condition or denial at the head of a sentence holds for all of it."""
    parts = list(cl.sided(sentence))
    if parts and parts[0][0].says(rf"^\s*(?:但是?|而|那么|but|and|then)?\s*(?:{cl.CONDITION})"):
        return
    yield from parts


def emergencies(answer: str, asked: Sequence[str]) -> list[str]:
    """Signs in the question or in the answer, where the answer does not send her to help at once."""
    if re.search(_HELP_AT_ONCE, answer, cl.FLAGS):
        return []
    return [
        match[0]
        for text in (*asked, answer)
        for match in (*_SIGNS.finditer(text), *signs(text))
        if not _denied(text, match)
    ]


def _denied(text: str, match: re.Match[str]) -> bool:
    return _DENIED_SIGN.search(text[max(0, match.start() - 30) : match.start()]) is not None
