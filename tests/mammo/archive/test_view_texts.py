"""The projection of an image as its codes and its written view position say it, and what is kept for a person."""

from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset
from pydicom.sequence import Sequence

from mammo.archive.dicom import codes
from mammo.archive.dicom.acceptance import examine
from mammo.archive.dicom.refusal import Refusal
from mammo.archive.dicom.view import ViewFound, find_view

from .files import mammogram, picture


def written(position: str) -> ViewFound:
    dataset = Dataset()
    dataset.ViewPosition = position
    return find_view(dataset)


@pytest.mark.parametrize(
    ("position", "side", "view", "modifiers"),
    [
        ("MLO", "", "MLO", []),
        ("mlo", "", "MLO", []),
        ("RMLO", "R", "MLO", []),
        ("R-MLO", "R", "MLO", []),
        ("MLO-R", "R", "MLO", []),
        ("MLOR", "R", "MLO", []),
        ("CC L", "L", "CC", []),
        ("CCL", "L", "CC", []),
        ("LCC", "L", "CC", []),
        ("LEFT CC", "L", "CC", []),
        ("RIGHT MLO", "R", "MLO", []),
        ("CC RIGHT", "R", "CC", []),
        ("CRANIO-CAUDAL", "", "CC", []),
        ("CRANIOCAUDAL LEFT BREAST", "L", "CC", []),
        ("MEDIOLATERAL OBLIQUE", "", "MLO", []),
        ("MEDIO-LATERAL OBLIQUE", "", "MLO", []),
        ("MEDIOLATERAL", "", "ML", []),
        ("LATEROMEDIAL", "", "LM", []),
        ("LATERO-MEDIAL OBLIQUE", "", "OTHER", []),
        ("CAUDOCRANIAL", "", "OTHER", []),
        ("EXAGGERATED CRANIOCAUDAL LATERALLY", "", "XCCL", []),
        ("XCCL", "", "XCCL", []),
        ("XCCLR", "R", "XCCL", []),
        ("LXCCM", "L", "XCCM", []),
        ("LM", "", "LM", []),
        ("LML", "L", "ML", []),
        ("RLM", "R", "LM", []),
        ("MLR", "R", "ML", []),
        ("SPOT CC", "", "CC", ["spot_compression"]),
        ("SPOT COMPRESSION RIGHT CC", "R", "CC", ["spot_compression"]),
        ("MAG CC", "", "CC", ["magnification"]),
        ("RMCC", "R", "CC", ["magnification"]),
        ("RMMLO", "R", "MLO", ["magnification"]),
        ("LMML", "L", "ML", ["magnification"]),
        ("LSMLO", "L", "MLO", ["spot_compression"]),
        ("LCC SPOT MAG", "L", "CC", ["magnification", "spot_compression"]),
        ("CC R MAG", "R", "CC", ["magnification"]),
        ("CCM", "", "CC", ["magnification"]),
        ("CCID", "", "CC", ["implant_displaced"]),
        ("RCCRM", "R", "CC", ["rolled_medial"]),
        ("RCCRL", "R", "CC", ["rolled_lateral"]),
        ("ROLLED MEDIAL CC", "", "CC", ["rolled_medial"]),
        ("LMLO AT", "L", "MLO", ["axillary_tail"]),
        ("CCCV", "", "CC", ["cleavage"]),
        ("LCCTAN", "L", "CC", ["tangential"]),
        ("AT", "", "MLO", ["axillary_tail"]),
        ("L AT", "L", "MLO", ["axillary_tail"]),
        ("AXILLARY TAIL", "", "MLO", ["axillary_tail"]),
        ("CV", "", "CC", ["cleavage"]),
        ("RTAN", "R", "OTHER", ["tangential"]),
    ],
)
def test_a_written_view_position_is_read(position: str, side: str, view: str, modifiers: list[str]) -> None:
    assert written(position) == ViewFound(view, modifiers, side)


