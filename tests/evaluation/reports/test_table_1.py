"""Table 1: numbers from rows, masked until unblinding, simulated rows kept apart; six formats."""

import csv
import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from django.urls import reverse
from docx import Document

from evaluation.models import Arm, Score, Trial
from evaluation.reports.table import Table
from evaluation.reports.trial_scores import analysis_seed, trial_scores
from evaluation.reports.writers.markdown import write_markdown
from evaluation.services.scoring import lock_trial, next_slot, record_scores
from evaluation.services.unblinding import confirm_unblinding, request_unblinding
from evaluation.statistics.intraclass import intraclass
from evaluation.statistics.krippendorff import alpha
from evaluation.statistics.score_analysis import units_by_raters
from mammo.accounts.models import User
from tests.evaluation import scene


def table(*arguments: object) -> dict[str, Any]:
    out = io.StringIO()
    call_command("table", *[str(a) for a in arguments], "--json", stdout=out)
    result: dict[str, Any] = json.loads(out.getvalue())
    return result


def refusal(*arguments: object) -> str:
    with pytest.raises(CommandError) as caught:
        table(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def unblind(trial: Trial, rita: User, stan: User) -> None:
    request_unblinding(trial, by_user=rita, reason="scoring is over")
    confirm_unblinding(trial, by_user=stan)


@pytest.fixture
def locked(trial: Trial, rita: User) -> Trial:
    """Every form scored, locked, not unblinded."""
    scene.score_all(trial)
    return lock_trial(trial, by_user=rita)


def test_means_and_intervals_are_those_of_the_rows(locked: Trial, rita: User, stan: User) -> None:
    unblind(locked, rita, stan)
    found = table(1, "--trial", locked.name)
    assert [row["label"] for row in found["rows"]] == ["MammoVLM", "Untuned model", "Junior doctor"]
    for row, arm in zip(found["rows"], locked.arms.order_by("position"), strict=True):
        scores = Score.objects.filter(slot__answer__arm=arm, aspect__key="rationality")
        values = [score.value for score in scores]
        cell = row["cells"]["rationality"]
        assert cell["value"] == pytest.approx(np.mean(values))
        assert cell["ci"][0] < cell["value"] < cell["ci"][1]
        assert cell["n"] == len(values) == 18
    assert "2 blinded raters on 9 questions of 9 patients; 5 aspects, scale 1 to 100" in found["caption"]
    assert "two-way random ANOVA" in found["method"]
    assert not found["simulated"]
    assert "simulated" not in found["caption"]


def test_a_corrected_score_counts_once_and_as_corrected(trial: Trial, rita: User, sena: User) -> None:
    from evaluation.services.scoring import record_scores

    scene.score_all(trial)
    slot = trial.raters.get(user=sena).slots.first()
    record_scores(slot, by_user=sena, values=scene.values(1))
    lock_trial(trial, by_user=rita)
    found = table(1, "--trial", trial.name)
    code = slot.answer.arm.code
    cell = next(row for row in found["rows"] if row["label"] == code)["cells"]["correctness"]
    standing = Score.objects.standing().filter(slot__answer__arm=slot.answer.arm, aspect__key="correctness")
    assert cell["n"] == 18
    assert cell["value"] == pytest.approx(np.mean([score.value for score in standing]))
    assert 1 in [score.value for score in standing]


def test_arms_stand_under_their_codes_until_unblinding(locked: Trial, rita: User, stan: User) -> None:
    masked = json.dumps(table(1, "--trial", locked.name, "--paper"))
    for arm in locked.arms.all():
        assert arm.name not in masked
        assert arm.code in masked
    assert "(paper)" not in masked
    labels = [row["label"] for row in table(1, "--trial", locked.name)["rows"]]
    assert labels == sorted(arm.code for arm in locked.arms.all())
    unblind(locked, rita, stan)
    assert "MammoVLM" in json.dumps(table(1, "--trial", locked.name))


def test_simulated_scores_are_left_out_unless_asked_for_and_then_named(
    rita: User, june: User, sena: User, site: Any
) -> None:
    robot = scene.person(site, "Robot", is_simulated=True)
    trial = scene.open_trial(rita, june, [robot, sena])
    scene.score_all(trial)
    lock_trial(trial, by_user=rita)
    without = table(1, "--trial", trial.name)
    assert {cell["n"] for row in without["rows"] for cell in row["cells"].values()} == {9}
    assert any("135 scores are marked as simulated" in note for note in without["notes"])
    with_them = table(1, "--trial", trial.name, "--simulated")
    assert {cell["n"] for row in with_them["rows"] for cell in row["cells"].values()} == {18}
    assert "simulated raters" in with_them["caption"]
    assert with_them["simulated"]


def test_a_table_of_simulated_scores_only_is_empty_and_says_why(rita: User, june: User, site: Any) -> None:
    robots = [scene.person(site, name, is_simulated=True) for name in ("Robot", "Roberta")]
    trial = scene.open_trial(rita, june, robots)
    Arm.objects.filter(trial=trial).exclude(kind="human")
    scene.score_all(trial)
    lock_trial(trial, by_user=rita)
    empty = table(1, "--trial", trial.name)
    assert empty["rows"] == []
    assert any("--simulated takes them in" in note for note in empty["notes"])


def test_paper_columns_are_marked_and_never_ours(locked: Trial, rita: User, stan: User) -> None:
    unblind(locked, rita, stan)
    found = table(1, "--trial", locked.name, "--paper")
    paper = [column for column in found["columns"] if column["paper"]]
    assert len(paper) == 5
    assert all(column["name"].endswith("(paper)") for column in paper)
    rows = {row["label"]: row["cells"] for row in found["rows"]}
    assert rows["MammoVLM"]["professionalism_paper"]["value"] == 94.6
    assert rows["Junior doctor"]["correctness_paper"]["value"] == 90.6
    assert rows["Untuned model"]["correctness_paper"] is None


def test_every_number_is_traceable_to_its_rows(locked: Trial, rita: User, stan: User, tmp_path: Path) -> None:
    """Before the unblinding by rater, question and aspect: ids of scores would join codes with what raters were shown."""
    out = tmp_path / "table1.csv"
    request = ("--request", scene.approved_export(locked, rita, stan))
    found = table(1, "--trial", locked.name, "--format", "csv", "--out", out, *request)
    assert found["files"] == [str(out), str(tmp_path / "table1_rows.csv")]
    with (tmp_path / "table1_rows.csv").open(encoding="utf-8-sig", newline="") as handle:
        rows = list(csv.DictReader(handle))
    ids = {str(pk) for pk in Score.objects.values_list("pk", flat=True)}
    assert len({tuple(sorted(row.items())) for row in rows}) == len(rows) == len(ids)
    assert not any(pk in (tmp_path / "table1_rows.csv").read_text() for pk in ids)
    for line in found["rows"]:
        values = [float(r["value"]) for r in rows if r["arm"] == line["key"] and r["aspect"] == "helpfulness"]
        assert line["cells"]["helpfulness"]["value"] == pytest.approx(np.mean(values))
    assert not any(
        name in (tmp_path / "table1_rows.csv").read_text() for name in ("Sena", "sena", "MammoVLM")
    )
    unblind(locked, rita, stan)
    table(1, "--trial", locked.name, "--format", "csv", "--out", tmp_path / "known.csv", *request)
    with (tmp_path / "known_rows.csv").open(encoding="utf-8-sig", newline="") as handle:
        assert {row["score"] for row in csv.DictReader(handle)} == ids


@pytest.fixture
def nasty(locked: Trial, rita: User, stan: User, monkeypatch: pytest.MonkeyPatch) -> Trial:
    """Unblinded, with an arm whose name is a trap for every format."""
    arm = locked.arms.get(position=1)
    unblind(locked, rita, stan)
    Arm.objects.filter(pk=arm.pk).update(name='=HYPERLINK("x")&<b>|_%\\{}')
    # The design's hash would notice: it is taken anew for this test of the writers alone.
    from evaluation.services.freezing import design_hash

    Trial.objects.filter(pk=locked.pk).update(design_sha256=design_hash(Trial.objects.get(pk=locked.pk)))
    return locked


def test_each_format_holds_the_numbers_and_tames_nasty_names(nasty: Trial, tmp_path: Path) -> None:
    found = table(1, "--trial", nasty.name)
    cell = found["rows"][0]["cells"]["correctness"]
    shown = f"{cell['value']:.1f} [{cell['ci'][0]:.1f}, {cell['ci'][1]:.1f}]"
    files = {}
    for kind in ("csv", "xlsx", "tex", "docx", "md", "html"):
        files[kind] = tmp_path / f"t.{kind}"
        table(1, "--trial", nasty.name, "--format", kind, "--out", files[kind])
    raw = files["csv"].read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(raw.decode("utf-8-sig"))))
    assert rows[1][0].startswith("'=")
    assert float(rows[1][1]) == pytest.approx(cell["value"])
    book = openpyxl.load_workbook(files["xlsx"])
    sheet = book.active
    assert all(c.data_type != "f" for line in sheet.iter_rows() for c in line)
    assert sheet["B2"].value == pytest.approx(cell["value"])
    assert "<f>" not in zipfile.ZipFile(files["xlsx"]).read("xl/worksheets/sheet1.xml").decode()
    tex = files["tex"].read_text()
    assert r"\toprule" in tex
    assert shown in tex
    assert r"\&<b>|\_\%\textbackslash{}\{\}" in tex
    assert len(re.findall(r"(?<!\\)\{", tex)) == len(re.findall(r"(?<!\\)\}", tex))
    document = Document(str(files["docx"]))
    assert document.tables[0].rows[1].cells[1].text == shown
    markdown = files["md"].read_text()
    assert shown in markdown
    assert "<b>" not in markdown
    html = files["html"].read_text()
    assert "&lt;b&gt;" in html
    assert "style=" not in html
    assert shown in html


