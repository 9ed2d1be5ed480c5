"""Degraded controls, known cases and typed values: in the study report and in the export."""

import csv
import io

import pytest
from django.utils import timezone

from evaluation.models import Score, Slot, Trial
from evaluation.reports.study.data import COLUMNS, StudyData, from_folder, from_trial, scores_csv
from evaluation.reports.study.parts import Section
from evaluation.reports.study.raw_export import export_files
from evaluation.reports.study.sections import sections
from evaluation.services.protocols import create_protocol
from evaluation.services.remarks import Remark, record_form
from evaluation.services.scoring import lock_trial, next_slot
from evaluation.services.unblinding import confirm_unblinding, request_unblinding
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
    assert {r["arm"] for r in controls} <= {arm.code for arm in controlled.arms.all()}
    # No control is among the analysed scores.
    assert len(rows) == Score.objects.filter(slot__kind="scored").count()
    folder = Path(str(tmp_path))
    for name in ("scores.csv", "flags.csv", "leaks.json", "manifest.json"):
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


@pytest.fixture
def three(rita: User, june: User, sena: User, sol: User) -> Trial:
    """Sol marks his control 3 points down, the others theirs 20; Sol gives the first arm 12 points more."""
    rules = {
        "control_points": 5,
        "missing_scores": "left out",
        "withdrawn_raters": "left out, counted in the flow",
    }
    sue = scene.person(rita.sites_as("researcher").get(), "Sue")
    planned = {"endpoint": "correctness", "first": "Untuned model", "second": "MammoVLM"}
    protocol = {"rules": rules, "primary_endpoint": planned | {"hypothesis": "superiority"}}
    trial = scene.open_trial(rita, june, [sena, sol, sue], controls=1, protocol=protocol)
    for rater in trial.raters.select_related("user"):
        while (slot := next_slot(rater)) is not None:
            arm, question = slot.answer.arm.position, slot.answer.question.position
            base = 60 + 4 * arm + question * arm % 5 + (12 if rater.user == sol and arm == 1 else 0)
            down = (3 if rater.user == sol else 20) if slot.kind == Slot.Kind.CONTROL else 0
            record_form(slot, by_user=rater.user, values=scene.values(base - down), remark=Remark())
    return lock_trial(trial, by_user=rita)


def failing(data: StudyData) -> Section:
    return next(p for p in sections(data) if p.title == "With and without raters who failed controls")


def test_every_contrast_stands_with_and_without_raters_who_failed(three: Trial, sol: User) -> None:
    data = from_trial(three, simulated=False)
    part, cube = failing(data), data.cubes()["correctness"]
    failed = pseudonym(three, sol)
    assert part.paragraphs == [f"Of 3 raters with controls, 1 failed one or more ({failed})."]
    grid = part.grids[0]
    assert grid.header[3] == "without them: Estimate [95% CI]"
    kept = [place for place, rater in enumerate(cube.raters) if rater != failed]
    moved = []
    for row in grid.rows:
        first, second = (cube.systems.index(name) for name in row[0].split(" − "))
        gap = cube.values[:, :, first] - cube.values[:, :, second]
        assert float(row[1].split()[0]) == pytest.approx(gap.mean(), abs=0.00501)
        assert float(row[3].split()[0]) == pytest.approx(gap[kept].mean(), abs=0.00501)
        moved.append(abs(gap.mean() - gap[kept].mean()))
    # His 12 points are a third of the raters' mean, in the two contrasts of that arm.
    assert sorted(moved) == pytest.approx([0, 4, 4])


@pytest.mark.slow
def test_the_planned_contrast_comes_first_both_ways_once_arms_have_names(
    three: Trial, rita: User, stan: User, sol: User
) -> None:
    codes = {grid.caption for grid in failing(from_trial(three, simulated=False)).grids}
    assert not [caption for caption in codes if "planned" in caption]
    request_unblinding(three, by_user=rita, reason="scoring is over")
    data = from_trial(confirm_unblinding(three, by_user=stan), simulated=False)
    cube, (grid, *others) = data.cubes()["correctness"], failing(data).grids
    assert (len(others), grid.caption) == (5, "The planned contrast: Correctness")
    ((name, with_all, _p, without, _other_p),) = grid.rows
    assert name == "Untuned model − MammoVLM"
    first, second = (cube.systems.index(arm) for arm in ("Untuned model", "MammoVLM"))
    gap = cube.values[:, :, first] - cube.values[:, :, second]
    kept = [place for place, rater in enumerate(cube.raters) if rater != pseudonym(three, sol)]
    assert float(with_all.split()[0]) == pytest.approx(gap.mean(), abs=0.00501)
    assert float(without.split()[0]) == pytest.approx(gap[kept].mean(), abs=0.00501)
    assert with_all != without


@pytest.mark.slow
def test_that_nobody_failed_is_said(three: Trial) -> None:
    data = from_trial(three, simulated=False)
    data.facts["rules"]["control_points"] = 2
    part = failing(data)
    assert part.paragraphs == ["Of 3 raters with controls none failed one: nobody is left out."]
    assert part.grids == []
    data.controls.clear()
    assert "With and without raters who failed controls" not in {p.title for p in sections(data)}


def test_too_few_raters_without_those_who_failed_are_refused_in_words(controlled: Trial, sol: User) -> None:
    part = failing(from_trial(controlled, simulated=False))
    assert (
        part.paragraphs[0]
        == f"Of 2 raters with controls, 1 failed one or more ({pseudonym(controlled, sol)})."
    )
    assert part.paragraphs[1] == "Too few other raters are left for an analysis without them."
    assert part.grids == []


def test_the_protocols_rules_stand_beside_what_was_done(three: Trial) -> None:
    three.raters.filter(user__username="sue").update(withdrawn_at=timezone.now())
    methods = sections(from_trial(Trial.objects.get(pk=three.pk), simulated=False))[-1].paragraphs
    assert "Rule of the protocol for missing scores: left out." in methods
    assert (
        "Rule of the protocol for raters who withdraw: left out, counted in the flow. 1 rater withdrew; left out: 135 "
        "scores."
    ) in methods
