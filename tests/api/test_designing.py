"""A trial from its design to the unblinding, and a reader study's design, by program alone."""

import uuid
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from evaluation.models import Answer, Arm, Protocol, Trial
from evaluation.services.answers import queue_answers
from evaluation.services.protocols import protocol_hash
from evaluation.services.raters import consent
from evaluation.services.trials import create_trial
from mammo.accounts.models import AuditEvent, User
from mammo.archive.cohorts import write_cohort
from mammo.archive.models import Cohort
from mammo.jobs import services as jobs
from tests.api.conftest import Caller
from tests.evaluation import reading_scene, scene

V1 = "/api/v1"


def send(client: Client, address: str, body: Any = None, key: uuid.UUID | None = None) -> Any:
    return client.post(
        f"{V1}/{address}/",
        body or {},
        content_type="application/json",
        headers={"Idempotency-Key": str(key or uuid.uuid4())},
    )


def made(client: Client, address: str, body: Any = None) -> dict[str, Any]:
    answer = send(client, address, body)
    assert answer.status_code in (200, 201), answer.content
    found: dict[str, Any] = answer.json()
    return found


def test_a_trial_goes_from_its_protocol_to_the_unblinded_table(
    rita: User, june: User, sena: User, sol: User, caller: Caller
) -> None:
    questions = scene.questions_of(rita, [june, sena, sol], 4)
    site = rita.sites_as("researcher").get()
    stan = scene.person(site, "Stan", "statistician")
    client, analyst = caller(rita), caller(stan)
    protocol = made(
        client, "protocols", {"site": site.code, "title": "By program", "ethics_approval": "EC 1"}
    )
    plan = {"version": protocol["version"], "title": "Mended", "alpha": 0.025}
    mended = made(client, f"protocols/{protocol['id']}/change", plan)
    assert (mended["title"], mended["alpha"], mended["ethics_approval"]) == ("Mended", 0.025, "EC 1")
    assert send(client, f"protocols/{protocol['id']}/change", plan).status_code == 409
    assert send(analyst, f"protocols/{protocol['id']}/change", plan).status_code == 404
    made(client, f"protocols/{protocol['id']}/freeze")
    plan["version"] = client.get(f"{V1}/protocols/{protocol['id']}/").json()["version"]
    assert "frozen" in send(client, f"protocols/{protocol['id']}/change", plan).json()["detail"]
    key, body = uuid.uuid4(), {"protocol": protocol["id"], "name": "By program", "order": "side_by_side"}
    trial = send(client, "trials", body, key).json()
    assert send(client, "trials", body, key).json()["id"] == trial["id"]
    at = f"trials/{trial['id']}"
    changed = made(client, f"{at}/settings", {"version": trial["version"], "sitting_slots": 6})
    assert (changed["version"], changed["order"]) == (trial["version"] + 1, "side_by_side")
    assert send(client, f"{at}/settings", {"version": trial["version"], "repeats": 1}).status_code == 409
    campaign = questions[0].campaign
    first = {"campaign": str(campaign.pk), "questions": [str(questions[0].pk)]}
    assert made(client, f"{at}/questions", first)["questions"] == 1
    assert made(client, f"{at}/questions", {"campaign": str(campaign.pk)})["questions"] == 4
    for name in ("Ours", "Theirs"):
        rows = [{"question": str(n), "text": f"建议每年复查。（{name[0]}{n}）"} for n in range(1, 5)]
        made(client, f"{at}/arms", {"name": name, "kind": "system", "answers": rows, "tables": [1, 3]})
    assert "authors" in send(client, f"{at}/arms", {"name": "Doctors", "kind": "human"}).json()["detail"]
    design = client.get(f"{V1}/{at}/design/").json()
    assert (design["arms"], design["unanswered"], design["obstacles"]) == (2, 0, ["There are no raters."])
    for person in (sena, sol):
        made(client, f"{at}/raters", {"username": person.username})
    for step in ("freeze", "open"):
        state = made(client, f"{at}/steps", {"step": step})["state"]
    assert state == "scoring"
    row = Trial.objects.get(pk=trial["id"])
    for rater in row.raters.select_related("user"):
        consent(rater, by_user=rater.user)
    scene.score_all(row)
    done = client.get(f"{V1}/{at}/design/").json()["progress"]
    assert {(one["done"], one["total"]) for one in done} == {(8, 8)}
    assert made(client, f"{at}/steps", {"step": "lock", "reason": "all forms"})["state"] == "locked"
    codes = {row["label"] for row in client.get(f"{V1}/{at}/tables/1/").json()["rows"]}
    by_language = client.get(f"{V1}/{at}/tables/3/?by=language").json()["rows"]
    assert {row["label"] for row in by_language} == {f"{code} · language zh" for code in codes}
    assert client.get(f"{V1}/{at}/tables/3/?by=colour").status_code == 400
    assert client.get(f"{V1}/{at}/tables/2/").status_code == 400
    assert codes == set(Arm.objects.filter(trial=row).values_list("code", flat=True))
    made(client, f"{at}/steps", {"step": "request_unblinding", "reason": "analysis done"})
    assert send(client, f"{at}/steps", {"step": "confirm_unblinding"}).status_code in (403, 409)
    assert made(analyst, f"{at}/steps", {"step": "confirm_unblinding"})["state"] == "unblinded"
    table = client.get(f"{V1}/{at}/tables/1/").json()
    assert {row["label"] for row in table["rows"]} == {"Ours", "Theirs"}
    assert AuditEvent.objects.filter(action="evaluation.trial_created", actor=rita).count() == 1


