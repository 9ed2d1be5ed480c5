"""Tables 4 to 10: numbers from rows, simulated rows kept apart, warnings beside the numbers, six formats."""

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from evaluation.models import ReaderStudy
from evaluation.reports.tables import table_8
from evaluation.reports.validators import (
    auc_of_two_values,
    auc_without_width,
    counts_of_rates,
    narrower_than_one_case,
    rates_fit,
    sums_differ,
)
from evaluation.statistics.delong import auc
from evaluation.statistics.proportions import wilson
from evaluation.statistics.results import Estimate
from mammo.accounts.models import Site
from mammo.archive.models import Pathology, Study
from modeling.models import Prediction, Run, Snapshot
from tests.evaluation.reports.prediction_scene import DENSITIES, cell, malignancy_run, predict, run_of
from tests.evaluation.reports.test_table_1 import refusal, table


def test_table_4_counts_each_patient_once_under_her_highest_category(archive: list[Study]) -> None:
    found = table(4)
    people: dict[str, list[tuple[str, bool]]] = {}
    for row in Pathology.objects.select_related("study"):
        category = row.study.birads_right if row.laterality == "R" else row.study.birads_left
        if category in ("3", "4A", "4B", "4C"):
            people.setdefault(str(row.study.patient_id), []).append((category, row.result == "malignant"))
    by_category = [max(rows)[0] for rows in people.values()]
    positive = [max(rows)[0] for rows in people.values() if any(is_bad for _category, is_bad in rows)]
    for name in ("3", "4A", "4B", "4C"):
        assert cell(found, 2, name)["value"] == by_category.count(name)
        assert cell(found, 1, name)["value"] == positive.count(name)
        assert cell(found, 0, name)["value"] == by_category.count(name) - positive.count(name)
    assert cell(found, 2, "total")["value"] == len(people)
    assert any("Verification bias" in note for note in found["notes"])
    by_density = table(4, "--by", "density")
    assert sum(
        row["cells"]["total"]["value"] for row in by_density["rows"] if row["key"].startswith("total")
    ) == len(people)


def test_table_4_of_a_snapshot_holds_its_patients_and_says_its_name(archive: list[Study], site: Site) -> None:
    snapshot = Snapshot.objects.create(site=site, name="biopsied", content_hash="b" * 64)
    snapshot.patients.set([archive[0].patient, archive[1].patient])
    found = table(4, "--snapshot", "biopsied")
    assert cell(found, 2, "total")["value"] == 2
    assert "biopsied" in found["caption"]
    assert "known: biopsied" in refusal(4, "--snapshot", "nobody's")


def test_table_5_shows_what_the_runs_recorded(site: Site) -> None:
    checkpoint = run_of(site, "density", batch_size=6, learning_rate=2e-4, epochs=280)
    Run.objects.filter(pk=checkpoint.run_id).update(code_version="0.1.0 sources 0123456789ab")
    run_of(site, "sft", batch_size=8, learning_rate=1e-5, epochs=3, simulated=True)
    found = table(5, "--paper")
    assert len(found["rows"]) == 1
    assert cell(found, 0, "batch_size")["value"] == 6
    assert cell(found, 0, "learning_rate") == "2e-4"
    assert cell(found, 0, "batch_size_paper")["value"] == 6
    assert cell(found, 0, "code_version") == "0.1.0 sources 0123456789ab"
    both = table(5, "--simulated")
    assert len(both["rows"]) == 2
    assert both["simulated"]
    assert "Not a result" in both["caption"]


def test_table_6_is_the_one_vs_rest_auc_of_each_density(archive: list[Study], site: Site) -> None:
    checkpoint = run_of(site, "encoder_probe", selector="dinov2")
    rng = np.random.default_rng(1)
    values: dict[str, list[float]] = {density: [] for density in DENSITIES}
    for study in archive:
        for density in DENSITIES:
            values[density].append(float(rng.random() + 0.4 * (study.density == density)))
            predict(checkpoint, study, f"density_{density}", values[density][-1])
    found = table(6)
    assert found["rows"][0]["label"] == "dinov2"
    for density in DENSITIES:
        truth = np.array([study.density == density for study in archive])
        expected = auc(truth, np.array(values[density]))
        assert cell(found, 0, density)["value"] == pytest.approx(expected.value)
        assert cell(found, 0, density)["ci"] == pytest.approx(list(expected.interval))
    assert "12 studies" in found["caption"]
    paper = table(6, "--paper")
    assert cell(paper, 0, "B_paper")["value"] == 0.90
    by_age = table(6, "--by", "age")
    assert {row["label"].split(" · ")[1] for row in by_age["rows"]} >= {"age 40–49"}


