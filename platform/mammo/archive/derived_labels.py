"""The label of a breast that follows from pathology; the reported category stays what it was, beside it."""

from collections.abc import Iterable
from dataclasses import dataclass

from mammo.archive.models import Pathology, Study
from mammo.core.choices import PathologyClass

RULE = "worst-result-1"
NEGATIVE = "negative"


@dataclass(frozen=True)
class DerivedLabel:
    """What is known of a breast by tissue or follow-up.

    Attributes:
        label: malignant, high_risk, benign or negative; None when nothing is known.
        rule: name of the rule that made it: the worst of all results that nothing replaced; negative only where
            there is no tissue and a follow-up of at least 24 months.
    """

    label: str | None
    rule: str = RULE


def derived_label(study: Study, laterality: str) -> DerivedLabel:
    """The label of one breast of a study."""
    return worst_result(study.pathology.filter(laterality=laterality, replaced_by=None))


def worst_result(results: Iterable[Pathology]) -> DerivedLabel:
    """The rule itself."""
    order = (PathologyClass.MALIGNANT, PathologyClass.HIGH_RISK, PathologyClass.BENIGN)
    found = {row.result or NEGATIVE for row in results}
    return DerivedLabel(next((str(label) for label in (*order, NEGATIVE) if label in found), None))
