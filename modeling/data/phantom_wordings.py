"""The wordings behind `phantom_texts`: data only, one table per part of speech, Chinese and English."""

from __future__ import annotations

from typing import Any, Final, Literal

Language = Literal["zh", "en"]
QuestionKind = Literal["density", "category", "next", "finding"]
Table = dict[str, Any]

SIDES: Final[Table] = {"zh": {"L": "左", "R": "右"}, "en": {"L": "left", "R": "right"}}
QUADRANTS: Final[Table] = {
    "zh": {"UO": "外上", "UI": "内上", "LO": "外下", "LI": "内下"},
    "en": {"UO": "upper outer", "UI": "upper inner", "LO": "lower outer", "LI": "lower inner"},
}
DENSITY_NAMES: Final[Table] = {
    "zh": {"A": "脂肪型", "B": "散在纤维腺体型", "C": "不均匀致密型", "D": "极度致密型"},
    "en": {
        "A": "almost entirely fatty",
        "B": "scattered fibroglandular",
        "C": "heterogeneously dense",
        "D": "extremely dense",
    },
}

# --- reports -------------------------------------------------------------------------------------------
DENSITY_SENTENCES: Final[dict[str, list[str]]] = {
    "zh": [
        "双侧乳腺呈{letter}型（{name}）。",
        "乳腺构成：{letter}类（{name}）。",
        "双乳腺体为{name}，ACR {letter}型。",
        "腺体分型：{name}（{letter}）。",
        "乳腺密度分型：{letter}型，{name}。",
    ],
    "en": [
        "The breasts are {name} (ACR density {letter}).",
        "Breast composition: {letter}, {name}.",
        "Breast density: {letter} ({name}).",
        "Tissue is {name}, composition category {letter}.",
    ],
}
FINDING_SENTENCES: Final[Table] = {
    "zh": {
        "mass": {
            False: [
                "{side}乳{place}象限见一卵圆形肿块，大小约{a}mm×{b}mm，边缘清楚，密度均匀。",
                "{side}乳{place}象限可见类圆形等密度结节，约{a}mm×{b}mm，边界光整。",
                "{side}乳{place}见{a}mm卵圆形肿块，边缘清晰，周围可见晕征。",
            ],
            True: [
                "{side}乳{place}象限见一不规则高密度肿块，大小约{a}mm×{b}mm，边缘毛刺。",
                "{side}乳{place}象限可见边缘模糊伴毛刺的肿块，约{a}mm×{b}mm，邻近结构扭曲。",
                "{side}乳{place}见{a}mm不规则肿块，边缘呈星芒状。",
            ],
        },
        "calcifications": {
            False: [
                "{side}乳{place}象限见数枚圆形粗大钙化，范围约{a}mm。",
                "{side}乳{place}象限可见散在圆点状钙化，形态规则，范围约{a}mm。",
            ],
            True: [
                "{side}乳{place}象限见段样分布细小多形性钙化，范围约{a}mm×{b}mm。",
                "{side}乳{place}象限可见成簇细小钙化，大小不一，范围约{a}mm。",
            ],
        },
    },
    "en": {
        "mass": {
            False: [
                "There is a {a} x {b} mm oval circumscribed mass in the {place} {side} breast.",
                "{side} breast, {place} quadrant: round mass with circumscribed margins, {a} mm.",
            ],
            True: [
                "There is a {a} x {b} mm irregular spiculated mass in the {place} {side} breast.",
                "{side} breast, {place} quadrant: irregular mass, indistinct and spiculated, {a} mm.",
            ],
        },
        "calcifications": {
            False: ["Coarse round calcifications span {a} mm in the {place} {side} breast."],
            True: ["Segmental fine pleomorphic calcifications span {a} mm in the {place} {side} breast."],
        },
    },
}
OTHER_SIDE_NORMAL: Final[dict[str, list[str]]] = {
    "zh": ["{side}乳未见明确肿块及可疑钙化。", "{side}乳未见异常。"],
    "en": ["{side} breast: no mass, calcifications or distortion.", "The {side} breast is unremarkable."],
}
BOTH_NORMAL: Final[dict[str, list[str]]] = {
    "zh": ["双乳未见明确肿块、结构扭曲及可疑钙化。", "双乳内未见异常密度影及簇状钙化。"],
    "en": ["No mass, architectural distortion or calcifications are seen in either breast."],
}
SKIN_AND_NODES: Final[dict[str, list[str]]] = {
    "zh": [
        "皮肤及乳头未见异常，双腋下未见肿大淋巴结。",
        "双侧腋前见小淋巴结，淋巴门存在。",
        "双侧皮肤未见增厚。",
    ],
    "en": ["Skin and nipples are normal.", "No enlarged axillary lymph nodes."],
}

