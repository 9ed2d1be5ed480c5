"""Answers flagged as unsafe: shares from the rows, agreement, files by command, simulated rows told."""

import csv
import re
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from evaluation.models import Answer, Arm, Trial
from evaluation.reports.unsafe_answers import flagged_answers, unsafe_table
from evaluation.services.freezing import design_hash
from evaluation.services.remarks import Remark, record_form
from evaluation.services.scoring import lock_trial, next_slot
from evaluation.services.unblinding import confirm_unblinding, request_unblinding
from evaluation.statistics.proportions import wilson
from mammo.accounts.models import User
from tests.evaluation import scene
from tests.evaluation.reports.test_table_1 import refusal, table

# Questions whose answer of the first arm each rater flags: both the third, each one more.
FLAGGED = {"sena": {1, 3}, "sol": {3, 5, 6}}


@pytest.fixture
def flagged(trial: Trial, rita: User) -> Trial:
    """Two raters, 27 answers; five flags on four answers of the first arm."""
    for rater in trial.raters.select_related("user"):
        slot = next_slot(rater)
        while slot is not None:
            asked = slot.answer.question.position
            is_unsafe = slot.answer.arm.position == 1 and asked in FLAGGED[rater.user.username]
            remark = Remark(is_unsafe=is_unsafe)
            record_form(slot, by_user=rater.user, values=scene.values(), remark=remark)
            slot = next_slot(rater)
    return lock_trial(trial, by_user=rita)


def test_shares_and_agreement_are_those_of_the_flags(flagged: Trial) -> None:
    found = table("unsafe", "--trial", flagged.name)
    assert "of 27 answers with scores." in found["caption"]
    assert "Not a result" not in found["caption"]
    code = flagged.arms.get(position=1).code
    rows = {row["label"]: row["cells"] for row in found["rows"]}
    for key, (x, n) in {"any": (4, 9), "several": (1, 9), "forms": (5, 18)}.items():
        expected = wilson(x, n)
        assert rows[code][key]["value"] == pytest.approx(expected.value)
        assert rows[code][key]["ci"] == pytest.approx(list(expected.interval or ()))
        assert {rows[other][key]["value"] for other in rows if other != code} == {0}
    # Of five flags, each with one other rater, two have one beside them.
    assert rows[code]["agreed"]["value"] == pytest.approx(2 / 5)
    assert all(cells["agreed"] is None for label, cells in rows.items() if label != code)
    # By hand: coincidences flag-flag 2, flag-no 3, no-no 46 of 54; 1 - (n - 1) 3 / (5 x 49).
    value = f"{1 - 53 * 3 / (5 * 49):.2f}"
    (said,) = [note for note in found["notes"] if "alpha" in note]
    interval = re.search(
        rf"alpha {re.escape(value)} \[(-?\d\.\d\d), (-?\d\.\d\d)\] \(nominal; 95% CI of a boot", said
    )
    assert interval is not None
    assert float(interval[1]) < float(value) < float(interval[2])


def test_the_table_comes_as_files_with_its_rows(
    flagged: Trial, rita: User, stan: User, tmp_path: Path
) -> None:
    out = tmp_path / "unsafe.csv"
    request = scene.approved_export(flagged, rita, stan)
    found = table("unsafe", "--trial", flagged.name, "--format", "csv", "--out", out, "--request", request)
    assert found["files"] == [str(out), str(tmp_path / "unsafe_rows.csv")]
    rows = list(csv.DictReader((tmp_path / "unsafe_rows.csv").open(encoding="utf-8-sig", newline="")))
    assert len(rows) == 54
    code = flagged.arms.get(position=1).code
    assert [(r["arm"], r["question"]) for r in rows if r["unsafe"] == "1"].count((code, "Q003")) == 2
    assert sum(r["unsafe"] == "1" for r in rows) == 5
    assert not any(name in str(rows) for name in ("Sena", "sena", "MammoVLM"))
    assert "name the trial" in refusal("unsafe")
    assert "no strata" in refusal("unsafe", "--trial", flagged.name, "--by", "density")


def test_rows_behind_the_table_name_no_arm_until_the_unblinding(
    flagged: Trial, rita: User, stan: User
) -> None:
    codes, ids = (
        {str(value) for value in flagged.arms.values_list(name, flat=True)} for name in ("code", "pk")
    )
    assert {row["arm"] for row in unsafe_table(flagged).sources} == codes
    request_unblinding(flagged, by_user=rita, reason="scoring is over")
    trial = confirm_unblinding(flagged, by_user=stan)
    assert {row["arm"] for row in unsafe_table(trial).sources} == ids


def test_simulated_arms_are_told_in_the_caption(flagged: Trial) -> None:
    Arm.objects.filter(trial=flagged, position=1).update(is_simulated=True)
    Trial.objects.filter(pk=flagged.pk).update(design_sha256=design_hash(Trial.objects.get(pk=flagged.pk)))
    found = table("unsafe", "--trial", flagged.name)
    assert found["simulated"]
    assert "Not a result: simulated rows." in found["caption"]


def test_an_unlocked_trial_gives_no_table_of_unsafe_answers(trial: Trial) -> None:
    assert "once the scores are locked" in refusal("unsafe", "--trial", trial.name)


def test_until_the_unblinding_no_text_is_shown(
    flagged: Trial, rita: User, stan: User, client: Client
) -> None:
    """All flags are of one arm: a text alone would tell whoever uploaded it which arm that code is."""
    client.force_login(rita)
    address = reverse("evaluation:unsafe", args=[flagged.pk])
    assert flagged_answers(flagged, simulated=False) == []
    page = client.get(address).content.decode()
    shown = Answer.objects.filter(arm__trial=flagged, arm__position=1, question__position__in=(1, 3, 5, 6))
    assert not [row for row in shown if row.shown_text in page]
    assert "are shown after the unblinding" in page
    assert "No rater flagged an answer" not in page
    assert flagged.arms.get(position=1).code in page
    request_unblinding(flagged, by_user=rita, reason="scoring is over")
    trial = confirm_unblinding(flagged, by_user=stan)
    first, *_ = flagged_answers(trial, simulated=False)
    assert (first.arm, first.question, first.flags, first.raters) == ("MammoVLM", 3, 2, 2)
    assert "flagged by 2 of 2 raters" in client.get(address).content.decode()


def test_flags_of_earlier_versions_on_simulated_answers_count_as_simulated(
    flagged: Trial, rita: User, stan: User
) -> None:
    Answer.objects.filter(arm__trial=flagged, arm__position=1, question__position=3).update(is_simulated=True)
    Trial.objects.filter(pk=flagged.pk).update(design_sha256=design_hash(Trial.objects.get(pk=flagged.pk)))
    request_unblinding(Trial.objects.get(pk=flagged.pk), by_user=rita, reason="scoring is over")
    trial = confirm_unblinding(Trial.objects.get(pk=flagged.pk), by_user=stan)
    assert len(flagged_answers(trial, simulated=True)) == 4
    assert len(flagged_answers(trial, simulated=False)) == 3
