"""Table 7: classifiers and readers, patients as clusters, case sets and what they rest on."""

import hashlib
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from evaluation.analyses.mrmc import MrmcOptions, run_mrmc
from evaluation.models import Reader, ReaderStudy, ReaderStudyCase, Reading
from evaluation.reports.checklist_facts import facts_of
from evaluation.reports.rates import checks
from evaluation.reports.reader_readings import study_readings
from evaluation.reports.study.reader_data import from_reader_study
from evaluation.reports.study.reader_files import mrmcaov_file
from evaluation.reports.study.reader_sections import reader_sections
from evaluation.services.exports import ask_export, decide_export
from evaluation.statistics.clustered_roc import clustered_auc
from evaluation.statistics.clustered_shares import rates_of_units
from evaluation.statistics.delong import auc
from evaluation.statistics.fourfold import Fourfold, rates
from evaluation.statistics.mrmc import analyse_mrmc
from evaluation.statistics.mrmc_readings import readings
from mammo.accounts.models import AuditEvent, Site, User
from mammo.archive.models import Pathology, Study
from modeling.models import Prediction, Run, Snapshot
from tests.evaluation import scene
from tests.evaluation.reading_scene import resealed
from tests.evaluation.reports.prediction_scene import cell, malignancy_run
from tests.evaluation.reports.test_table_1 import refusal, table


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


def test_table_7_of_readers_takes_likelihoods_for_the_area_and_categories_for_the_rates(
    reader_study: ReaderStudy,
) -> None:
    found = table(7, "--reader-study", "Readers")
    assert len(found["rows"]) == 3 * 2
    rows = Reading.objects.filter(is_simulated=False, slot__condition="ai").select_related("slot__case")
    first = sorted({str(r.slot.reader_id) for r in rows})
    row = next(r for r in found["rows"] if r["key"].endswith(":ai"))
    reader = Reader.objects.filter(reader_study=reader_study).order_by("pk")[int(row["key"][1:3]) - 1]
    own = [r for r in rows if r.slot.reader_id == reader.pk]
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


def test_the_difference_of_conditions_is_given_at_the_protocols_level_in_table_and_report(
    reader_study: ReaderStudy, rita: User
) -> None:
    found = study_readings(reader_study, simulated=False)
    for alpha, level in ((0.05, "95% CI"), (0.1, "90% CI")):
        protocol = scene.frozen_protocol(rita, alpha=alpha)
        resealed(reader_study, protocol=protocol)
        (contrast,) = analyse_mrmc(
            readings(reading.row() for reading in found), level=1 - alpha
        ).main.differences
        low, high = contrast.estimate.interval
        expected = f"{contrast.estimate.value:.3f} [{level} {low:.3f}, {high:.3f}]"
        assert any(expected in note for note in table(7, "--reader-study", "Readers")["notes"])
        data = from_reader_study(ReaderStudy.objects.get(pk=reader_study.pk), simulated=False)
        part = next(part for part in reader_sections(data) if part.title == "Rates of every reader")
        assert any(expected in text for text in part.paragraphs)


def test_two_breasts_of_a_patient_are_one_draw_in_table_7_of_readers(
    reader_study: ReaderStudy, tmp_path: Path
) -> None:
    """The second case of each patient: intervals and the test between conditions are those of clustered cases."""
    cases = list(ReaderStudyCase.objects.filter(reader_study=reader_study).order_by("position"))
    alone = table(7, "--reader-study", "Readers")
    assert not any("patients as clusters" in note or "over patients" in note for note in alone["notes"])
    for first, second in zip(cases[::2], cases[1::2], strict=True):
        ReaderStudyCase.objects.filter(pk=second.pk).update(study=first.study, laterality="L")
    reader_study = resealed(reader_study)
    found = table(7, "--reader-study", "Readers")
    assert "Rao-Scott" in found["method"]
    assert any("intervals take patients as clusters" in note for note in found["notes"])
    assert any("over patients (patients: 6, cases: 12)" in note for note in found["notes"])
    shown = study_readings(reader_study, simulated=False)
    row = found["rows"][0]
    own = [r for r in shown if f"{r.reader}:{r.condition}" == row["key"]]
    truth, called = (np.array([getattr(r, name) for r in own]) for name in ("truth", "called"))
    expected = rates_of_units(truth, called, [r.patient for r in own])
    for name, rate in expected.items():
        assert rate.interval is not None
        assert row["cells"][name]["ci"] == pytest.approx(list(rate.interval))
    # The exported readings carry the patients: the same p value comes from the file.
    path = tmp_path / "readings.csv"
    path.write_bytes(mrmcaov_file(shown))
    again = run_mrmc(path, MrmcOptions()).data
    note = next(n for n in found["notes"] if n.startswith("Mean AUC"))
    assert f"p = {again['difference']['p']:.3g}" in note
    assert not any(r.patient in path.read_text() for r in shown)


