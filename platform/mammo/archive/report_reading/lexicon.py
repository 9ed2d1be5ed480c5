"""The words of mammography reports, as regular expression fragments.

All run on normalised text (see `normalised`) without regard to case. Chinese and English are covered in
depth; French, German, Spanish, Portuguese, Italian and Japanese by their reporting words.
"""

from __future__ import annotations

import re
from typing import Final

FLAGS: Final = re.IGNORECASE

# --- the label: BI-RADS as printed, dotted, spaced, broken over lines, misread by OCR or dictation
_GAP = r"[\s.\-_*·®/]{0,3}"
_BIRADS = (
    rf"(?<![a-z])[b8]{_GAP}[i1l!|y]{_GAP}r{_GAP}[a4e@]{_GAP}(?:[dt0o]{_GAP}[s5z]?|s{_GAP}d)(?![a-z])|"
    r"(?<![a-z])(?:birards?|brirads?|briads?|birds|birdas|bi-?rods|birab?ds|biards?|b-?rads?)(?![a-z])"
)
_SPOKEN = (
    r"(?<![a-z])(?:buy|by|bye|be|bi|bay)[\s-]?(?:rads?|reads?|rats|rides|raids?)(?![a-z])|"
    r"[拜比毕贝白]\s?[瑞拉尔雷]\s?[德兹斯茨]{1,2}"
)
_SPELT_OUT = r"乳腺影像(?:学)?报告[与和及]?数据系统|breast imaging[\s-]+reporting (?:and|&) data systems?"
LABEL: Final = rf"(?:{_BIRADS}|{_SPOKEN}|{_SPELT_OUT})[®™]?(?:\s?\(r\))?"
# Labels that need a value right behind them.
SHORT_LABEL: Final = r"(?<![a-z])br\s?[-:]?\s?(?=[0-6])|カテゴリー|카테고리|범주"
# A table's column may be headed so.
SHORT_HEAD: Final = r"(?<![a-z])br(?![a-z])"
# French reports write "ACR 3" for the category; beside a BI-RADS label it is the density.
FRENCH_LABEL: Final = r"(?<![a-z])acr\s?:?\s?(?=[0-6](?!\s*型))"
WEAK_LABEL: Final = (
    r"(?<![a-z])(?:(?:assessment|final|overall|birads|impression)\s+)*"
    r"(?:categor(?:y|ies|[iíy]a|ia|ie)|cat(?:\.|(?=\s*[:\-]?\s*[0-6]))|kategorie|catégorie|categoría)"
    r"|(?<![a-z])(?:final\s+)?(?:assessment|evaluation)(?=(?:\s+code)?\s*[:\-]|\s+code\b)"
)
OTHER_SCALE: Final = (
    r"(?<![a-z])(?:(?:ti|li|pi|o|c|ni|lung|thyroid|liver|prostate|va|vi|cad|co)[\s-]?-?\s?rads|her-?2|ki-?67|"
    r"luminal|bosniak|bethesda|gleason|nyha|ecog|baker|birthweight|tanner|kellgren|fontaine|"
    r"ward|room|bed|grade|stage|segment|figo|asa|m-?score|rcr|type|group|phase|level|ct|pt|yp|病区|病房|床)"
    r"\s*(?:分类|分级|category|score|class|type)?\s*[:：]?\s*(?:[0-6][a-d+]?|[iv]{1,3}[abc]?|"
    r"[ab])(?![a-z0-9])"
)

# --- values
_UNIT = (
    r"(?!(?:[^\S\n]|-)*(?:mm|cm|ml|毫米|厘米|公分|%|点|點|时|時|年|月|日|周|天|岁|歲|枚|个|個|处|张|次|版|倍|°|"
    r"o'clock|"
    r"months?|mos?\b|years?|yrs?|weeks?|days?|views?|mois|meses|monate|st\b|nd\b|rd\b|th\b|"
    r"点钟|肋|期|度|针|条|根|例|处|份|cc\b|dan\b|kv|mas\b|mgy|cycles?|ㅁ|개|개월|か月|ヶ月|мм|см))"
    # The number of the next item ("BI-RADS 5 2.右乳") is no further digit of this one.
    r"(?![^\S\n]*(?:[x×*]\s*\d|:\d|\.\d|,\d{3}|\d(?!\d?[.、)]\s*[^\s\d])))"
)
# "4 a biopsy" holds an article, no subdivision.
_SUB = r"(?:[\s\-(]{0,3}(?:[bc]|(?<!\s)a|(?-i:A)|a(?!\s+[a-z]{2})|a(?=\s+(?:izquierd|derech)))(?![a-z])(?:\s?\))?)"
_SUB_WORD = (
    r"(?:\s*[类級级類],?\s*[abc]\s*[级級]?(?![a-z类型])|\s*[类級级類]?\s*\(\s*4?\s*[abc]\s*[类級级類]?\s*\)|"
    r"[^.;。\n]{0,20}\bsub(?:division|category|class)\s*[abc](?![a-z]))"
)
_DIGIT = rf"(?<![\d.])(?:[0-35-6](?![\s-]?[a-c](?![a-z]))|4(?:{_SUB}|{_SUB_WORD})?|[0-6]){_UNIT}"
_ROMAN = rf"(?<![a-z])(?:iv(?:{_SUB}|{_SUB_WORD})?|vi|v|i{{1,3}})(?![a-z])"
_CHINESE = rf"[零〇一二三四五六](?:\s?[abc](?![a-z]))?(?=\s*[类級级類]|[,。;、)\s]|$)(?:{_SUB_WORD})?"
_WORD = r"(?<![a-z])(?:zero|one|two|three|four|five|six)(?:[\s-]?[abc](?![a-z]))?(?![a-z])"
_CIRCLED = r"[①②③④⑤⑥](?=\s*(?:[类級级類,.;。)]|$))"
VALUE: Final = rf"(?:{_DIGIT}|{_ROMAN}|{_CHINESE}|{_WORD}|{_CIRCLED})"
RANGE: Final = rf"{VALUE}(?:\s*(?:[类級级類]\s*)?(?:-|~|/|至|到|或|\bto\b|\bor\b)\s*{VALUE})?"
CLASS_WORD: Final = r"[类級级類]"