def test_comparisons_stay_as_they_are_written_in_markdown() -> None:
    """The terminal prints it as it stands: "p &lt; 0.001" is no sign of a smaller number there."""
    note = "p < 0.001, n <5, x <= 3, <script>"
    shown = write_markdown(Table(1, "Caption", "Arm", [], [], note, "version")).decode()
    assert "p < 0.001, n <5, x <= 3, &lt;script>" in shown


def test_unlocked_unknown_and_absent_tables_get_one_clear_line(trial: Trial, tmp_path: Path) -> None:
    assert "once the scores are locked" in refusal(1, "--trial", trial.name)
    assert "known: First trial" in refusal(1, "--trial", "Nobody's")
    assert "--trial" in refusal(1)
    assert "this version computes table 1, 2" in refusal(11, "--trial", trial.name)
    assert "give the number" in refusal("one")
    assert "known: csv" in refusal(1, "--trial", trial.name, "--format", "pdf")
    out = tmp_path / "t.csv"
    refusal(1, "--trial", trial.name, "--out", out, "--format", "csv")
    assert not out.exists()


def test_a_table_is_the_same_every_time(locked: Trial, tmp_path: Path) -> None:
    for kind in ("csv", "xlsx", "tex", "md", "html"):
        one, two = tmp_path / f"1.{kind}", tmp_path / f"2.{kind}"
        table(1, "--trial", locked.name, "--format", kind, "--out", one)
        table(1, "--trial", locked.name, "--format", kind, "--out", two)
        assert one.read_bytes() == two.read_bytes()


