"""`analyse`: what a stranger's CSV file gives, and what a bad one is told."""

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from evaluation.analyses.proportions import analyse_proportions
from evaluation.reports.own_analysis import analyse_own
from mammo.core.errors import UserError


def analyse(*arguments: object) -> dict[str, Any]:
    out = io.StringIO()
    call_command("analyse", *[str(a) for a in arguments], "--json", stdout=out)
    result: dict[str, Any] = json.loads(out.getvalue())
    return result


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_text(text, encoding=encoding)
    return path


def refusal(*arguments: object) -> str:
    with pytest.raises(CommandError) as caught:
        analyse(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def score_file(tmp_path: Path) -> Path:
    """Two raters, three questions, two systems, one aspect."""
    rows = [
        f"{r},{q},{s},clarity,{70 + 5 * i + 3 * j + 9 * k + (i * j + k) % 4}"
        for i, r in enumerate(["anna", "ben"])
        for j, q in enumerate(["q1", "q2", "q3"])
        for k, s in enumerate(["ours", "theirs"])
    ]
    return write(tmp_path / "scores.csv", "rater,question,system,aspect,score\n" + "\n".join(rows) + "\n")


def test_scores_of_the_simulated_study_equal_r(shared_data: Path) -> None:
    folder = shared_data / "statistics"
    result = analyse("scores", folder / "scores_12x48x8x5.csv", "--replicates", 200)
    lmm = json.loads((folder / "lmm.json").read_text())["scores_12x48x8x5.csv"]
    irr = json.loads((folder / "irr.json").read_text())
    means = {(row["system"], row["aspect"]): row for row in result["means"]}
    assert len(means) == 40
    for row in lmm["correctness"]["interactions"]["emmeans"]:
        found = means[row["system"], "correctness"]
        assert found["mean"] == pytest.approx(row["emmean"])
        assert found["ci"] == pytest.approx([row["lower.CL"], row["upper.CL"]], rel=1e-3)
        assert found["n"] == 576
    agreement = result["agreement"]["correctness"]
    assert agreement["icc_a1"] == pytest.approx(irr["icc_sim"]["correctness"]["irr"]["ICC(A,1)"]["value"])
    assert agreement["icc_ak"] == pytest.approx(irr["icc_sim"]["correctness"]["irr"]["ICC(A,12)"]["value"])
    expected = irr["krippendorff_sim"]["scores_12x48x8x5.csv"]["interval"]
    assert agreement["alpha"] == pytest.approx(expected)
    assert agreement["alpha_ci"][0] < expected < agreement["alpha_ci"][1]
    overall = {row["system"]: row["mean"] for row in result["overall"]["means"]}
    for row in lmm["mean_of_aspects"]["interactions"]["emmeans"]:
        assert overall[row["system"]] == pytest.approx(row["emmean"])
    assert len(result["contrasts"]) == 5 * 28


def test_incomplete_scores_name_their_estimator(shared_data: Path) -> None:
    result = analyse("scores", shared_data / "statistics" / "scores_incomplete.csv", "--replicates", 200)
    assert all("moments" in row["method"] for row in result["means"])
    assert any("missing" in note for note in result["notes"])


def test_roc_equals_proc(shared_data: Path) -> None:
    folder = shared_data / "statistics"
    expected = json.loads((folder / "proc_asah.json").read_text())
    result = analyse("roc", folder / "asah.csv", "--truth", "y", "--score", "s100b", "--compare", "wfns")
    assert result["ci"] == pytest.approx(expected["markers"]["s100b"]["delong_ci95"])
    assert (result["n_positive"], result["n_negative"]) == (41, 72)
    assert result["compare"]["z"] == pytest.approx(-2.20898359144091)
    assert result["compare"]["auc"] == pytest.approx(expected["markers"]["wfns"]["auc"])
    assert result["compare"]["ci_difference"] == pytest.approx([-0.174214419249478, -0.0104061769564846])
    named = analyse(
        "roc", folder / "asah.csv", "--truth", "outcome", "--score", "s100b", "--positive", "Poor"
    )
    assert named["auc"] == result["auc"]


def test_agreement_of_wide_and_long_files_is_the_same(shared_data: Path, tmp_path: Path) -> None:
    wide = shared_data / "statistics" / "shrout_fleiss_1979.csv"
    rows = list(csv.DictReader(wide.open(encoding="utf-8")))
    long = "rater,unit,value\n" + "".join(
        f"{rater},{row['target']},{row[rater]}\n" for row in rows for rater in ("J1", "J2", "J3", "J4")
    )
    first = analyse("agreement", wide)
    assert first["icc"]["icc_a1"]["value"] == pytest.approx(0.289763779527559)
    assert first["icc"]["icc_ak"]["ci"] == pytest.approx([0.071137, 0.927232], abs=1e-6)
    assert analyse("agreement", write(tmp_path / "long.csv", long)) == first


def test_proportions_from_counts_and_from_fourfold_tables(tmp_path: Path) -> None:
    counts = analyse("proportions", write(tmp_path / "a.csv", "name,events,total\nsens,360,445\n"))
    assert counts["proportions"][0]["wilson"] == pytest.approx([0.769881656936389, 0.842806842745764])
    rates = analyse("proportions", write(tmp_path / "b.csv", "name,tp,fp,fn,tn\numicon,360,64,85,92\n"))
    values = {row["name"]: row["estimate"] for row in rates["proportions"]}
    assert values["umicon sensitivity"] == pytest.approx(360 / 445)
    assert values["umicon ppv"] == pytest.approx(360 / 424)


def test_a_file_saved_by_a_spreadsheet_is_read(score_file: Path, tmp_path: Path) -> None:
    text = score_file.read_text().replace(",", ";")
    foreign = write(tmp_path / "excel.csv", text.replace("\n", "\r\n"), encoding="utf-8-sig")
    assert analyse("scores", foreign)["means"] == analyse("scores", score_file)["means"]


def test_result_is_the_same_whatever_the_order_of_rows(score_file: Path, tmp_path: Path) -> None:
    head, *rows = score_file.read_text().splitlines()
    turned = write(tmp_path / "turned.csv", "\n".join([head, *reversed(rows)]) + "\n")
    by_name = {row["system"]: row["ci"] for row in analyse("scores", turned)["means"]}
    for row in analyse("scores", score_file)["means"]:
        assert by_name[row["system"]] == pytest.approx(row["ci"])


def test_unknown_analysis_lists_those_that_exist(score_file: Path) -> None:
    assert "known: agreement, mrmc, paired, preferences, proportions, ranks, roc, scores" in refusal(
        "mrmx", score_file
    )


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda t: t.replace("score\n", "points\n", 1), "column 'score' is missing"),
        (lambda t: t.replace(",70\n", ",lots\n"), "line 2, column score: 'lots' is not a number"),
        (lambda t: t.replace(",70\n", ",inf\n"), "not a finite number"),
        (lambda t: t + t.splitlines()[1] + "\n", "on line 2 already"),
        (lambda t: t.replace("anna,q1", ",q1", 1), "line 2, column rater: is empty"),
        (lambda t: t.splitlines()[0] + "\n", "no rows"),
        (lambda t: "", "is empty"),
        (lambda t: t + "anna,q1\n", "2 cells where the header has 5"),
    ],
)
def test_bad_score_files_get_one_clear_line(score_file: Path, change: Any, named: str) -> None:
    write(score_file, change(score_file.read_text()))
    assert named in refusal("scores", score_file)


