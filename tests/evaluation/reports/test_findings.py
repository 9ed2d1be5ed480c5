"""The type of finding that a report's words name."""

import pytest

from evaluation.reports.findings import finding_of


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("左乳外上象限见12mm×9mm肿块，内见细小多形性钙化。右乳未见明确肿块及可疑钙化。", "mass"),
        ("双乳未见肿块、结构扭曲及簇状钙化，皮肤及乳头未见异常。", "none"),
        ("左乳晕后方结构扭曲，并见9mm结节。", "distortion"),
        ("右乳局灶不对称，MLO位对应不明确；左乳无可疑钙化。", "asymmetry"),
        ("双乳散在钙化，未见BI-RADS 4类及以上征象。", "calcification"),
        ("No suspicious mass, calcification or architectural distortion.", "none"),
        (
            "No suspicious mass, calcifications, or distortion, but a focal asymmetry on the left.",
            "asymmetry",
        ),
        (
            "Heterogeneously dense, which may obscure small masses. Left grouped microcalcifications, 6 mm.",
            "calcification",
        ),
        ("No mass on the right, left 11 mm oval nodule.", "mass"),
        ("Normal mammogram.", "none"),
    ],
)
def test_what_a_report_names_and_does_not_deny_is_its_finding(text: str, finding: str) -> None:
    assert finding_of(text) == finding
