"""A stored picture on which a person saw text: training sets with it are destroyed, what reads them is stopped, and each
holder is named."""

import uuid
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from annotation.models import Campaign, TrainingExport
from annotation.services import export as exporting
from annotation.services.export import export_training
from mammo.accounts.models import AuditEvent, Site, User
from mammo.archive import backups
from mammo.archive.models import Image, PictureSample, SampledPicture, Study
from mammo.archive.picture_checks import judge_picture
from mammo.core.errors import UserError, WrongStateError
from mammo.jobs import services as jobs
from mammo.jobs.chores import do_chores
from mammo.jobs.models import Job
from modeling.models import Run, Snapshot
from modeling.services import create_snapshot, start_run
from modeling.services import exports as exports_service
from modeling.services.snapshots import folder_of_attempts, ingest
from tests.modeling.django.test_checkpoint_exports import ASKED, checkpoint


@pytest.fixture
def image(campaign: Campaign) -> Image:
    """The right CC view of a woman whose question was picked."""
    study = campaign.questions.order_by("position")[0].study
    assert study is not None
    study.images.update(original="")  # as where originals are discarded
    return study.images.get(laterality="R", view="CC")


@pytest.fixture
def learned(frozen: Snapshot, image: Image) -> Snapshot:
    """A frozen training set with the picture in it, in this installation's own folders."""
    folder = folder_of_attempts(frozen) / "1"
    folder.mkdir(parents=True)
    (folder / "images.npy").write_bytes(b"a name in the corner")
    frozen.patients.add(image.study.patient)
    frozen.folder = str(folder)
    frozen.save()
    return frozen


def sampled(image: Image, dana: User) -> SampledPicture:
    site = image.study.site
    sample = PictureSample.objects.create(site=site, by_user=dana, population=1, seed=1)
    return SampledPicture.objects.create(sample=sample, image_key=image.pk, position=1)


def see_text(image: Image, dana: User) -> SampledPicture:
    picture = sampled(image, dana)
    judge_picture(picture, "text", by_user=dana)
    picture.refresh_from_db()
    return picture


def exported_here(campaign: Campaign, rita: User, name: str) -> TrainingExport:
    folder = Path(settings.MAMMO_HOME) / "exports" / f"{name}-{uuid.uuid4()}"
    return export_training(campaign, folder, format="parquet", images="packed", by_user=rita)


def test_training_sets_with_it_are_destroyed_and_every_holder_is_named(
    campaign: Campaign,
    learned: Snapshot,
    image: Image,
    rita: User,
    dana: User,
    client: Client,
    tmp_path: Path,
) -> None:
    inside = exported_here(campaign, rita, "packed")
    carried = export_training(campaign, tmp_path / "carried", format="trl", by_user=rita)
    weights = checkpoint(campaign.site, tmp_path / "weights", "density", learned)
    backups.record_backup("all", taken_at=timezone.now(), where="tape 7", by_user=dana)
    waits, runs = (start_run("density", snapshot=learned, by_user=rita) for _each in range(2))
    assert waits.job is not None
    assert runs.job is not None
    jobs.claim(runs.job.pk, "worker")
    picture = sampled(image, dana)
    client.force_login(dana)
    sent = {"picture": 1, "verdict": "text", "idempotency_key": str(uuid.uuid4())}
    assert (
        client.post(reverse("archive:picture-check-judge", args=[picture.sample_id]), sent).status_code == 302
    )

    assert not Path(inside.folder).exists()
    assert not folder_of_attempts(learned).exists()
    assert (Path(carried.folder) / "images" / f"{image.pk}.png").exists(), (
        "what was carried away is for people"
    )
    waits.job.refresh_from_db()
    runs.job.refresh_from_db()
    assert (waits.job.state, runs.job.is_stopping) == ("cancelled", True)

    picture.refresh_from_db()
    assert picture.study == image.study
    held = {(each["kind"], each["id"]): each.get("destroyed", "") for each in picture.held_in}
    (backup,) = backups.standing_backups()
    assert held == {
        ("export", str(inside.pk)): "yes",
        ("export", str(carried.pk)): "",
        ("snapshot", str(learned.pk)): "yes",
        ("checkpoint", str(weights.pk)): "",
        ("backup", str(backup.pk)): "",
    }
    event = AuditEvent.objects.get(action="archive.image_quarantined")
    assert event.details["still_held_in"] == picture.held_in
    page = client.get(reverse("archive:picture-check", args=[picture.sample_id])).content.decode()
    for shown in ("Exported training set", carried.folder, weights.folder, "tape 7", "Files destroyed"):
        assert shown in page
    client.force_login(rita)
    page = client.get(reverse("modeling:snapshot", args=[learned.pk])).content.decode()
    assert "a picture in this set shows burned-in text" in page


def test_nothing_is_trained_on_it_and_no_weights_that_learned_from_it_are_handed_on(
    learned: Snapshot, image: Image, site: Site, rita: User, dana: User, tmp_path: Path
) -> None:
    clean = Snapshot.objects.create(site=site, name="clean", folder=str(tmp_path), content_hash="d" * 64)
    weights = checkpoint(site, tmp_path / "weights", "density", learned)
    see_text(image, dana)
    with pytest.raises(WrongStateError, match="snapshot frozen: a picture in it shows burned-in text"):
        start_run("density", snapshot=learned, by_user=rita)
    said = "learned from snapshot frozen, of which a picture shows burned-in text"
    with pytest.raises(WrongStateError, match=said):
        start_run("umicon_supervised", snapshot=clean, starts_from=[weights], by_user=rita)
    with pytest.raises(WrongStateError, match=said):
        exports_service.ask_export(weights, by_user=rita, **ASKED)
    assert list(Run.objects.all()) == [weights.run]


