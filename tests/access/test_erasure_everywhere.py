"""A patient withdraws: her texts and images are unreadable everywhere, every table stays whole."""

import contextlib
import io
import json
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from cryptography.exceptions import InvalidTag
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from annotation.models import Correction, Draft, Pick, Question
from annotation.services.drafts import save_draft
from annotation.services.export import export_training
from annotation.services.picks import pick
from annotation.services.splits import create_split
from evaluation.models import ReaderStudy, Trial
from evaluation.reports.study.archives import export_archive
from evaluation.services.exports import ask_export, decide_export
from mammo.accounts import audit
from mammo.accounts.models import Site, User
from mammo.archive import inbox, storage
from mammo.archive.models import Erasure, Image, Patient, Report
from mammo.archive.services import erase_patient, request_erasure
from mammo.core.encryption import EncryptedTextField, ErasedText
from mammo.core.errors import UserError
from mammo.core.keys import key_store
from modeling.models import Checkpoint, Run, Snapshot
from tests.access import stored
from tests.access.everywhere import (
    OF_THE_SITE,
    WORD,
    encrypted_fields,
    in_every_room,
    models_of_patients,
    rows_of,
)
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
    folder = set_folder()
    folder.mkdir(parents=True)
    (folder / "sft.jsonl").write_text("她的问题", "utf-8")
    (folder / "arrays").mkdir()
    for image in study.images.all():
        (folder / "arrays" / f"{image.pk}.npy").write_bytes(b"her breast")
        storage.thumbnail_path(image.viewing_copy).write_bytes(b"her breast, small")
    snapshot = Snapshot.objects.create(site=site, name="set", folder=str(folder), content_hash="c" * 64)
    snapshot.patients.add(study.patient)
    run = Run.objects.create(site=site, stage="sft", snapshot=snapshot)
    first = Checkpoint.objects.create(run=run, folder="/weights/1", sha256="d" * 64)
    later = Run.objects.create(site=site, stage="sft")
    later.starts_from.add(first)
    Checkpoint.objects.create(run=later, folder="/weights/2", sha256="e" * 64)
    return study.patient


def set_folder() -> Path:
    """Where a frozen training set with her in it lies."""
    return Path(settings.MAMMO_HOME) / "snapshots" / "hers" / "1"


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
    assert str(set_folder()) in page
    assert "/weights/2" in page
    assert browsers["adam"].post(confirm, {"idempotency_key": "0" * 31 + "3"}).status_code == 302
    assert "Files destroyed" in browsers["adam"].get("/archive/erasures/").content.decode()
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
    # The database, either of both kinds: her columns read as erased, the other patient's as before, and no words stand
    # beside them.
    for label, value, row in encrypted_values():
        text = json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else value
        if any(word in text for word in ("她的问题", "草稿里的字")):
            pytest.fail(f"{label} {row.pk} is still readable: {text}")
    assert isinstance(Report.objects.filter(study__patient=hers).first().original, ErasedText)  # type: ignore[union-attr]
    assert isinstance(Pick.objects.filter(question__patient=hers)[0].text, ErasedText)
    others = Pick.objects.exclude(question__patient=hers)[0]
    assert str(others.text)
    assert not isinstance(others.text, ErasedText)
    assert stored.places_of(*WORDS, "IC-her-signature") == {}
    assert stored.places_of("letter of 3 May"), "what nobody hid is found"
    # Her files: no picture is left, and nothing below the home says her words.
    pictures = {image.pk: image.viewing_copy for image in Image.objects.filter(study__patient=hers)}
    names = {str(key) for key in pictures} | {Path(name).stem for name in pictures.values()}
    files = [path for path in Path(settings.MAMMO_HOME).rglob("*") if path.is_file()]
    assert len(names) == 8
    assert [path for path in files if any(name in path.name for name in names)] == []
    assert [path for path in files if b"her breast" in path.read_bytes()] == []
    written = [form for word in (*WORDS, "IC-her-signature") for form in stored.forms_of(word)]
    assert [path for path in files if any(form in path.read_bytes() for form in written)] == []
    # Exports made later: she is in none.
    later = export_training(campaign, tmp_path / "later", format="trl", by_user=rita, split=split)
    text = "".join(p.read_text() for p in (tmp_path / "later").rglob("*.jsonl"))
    assert "别人的问题" in text
    assert "她的问题" not in text
    assert "[erased]" not in text
    assert hers not in later.patients.all()
    # What held her is named: the older export, which was carried out of the home and is for people to remove, the
    # set, whose files are gone, the weights and those that started from them.
    assert {(held["kind"], held["where"]) for held in erasure.still_held_in} == {
        ("export", before_export.folder), ("snapshot", str(set_folder())),
        ("checkpoint", "/weights/1"), ("checkpoint", "/weights/2"),
    }  # fmt: skip
    assert not set_folder().exists()
    assert Path(before_export.folder).is_dir()
    states = {held["where"]: held["destroyed"] for held in erasure.still_held_in}
    assert (states[str(set_folder())], states[before_export.folder]) == ("yes", "")
    assert audit.verify().ok


