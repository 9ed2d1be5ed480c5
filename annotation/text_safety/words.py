"""Classes of words of the small grammar by which clauses are read, Chinese and English side by side."""

import re

from annotation.text_safety.clauses import FLAGS

# Taking tissue; cutting; being looked at again; looking at more pictures.
TISSUE = re.compile(
    r"活检|穿刺|扎针|扎一针|取[^,。;]{0,4}(?:组织|病理|样本?|材)|[做送][^,。;]{0,3}病理|病理检查|送检|旋切"
    r"|\bbiops\w+|\bneedle|\bsampl(?:e|ed|ing)\b|\btissue\b|\baspirat\w+|\bto (?:the )?(?:pathology|patholog\w+"
    r"|laboratory|lab)\b",
    FLAGS,
)
CUTTING = re.compile(
    r"手术|切除|切掉|切了|开刀|动刀|化疗|放疗|拿掉|拿出来|取出|摘除|剥除|挖掉|割掉|挂外科"
    r"|\bsurg(?:ery|ical|eon)\w*|\boperat(?:ion|ed?)\b|\bexcis\w+|\bmastectom\w+|\blumpectom\w+|\bchemotherap\w+"
    r"|\bremov(?:ed?|al|ing)\b|\b(?:cut|took|take) (?:\w+ )?out\b|\btaken out\b",
    FLAGS,
)
AGAIN = re.compile(
    r"复查|复诊|随访|再[看查拍来说做]|回来|拍[^,。;]{0,4}片|复检|等|观察|筛查|见"
    r"|\bfollow(?:ed|ing)?[- ]?up|\bcheck\w*|\bcome back|\breturn\w*|\brepeat\w*|\bagain\b|\banother (?:film"
    r"|mammogram|look|scan)"
    r"|\breview\w*|\bwait\w*|\bsee you\b|\bscreening\b|\bnext (?:film|mammogram|scan|visit)",
    FLAGS,
)
PICTURES = re.compile(
    r"影像|补[拍做照]|(?:后面|其他|别)的检查|加[拍做]|超声|B超|加压|核磁|磁共振|别的检查|其他检查"
    r"|\b(?:more|further|additional|extra|another|other) (?:\w+ )?(?:images?|imaging|pictures?|views?|tests?|films?"
    r"|scans?|ultrasound)"
    r"|\b(?:more|further|else) (?:has to be|needs to be|must be|is to be|to be) done|\bultrasound\b|\bMRI\b",
    FLAGS,
)
SUSPICION = re.compile(
    r"可疑|恶性|怀疑|不规则|毛刺|形态不好|不除外|不能除外|需要警惕|有问题|问题(?:出)?在|不好的|严重"
    r"|\bsuspicious|\bmalignan|\bcancer|\birregular|\bspiculated|\bconcerning\b|\bworr(?:ying|isome)|\btrouble\b"
    r"|\bproblem (?:is|lies)\b",
    FLAGS,
)
THING = (
    r"(?:结节|肿块|肿物|包块|病灶|病变|钙化|占位|疙瘩|硬块|团块|阴影|东西|瘤子?|影子|硬结"
    r"|\blump|\bmass(?:es)?\b|\bnodule|\blesion|\bcalcification|\bspot\b|\bfinding|\bgrowth|\bcluster|\barea\b"
    r"|\btumou?r|\bthing\b)"
)
CANCER = re.compile(
    r"(?:浸润性|导管|小叶|原位|早期|晚期|乳腺|乳房)*(?:癌症?|恶性肿瘤|恶性病变|恶性的?(?:肿块|结节|东西)|恶性)(?!筛"
    r"|前|的?可能|风险|程度|概率|除外)"
    r"|(?:\b(?:invasive|ductal|lobular|breast|early|advanced) )*\b(?:cancer(?:ous)?|carcinoma|malignan(?:t|cy))\b",
    FLAGS,
)
BENIGN_THING = re.compile(
    r"良性|纤维(?:腺)?瘤|囊肿|脂肪瘤|增生结节|\bbenign\b|\bfibroadenoma|\bcyst\b|\bharmless\b|\blipoma", FLAGS
)

