"""Which training sets can be asked for: each way of asking refuses what does not go together in its own words."""

import json
import os
import re
import subprocess
import sys
import uuid
from dataclasses import replace
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import translation

from annotation.exporting import child
from annotation.models import Campaign, Correction, Question, TrainingExport
from annotation.services import export
from annotation.services.corrections import submit_corrections
from annotation.services.picks import pick
from annotation.services.remarks import flag
from annotation.services.splits import create_split
from mammo.accounts.models import User
from mammo.archive.models import Patient
from mammo.core.errors import UserError
from mammo.core.jsonlines import read_jsonlines
from mammo.jobs import services as jobs
from mammo.jobs.models import Job
from tests.annotation import scene


@pytest.fixture
def done(campaign: Campaign, june: User, sena: User) -> Campaign:
    """The campaign with one question picked."""
    (question,) = scene.ask(campaign, scene.row())
    scene.propose(campaign, [question])
    scene.settle(question, june)
    chosen = Correction.objects.candidates(question).get(proposal__index=0)
    pick(question, by_user=sena, correction=chosen.pk)
    return campaign


def offered(client: Client, campaign: Campaign) -> list[str]:
    """Values of the page's choice."""
    page = client.get(reverse("annotation:campaign", args=[campaign.pk])).content.decode()
    (choice,) = re.findall(r'<select[^>]* name="format">(.*?)</select>', page, re.DOTALL)
    assert 'name="images"' not in page
    return re.findall(r'value="([^"]+)"', choice)


def test_the_page_offers_only_what_can_be_written(done: Campaign, rita: User) -> None:
    client = Client()
    client.force_login(rita)
    values = offered(client, done)
    assert values == [
        "llamafactory,reference", "llamafactory,none", "trl,reference", "trl,none", "swift,reference", "swift,none",
        "parquet,reference", "parquet,packed", "parquet,none",
    ]  # fmt: skip
    for value in values:
        sent = {"idempotency_key": str(uuid.uuid4()), "format": value}
        assert client.post(reverse("annotation:campaign-export", args=[done.pk]), sent).status_code == 302
    asked = [
        (job.parameters["format"], job.parameters["images"])
        for job in Job.objects.filter(kind=export.JOB_KIND)
    ]
    assert sorted(",".join(one) for one in asked) == sorted(values)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
@pytest.mark.parametrize(
    ("format_name", "images"), [("llamafactory", "packed"), ("word", "reference"), ("trl", "x")]
)
def test_a_forged_choice_is_refused_without_words_of_the_command_line(
    done: Campaign, rita: User, format_name: str, images: str, language: str
) -> None:
    with translation.override(language), pytest.raises(UserError) as refused:
        export.queue_export(done, by_user=rita, format=format_name, images=images)
    assert "--" not in str(refused.value)
    assert bool(re.search("[\u4e00-\u9fff]", str(refused.value))) == (language == "zh-hans")


def test_the_command_names_its_options(done: Campaign, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"--images packed.*--format parquet"):
        call_command(
            "export_training", done.name, str(tmp_path / "out"), "--format", "trl", "--images", "packed"
        )
    assert not (tmp_path / "out").exists()


def test_a_set_follows_the_split_that_models_were_trained_on(done: Campaign, rita: User, jack: User) -> None:
    whole = create_split("models", site=done.site, by_user=rita, purpose="sft", seed=4)
    client = Client()
    client.force_login(rita)
    page = client.get(reverse("annotation:campaign", args=[done.pk])).content.decode()
    assert "<option>models</option>" in page
    sent = {"idempotency_key": str(uuid.uuid4()), "format": "trl,reference", "split": "models"}
    assert client.post(reverse("annotation:campaign-export", args=[done.pk]), sent).status_code == 302
    job = Job.objects.get(kind=export.JOB_KIND)
    assert job.parameters["split"] == str(whole.pk)
    assert job.said_title == "Training set of Spring, trl"
    request = export.build_request(job)
    sides = dict(whole.members.values_list("patient__pseudonym", "side"))
    assert {record["split"] for record in request["records"]} <= set(sides.values())
    # A patient without a side there is not given one behind the split's back.
    lonely = create_split(
        "empty of her", site=done.site, by_user=rita, purpose="sft", seed=4, patients=[_another(done)]
    )
    job = export.queue_export(done, by_user=rita, format="trl", split="empty of her")
    with pytest.raises(UserError):
        export.build_request(job)
    assert lonely.members.count() == 1
    with pytest.raises(UserError, match="split “absent”: unknown here; known: empty of her, models"):
        export.queue_export(done, by_user=rita, format="trl", split="absent")


def _another(campaign: Campaign) -> Patient:
    return scene.patient_with_study(campaign.site, "P900", "A900").patient


def test_an_answer_that_reads_as_the_picked_one_makes_no_pair(
    campaign: Campaign, june: User, sena: User, rita: User, tmp_path: Path
) -> None:
    (question,) = scene.ask(campaign, scene.row())
    scene.propose(campaign, [question])
    items = scene.items_for(question)
    # The second says after correction what the first says; the third stays another text.
    items[1] = replace(items[1], text=items[0].text)
    submit_corrections(question, by_user=june, items=items)
    chosen = Correction.objects.candidates(question).get(proposal__index=0)
    pick(question, by_user=sena, correction=chosen.pk)
    made = export.export_training(campaign, tmp_path / "out", format="trl", by_user=rita, preferences=True)
    assert (made.counts["samples"], made.counts["pairs"]) == (1, 1)
    (file,) = (tmp_path / "out").glob("dpo_*.jsonl")
    (pair,) = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    assert pair["chosen"][0]["content"][0]["text"] == items[0].text
    assert pair["rejected"][0]["content"][0]["text"] == scene.ANSWERS[2]


