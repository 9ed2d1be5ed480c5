"""Files that a stranger may bring: many different values, and labels that hardly ever meet; ended soon, or refused."""

import time
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from evaluation.analyses.agreement import analyse_agreement
from evaluation.analyses.mrmc import MrmcOptions, run_mrmc
from evaluation.analyses.scores import analyse_scores
from mammo.accounts.models import User
from mammo.core.errors import UserError
from tests.evaluation.pages.test_designing import client_of

LEFT_OUT = "kappas and the test of equal margins, which take them as categories, are left out above 200"


def written(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(lines))
    return path


def measured(raters: int, units: int, decimals: int = 6) -> list[str]:
    """Values of a scale with decimals: every unit with its own, every rater near it."""
    rng = np.random.default_rng(3)
    values = rng.normal(60, 12, (units, 1)) + rng.normal(0, 4, (units, raters))
    head = ",".join(["unit", *(f"r{number}" for number in range(raters))])
    return [head, *(",".join([f"u{i}", *(f"{v:.{decimals}f}" for v in row)]) for i, row in enumerate(values))]


@pytest.mark.parametrize("raters", [2, 5])
def test_a_thousand_units_of_measurements_end_in_seconds_and_say_what_is_left_out(
    tmp_path: Path, raters: int
) -> None:
    began = time.perf_counter()
    result = analyse_agreement(written(tmp_path / "values.csv", measured(raters, 1000)))
    assert time.perf_counter() - began < 20
    assert result.data["kappa"] == {}
    assert result.data["marginal_homogeneity"] is None
    assert list(result.data["alpha"]) == ["interval"]
    assert 0.8 < result.data["icc"]["icc_a1"]["value"] < 1
    assert any(LEFT_OUT in note for note in result.data["notes"])
    assert any("alpha is given on the interval level alone" in note for note in result.data["notes"])


def test_up_to_two_hundred_values_keep_kappas_and_every_level_of_alpha_within_seconds(tmp_path: Path) -> None:
    began = time.perf_counter()
    result = analyse_agreement(written(tmp_path / "values.csv", measured(5, 1000, decimals=0)))
    assert time.perf_counter() - began < 20
    assert {"fleiss", "conger", "light"} <= set(result.data["kappa"])
    assert list(result.data["alpha"]) == ["nominal", "ordinal", "interval", "ratio"]
    low, high = result.data["alpha_ci"]["ordinal"]
    assert low < result.data["alpha"]["ordinal"] < high
    assert not any("left out above" in note for note in result.data["notes"])


def test_the_page_says_in_chinese_what_is_left_out(stan: User) -> None:
    file = SimpleUploadedFile("values.csv", "\n".join(measured(3, 150)).encode())
    data = {"kind": "agreement", "file": file}
    answer = client_of(stan).post(reverse("evaluation:analyse"), data, headers={"Accept-Language": "zh-hans"})
    assert answer.status_code == 200
    page = unescape(answer.content.decode())
    assert "不同取值共 450 个：kappa 与边际一致性检验把取值当作类别，超过 200 个时不予计算" in page
    assert "alpha 仅按等距尺度给出" in page


def sparse(kind: str) -> list[str]:
    """Rows that share no label with each other: a small file, an array of more than 50 million cells."""
    if kind == "scores":
        return ["rater,question,system,aspect,score", *(f"r{i},q{i},s{i},a,{i % 90}" for i in range(400))]
    if kind == "mrmc":
        return ["reader,modality,case,truth,rating", *(f"r{i},m{i},c{i},{i % 2},{i}" for i in range(400))]
    return ["rater,unit,value", *(f"r{i},u{i},{i % 5}" for i in range(8000))]


@pytest.mark.parametrize("kind", ["scores", "mrmc", "agreement"])
def test_labels_that_hardly_ever_meet_are_refused_before_memory_is_taken(
    tmp_path: Path, kind: str, stan: User
) -> None:
    analyses: dict[str, Any] = {
        "scores": analyse_scores,
        "mrmc": lambda path: run_mrmc(path, MrmcOptions()),
        "agreement": analyse_agreement,
    }
    path = written(tmp_path / "sparse.csv", sparse(kind))
    with pytest.raises(UserError, match="its labels hardly ever meet: they have 64000000 combinations"):
        analyses[kind](path)
    file = SimpleUploadedFile("sparse.csv", path.read_bytes())
    answer = client_of(stan).post(reverse("evaluation:analyse"), {"kind": kind, "file": file})
    assert answer.status_code == 400
    assert "labels hardly ever meet" in unescape(answer.content.decode())
