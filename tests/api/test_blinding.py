"""A rater's interface: forms under random names, and nothing that names an arm, a system or another rater."""

import uuid
from typing import Any

import pytest
from django.test import Client

from annotation.models import Campaign
from evaluation.models import Arm, Slot, Trial
from evaluation.services.scoring import lock_trial
from evaluation.services.unblinding import confirm_unblinding, request_unblinding
from mammo.accounts.models import User
from mammo.accounts.services import grant_role
from tests.api.conftest import Caller
from tests.evaluation import scene

V1 = "/api/v1"
FORM_FIELDS = "id position sitting title turns answer is_dialogue report has_images aspects scale_min scale_max revision"
ASPECT_FIELDS = "key name definition low high value"
SCORE_FIELDS = "id form aspect value revision created_at"
# All that a rater can ask for.
ROUTES = (
    "me sites studies images imports jobs campaigns questions proposals corrections picks exports snapshots "
    "runs checkpoints trials arms forms scores"
)


def revealing(trial: Trial) -> list[str]:
    """Texts that would tell an arm: names, codes in quotes, ids, specs, kinds of system."""
    found = ["MammoVLM", "Untuned", "Junior doctor", "/models/", "mammovlm", "transformers", "First trial"]
    for arm in trial.arms.all():
        found += [str(arm.pk), f'"{arm.code}"']
        found += [str(answer.pk) for answer in arm.answers.all()]
    return found


def put(client: Client, form: Any, body: dict[str, Any], key: uuid.UUID | None = None) -> Any:
    return client.post(
        f"{V1}/forms/{form}/scores/",
        body,
        content_type="application/json",
        headers={"Idempotency-Key": str(key or uuid.uuid4())},
    )


def test_a_rater_meets_forms_and_never_an_arm(trial: Trial, sena: User, caller: Caller) -> None:
    client = caller(sena)
    for noun in ("trials", "arms", "studies", "images", "proposals", "exports", "runs", "checkpoints"):
        assert client.get(f"{V1}/{noun}/").json()["results"] == [], noun
    for arm in trial.arms.all():
        assert client.get(f"{V1}/arms/{arm.pk}/").status_code == 404
    assert client.get(f"{V1}/trials/{trial.pk}/tables/1/").status_code == 404
    (form,) = client.get(f"{V1}/forms/").json()["results"]
    shown = client.get(f"{V1}/forms/{form['id']}/")
    assert set(shown.json()) == set(FORM_FIELDS.split())
    assert all(set(aspect) == set(ASPECT_FIELDS.split()) for aspect in shown.json()["aspects"])
    stored = put(client, form["id"], {"values": scene.values(), "revision": 0})
    assert all(set(score) == set(SCORE_FIELDS.split()) for score in stored.json())
    everything = shown.content.decode() + stored.content.decode() + str(dict(shown.headers))
    for noun in ROUTES.split():
        answer = client.get(f"{V1}/{noun}/")
        everything += answer.content.decode() + str(dict(answer.headers))
    everything += put(client, form["id"], {"values": {"correctness": 1}, "revision": 0}).content.decode()
    for told in revealing(trial):
        assert told not in everything, told


def test_forms_are_opened_in_their_order_by_their_rater(
    trial: Trial, sena: User, sol: User, june: User, caller: Caller
) -> None:
    client = caller(sena)
    mine = list(Slot.objects.filter(rater__user=sena).order_by("position"))
    assert [row["id"] for row in client.get(f"{V1}/forms/").json()["results"]] == [str(mine[0].pk)]
    later, unknown = client.get(f"{V1}/forms/{mine[3].pk}/"), client.get(f"{V1}/forms/{uuid.uuid4()}/")
    assert (later.status_code, later.content) == (404, unknown.content)
    for stranger in (sol, june):
        assert caller(stranger).get(f"{V1}/forms/{mine[0].pk}/").content == unknown.content
        assert put(caller(stranger), mine[0].pk, {"values": scene.values(), "revision": 0}).status_code == 404
    assert put(client, mine[0].pk, {"values": scene.values(), "revision": 0}).status_code == 201
    rows = client.get(f"{V1}/forms/").json()["results"]
    assert [(row["id"], row["is_scored"]) for row in rows] == [
        (str(mine[0].pk), True),
        (str(mine[1].pk), False),
    ]