def test_classifiers_stand_on_the_readers_cases_where_they_judged_them(
    archive: list[Study], reader_study: ReaderStudy, site: Site
) -> None:
    """Every right breast has a prediction, and seven left ones that no reader saw."""
    checkpoint = malignancy_run(site, archive)
    found = table(7, "--reader-study", "Readers", "--run", str(checkpoint.run.pk))
    cases = list(ReaderStudyCase.objects.filter(reader_study=reader_study).order_by("position"))
    rows = Prediction.objects.filter(checkpoint=checkpoint, method="image")
    assert rows.count() > len(cases)
    scores = np.array([rows.get(study=case.study, laterality="R").value for case in cases])
    truth = np.array([case.truth for case in cases])
    assert cell(found, 0, "auc")["value"] == pytest.approx(auc(truth, scores).value)
    assert cell(found, 0, "sensitivity")["value"] == pytest.approx((scores >= 0.5)[truth].mean())
    assert cell(found, 0, "prevalence") == "50.0% (6/12)"
    assert not any("compare case sets" in note for note in found["notes"])


def test_a_classifier_that_did_not_judge_every_case_says_which_sets_stand_beside_each_other(
    archive: list[Study], reader_study: ReaderStudy, site: Site
) -> None:
    checkpoint = malignancy_run(site, archive)
    some = [study.pk for study in archive[:3]]
    Prediction.objects.filter(checkpoint=checkpoint, study__in=some, laterality="R").delete()
    found = table(7, "--reader-study", "Readers", "--run", str(checkpoint.run.pk))
    assert cell(found, 0, "prevalence").endswith("/9)")
    assert any(
        "judged on 9 cases, the readers on 12 cases; 9 cases in common" in note for note in found["notes"]
    )
    Prediction.objects.filter(checkpoint=checkpoint, laterality="R").delete()
    left = Prediction.objects.filter(checkpoint=checkpoint, method="image").count()
    found = table(7, "--reader-study", "Readers", "--run", str(checkpoint.run.pk))
    assert cell(found, 0, "prevalence").endswith(f"/{left})")
    assert any(
        f"judged on {left} cases, the readers on 12 cases; 0 cases in common" in note
        for note in found["notes"]
    )


def test_cases_of_patients_whom_a_run_was_trained_on_are_no_test_of_it(
    archive: list[Study], reader_study: ReaderStudy, site: Site
) -> None:
    checkpoint = malignancy_run(site, archive)
    snapshot = Snapshot.objects.create(site=site, name="S", folder="none", content_hash="e" * 64)
    snapshot.patients.add(archive[0].patient)
    Run.objects.filter(pk=checkpoint.run.pk).update(snapshot=snapshot)
    found = table(7, "--reader-study", "Readers", "--run", str(checkpoint.run.pk))
    assert cell(found, 0, "prevalence").endswith("/11)")
    assert any("judged on 11 cases" in note for note in found["notes"])


def test_what_the_truth_rests_on_is_read_from_the_rows(
    archive: list[Study], reader_study: ReaderStudy
) -> None:
    biopsied = table(7, "--reader-study", "Readers")
    assert any(note.startswith("Every case has a biopsy") for note in biopsied["notes"])
    assert biopsied["caption"].startswith("Table 7. Malignancy of biopsied breasts: AUC")
    followed = Pathology.objects.filter(study=archive[1], laterality="R", result="benign")
    assert followed.update(method="follow_up", result="", follow_up_months=30) == 1
    found = table(7, "--reader-study", "Readers")
    assert not any("Every case has a biopsy" in note for note in found["notes"])
    assert any("11 cases have a biopsy, 1 a negative follow-up" in note for note in found["notes"])
    assert "with a biopsy or a negative follow-up: AUC" in found["caption"]
    facts = facts_of(reader_study.protocol, None, reader_study)
    assert facts["truth"] == "biopsy of 11, negative follow-up alone of 1: 6 of 12 malignant"


def test_a_reader_study_that_is_not_locked_gives_no_table(reader_study: ReaderStudy) -> None:
    ReaderStudy.objects.filter(pk=reader_study.pk).update(state="reading")
    assert "once the readings are locked" in refusal(7, "--reader-study", "Readers")