# --- questions -----------------------------------------------------------------------------------------
OPENINGS: Final[dict[str, list[str]]] = {
    "zh": ["", "", "请问", "您好，", "医生您好，", "想问一下，"],
    "en": ["", "", "Hello, ", "Doctor, ", "Please, "],
}
EARLIER_TURNS: Final[dict[str, list[tuple[str, str]]]] = {
    "zh": [
        ("医生您好，我刚拍了钼靶。", "您好，请问您想了解什么？"),
        ("钼靶检查疼不疼？", "会有短暂的压迫感，一般可以忍受。"),
        ("BI-RADS是什么意思？", "它是乳腺影像的统一分类，数字越大越要重视。"),
    ],
    "en": [
        ("Hello, I had my mammogram today.", "Hello, what would you like to know?"),
        ("What does BI-RADS mean?", "It is the common scale for breast imaging results."),
    ],
}
QUESTIONS: Final[dict[Language, dict[QuestionKind, list[str]]]] = {
    "zh": {
        "density": [
            "我的乳腺密度是哪一型？",
            "我的乳腺致密吗？",
            "我的腺体密不密？",
            "从片子上看，我是致密型乳腺吗？",
            "我的乳腺属于什么类型？",
            "片子上我的腺体多不多？",
            "我的乳腺是A型还是D型？",
            "我需要因为乳腺致密加做超声吗？",
        ],
        "category": [
            "我这次是BI-RADS几类？",
            "我的片子评估是几类？",
            "这次检查的分类说明什么？",
            "我的结果严重吗？",
            "我的分类是什么意思？",
        ],
        "next": [
            "我下一步该怎么办？",
            "我多久复查一次？",
            "我需要做穿刺吗？",
            "接下来我还要做什么检查？",
        ],
        "finding": [
            "片子上看到什么了？",
            "我的乳腺里有没有肿块？",
            "哪一边有问题？",
            "片子上有没有钙化？",
        ],
    },
    "en": {
        "density": [
            "what is my breast density?",
            "are my breasts dense?",
            "do I have dense breasts?",
            "what type of breast tissue do I have?",
            "do I need an ultrasound because of my density?",
        ],
        "category": [
            "what is my BI-RADS category?",
            "what does my result mean?",
            "is my result serious?",
        ],
        "next": ["what should I do next?", "when is my next check?", "do I need a biopsy?"],
        "finding": ["what did you see on my images?", "is there a lump in my breast?"],
    },
}

