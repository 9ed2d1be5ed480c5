"""What a written view position says: MLO, R-MLO, CCL, LEFT CC, RCCRM, SPOT CC, MEDIOLATERAL OBLIQUE.

The short names are those of the ACR's labelling codes (PS3.16 CID 4014 and 4015): the side before or behind the view,
M (magnification) and S (spot compression) before it, the other modifiers behind it.
"""

import re
from dataclasses import dataclass

_MODIFIERS = {
    "M": "magnification", "MAG": "magnification", "S": "spot_compression", "SPOT": "spot_compression",
    "ID": "implant_displaced", "RL": "rolled_lateral", "RM": "rolled_medial", "RS": "rolled_superior",
    "RI": "rolled_inferior", "AT": "axillary_tail", "CV": "cleavage", "TAN": "tangential", "NP": "nipple_in_profile",
    "IMF": "infra_mammary_fold", "AX": "axillary_tissue", "AC": "anterior_compression",
}  # fmt: skip
# Named alone, these stand for the view that they modify; a tangential one may be any.
_VIEW_OF_MODIFIER = {"AT": "MLO", "CV": "CC", "TAN": "OTHER"}
# Long names, the longer ones first; `#` marks a modifier that was written out, so that RM is no "right, magnified".
_LONG = tuple(
    (re.compile(rf"\b{long}\b"), short)
    for long, short in (
        (r"SUPERO ?LATERAL TO INFERO ?MEDIAL(?: OBLIQUE)?", "SIO"),
        (r"INFERO ?MEDIAL TO SUPERO ?LATERAL(?: OBLIQUE)?", "ISO"),
        (r"(?:EXAGGERATED CRANIO ?CAUDAL|CRANIO ?CAUDAL EXAGGERATED) LATERAL(?:LY)?", "XCCL"),
        (r"(?:EXAGGERATED CRANIO ?CAUDAL|CRANIO ?CAUDAL EXAGGERATED) MEDIAL(?:LY)?", "XCCM"),
        (r"EXAGGERATED CRANIO ?CAUDAL|CRANIO ?CAUDAL EXAGGERATED", "XCC"),
        (r"MEDIO ?LATERAL OBLIQUE", "MLO"),
        (r"LATERO ?MEDIAL OBLIQUE", "LMO"),
        (r"ROLLED LATERAL(?:LY)?", "#RL"),
        (r"ROLLED MEDIAL(?:LY)?", "#RM"),
        (r"ROLLED SUPERIOR(?:LY)?", "#RS"),
        (r"ROLLED INFERIOR(?:LY)?", "#RI"),
        (r"CRANIO ?CAUDAL", "CC"),
        (r"CAUDO ?CRANIAL|FROM BELOW", "FB"),
        (r"MEDIO ?LATERAL", "ML"),
        (r"LATERO ?MEDIAL", "LM"),
        (r"SPOT(?: COMPRESSION)?", "#SPOT"),
        (r"MAGNIFICATION|MAGNIFIED", "#MAG"),
        (r"IMPLANT DISPLACED|EKLUND", "#ID"),
        (r"AXILLARY TAIL", "#AT"),
        (r"AXILLARY TISSUE", "#AX"),
        (r"CLEAVAGE", "#CV"),
        (r"TANGENTIAL", "#TAN"),
        (r"NIPPLE IN PROFILE", "#NP"),
        (r"INFRA ?MAMMARY FOLD", "#IMF"),
        (r"ANTERIOR COMPRESSION", "#AC"),
        (r"LEFT|LT", "L"),
        (r"RIGHT|RT", "R"),
        (r"BREAST|VIEW", ""),
    )
)
_SEPARATORS = re.compile(r"[\s_\-/.,+()^]+")
_VIEWS = "XCCL|XCCM|XCC|LMO|MLO|CC|ML|LM|FB|SIO|ISO"
_BEFORE = r"(?P<before>(?:(?:#[A-Z]+|SPOT|MAG|[MS]) ?)*)"
_BEHIND = r"(?P<behind>(?: ?(?:#[A-Z]+|SPOT|MAG|TAN|IMF|RL|RM|RS|RI|AT|CV|ID|NP|AC|AX|[MS]))*)"
_FIRST, _LAST = "(?:(?P<first>[LR]) ?)?", "(?: ?(?P<last>[LR]))?"
_BETWEEN, _AMID = "(?:(?P<between>[LR]) ?)?", "(?: ?(?P<amid>[LR])(?= ))?"
_WRITTEN = re.compile(rf"{_FIRST}{_BEFORE}{_BETWEEN}(?P<view>{_VIEWS}){_AMID}{_BEHIND}{_LAST}")
# MLM may be a magnified LM or an ML, magnified: where both readings differ, a person says which.
_OTHERWISE = re.compile(rf"{_FIRST}(?P<view>{_VIEWS}){_BEHIND}")
# LAT is the lateral view of other examinations: AT stands apart from its side.
_MODIFIER_ALONE = re.compile(r"(?:(?P<first>[LR])(?: |(?!AT)))?#?(?P<view>AT|CV|TAN)(?: ?(?P<last>[LR]))?")
_LONGEST = 80


@dataclass(frozen=True)
class Written:
    """What the text says.

    Attributes:
        view: short name, '' when the text is not understood.
        modifiers: names of `codes.MODIFIER_CODES`.
        side: L, R or ''.
        is_implied: a modifier stood alone, the view is the one it belongs to.
    """

    view: str = ""
    modifiers: tuple[str, ...] = ()
    side: str = ""
    is_implied: bool = False


def read_view_text(written: str) -> Written:
    """Read a view position; a text that is not understood, or says two sides or views, says nothing."""
    if len(written) > _LONGEST:
        return Written()
    known = _SEPARATORS.sub(" ", written.upper())
    for long, short in _LONG:
        known = long.sub(f" {short} ", known)
    known = " ".join(known.split())
    alone = _MODIFIER_ALONE.fullmatch(known)
    if alone:
        short = alone["view"]
        return _of_one_side(alone, Written(_VIEW_OF_MODIFIER[short], (_MODIFIERS[short],), is_implied=True))
    match, otherwise = _WRITTEN.fullmatch(known), _OTHERWISE.fullmatch(known)
    if match is None or (otherwise is not None and otherwise["view"] != match["view"]):
        return Written()
    shorts = _shorts(match["before"]) + _shorts(match["behind"])
    return _of_one_side(match, Written(match["view"], tuple(_MODIFIERS[short] for short in shorts)))


def _shorts(part: str) -> list[str]:
    return re.findall("SPOT|MAG|TAN|IMF|RL|RM|RS|RI|AT|CV|ID|NP|AC|AX|[MS]", part)


def _of_one_side(match: re.Match[str], found: Written) -> Written:
    sides = {side for name in ("first", "between", "amid", "last") if (side := match.groupdict().get(name))}
    if len(sides) > 1:
        return Written()
    return Written(found.view, found.modifiers, next(iter(sides), ""), found.is_implied)