# --- sides
LEFT: Final = (
    r"左(?!右)(?:侧|側)?(?:乳(?:腺|房)?)?|좌(?:측|유방)|왼쪽|слева|лев(?:ая|ой|ую|ое)|"
    r"(?<![a-zğışöüç])(?:left(?:[- ]sided)?|lt\.?|links|linke[nrs]?|linker|gauche|izquierd[ao]|"
    r"esquerd[ao]|sinistr[ao]|sol|lew[aeąy]j?|vänster|venstre|vú trái)(?![a-zğışöüç])|"
    r"(?-i:(?<![A-Za-z0-9])L(?![A-Za-z]))"
)
RIGHT: Final = (
    r"(?<!左)右(?:侧|側)?(?:乳(?:腺|房)?)?|우(?:측|유방)|오른쪽|справа|прав(?:ая|ой|ую|ое)|"
    r"(?<![a-zğışöüç])(?:right(?:[- ]sided)?(?! away)|rt\.?|rechts|rechte[nrs]?|rechter|"
    r"droite?|derech[ao]|direit[ao]|destr[ao]|sağ|praw[aeąy]j?|höger|højre|vú phải)(?![a-zğışöüç])|"
    r"(?-i:(?<![A-Za-z0-9])R(?![A-Za-z]))"
)
BOTH: Final = (
    r"双(?:侧|側)?(?:乳(?:腺|房)?)?|雙(?:側)?(?:乳)?|两(?:侧|乳)|左右(?:两侧|乳)?|両側|兩側|两边|양측|양쪽|"
    r"обе(?:их)?(?=\s+молоч)|с\s+обеих\s+сторон|her\s+iki|"
    r"(?<![a-z])(?:bilateral(?:ly|e|mente)?|bilat\.?|each\s+(?:breast|side)|"
    r"both(?:\s+(?:breasts?|sides))?|beidseits|beidseitig|beide\s+(?:brüste|mammae|borsten)|bilatéral[e]?|"
    r"ambas|entrambe|des\s+deux\s+(?:seins|côtés)|obie)(?![a-z])"
)
SIDE: Final = rf"(?:(?P<B>{BOTH})|(?P<L>{LEFT})|(?P<R>{RIGHT}))"