# --- answers: brief, plain, full -------------------------------------------------------------------------
DENSITY_ADVICE: Final[Table] = {
    "zh": {
        "A": "钼靶看得很清楚",
        "B": "不算致密",
        "C": "属于致密乳腺，可加做超声",
        "D": "非常致密，建议加做超声",
    },
    "en": {
        "A": "mammography shows them very well",
        "B": "this is not dense",
        "C": "this is dense, ultrasound may be added",
        "D": "this is very dense, ultrasound is advised",
    },
}
CATEGORY_MEANINGS: Final[Table] = {
    "zh": {
        "1": "未见异常",
        "2": "是良性改变",
        "3": "良性可能性大，恶性可能不超过2%",
        "4": "有可疑之处，但不等于癌",
    },
    "en": {
        "1": "nothing abnormal was seen",
        "2": "the changes are benign",
        "3": "it is probably benign, the risk is at most 2%",
        "4": "it is suspicious, but it does not mean cancer",
    },
}
CATEGORY_ADVICE: Final[Table] = {
    "zh": {
        "1": "每年常规复查即可",
        "2": "每年复查一次就可以",
        "3": "建议半年后复查",
        "4": "建议穿刺活检明确",
    },
    "en": {
        "1": "come back for the yearly check",
        "2": "a check once a year is enough",
        "3": "have a check in six months",
        "4": "a needle biopsy is advised",
    },
}
ANSWERS: Final[Table] = {
    "zh": {
        "density": [
            "您的乳腺是{density}型，{name}。",
            "从影像看，您的乳腺密度为{density}型（{name}），{dense}。",
            "您好，您的乳腺属于{density}型，即{name}，{dense}。有疑问请咨询您的医生。",
        ],
        "category": [
            "这次是BI-RADS {category}类，{meaning}。",
            "本次评估为BI-RADS {category}类，{meaning}，{advice}。",
            "您好，本次评估为BI-RADS {category}类，{meaning}。{advice}，请不必过于紧张。",
        ],
        "next": [
            "{advice}。",
            "您是BI-RADS {category}类，{advice}。",
            "您好，您的评估是BI-RADS {category}类，{advice}，请按时到乳腺外科就诊。",
        ],
    },
    "en": {
        "density": [
            "Your breasts are density {density}, {name}.",
            "The images show density {density} ({name}); {dense}.",
            "Your breast tissue is density {density}, {name}; {dense}. Please ask your doctor if unsure.",
        ],
        "category": [
            "It is BI-RADS {category}: {meaning}.",
            "Your result is BI-RADS {category}: {meaning}; {advice}.",
            "Your result is BI-RADS {category}: {meaning}; {advice}. Please do not worry too much.",
        ],
        "next": [
            "In your case {advice}.",
            "Your result is BI-RADS {category}, so {advice}.",
            "Your result is BI-RADS {category}, so {advice}. Please see your breast clinic.",
        ],
    },
}
NO_FINDING_ANSWERS: Final[dict[str, list[str]]] = {
    "zh": [
        "双乳未见明显异常。",
        "从影像看，双乳未见明确肿块和可疑钙化。",
        "您好，双乳未见明确肿块和可疑钙化，请按时复查。",
    ],
    "en": [
        "Nothing abnormal is seen in either breast.",
        "The images show no mass and no suspicious calcifications in either breast.",
        "No mass and no suspicious calcifications are seen. Please keep your yearly check.",
    ],
}
FINDING_ANSWERS: Final[Table] = {
    "zh": {
        "mass": {
            False: [
                "{side}乳有一个边缘清楚的肿块。",
                "从影像看，{side}乳有一个边缘清楚的肿块，倾向良性。",
                "您好，{side}乳有一个边缘清楚的肿块，倾向良性，请按时复查。",
            ],
            True: [
                "{side}乳有一个边缘毛刺的肿块。",
                "从影像看，{side}乳有一个边缘毛刺的肿块，需要进一步检查。",
                "您好，{side}乳有一个边缘毛刺的肿块，需要穿刺明确，请尽快就诊。",
            ],
        },
        "calcifications": {
            False: [
                "{side}乳有几枚粗大钙化。",
                "从影像看，{side}乳有几枚粗大钙化，倾向良性。",
                "您好，{side}乳有几枚粗大钙化，倾向良性，请按时复查。",
            ],
            True: [
                "{side}乳有成簇细小钙化。",
                "从影像看，{side}乳有成簇细小钙化，需要进一步检查。",
                "您好，{side}乳有成簇细小钙化，需要穿刺明确，请尽快就诊。",
            ],
        },
    },
    "en": {
        "mass": {
            False: [
                "There is a smooth mass in the {side} breast.",
                "The images show a smooth mass in the {side} breast, probably benign.",
                "There is a smooth mass in the {side} breast, probably benign. Please come for your check.",
            ],
            True: [
                "There is a spiculated mass in the {side} breast.",
                "The images show a spiculated mass in the {side} breast that needs more tests.",
                "There is a spiculated mass in the {side} breast. Please see your breast clinic soon.",
            ],
        },
        "calcifications": {
            False: [
                "There are coarse calcifications in the {side} breast.",
                "The images show coarse calcifications in the {side} breast, probably benign.",
                "There are coarse calcifications in the {side} breast. Please come for your check.",
            ],
            True: [
                "There are fine calcifications in the {side} breast.",
                "The images show fine calcifications in the {side} breast that need more tests.",
                "There are fine calcifications in the {side} breast. Please see your breast clinic soon.",
            ],
        },
    },
}
