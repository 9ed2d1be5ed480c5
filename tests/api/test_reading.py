"""Reading: what each noun gives (its fields are a contract), to whom, by pages, with no unknown parameter."""

import uuid
from typing import Any

import pytest
from django.test import Client

from annotation.models import Question
from evaluation.models import Trial
from mammo.accounts.models import AuditEvent, User
from mammo.archive.models import Patient, SplitMembership, Study
from mammo.jobs.attempt_files import AttemptFiles
from mammo.jobs.models import Job
from tests.api.conftest import Caller
from tests.evaluation.scene import patient_with_study

V1 = "/api/v1"
# Every field of every noun, and who is asked: a field that is added here is a decision, not an accident.
FIELDS: dict[str, tuple[str, str]] = {
    "sites": ("rita", "id code is_simulated"),
    "studies": (
        "rita",
        "id site patient date age vendor density birads_left birads_right birads_overall birads_rule "
        "birads_edition label_source label_sources images version is_simulated",
    ),
    "images": (
        "rita",
        "id study laterality view view_modifiers is_extra rows columns bits_stored spacing_row spacing_column "
        "spacing_estimated window_center window_width voi_function vendor flags viewing_copy_sha256 "
        "procedure_version is_simulated",
    ),
    "imports": ("dana", "id site kind by created_at finished_at counts is_simulated"),
    "jobs": (
        "rita",
        "id kind queue site by about_type about_id title gpus state is_stopping cancelled_by attempt failed_attempts "
        "max_attempts percent progress result error created_at started_at finished_at is_simulated",
    ),
    "campaigns": (
        "june",
        "id site name state languages instructions overlap senior_overlap rank_all allow_small_edit due_on "
        "opened_at closed_at version is_simulated",
    ),
    "questions": (
        "june",
        "id campaign study position language turns stage round is_practice version is_simulated",
    ),
    "proposals": (
        "rita",
        "id question round index text system system_kind revision parameters seed prompt_sha256 context "
        "finish_reason is_distinct tokens seconds created_at is_simulated",
    ),
    "corrections": (
        "june",
        "id question proposal by round revision replaces text no_change error_tags citations warnings notes "
        "edit_distance active_seconds instruction_version guideline_version created_at is_simulated",
    ),
    "picks": (
        "sol",
        "id question correction by round revision replaces text edited ranking reason_codes reason "
        "active_seconds created_at is_simulated",
    ),
    "exports": (
        "rita",
        "id campaign format preferences images export_id content_hash counts by created_at is_simulated",
    ),
    "snapshots": ("rita", "id site name content_hash counts card split export job created_at is_simulated"),
    "runs": (
        "rita",
        "id site name stage variant config seed snapshot starts_from job state by code_version environment "
        "created_at is_simulated",
    ),
    "checkpoints": ("rita", "id run sha256 step epoch is_best metrics created_at is_simulated"),
    "trials": (
        "rita",
        "id site name state order scale_min scale_max raters_per_answer show_report show_earlier aspects "
        "questions raters design_sha256 frozen_at locked_at unblinded_at created_at version is_simulated",
    ),
    "arms": (
        "rita",
        "id trial code kind name spec checkpoint left_out_reason position is_simulated",
    ),
    "forms": ("sena", "id position sitting is_scored"),
}


def listed(client: Client, noun: str, **query: Any) -> list[dict[str, Any]]:
    answer = client.get(f"{V1}/{noun}/", query)
    assert answer.status_code == 200, answer.content
    found: list[dict[str, Any]] = answer.json()["results"]
    return found


def test_every_noun_gives_its_fields_and_no_other(
    house: Trial, caller: Caller, request: pytest.FixtureRequest
) -> None:
    clients: dict[str, Client] = {}
    for noun, (name, fields) in FIELDS.items():
        user = request.getfixturevalue(name)
        client = clients.setdefault(name, caller(user))
        rows = listed(client, noun)
        assert rows, f"{noun}: {name} sees none"
        assert set(rows[0]) == set(fields.split()), noun
        one = client.get(f"{V1}/{noun}/{rows[0]['id']}/")
        assert one.status_code == 200
        if noun != "forms":
            assert set(one.json()) == set(fields.split()), noun