def test_nobody_is_asked_to_work_on_her_questions(hers: Patient, dana: User, june: User, site: Site) -> None:
    waiting = Question.objects.waiting_for(june, "correct").count()
    assert waiting == 2
    erase(hers, dana, site)
    assert Question.objects.waiting_for(june, "correct").count() == 0
    client = Client()
    client.force_login(june)
    page = client.get("/annotation/correct/").content.decode()
    to_do, _heading, done = page.partition("Done by you")
    assert "[erased]" not in to_do
    # What she corrected before stays in the list of what is done, as one tombstone.
    assert done.count(">[erased]</a>") == 1
    assert ">]</a>" not in page


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


def test_the_search_of_what_is_stored_finds_a_word_in_every_kind_of_column(db: None) -> None:
    """In text, JSON and bytes, written as it is or escaped, in a table that no model stands for."""
    word, kinds = "患者原话", {"sqlite": ("text", "text", "blob"), "postgresql": ("text", "jsonb", "bytea")}
    text, data, raw = kinds[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TEMPORARY TABLE kept (a {text}, b {data}, c {raw}, d {text}, e {text}, f {text})"
        )
        assert stored.places_of(word) == {}
        cursor.execute(
            "INSERT INTO kept VALUES (%s, %s, %s, %s, %s, %s)",
            [
                f"vor {word} nach", json.dumps({"x": [word]}), b"\x00" + word.encode() + b"\xff",
                json.dumps({word: 1}), quote(word), word.encode().hex(),
            ],
        )  # fmt: skip
    found = stored.places_of(word)[word]
    assert [place[-1] for place in found] == ["a", "b", "c", "d", "e", "f"]
    assert {place.rpartition(".")[0].strip('"') for place in found} == {"kept"}


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


@pytest.fixture
def everywhere(site: Site, rita: User, june: User, sena: User, sol: User, dana: User) -> Patient:
    """She has a row in every room."""
    return in_every_room(site, {"rita": rita, "june": june, "sena": sena, "sol": sol, "dana": dana})


def erase_at_once(patient: Patient, dana: User) -> Erasure:
    """As the pages do, without them."""
    admin = evaluation_scene.person(patient.site, "Ada", "admin")
    return erase_patient(request_erasure(patient, reason="withdrew", by_user=dana), by_user=admin)


def test_each_room_that_keeps_texts_has_some_of_hers_and_none_reads_afterwards(
    everywhere: Patient, dana: User, django_capture_on_commit_callbacks: Any
) -> None:
    """A model that gets an encrypted column needs a row in tests.access.everywhere, or this fails."""
    held = {}
    for model in models_of_patients():
        rows = rows_of(everywhere, model)
        said = {
            field.name
            for field in encrypted_fields(model)
            for row in rows
            if WORD in str(getattr(row, field.name))
        }
        assert said == {field.name for field in encrypted_fields(model)}, (
            f"{model._meta.label} says nothing of hers"
        )
        held[model] = {row.pk for row in rows}
    for model in OF_THE_SITE:
        assert any(WORD in text_of(row) for row in model._base_manager.all()), (
            f"{model._meta.label} names her nowhere"
        )
    with django_capture_on_commit_callbacks(execute=True):  # files go once the rows stand
        erasure = erase_at_once(everywhere, dana)
    for model, keys in held.items():
        left = model._base_manager.filter(pk__in=keys)
        assert left.count() == (0 if model is Draft else len(keys)), f"{model._meta.label} stays whole"
        for row in left:
            for field in encrypted_fields(model):
                value = getattr(row, field.name)
                assert value in (None, "") or isinstance(value, ErasedText), (
                    f"{model._meta.label}.{field.name}"
                )
    for label, value, row in encrypted_values():
        assert WORD not in str(value), f"{label} {row.pk}"
    assert stored.places_of(WORD) == {}
    assert erasure.destroyed == {
        "table_rows": 1, "tables": 0, "refused_rows": 0, "question_rows": 1, "received": 3,
        "job_logs": erasure.destroyed["job_logs"],
    }  # fmt: skip
    assert erasure.destroyed["job_logs"] >= 1
    assert opened_files(everywhere.site, WORD) == []