def test_tables_2_and_3_take_the_arms_that_say_so(trial: Trial, rita: User, stan: User) -> None:
    from evaluation.services.freezing import design_hash

    scene.score_all(trial)
    arms = list(trial.arms.order_by("position"))
    Arm.objects.filter(pk=arms[0].pk).update(spec=arms[0].spec | {"tables": [1, 2]})
    Arm.objects.filter(pk=arms[1].pk).update(spec=arms[1].spec | {"tables": [2]})
    Arm.objects.filter(pk=arms[2].pk).update(spec={"tables": [1]})
    # The design's hash would notice: it is taken anew, as if the arms had said so before freezing.
    Trial.objects.filter(pk=trial.pk).update(design_sha256=design_hash(Trial.objects.get(pk=trial.pk)))
    lock_trial(Trial.objects.get(pk=trial.pk), by_user=rita)
    # Whichever is asked for holds every arm: what two tables share would be told apart by its code.
    for number in (1, 2):
        found = table(number, "--trial", trial.name)
        assert {row["label"] for row in found["rows"]} == {arm.code for arm in arms}
        assert "of 3 arms" in found["caption"]
        assert "All arms stand here until then, not those of this table alone." in found["notes"]
    assert "no arm of trial First trial belongs to it" in refusal(3, "--trial", trial.name)
    request_unblinding(Trial.objects.get(pk=trial.pk), by_user=rita, reason="scoring is over")
    confirm_unblinding(Trial.objects.get(pk=trial.pk), by_user=stan)
    for number, places in ((1, (0, 2)), (2, (0, 1))):
        found = table(number, "--trial", trial.name)
        assert {row["label"] for row in found["rows"]} == {arms[place].name for place in places}
        assert found["caption"].startswith(f"Table {number}. Mean score")
        assert "of 2 arms" in found["caption"]
        # Agreement is that of the arms the table shows, and names them.
        shown = [arms[place] for place in ((0, 2), (0, 1))[number - 1]]
        (said,) = [
            note
            for note in found["notes"]
            if note.startswith("Agreement on the answers of the arms of this table (")
        ]
        assert all(arm.name in said for arm in shown)
        assert not [arm.name for arm in arms if arm not in shown and arm.name in said]
        expected, interval = agreement_of(trial, [str(arm.pk) for arm in shown])
        assert f"Correctness {expected}" in said
        assert f"[95% CI, bootstrap over questions, B = 2000]: Correctness {expected} {interval}," in said
    assert "no arm of trial First trial belongs to it" in refusal(3, "--trial", trial.name)


