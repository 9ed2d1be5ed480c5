"""Snapshots: the request goes through the real builder, the frozen folder becomes the row."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from annotation.models import Campaign
from mammo.accounts.models import Site, User
from mammo.archive.models import Pathology, Split, Study
from mammo.core.errors import NotAllowedError, UserError, WrongStateError
from mammo.jobs import services as jobs
from modeling.data.snapshot import open_snapshot
from modeling.models import Snapshot
from modeling.services import create_snapshot, snapshot_by_name, start_run
from modeling.services.snapshots import _study_row, build_request, ingest
from tests.mammo.archive.studies import add_study

ROOT = Path(__file__).resolve().parents[3]


def built(request: dict[str, Any], folder: Path) -> list[dict[str, Any]]:
    """Run the real builder on a request and read its answer."""
    (folder / "request.json").write_text(json.dumps(request), "utf-8")
    command = [
        sys.executable,
        "-m",
        "modeling.data.build",
        str(folder / "request.json"),
        str(folder / "answer.jsonl"),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env={**os.environ}, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in (folder / "answer.jsonl").read_text("utf-8").splitlines()]


def freeze(campaign: Campaign, split: Split, rita: User, folder: Path) -> Snapshot:
    """A snapshot made by its whole way: queued, claimed, built by the child, ingested."""
    snapshot = create_snapshot(
        "spring", site=campaign.site, split=split, height=20, width=16, by_user=rita, campaign=campaign
    )
    assert snapshot.job is not None
    job = jobs.claim(snapshot.job.pk, "test worker")
    assert job is not None
    jobs.finish(job, built(build_request(job), folder))
    snapshot.refresh_from_db()
    return snapshot


def test_the_frozen_folder_holds_what_the_archive_holds(
    campaign: Campaign, split: Split, rita: User, tmp_path: Path
) -> None:
    row = freeze(campaign, split, rita, tmp_path)
    snapshot = open_snapshot(row.folder)
    assert snapshot.content_hash == row.content_hash
    assert snapshot.images.shape == (40, 20, 16)
    assert len(snapshot.studies) == 10
    assert row.patients.count() == 10
    sides = {str(pk): side for pk, side in split.members.values_list("patient", "side")}
    for study in snapshot.studies:
        stored = Study.objects.get(pk=study.study)
        assert (study.density, study.age, study.split) == (stored.density, 52, sides[study.patient])
        assert study.report == "右乳结节。"
        assert study.birads == {"left": "2", "right": "4A", "overall": "4A"}
        assert [view.laterality + view.view for view in study.views] == ["RCC", "LCC", "RMLO", "LMLO"]
        results = set(stored.pathology.values_list("result", flat=True))
        worst = "malignant" if "malignant" in results else "benign" if results else None
        assert [item.class_ for item in study.pathology] == ([worst] if worst else [])


def test_a_result_that_a_later_one_corrected_goes_into_no_training_set(site: Site) -> None:
    study = add_study(site, "corrected", views=())
    wrong = Pathology.objects.create(study=study, laterality="L", method="surgery", result="malignant")
    Pathology.objects.create(study=study, laterality="L", method="surgery", result="benign", replaces=wrong)
    assert _study_row(study, "train")["pathology"] == [{"laterality": "L", "class": "benign"}]


def test_picked_answers_go_in_with_what_they_were_picked_over(
    campaign: Campaign, split: Split, rita: User, tmp_path: Path
) -> None:
    row = freeze(campaign, split, rita, tmp_path)
    samples = open_snapshot(row.folder).sft
    assert len(samples) == 3
    assert all(len(sample.rejected) == 2 and sample.answer not in sample.rejected for sample in samples)
    assert {sample.turns for sample in samples} == {("问题0？",), ("问题1？",), ("问题2？",)}
    card = row.manifest["card"]
    assert (card["answers"], card["about_a_study"], card["views"]) == (3, 3, 40)
    row.manifest["card"] |= {
        "facts": {name: {"stated": 4, "supported": 3} for name in ("density", "birads", "side")},
        "views_in_place": 38,
    }
    row.save(update_fields=["manifest"])
    client = Client()
    client.force_login(rita)
    page = client.get(reverse("modeling:snapshot", args=[row.pk])).content.decode()
    assert "3 of 3 answers are about a study" in page
    assert page.count(">75.0<") == 4
    assert "2 views are labelled with the other side" in page


def test_a_frozen_snapshot_is_not_frozen_again(
    campaign: Campaign, split: Split, rita: User, tmp_path: Path
) -> None:
    row = freeze(campaign, split, rita, tmp_path)
    assert row.job is not None
    answer = {"kind": "snapshot", "path": row.folder, "content_hash": "d" * 64, "counts": {}}
    with pytest.raises(UserError, match="frozen already"):
        ingest(row.job, [answer])
    with pytest.raises(UserError, match="names no snapshot"):
        ingest(row.job, [])


def test_each_attempt_writes_a_folder_of_its_own(campaign: Campaign, split: Split, rita: User) -> None:
    snapshot = create_snapshot("spring", site=campaign.site, split=split, height=20, width=16, by_user=rita)
    assert snapshot.job is not None
    first = jobs.claim(snapshot.job.pk, "worker")
    assert first is not None
    one = build_request(first)["output"]
    jobs.requeue(first, "worker was killed")
    second = jobs.claim(snapshot.job.pk, "worker")
    assert second is not None
    assert build_request(second)["output"] != one


@pytest.mark.parametrize(
    ("changes", "named"), [({"height": 4}, "at least"), ({"name": "frozen"}, "exists already")]
)
def test_what_makes_no_sense_is_refused(
    campaign: Campaign, split: Split, rita: User, frozen: Snapshot, changes: dict[str, Any], named: str
) -> None:
    given = {"name": "spring", "height": 20, "width": 16, **changes}
    with pytest.raises(UserError, match=named):
        create_snapshot(site=campaign.site, split=split, by_user=rita, **given)
    assert Snapshot.objects.count() == 1


def test_only_researchers_freeze(campaign: Campaign, split: Split, june: User, otto: User) -> None:
    for person in (june, otto):
        with pytest.raises(NotAllowedError):
            create_snapshot("x", site=campaign.site, split=split, height=20, width=16, by_user=person)


def test_an_unfrozen_snapshot_trains_nothing(campaign: Campaign, split: Split, rita: User) -> None:
    snapshot = create_snapshot("spring", site=campaign.site, split=split, height=20, width=16, by_user=rita)
    with pytest.raises(WrongStateError, match="not frozen yet"):
        start_run("density", snapshot=snapshot, by_user=rita)


def test_the_command_queues_and_names_what_is_missing(
    campaign: Campaign, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command(
        "snapshot",
        "spring",
        site="north",
        split="new split",
        campaign="Spring",
        height=20,
        width=16,
        json=True,
    )
    said = json.loads(capsys.readouterr().out)
    assert said["content_hash"] is None
    assert Snapshot.objects.get().job_id is not None
    assert Split.objects.get(name="new split").members.count() == 10
    with pytest.raises(CommandError, match="no such campaign"):
        call_command("snapshot", "b", site="north", split="new split", campaign="absent")
    with pytest.raises(UserError, match="no such snapshot; known: spring"):
        snapshot_by_name("absent")