def test_where_every_answer_reads_the_same_there_is_no_pair_and_no_file_of_pairs(
    campaign: Campaign, june: User, sena: User, rita: User, tmp_path: Path
) -> None:
    (question,) = scene.ask(campaign, scene.row())
    scene.propose(campaign, [question])
    one, two, three = scene.items_for(question)
    same = [
        one,
        replace(two, text=one.text),
        replace(three, text=one.text, no_change=False),
    ]
    submit_corrections(question, by_user=june, items=same)
    pick(question, by_user=sena, correction=Correction.objects.candidates(question)[0].pk)
    made = export.export_training(campaign, tmp_path / "out", format="swift", by_user=rita, preferences=True)
    assert (made.counts["samples"], made.counts["pairs"]) == (1, 0)
    assert not list((tmp_path / "out").glob("dpo_*"))


def test_a_set_is_kept_only_for_the_picks_whose_texts_are_in_its_files(
    campaign: Campaign, june: User, sena: User, rita: User, tmp_path: Path
) -> None:
    first, second = scene.ask(campaign, scene.row(), scene.row("要复查吗？", 3))
    scene.propose(campaign, [first, second])
    for question in (first, second):
        scene.settle(question, june)
    pick(first, by_user=sena, correction=Correction.objects.candidates(first)[0].pk)
    job = jobs.claim(export.queue_export(campaign, by_user=rita, format="trl").pk, "test worker")
    assert job is not None
    request, answer = tmp_path / "request.json", tmp_path / "answer.jsonl"
    request.write_text(json.dumps(export.build_request(job)), encoding="utf-8")
    assert child.main([str(request), str(answer)]) == 0
    (row,) = read_jsonlines(answer)
    assert Path(row["folder"]).is_dir()
    # As many answers as before, but another one.
    flag(first, by_user=june, kind="consent")
    pick(second, by_user=sena, correction=Correction.objects.candidates(second)[0].pk)
    with pytest.raises(UserError, match="taken out, while the set was written"):
        jobs.finish(job, [row])
    assert not TrainingExport.objects.exists()
    assert not Path(row["folder"]).exists()


def test_the_lineage_of_each_pair_names_whose_answer_was_rejected(
    campaign: Campaign, june: User, sena: User, rita: User, tmp_path: Path
) -> None:
    first, second = scene.ask(campaign, scene.row(), scene.row("要复查吗？", 3))
    scene.propose(campaign, [first, second])
    # Of the one question an answer reads as the picked one; of the other two rejected ones read the same.
    for question, alike in ((first, 0), (second, 2)):
        items = scene.items_for(question)
        items[1] = replace(items[1], text=items[alike].text)
        submit_corrections(question, by_user=june, items=items)
        chosen = Correction.objects.candidates(question).get(proposal__index=0)
        pick(question, by_user=sena, correction=chosen.pk)
    made = export.export_training(campaign, tmp_path / "out", format="trl", by_user=rita, preferences=True)
    assert made.counts["pairs"] == 2
    rows = [json.loads(line) for line in (tmp_path / "out" / "lineage.jsonl").read_text("utf-8").splitlines()]
    assert [row["rejected"] for row in rows] == [
        [_rejected(first, 2)],
        [{**_rejected(second, 1), "same_text": [_rejected(second, 2)["correction"]]}],
    ]


def _rejected(question: Question, index: int) -> dict[str, object]:
    """How the lineage names the correction of the proposal with this index."""
    row = Correction.objects.candidates(question).get(proposal__index=index)
    who = {"correction": str(row.pk), "proposal": str(row.proposal_id), "corrected_by": str(row.by_user_id)}
    return {**who, "same_text": []}


def test_a_set_without_pairs_tells_of_none(done: Campaign, rita: User, tmp_path: Path) -> None:
    alone = export.export_training(done, tmp_path / "alone", format="trl", by_user=rita)
    both = export.export_training(done, tmp_path / "both", format="trl", by_user=rita, preferences=True)
    assert (alone.counts["pairs"], both.counts["pairs"]) == (0, 2)
    manifest = json.loads((tmp_path / "alone" / "manifest.json").read_text("utf-8"))
    assert manifest["counts"]["pairs"] == 0
    assert "Pairs" not in (tmp_path / "alone" / "README.md").read_text("utf-8")
    assert "- Pairs: 2\n" in (tmp_path / "both" / "README.md").read_text("utf-8")


def test_what_a_killed_export_left_beside_its_folder_goes_with_the_next_one(
    done: Campaign, tmp_path: Path
) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    living = subprocess.Popen(["sleep", "600"])
    names = [f".out[1].{number}.part" for number in (ended.pid, os.getpid(), living.pid)]
    others = [f".out1.{ended.pid}.part", f".other.{ended.pid}.part", ".out[1].mine.part"]
    try:
        for name in (*names, *others):
            (tmp_path / name).mkdir()
            (tmp_path / name / "train.jsonl").write_text("我的乳腺密度是多少？", encoding="utf-8")
        call_command("export_training", done.name, tmp_path / "out[1]", format="trl", images="none")
    finally:
        living.kill()
        living.wait()
    left = {path.name for path in tmp_path.glob(".*.part")}
    assert left == {names[2], *others}, "only what ended processes left of this folder"
    assert (tmp_path / "out[1]" / "manifest.json").exists()
