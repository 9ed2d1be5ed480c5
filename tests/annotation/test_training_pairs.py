"""What a training set says of rejected answers, seniors who disagree, pictures and marks."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from annotation.exporting import writing
from annotation.models import Campaign, Correction, Pick, Question, TrainingExport
from annotation.services import export as exporting
from annotation.services.adjudication import adjudicate
from annotation.services.export import campaign_split, export_training
from annotation.services.picks import pick
from annotation.services.proposals import queue_proposals
from annotation.services.training_samples import TrainingSample, training_samples
from annotation.services.withdrawals import withdraw
from annotation.statistics import pick_rates, quality
from annotation.statistics.timeline import timeline
from mammo.accounts.models import User
from mammo.archive.models import Image
from mammo.archive.pseudonyms import installation
from mammo.jobs import services as jobs
from tests.annotation import scene


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def samples_of(campaign: Campaign) -> list[TrainingSample]:
    return training_samples(campaign, campaign_split(campaign, by_user=None))


@pytest.fixture
def split_vote(rita: User, june: User, sena: User, sol: User) -> Question:
    """Sena and Sol picked different answers, and nobody decides between them."""
    campaign = scene.open_campaign_of(rita, [june], [sena, sol], senior_overlap=2, rank_all=True)
    (question,) = scene.proposed(campaign, 1)
    scene.settle(question, june)
    first, second, third = Correction.objects.candidates(question).order_by("proposal__index")
    pick(question, by_user=sena, correction=first.pk, ranking=[first.pk, third.pk, second.pk])
    pick(question, by_user=sol, correction=second.pk, ranking=[second.pk, first.pk, third.pk])
    question.refresh_from_db()
    return question


def test_what_another_senior_chose_is_rejected_in_no_pair(
    split_vote: Question, rita: User, tmp_path: Path
) -> None:
    first, second, third = Correction.objects.candidates(split_vote).order_by("proposal__index")
    (sample,) = samples_of(split_vote.campaign)
    assert (sample.answer, sample.rejected, sample.is_split) == (first.text, (third.text,), True)
    export = export_training(
        split_vote.campaign, tmp_path / "out", format="trl", by_user=rita, preferences=True
    )
    assert export.counts["pairs"] == 1
    card = (tmp_path / "out" / "README.md").read_text("utf-8")
    assert "seniors chose differently, no third deciding (the first of the most chosen counts): 1" in card
    (line,) = lines(tmp_path / "out" / "lineage.jsonl")
    assert [(row["correction"], row["ranking"]) for row in line["picks"]] == [
        (str(first.pk), [str(first.pk), str(third.pk), str(second.pk)]),
        (str(second.pk), [str(second.pk), str(first.pk), str(third.pk)]),
    ]
    assert line["ranking"] == line["picks"][0]["ranking"]


def test_the_ranking_stands_in_the_history(split_vote: Question) -> None:
    told = [event.details for event in timeline(split_vote) if event.kind == "picked"]
    assert told == [
        ("ranked, best first, by their proposals: 1 > 3 > 2",),
        ("ranked, best first, by their proposals: 2 > 1 > 3",),
    ]


def test_an_adjudicator_decides_against_what_the_other_chose(disputed: Question, ada: User) -> None:
    mine, other = Pick.objects.filter(question=disputed).order_by("created_at")
    adjudicate(disputed, by_user=ada, chosen=mine.pk, reason="更安全")
    (sample,) = samples_of(disputed.campaign)
    assert other.correction is not None
    assert other.correction.text in sample.rejected
    assert not sample.is_split
    assert len(sample.picks) == 3


def test_an_adjudication_is_one_more_pick_in_no_figure(disputed: Question, ada: User) -> None:
    _mine, other = Pick.objects.filter(question=disputed).order_by("created_at")
    adjudicate(disputed, by_user=ada, chosen=other.pk, reason="更安全", active_seconds=40.0)
    campaign = disputed.campaign
    assert sum(rate.picked for rate in pick_rates.by_index(campaign)) == 2
    assert quality.time_per_task(campaign) == {"adjudicate": (1, 40.0)}


def test_a_system_wins_a_question_by_the_pick_that_decides(
    rita: User, june: User, sena: User, sol: User
) -> None:
    campaign = scene.open_campaign_of(rita, [june], [sena, sol], senior_overlap=2)
    (question,) = scene.ask(campaign, scene.plain_row("要复查吗？"))
    job = queue_proposals(campaign, by_user=None)
    assert job is not None
    claimed = jobs.claim(job.pk, "test worker")
    assert claimed is not None
    # Each proposal by a checkpoint of its own.
    jobs.finish(claimed, [row | {"revision": str(row["index"]) * 64} for row in scene.answer_rows(question)])
    question.refresh_from_db()
    scene.settle(question, june)
    first, second, _third = Correction.objects.candidates(question).order_by("proposal__index")
    pick(question, by_user=sena, correction=first.pk)
    pick(question, by_user=sol, correction=second.pk)
    assert [(row.system, row.picked) for row in quality.by_system(campaign)] == [
        ("tiny GLM (00000000)", 1.0),
        ("tiny GLM (11111111)", 0.0),
        ("tiny GLM (22222222)", 0.0),
    ]


def test_a_text_that_was_edited_a_little_is_not_rejected_in_its_old_wording(
    rita: User, june: User, jack: User, sena: User
) -> None:
    campaign = scene.open_campaign_of(rita, [june, jack], [sena], overlap=2)
    (question,) = scene.proposed(campaign, 1)
    for junior in (june, jack):
        scene.settle(question, junior)  # both juniors write the same texts
    chosen = Correction.objects.candidates(question).filter(proposal__index=0)[0]
    pick(question, by_user=sena, correction=chosen.pk, text=f"{chosen.text}。")
    (sample,) = samples_of(campaign)
    assert sample.answer != chosen.text
    assert chosen.text not in sample.rejected
    assert len(sample.rejected) == 2


def test_a_simulated_rejected_answer_marks_a_set_of_pairs_alone(
    rita: User, june: User, jack: User, sena: User, tmp_path: Path
) -> None:
    User.objects.filter(pk=jack.pk).update(is_simulated=True)
    jack.refresh_from_db()
    campaign = scene.open_campaign_of(rita, [june, jack], [sena], overlap=2)
    (question,) = scene.proposed(campaign, 1)
    scene.settle(question, june)
    items = scene.items_for(question)
    scene.submit_corrections(
        question,
        by_user=jack,
        items=[scene.CorrectionItem(proposal=one.proposal, text=f"{one.text}（杰）") for one in items],
    )
    question.refresh_from_db()
    chosen = Correction.objects.candidates(question).filter(by_user=june)[0]
    pick(question, by_user=sena, correction=chosen.pk)
    for pairs in (False, True):
        folder = tmp_path / f"pairs-{pairs}"
        export = export_training(campaign, folder, format="trl", by_user=rita, preferences=pairs)
        assert export.is_simulated is pairs
        assert json.loads((folder / "manifest.json").read_text())["simulated"] is pairs
        assert ("Holds simulated cases" in (folder / "README.md").read_text("utf-8")) is pairs


def test_lineage_says_which_picture_is_which_breast_and_view(
    campaign: Campaign, june: User, sena: User, rita: User, tmp_path: Path
) -> None:
    (question,) = scene.ask(campaign)
    scene.propose(campaign, [question])
    scene.settle(question, june)
    pick(question, by_user=sena, correction=Correction.objects.candidates(question)[0].pk)
    Image.objects.filter(laterality="L", view="CC").delete()
    export_training(campaign, tmp_path / "out", format="trl", by_user=rita)
    (line,) = lines(tmp_path / "out" / "lineage.jsonl")
    assert [(row["laterality"], row["view"]) for row in line["images"]] == [
        ("R", "CC"),
        ("R", "MLO"),
        ("L", "MLO"),
    ]
    (file,) = (tmp_path / "out").glob("sft_*.jsonl")
    assert [row["name"] for row in line["images"]] == lines(file)[0]["images"]
    assert "a view that is missing is left out" in (tmp_path / "out" / "README.md").read_text("utf-8")
    assert line["consent_hash"] == installation().text_hash("IC-1")
    assert "IC-1" not in (tmp_path / "out" / "lineage.jsonl").read_text("utf-8")


def test_the_command_keeps_no_set_with_a_question_that_was_taken_out_meanwhile(
    rita: User, june: User, sena: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = scene.open_campaign_of(rita, [june], [sena])
    stays, leaves = scene.proposed(campaign, 2)
    for question in (stays, leaves):
        scene.settle(question, june)
        pick(question, by_user=sena, correction=Correction.objects.candidates(question)[0].pk)

    def slow(*args: Any) -> writing.WrittenSet:
        written = writing.write_training_set(*args)
        withdraw(leaves, "撤回同意", by_user=rita)
        return written

    with monkeypatch.context() as at_once:
        at_once.setattr(exporting, "write_training_set", slow)
        with pytest.raises(CommandError, match="was taken out"):
            call_command("export_training", campaign.name, str(tmp_path / "out"), format="trl")
    assert not (tmp_path / "out").exists()
    assert not TrainingExport.objects.exists()