def test_table_8_shows_images_report_and_both(archive: list[Study], site: Site) -> None:
    malignancy_run(site, archive, variant="base")
    malignancy_run(site, archive, variant="umicon")
    found = table(8, "--paper")
    assert [row["label"] for row in found["rows"]] == ["base", "umicon"]
    assert all(cell(found, 0, f"auc_{method}")["value"] > 0.5 for method in ("image", "report", "fused"))
    assert cell(found, 1, "auc_paper")["value"] == 0.70
    assert any("fused AUC says nothing by itself" in note for note in found["notes"])


def test_table_8_tells_of_an_accuracy_whose_interval_is_narrower_than_one_case(
    archive: list[Study], site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    malignancy_run(site, archive)
    assert not any("narrower than one of" in note for note in table(8)["notes"])
    real = table_8.rates_of_units

    def too_sure(*args: Any) -> dict[str, Estimate]:
        found = real(*args)
        value = found["accuracy"].value
        return found | {"accuracy": replace(found["accuracy"], interval=(value - 0.001, value + 0.001))}

    monkeypatch.setattr(table_8, "rates_of_units", too_sure)
    notes = [note for note in table(8)["notes"] if "narrower than one of" in note]
    assert len(notes) == 3
    assert sum("umicon, images alone (ACC)" in note for note in notes) == 1


def test_table_9_counts_add_up(archive: list[Study]) -> None:
    found = table(9)
    counts = {row["key"]: row["cells"]["count"]["value"] for row in found["rows"]}
    assert sum(counts.values()) == 12
    assert counts["excluded:0"] == 2
    assert counts["benign:3"] == 2
    assert not any("add up" in note for note in found["notes"])
    paper = table(9, "--paper")
    assert {
        row["cells"]["count_paper"]["value"] for row in paper["rows"] if row["cells"].get("count_paper")
    } >= {1346}


def test_table_10_takes_non_malignant_as_positive(archive: list[Study], site: Site) -> None:
    checkpoint = run_of(site, "sft", variant="MammoVLM")
    for place, study in enumerate(archive):
        predict(checkpoint, study, "malignancy", (place * 5 % 12) / 12 + 0.3 * (study.birads_overall > "3"))
    found = table(10, "--paper")
    known = [s for s in archive if s.birads_overall != "0"]
    benign = np.array([s.birads_overall in "123" for s in known])
    values = np.array([1 - Prediction.objects.get(study=s).value for s in known])
    assert cell(found, 0, "auc")["value"] == pytest.approx(auc(benign, values).value)
    threshold = np.sort(values[benign])[::-1][int(np.ceil(0.2 * benign.sum())) - 1]
    assert cell(found, 0, "specificity")["value"] == pytest.approx((values[~benign] < threshold).mean())
    assert "positive class is non-malignant" in found["caption"]
    assert sum("narrower than one of 102 cases" in note for note in found["notes"]) >= 3


def test_table_10_of_studies_told_apart_has_an_interval_with_width_and_a_warning(
    archive: list[Study], site: Site
) -> None:
    checkpoint = run_of(site, "sft", variant="MammoVLM")
    for place, study in enumerate(archive):
        predict(checkpoint, study, "malignancy", place / 100 + 0.6 * (study.birads_overall > "3"))
    found = table(10)
    specificity = cell(found, 0, "specificity")
    malignant = sum(study.birads_overall > "3" for study in archive)
    assert specificity["value"] == 1.0
    assert specificity["ci"] == pytest.approx(list(wilson(malignant, malignant).interval or ()))
    assert any("the interval takes the threshold as known" in note for note in found["notes"])


def test_simulated_predictions_are_left_out_unless_asked_for_and_then_named(
    archive: list[Study], site: Site
) -> None:
    malignancy_run(site, archive, simulated=True)
    for number in (7, 8):
        assert "--simulated" in refusal(number)
        found = table(number, "--simulated")
        assert found["simulated"]
        assert "Not a result" in found["caption"]


def test_two_valued_scores_are_told(archive: list[Study], site: Site) -> None:
    checkpoint = run_of(site, "classifier", variant="yala")
    for place, row in enumerate(Pathology.objects.order_by("pk")):
        predict(checkpoint, row.study, "malignancy", float(place % 2), laterality=row.laterality)
    found = table(7, "--paper")
    assert any("yala: the score has at most two values" in note for note in found["notes"])
    assert cell(found, 0, "auc_paper")["value"] == 0.68
    assert any("the paper's row umicon" not in note and "no counts of 601" in note for note in found["notes"])


def test_every_number_of_a_prediction_table_leads_to_its_rows(
    archive: list[Study], site: Site, tmp_path: Path
) -> None:
    malignancy_run(site, archive)
    out = tmp_path / "t8.csv"
    table(8, "--format", "csv", "--out", out)
    with (tmp_path / "t8_rows.csv").open(encoding="utf-8-sig", newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert {row["prediction"] for row in rows} == {
        str(pk) for pk in Prediction.objects.values_list("pk", flat=True)
    }
    assert {row["truth"] for row in rows} == {"0", "1"}


@pytest.mark.parametrize("kind", ["csv", "xlsx", "tex", "docx", "md", "html"])
def test_counts_and_rates_come_in_every_format(
    archive: list[Study], site: Site, tmp_path: Path, kind: str
) -> None:
    malignancy_run(site, archive)
    for number in (4, 7, 9):
        out = tmp_path / f"t{number}.{kind}"
        table(number, "--format", kind, "--out", out)
        assert out.stat().st_size > 300


def test_missing_inputs_and_unknown_strata_get_one_clear_line(archive: list[Study]) -> None:
    assert "no run with weights" in refusal(5)
    assert "give the number of a table" in refusal("zero")
    assert "no run of encoder_probe, density has predictions" in refusal(6)
    assert "no run of umicon_supervised" in refusal(8)
    assert "no run of zero_shot, sft," in refusal(10)
    assert "no such stratum; known: density" in refusal(9, "--by", "moon")
    assert "run nobody's: there is none" in refusal(8, "--run", "nobody's")
    Pathology.objects.all().delete()
    assert "import pathology" in refusal(4)


def test_validators_find_what_cannot_be() -> None:
    assert auc_of_two_values("a", [0.1, 0.9, 0.1])
    assert not auc_of_two_values("a", [0.1, 0.9, 0.2])
    # The paper's Table 10: 101 of 102 with an interval narrower than one case.
    assert narrower_than_one_case("a", Estimate(0.9902, (0.9899, 0.9905), ""), 102)
    assert not narrower_than_one_case("a", Estimate(0.99, (0.9465, 0.9983), ""), 102)
    (said,) = auc_without_width("a", Estimate(1.0, (1.0, 1.0), ""), 56)
    assert "56 cases" in said
    assert not auc_without_width("a", Estimate(0.99, (0.9465, 0.9983), ""), 56)
    assert not auc_without_width("a", Estimate(1.0, (0.93, 1.0), ""), 56)
    assert not narrower_than_one_case("a", Estimate(1.0, (1.0, 1.0), ""), 102)
    # Research on the paper: UMiCon's row needs 268 to 275 positives of 601, Cao's fits no count.
    fitting = counts_of_rates(601, 0.81, 0.59, 0.62, 0.79)
    assert fitting
    assert min(fitting) >= 260
    assert max(fitting) <= 280
    assert rates_fit("cao", 601, (0.81, 0.45, 0.56, 0.70))
    assert 445 not in fitting
    assert sums_differ("densities", [1680, 8398, 11786, 11768], 33630)
    assert not sums_differ("categories", [1179, 1657, 933, 788], 4557)


def test_figures_of_runs_and_readers_are_drawn_from_the_rows(
    archive: list[Study], site: Site, reader_study: ReaderStudy, tmp_path: Path
) -> None:
    malignancy_run(site, archive)
    for kind, ending, more in (
        ("roc", "svg", ("--run", "umicon_supervised umicon", "--reader-study", "Readers")),
        ("calibration", "png", ("--run", "umicon_supervised umicon")),
    ):
        out = tmp_path / f"{kind}.{ending}"
        call_command("figure", kind, str(out), *more)
        assert out.stat().st_size > 3000
    with pytest.raises(CommandError, match="name the trial"):
        call_command("figure", "radar", str(tmp_path / "r.svg"))
    with pytest.raises(CommandError, match="no such figure; known: radar"):
        call_command("figure", "pie", str(tmp_path / "r.svg"))
    with pytest.raises(CommandError, match="ends in svg, pdf, png"):
        call_command("figure", "roc", str(tmp_path / "r.gif"))
    assert not (tmp_path / "r.svg").exists()