def test_strangers_see_nothing_and_the_unknown_looks_like_the_forbidden(
    house: Trial, otto: User, caller: Caller, request: pytest.FixtureRequest
) -> None:
    stranger = caller(otto)
    clients: dict[str, Client] = {}
    for noun, (name, _fields) in FIELDS.items():
        client = clients.setdefault(name, caller(request.getfixturevalue(name)))
        row = listed(client, noun)[0]
        if noun != "sites":
            assert listed(stranger, noun) == [], noun
        forbidden = stranger.get(f"{V1}/{noun}/{row['id']}/")
        unknown = stranger.get(f"{V1}/{noun}/{uuid.uuid4()}/")
        assert (forbidden.status_code, forbidden.content) == (404, unknown.content), noun
        assert unknown.status_code == 404


@pytest.mark.parametrize(
    "name", ["expand", "fields", "include", "format", "ordering", "search", "trial__arms"]
)
def test_an_unknown_parameter_is_refused_by_name(rita: User, caller: Caller, name: str) -> None:
    answer = caller(rita).get(f"{V1}/trials/", {name: "x"})
    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid"
    assert answer.json()["fields"][name] == ["unknown parameter; known: cursor, page_size, site, state"]


def test_studies_are_filtered(house: Trial, rita: User, caller: Caller, request: Any) -> None:
    client = caller(rita)
    study = Study.objects.order_by("created_at")[0]
    Study.objects.filter(pk=study.pk).update(density="D", birads_overall="4B")
    member = SplitMembership.objects.get(patient=study.patient)
    here = {"split": member.split.name, "side": member.side}
    assert [row["id"] for row in listed(client, "studies", density="D")] == [str(study.pk)]
    assert [row["id"] for row in listed(client, "studies", birads="4B")] == [str(study.pk)]
    assert str(study.pk) in {row["id"] for row in listed(client, "studies", **here)}
    for other in {"train", "validation", "test"} - {member.side}:
        assert str(study.pk) not in {
            row["id"] for row in listed(client, "studies", split=member.split.name, side=other)
        }
    assert len(listed(client, "studies", site="north")) == 3
    assert listed(client, "studies", site="south") == []
    assert len(listed(client, "images", study=study.pk, laterality="R")) == 2
    for bad in ({"density": "E"}, {"birads": "9"}, {"side": "train"}, {"page_size": "0"}, {"page_size": "x"}):
        answer = client.get(f"{V1}/studies/", bad)
        assert answer.status_code == 400, bad
        assert set(answer.json()["fields"]) == set(bad)


def test_an_erased_patient_is_gone_from_the_lists(house: Trial, rita: User, caller: Caller) -> None:
    client = caller(rita)
    study = Study.objects.order_by("created_at")[0]
    Patient.objects.filter(pk=study.patient_id).update(erased_at="2026-01-01T00:00Z")
    assert str(study.pk) not in {row["id"] for row in listed(client, "studies")}
    assert client.get(f"{V1}/studies/{study.pk}/").status_code == 404
    assert listed(client, "images", study=study.pk) == []


def test_pages_hold_every_row_once_while_rows_come(rita: User, caller: Caller) -> None:
    client, site = caller(rita), rita.sites_as().get()
    studies = [patient_with_study(site, f"P{n}", f"A{n}") for n in range(7)]
    # All made at one moment: the keyset's tie.
    Study.objects.update(created_at=studies[0].created_at)
    seen: list[str] = []
    address: str | None = f"{V1}/studies/?page_size=3"
    while address:
        page = client.get(address).json()
        seen += [row["id"] for row in page["results"]]
        address = page["next"]
        patient_with_study(site, f"later {len(seen)}", f"L{len(seen)}")
    assert sorted(seen) == sorted(str(study.pk) for study in studies)


def test_a_forged_or_borrowed_cursor_is_refused(rita: User, caller: Caller) -> None:
    client, site = caller(rita), rita.sites_as().get()
    for n in range(2):
        patient_with_study(site, f"P{n}", f"A{n}")
    following = client.get(f"{V1}/studies/?page_size=1").json()["next"]
    borrowed = client.get(following.replace("/studies/", "/images/"))
    forged = client.get(f"{V1}/studies/?cursor=cD0x")
    for answer in (borrowed, forged):
        assert answer.status_code == 400
        assert set(answer.json()["fields"]) == {"cursor"}


