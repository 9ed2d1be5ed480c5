"""One neutral style for every arm's text: its marks must not tell a rater a system from a doctor.

Paragraphs and lists stay (they are part of an answer's helpfulness); markup, emoji, invisible characters and
differences in width, spacing and bullets go. The raw text is kept beside it.
"""

import re
import unicodedata

CJK = r"㐀-䶿一-鿿豈-﫿"
_INVISIBLE = re.compile(r"[\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\u00ad\ufe00-\ufe0f]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_EMOJI = re.compile("[\U0001f000-\U0001faff\U00002600-\U000027bf\U00002b00-\U00002bff\U000024c2]")
_FENCE = re.compile(r"^\s*(```|~~~).*$")
_RULE = re.compile(r"^\s*([-*_=])(?:\s*\1){2,}\s*$")
_HEADING = re.compile(r"^\s*#{1,6}\s+")
_QUOTE = re.compile(r"^\s*>\s?")
_BULLET = re.compile(r"^\s*[-*+•·●▪‣◦–—]\s+")
_NUMBER = re.compile(r"^\s*[(（]?(\d{1,2})[.)、．）]\s*(?=\D)")
_LINK = re.compile(r"!?\[([^\]\n]*)\]\([^)\n]*\)")
_STRONG = re.compile(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1")
_EMPHASIS = re.compile(r"(?<![\w*])\*(?=\S)([^*\n]+?)(?<=\S)\*(?![\w*])")
_CODE = re.compile(r"`([^`\n]+)`")
_HALF_WIDTH = {
    code: code - 0xFEE0 for code in [*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B)]
}
_WIDE = {",": "，", ";": "；", ":": "：", "?": "？", "!": "！"}
_AFTER_CJK = re.compile(rf"(?<=[{CJK}”》）])\s*([,;:?!])\s*(?!\d)")
_STOP_AFTER_CJK = re.compile(rf"(?<=[{CJK}”》）])\.(?=\s|$|[{CJK}])")
_GAP_IN_CJK = re.compile(rf"(?<=[{CJK}，。；：？！、])[ \t]+(?=[{CJK}，。；：？！、])")


def neutral_text(raw: str) -> str:
    """Return `raw` in the one style that raters read; pure and idempotent.

    What one pass lays bare (a heading in a quotation, a mark behind an emoji) the next takes: passes follow until none
    changes anything. Each takes marks out or settles them, so that there are never more than the text is long.
    """
    text = raw
    for _pass in range(len(raw) + 2):
        before, text = text, _one_pass(text)
        if text == before:
            break
    return text


def _one_pass(raw: str) -> str:
    text = unicodedata.normalize("NFC", raw.replace("\r\n", "\n").replace("\r", "\n"))
    text = text.replace("\u00a0", " ").replace("\u3000", " ").translate(_HALF_WIDTH)
    for pattern in (_INVISIBLE, _CONTROL, _EMOJI):
        text = pattern.sub("", text)
    lines = [_neutral_line(line) for line in text.split("\n") if not _FENCE.match(line)]
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
    text = _AFTER_CJK.sub(lambda match: _WIDE[match.group(1)], text)
    return _GAP_IN_CJK.sub("", _STOP_AFTER_CJK.sub("。", text))


def _neutral_line(line: str) -> str:
    if _RULE.match(line):
        return ""
    line = _QUOTE.sub("", _HEADING.sub("", line))
    is_bullet = _BULLET.match(line)
    numbered = _NUMBER.sub(lambda match: f"{match.group(1)}. ", line)
    line = "• " + _BULLET.sub("", line) if is_bullet else numbered
    line = _LINK.sub(r"\1", line)
    line = _CODE.sub(r"\1", _EMPHASIS.sub(r"\1", _STRONG.sub(r"\2", line)))
    return re.sub(r"[ \t]+", " ", line).strip()