def test_raters_statisticians_and_strangers_design_nothing(
    house: Trial, rita: User, sena: User, june: User, otto: User, caller: Caller
) -> None:
    stan = scene.person(house.site, "Stan", "statistician")
    protocol = {"protocol": str(house.protocol_id), "name": "Mine"}
    for person in (sena, june, otto, stan):
        client = caller(person)
        # Otto designs, but not here: the protocol is unknown to him. For the others there is nothing to design.
        assert send(client, "trials", protocol).status_code == (400 if person == otto else 404), person
        for act in ("settings", "questions", "arms", "raters", "rules", "amendments"):
            assert send(client, f"trials/{house.pk}/{act}").status_code == 404, (person, act)
        assert client.get(f"{V1}/trials/{house.pk}/design/").status_code == 404
    assert Trial.objects.count() == 1
    narrow = caller(rita, "read:trials")
    assert send(narrow, f"trials/{house.pk}/steps", {"step": "lock"}).status_code == 403


def test_a_reader_study_is_designed_and_opened(rita: User, june: User, sena: User, caller: Caller) -> None:
    client, site = caller(rita), rita.sites_as("researcher").get()
    checkpoint = reading_scene.checkpoint_of(site)
    proven = reading_scene.proven_studies(site, checkpoint, 4)
    cohort = write_cohort(Cohort(site=site, name="Proven", by_user=rita), [study.pk for study in proven])
    body = {
        "protocol": str(scene.frozen_protocol(rita).pk),
        "checkpoint": str(checkpoint.pk),
        "name": "Readers",
    }
    assert send(client, "reader-studies", body | {"washout_days": 20}).status_code == 400
    study = made(client, "reader-studies", body)
    at = f"reader-studies/{study['id']}"
    assert made(client, f"{at}/cases", {"cohort": str(cohort.pk)})["cases"] == 4
    for person in (june, sena):
        found = made(client, f"{at}/readers", {"username": person.username})
    assert found["obstacles"] == []
    for step in ("freeze", "open"):
        found = made(client, f"{at}/steps", {"step": step})
    assert found["state"] == "reading"
    assert {(one["done"], one["total"]) for one in found["progress"]} == {(0, 8)}
    assert "malignant" not in str(found)
    stan = caller(scene.person(site, "Stan", "statistician"))
    assert send(stan, f"{at}/readers", {"username": june.username}).status_code == 404
    assert caller(june).get(f"{V1}/{at}/").status_code == 404