def test_bad_roc_input_gets_one_clear_line(tmp_path: Path) -> None:
    path = write(tmp_path / "r.csv", "truth,ai\n1,0.5\n2,0.1\n0,0.2\n")
    assert "line 3, column truth: '2' is not 0 or 1" in refusal(
        "roc", path, "--truth", "truth", "--score", "ai"
    )
    assert "--score is missing" in refusal("roc", path, "--truth", "truth")
    one = write(tmp_path / "one.csv", "truth,ai\n1,0.5\n1,0.1\n")
    assert "two positive and two negative" in refusal("roc", one, "--truth", "truth", "--score", "ai")
    assert "cannot be read" in refusal("roc", tmp_path / "none.csv", "--truth", "t", "--score", "s")
    binary = write(tmp_path / "p.bin", "x")
    binary.write_bytes(b"\xff\xfe\x00\x81")
    assert "not UTF-8" in refusal("roc", binary, "--truth", "t", "--score", "s")


def test_binary_ratings_are_told_that_their_auc_is_one_operating_point(tmp_path: Path) -> None:
    path = write(tmp_path / "b.csv", "truth,call\n1,1\n1,0\n0,0\n0,0\n0,1\n")
    result = analyse("roc", path, "--truth", "truth", "--score", "call")
    assert result["auc"] == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert any("one operating point" in note for note in result["notes"])