def test_the_report_of_a_reader_study_holds_its_design_flow_difference_and_rates(
    reader_study: ReaderStudy, tmp_path: Path
) -> None:
    out = io.StringIO()
    call_command("study_report", str(tmp_path / "a"), "--reader-study", "Readers", "--json", stdout=out)
    said = json.loads(out.getvalue())
    found = study_readings(reader_study, simulated=False)
    assert said["sha256"] == hashlib.sha256(mrmcaov_file(found)).hexdigest()
    page = (tmp_path / "a" / "report.html").read_text(encoding="utf-8")
    again = analyse_mrmc(readings(reading.row() for reading in found))
    (difference,) = again.main.differences
    low, high = difference.estimate.interval
    assert f"{difference.estimate.value:.3f} [{low:.3f}, {high:.3f}]" in page
    assert f"<td>readings analysed</td><td>{len(found)}</td>" in page
    assert "Table 7." in page
    assert page.count("<svg") == 3
    for user in User.objects.filter(pk__in=reader_study.readers.values("user")):
        assert user.username not in page
    call_command("study_report", str(tmp_path / "b"), "--reader-study", "Readers")
    for name in ("report.pdf", "report.html", "roc.svg"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
    with pytest.raises(CommandError, match="name one of --trial, --reader-study"):
        call_command("study_report", str(tmp_path / "c"), "--reader-study", "Readers", "--trial", "x")


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


def test_a_frozen_export_gives_the_reader_studys_report_again_on_a_machine_without_its_rows(
    reader_study: ReaderStudy, tmp_path: Path
) -> None:
    """What the report says comes from the folder alone: the database is not asked once."""
    stan, stella = (scene.person(reader_study.site, name, "statistician") for name in ("Stan", "Stella"))
    row = ask_export(reader_study, by_user=stan, reason="archive", expires_on=timezone.localdate())
    decide_export(row, "approved", by_user=stella)
    export, here, there = tmp_path / "export", tmp_path / "here", tmp_path / "there"
    call_command("export_readings", str(export), "--request", str(row.pk))
    call_command("study_report", str(here), "--reader-study", "Readers")
    with CaptureQueriesContext(connection) as queries:
        call_command("study_report", str(there), "--from", str(export))
    assert [query["sql"] for query in queries.captured_queries] == []
    names = sorted(path.name for path in here.iterdir())
    assert len(names) >= 8
    for name in names:
        assert (there / name).read_bytes() == (here / name).read_bytes(), name
    calls = export / "calls.csv"
    calls.write_text(calls.read_text().replace(",1,", ",0,", 1))
    with pytest.raises(CommandError, match=r"calls.csv: its content is not that which the manifest names"):
        call_command("study_report", str(tmp_path / "x"), "--from", str(export))
    calls.unlink()
    with pytest.raises(CommandError, match="give the folder that export_readings wrote"):
        call_command("study_report", str(tmp_path / "x"), "--from", str(export))


def test_rates_intervals_and_sums_of_a_row_are_checked_against_its_counts() -> None:
    counts = Fourfold(8, 2, 1, 9)
    found = rates(counts)
    assert checks("ours", counts, found) == []
    wrong = found | {"ppv": replace(found["ppv"], value=0.95)}
    assert "no counts of 20 cases give these" in checks("ours", counts, wrong)[0]
    narrow = found | {"sensitivity": replace(found["sensitivity"], interval=(0.85, 0.9))}
    (warning,) = checks("ours", counts, narrow)
    assert "ours (SEN)" in warning
    assert "narrower than one of 9 cases" in warning


def test_the_papers_doctors_stand_beside_the_readers_of_their_group_and_condition(
    reader_study: ReaderStudy,
) -> None:
    """Two juniors and one senior read (a second senior's readings are simulated)."""
    from evaluation.reports.options import TableOptions
    from evaluation.reports.paper_tables import TABLE_7
    from evaluation.reports.tables import build_table

    built = build_table(7, TableOptions(reader_study=reader_study, paper=True))
    rows = {row.key: row.cells for row in built.rows}
    waiting = {"junior": ["a", "b"], "senior": ["c", "d"]}
    letters = {}
    for row in built.rows:
        reader, group = row.key[:3], "junior" if "(junior)" in row.label else "senior"
        letters.setdefault(reader, waiting[group].pop(0) if reader not in letters else "")
    assert sorted(letters.values()) == ["a", "b", "c"]
    for key in rows:
        letter = letters[key[:3]] + ("umicon" if key.endswith(":ai") else "")
        (value, interval), rates_of_paper = TABLE_7[letter]
        assert rows[key]["auc_paper"].estimate.value == value
        assert rows[key]["auc_paper"].estimate.interval == interval
        assert rows[key]["sensitivity_paper"].estimate.value == rates_of_paper[1]
        assert rows[key]["npv_paper"].estimate.value == rates_of_paper[4]
    assert any("other persons on other cases" in note for note in built.notes)
    plain = build_table(7, TableOptions(reader_study=reader_study))
    assert not any("paper" in name for row in plain.rows for name in row.cells)
    assert not any("other persons" in note for note in plain.notes)
    Reader.objects.filter(reader_study=reader_study).update(group="")
    reader_study = resealed(reader_study)
    without = build_table(7, TableOptions(reader_study=reader_study, paper=True))
    assert not any("auc_paper" in row.cells for row in without.rows)