@pytest.mark.parametrize(
    ("act", "body", "named"),
    [
        ("questions", {"campaign": str(uuid.uuid4())}, "campaign"),
        ("arms", {"name": "x", "spec": {"kind": "oracle"}}, "unknown"),
        ("raters", {"username": "nobody"}, "username"),
        ("steps", {"step": "dance"}, "step"),
        ("settings", {"version": 1, "seed": 2}, "seed"),
    ],
)
def test_bad_bodies_name_what_is_wrong(rita: User, caller: Caller, act: str, body: Any, named: str) -> None:
    draft = create_trial("Draft", protocol=scene.frozen_protocol(rita), by_user=rita)
    answer = send(caller(rita), f"trials/{draft.pk}/{act}", body)
    assert answer.status_code == 400
    assert named in answer.content.decode()


def test_a_protocol_by_program_is_the_one_that_the_page_makes_and_shows(
    rita: User, site: Any, caller: Caller
) -> None:
    cohort = Cohort.objects.create(site=site, name="Readers", by_user=rita)
    said = {
        "title": "Plan", "authors": "Rita Roe; Sena Sun", "ethics_approval": "EC-1", "consent_basis": "waiver",
        "alpha": 0.025, "multiplicity": "bonferroni", "analysis_plan": "contrasts",
        "primary_endpoint": {"endpoint": "correctness", "hypothesis": "superiority"},
        "rules": {"missing_scores": "left out"}, "exclusions": ["implants", "no report"], "cohort": str(cohort.pk),
    }  # fmt: skip
    client = caller(rita)
    given = made(client, "protocols", {"site": site.code, **said})
    page = Client()
    page.force_login(rita)
    fields = {
        "site": site.pk, "title": "Plan", "authors": "Rita Roe; Sena Sun", "ethics_approval": "EC-1",
        "consent_basis": "waiver", "alpha": "0.025", "multiplicity": "bonferroni", "analysis_plan": "contrasts",
        "endpoint": "correctness", "hypothesis": "superiority", "missing_scores": "left out",
        "exclusions": "implants\nno report", "cohort": str(cohort.pk), "idempotency_key": str(uuid.uuid4()),
    }  # fmt: skip
    assert page.post(reverse("evaluation:protocol-new"), fields).status_code == 302
    by_program, by_page = Protocol.objects.get(pk=given["id"]), Protocol.objects.exclude(pk=given["id"]).get()
    # Frozen, they would have one hash: every field is the same.
    assert protocol_hash(by_program) == protocol_hash(by_page)
    for row in (by_program, by_page):
        read = client.get(f"{V1}/protocols/{row.pk}/").json()
        assert {name: read[name] for name in said} == said
    shown = page.get(reverse("evaluation:protocol", args=[by_program.pk])).content.decode()
    assert "implants; no report" in shown
    assert "Rita Roe; Sena Sun" in shown


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"multiplicity": "some very long procedure that fits no column of the table"}, "multiplicity"),
        ({"multiplicity": ""}, "multiplicity"),
        ({"exclusions": "implants"}, "exclusions"),
        ({"authors": ["Rita", "Sena"]}, "authors"),
        ({"cohort": "none"}, "cohort"),
    ],
)
def test_a_protocol_that_the_model_does_not_hold_is_refused(
    rita: User, site: Any, caller: Caller, wrong: dict[str, Any], field: str
) -> None:
    answer = send(caller(rita), "protocols", {"site": site.code, "title": "Plan", **wrong})
    assert answer.status_code == 400
    assert set(answer.json()["fields"]) == {field}
    assert not Protocol.objects.exists()