def agreement_of(trial: Trial, arms: list[str]) -> tuple[str, str]:
    """ICC(A,1) and alpha of the correctness of these arms' answers, and alpha's interval, as printed."""
    scores = trial_scores(Trial.objects.get(pk=trial.pk), simulated=False)
    cube = scores.cubes["correctness"].of_systems(arms)
    table = units_by_raters(cube)
    seed, clusters = analysis_seed(Trial.objects.get(pk=trial.pk)), [q for q in cube.questions for _ in arms]
    found = alpha(table, b=2000, seed=seed, clusters=clusters)
    low, high = found.interval or (0.0, 0.0)
    return f"{intraclass(table).icc_a1.value:.2f}/{found.value:.2f}", f"[{low:.2f}, {high:.2f}]"


def test_strata_of_questions_have_their_own_means_and_rows(locked: Trial) -> None:
    from mammo.archive.models import Report, Study

    questions = list(locked.trial_questions.order_by("position").select_related("question"))
    for question in questions[:4]:
        Study.objects.filter(pk=question.question.study_id).update(density="B")
    found = table(1, "--trial", locked.name, "--by", "density")
    assert len(found["rows"]) == 6
    code = locked.arms.order_by("code").first().code
    row = next(r for r in found["rows"] if r["label"] == f"{code} · density B")
    values = [
        score.value
        for score in Score.objects.filter(
            slot__answer__arm__code=code, aspect__key="correctness", slot__answer__question__in=questions[:4]
        )
    ]
    assert row["cells"]["correctness"]["value"] == pytest.approx(np.mean(values))
    assert row["cells"]["correctness"]["n"] == 8
    language = table(1, "--trial", locked.name, "--by", "language")
    study = questions[0].question.study
    Report(study=study, language="zh", sha256="f" * 64, blanked="左乳见肿块。右乳未见钙化。").save()
    found = table(1, "--trial", locked.name, "--by", "finding")
    assert {r["label"].partition(" · ")[2] for r in found["rows"]} == {"finding mass", "finding not recorded"}
    assert any("newest report" in note for note in found["notes"])
    assert all("language" in r["label"] for r in language["rows"])


def test_a_table_of_the_archive_is_not_computed_from_a_trial(locked: Trial) -> None:
    assert "not computed from a trial" in refusal(9, "--trial", locked.name)


def test_no_interval_passes_the_end_of_the_scale(trial: Trial, rita: User) -> None:
    """High scores of two raters: Student's interval would end far above 100."""
    from evaluation.reports.study.data import from_trial
    from evaluation.reports.study.sections import sections

    for place, rater in enumerate(trial.raters.select_related("user").order_by("pk")):
        slot = next_slot(rater)
        while slot is not None:
            record_scores(slot, by_user=rater.user, values=scene.values(91 + 4 * place), active_seconds=5)
            slot = next_slot(rater)
    lock_trial(trial, by_user=rita)
    found = table(1, "--trial", trial.name)
    limits = [cell["ci"][1] for row in found["rows"] for cell in row["cells"].values()]
    assert limits == [100.0] * len(limits)
    assert any(
        note.startswith(
            "The interval reached beyond the scale (1 to 100) and is cut off at its end (Correctness, "
        )
        for note in found["notes"]
    )
    parts = {part.title: part for part in sections(from_trial(trial, simulated=False))}
    means = parts["Mean scores"]
    assert all(cell.endswith("100.0]") for row in means.grids[0].rows for cell in row[1:])
    assert "The interval reached beyond the scale (1 to 100) and is cut off at its end." in means.paragraphs


def test_the_page_names_its_own_choice_where_the_command_names_its_option(
    rita: User, june: User, stan: User, site: Any
) -> None:
    robots = [scene.person(site, name, is_simulated=True) for name in ("Robot", "Roberta")]
    trial = scene.open_trial(rita, june, robots)
    scene.score_all(trial)
    lock_trial(trial, by_user=rita)
    client = Client()
    client.force_login(stan)
    page = client.get(reverse("evaluation:table-page", args=[trial.pk, 1])).content.decode()
    assert "--simulated" not in page
    assert "left out; “With simulated scores” takes them in." in page
