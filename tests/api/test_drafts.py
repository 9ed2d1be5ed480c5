"""What the pages change of a draft beside its main steps, by program: one line of the page, one address."""

import base64
import uuid
from typing import Any

import pytest

from annotation.models import Question
from evaluation import checklists
from evaluation.models import Answer, Arm, Trial
from evaluation.reports.leaks import leak_report
from evaluation.reports.unsafe_answers import unsafe_table
from evaluation.services.raters import add_rater
from evaluation.services.reader_studies import freeze_reader_study, open_reading
from evaluation.services.scoring import lock_trial
from evaluation.services.trials import create_trial
from mammo.accounts.models import User
from mammo.archive.cohorts import write_cohort
from mammo.archive.models import Cohort
from modeling.models import Checkpoint, Run, Snapshot
from tests.api.conftest import Caller
from tests.api.test_designing import V1, made, send
from tests.evaluation import reading_scene, scene

WRITES = (
    *("aspects", "questions/table", "questions/remove", "arms/leave-out", "arms/tables", "raters/remove"),
    *("practice", "amendments"),
)


@pytest.fixture
def draft(rita: User, june: User, sena: User, sol: User) -> Trial:
    """An answered draft of four questions and three arms, rated by Sena and Sol."""
    trial = scene.draft_trial(rita, scene.questions_of(rita, [june, sena, sol], 4), june)
    scene.answer_all(trial, rita, june)
    for person in (sena, sol):
        add_rater(trial, person, by_user=rita)
    return trial


def test_a_draft_is_changed_by_program_as_on_its_page(draft: Trial, rita: User, caller: Caller) -> None:
    client, at = caller(rita), f"trials/{draft.pk}"
    aspect = {"key": "safety", "name": "Safety", "definition": "No harm."}
    assert [a["key"] for a in made(client, f"{at}/aspects", {"aspects": [aspect]})["aspects"]] == ["safety"]
    assert send(client, f"{at}/aspects", {"aspects": []}).status_code == 400
    asked = client.get(f"{V1}/{at}/questions/asked/").json()
    assert [row["position"] for row in asked] == [1, 2, 3, 4]
    assert {(row["has_study"], row["outside_cohort"], row["is_dialogue"]) for row in asked} == {
        (True, False, False)
    }
    assert asked[1]["turns"] == ["我的乳腺密度是多少？（第1问）"]
    assert made(client, f"{at}/questions/remove", {"position": 2})["questions"] == 3
    assert "position" in send(client, f"{at}/questions/remove", {"position": 2}).json()["detail"]
    assert not Answer.objects.filter(arm__trial=draft, question__position=2).exists()
    assert made(client, f"{at}/raters/remove", {"username": "sol"})["raters"] == 1
    assert "username" in send(client, f"{at}/raters/remove", {"username": "sol"}).json()["detail"]
    free = asked[1]["question"]
    made(client, f"{at}/practice", {"question": free, "text": "每年复查。"})
    assert draft.practice_items.get().question_id == uuid.UUID(free)
    assert send(client, f"{at}/practice", {"question": str(uuid.uuid4()), "text": "x"}).status_code == 400
    arm = draft.arms.get(name="Untuned model")
    fed = made(client, f"{at}/arms/tables", {"arm": str(arm.pk), "tables": [1, 3]})
    assert fed["spec"]["tables"] == [1, 3]
    out = {"arm": str(arm.pk), "reason": "answers in English"}
    assert made(client, f"{at}/arms/leave-out", out)["left_out_reason"] == "answers in English"
    assert client.get(f"{V1}/{at}/design/").json()["arms"] == 2
    other = create_trial("Other", protocol=draft.protocol, by_user=rita)
    assert send(client, f"trials/{other.pk}/arms/leave-out", out).status_code == 400