@pytest.mark.parametrize("why", ["a close-up", "a newer view", "it came later", "another patient"])
def test_sets_without_it_stay(
    campaign: Campaign, learned: Snapshot, image: Image, rita: User, dana: User, why: str
) -> None:
    learned.job = jobs.submit("modeling.snapshot", by_user=rita, site=learned.site, parameters={})
    learned.save()
    Job.objects.filter(pk=learned.job.pk).update(state="cancelled", finished_at=timezone.now())
    export = exported_here(campaign, rita, "stays")
    TrainingExport.objects.filter(pk=export.pk).update(job=learned.job)
    match why:
        case "a close-up":
            image.is_extra = True
            image.save()
        case "a newer view":
            newer = Image.objects.get(pk=image.pk)
            newer.pk, newer.acquired_order, newer.sop_uid_hash, newer.sha256 = uuid.uuid4(), 9, "n", "n"
            newer.save(force_insert=True)
            Image.objects.filter(pk=newer.pk).update(created_at=image.created_at)
        case "it came later":
            Image.objects.filter(pk=image.pk).update(created_at=timezone.now() + timedelta(seconds=1))
        case "another patient":
            other = Study.objects.exclude(pk=image.study_id).filter(questions__isnull=True)[0]
            other.images.update(original="")
            image = other.images.get(laterality="R", view="CC")
    picture = see_text(image, dana)
    assert picture.held_in == []
    assert Path(export.folder).is_dir()
    assert Path(learned.folder).is_dir()
    learned.refresh_from_db()
    assert learned.text_seen_at is None


def test_a_training_set_that_is_written_meanwhile_is_stopped_and_not_kept(
    campaign: Campaign, split: object, image: Image, site: Site, rita: User, dana: User
) -> None:
    waits = create_snapshot("waits", site=site, split=split, height=20, width=16, by_user=rita)
    begun = create_snapshot("begun", site=site, split=split, height=20, width=16, by_user=rita)
    assert waits.job is not None
    assert begun.job is not None
    claimed = jobs.claim(begun.job.pk, "worker")
    assert claimed is not None
    see_text(image, dana)
    claimed.refresh_from_db()
    waits.job.refresh_from_db()
    assert (claimed.is_stopping, waits.job.state) == (True, "queued")

    folder = folder_of_attempts(begun) / "1"
    folder.mkdir(parents=True)
    row = {"kind": "snapshot", "path": str(folder), "content_hash": "d" * 64, "counts": {}}
    with pytest.raises(UserError, match="was taken out while it was written; freeze it again"):
        ingest(claimed, [row])
    assert not folder.exists()


def test_an_export_that_is_written_meanwhile_is_stopped_and_not_kept(
    campaign: Campaign, image: Image, rita: User, dana: User
) -> None:
    job = exporting.queue_export(campaign, by_user=rita, format="trl")
    claimed = jobs.claim(job.pk, "worker")
    assert claimed is not None
    request = exporting.build_request(claimed)
    written = exporting.write_training_set(request, Path(request["folder"]))
    see_text(image, dana)
    claimed.refresh_from_db()
    assert claimed.is_stopping
    picked = [[line["id"], line["pick"]] for line in request["lineage"]]
    row = {"content_hash": written.content_hash, "export_id": written.export_id, "counts": written.counts}
    row["picked"] = picked
    with pytest.raises(UserError, match="taken out of its study while the set was written"):
        exporting.ingest(claimed, [{**row, "folder": request["folder"]}])
    assert not Path(request["folder"]).exists()
    assert not TrainingExport.objects.exists()


def test_what_a_stopped_export_wrote_is_removed_and_nothing_else(
    campaign: Campaign, rita: User, dana: User
) -> None:
    stays = exported_here(campaign, rita, "trl")
    stopped, waits = (
        exporting.queue_export(campaign, by_user=rita, format=each) for each in ("trl", "swift")
    )
    root = exporting.exports_root()
    parts = [
        root / f".trl-{stopped.pk}.77.part",
        root / f"trl-{stopped.pk}",
        root / f".swift-{waits.pk}.78.part",
    ]
    for part in (*parts, root / "by-hand"):
        (part / "images").mkdir(parents=True)
    assert exporting.remove_leftovers() == 0
    jobs.cancel(stopped, by_user=rita)
    assert do_chores()["annotation.exports"] == 2
    assert [part.exists() for part in parts] == [False, False, True]
    assert (root / "by-hand").exists()
    assert Path(stays.folder).exists()


def test_a_folder_that_cannot_be_removed_is_told_and_nothing_is_written_down(
    learned: Snapshot, image: Image, dana: User
) -> None:
    learned.folder = str(Path(settings.MAMMO_HOME) / f"no-folder-{learned.pk}")
    learned.save()
    Path(learned.folder).write_text("no folder")  # rmtree refuses a file, for root as well
    picture = sampled(image, dana)
    with pytest.raises(UserError, match="can't be removed"):
        judge_picture(picture, "text", by_user=dana)
    picture.refresh_from_db()
    assert (picture.verdict, Image.objects.filter(pk=image.pk).count()) == ("", 1)
    Path(learned.folder).unlink()
