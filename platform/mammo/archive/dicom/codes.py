"""Our own tables of views and modifiers (PS3.16 CID 4014 and 4015); code meanings are never copied from a file.

The three schemes name the same concepts: SCT since 2017, SRT before it, SNM3 before that; SNM3 codes of a
concept are the SRT ones but for the exaggerated views.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Code:
    """One concept in SNOMED CT, as it is written into files."""

    value: str
    meaning: str


# Short name -> concept, older code values.
_VIEWS: dict[str, tuple[Code, tuple[str, ...]]] = {
    "CC": (Code("399162004", "cranio-caudal"), ("R-10242",)),
    "MLO": (Code("399368009", "medio-lateral oblique"), ("R-10226",)),
    "ML": (Code("399260004", "medio-lateral"), ("R-10224",)),
    "LM": (Code("399352003", "latero-medial"), ("R-10228",)),
    "XCCL": (Code("399192008", "cranio-caudal exaggerated laterally"), ("R-1024A", "Y-X1770")),
    "XCCM": (Code("399101009", "cranio-caudal exaggerated medially"), ("R-1024B", "Y-X1771")),
    "LMO": (Code("399099002", "latero-medial oblique"), ("R-10230",)),
    "FB": (Code("399196006", "caudo-cranial"), ("R-10244",)),
    "SIO": (Code("399188001", "superolateral to inferomedial oblique"), ("R-102D0",)),
    "ISO": (Code("441555000", "inferomedial to superolateral oblique"), ("R-40AAA",)),
    "XCC": (Code("399265000", "cranio-caudal exaggerated"), ("R-102CF",)),
}
_MODIFIERS: dict[str, tuple[Code, tuple[str, ...]]] = {
    "magnification": (Code("399163009", "Magnification"), ("R-102D6",)),
    "spot_compression": (Code("399055006", "Spot Compression"), ("R-102D7",)),
    "implant_displaced": (Code("399209000", "Implant Displaced"), ("R-102D5",)),
    "cleavage": (Code("399161006", "Cleavage"), ("R-102D2",)),
    "axillary_tail": (Code("399011000", "Axillary Tail"), ("R-102D1",)),
    "axillary_tissue": (Code("442580003", "Axillary tissue"), ("R-40AB2",)),
    "tangential": (Code("399110001", "tangential"), ("R-102C2",)),
    "rolled_lateral": (Code("399197002", "Rolled Lateral"), ("R-102D3",)),
    "rolled_medial": (Code("399226006", "Rolled Medial"), ("R-102D4",)),
    "rolled_superior": (Code("415670009", "Rolled Superior"), ("R-102C9",)),
    "rolled_inferior": (Code("414493004", "Rolled Inferior"), ("R-102CA",)),
    "nipple_in_profile": (Code("442581004", "Nipple in profile"), ("R-40AB3",)),
    "infra_mammary_fold": (Code("442593008", "Infra-mammary fold"), ("R-40ABE",)),
    "anterior_compression": (Code("441752004", "Anterior compression"), ("P2-00161",)),
}
SCHEMES = frozenset({"SCT", "SRT", "SNM3", "99SDM"})
VIEW_CODES = {name: code for name, (code, _) in _VIEWS.items()}
MODIFIER_CODES = {name: code for name, (code, _) in _MODIFIERS.items()}
VIEW_OF_CODE = {value: name for name, (code, old) in _VIEWS.items() for value in (code.value, *old)}
MODIFIER_OF_CODE = {value: name for name, (code, old) in _MODIFIERS.items() for value in (code.value, *old)}
CLOSE_UP = frozenset({"magnification", "spot_compression"})
# A modifier that makes an image something else than one of the standard four views.
EXTRA_MODIFIERS = frozenset(
    {
        *CLOSE_UP, "cleavage", "axillary_tail", "axillary_tissue", "tangential",
        "rolled_lateral", "rolled_medial", "rolled_superior", "rolled_inferior", "infra_mammary_fold",
    }
)  # fmt: skip