# --- words around a value
PRIOR: Final = (
    r"(?<![较与和比合供考照缺无])(?:前片|旧片|舊片|老片)(?!\s*(?:对比|對比|比较|相比|对照|比))|既往|上次|前次|上一次|原片|原报告|曾|去年|前年|年前|月前|此前|先前|以前|之前|外院|"
    r"previous(?:ly)?|prior|former(?:ly)?|earlier|historical(?:ly)?|old\s+(?:films?|exam|report)|"
    r"supersed(?:es|ing)|replac(?:es|ing)|in\s+(?:place|lieu)\s+of|取代|代替|替代|"
    r"(?:outside|referring)\s+(?:hospital|facility|report|study|exam|film)|(?:had\s+)?been\s+(?:called|given)|"
    r"last\s+(?:year|exam|study|mammogra\w+|report|time)|"
    r"由(?=\s*(?:bi|原|[0-6][abc]?\s*[类級级類]))|compar(?:ed|ison)|(?:up|down)graded\s+from|"
    rf"(?:changed\s+)?from\b(?=\s+(?:an?\s+)?(?:{LABEL}|categor|cat\b|[0-6][abc]?\b))|"
    r"与\s*(?:\d{4}|\[日期)[^,;。]{0,14}片|原(?:先|有|来|为|诊断|评)?\s*(?=bi|[0-6四][abc]?\s*[类級级類])|"
    r"antérieur\w*|précédent\w*|zuvor|vorher|anterior(?:mente|es)?|previ[oa]s?\b|precedente|"
    r"voruntersuchung|vorbefund|vorige|önceki|ранее|이전|前回"
)
CURRENT: Final = (
    r"本次|此次|这次|维持|保持|仍(?:为|评|归|考虑)|依然|(?:本院|我院)(?!\s*于?\s*(?:19|20)\d\d)|今(?:次|日|片)|"
    r"目前|(?<![发表出呈体实])现(?=为|归|评|改|考虑|拟|左|右|双|示|bi)|更正为|修正为|修订为|改为|调整为|"
    r"(?:升|上调|提高|降|下调|降低)(?:级)?(?:为|至|到)|归为|变为|更新为|superseded\s+by|replaced\s+by|->|→|⇒|=>|now\b|today|"
    r"current(?:ly)?|presently|remains?(?![a-z])|maintain\w*|present\s+(?:exam|study)|this\s+(?:exam|study|"
    r"mammogram|time)|"
    r"\bto\b(?=\s+(?:an?\s+)?(?:bi|b1|cat))|"
    r"actuel(?:lement)?|aktuell|jetzt|heute|actual(?:mente)?|attuale|şimdi|сейчас|현재|今回"
)
TURNS_INTO: Final = (
    r"->|→|⇒|=>|改为|更正为|修正为|修订为|调整为|(?:上|下)调(?:至|为|到)|[升降]级?(?:至|为|到)|变为|"
    r"(?:has\s+been\s+|was\s+|is\s+)?(?:changed|revised|upgraded|downgraded|corrected|amended)\s+to"
)
OTHER_MODALITY: Final = (
    r"(?<!建议)(?<!补充)(?:(?<!结合)(?<!结合同日)(?<!对照)(?:超声|彩超|b超|声像|磁共振|核磁)|"
    r"(?:超声|彩超|b超|mri)(?=\s*(?:\(|bi|检查?提示|示|报告|诊断)))|초음파|エコー|"
    r"(?<![a-z])(?<!need )(?<!recommend )(?<!additional )(?<!further )(?<!targeted )(?:us(?!\s*(?:/|&|and)\s*mammo)|"
    r"mri|mr|sonograph\w*|ultraso\w*|echograph\w*|échograph\w*|ecograf\w*|ct)(?![a-z])(?!\s+(?:is\s+)?"
    r"(?:recommended|advised|needed|suggested|pending|correlation))"
)
MAMMOGRAPHY: Final = r"钼靶|x线|乳腺摄影|摄片|(?<![a-z])(?:mammo\w*|mg|ffdm|dbt|tomo\w*)(?![a-z])"
NEGATION: Final = (
    r"(?<!除)非\s*$|"
    r"(?:未见|未达|未及|没有|不够|不足以?|够不上|未到|达不到|难以?|谈不上|不支持|不符合|不属于|排除|并非|无)"
    # "未见异常 BI-RADS 1": what was not seen is named, and the category is stated.
    r"(?![^,，。;；:()]{0,6}(?:异常|肿块|肿物|结节|钙化|病变|占位|征象|病灶|扭曲))[^,，。;；:()]{0,6}$|"
    r"(?:不应|不宜|不能|不|未)(?:归为|归入|归于|达到?|评为|诊断为|考虑)[^,，。;；:()]{0,4}$|"
    r"(?<![a-z])(?:no(?:t)?|without|nor|neither|never)\s+(?:(?!left|right|breast|mass|calc|nodul|distor|lesion|"
    r"abnormal|malignan|cancer|chang|suspicio|asymm|significant|new|other|further|additional|focal|prior|compar|"
    r"l\b|r\b)[\w-]+\s+){0,7}$"
)
ADDENDUM: Final = (
    r"补充(?:报告|意见|说明)?\s*[:(]|补充报告|更正报告|修正报告|更正|订正|复核|修改(?:为|意见)|"
    r"上级医师[^。;,]{0,6}(?:意见|审核|修改|改)|主任[^。;,]{0,8}(?:意见|审核|修改|阅片)|"
    r"主治[^。;,]{0,8}(?:意见|审核|修改|阅片)|审核(?:意见|修改|后)|审签|审阅|终审|会诊意见|会诊后|"
    r"修订|勘误|补正|追加(?:报告)?|nachtrag|addendum|adenda|追記|addend(?:um|a)|amended|amendment|"
    r"correct(?:ion|ed)|revis(?:ed|ion)|"
    r"final\s+read|over-?read|"
    r"(?:senior|attending|consultant|staff)(?:\s+radiologist)?(?:\s*:|[^.;]{0,20}(?:review|read|revision|comment))|"
    r"second\s+read|errat(?:um|a)|consensus(?:\s+(?:review|read))?"
)
ORIGINAL: Final = (
    r"original\s+(?:report|read)|原报告|初步报告|初步意见|preliminary|初诊意见|住院医师|resident|"
    r"first\s+read|初写"
)
