"""What a study report's HTML must not hold: plans that were not read, and limits of means outside the scale."""

import re
from html import unescape

_TABLE = re.compile(r"<table>.*?</table>", re.S)
_NUMBER = r"-?\d+(?:\.\d+)?"
_INTERVAL = re.compile(rf"\[({_NUMBER}), ({_NUMBER})\]")
_SCALE = re.compile(rf"<td>(?:Scale|量表)</td><td>({_NUMBER})\s*[–-]\s*({_NUMBER})</td>")


def scale_of(report: str) -> tuple[float, float]:
    """The trial's scale as the report's design says it."""
    found = _SCALE.search(report)
    assert found is not None, "the report names no scale"
    return float(found[1]), float(found[2])


def unread_or_beyond(report: str) -> list[str]:
    """Plans that the report could not read, and limits of mean scores and of agreement beyond their scale."""
    text = unescape(report)
    found = re.findall(r"[^<>]*(?:can't be read|无法读取)[^<>]*", text)
    low, high = scale_of(text)
    for table in _TABLE.findall(text):
        caption = re.search(r"<caption>(.*?)</caption>", table, re.S)
        name = caption[1] if caption else ""
        if name.startswith(("Mean score", "各组各方面的平均分")):
            ends = (low, high)
        elif name.startswith(("Agreement", "一致性")):
            ends = (-1.0, 1.0)
        else:
            continue
        limits = _INTERVAL.findall(table)
        assert limits, f"{name}: no interval"
        found += [
            f"{name}: [{one}, {other}]"
            for one, other in limits
            if not ends[0] <= float(one) <= float(other) <= ends[1]
        ]
    return found
