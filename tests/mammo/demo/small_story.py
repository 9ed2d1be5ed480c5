"""A story of a few patients, told in the test's own process: its steps are the demo's, its pictures are tiny."""

import csv
import json
import random
from typing import Any

from annotation.models import Question
from mammo.demo.people import ensure_people
from mammo.demo.progress import Progress
from mammo.demo.questions import draw_study_questions
from mammo.demo.story import data
from mammo.demo.story.context import Story
from mammo.jobs import runner
from mammo.jobs.models import Job, JobState
from tests.annotation import scene

PATIENTS = 12
QUESTIONS_PER_STUDY = 3


class SmallStory(Story):
    """Whoever waits for a job runs it: no worker is needed."""

    def wait(self, job: Job) -> Job:
        job.refresh_from_db()
        if job.state == JobState.QUEUED:
            runner.run_here(job)
        return super().wait(job)


def begun(progress: Progress | None = None) -> SmallStory:
    """People, patients with a study each, their questions' table and truth: what the first steps would have left."""
    story = SmallStory(
        seed=1, studies=PATIENTS, patients=PATIENTS, quick=True, say=lambda line: None,
        progress=progress or Progress(), people=ensure_people(),
    )  # fmt: skip
    story.hospital.mkdir(parents=True)
    truth, rows = [], []
    for number in range(PATIENTS):
        keys = {"patient": f"P{number:03}", "accession": f"A{number:03}"}
        density = "ABCD"[number % 4]
        scene.patient_with_study(story.everybody.site, *keys.values(), density=density)
        truth.append({**keys, "density": density, "category": "2", "finding": None})
        rows += [
            {
                **keys,
                "language": "en",
                "turns": json.dumps(list(asked.turns)),
                "source": "ward",
                "consent": "IC-1",
            }
            for asked in draw_study_questions(random.Random(number), "en", QUESTIONS_PER_STUDY)
        ]
    (story.hospital / "truth.json").write_text(json.dumps({"studies": truth}))
    with (story.hospital / "questions.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return story


def proposed(progress: Progress | None = None) -> SmallStory:
    """The same story with its questions and three proposals to each."""
    story = begun(progress)
    data.bring_questions(story)
    questions = questions_of(story)
    scene.propose(questions[0].campaign, questions)
    return story


def questions_of(story: Story) -> list[Question]:
    """The annotation campaign's questions, in order."""
    return data.campaign_questions(story, data.CAMPAIGN)


class Meanwhile(Progress):
    """Notes of a story during which a visitor does something: at the first word of progress."""

    act: Any = None

    def save(self) -> None:
        """Do it once."""
        act, self.__class__.act = self.__class__.act, None
        if act is not None:
            act()