def test_a_table_of_questions_tells_once_which_rows_did_not_join(
    draft: Trial, rita: User, caller: Caller
) -> None:
    client, at = caller(rita), f"trials/{draft.pk}/questions/table"
    table = "source,text\nward,这是什么？\n".encode()
    body = {"name": "q.csv", "content": base64.b64encode(table).decode()}
    key = uuid.uuid4()
    first = send(client, at, body, key).json()
    assert first["questions"] == 4
    assert "a data manager has to confirm its wording first" in first["said"][0]
    assert send(client, at, body, key).json() == {"questions": 4, "said": []}
    assert Question.objects.filter(campaign__name__contains=draft.name).count() == 1
    answer = send(client, at, body | {"name": "q.pdf"})
    assert (answer.status_code, "files end in" in answer.json()["detail"]) == (400, True)
    assert send(client, at, body | {"content": "no base64!"}).status_code == 400


def test_the_power_is_told_with_its_design_effect(draft: Trial, rita: User, caller: Caller) -> None:
    client, at = caller(rita), f"{V1}/trials/{draft.pk}/power/"
    asked: dict[str, Any] = {"raters": 8, "questions": 48, "difference": 4, "hypothesis": "superiority"}
    found = client.get(at, asked | {"per_patient": 4, "correlation": 0.5}).json()
    assert (found["design_effect"], found["effective_questions"]) == (2.5, pytest.approx(19.2))
    assert found["ci"][0] <= found["power"] <= found["ci"][1]
    assert "design effect 2.50, 48 questions count as 19.2." in found["said"][0]
    apart = client.get(at, asked).json()
    # Every question of the trial has a patient of its own.
    assert (apart["per_patient"], apart["correlation"], apart["design_effect"]) == (1, 0.1, 1)
    assert apart["power"] > found["power"]
    assert client.get(at, {"raters": 8}).status_code == 400
    assert client.get(at, asked | {"colour": "red"}).status_code == 400
    draft.refresh_from_db()
    assert draft.state == "draft"


def test_a_rater_is_withdrawn_with_the_amendment_that_says_so(
    house: Trial, rita: User, sena: User, caller: Caller
) -> None:
    client, rater = caller(rita), house.raters.get(user=sena)
    body = {"text": "one rater less", "reason": "ill", "rater": sena.username}
    made(client, f"trials/{house.pk}/amendments", body)
    rater.refresh_from_db()
    assert rater.withdrawn_at is not None
    event = house.events.get(kind="amended")
    assert event.details["withdrawn_rater"] == str(rater.pk)
    assert (
        "username" in send(client, f"trials/{house.pk}/amendments", body | {"rater": "rita"}).json()["detail"]
    )


def test_flags_and_leaks_are_told_after_the_lock_as_on_their_pages(
    house: Trial, rita: User, june: User, caller: Caller
) -> None:
    stan, at = scene.person(house.site, "Stan", "statistician"), f"{V1}/trials/{house.pk}"
    client = caller(stan)
    for name in ("unsafe", "leaks"):
        assert client.get(f"{at}/{name}/").status_code == 409
        assert caller(june).get(f"{at}/{name}/").status_code == 404
    scene.score_all(house)
    lock_trial(house, by_user=rita)
    house.refresh_from_db()
    assert client.get(f"{at}/unsafe/").json() == unsafe_table(house).as_json()
    found, report = client.get(f"{at}/leaks/").json(), leak_report(house)
    assert [row["label"] for row in found["arms"]] == [row.label for row in report.arms]
    assert found["style"]["accuracy"]["value"] == report.style.accuracy.value
    assert found["lengths"][0]["overall"] == pytest.approx(report.lengths[0].overall)
    assert client.get(f"{at}/leaks/?simulated=perhaps").status_code == 400


def test_a_cohort_and_what_is_outside_of_it_stand_in_the_design(
    draft: Trial, rita: User, caller: Caller
) -> None:
    client, at = caller(rita), f"{V1}/trials/{draft.pk}"
    assert client.get(f"{at}/design/").json()["cohort"] is None
    inside = draft.trial_questions.filter(position__lt=4).values_list("question__study", flat=True)
    cohort = write_cohort(Cohort(name="Screening", site=draft.site, by_user=rita), inside)
    protocol = scene.frozen_protocol(rita, cohort=cohort)
    Trial.objects.filter(pk=draft.pk).update(protocol=protocol)
    found = client.get(f"{at}/design/").json()
    assert found["cohort"] == {"name": "Screening", "studies": 3, "outside": 1}
    assert "outside of the protocol's cohort “Screening” (4)" in found["obstacles"][0]
    assert [row["outside_cohort"] for row in client.get(f"{at}/questions/asked/").json()] == [False] * 3 + [
        True
    ]