def test_looking_at_sources_is_in_the_trail(house: Trial, dana: User, rita: User, caller: Caller) -> None:
    client = caller(dana)
    batch = listed(client, "imports")[0]["id"]
    items = client.get(f"{V1}/imports/{batch}/items/", {"page_size": 2, "outcome": "rejected"})
    assert items.status_code == 200
    fields = "id source outcome reason image created_at resolved_at"
    assert set(items.json()["results"][0]) == set(fields.split())
    # Of a row that an earlier version wrote with the server's whole path, nothing above the last folder.
    assert items.json()["results"][0]["source"].startswith("ward/")
    assert items.json()["next"] is not None
    seen = AuditEvent.objects.get(action="archive.sources_seen")
    assert (seen.actor, seen.object_id, seen.details) == (dana, batch, {"shown": 2})
    assert client.get(f"{V1}/imports/{batch}/items/", {"outcome": "lost"}).status_code == 400
    assert caller(rita).get(f"{V1}/imports/{batch}/items/").status_code == 404


def test_a_log_is_read_by_whom_its_page_lets(house: Trial, rita: User, june: User, caller: Caller) -> None:
    job = Job.objects.filter(kind="annotation.propose").order_by("-created_at")[0]
    files = AttemptFiles(job)
    files.make()
    files.note("first line")
    answer = caller(rita).get(f"{V1}/jobs/{job.pk}/log/")
    assert answer.json() == {"log": "first line\n"} or answer.json() == {"log": "first line"}
    Job.objects.filter(pk=job.pk).update(by_user=june)
    june_sees = caller(june)
    assert june_sees.get(f"{V1}/jobs/{job.pk}/").status_code == 200
    assert june_sees.get(f"{V1}/jobs/{job.pk}/log/").status_code == 404


def test_one_sees_only_ones_own_corrections_and_picks(
    house: Trial, june: User, jack: User, sol: User, sena: User, rita: User, caller: Caller
) -> None:
    assert len(listed(caller(june), "corrections")) == 3
    assert len(listed(caller(rita), "corrections")) == 3
    assert listed(caller(sena), "corrections") == []
    assert len(listed(caller(sol), "picks")) == 1
    assert listed(caller(sena), "picks") == []


def test_whoever_works_on_a_campaign_learns_nothing_of_its_proposer(
    house: Trial, june: User, sena: User, rita: User, caller: Caller
) -> None:
    campaign = Question.objects.all()[0].campaign
    design = f"{V1}/campaigns/{campaign.pk}/design/"
    assert caller(rita).get(design).json()["proposer"]["name"] == "tiny GLM"
    for worker in (june, sena):
        client = caller(worker)
        assert client.get(design).status_code == 404
        assert listed(client, "proposals") == []
        texts = "".join(client.get(f"{V1}/{noun}/").content.decode() for noun in ("campaigns", "questions"))
        assert "GLM" not in texts


def test_curves_are_read_with_the_run(house: Trial, rita: User, caller: Caller) -> None:
    client = caller(rita)
    run = listed(client, "runs", stage="density")[0]["id"]
    assert client.get(f"{V1}/runs/{run}/metrics/").json() == [
        {"name": "loss", "step": 1, "epoch": 0.0, "value": 0.5}
    ]


def test_no_answer_names_a_folder_of_the_server(house: Trial, rita: User, caller: Caller) -> None:
    client = caller(rita)
    for noun in ("exports", "snapshots", "checkpoints"):
        assert "/secret/folder" not in client.get(f"{V1}/{noun}/").content.decode()


def test_an_unknown_address_is_told_in_json(rita: User, caller: Caller) -> None:
    answer = caller(rita).get(f"{V1}/patients/")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_errors_are_told_in_the_callers_language(rita: User, caller: Caller) -> None:
    answer = caller(rita).get(f"{V1}/trials/{uuid.uuid4()}/", headers={"Accept-Language": "zh-Hans"})
    assert answer.json()["detail"] == "此处没有内容，或该账户无权查看。"