def test_roc_with_its_options_gives_operating_point_clusters_and_partial_area(shared_data: Path) -> None:
    folder = shared_data / "statistics"
    expected = json.loads((folder / "proc_asah.json").read_text())["markers"]["wfns"]
    result = analyse(
        *("roc", folder / "asah.csv", "--truth", "y", "--score", "wfns", "--threshold", 3.5),
        *("--at-sensitivity", 0.9, "--partial", 0.9),
    )
    point = result["operating_point"]
    assert point["specificity"]["value"] == pytest.approx(expected["youden"][0]["specificity"])
    assert point["tp"] + point["fn"] == 41
    for rule, best in result["best_points"].items():
        assert best["sensitivity"] == pytest.approx(expected[rule][0]["sensitivity"])
    assert result["partial"]["mcclish"] == pytest.approx(expected["partial_auc"]["spec_100_90_mcclish"])
    assert result["at_sensitivity"]["sensitivity"] >= 0.9
    assert "highest threshold" in result["at_sensitivity"]["method"]


def test_breasts_of_one_patient_are_no_independent_cases(tmp_path: Path) -> None:
    rows = [f"p{i // 2},{int((i * 7) % 5 < 2)},{(i * 13) % 17}" for i in range(40)]
    path = write(tmp_path / "breasts.csv", "patient,truth,ai\n" + "\n".join(rows) + "\n")
    apart = analyse("roc", path, "--truth", "truth", "--score", "ai")
    together = analyse("roc", path, "--truth", "truth", "--score", "ai", "--cluster", "patient")
    assert together["auc"] == pytest.approx(apart["auc"])
    assert together["se"] != pytest.approx(apart["se"])
    assert together["n_clusters"] == 20
    assert "Obuchowski" in together["method"]


def test_scores_with_a_margin_and_the_mixed_model(score_file: Path) -> None:
    result = analyse("scores", score_file, "--replicates", 200, "--margin", 20, "--mixed", "--maximum", 100)
    contrast = result["contrasts"][0]
    assert contrast["non_inferiority"]["margin"] == 20
    assert contrast["equivalence"]["p"] >= contrast["non_inferiority"]["p"] - 1e-12
    assert result["mixed_model"]["clarity"]["contrasts"][0]["difference"] == pytest.approx(
        contrast["difference"]
    )
    assert set(result["within_systems"]["clarity"]) == {"ours", "theirs"}
    assert result["ceiling"]["clarity"]["ours"]["share"] == 0
    assert len(result["sensitivity"]["ranks"]) == len(result["sensitivity"]["z_scores"]) == 1
    assert "margin" in refusal("scores", score_file, "--margin", 0, "--replicates", 200)


def test_a_column_of_authors_makes_them_random_in_the_contrasts(score_file: Path, tmp_path: Path) -> None:
    lines = score_file.read_text().splitlines()
    people = {"q1": "ann", "q2": "bob", "q3": "ann"}
    rows = [line + "," + (people[line.split(",")[1]] if "theirs" in line else "") for line in lines[1:]]
    file = write(tmp_path / "authors.csv", "\n".join([lines[0] + ",author", *rows]) + "\n")
    (contrast,) = analyse("scores", file)["contrasts"]
    assert "raters x authors" in contrast["method"]
    scores = {(line.split(",")[1], line.split(",")[2]): [] for line in lines[1:]}
    for line in lines[1:]:
        scores[line.split(",")[1], line.split(",")[2]].append(float(line.split(",")[4]))
    gap = {q: np.mean(scores[q, "ours"]) - np.mean(scores[q, "theirs"]) for q in people}
    # Every author counts alike, however many answers are theirs.
    assert contrast["difference"] == pytest.approx((np.mean([gap["q1"], gap["q3"]]) + gap["q2"]) / 2)
    said = "theirs: 2 authors, taken as fixed in {}: these hold for these authors, not for others like them"
    for kind, what in (
        ("scores", "means, ranks, z-scores and the mixed model"),
        ("ranks", "ranks"),
        ("preferences", "preferences"),
    ):
        if kind != "preferences":  # of these scores one system wins always
            assert said.format(what) in analyse(kind, file)["notes"]
    even = write(tmp_path / "even.csv", re.sub(r"(,q2,theirs,clarity),\d+,", r"\1,10,", file.read_text()))
    assert said.format("preferences") in analyse("preferences", even)["notes"]
    twice = write(tmp_path / "twice.csv", file.read_text().replace(",ann\n", ",eve\n", 1))
    assert "column author" in refusal("scores", twice)


