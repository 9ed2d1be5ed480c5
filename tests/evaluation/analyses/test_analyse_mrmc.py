"""`analyse mrmc`: a stranger's readings, what the options do and what bad input is told."""

import csv
import json
from pathlib import Path

import pytest
from django.core.management import call_command
from scipy import stats

from evaluation.analyses.mrmc import MrmcOptions, run_mrmc
from tests.evaluation.analyses.test_analyse import analyse, refusal, write

HEAD = "reader,modality,case,truth,rating"


@pytest.fixture
def vandyke(shared_data: Path, tmp_path: Path) -> Path:
    """VanDyke's readings under our column names, with a group of readers."""
    rows = list(csv.DictReader((shared_data / "statistics" / "vandyke.csv").open(encoding="utf-8")))
    lines = [
        f"{r['reader']},{r['treatment']},{r['case']},{r['truth']},{r['rating']},{'AB'[int(r['reader']) > 2]}"
        for r in rows
    ]
    return write(tmp_path / "vandyke.csv", f"{HEAD},team\n" + "\n".join(lines) + "\n")


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Two readers, two modalities, six cases."""
    rows = [
        f"{reader},{modality},c{case},{case % 2},{(case * 7 + i * 3 + j * 5 + (case % 2) * 4) % 11}"
        for i, reader in enumerate(["anna", "ben"])
        for j, modality in enumerate(["aided", "alone"])
        for case in range(6)
    ]
    return write(tmp_path / "small.csv", HEAD + "\n" + "\n".join(rows) + "\n")


def test_contract_of_the_result(vandyke: Path, shared_data: Path) -> None:
    expected = json.loads((shared_data / "statistics" / "mrmcaov.json").read_text())["VanDyke"]["jackknife"]
    row = expected["random_readers_random_cases"]["test_equality"][0]
    result = analyse("mrmc", vandyke, "--covariance", "jackknife")
    difference = result["difference"]
    assert difference["estimate"] == pytest.approx(-0.0438003220611916)
    assert difference["f"] == pytest.approx(row["F"])
    assert (difference["df1"], difference["df2"]) == (1, pytest.approx(row["df2"]))
    assert difference["p"] == pytest.approx(row["p-value"])
    assert set(difference) >= {"estimate", "se", "ci", "f", "df1", "df2", "p"}
    assert result["modalities"]["1"]["auc"] == pytest.approx(0.897037037037037)
    assert set(result["modalities"]["2"]) >= {"auc", "se", "ci"}
    assert len(result["readers"]) == 10
    assert set(result["readers"][0]) >= {"reader", "modality", "auc"}
    assert result["components"]["cov2"] == pytest.approx(0.000344074828860886)
    fixed = expected["fixed_readers_random_cases"]["test_equality"][0]
    named = analyse("mrmc", vandyke, "--covariance", "jackknife", "--readers", "fixed")
    assert named["difference"]["x2"] == pytest.approx(fixed["X2"])
    assert named["difference"]["p"] == pytest.approx(fixed["p-value"])
    assert result["models"]["fixed readers, random cases"]["x2"] == pytest.approx(fixed["X2"])


def test_calls_by_a_threshold_equal_calls_written_as_0_and_1(vandyke: Path, tmp_path: Path) -> None:
    found = analyse("mrmc", vandyke, "--endpoint", "sensitivity", "--threshold", 3)
    assert found["difference"]["f"] == pytest.approx(6.68949269671745)
    assert found["modalities"]["1"]["sensitivity"] == pytest.approx(0.822222222222222)
    rows = list(csv.reader(vandyke.open()))
    calls = [",".join([*row[:4], str(int(int(row[4]) >= 3))]) for row in rows[1:]]
    binary = write(tmp_path / "calls.csv", HEAD + "\n" + "\n".join(calls) + "\n")
    again = analyse("mrmc", binary, "--endpoint", "sensitivity")
    assert again["difference"] == found["difference"]
    assert "threshold" in refusal("mrmc", vandyke, "--endpoint", "sensitivity")
    assert any("one operating point" in note for note in analyse("mrmc", binary)["notes"])


def test_unbiased_covariance_brings_the_u_statistic(vandyke: Path) -> None:
    found = analyse("mrmc", vandyke, "--covariance", "unbiased")["u_statistic"]
    assert found["difference"]["variance_u"] == pytest.approx(0.000427312516744969)
    assert found["difference"]["variance_v"] == pytest.approx(0.00062613272590508)
    assert found["modalities"]["1"]["variance_u"] == pytest.approx(0.00109370448987996)


def test_groups_are_compared(vandyke: Path) -> None:
    found = analyse("mrmc", vandyke, "--group", "team")["groups"]
    assert set(found["groups"]) == {"A", "B"}
    assert [row["modality"] for row in found["differences"]] == ["1", "2"]
    assert found["interactions"][0]["modalities"] == ["1", "2"]
    assert "column 'nobody' is missing" in refusal("mrmc", vandyke, "--group", "nobody")


def test_a_system_alone_is_compared_with_the_mean_reader(small: Path) -> None:
    text = small.read_text() + "".join(f"net,AI,c{case},{case % 2},{case * 3 % 5}\n" for case in range(6))
    found = analyse("mrmc", write(small, text), "--standalone", "AI")
    assert set(found["modalities"]) == {"aided", "alone"}
    comparisons = found["standalone"]["comparisons"]
    assert [row["second"] for row in comparisons] == ["AI", "AI"]
    expected = found["modalities"]["aided"]["auc"] - found["standalone"]["auc"]
    assert comparisons[0]["estimate"] == pytest.approx(expected)
    assert "no modality and no reader" in refusal("mrmc", small, "--standalone", "robot")


def test_the_order_of_rows_changes_nothing(small: Path, tmp_path: Path) -> None:
    head, *rows = small.read_text().splitlines()
    turned = write(tmp_path / "turned.csv", "\n".join([head, *reversed(rows)]) + "\n")
    assert analyse("mrmc", turned) == analyse("mrmc", small)


def test_missing_readings_are_named_and_delong_is_refused(small: Path) -> None:
    lines = small.read_text().splitlines()
    part = write(small, "\n".join(line for line in lines if not line.startswith("ben,alone,c5")) + "\n")
    found = analyse("mrmc", part)
    assert found["covariance"] == "unbiased"
    assert any("readings missing: " in note for note in found["notes"])
    assert any("2 readers" in note for note in found["notes"])
    assert "balanced design" in refusal("mrmc", part, "--covariance", "delong")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda t: t.replace("rating\n", "points\n", 1), "column 'rating' is missing"),
        (lambda t: t + "anna,aided,c0,0,5\n", "given twice"),
        (lambda t: t.replace("anna,aided,c1,1", "anna,aided,c1,0"), "case c1 has two truths"),
        (lambda t: t.replace(",0,0\n", ",0,much\n", 1), "'much' is not a number"),
        (lambda t: t.replace(",1,", ",maybe,", 1), "'maybe' is not 0 or 1"),
        (lambda t: "\n".join(line for line in t.splitlines() if ",1," not in line), "two positive cases"),
    ],
)
def test_bad_readings_get_one_clear_line(small: Path, change: object, named: str) -> None:
    write(small, change(small.read_text()))  # type: ignore[operator]
    assert named in refusal("mrmc", small)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--covariance", "best"], "give one of delong, jackknife, unbiased"),
        (["--endpoint", "f1"], "give one of auc, sensitivity, specificity"),
        (["--readers", "fixed", "--cases", "fixed"], "nothing is random"),
        (["--threshold", "3"], "belongs to --endpoint"),
        (["--at-specificity", "0.8"], "with --endpoint sensitivity"),
    ],
)
def test_unfit_options_name_the_mend(small: Path, arguments: list[str], named: str) -> None:
    assert named in refusal("mrmc", small, *arguments)


@pytest.mark.parametrize("level", [0.95, 0.9])
def test_a_margin_is_tested_with_the_standard_error_and_df_of_r(
    vandyke: Path, shared_data: Path, level: float
) -> None:
    """MRMCaov gives F = t^2 and Hillis' df of the difference: p against a margin follows by Student's t."""
    expected = json.loads((shared_data / "statistics" / "mrmcaov.json").read_text())["VanDyke"]["jackknife"]
    row = expected["random_readers_random_cases"]["test_equality"][0]
    estimate = -0.0438003220611916
    se = abs(estimate) / row["F"] ** 0.5
    result = analyse("mrmc", vandyke, "--covariance", "jackknife", "--margin", 0.05, "--level", level)
    (pair,) = result["pairwise"]
    alpha, df = 1 - level, row["df2"]
    lower, upper = (stats.t.sf((0.05 + sign * estimate) / se, df) for sign in (1, -1))
    assert pair["non_inferiority"]["p"] == pytest.approx(lower, rel=1e-6)
    assert pair["non_inferiority_of_second"]["p"] == pytest.approx(upper, rel=1e-6)
    assert pair["equivalence"]["p"] == pytest.approx(max(lower, upper), rel=1e-6)
    assert not pair["non_inferiority"]["shown"]
    assert pair["non_inferiority_of_second"]["shown"]
    low = estimate - stats.t.isf(alpha / 2, df) * se
    assert pair["non_inferiority"]["ci"][0] == pytest.approx(low, rel=1e-6)
    low = estimate - stats.t.isf(alpha, df) * se
    assert pair["equivalence"]["ci"][0] == pytest.approx(low, rel=1e-6)


def test_a_margin_is_tested_of_a_system_alone_and_printed_and_an_unfit_one_refused(
    vandyke: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [line for line in vandyke.read_text().splitlines() if not line.startswith("5,2,")]
    alone = write(tmp_path / "alone.csv", "\n".join(lines) + "\n")
    call_command("analyse", "mrmc", str(alone), "--margin", "0.2", "--standalone", "5")
    said = capsys.readouterr().out
    assert "1 not inferior to 5 within 0.2: p = " in said
    assert "5 not inferior to 1 within 0.2: p = " in said
    assert "1 equivalent to 5 within 0.2: p = " in said
    found = analyse("mrmc", alone, "--margin", 0.2, "--standalone", 5)["standalone"]["comparisons"]
    assert all({"non_inferiority", "equivalence"} <= set(one) for one in found)
    for margin in (0, 1, -0.1):
        assert "between 0 and 1" in refusal("mrmc", vandyke, "--margin", margin)


def test_holm_p_values_and_the_number_of_missing_readings_are_printed(tmp_path: Path) -> None:
    rows = ["reader,modality,case,truth,rating"]
    rows += [
        f"r{r},{m},c{c},{c % 2},{(c * 7 + r * 3 + ord(m)) % 11 + 3 * (c % 2)}"
        for r in range(5)
        for m in "xyz"
        for c in range(40)
        if (r, m, c) != (0, "x", 0)
    ]
    path = tmp_path / "readings.csv"
    path.write_text("\n".join(rows))
    found = run_mrmc(path, MrmcOptions())
    said = "\n".join(found.lines)
    for row in found.data["pairwise"]:
        assert f"p = {row['p']:.4g}, p (Holm) = {row['p_holm']:.4g}" in said
    # 599 of 600: "100%" would say that none is missing.
    assert "(readings missing: 1 of 600)" in said