def text_of(row: Any) -> str:
    return " ".join(str(getattr(row, field.name)) for field in encrypted_fields(type(row)))


def opened_files(site: Site, word: str) -> list[Path]:
    """Files of the home that say the word, in clear or where the site's key, which lives on, opens them."""
    found = []
    for path in Path(settings.MAMMO_HOME).rglob("*"):
        if not path.is_file():
            continue
        texts = [path.read_bytes()]
        attempt = f"jobs.log:{path.parent.parent.name}:{path.parent.name}"
        for purpose in ("archive.table", "archive.unmatched", attempt):
            with contextlib.suppress(UserError, InvalidTag, ValueError):
                texts.append(key_store().decrypt(site.key_id, texts[0], purpose))
        if "inbox" in path.parts:
            texts += list(inbox.frames(site, path))
        if any(form in text for text in texts for form in stored.forms_of(word)):
            found.append(path)
    return found


def test_the_search_of_files_opens_what_the_site_can_open(everywhere: Patient) -> None:
    found = {
        path.name if path.suffix == ".sealed" else path.parent.name
        for path in opened_files(everywhere.site, WORD)
    }
    assert found == {"log.sealed", "tables", everywhere.site.pk.hex, "taken-receiver", "uploads"}


def test_no_export_made_later_holds_a_text_or_a_score_of_hers(
    everywhere: Patient, dana: User, rita: User, tmp_path: Path
) -> None:
    """Raw data of the trial and of the reader study, as downloaded and as the commands write them."""
    stats = evaluation_scene.person(everywhere.site, "Stan", "statistician")
    trial, study = Trial.objects.get(name="First trial"), ReaderStudy.objects.get()
    texts = {
        str(getattr(row, field.name))
        for model in models_of_patients()
        for row in rows_of(everywhere, model)
        for field in encrypted_fields(model)
    } - {"", "None"}
    assert len(texts) > 30
    forms = [form for text in {WORD, *texts} for form in stored.forms_of(text)]
    before = {of: files_of(of, rita, stats, tmp_path / f"before-{of.pk}") for of in (trial, study)}
    erase_at_once(everywhere, dana)
    for of, earlier in before.items():
        later = files_of(of, rita, stats, tmp_path / f"later-{of.pk}")
        assert set(later) == set(earlier)
        for name, content in later.items():
            assert [form for form in forms if form in content] == [], name
            assert everywhere.pseudonym.encode() not in content, name
            assert str(everywhere.pk).encode() not in content, name
        table = next(
            name for name in later if name.endswith("/scores.csv" if of is trial else "/readings.csv")
        )
        assert 1 < len(later[table].splitlines()) < len(earlier[table].splitlines())


def files_of(of: Trial | ReaderStudy, rita: User, stats: User, folder: Path) -> dict[str, bytes]:
    """Everything that leaves by an approved request: the archive, and the command's folder; packed files opened."""
    tomorrow = timezone.localdate() + timedelta(days=1)
    row = ask_export(of, by_user=rita, reason="analysis", expires_on=tomorrow)
    row = decide_export(row, "approved", by_user=stats)
    command = "export_scores" if isinstance(of, Trial) else "export_readings"
    call_command(command, str(folder), request=str(row.pk))
    packed = {"archive.zip": export_archive(row)}
    packed |= {f"folder/{path.name}": path.read_bytes() for path in folder.iterdir()}
    return dict(unpacked(packed))


def unpacked(files: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    for name, content in files.items():
        if not name.endswith((".zip", ".xlsx")):
            yield name, content
            continue
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            inner = {f"{name}/{member}": archive.read(member) for member in archive.namelist()}
        yield from unpacked(inner)
