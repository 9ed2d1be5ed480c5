"""Ages of 90 and more: so few people have them that the age itself identifies; shown as a class."""

import re

from mammo.core.patterns import compiled_when_used

_OLD = r"(?:9\d|1[0-2]\d)"
_WRITTEN = r"(?:九十[一二三四五六七八九几多来余]{0,2}|一百(?:零[一二三四五六七八九]|一十[一二三四五六七八九]?|[多几])?)"
_ENGLISH = (
    r"(?:ninety(?:[\s-](?:one|two|three|four|five|six|seven|eight|nine))?|"
    r"(?:a|one)\shundred(?:\s(?:and\s)?[a-z]{3,5})?)"
)
_YEARS = r"(?:years?|yrs?|y/?o|y\.o\.?)"

OLD_AGE = compiled_when_used(
    rf"(?<![\d.])(?:{_OLD}\s?(?:多|几|余)?|{_WRITTEN})\s?周?岁(?:半|高龄)?"
    rf"|年龄(?:为|是)?\s?[:=]?\s?(?P<it>{_OLD})(?![\d.]|\s?(?:%|mm|cm))"
    rf"|(?<![\d.A-Za-z])(?i:(?:{_OLD}|{_ENGLISH})[\s-]{{0,2}}{_YEARS}(?:[\s-]{{0,2}}(?:old|of\sage))(?![a-z]))"
    rf"|(?<![\d.A-Za-z])(?i:{_OLD}[\s-]{{0,2}}(?:y/?o|y\.o\.?)(?![a-z]))"
    rf"|(?<![\d.A-Za-z]){_OLD}\s?Y(?![A-Za-z0-9])"
    rf"|(?i:(?<![a-z])(?:aged?|age\sof)(?:\sis)?\s?[:=]?\s?(?P<aged>{_OLD})(?![\d.]|\s?(?:%|mm|cm|days?|weeks?|months?)))"
    rf"|(?<![A-Za-z0-9])(?:F|M|[Ff]emale|[Mm]ale|女|男)\s?/\s?(?P<after>{_OLD}(?:\s?周?岁)?)(?![\d.])"
    rf"|(?<![\d./])(?P<before>{_OLD})\s?/\s?(?:F|M|[Ff]emale|[Mm]ale|女|男)(?![A-Za-z0-9])"
)
TOKENS = {"zh": "[90岁及以上]", "en": "[90 or older]"}


def age_span(match: re.Match[str]) -> tuple[int, int]:
    """What of a match is the age."""
    named = next((name for name in ("it", "aged", "after", "before") if match[name]), None)
    return match.span(named or 0)