# Words that turn what follows them around. Two of them leave it as it was ("no reason to skip the biopsy").
_NEGATION = re.compile(
    r"不(?!过|仅|但|同|良|规则|均|对称|适|舒|断|少|管|好|太|明|清)|没(?!关系)|无(?!论|疑|害)|未(?!来)|别(?!的|人|处)"
    r"|勿|莫|甭|犯不着"
    r"|绝非|并非|省[去掉了]|免[去掉了]|取消|推迟|拖延|拒绝|忽视|放弃|跳过|反对"
    r"|\bno\b|\bnot\b|n't\b|\bnever\b|\bwithout\b(?! (?:a )?(?:doubt|question))|\bnone\b|\bnothing\b"
    r"|\bneither\b(?:[^,.;]{0,30}?\bnor\b)?|\bnor\b"
    r"|\bskip|\bavoid|\bomit|\bforgo\b|\bpostpon|\bput off\b|\bdelay|\brefus|\bdeclin|\binstead of\b|\brather than\b"
    r"|\bcancel|\bagainst\b",
    FLAGS,
)
_NEGATION_BEHIND = re.compile(
    r"^(?:这一?步|检查|这件事|这项|术)?(?:完全|就|也|都|其实|暂时|可以|是|先|倒){0,3}"
    r"(?:省|免了|可免|不做|不用|不必|没必要|没有必要|多余|不需要|取消|无需|无须|不考虑|推迟|往后拖|缓一缓)"
    r"|^(?:\w+ )?(?:is|are|was|would be|seems|can be|could be|may be)(?:n't| not)? (?:\w+ ){0,2}"
    r"(?:pointless|unnecessary|needless|skipped|omitted|avoided|overkill|superfluous|postponed|put off|unneeded)"
    r"|^(?:\w+ )?(?:is|are|would be)(?:n't| not) (?:\w+ )?(?:needed|necessary|required|called for|indicated|worth)",
    FLAGS,
)
# What stands between a negation and its object and takes it away: "do not fear the biopsy".
_FEELING = re.compile(
    r"担心|害怕|紧张|恐惧|怕|焦虑|着急|恐慌|\bworr|\bafraid|\bfear|\bscared|\bnervous|\bpanic", FLAGS
)
_REACH = 40

# What is going to be done to the patient.
PLAN = re.compile(
    r"建议|需要|必须|应该|应当|应|须|得|要|安排|排[一了]|尽早|尽快|准备|考虑|预约|打算|最好|稳妥|住院|抓紧|赶紧|马上"
    r"|趁早|约了|定在"
    r"|\bneeds?\b|\bmust\b|\bshould\b|\bhave to\b|\bhas to\b|\brecommend|\badvis|\bsuggest|\barrang|\bschedul"
    r"|\bbook(?:ed)?\b|\bplan"
    r"|\bwise\b|\bprudent\b|\bbest\b|\bought\b|\bwill\b|\bwould like\b|\bprepare\b|\brequire|'ll\b|\bgoing to\b"
    r"|\bget\b|\bhave (?:it|this|that)\b",
    FLAGS,
)
PAST = re.compile(
    r"曾|做过|术后|穿刺后|活检后|之前|以前|当年|上次|去年|过去|手术史|伤口|疤痕"
    r"|\bafter (?:\w+ )?(?:surgery|biopsy|operation|procedure)|\bhad (?:an?|your|the)\b|\bprevious|\bhistory\b"
    r"|\bwound\b|\bscar\b|\bago\b",
    FLAGS,
)


def is_negated(clause: str, start: int, end: int) -> bool:
    """Whether what stands from `start` to `end` is turned around by the words before or behind it."""
    before = clause[max(0, start - _REACH) : start]
    turns = [match for match in _NEGATION.finditer(before) if not _FEELING.search(before[match.end() :])]
    behind = _NEGATION_BEHIND.search(clause[end:].lstrip(" "))
    return (len(turns) + (behind is not None)) % 2 == 1


def affirms(clause: str, pattern: re.Pattern[str]) -> bool:
    """Whether the clause says it, not turned around."""
    return any(not is_negated(clause, m.start(), m.end()) for m in pattern.finditer(clause))


def denies(clause: str, pattern: re.Pattern[str]) -> bool:
    """Whether the clause says the opposite."""
    return any(is_negated(clause, m.start(), m.end()) for m in pattern.finditer(clause))
