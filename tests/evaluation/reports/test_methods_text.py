"""The paragraph for a manuscript's methods says what the result holds, not what was asked for."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluation.reports.own_analysis import analyse_own


def said(tmp_path: Path, kind: str, lines: list[str], **options: Any) -> str:
    file = tmp_path / "data.csv"
    file.write_text("\n".join(lines), encoding="utf-8")
    return analyse_own(kind, file, options).methods


CASES = [
    "truth,ai,reader,woman",
    *(f"{i % 2},{i % 2 * 2 + i % 3},{i % 5 + i % 2},w{i // 4}" for i in range(40)),
]


def test_two_scores_of_clusters_are_said_to_be_compared_as_they_were(tmp_path: Path) -> None:
    asked = {"truth": "truth", "score": "ai", "compare": "reader"}
    plain = said(tmp_path, "roc", CASES, **asked)
    assert "difference of their areas (paired DeLong)" in plain
    assert "clusters" not in plain
    clustered = said(tmp_path, "roc", CASES, **asked, cluster="woman")
    assert "difference of their areas (paired, empirical AUC, clusters by Obuchowski (1997))" in clustered
    assert "10 clusters" in clustered
    assert "DeLong" not in clustered


def test_agreement_names_the_measures_that_were_computed_and_no_other(tmp_path: Path) -> None:
    numbers = ["unit,a,b,c", *(f"u{i},{i % 5 + 1},{(i + i % 2) % 5 + 1},{i % 4 + 1}" for i in range(12))]
    of_numbers = said(tmp_path, "agreement", numbers)
    for measure in ("intraclass", "nominal, ordinal, interval and ratio levels", "Conger's", "concordance"):
        assert measure in of_numbers
    assert "Cohen" not in of_numbers
    names = ["unit,a,b", *(f"u{i},{'4A' if i % 3 else '5'},{'4A' if i % 4 else '3'}" for i in range(12))]
    of_names = said(tmp_path, "agreement", names, nominal=True)
    assert "alpha (nominal level) with bootstrap intervals" in of_names
    assert "Cohen's kappa and Fleiss', Conger's and Light's kappas;" in of_names
    assert "Stuart and Maxwell's test" in of_names
    for measure in ("intraclass", "concordance", "weights", "ordinal"):
        assert measure not in of_names
    two = said(tmp_path, "agreement", ["unit,a,b", *(f"u{i},{i % 4},{i % 3}" for i in range(12))])
    assert "Cohen's kappa (unweighted, and with linear and quadratic weights)" in two


def scores(*, raters: str = "abcd", authors: bool = False, patients: bool = False, gap: int = 0) -> list[str]:
    """Six questions and two systems; two people write the second one, whose author W1 `gap` raters do not score."""
    rng = np.random.default_rng(4)
    made = ["rater,question,system,aspect,score" + ",author" * authors + ",patient" * patients]
    for place, rater in enumerate(raters):
        for q in range(6):
            for system in ("machine", "doctors"):
                is_left_out = place < gap and q % 2 == 1 and system == "doctors"
                row = [rater, f"q{q}", system, "help", "" if is_left_out else str(rng.integers(50, 90))]
                row += [f"W{q % 2}" if system == "doctors" else ""] if authors else []
                made.append(",".join(row + ([f"p{q // 2}"] if patients else [])))
    return made


def test_scores_say_which_factors_were_random(tmp_path: Path) -> None:
    asked = {"replicates": 50}
    assert "with raters and questions as random factors" in said(tmp_path, "scores", scores(), **asked)
    of_patients = said(tmp_path, "scores", scores(patients=True), **asked)
    assert "with raters and patients, in place of their questions, as random factors" in of_patients
    of_one = said(tmp_path, "scores", scores(raters="a"), **asked)
    assert "questions as the random factor and one rater, who is fixed (one-sample t)" in of_one


@pytest.mark.parametrize(
    ("gap", "told", "untold"),
    [
        (0, "1 of 1 contrasts, of systems that several authors wrote, took raters and authors", "left out"),
        (1, "raters who had not scored every author were left out of them.", "were fixed"),
        (
            3,
            "Where fewer than two raters had scored every author of a system, its authors were fixed.",
            "took",
        ),
    ],
)
def test_scores_say_how_contrasts_of_several_authors_were_taken(
    tmp_path: Path, gap: int, told: str, untold: str
) -> None:
    text = said(tmp_path, "scores", scores(authors=True, gap=gap), replicates=50)
    assert told in text
    assert untold not in text
    assert "author" not in said(tmp_path, "scores", scores(gap=gap), replicates=50)


def test_one_reader_is_said_to_be_fixed(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    lines = ["reader,modality,case,truth,rating"]
    lines += [f"a,{m},c{c},{c % 2},{rng.integers(1, 90) + 20 * (c % 2)}" for m in "xy" for c in range(20)]
    text = said(tmp_path, "mrmc", lines)
    assert "readers were fixed and cases random" in text
    assert "Hillis" not in text
