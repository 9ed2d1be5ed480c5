"""What statistics and checks say of methods and margins has Chinese words on Chinese pages."""

import pytest
from django.utils import translation

from evaluation.endpoint import read_endpoint
from evaluation.reports.table import Column
from evaluation.reports.wording import in_words
from mammo.core.errors import UserError


@pytest.mark.parametrize(
    "method",
    [
        "empirical AUC, DeLong",
        "character 2-4-grams, naive Bayes, 5-fold over questions; bootstrap of questions",
        "not every reader read every case in every modality (readings missing: 1 of 600)",
    ],
)
def test_methods_and_notes(method: str) -> None:
    assert in_words(method) == method
    with translation.override("zh-hans"):
        said = in_words(method)
    assert said != method
    assert any("一" <= letter <= "鿿" for letter in said)


def test_columns_of_the_paper() -> None:
    with translation.override("zh-hans"):
        assert "（论文）" in Column("x", "均值", from_paper=True).heading


def test_a_margin_that_is_missing_names_no_field_of_a_program() -> None:
    with translation.override("zh-hans"), pytest.raises(UserError) as caught:
        read_endpoint({"endpoint": "auc", "hypothesis": "non_inferiority", "margin": None})
    assert "非劣效" in str(caught.value)
    assert not any(word in str(caught.value) for word in ("primary_endpoint", "None", "non_inferiority"))
