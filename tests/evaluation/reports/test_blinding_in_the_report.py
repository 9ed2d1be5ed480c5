"""Unsafe answers and the leak report stand in the study report as on their own pages, and under its seal."""

import csv
import io
import json
from hashlib import sha256
from pathlib import Path

import pytest

from evaluation.models import Trial
from evaluation.reports.leaks import leak_report
from evaluation.reports.study.data import FLAGS, LEAKS, MANIFEST, from_folder, from_trial, to_folder
from evaluation.reports.study.parts import Section
from evaluation.reports.study.raw_export import export_files
from evaluation.reports.study.sections import sections
from evaluation.reports.unsafe_answers import unsafe_table
from evaluation.services.guesses import next_guess, record_guess
from evaluation.services.remarks import Remark, record_form
from evaluation.services.scoring import lock_trial, next_slot
from evaluation.services.unblinding import confirm_unblinding, request_unblinding
from mammo.accounts.models import User
from mammo.core.errors import UserError
from tests.evaluation import scene

# Questions whose answer of the first arm each rater flags.
FLAGGED = {"sena": {1, 3}, "sol": {3, 5, 6}}


@pytest.fixture
def judged(rita: User, june: User, sena: User, sol: User) -> Trial:
    """Locked: five flags, and nine guesses of Sena (rightly AI six times, of 27 forms)."""
    trial = scene.open_trial(rita, june, [sena, sol], guesses=9)
    for rater in trial.raters.select_related("user"):
        slot = next_slot(rater)
        while slot is not None:
            asked, arm = slot.answer.question.position, slot.answer.arm.position
            remark = Remark(is_unsafe=arm == 1 and asked in FLAGGED[rater.user.username])
            values = scene.values(60 + 7 * arm + asked)
            record_form(slot, by_user=rater.user, values=values, remark=remark)
            slot = next_slot(rater)
    sena_rates = trial.raters.get(user=sena)
    while (slot := next_guess(sena_rates)) is not None:
        record_guess(slot, "ai" if slot.answer.question.position < 7 else "doctor", by_user=sena)
    return lock_trial(trial, by_user=rita, reason="Sol guessed nothing")


def part(trial: Trial, title: str) -> Section:
    (found,) = [one for one in sections(from_trial(trial, simulated=False)) if one.title == title]
    return found


@pytest.mark.slow
def test_the_reports_table_of_unsafe_answers_is_that_of_its_page(
    judged: Trial, rita: User, stan: User
) -> None:
    for state in ("locked", "unblinded"):
        judged.refresh_from_db()
        assert judged.state == state
        table, found = unsafe_table(judged), part(judged, "Unsafe answers")
        (grid,) = found.grids
        assert grid.caption == table.caption
        assert grid.header == ["Arm", *(column.name for column in table.columns)]
        assert grid.rows == [
            [row.label, *(table.cell(row, column).shown for column in table.columns)] for row in table.rows
        ]
        # Agreement with its interval, to the last digit.
        assert "Krippendorff's alpha" in found.paragraphs[0]
        assert [text for text in table.notes if text in found.paragraphs] == found.paragraphs
        if state == "locked":
            request_unblinding(judged, by_user=rita, reason="done")
            confirm_unblinding(judged, by_user=stan)


def test_the_reports_section_of_leaks_says_what_the_page_says(judged: Trial, rita: User, stan: User) -> None:
    request_unblinding(judged, by_user=rita, reason="done")
    confirm_unblinding(judged, by_user=stan)
    judged.refresh_from_db()
    report, found = leak_report(judged), part(judged, "Leaks and blinding")
    lengths, arms = found.grids
    assert [row[3] for row in lengths.rows] == [str(row.answers) for row in report.lengths]
    assert [row[1] for row in lengths.rows] == [f"{row.overall:.2f}" for row in report.lengths]
    assert [row[0] for row in arms.rows] == [row.label for row in report.arms]
    assert [row[5] for row in arms.rows] == [str(row.guesses["ai"]) for row in report.arms]
    for row, of_arm in zip(arms.rows, report.arms, strict=True):
        if of_arm.bang is None:
            assert row[8] == "–"
        elif of_arm.bang.interval is None:  # all guesses alike
            assert row[8] == f"{of_arm.bang.value:.2f}"
        else:
            low, high = of_arm.bang.interval
            assert row[8] == f"{of_arm.bang.value:.2f} [{low:.2f}, {high:.2f}]"
    assert report.style is not None
    said = f"in {report.style.accuracy.value:.3f} ["
    assert any(said in text and "chance is 0.333" in text for text in found.paragraphs)
    assert any(text.startswith("All systems together: Bang's index") for text in found.paragraphs)
    assert "Screen before freezing: nothing had to be settled by a rule." in found.paragraphs
    assert report.notes[0] in found.paragraphs


def test_the_rules_of_the_screen_are_counted_by_what_they_do(judged: Trial) -> None:
    data = from_trial(judged, simulated=False)
    data.leaks["screened"] = {"remove": 2, "accept": 1}
    (found,) = [one for one in sections(data) if one.title == "Leaks and blinding"]
    counts = "(left as it is 1, wording taken out 2)"
    said = f"Screen before freezing: findings were settled by 3 rules for all arms alike {counts}."
    assert said in found.paragraphs


def test_flags_and_leaks_are_sealed_in_the_export_and_named_in_the_report(
    judged: Trial, tmp_path: Path
) -> None:
    data = from_trial(judged, simulated=False)
    files = export_files(data)
    names = {arm.name for arm in judged.arms.all()}
    assert not [name for name in names if name.encode() in files[FLAGS] + files[LEAKS]]
    rows = list(csv.DictReader(io.StringIO(files[FLAGS].decode("utf-8-sig"))))
    assert (len(rows), sum(int(row["unsafe"]) for row in rows)) == (54, 5)
    assert "unsafe," in files["codebook.csv"].decode()
    for name, raw in to_folder(data).items():
        (tmp_path / name).write_bytes(raw)
    again = from_folder(tmp_path)
    assert [(s.title, s.paragraphs, s.grids) for s in sections(again)] == [
        (s.title, s.paragraphs, s.grids) for s in sections(data)
    ]
    methods = sections(again)[-1].paragraphs
    for name in (FLAGS, LEAKS):
        assert f"{name}, sha256 {sha256(files[name]).hexdigest()}." in methods
        altered = files[name].replace(b"1", b"0", 1)
        (tmp_path / name).write_bytes(altered)
        with pytest.raises(UserError, match=f"{name}: its content is not that which the manifest names"):
            from_folder(tmp_path)
        (tmp_path / name).unlink()
        with pytest.raises(UserError, match=name):
            from_folder(tmp_path)
        (tmp_path / name).write_bytes(files[name])


def test_an_export_of_an_earlier_version_has_neither_section(judged: Trial, tmp_path: Path) -> None:
    for name, raw in to_folder(from_trial(judged, simulated=False)).items():
        if name not in (FLAGS, LEAKS):
            (tmp_path / name).write_bytes(raw)
    manifest = json.loads((tmp_path / MANIFEST).read_text())
    del manifest["files"]
    (tmp_path / MANIFEST).write_text(json.dumps(manifest))
    titles = [one.title for one in sections(from_folder(tmp_path))]
    assert not {"Unsafe answers", "Leaks and blinding"} & set(titles)
    assert "Mean scores" in titles