def test_scores_are_stored_once_and_a_stale_form_loses_nothing(
    trial: Trial, sena: User, caller: Caller
) -> None:
    client, form = caller(sena), Slot.objects.filter(rater__user=sena).order_by("position")[0]
    key, body = uuid.uuid4(), {"values": scene.values(), "revision": 0}
    first, again = put(client, form.pk, body, key), put(client, form.pk, body, key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert form.scores.count() == len(scene.ASPECTS)
    other = put(client, form.pk, {"values": scene.values(50), "revision": 0}, key)
    assert (other.status_code, other.json()["code"]) == (409, "wrong_state")
    stale = put(client, form.pk, {"values": scene.values(50), "revision": 0})
    assert (stale.status_code, stale.json()["code"], stale.json()["version"]) == (409, "stale_version", 5)
    assert {score["value"] for score in stale.json()["current"]["scores"]} == set(scene.values().values())
    changed = put(client, form.pk, {"values": scene.values(50), "revision": 5})
    assert changed.status_code == 201
    assert {score["revision"] for score in changed.json()} == {2}
    standing = client.get(f"{V1}/scores/", {"form": str(form.pk)}).json()["results"]
    assert {score["value"] for score in standing} == set(scene.values(50).values())


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"revision": 0}, "values"),
        ({"values": {"correctness": "much"}, "revision": 0}, "values.correctness"),
        ({"values": scene.values(), "revision": -1}, "revision"),
        ({"values": scene.values(), "revision": 0, "arm": "x"}, "arm"),
        ({"values": scene.values(), "revision": 0, "active_seconds": 1e9}, "active_seconds"),
    ],
)
def test_a_wrong_form_names_its_field(
    trial: Trial, sena: User, caller: Caller, body: dict[str, Any], field: str
) -> None:
    form = Slot.objects.filter(rater__user=sena).order_by("position")[0]
    answer = put(caller(sena), form.pk, body)
    assert answer.status_code == 400
    assert set(answer.json()["fields"]) == {field}
    assert not form.scores.exists()


def test_a_post_without_a_key_stores_nothing(trial: Trial, sena: User, caller: Caller) -> None:
    form = Slot.objects.filter(rater__user=sena).order_by("position")[0]
    body = {"values": scene.values(), "revision": 0}
    answer = caller(sena).post(f"{V1}/forms/{form.pk}/scores/", body, content_type="application/json")
    assert answer.status_code == 400
    assert "Idempotency-Key" in answer.json()["detail"]
    assert not form.scores.exists()


