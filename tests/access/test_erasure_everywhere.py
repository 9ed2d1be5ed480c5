"""A patient withdraws: her texts and images are unreadable everywhere, every table stays whole."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection
from django.test import Client

from annotation.models import Correction, Pick, Question
from annotation.services.drafts import save_draft
from annotation.services.export import export_training
from annotation.services.picks import pick
from annotation.services.splits import create_split
from mammo.accounts import audit
from mammo.accounts.models import Site, User
from mammo.archive import storage
from mammo.archive.models import Erasure, Image, Patient, Report
from mammo.core.encryption import EncryptedTextField, ErasedText
from mammo.core.keys import key_store
from modeling.models import Checkpoint, Run, Snapshot
from tests.annotation import scene
from tests.evaluation import scene as evaluation_scene

pytestmark = pytest.mark.django_db
WORDS = ("患者原话", "她的问题", "纠正后的回答", "草稿里的字")


@pytest.fixture
def hers(rita: User, june: User, sena: User) -> Patient:
    """A patient with a study, three questions (one picked, one with a draft), an export, a snapshot, weights."""
    site = rita.sites_as("researcher").get()
    study = scene.patient_with_study(site)
    campaign = scene.open_campaign_of(rita, [june], [sena], name="Hers")
    rows = [scene.row(f"她的问题{n}？", n + 2, consent="IC-her-signature") for n in range(3)]
    questions = scene.ask(campaign, *rows)
    scene.patient_with_study(site, "P002", "A002")
    questions += scene.ask(campaign, scene.row("别人的问题？", 9, patient="P002", accession="A002"))[-1:]
    scene.propose(campaign, questions)
    for question in (questions[0], questions[3]):
        scene.settle(question, june)
        pick(question, by_user=sena, correction=Correction.objects.candidates(question)[0].pk)
    save_draft(questions[1], by_user=june, purpose="correct", content={"x": "草稿里的字"}, expected_version=0)
    snapshot = Snapshot.objects.create(site=site, name="set", folder="/sets/1", content_hash="c" * 64)
    snapshot.patients.add(study.patient)
    run = Run.objects.create(site=site, stage="sft", snapshot=snapshot)
    first = Checkpoint.objects.create(run=run, folder="/weights/1", sha256="d" * 64)
    later = Run.objects.create(site=site, stage="sft")
    later.starts_from.add(first)
    Checkpoint.objects.create(run=later, folder="/weights/2", sha256="e" * 64)
    return study.patient


def erase(patient: Patient, dana: User, site: Site) -> Erasure:
    """Asked for by Dana, confirmed by an administrator, through the pages."""
    admin = evaluation_scene.person(site, "Adam", "admin")
    browsers = {}
    for person in (dana, admin):
        browsers[person.username] = Client()
        browsers[person.username].force_login(person)
    form = {"pseudonym": patient.pseudonym, "reason": "letter of 3 May", "idempotency_key": "0" * 31 + "1"}
    assert browsers["dana"].post("/archive/erasures/request/", form).status_code == 302
    waiting = Erasure.objects.get()
    confirm = f"/archive/erasures/{waiting.pk}/confirm/"
    assert browsers["dana"].post(confirm, {"idempotency_key": "0" * 31 + "2"}).status_code == 409
    page = browsers["adam"].get("/archive/erasures/").content.decode()
    assert "/sets/1" in page
    assert "/weights/2" in page
    assert browsers["adam"].post(confirm, {"idempotency_key": "0" * 31 + "3"}).status_code == 302
    waiting.refresh_from_db()
    return waiting


def encrypted_values() -> list[Any]:
    """Every value of every encrypted column of every table that reads back as words."""
    found = []
    for model in apps.get_models():
        names = [f.name for f in model._meta.get_fields() if isinstance(f, EncryptedTextField)]
        for row in model._base_manager.all() if names else ():
            found += [(model._meta.label, getattr(row, name), row) for name in names]
    return found


def test_every_table_stays_whole_and_nothing_of_hers_is_readable(
    hers: Patient, dana: User, site: Site, tmp_path: Path, rita: User
) -> None:
    campaign = Question.objects.filter(patient=hers)[0].campaign
    split = create_split("all", site=site, by_user=rita, purpose="sft")
    before_export = export_training(campaign, tmp_path / "before", format="trl", by_user=rita, split=split)
    assert "她的问题" in "".join(p.read_text() for p in (tmp_path / "before").rglob("*.jsonl"))
    counts = {
        m: m._base_manager.count()
        for m in apps.get_models()
        if m._meta.label.split(".")[1] not in ("Draft", "Lease")
    }
    erasure = erase(hers, dana, site)
    for model, count in counts.items():
        if model._meta.label not in (
            "accounts.AuditEvent",
            "sessions.Session",
            "core.IdempotentPost",
            "archive.Erasure",
        ):
            assert model._base_manager.count() >= count or model._meta.label == "archive.Pathology", model
    # The database: her columns read as erased, the other patient's as before, and no words stand beside them.
    for label, value, row in encrypted_values():
        text = json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else value
        if any(word in text for word in ("她的问题", "草稿里的字")):
            pytest.fail(f"{label} {row.pk} is still readable: {text}")
    assert isinstance(Report.objects.filter(study__patient=hers).first().original, ErasedText)  # type: ignore[union-attr]
    assert isinstance(Pick.objects.filter(question__patient=hers)[0].text, ErasedText)
    others = Pick.objects.exclude(question__patient=hers)[0]
    assert str(others.text)
    assert not isinstance(others.text, ErasedText)
    if connection.vendor == "sqlite":
        dump = "\n".join(connection.connection.iterdump())
        assert not [word for word in (*WORDS, "IC-her-signature") if word in dump]
    # Her files: no picture is left, and nothing below the home says her words.
    for image in Image.objects.filter(study__patient=hers):
        assert not (storage.viewing_copies_root() / image.viewing_copy).exists()
    for path in Path(settings.MAMMO_HOME).rglob("*"):
        if path.is_file():
            assert "她的问题".encode() not in path.read_bytes(), path
    # Exports made later: she is in none.
    later = export_training(campaign, tmp_path / "later", format="trl", by_user=rita, split=split)
    text = "".join(p.read_text() for p in (tmp_path / "later").rglob("*.jsonl"))
    assert "别人的问题" in text
    assert "她的问题" not in text
    assert "[erased]" not in text
    assert hers not in later.patients.all()
    # What holds her still is named: the older export, the set, the weights and those that started from them.
    assert {(held["kind"], held.get("where", "")) for held in erasure.still_held_in} == {
        ("export", before_export.folder), ("snapshot", "/sets/1"),
        ("checkpoint", "/weights/1"), ("checkpoint", "/weights/2"),
    }  # fmt: skip
    assert audit.verify().ok


def test_nobody_is_asked_to_work_on_her_questions(hers: Patient, dana: User, june: User, site: Site) -> None:
    waiting = Question.objects.waiting_for(june, "correct").count()
    assert waiting == 2
    erase(hers, dana, site)
    assert Question.objects.waiting_for(june, "correct").count() == 0
    client = Client()
    client.force_login(june)
    assert "[erased]" not in client.get("/annotation/correct/").content.decode()


def test_caches_of_processes_forget_the_key(hers: Patient, dana: User, site: Site) -> None:
    """A worker that decrypted something of hers a moment ago reads nothing now."""
    from mammo.core.keys import KeyDestroyedError, KeyStore

    store = KeyStore(Path(settings.MAMMO_KEYS))
    sealed = store.encrypt(hers.key_id, b"x", "tests")
    assert store.decrypt(hers.key_id, sealed, "tests") == b"x"
    erase(hers, dana, site)
    for one in (store, key_store()):
        with pytest.raises(KeyDestroyedError):
            one.decrypt(hers.key_id, sealed, "tests")


@pytest.mark.parametrize("name", ["june", "sena", "rita"])
def test_others_find_no_page_of_withdrawals(
    request: pytest.FixtureRequest, client: Client, name: str
) -> None:
    client.force_login(request.getfixturevalue(name))
    assert client.get("/archive/erasures/").status_code == 404
    form = {"pseudonym": "x", "reason": "y", "idempotency_key": "0" * 31 + "4"}
    assert client.post("/archive/erasures/request/", form).status_code == 404


def test_an_unknown_pseudonym_is_told(client: Client, dana: User) -> None:
    client.force_login(dana)
    form = {"pseudonym": "NOBODY-1", "reason": "y", "idempotency_key": "0" * 31 + "5"}
    answer = client.post("/archive/erasures/request/", form)
    assert answer.status_code == 400
    assert "NOBODY-1" in answer.content.decode()
