"""A patient who withdrew is trained on no more, and no weights that learned from her are handed on."""

from pathlib import Path
from typing import Any

import pytest

from annotation.models import Campaign, Correction
from annotation.services.picks import pick
from annotation.services.splits import create_split
from mammo.accounts.models import Site, User
from mammo.accounts.services import create_account
from mammo.archive.models import Patient
from mammo.archive.services import erase_patient, request_erasure
from mammo.core.errors import UserError, WrongStateError
from mammo.core.keys import key_store
from mammo.jobs import services as jobs
from modeling.models import Checkpoint, CheckpointExport, Run, Snapshot
from modeling.services import create_snapshot, start_run
from modeling.services import exports as exports_service
from modeling.services.runs import build_request, repeat_run
from modeling.services.snapshots import folder_of_attempts, ingest
from tests.annotation import scene
from tests.modeling.django.test_checkpoint_exports import ASKED, checkpoint

MEND = "snapshot frozen: a patient in it has withdrawn.*freeze a new one"
LEARNED = "learned from snapshot frozen, of which a patient has withdrawn.*freeze a new one"


@pytest.fixture
def managers(site: Site) -> list[User]:
    """Two data managers: one asks for an erasure, the other confirms it."""
    return [
        create_account(name, password="correct horse battery", roles={"data_manager": [site]}, by_user=None)
        for name in ("asker", "confirmer")
    ]


@pytest.fixture
def hers(frozen: Snapshot) -> Patient:
    """A patient whose study is in the frozen training set."""
    patient = scene.patient_with_study(frozen.site).patient
    frozen.patients.add(patient)
    return patient


def withdraw(patient: Patient, managers: list[User]) -> None:
    asked = request_erasure(patient, reason="withdrew", by_user=managers[0])
    erase_patient(asked, by_user=managers[1])


def test_nothing_new_is_trained_on_her(
    frozen: Snapshot, hers: Patient, managers: list[User], rita: User
) -> None:
    earlier = start_run("density", snapshot=frozen, by_user=rita)
    withdraw(hers, managers)
    for again in (
        lambda: start_run("density", snapshot=frozen, by_user=rita),
        lambda: repeat_run(earlier, by_user=rita),
    ):
        with pytest.raises(WrongStateError, match=MEND):
            again()
    assert list(Run.objects.all()) == [earlier]


def test_her_training_set_is_destroyed_and_what_reads_it_is_stopped(
    frozen: Snapshot, hers: Patient, managers: list[User], rita: User
) -> None:
    folder = folder_of_attempts(frozen) / "1"
    folder.mkdir(parents=True)
    (folder / "images.npy").write_bytes(b"her breast")
    Snapshot.objects.filter(pk=frozen.pk).update(folder=str(folder))
    waits, runs = (start_run("density", snapshot=frozen, by_user=rita) for _each in range(2))
    assert waits.job is not None
    assert runs.job is not None
    jobs.claim(runs.job.pk, "worker")
    withdraw(hers, managers)
    assert not folder.parent.exists()
    waits.job.refresh_from_db()
    runs.job.refresh_from_db()
    assert waits.job.state == "cancelled"
    assert runs.job.is_stopping


def test_a_set_that_is_written_while_she_withdraws_is_not_kept(
    frozen: Snapshot, hers: Patient, managers: list[User], rita: User
) -> None:
    Snapshot.objects.filter(pk=frozen.pk).update(folder="", content_hash="")
    job = jobs.submit(
        "modeling.snapshot", by_user=rita, site=frozen.site, about=frozen,
        parameters={"snapshot": str(frozen.pk), "height": 20, "width": 16, "campaign": None},
    )  # fmt: skip
    claimed = jobs.claim(job.pk, "worker")
    assert claimed is not None
    withdraw(hers, managers)
    folder = folder_of_attempts(frozen) / "1"
    folder.mkdir(parents=True)
    row = {"kind": "snapshot", "path": str(folder), "content_hash": "d" * 64, "counts": {}}
    with pytest.raises(UserError, match="withdrew while it was written; freeze a new one"):
        ingest(claimed, [row])
    assert not folder.exists()


