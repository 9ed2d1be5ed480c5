"""Which projection an image is: ViewCodeSequence first, ViewPosition as fallback (IHE RAD TF-2, Mammo display)."""

import re
from dataclasses import dataclass, field

from pydicom import Dataset

from mammo.archive.dicom import codes
from mammo.archive.dicom.reading import text
from mammo.archive.dicom.refusal import quarantined

STORED_VIEWS = frozenset({"CC", "MLO", "ML", "LM", "XCCL", "XCCM"})
_VIEW_TEXT = re.compile(
    r"(?P<side>[RL])?[\s_-]*(?P<view>XCCL|XCCM|XCC|LMO|MLO|CC|ML|LM|FB|SIO|ISO)[\s_-]*(?P<tail>ID|M|S|SPOT|MAG)?"
)
_TAILS = {
    "ID": "implant_displaced",
    "M": "magnification",
    "MAG": "magnification",
    "S": "spot_compression",
    "SPOT": "spot_compression",
}
# A view position can't say "exaggerated": CC beside such a code is no contradiction.
_SAME_FAMILY = {"XCCL": "CC", "XCCM": "CC", "XCC": "CC", "FB": "CC"}


@dataclass(frozen=True)
class ViewFound:
    """A projection.

    Attributes:
        view: CC, MLO, ML, LM, XCCL, XCCM or OTHER; '' when nothing says it.
        modifiers: names of `codes.MODIFIER_CODES`.
        side: L or R where the view's text names it (RMLO), else ''.
    """

    view: str = ""
    modifiers: list[str] = field(default_factory=list)
    side: str = ""

    @property
    def is_extra(self) -> bool:
        """Whether the image can't be one of the standard four views."""
        return self.view not in {"CC", "MLO"} or bool(codes.EXTRA_MODIFIERS & set(self.modifiers))


def find_view(dataset: Dataset) -> ViewFound:
    """Resolve the projection of an image.

    Raises:
        Refusal: ViewCodeSequence and ViewPosition name two different views (quarantined).
    """
    coded, modifiers = _from_codes(dataset)
    match = _VIEW_TEXT.fullmatch(text(dataset, "ViewPosition").upper())
    written = match["view"] if match else ""
    if match and match["tail"]:
        modifiers.append(_TAILS[match["tail"]])
    if coded and written and written not in (coded, _SAME_FAMILY.get(coded)):
        raise quarantined(
            f"ViewCodeSequence says {coded}, ViewPosition says {written}: a person must say which",
            kind="view_conflict",
        )
    name = coded or written
    stored = name if name in STORED_VIEWS else ("OTHER" if name else "")
    return ViewFound(stored, sorted(set(modifiers)), (match["side"] or "") if match else "")


def _from_codes(dataset: Dataset) -> tuple[str, list[str]]:
    modifiers: list[str] = []
    view = ""
    for item in _items(dataset, "ViewCodeSequence"):
        view = view or codes.VIEW_OF_CODE.get(_code_value(item), "")
        modifiers += _modifiers(item)
    modifiers += _modifiers(dataset)
    return view, modifiers


def _modifiers(dataset: Dataset) -> list[str]:
    found = (
        codes.MODIFIER_OF_CODE.get(_code_value(item)) for item in _items(dataset, "ViewModifierCodeSequence")
    )
    return [name for name in found if name]


def _code_value(item: Dataset) -> str:
    return text(item, "CodeValue") if text(item, "CodingSchemeDesignator") in codes.SCHEMES else ""


def _items(dataset: Dataset, keyword: str) -> list[Dataset]:
    try:
        return list(dataset.get(keyword) or [])
    except (TypeError, ValueError):
        return []
