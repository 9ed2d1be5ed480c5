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
_BIRADS = rf"(?<![a-z])b{_GAP}[i1l!|y]{_GAP}r{_GAP}[a4e@]{_GAP}(?:[dt0]{_GAP}[s5z]?|s{_GAP}d)(?![a-z])"
_SPOKEN = (
    r"(?<![a-z])(?:buy|by|bye|be|bi)[\s-]?(?:rads?|reads?|rats|rides)(?![a-z])|拜\s?[瑞拉尔]\s?[德兹斯]?"
)
_SPELT_OUT = r"乳腺影像(?:学)?报告[与和及]?数据系统|breast imaging[\s-]+reporting (?:and|&) data systems?"
LABEL: Final = rf"(?:{_BIRADS}|{_SPOKEN}|{_SPELT_OUT})[®™]?(?:\s?\(r\))?"
# Labels that need a value right behind them.
SHORT_LABEL: Final = r"(?<![a-z])br\s?[-:]?\s?(?=[0-6])|カテゴリー"
# French reports write "ACR 3" for the category; beside a BI-RADS label it is the density.
FRENCH_LABEL: Final = r"(?<![a-z])acr\s?:?\s?(?=[0-6](?!\s*型))"
WEAK_LABEL: Final = (
    r"(?<![a-z])(?:(?:assessment|final|overall|birads|impression)\s+)*"
    r"(?:categor(?:y|ies|[iíy]a|ia|ie)|cat\.|kategorie|catégorie|categoría)"
    r"|(?<![a-z])(?:final\s+)?(?:assessment|evaluation)(?=\s*[:\-])"
)
OTHER_SCALE: Final = (
    r"(?<![a-z])(?:(?:ti|li|pi|o|c|ni|lung|thyroid|liver|prostate|va|vi)[\s-]?-?\s?rads|her-?2|ki-?67|"
    r"luminal|"
    r"ward|grade|stage|segment|figo|asa|birthweight|m-?score|rcr)"
    r"\s*(?:分类|分级|category|score|class|type)?\s*[:：]?\s*(?:[0-6][a-d+]?|[iv]{1,3}[abc]?|"
    r"[ab])(?![a-z0-9])"
)

# --- values
_UNIT = (
    r"(?![\s-]*(?:mm|cm|ml|毫米|厘米|公分|%|点|點|时|時|年|月|日|周|天|岁|歲|枚|个|個|处|张|次|版|倍|°|o'clock|"
    r"months?|mos?\b|years?|yrs?|weeks?|days?|views?|mois|meses|monate|st\b|nd\b|rd\b|th\b))"
    r"(?!\s*(?:[x×*]\s*\d|:\d|\.\d|,\d{3}|\d))"
)
_SUB = r"(?:[\s\-(]{0,3}[abc](?![a-z])(?:\s?\))?)"
_SUB_WORD = (
    r"(?:\s*[类級级類],?\s*[abc]\s*[级級]?(?![a-z类型])|\s*[类級级類]?\s*\(\s*4\s*[abc]\s*[类級级類]?\s*\)|"
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
    r"左(?!右)(?:侧|側)?(?:乳(?:腺|房)?)?|(?<![a-z])(?:left(?:[- ]sided)?|lt\.?|links|linke[nrs]?|gauche|"
    r"izquierd[ao]|"
    r"esquerd[ao]|sinistr[ao])(?![a-z])|(?-i:(?<![A-Za-z0-9])L(?![A-Za-z]))"
)
RIGHT: Final = (
    r"(?<!左)右(?:侧|側)?(?:乳(?:腺|房)?)?|(?<![a-z])(?:right(?:[- ]sided)?(?! away)|rt\.?|rechts|"
    r"rechte[nrs]?|"
    r"droite?|derech[ao]|direit[ao]|destr[ao])(?![a-z])|(?-i:(?<![A-Za-z0-9])R(?![A-Za-z]))"
)
BOTH: Final = (
    r"双(?:侧|側)?(?:乳(?:腺|房)?)?|雙(?:側)?(?:乳)?|两(?:侧|乳)|左右(?:两侧|乳)?|両側|两边|"
    r"(?<![a-z])(?:bilateral(?:ly|e)?|"
    r"both(?:\s+(?:breasts|sides))?|beidseits|beidseitig|bilatéral[e]?|ambas)(?![a-z])"
)
SIDE: Final = rf"(?:(?P<B>{BOTH})|(?P<L>{LEFT})|(?P<R>{RIGHT}))"

# --- words around a value
PRIOR: Final = (
    r"前片|旧片|老片|既往|上次|前次|原片|原报告|曾|去年|前年|外院|previous(?:ly)?|prior|formerly|earlier|"
    r"last\s+(?:year|exam)|"
    r"由(?=\s*(?:bi|原|[0-6][abc]?\s*类))|compar(?:ed|ison)|was\b|(?:up|down)graded\s+from|"
    r"changed\s+from|from\b|与\s*\d{4}[^,;。]{0,12}片|原\s*(?=bi)|"
    r"antérieur|zuvor|anterior(?:mente)?|voruntersuchung"
)
CURRENT: Final = (
    r"本次|此次|今(?:次|日|片)|目前|现(?:为|归|评|改)?|更正为|修正为|改为|调整为|升(?:级)?(?:为|至|到)|"
    r"降(?:级)?(?:为|至|到)|归为|now\b|today|"
    r"current(?:ly)?|presently|this\s+(?:exam|study)|\bto\b(?=\s+(?:a\s+)?(?:bi|b1|cat))|"
    r"actuel(?:lement)?|aktuell|jetzt|actual(?:mente)?"
)
OTHER_MODALITY: Final = (
    r"超声|彩超|b超|声像|磁共振|核磁|"
    r"(?<![a-z])(?:us|mri|mr|sonograph\w*|ultraso\w*|echograph\w*|échograph\w*|ct)(?![a-z])"
)
MAMMOGRAPHY: Final = r"钼靶|x线|乳腺摄影|摄片|(?<![a-z])(?:mammo\w*|mg|ffdm|dbt|tomo\w*)(?![a-z])"
NEGATION: Final = (
    r"(?:未见|未达|未及|没有|不支持|不符合|不属于|排除|并非|无)[^,，。;；:()]{0,6}$|"
    r"(?<![a-z])(?:no(?:t)?|without|nor|neither|never)\s+(?:\w+\s+){0,4}$"
)
ADDENDUM: Final = (
    r"补充(?:报告|意见|说明)?\s*[:(]|补充报告|更正报告|修正报告|更正|订正|复核|修改(?:为|意见)|"
    r"上级医师[^。;,]{0,6}(?:意见|审核|修改|改)|主任[^。;,]{0,8}(?:意见|审核|修改|阅片)|"
    r"审核(?:意见|修改)|终审|addend(?:um|a)|amended|amendment|correct(?:ion|ed)|revis(?:ed|ion)|"
    r"final\s+read|over-?read|"
    r"(?:senior|attending)[^.;]{0,20}(?:review|read|revision)|errat(?:um|a)"
)
ORIGINAL: Final = r"original\s+report|原报告|初步报告|初步意见|preliminary|初诊意见|住院医师"