def test_agreement_brings_kappas_and_concordance(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "statistics"
    expected = json.loads((folder / "irr.json").read_text())

    def with_unit(name: str, columns: int) -> Path:
        rows = list(csv.reader((folder / name).open(encoding="utf-8")))
        lines = [
            ",".join([f"u{i}" if i else "unit", *(cell.strip(". ") if i else cell for cell in row[:columns])])
            for i, row in enumerate(rows)
        ]
        return write(tmp_path / f"{columns}_{name}", "\n".join(lines) + "\n")

    diagnoses = analyse("agreement", with_unit("irr_diagnoses.csv", 6))
    assert diagnoses["kappa"]["fleiss"]["value"] == pytest.approx(expected["fleiss_diagnoses"]["kappa"])
    assert diagnoses["kappa"]["conger"] == pytest.approx(expected["fleiss_diagnoses"]["exact_conger"])
    anxiety = analyse("agreement", with_unit("irr_anxiety.csv", 3))
    assert anxiety["kendall_w"]["value"] == pytest.approx(expected["kendallW_anxiety"]["W"])
    low, high = anxiety["alpha_ci"]["interval"]
    assert low < expected["kripp_anxiety"]["interval"] < high
    two = analyse("agreement", with_unit("irr_anxiety.csv", 2))
    kappa = expected["kappa2_anxiety_r1r2"]
    assert two["kappa"]["none"]["value"] == pytest.approx(kappa["unweighted"]["kappa"])
    assert two["kappa"]["quadratic"]["value"] == pytest.approx(kappa["squared"]["kappa"])


def test_tables_without_a_unit_turned_tables_and_categories_are_read_as_such(
    shared_data: Path, tmp_path: Path
) -> None:
    folder = shared_data / "statistics"
    reference = json.loads((folder / "irr.json").read_text(encoding="utf-8"))
    anxiety = analyse("agreement", folder / "irr_anxiety.csv")
    assert (anxiety["raters"], anxiety["units"]) == (3, 20)
    assert anxiety["notes"][0].startswith("no column names the units")
    assert anxiety["kendall_w"]["value"] == pytest.approx(reference["kendallW_anxiety"]["W"], rel=1e-8)
    turned = analyse("agreement", folder / "krippendorff_4x12.csv")
    assert (turned["raters"], turned["units"]) == (4, 12)
    assert turned["alpha"]["nominal"] == pytest.approx(
        reference["krippendorff_canonical"]["nominal"], rel=1e-8
    )
    text = (folder / "irr_diagnoses.csv").read_text(encoding="utf-8")
    named = write(tmp_path / "named.csv", re.sub(r"(\d)\.", r"4A\1", text))
    fleiss = analyse("agreement", named, "--nominal")
    assert fleiss["kappa"]["fleiss"]["value"] == pytest.approx(
        reference["fleiss_diagnoses"]["kappa"], rel=1e-8
    )
    assert (fleiss["icc"], fleiss["kendall_w"], list(fleiss["alpha"])) == ({}, None, ["nominal"])


def test_a_table_that_names_a_unit_twice_or_categories_unasked_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "wide.csv", "unit,anna,ben\n1,2,3\n1,2,2\n")
    assert "line 3, column unit: '1' stands on line 2 already" in refusal("agreement", path)
    write(path, "unit,anna,ben\n1,4A,3\n2,2,2\n")
    assert "line 2, column anna: '4A' is not a number; names of categories" in refusal("agreement", path)
    # Two of two units, one in agreement; by chance 1/2 x 1/2 of "2": (1/2 - 1/4) / (1 - 1/4).
    kappa = analyse("agreement", path, "--nominal")["kappa"]
    assert kappa["none"]["value"] == pytest.approx(1 / 3)
    assert "linear" not in kappa


