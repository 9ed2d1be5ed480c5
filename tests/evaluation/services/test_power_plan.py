"""A power calculation is kept: in the protocol, frozen with it; beside a frozen protocol in the trial's events."""

import io
import json
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.urls import reverse
from django.utils import translation

from evaluation.models import Protocol, Trial
from evaluation.reports.planned_power import power_sentences
from evaluation.reports.study.data import from_trial
from evaluation.reports.study.sections import sections
from evaluation.services.power_plan import keep_power, kept_power, power_of_trial
from evaluation.services.protocols import change_protocol, create_protocol, freeze_protocol, protocol_hash
from evaluation.services.scoring import lock_trial
from evaluation.services.trials import create_trial
from mammo.accounts.models import Site, User
from mammo.core.errors import NotAllowedError, WrongStateError
from tests.evaluation import scene
from tests.evaluation.pages.test_designing import client_of, post

ASKED = {
    "do": "power",
    "raters": "4",
    "questions": "6",
    "difference": "8",
    "hypothesis": "superiority",
    "per_patient": "1",
}


@pytest.fixture
def planned(rita: User, site: Site) -> Trial:
    """A draft whose protocol is not frozen yet."""
    protocol = create_protocol("Plan", site=site, by_user=rita, rules={"missing_scores": "left out"})
    return create_trial("Planned", protocol=protocol, by_user=rita, seed=5)


def rules_of(trial: Trial) -> dict[str, Any]:
    rules: dict[str, Any] = Protocol.objects.get(pk=trial.protocol_id).rules
    return rules


def test_a_calculation_on_the_page_stands_in_the_plan_and_on_both_pages(planned: Trial, rita: User) -> None:
    client = client_of(rita)
    answer = post(client, "design", planned.pk, **ASKED, wanted="80")
    assert "Kept with the protocol." in client.get(answer.headers["Location"]).content.decode()
    (kept,) = kept_power(rules_of(planned))
    assert (kept["by"], kept["seed"], kept["runs"], kept["wanted"]) == ("rita", 5, 200, 0.8)
    assert kept["inputs"]["difference"] == 8
    first = kept["designs"][0]
    assert (first["raters"], first["questions"]) == (4, 6)
    assert first["low"] <= first["power"] <= first["high"]
    assert len(kept["designs"]) > 1
    for name, key in (("protocol", planned.protocol_id), ("trial", planned.pk)):
        page = client.get(reverse(f"evaluation:{name}", args=[key])).content.decode()
        assert (
            f"Power, calculated {kept['at']} (UTC) by rita for a difference of 8 points, Superiority" in page
        )
        assert "Simulated trials per design: 200, seed 5." in page
    post(client, "design", planned.pk, **ASKED | {"raters": "6"})
    (last,) = kept_power(rules_of(planned))
    assert last["designs"][0]["raters"] == 6


def test_it_is_frozen_with_the_protocol_and_no_form_drops_or_writes_it(planned: Trial, rita: User) -> None:
    protocol = planned.protocol
    before = protocol_hash(protocol)
    post(client_of(rita), "design", planned.pk, **ASKED)
    protocol.refresh_from_db()
    assert protocol_hash(protocol) != before
    stored = kept_power(protocol.rules)
    changed = {"rules": {"missing_scores": "none", "power": [{"by": "nobody"}]}}
    change_protocol(protocol, changes=changed, by_user=rita, expected_version=protocol.version)
    assert rules_of(planned) == {"missing_scores": "none", "power": stored}
    freeze_protocol(protocol, by_user=rita)
    protocol.rules = {"missing_scores": "none"}
    assert protocol_hash(protocol) != protocol.frozen_sha256


def test_a_new_protocol_takes_no_calculation_from_outside(rita: User, site: Site) -> None:
    rules = {"missing_scores": "none", "power": [{"by": "nobody"}]}
    made = create_protocol("Plan", site=site, by_user=rita, rules=rules)
    assert made.rules == {"missing_scores": "none"}


def test_beside_a_frozen_protocol_the_trial_keeps_it_and_the_report_tells_it(
    rita: User, june: User, sena: User, sol: User
) -> None:
    questions = scene.questions_of(rita, [june, sena, sol], 9)
    trial = scene.draft_trial(rita, questions, june)
    client = client_of(rita)
    answer = post(client, "design", trial.pk, **ASKED)
    page = client.get(answer.headers["Location"]).content.decode()
    assert "Kept with the trial: its protocol is frozen." in page
    assert not kept_power(rules_of(trial))
    (kept,) = power_of_trial(trial)
    scene.answer_all(trial, rita, june)
    scene.opened(trial, rita, [sena, sol])
    scene.score_all(trial)
    lock_trial(trial, by_user=rita)
    data = from_trial(Trial.objects.get(pk=trial.pk), simulated=False)
    design = next(part for part in sections(data) if part.title == "Design")
    rows = {row[0]: row[1] for row in design.grids[0].rows}
    assert rows["Power, as planned"] == power_sentences([kept])[0]
    assert "4 raters, 6 questions: " in rows["Power, as planned"]
    with pytest.raises(WrongStateError):
        keep_power(trial.protocol, inputs={}, designs=[], seed=1, runs=100, by_user=rita, trial=trial)


def test_nobody_but_a_researcher_keeps_one(planned: Trial, sena: User) -> None:
    with pytest.raises(NotAllowedError):
        keep_power(planned.protocol, inputs={}, designs=[], seed=1, runs=100, by_user=sena)


def test_the_command_keeps_it_in_a_named_protocol(planned: Trial, rita: User) -> None:
    asked = ["power", "--difference", "3", "--raters", "12", "--runs", "100", "--json"]
    out = io.StringIO()
    call_command(*asked, "--protocol", "Plan", "--by", "rita", stdout=out)
    (kept,) = kept_power(rules_of(planned))
    assert kept["designs"][0]["questions"] == json.loads(out.getvalue())["designs"][0]["questions"]
    assert (kept["trial"], kept["runs"], kept["wanted"]) == ("", 100, 0.8)
    assert power_of_trial(Trial.objects.get(pk=planned.pk)) == [kept]
    for wrong in (
        ["--protocol", "Plan"],
        ["--protocol", "Other", "--by", "rita"],
        ["--protocol", "Plan", "--by", "x"],
    ):
        with pytest.raises(CommandError, match=r"--protocol|--by"):
            call_command(*asked, *wrong, stdout=io.StringIO())
    freeze_protocol(Protocol.objects.get(pk=planned.protocol_id), by_user=rita)
    with pytest.raises(CommandError, match="frozen"):
        call_command(*asked, "--protocol", "Plan", "--by", "rita", stdout=io.StringIO())


def test_it_is_told_in_chinese_on_a_chinese_page(planned: Trial, rita: User) -> None:
    post(client_of(rita), "design", planned.pk, **ASKED)
    with translation.override("zh-hans"):
        (said,) = power_sentences(kept_power(rules_of(planned)))
    assert "4 名评分者" in said
    assert "Power" not in said