def test_finished_answers_name_the_checkpoint_that_wrote_them(
    draft: Trial, rita: User, caller: Caller
) -> None:
    snapshot = Snapshot.objects.create(site=draft.site, name="a")
    run = Run.objects.create(site=draft.site, stage="sft", snapshot=snapshot, by_user=rita)
    writer = Checkpoint.objects.create(run=run, folder="/runs/a", sha256="a" * 64)
    rows = [{"question": str(n), "text": f"建议每年复查。（{n}）"} for n in range(1, 5)]
    body = {"name": "Elsewhere", "kind": "system", "answers": rows, "checkpoint": str(writer.pk)}
    client, at = caller(rita), f"trials/{draft.pk}/arms"
    assert made(client, at, body)["checkpoint"] == str(writer.pk)
    assert Arm.objects.get(name="Elsewhere").checkpoint == writer
    snapshot.patients.add(draft.trial_questions.get(position=1).question.patient)
    refused = send(client, at, body | {"name": "Again"})
    assert (refused.status_code, "training side" in refused.json()["detail"]) == (400, True)
    assert send(client, at, body | {"name": "B", "checkpoint": str(uuid.uuid4())}).status_code == 400
    assert send(client, at, body | {"name": "C", "kind": "reference"}).status_code == 400


def test_a_checklist_is_filled_by_program(rita: User, caller: Caller) -> None:
    protocol, client = scene.frozen_protocol(rita), caller(rita)
    item = sorted(checklists.keys())[0]
    at = f"protocols/{protocol.pk}/checklist"
    made(client, at, {"items": {item: "as planned"}})
    protocol.refresh_from_db()
    assert protocol.checklist == {item: "as planned"}
    assert send(client, at, {"items": {"no.item": "x"}}).status_code == 400
    stan = scene.person(protocol.site, "Stan", "statistician")
    assert send(caller(stan), at, {"items": {}}).status_code == 404


def test_a_reader_study_is_amended_and_a_reader_withdrawn_by_program(
    rita: User, june: User, sena: User, caller: Caller
) -> None:
    study = reading_scene.draft_study(rita, [june, sena])
    freeze_reader_study(study, by_user=rita)
    open_reading(study, by_user=rita)
    client, at = caller(rita), f"reader-studies/{study.pk}"
    made(client, f"{at}/amendments", {"text": "a reader less", "reason": "ill"})
    assert study.events.filter(kind="amended").get().reason == "a reader less; ill"
    made(client, f"{at}/withdrawals", {"username": june.username, "reason": "ill"})
    assert study.readers.get(user=june).withdrawn_at is not None
    assert send(client, f"{at}/withdrawals", {"username": "rita", "reason": "ill"}).status_code == 400
    stan = caller(scene.person(study.site, "Stan", "statistician"))
    assert send(stan, f"{at}/amendments", {"text": "x", "reason": "y"}).status_code == 404


def test_whoever_designs_nothing_here_changes_no_draft(
    house: Trial, rita: User, sena: User, june: User, otto: User, caller: Caller
) -> None:
    stan = scene.person(house.site, "Stan", "statistician")
    for person in (sena, june, otto, stan):
        client = caller(person)
        for act in WRITES:
            assert send(client, f"trials/{house.pk}/{act}").status_code == 404, (person, act)
        for look in ("questions/asked", "power"):
            assert client.get(f"{V1}/trials/{house.pk}/{look}/").status_code == 404, (person, look)
    narrow = caller(rita, "read:trials")
    for act in WRITES:
        assert send(narrow, f"trials/{house.pk}/{act}", {}).status_code == 403, act