def test_a_rate_without_cases_is_null_and_two_rates_are_compared(tmp_path: Path) -> None:
    path = write(tmp_path / "counts.csv", "name,tp,fp,fn,tn\nhealthy,0,3,0,9\n")
    found = analyse("proportions", path)
    assert [row["estimate"] for row in found["proportions"]] == [None, 0.75, 0.0, 1.0, 0.75]
    assert found["notes"] == ["healthy sensitivity: no case, the rate is not defined"]
    # Newcombe (1998), example (a) of his table II: 56/70 - 48/80, method 10.
    write(path, "events;total\n56;70\n48;80\n")
    low, high = analyse("proportions", path)["difference"]["newcombe"]["ci"]
    assert (round(low, 4), round(high, 4)) == (0.0524, 0.3339)
    # R: fisher.test(matrix(c(56, 14, 48, 32), 2))$p.value
    assert analyse("proportions", path)["fisher_p"] == pytest.approx(0.0125211297492092, rel=1e-6)


def test_decimal_commas_and_line_breaks_in_cells_of_a_spreadsheet_are_read(tmp_path: Path) -> None:
    path = tmp_path / "cases.csv"
    options = ("--truth", "truth", "--score", "score")
    rows = "\r\n".join(f'{i % 2};{i},5;"zwei\r\nZeilen"' for i in range(8))
    path.write_bytes(b"\xef\xbb\xbf" + f"truth;score;note\r\n{rows}\r\n".encode())
    found = analyse("roc", path, *options)
    write(path, "truth,score\n" + "\n".join(f"{i % 2},{i}.5" for i in range(8)))
    assert found == analyse("roc", path, *options)
    assert "--threshold nan: give a number" in refusal("roc", path, *options, "--threshold", "nan")
    write(path, "truth,score\n1,1_0\n")
    assert "line 2, column score: '1_0' is not a number" in refusal("roc", path, *options)


def test_a_page_without_a_column_is_told_which_the_file_has(tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("malignant,model\n1,0.9\n0,0.2\n")
    with pytest.raises(UserError, match="truth: name the column; the file has malignant, model"):
        analyse_own("roc", file, {"truth": "", "score": "model"})


def test_the_mixed_model_gives_tukeys_pairs_and_asked_for_its_profile(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    values = 80 + rng.normal(0, 3, (4, 1, 1)) + rng.normal(0, 3, (1, 8, 2)) + rng.normal(0, 2, (4, 8, 2))
    rows = [f"r{i},q{j},{'ab'[k]},clarity,{value:.2f}" for (i, j, k), value in np.ndenumerate(values)]
    score_file = write(tmp_path / "s.csv", "\n".join(["rater,question,system,aspect,score", *rows]))
    plain = analyse("scores", score_file, "--replicates", 100, "--mixed")["mixed_model"]
    for aspect, model in plain.items():
        assert model["profile"] is None, aspect
        assert model["systems_differ"]["df1"] == len(model["means"]) - 1
        for contrast in model["contrasts"]:
            assert contrast["p_tukey"] >= contrast["p"] - 1e-9
            assert contrast["ci_tukey"][0] <= contrast["ci"][0] + 1e-9
    profiled = analyse("scores", score_file, "--replicates", 100, "--mixed", "--profile")["mixed_model"]
    for model in profiled.values():
        low, high = model["profile"]["means"][0]["ci"]
        assert low < model["means"][0]["mean"] < high
        assert set(model["profile"]["deviations"]) == {*model["components"]}
    assert "--profile: it belongs to --mixed" in refusal("scores", score_file, "--profile")


def test_likelihood_ratios_are_printed_with_four_digits_and_their_interval(tmp_path: Path) -> None:
    path = write(tmp_path / "b.csv", "name,tp,fp,fn,tn\nours,90,14,10,86\n")
    lines = analyse_proportions(path).lines
    assert any(re.fullmatch(r"ours LR\+: 6\.4286 \[\d+\.\d{4}, \d+\.\d{4}\]", line) for line in lines)
