"""Degraded controls, known cases and typed values: in the study report and in the export."""

import csv
import io

import pytest

from evaluation.models import Score, Slot, Trial
from evaluation.reports.study.data import COLUMNS, from_folder, from_trial, scores_csv
from evaluation.reports.study.raw_export import export_files
from evaluation.reports.study.sections import sections
from evaluation.services.protocols import create_protocol
from evaluation.services.remarks import Remark, record_form
from evaluation.services.scoring import lock_trial, next_slot
from mammo.accounts.models import User
from mammo.core.errors import UserError
from tests.evaluation import scene


@pytest.fixture
def controlled(rita: User, june: User, sena: User, sol: User) -> Trial:
    """Sena marks her control 20 points down, Sol only 3; Sena knows her second case, Sol typed his third form."""
    rules = {"control_points": 5, "failed_controls": "contrasts are given without raters who fail"}
    trial = scene.open_trial(rita, june, [sena, sol], controls=1, protocol={"rules": rules})
    for rater in trial.raters.select_related("user"):
        down = 20 if rater.user == sena else 3
        slot = next_slot(rater)
        while slot is not None:
            base = 70 - down if slot.kind == Slot.Kind.CONTROL else 70
            scored = rater.slots.filter(kind=Slot.Kind.SCORED, position__lte=slot.position).count()
            is_scored = slot.kind == Slot.Kind.SCORED
            remark = Remark(
                knows_case=is_scored and rater.user == sena and scored == 2,
                is_typed=is_scored and rater.user == sol and scored == 3,
            )
            record_form(slot, by_user=rater.user, values=scene.values(base), remark=remark)
            slot = next_slot(rater)
    return lock_trial(trial, by_user=rita)


def pseudonym(trial: Trial, user: User) -> str:
    return f"R{list(trial.raters.order_by('pk').values_list('user', flat=True)).index(user.pk) + 1:02d}"


def test_each_rater_s_controls_stand_against_the_whole_answers(
    controlled: Trial, sena: User, sol: User
) -> None:
    part = next(
        p for p in sections(from_trial(controlled, simulated=False)) if p.title.startswith("Hidden controls")
    )
    rows = {row[0]: row[1:] for row in part.grids[0].rows}
    # values(70) is 70 to 74 over the five aspects: a mean of 72.
    assert rows[pseudonym(controlled, sena)] == ["1", "72.0", "52.0", "20.0", "0", "27", "1", "0"]
    assert rows[pseudonym(controlled, sol)] == ["1", "72.0", "69.0", "3.0", "1", "27", "0", "1"]
    assert part.paragraphs[0] == "1 of 2 degraded controls failed."
    assert "at least 5 points below" in part.paragraphs[1]
    assert "contrasts are given without raters who fail" in part.paragraphs[2]


def test_the_export_holds_controls_and_marks_and_gives_the_same_report(
    controlled: Trial, sena: User, tmp_path: object
) -> None:
    from pathlib import Path

    data = from_trial(controlled, simulated=False)
    files = export_files(data)
    rows = list(csv.DictReader(io.StringIO(files["scores.csv"].decode("utf-8-sig"))))
    known = {(r["rater"], r["question"], r["arm"]) for r in rows if r["known"] == "1"}
    slot = controlled.raters.get(user=sena).slots.filter(kind="scored").order_by("position")[1]
    expected = (
        pseudonym(controlled, sena),
        f"Q{slot.answer.question.position:03d}",
        slot.answer.arm.code,
    )
    assert known == {expected}
    assert sum(r["typed"] == "1" for r in rows) == 5
    controls = list(csv.DictReader(io.StringIO(files["controls.csv"].decode("utf-8-sig"))))
    assert sorted(float(r["whole"]) - float(r["control"]) for r in controls) == [3.0, 20.0]
    # No control is among the analysed scores.
    assert len(rows) == Score.objects.filter(slot__kind="scored").count()
    folder = Path(str(tmp_path))
    for name in ("scores.csv", "manifest.json"):
        (folder / name).write_bytes(files[name])
    assert str(sections(from_folder(folder))) == str(sections(data))


def test_an_export_of_an_earlier_version_keeps_its_columns_and_its_hash(controlled: Trial) -> None:
    data = from_trial(controlled, simulated=False)
    old = [{name: row[name] for name in COLUMNS[:10]} for row in data.scores]
    assert scores_csv(old).decode("utf-8-sig").splitlines()[0].split(",") == list(COLUMNS[:10])


@pytest.mark.parametrize("points", [0, -1, "five", True])
def test_a_rule_for_controls_that_is_no_number_of_points_is_refused(points: object, rita: User) -> None:
    site = rita.sites_as("researcher").get()
    with pytest.raises(UserError, match="give points above zero"):
        create_protocol("Odd", site=site, by_user=rita, rules={"control_points": points})
