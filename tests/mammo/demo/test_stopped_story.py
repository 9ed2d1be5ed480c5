"""A story that was stopped at its worst moments goes on when it is told again."""

from typing import Any

import pytest

from annotation.models import Campaign, Question, TrainingExport
from evaluation.models import Arm, Protocol, Trial, TrialQuestion
from evaluation.services import arms
from mammo.core.errors import UserError
from mammo.demo.story import annotating, data, training, trials
from mammo.demo.story.context import Story
from mammo.jobs import services as jobs
from mammo.jobs.models import Job
from modeling.models import Checkpoint, Run, Snapshot
from tests.mammo.demo import small_story

pytestmark = pytest.mark.django_db


class Stopped(BaseException):
    """As a kill: nothing catches it."""


def stop_at(monkeypatch: pytest.MonkeyPatch, place: Any, name: str, *, call: int = 1) -> None:
    """Stop before the given call of a function, once."""
    real, calls = getattr(place, name), 0

    def stops(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call:
            raise Stopped
        return real(*args, **kwargs)

    monkeypatch.setattr(place, name, stops)


@pytest.mark.parametrize("place", ["open_campaign", "add_member"])
def test_a_campaign_is_whole_or_not_there(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    story = small_story.begun()
    stop_at(monkeypatch, data, place)
    with pytest.raises(Stopped):
        data.bring_questions(story)
    data.bring_questions(story)
    campaign = Campaign.objects.get(name=data.CAMPAIGN)
    assert campaign.state == Campaign.State.OPEN
    assert campaign.members.count() == 6


def test_an_export_that_stands_on_no_record_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    story = small_story.proposed()
    annotating.annotate(story)
    left = story.folder / "export"
    left.mkdir()
    (left / "sft_train.jsonl").write_text("{}\n")
    (story.folder / ".export.4711.part").mkdir()
    notes = annotating.export(story)
    assert (left / "lineage.jsonl").exists()
    assert not (story.folder / ".export.4711.part").exists()
    # Stopped behind the record, before the story's own notes: the export stands.
    assert annotating.export(story) == notes
    assert TrainingExport.objects.count() == 1


@pytest.mark.parametrize("how", ["cancelled", "failed"])
def test_a_snapshot_that_was_cancelled_or_failed_is_tried_again(how: str) -> None:
    story = small_story.proposed()
    annotating.annotate(story)
    annotating.export(story)
    waiting = story.wait

    def ended(job: Job) -> Job:
        if how == "cancelled":
            jobs.cancel(job, by_user=story.everybody["rita"])
        else:
            claimed = jobs.claim(job.pk, "test worker")
            assert claimed is not None
            jobs.fail(claimed, "no room on the disk")
        return waiting(job)

    story.wait = ended  # type: ignore[method-assign]
    with pytest.raises(UserError, match=how):
        training.freeze_snapshot(story)
    story.wait = waiting  # type: ignore[method-assign]
    assert len(training.freeze_snapshot(story)["snapshot"]) == 64
    assert Snapshot.objects.count() == 1


class NoWorkerError(Exception):
    """What the trials' systems would answer is no part of these tests."""


def trained(story: Story) -> None:
    """Rows of the checkpoints that answer in a trial; their weights are read by nobody here."""
    for stage in trials.SYSTEMS.values():
        run = Run.objects.create(site=story.everybody.site, stage=stage, name=stage, is_simulated=True)
        Checkpoint.objects.create(run=run, folder=str(story.folder / stage), sha256=stage.ljust(64, "0"))


@pytest.mark.parametrize(
    ("place", "name", "call"),
    [
        (arms, "add_human_arm", 2),
        (arms, "add_system_arm", 2),
        (trials.trials, "create_trial", 1),
        (trials.drafts, "change_trial", 1),
    ],
)
def test_a_trial_that_was_stopped_between_two_parts_has_them_all(
    monkeypatch: pytest.MonkeyPatch, place: Any, name: str, call: int
) -> None:
    story = small_story.begun()
    data.bring_questions(story)
    trained(story)
    monkeypatch.setattr(
        trials, "MOST_EXTRA", 1.0
    )  # few questions here: hidden forms would be too many of them
    monkeypatch.setattr(trials, "wait_for_llava", lambda story: None)

    def away(job: Job) -> Job:
        raise NoWorkerError

    story.wait = away  # type: ignore[method-assign]
    stop_at(monkeypatch, place, name, call=call)
    with pytest.raises(Stopped):
        trials.complete_trial(story)
    with pytest.raises(NoWorkerError):
        trials.complete_trial(story)
    trial = Trial.objects.get(name=trials.TRIAL)
    assert list(Arm.objects.filter(trial=trial).order_by("name").values_list("name", flat=True)) == sorted(
        [*trials.SYSTEMS, "Junior doctor", "Senior doctor"]
    )
    assert (trial.repeats, trial.controls) == (1, 1)
    assert (
        TrialQuestion.objects.filter(trial=trial).count()
        == Question.objects.filter(campaign__name=data.TRIAL_CAMPAIGN).count()
    )
    assert Protocol.objects.count() == 1
