"""What the demo's terminal says of jobs."""

from typing import Any

import pytest

from mammo.demo.progress import Progress
from mammo.demo.story import context
from mammo.demo.story.context import Story, how_far
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