@pytest.mark.parametrize(
    "position",
    # The lateral views of other examinations; two sides; a magnified LM or an ML, magnified; no view at all.
    [
        "",
        "LAT",
        "LATERAL",
        "RL",
        "AP",
        "RCCL",
        "L MLO R",
        "MLM",
        "RMLM",
        "RM",
        "BILATERAL",
        "CC MLO",
        "M" * 2000,
    ],
)
def test_a_text_that_may_mean_something_else_says_nothing(position: str) -> None:
    assert written(position) == ViewFound()


def coded(value: str, scheme: str = "SRT", *, modifier: str = "", position: str = "") -> Dataset:
    def item(code: str) -> Dataset:
        made = Dataset()
        made.CodeValue, made.CodingSchemeDesignator, made.CodeMeaning = code, scheme, "anything"
        return made

    dataset, view = Dataset(), item(value)
    if modifier:
        view.ViewModifierCodeSequence = Sequence([item(modifier)])
    dataset.ViewCodeSequence = Sequence([view])
    dataset.ViewPosition = position
    return dataset


@pytest.mark.parametrize(
    ("value", "scheme", "view"),
    [
        ("R-10242", "SRT", "CC"), ("R-10242", "srt", "CC"), ("r-10226", "SNM3", "MLO"), ("399162004", "SCT", "CC"),
        ("Y-X1770", "SNM3", "XCCL"), ("R-10242", "ACR", ""), ("R-99999", "SRT", ""),
    ],
)  # fmt: skip
def test_a_code_is_read_in_each_scheme(value: str, scheme: str, view: str) -> None:
    assert find_view(coded(value, scheme)).view == view


@pytest.mark.parametrize("name", sorted(codes.MODIFIER_CODES))
def test_each_modifier_is_kept_and_says_whether_the_view_is_one_of_the_four(name: str) -> None:
    found = find_view(coded("399162004", "SCT", modifier=codes.MODIFIER_CODES[name].value, position="CC"))
    assert (found.view, found.modifiers) == ("CC", [name])
    standard = {"implant_displaced", "nipple_in_profile", "anterior_compression"}
    assert found.is_extra == (name not in standard)


@pytest.mark.parametrize(
    ("code", "position"), [("R-10242", "MLO"), ("R-10226", "CRANIO-CAUDAL"), ("R-10242", "XCCL")]
)
def test_a_code_and_a_text_that_disagree_are_kept_for_a_person(code: str, position: str) -> None:
    with pytest.raises(Refusal, match="a person must say which") as refused:
        find_view(coded(code, position=position))
    assert (refused.value.outcome, refused.value.found["kind"]) == ("quarantined", "view_conflict")


@pytest.mark.parametrize(("code", "position"), [("R-1024A", "CC"), ("R-10224", "AT"), ("R-10242", "LAT")])
def test_a_text_that_says_less_than_the_code_is_no_contradiction(code: str, position: str) -> None:
    assert find_view(coded(code, position=position)).view == codes.VIEW_OF_CODE[code]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ({"view": "AP"}, "no_view"),
        ({"view": "MLO", "code": "R-10242"}, "view_conflict"),
        ({"ImageLaterality": "B"}, "both_breasts"),
        ({"view": "CC RIGHT"}, "side_conflict"),
        ({"Laterality": "R"}, "side_conflict"),
        ({"image": picture("R")}, "side_against_pixels"),
        ({"ImageLaterality": "", "PatientOrientation": ["P", "L"]}, "no_side"),
    ],
)  # fmt: skip
def test_each_doubt_about_side_or_view_is_kept_under_its_kind(
    tmp_path: Path, values: dict[str, Any], kind: str
) -> None:
    given = dict(values)
    if code := given.pop("code", ""):
        given["ViewCodeSequence"] = coded(code).ViewCodeSequence
    with pytest.raises(Refusal) as refused:
        examine(mammogram(tmp_path / "a.dcm", **given))
    assert (refused.value.outcome, refused.value.found["kind"]) == ("quarantined", kind)