def test_a_folder_that_cannot_be_removed_is_told_and_nothing_is_called_done(
    frozen: Snapshot, hers: Patient, managers: list[User]
) -> None:
    folder = folder_of_attempts(frozen)
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.write_text("no folder")  # rmtree refuses a file, for root as well
    with pytest.raises(UserError, match=f"{frozen.pk}: can't be removed.*then confirm again"):
        withdraw(hers, managers)
    hers.refresh_from_db()
    assert hers.erased_at is None
    assert key_store().cipher(hers.key_id)
    folder.unlink()


def test_a_run_that_waits_in_the_queue_never_begins(
    frozen: Snapshot, hers: Patient, managers: list[User], rita: User
) -> None:
    """Also when somebody asks for it again."""
    run = start_run("density", snapshot=frozen, by_user=rita)
    assert run.job is not None
    withdraw(hers, managers)
    assert jobs.claim(run.job.pk, "worker") is None
    jobs.retry(run.job, by_user=rita)
    job = jobs.claim(run.job.pk, "worker")
    assert job is not None
    with pytest.raises(WrongStateError, match=MEND):
        build_request(job)


@pytest.mark.parametrize("by_folder", [False, True])
def test_no_run_starts_from_weights_that_learned_from_her(
    frozen: Snapshot, hers: Patient, managers: list[User], rita: User, tmp_path: Path, by_folder: bool
) -> None:
    """Named as a checkpoint, or by its folder alone, and through a run between."""
    clean = Snapshot.objects.create(
        site=frozen.site, name="clean", folder=str(tmp_path), content_hash="d" * 64
    )
    given: dict[str, Any] = {"snapshot": clean, "by_user": rita}
    if by_folder:
        stage, first = "vision_language_sft", checkpoint(frozen.site, tmp_path / "w", "language", frozen)
        given |= {"language_model": tmp_path / "w"}
    else:
        stage, first = "umicon_supervised", checkpoint(frozen.site, tmp_path / "w", "density", frozen)
        between = checkpoint(frozen.site, tmp_path / "b", "umicon_unsupervised", clean)
        between.run.starts_from.add(first)
        given |= {"starts_from": [between]}
    run = start_run(stage, **given)
    assert run.job is not None
    withdraw(hers, managers)
    with pytest.raises(WrongStateError, match=LEARNED):
        start_run(stage, **given)
    with pytest.raises(WrongStateError, match=LEARNED):
        build_request(run.job)


def descendant(frozen: Snapshot, tmp_path: Path) -> Checkpoint:
    """Weights of a run on no training set of hers, started from weights of one."""
    later = checkpoint(frozen.site, tmp_path / "later", "umicon_supervised")
    later.run.starts_from.add(checkpoint(frozen.site, tmp_path / "first", "density", frozen))
    return later


def test_weights_that_learned_from_her_are_not_handed_on(
    frozen: Snapshot, hers: Patient, managers: list[User], rita: User, tmp_path: Path
) -> None:
    made = descendant(frozen, tmp_path)
    waits = exports_service.ask_export(made, by_user=rita, **ASKED)
    approved = CheckpointExport.objects.create(
        checkpoint=made, recipient="South", reason="x", asked_by=rita, is_test_needed=False,
        state="approved", decided_by=managers[0],
    )  # fmt: skip
    assert exports_service.files_to_hand_on(approved, by_user=rita)
    withdraw(hers, managers)
    with pytest.raises(WrongStateError, match=LEARNED):
        exports_service.files_to_hand_on(approved, by_user=rita)
    with pytest.raises(WrongStateError, match=LEARNED):
        exports_service.decide(waits, by_user=managers[0], approve=True)
    assert exports_service.decide(waits, by_user=managers[0], approve=False).state == "refused"
    with pytest.raises(WrongStateError, match=LEARNED):
        exports_service.ask_export(made, by_user=rita, **ASKED)


def test_a_training_set_knows_her_who_asked_without_a_study(
    campaign: Campaign, rita: User, june: User, sena: User
) -> None:
    question = scene.ask(campaign, scene.row("什么是乳腺密度？", 9, "P900", accession=""))[-1]
    scene.propose(campaign, [question])
    scene.settle(question, june)
    pick(question, by_user=sena, correction=Correction.objects.candidates(question)[0].pk)
    assert question.patient is not None
    assert not question.patient.studies.exists()
    everyone = create_split("everyone", site=campaign.site, by_user=rita, purpose="training")
    snapshot = create_snapshot(
        "words", site=campaign.site, split=everyone, height=20, width=16, by_user=rita, campaign=campaign
    )
    assert snapshot.patients.filter(pk=question.patient_id).exists()
