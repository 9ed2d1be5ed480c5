"""Figures of the paper (MammoVLM, Information Fusion 2025), shown as reference columns and marked as such."""

# Table 1: correctness, rationality, helpfulness, professionalism, completeness.
_ASPECTS = ("correctness", "rationality", "helpfulness", "professionalism", "completeness")
_TABLE_1 = {
    "llava15": (81.3, 77.8, 91.0, 80.6, 96.6),
    "cogvlm": (64.6, 75.6, 86.5, 78.6, 88.7),
    "qwenvl": (86.5, 74.2, 84.7, 88.7, 90.7),
    "mammoclip": (80.4, 81.2, 88.9, 89.4, 79.4),
    "biomedgpt": (91.5, 80.3, 86.4, 88.8, 90.8),
    "mammovlm": (91.5, 82.6, 91.2, 94.6, 96.5),
    "junior": (90.6, 83.0, 93.4, 91.1, 93.0),
    "senior": (92.7, 86.1, 96.3, 95.1, 97.1),
}
_WORDS_LEFT_OUT = ("doctor", "radiologist", "physician")


def table_1_figures(arm_name: str) -> dict[str, float]:
    """The paper's means for an arm of this name, by aspect key; empty where the paper has no such arm."""
    name = arm_name.casefold()
    for word in _WORDS_LEFT_OUT:
        name = name.replace(word, "")
    known = _TABLE_1.get("".join(letter for letter in name if letter.isalnum()))
    return dict(zip(_ASPECTS, known, strict=True)) if known else {}