def test_a_statistician_works_under_masked_codes_until_the_unblinding(
    trial: Trial, rita: User, stan: User, site: Any, caller: Caller
) -> None:
    client = caller(stan)
    scene.score_all(trial)
    lock_trial(trial, by_user=rita)

    def everything() -> str:
        rows = client.get(f"{V1}/arms/", {"trial": str(trial.pk)})
        table = client.get(f"{V1}/trials/{trial.pk}/tables/1/")
        assert (rows.status_code, table.status_code) == (200, 200)
        return rows.content.decode() + table.content.decode()

    masked = client.get(f"{V1}/arms/").json()["results"]
    assert [row["code"] for row in masked] == sorted(row["code"] for row in masked)
    assert {row["code"] for row in masked} == {arm.code for arm in trial.arms.all()}
    told = {"id", "kind", "name", "spec", "checkpoint", "left_out_reason", "position", "is_simulated"}
    assert all({name for name in row if row[name] is None} == told for row in masked)
    assert not [name for name in ("MammoVLM", "Untuned", "Junior doctor") if name in everything()]
    designer = caller(rita).get(f"{V1}/arms/").json()["results"]
    assert {row["name"] for row in designer} == {"MammoVLM", "Untuned model", "Junior doctor"}
    assert {row["code"] for row in designer} == {None}
    # Neither an id nor the place in a list joins the list of names with that of codes.
    ids = [row["id"] for row in designer]
    assert ids == sorted(str(arm.pk) for arm in trial.arms.all())
    assert [client.get(f"{V1}/arms/{pk}/").status_code for pk in ids] == [404] * 3
    assert not [pk for pk in ids if pk in everything()]
    read, address = [], f"{V1}/arms/?page_size=1"
    while address:
        page = client.get(address).json()
        read += page["results"]
        address = page["next"]
    assert read == masked
    # Nor is the key of a table's row the id of an arm.
    table = caller(rita).get(f"{V1}/trials/{trial.pk}/tables/1/").json()
    assert {row["key"] for row in table["rows"]} == {row["label"] for row in table["rows"]}
    assert not [row["id"] for row in designer if row["id"] in str(table)]
    second = scene.person(site, "Rhea", "researcher")
    request_unblinding(trial, by_user=rita, reason="analysis is done")
    confirm_unblinding(trial, by_user=second)
    assert "MammoVLM" in everything()
    for user in (rita, stan):
        rows = caller(user).get(f"{V1}/arms/").json()["results"]
        assert {(row["name"], row["code"]) for row in rows} == {
            (arm.name, arm.code) for arm in trial.arms.all()
        }


def test_a_rater_who_is_a_researcher_too_stays_blind(
    trial: Trial, sena: User, site: Any, caller: Caller
) -> None:
    grant_role(sena, "researcher", site, by_user=None)
    client = caller(sena)
    assert client.get(f"{V1}/trials/").json()["results"] == []
    assert client.get(f"{V1}/arms/").json()["results"] == []
    assert client.get(f"{V1}/trials/{trial.pk}/tables/1/").status_code == 404
    campaign = Campaign.objects.get()
    assert client.get(f"{V1}/campaigns/{campaign.pk}/design/").status_code == 404


def test_a_researcher_who_makes_herself_a_rater_is_told_and_meets_the_trial_no_more(
    rita: User, june: User, sena: User, site: Any, caller: Caller
) -> None:
    grant_role(sena, "researcher", site, by_user=None)
    draft = scene.draft_trial(rita, scene.questions_of(rita, [june, sena], 4), june)
    client, address = caller(sena), f"{V1}/trials/{draft.pk}/"
    assert client.get(address).status_code == 200
    named = client.post(
        f"{address}raters/",
        {"username": sena.username},
        content_type="application/json",
        headers={"Idempotency-Key": str(uuid.uuid4())},
    )
    assert (named.status_code, named.json()["raters"]) == (200, 1)
    for noun in (f"trials/{draft.pk}", f"trials/{draft.pk}/design", f"protocols/{draft.protocol_id}"):
        assert client.get(f"{V1}/{noun}/").status_code == 404, noun
    assert client.get(f"{V1}/arms/").json()["results"] == []


def test_a_table_is_read_and_downloaded(trial: Trial, rita: User, caller: Caller) -> None:
    client, address = caller(rita), f"{V1}/trials/{trial.pk}/tables/1/"
    early = client.get(address)
    assert (early.status_code, early.json()["code"]) == (409, "wrong_state")
    scene.score_all(trial)
    lock_trial(trial, by_user=rita)
    table = client.get(address).json()
    assert len(table["rows"]) == Arm.objects.filter(trial=trial).count()
    assert table["rows"][0]["cells"]["correctness"]["n"] > 0
    file = client.get(f"{address}file/", {"as": "md"})
    assert file.headers["Content-Type"] == "text/markdown; charset=utf-8"
    assert "Table 1" in file.content.decode()
    assert client.get(f"{address}file/", {"as": "exe"}).status_code == 400
    assert client.get(f"{address}", {"simulated": "maybe"}).status_code == 400
    assert client.get(f"{V1}/trials/{trial.pk}/tables/77/").status_code == 404
