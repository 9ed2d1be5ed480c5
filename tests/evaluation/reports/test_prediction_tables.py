"""Tables 4 to 10: numbers from rows, simulated rows kept apart, warnings beside the numbers, six formats."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from evaluation.models import Reader, ReaderStudy, ReaderStudyCase, Reading, ReadingSlot
from evaluation.reports.validators import (
    auc_of_two_values,
    auc_without_width,
    counts_of_rates,
    narrower_than_one_case,
    rates_fit,
    sums_differ,
)
from evaluation.services.exports import ask_export, decide_export
from evaluation.statistics.clustered_roc import clustered_auc
from evaluation.statistics.delong import auc
from evaluation.statistics.fourfold import Fourfold, rates
from evaluation.statistics.results import Estimate
from mammo.accounts.models import AuditEvent, Site, User
from mammo.archive.models import Pathology, Study
from modeling.models import Checkpoint, Prediction, Run, Snapshot
from tests.evaluation import scene
from tests.evaluation.reports.test_table_1 import refusal, table

DENSITIES = "ABCD"


@pytest.fixture
def archive(site: Site) -> list[Study]:
    """Twelve patients, one study each: densities in turn, categories, both breasts biopsied of every second one."""
    studies = []
    for number in range(12):
        study = scene.patient_with_study(site, f"P{number:03d}", f"A{number:03d}")
        study.density = DENSITIES[number % 4]
        study.birads_right = study.birads_overall = ("3", "4A", "4B", "4C", "2", "0")[number % 6]
        study.birads_left = "4A" if number % 2 else "3"
        study.age = 35 + 4 * number
        study.save()
        for side in ("R", "L") if number % 2 else ("R",):
            result = "malignant" if (number + (side == "L")) % 3 == 0 else "benign"
            Pathology.objects.create(study=study, laterality=side, method="core_biopsy", result=result)
        studies.append(study)
    return studies


def run_of(
    site: Site, stage: str, *, variant: str = "", simulated: bool = False, **config: Any
) -> Checkpoint:
    """A run with one checkpoint."""
    run = Run.objects.create(
        site=site,
        name=f"{stage} {variant}",
        stage=stage,
        variant=variant,
        config=config,
        is_simulated=simulated,
    )
    return Checkpoint.objects.create(run=run, folder="/weights", sha256="a" * 64, is_simulated=simulated)


def predict(checkpoint: Checkpoint, study: Study, kind: str, value: float, **fields: Any) -> Prediction:
    side = fields.pop("laterality", "")
    return Prediction.objects.create(
        checkpoint=checkpoint,
        unit_kind="breast" if side else "study",
        unit=f"{study.pk}:{side}" if side else str(study.pk),
        study=study,
        laterality=side,
        kind=kind,
        method=fields.pop("method", "image"),
        value=value,
        is_simulated=checkpoint.is_simulated,
        **fields,
    )


def malignancy_run(
    site: Site,
    archive: list[Study],
    *,
    stage: str = "umicon_supervised",
    variant: str = "umicon",
    **fields: Any,
) -> Checkpoint:
    """Chances for every biopsied breast, by image, report and both."""
    checkpoint = run_of(site, stage, variant=variant, **fields)
    for place, row in enumerate(Pathology.objects.order_by("study__pk", "laterality")):
        base = 0.35 + 0.3 * (row.result == "malignant") + 0.05 * (place % 5)
        for method, shift in (("image", 0.0), ("report", -0.04 * (place % 3)), ("fused", 0.02)):
            predict(
                checkpoint, row.study, "malignancy", base + shift, laterality=row.laterality, method=method
            )
    return checkpoint


def cell(found: dict[str, Any], row: int, column: str) -> Any:
    return found["rows"][row]["cells"][column]


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
    run_of(site, "density", batch_size=6, learning_rate=2e-4, epochs=280)
    run_of(site, "sft", batch_size=8, learning_rate=1e-5, epochs=3, simulated=True)
    found = table(5, "--paper")
    assert len(found["rows"]) == 1
    assert cell(found, 0, "batch_size")["value"] == 6
    assert cell(found, 0, "learning_rate") == "2e-4"
    assert cell(found, 0, "batch_size_paper")["value"] == 6
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


def test_table_7_of_classifiers_has_clustered_areas_and_rates(archive: list[Study], site: Site) -> None:
    checkpoint = malignancy_run(site, archive)
    rows = list(Prediction.objects.filter(checkpoint=checkpoint, method="image").order_by("unit"))
    truth = np.array(
        [
            Pathology.objects.filter(study=row.study, laterality=row.laterality, result="malignant").exists()
            for row in rows
        ]
    )
    scores, patients = np.array([row.value for row in rows]), [str(row.study.patient_id) for row in rows]
    found = table(7, "--prevalence", 0.01)
    area = clustered_auc(truth, scores, patients)
    assert cell(found, 0, "auc")["value"] == pytest.approx(area.value)
    assert cell(found, 0, "auc")["ci"] == pytest.approx(list(area.interval))
    called = scores >= 0.5
    counts = Fourfold(
        int((truth & called).sum()),
        int((~truth & called).sum()),
        int((truth & ~called).sum()),
        int((~truth & ~called).sum()),
    )
    for name, rate in rates(counts).items():
        assert cell(found, 0, name)["value"] == pytest.approx(rate.value)
    assert cell(found, 0, "prevalence") == f"{truth.mean():.1%} ({truth.sum()}/{len(truth)})"
    assert cell(found, 0, "ppv_at")["value"] < cell(found, 0, "ppv")["value"]
    strict = table(7, "--threshold", 0.99)
    assert cell(strict, 0, "sensitivity")["value"] == 0
    assert any("verification bias" in note for note in found["notes"])
    assert "a share between 0 and 1" in refusal(7, "--prevalence", 2)


@pytest.fixture
def reader_study(archive: list[Study], rita: User, site: Site) -> ReaderStudy:
    """Four readers, two conditions, twelve cases; locked."""
    study = ReaderStudy.objects.create(
        site=site,
        protocol=scene.frozen_protocol(rita),
        name="Readers",
        state="draft",
        conditions=[{"key": "alone", "name": "alone"}, {"key": "ai", "name": "with UMiCon"}],
        seed=3,
        by_user=rita,
    )
    cases = [
        ReaderStudyCase.objects.create(
            reader_study=study, study=row, laterality="R", truth=place % 2 == 0, position=place + 1
        )
        for place, row in enumerate(archive)
    ]
    rng = np.random.default_rng(5)
    for number in range(4):
        user = scene.person(site, f"Reader{number}")
        reader = Reader.objects.create(
            reader_study=study, user=user, group="junior" if number < 2 else "senior"
        )
        for turn, condition in enumerate(("alone", "ai")):
            for case in cases:
                slot = ReadingSlot.objects.create(
                    reader=reader, case=case, condition=condition, position=turn * 12 + case.position
                )
                likelihood = int(
                    np.clip(35 + 25 * case.truth + 10 * turn * case.truth + rng.normal(0, 18), 0, 100)
                )
                category = "4A" if likelihood > 45 else "3"
                Reading.objects.create(
                    slot=slot,
                    by_user=user,
                    category=category,
                    likelihood=likelihood,
                    is_simulated=number == 3,
                )
    ReaderStudy.objects.filter(pk=study.pk).update(state="locked", design_sha256="d" * 64)
    return ReaderStudy.objects.get(pk=study.pk)


def test_table_7_of_readers_takes_likelihoods_for_the_area_and_categories_for_the_rates(
    reader_study: ReaderStudy,
) -> None:
    found = table(7, "--reader-study", "Readers")
    assert len(found["rows"]) == 3 * 2
    readings = Reading.objects.filter(is_simulated=False, slot__condition="ai").select_related("slot__case")
    first = sorted({str(r.slot.reader_id) for r in readings})
    row = next(r for r in found["rows"] if r["key"].endswith(":ai"))
    reader = Reader.objects.filter(reader_study=reader_study).order_by("pk")[int(row["key"][1:3]) - 1]
    own = [r for r in readings if r.slot.reader_id == reader.pk]
    truth = np.array([r.slot.case.truth for r in own])
    expected = auc(truth, np.array([float(r.likelihood) for r in own]))
    assert row["cells"]["auc"]["value"] == pytest.approx(expected.value)
    called = np.array([r.category == "4A" for r in own])
    assert row["cells"]["sensitivity"]["value"] == pytest.approx(called[truth].mean())
    assert "with UMiCon" in row["label"]
    assert len(first) == 3
    assert any("Mean AUC, with UMiCon - alone" in note for note in found["notes"])
    assert any("3 readers" in note for note in found["notes"])
    assert "3 readers, 12 cases, biopsy from category 4A on" in found["caption"]
    with_all = table(7, "--reader-study", "Readers", "--simulated")
    assert len(with_all["rows"]) == 8
    assert "Not a result" in with_all["caption"]
    names = [user.display_name for user in User.objects.all()]
    assert not any(
        name in json.dumps(found) for name in names if name.startswith("Reader") and name != "Readers"
    )


def test_a_reader_study_that_is_not_locked_gives_no_table(reader_study: ReaderStudy) -> None:
    ReaderStudy.objects.filter(pk=reader_study.pk).update(state="reading")
    assert "once the readings are locked" in refusal(7, "--reader-study", "Readers")


def test_table_8_shows_images_report_and_both(archive: list[Study], site: Site) -> None:
    malignancy_run(site, archive, variant="base")
    malignancy_run(site, archive, variant="umicon")
    found = table(8, "--paper")
    assert [row["label"] for row in found["rows"]] == ["base", "umicon"]
    assert all(cell(found, 0, f"auc_{method}")["value"] > 0.5 for method in ("image", "report", "fused"))
    assert cell(found, 1, "auc_paper")["value"] == 0.70
    assert any("fused AUC says nothing by itself" in note for note in found["notes"])


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
    assert "studies have none" in refusal(9, "--by", "language")
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


def test_exported_readings_give_the_same_analysis_again(reader_study: ReaderStudy, tmp_path: Path) -> None:
    out = tmp_path / "out"
    people = [scene.person(reader_study.site, name, "statistician") for name in ("Stan", "Stella")]
    row = ask_export(reader_study, by_user=people[0], reason="analysis in R", expires_on=timezone.localdate())
    decide_export(row, "approved", by_user=people[1])
    call_command("export_readings", str(out), "--request", str(row.pk))
    from tests.evaluation.analyses.test_analyse import analyse

    found = analyse("mrmc", out / "readings.csv")
    note = next(n for n in table(7, "--reader-study", "Readers")["notes"] if n.startswith("Mean AUC"))
    assert f"{found['difference']['estimate']:.3f}" in note
    lines = (out / "readings.imrmc").read_text().splitlines()
    assert lines[3:5] == ["NR: 3", "NM: 2"]
    assert sum(line.startswith("-1,") for line in lines) == 12
    assert AuditEvent.objects.get(action="evaluation.readings.exported").reason == "analysis in R"
    with pytest.raises(CommandError, match="holds files already"):
        call_command("export_readings", str(out), "--request", str(row.pk))