def test_a_protocols_cohort_binds_the_cases_of_a_reader_study(rita: User, site: Any, caller: Caller) -> None:
    client, checkpoint = caller(rita), reading_scene.checkpoint_of(site)
    proven = [study.pk for study in reading_scene.proven_studies(site, checkpoint, 4)]
    everybody = write_cohort(Cohort(site=site, name="Everybody", by_user=rita), proven)
    bound = write_cohort(Cohort(site=site, name="Bound", by_user=rita), proven[:3])
    protocol = scene.frozen_protocol(rita, cohort=bound)
    body = {"protocol": str(protocol.pk), "checkpoint": str(checkpoint.pk), "name": "Readers"}
    at = f"reader-studies/{made(client, 'reader-studies', body)['id']}"
    refused = send(client, f"{at}/cases", {"cohort": str(everybody.pk)})
    assert refused.status_code == 400
    said = f"1 study is outside of the protocol's cohort “Bound” ({proven[3]})"
    assert refused.json()["detail"] == said
    assert made(client, f"{at}/cases", {"cohort": str(bound.pk)})["cases"] == 3


def test_a_cohort_of_another_site_is_unknown(rita: User, site: Any, other_site: Any, caller: Caller) -> None:
    theirs = Cohort.objects.create(site=other_site, name="Theirs", by_user=rita)
    body = {"site": site.code, "title": "Plan", "cohort": str(theirs.pk)}
    answer = send(caller(rita), "protocols", body)
    assert (answer.status_code, "cohort" in answer.json()["detail"]) == (400, True)
    assert made(caller(rita), "protocols", {"site": site.code, "title": "Plan"})["multiplicity"] == "holm"


def test_settings_need_the_version_they_were_read_from(
    rita: User, june: User, sena: User, caller: Caller
) -> None:
    trial = scene.draft_trial(rita, scene.questions_of(rita, [june, sena], 1), june, name="By program")
    answer = send(caller(rita), f"trials/{trial.pk}/settings", {"sitting_slots": 6})
    assert (answer.status_code, list(answer.json()["fields"])) == (400, ["version"])
    assert send(caller(rita), f"trials/{trial.pk}/settings").status_code == 400
    trial.refresh_from_db()
    assert trial.sitting_slots != 6


def test_answers_without_text_are_settled_by_program(
    rita: User, june: User, sena: User, caller: Caller
) -> None:
    draft = scene.draft_trial(rita, scene.questions_of(rita, [june, sena], 2), june)
    client, job = caller(rita), queue_answers(draft, by_user=rita)
    assert job is not None
    rows = scene.answer_rows(list(draft.arms.filter(kind="system")), draft)
    rows[0] |= {"text": "", "raw": ""}
    jobs.finish(jobs.claim(job.pk, "test worker"), rows)
    (empty,) = [
        hit
        for hit in client.get(f"{V1}/trials/{draft.pk}/design/").json()["screen"]
        if hit["kind"] == "empty"
    ]
    assert (empty["matched"], empty["blocks"], empty["settled"]) == ("", True, False)
    rule = {"matched": empty["matched"], "action": "accept", "reason": "a refusal is an answer"}
    design = made(client, f"trials/{draft.pk}/rules", rule)
    assert not [hit for hit in design["screen"] if hit["kind"] == "empty" and not hit["settled"]]
    answers = Answer.objects.filter(arm__trial=draft).select_related("question__question__patient")
    assert "（未作答）" in {answer.shown_text for answer in answers}


def test_an_arm_from_afar_names_no_file_of_the_server(rita: User, caller: Caller) -> None:
    draft = create_trial("Draft", protocol=scene.frozen_protocol(rita), by_user=rita)
    for kind in ("file", "transformers"):
        body = {"name": "x", "spec": {"kind": kind, "path": "/etc/passwd"}}
        answer = send(caller(rita), f"trials/{draft.pk}/arms", body)
        assert (answer.status_code, draft.arms.count()) == (400, 0)
