"""Which projection an image is: ViewCodeSequence first, ViewPosition as fallback (IHE RAD TF-2, Mammo display)."""

from dataclasses import dataclass, field

from pydicom import Dataset

from mammo.archive.dicom import codes
from mammo.archive.dicom.reading import text
from mammo.archive.dicom.refusal import quarantined
from mammo.archive.dicom.view_text import read_view_text

STORED_VIEWS = frozenset({"CC", "MLO", "ML", "LM", "XCCL", "XCCM"})
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
    written = read_view_text(text(dataset, "ViewPosition"))
    contradicts = written.view not in ("", coded, _SAME_FAMILY.get(coded)) and not written.is_implied
    if coded and contradicts:
        raise quarantined(
            f"ViewCodeSequence says {coded}, ViewPosition says {written.view}: a person must say which",
            kind="view_conflict",
        )
    name = coded or written.view
    stored = name if name in STORED_VIEWS else ("OTHER" if name else "")
    return ViewFound(stored, sorted({*modifiers, *written.modifiers}), written.side)


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
    scheme = text(item, "CodingSchemeDesignator").upper()
    return text(item, "CodeValue").upper() if scheme in codes.SCHEMES else ""


def _items(dataset: Dataset, keyword: str) -> list[Dataset]:
    try:
        return list(dataset.get(keyword) or [])
    except (TypeError, ValueError):
        return []
