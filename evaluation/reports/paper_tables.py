"""Tables 2 to 10 of the paper (MammoVLM, Information Fusion 2025): reference columns, marked as the paper's.

Rows stand under keys without spaces and signs; values as printed. Intervals are the paper's own.
"""

Figure = tuple[float, tuple[float, float] | None]

ASPECTS = ("correctness", "rationality", "helpfulness", "professionalism", "completeness")
TABLE_2: dict[str, tuple[float, ...]] = {
    "llama3": (87.5, 78.7, 89.0, 89.6, 94.9),
    "mixtral8x22b": (84.6, 79.6, 90.6, 88.6, 94.1),
    "qwen": (82.8, 72.4, 83.2, 85.7, 96.1),
    "glm49b": (91.5, 82.6, 91.2, 94.6, 96.5),
}
TABLE_3: dict[str, tuple[float, ...]] = {
    "clip": (71.5, 67.3, 69.0, 65.8, 80.8),
    "convnext": (70.8, 70.3, 71.4, 68.9, 86.9),
    "moe": (77.9, 75.4, 76.3, 74.0, 88.4),
    "moeumicon": (86.4, 78.8, 88.1, 90.2, 92.6),
    "moeumiconsft": (91.5, 82.6, 91.2, 94.6, 96.5),
    "mammovlm": (91.5, 82.6, 91.2, 94.6, 96.5),
}
# BI-RADS 3, 4A, 4B, 4C, total.
TABLE_4: dict[str, tuple[int, ...]] = {
    "negative": (990, 1195, 281, 18, 2484),
    "positive": (189, 462, 652, 770, 2073),
    "total": (1179, 1657, 933, 788, 4557),
}
TABLE_6: dict[str, tuple[float, ...]] = {
    "resnet50": (0.68, 0.71, 0.84, 0.85),
    "clip": (0.88, 0.85, 0.79, 0.89),
    "dinov2": (0.76, 0.90, 0.86, 0.81),
    "convnextbase": (0.81, 0.79, 0.82, 0.85),
    "convnexttiny": (0.84, 0.88, 0.93, 0.95),
}
# AUC with its interval, then accuracy, sensitivity, specificity, PPV, NPV.
TABLE_7: dict[str, tuple[Figure, tuple[float, ...]]] = {
    "yala": ((0.68, (0.62, 0.74)), (0.67, 0.72, 0.59, 0.61, 0.72)),
    "cao": ((0.61, (0.56, 0.66)), (0.60, 0.81, 0.45, 0.56, 0.70)),
    "mckinney": ((0.64, (0.62, 0.66)), (0.64, 0.78, 0.49, 0.60, 0.77)),
    "umicon": ((0.70, (0.65, 0.75)), (0.69, 0.81, 0.59, 0.62, 0.79)),
    "a": ((0.62, (0.56, 0.69)), (0.62, 0.80, 0.45, 0.58, 0.70)),
    "aumicon": ((0.74, (0.68, 0.80)), (0.72, 0.91, 0.58, 0.61, 0.89)),
    "b": ((0.61, (0.54, 0.68)), (0.60, 0.83, 0.38, 0.56, 0.70)),
    "bumicon": ((0.75, (0.69, 0.81)), (0.73, 0.86, 0.64, 0.64, 0.86)),
    "c": ((0.69, (0.63, 0.76)), (0.67, 0.88, 0.51, 0.57, 0.85)),
    "cumicon": ((0.76, (0.70, 0.82)), (0.76, 0.92, 0.61, 0.69, 0.89)),
    "d": ((0.71, (0.65, 0.78)), (0.68, 0.94, 0.48, 0.57, 0.92)),
    "dumicon": ((0.78, (0.72, 0.84)), (0.77, 0.90, 0.65, 0.71, 0.88)),
}
TABLE_7_CASES = 601
# AUC and accuracy.
TABLE_8: dict[str, tuple[float, float]] = {
    "base": (0.56, 0.60),
    "unimodal": (0.61, 0.63),
    "multimodal": (0.64, 0.66),
    "umicon": (0.70, 0.69),
    "attention": (0.69, 0.67),
}
TABLE_9: dict[str, int] = {"1": 1346, "2": 728, "3": 226, "4": 88, "5": 6, "6": 8, "0": 136}
# AUC and specificity at a sensitivity of 20 %, with the paper's intervals.
TABLE_10: dict[str, tuple[Figure, Figure]] = {
    "llava15": ((0.8671, (0.8667, 0.8671)), (0.9405, (0.9401, 0.9411))),
    "biomedgpt": ((0.8946, (0.8940, 0.8952)), (0.9701, (0.9695, 0.9707))),
    "mammoclip": ((0.9071, (0.9069, 0.9074)), (0.9786, (0.9779, 0.9795))),
    "qwenvl": ((0.9070, (0.9065, 0.9075)), (0.9808, (0.9804, 0.9811))),
    "mammovlm": ((0.9270, (0.9264, 0.9276)), (0.9902, (0.9899, 0.9905))),
}


def key_of(name: str) -> str:
    """A label as the keys above are written: lower-case letters and figures only."""
    return "".join(letter for letter in name.casefold() if letter.isalnum())
