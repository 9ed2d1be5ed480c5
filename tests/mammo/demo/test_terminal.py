"""What the demo's terminal says of jobs, of what a person has to decide, and of what ended it."""

import errno
from pathlib import Path
from typing import Any

import pytest

from mammo.core.command import said_of
from mammo.core.errors import EndedEarlyError
from mammo.demo.progress import Progress
from mammo.demo.story import context
from mammo.demo.story.context import Story, how_far
from mammo.demo.story.run import run_steps
from mammo.jobs.models import Job


@pytest.mark.parametrize(
    ("progress", "said"),
    [
        ({}, "running"),
        (None, "running"),
        ({"done": 0, "total": 0}, "running"),
        ({"message": "epoch 1"}, "epoch 1"),
        ({"done": 3, "total": 12, "message": "epoch 1"}, "epoch 1 3/12"),
        ({"total": 12}, "running 0/12"),
        ({"done": 7}, "running 7"),
    ],
)
def test_a_count_is_said_only_where_there_is_one(progress: Any, said: str) -> None:
    assert how_far(Job(kind="modeling.density", state="running", progress=progress)) == said


@pytest.mark.django_db
def test_the_line_of_a_job_that_has_told_nothing_ends_in_its_state(monkeypatch: pytest.MonkeyPatch) -> None:
    job = Job.objects.create(kind="modeling.density", title="Training: density")
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        Job.objects.filter(pk=job.pk).update(state="succeeded", finished_at=job.created_at)

    story = Story(seed=1, studies=30, patients=30, quick=True, say=say, progress=Progress())
    monkeypatch.setattr(context, "SAY_EVERY_SECONDS", -1.0)
    story.wait(job)
    assert said == ["    Training: density: queued"]


def story_of(say: Any = lambda line: None) -> Story:
    return Story(seed=1, studies=30, patients=30, quick=True, say=say, progress=Progress())


def ending(error: BaseException) -> Any:
    def step(story: Story) -> dict[str, Any]:
        raise error

    return step


def test_a_full_disk_is_told_by_the_file_that_met_it_though_the_state_can_not_be_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    full = OSError(errno.ENOSPC, "No space left on device", "/somewhere/reports.csv")
    story = story_of()
    story.progress.seconds = {"people": 1.0}
    saved = iter([None])

    def save(self: Progress) -> None:
        if next(saved, full) is full:
            raise OSError(errno.ENOSPC, "No space left on device", "/somewhere/progress.json")

    monkeypatch.setattr(Progress, "save", save)
    with pytest.raises(EndedEarlyError) as caught:
        run_steps(story, {"hospital": ending(full)})
    assert said_of(caught.value) == (
        "/somewhere/reports.csv: disk full; free space and run again (1 of 17 steps are done and stay)"
    )


def test_an_interruption_says_how_to_go_on(settings: Any, tmp_path: Path) -> None:
    settings.MAMMO_HOME = tmp_path
    story = story_of()
    with pytest.raises(KeyboardInterrupt):
        run_steps(story, {"hospital": ending(KeyboardInterrupt())})
    assert story.progress.failed == "stopped from the terminal; `make demo` goes on with it"
