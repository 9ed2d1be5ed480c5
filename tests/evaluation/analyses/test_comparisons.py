"""`analyse paired|ranks|preferences` and the checks of `analyse roc`, against R where R was run."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.evaluation.analyses.test_analyse import analyse, refusal, write


def test_paired_counts_equal_base_r_and_propcis(shared_data: Path, tmp_path: Path) -> None:
    rows = json.loads((shared_data / "statistics" / "tests.json").read_text())["mcnemar"]
    text = "name,both,first_only,second_only,neither\n"
    text += "\n".join(f"t{place}," + ",".join(map(str, row["abcd"])) for place, row in enumerate(rows))
    found = analyse("paired", write(tmp_path / "paired.csv", text + "\n"))["comparisons"]
    for row, one in zip(rows, found, strict=True):
        assert one["mcnemar"]["exact"] == pytest.approx(row["exact_p"], rel=1e-6)
        assert one["mcnemar"]["mid_p"] == pytest.approx(row["midp"], rel=1e-6)
        # PropCIs finds its limits by steps.
        assert one["ci"] == pytest.approx(row["tango_score_ci"], abs=2e-6)


def test_paired_calls_are_compared_where_the_truth_says_right_and_patients_are_clusters(
    tmp_path: Path,
) -> None:
    rng = np.random.default_rng(5)
    truth = rng.integers(0, 2, 80)
    rows = [
        f"{t},{t * 2 + rng.integers(0, 3)},{t + rng.integers(0, 3)},p{place // 2}"
        for place, t in enumerate(truth)
    ]
    file = write(tmp_path / "calls.csv", "truth,ai,reader,patient\n" + "\n".join(rows) + "\n")
    given = ("paired", file, "--first", "ai", "--second", "reader", "--threshold", 2)
    found = analyse(*given, "--truth", "truth", "--cluster", "patient")
    by_name = {row["name"]: row for row in found["comparisons"]}
    assert by_name["sensitivity"]["n"] == truth.sum()
    assert by_name["specificity"]["n"] == 80 - truth.sum()
    accuracy = by_name["accuracy"]
    assert accuracy["clustered"]["clusters"] == 40
    assert accuracy["clustered"]["difference"] == pytest.approx(accuracy["difference"])
    assert any("patients have several cases" in note for note in found["notes"])
    alone = analyse(*given)["comparisons"]
    assert [row["name"] for row in alone] == ["positive calls"]
    assert "--second is missing" in refusal("paired", file, "--first", "ai")
    assert "line 2, column ai" in refusal("paired", file, "--first", "ai", "--second", "reader")


def test_rank_tests_of_scores_equal_r_and_say_what_they_hold_for(shared_data: Path) -> None:
    folder = shared_data / "statistics"
    reference = json.loads((folder / "tests.json").read_text())
    for blocks, key in (("question", "by_question"), ("rater", "by_rater")):
        found = analyse("ranks", folder / "scores_12x48x8x5.csv", "--blocks", blocks)
        part = next(part for part in found["analyses"] if part["aspect"] == "completeness")
        expected = reference[key]["completeness"]
        assert part["friedman"]["chi2"] == pytest.approx(expected["friedman"]["chisq"], rel=1e-8)
        assert part["mean_ranks"] == pytest.approx(expected["mean_ranks"], rel=1e-8)
        assert part["critical_difference"] == pytest.approx(expected["nemenyi"]["CD05"], rel=1e-6)
        pairs = {(row["a"], row["b"]): row for row in expected["wilcoxon"]}
        assert len(part["wilcoxon"]) == len(part["nemenyi"]) == 28
        for row in part["wilcoxon"]:
            assert row["v"] == pairs[row["system"], row["minus"]]["V"]
        assert f"{blocks}s random" in part["generalises_to"]
    anova = json.loads((folder / "lmm.json").read_text())["rm_anova_rater_means_correctness"]
    moments = next(p for p in found["analyses"] if p["aspect"] == "correctness")["repeated_measures"]
    assert moments["f"] == pytest.approx(anova["F value"][0], rel=1e-8)
    assert [moments["ss_systems"], moments["ss_residual"]] == pytest.approx(anova["Sum Sq"], rel=1e-8)
    assert [moments["df_systems"], moments["df_residual"]] == anova["Df"]
    assert np.log(moments["p"]) == pytest.approx(np.log(anova["Pr(>F)"][0]), rel=1e-6)


def test_rank_tests_read_wide_tables_and_leave_blocks_with_gaps_out(
    shared_data: Path, tmp_path: Path
) -> None:
    folder = shared_data / "statistics"
    expected = json.loads((folder / "tests.json").read_text())
    wide = analyse("ranks", folder / "rounding_times.csv")["analyses"][0]
    assert wide["friedman"]["chi2"] == pytest.approx(expected["rounding_times"]["chisq"], rel=1e-8)
    named = analyse("ranks", folder / "friedman_ties_r01.csv")["analyses"][0]
    assert named["friedman"]["chi2"] == pytest.approx(
        expected["one_rater_ties"]["friedman"]["chisq"], rel=1e-8
    )
    gaps = write(tmp_path / "gaps.csv", "block,system,value\na,x,1\na,y,2\nb,x,3\nb,y,1\nc,x,5\n")
    found = analyse("ranks", gaps)
    assert found["analyses"][0]["n_blocks"] == 2
    assert any("lack a system and are left out: 1 of 3" in note for note in found["notes"])
    assert "friedman" not in found["analyses"][0]
    twice = write(tmp_path / "twice.csv", "block,system,value\na,x,1\na,x,2\n")
    assert "line 3, column value" in refusal("ranks", twice)
    incomplete = analyse("ranks", folder / "scores_incomplete.csv")
    assert any("lack a system and are left out" in note for note in incomplete["notes"])


def test_strengths_of_preferences_equal_bradleyterry2(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "statistics"
    expected = json.loads((folder / "lmm.json").read_text())["bradley_terry"]["ties_half"]
    found = analyse("preferences", folder / "pairwise_wins.csv", "--reference", "MammoVLM")
    strengths = {row["system"]: row for row in found["analyses"][0]["strengths"]}
    for row in expected["coef"]:
        one = strengths[row["term"].removeprefix("system_")]
        assert one["strength"] == pytest.approx(row["Estimate"], rel=1e-6)
        assert one["se"] == pytest.approx(row["Std. Error"], rel=1e-5)
    assert strengths["MammoVLM"]["strength"] == 0
    assert strengths["MammoVLM"]["chance"] == 0.5
    single = write(tmp_path / "one.csv", "first,second,preferred\nx,y,x\nx,y,y\nx,y,x\nx,y,tie\n")
    pair = analyse("preferences", single, "--ties", "dropped")["analyses"][0]
    # Two wins of three: the strength is the logit of 2/3, its variance 1 / (3 · 2/3 · 1/3).
    assert pair["strengths"][1]["strength"] == pytest.approx(-np.log(2))
    assert pair["strengths"][1]["se"] == pytest.approx(np.sqrt(1.5))
    assert pair["pairs"] == [{"system": "x", "over": "y", "wins": 2, "losses": 1, "ties": 1}]
    foreign = write(tmp_path / "foreign.csv", "first,second,preferred\nx,y,z\n")
    assert "line 2, column preferred" in refusal("preferences", foreign)
    assert "infinite" in refusal(
        "preferences", write(tmp_path / "won.csv", "first,second,preferred\nx,y,x\n")
    )
    assert "not among" in refusal("preferences", single, "--reference", "q")


def test_checks_of_a_roc_curve_are_near_procs(shared_data: Path) -> None:
    folder = shared_data / "statistics"
    expected = json.loads((folder / "proc_asah.json").read_text())
    given = ("roc", folder / "asah.csv", "--truth", "y", "--score", "s100b", "--compare", "wfns")
    found = analyse(*given, "--bootstrap", "--threshold", "0.205")["bootstrap"]
    # pROC's sign is that of its own order, first less second, as ours.
    assert found["p"] == pytest.approx(expected["paired_bootstrap_s100b_wfns"]["p"], abs=0.02)
    assert found["z"] == pytest.approx(expected["paired_bootstrap_s100b_wfns"]["D"], abs=0.15)
    limits = expected["ci_thresholds_s100b_0.205"]
    for name in ("sensitivity", "specificity"):
        low, middle, high = limits[name]
        assert found[name]["value"] == pytest.approx(middle, abs=0.02)
        assert found[name]["ci"] == pytest.approx([low, high], abs=0.03)
    given = ("roc", folder / "asah.csv", "--truth", "y", "--score", "wfns", "--compare", "ndka")
    curves = analyse(*given, "--bootstrap")["bootstrap"]["same_curve"]
    assert curves["e"] == expected["venkatraman_wfns_ndka"]["E"]
    assert curves["p"] == pytest.approx(expected["venkatraman_wfns_ndka"]["p"], abs=0.02)
    several = analyse("roc", folder / "asah.csv", "--truth", "gos6", "--score", "wfns", "--multiclass")
    assert several["auc"] == pytest.approx(expected["multiclass_wfns_gos6"], rel=1e-8)
    assert "alone" in refusal(*given, "--multiclass")
