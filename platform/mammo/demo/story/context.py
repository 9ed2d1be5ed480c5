"""What every step of the story works with."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings

from mammo.archive.pseudonyms import installation
from mammo.core.errors import UserError
from mammo.demo.people import SITE, People
from mammo.demo.progress import Progress
from mammo.demo.questions import ImageFacts, read_truth
from mammo.jobs.models import ENDED, Job, JobState

POLL_SECONDS = 0.5
SAY_EVERY_SECONDS = 15.0


@dataclass
class Story:
    """The running demonstration.

    Attributes:
        seed: decides every draw; studies, patients: size of the hospital.
        quick: one epoch per stage: shows the path, not the figures.
        conspicuity: how well lesions show: easy or hard.
        say: prints a line for the person at the terminal.
    """

    seed: int
    studies: int
    patients: int
    quick: bool
    say: Callable[[str], None]
    progress: Progress
    conspicuity: str = "easy"
    people: People | None = None
    _facts: dict[str, ImageFacts] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """MAMMO_HOME/demo."""
        return Path(settings.MAMMO_HOME) / "demo"

    @property
    def hospital(self) -> Path:
        """Where the synthetic hospital lies."""
        return self.folder / "hospital"

    @property
    def everybody(self) -> People:
        """The people; they exist from the second step on."""
        if self.people is None:
            raise RuntimeError("the people of the demo are made by the step `people`")
        return self.people

    def facts_of(self, accession_hash: str) -> ImageFacts:
        """What the images of a study show (truth.json), found by the archive's join key."""
        if not self._facts:
            hashed = installation().accession_hash
            self._facts = {hashed(SITE, number): facts for number, facts in read_truth(self.hospital).items()}
        return self._facts[accession_hash]

    def advance(self, done: int, total: int) -> None:
        """Tell how far the running step is; seldom enough not to slow it."""
        now = time.monotonic()
        if done == total or now - getattr(self, "_told", 0.0) > 1.0:
            self._told = now
            self.progress.done, self.progress.total = done, total
            self.progress.save()
            if total and sys.stderr.isatty():
                print(f"\r    {done}/{total}   ", end="", file=sys.stderr)  # noqa: T201

    def wait(self, job: Job) -> Job:
        """Wait for a job, showing its progress.

        Raises:
            UserError: it failed or was cancelled; names the job and its error.
        """
        spoken = time.monotonic()
        while True:
            job.refresh_from_db()
            shown = job.progress or {}
            self.advance(int(shown.get("done", 0)), int(shown.get("total", 0)))
            if job.state in ENDED:
                break
            if time.monotonic() - spoken > SAY_EVERY_SECONDS:
                spoken = time.monotonic()
                self.say(f"    {job.said_title or job.kind_label}: {how_far(job)}")
            time.sleep(POLL_SECONDS)
        if job.state != JobState.SUCCEEDED:
            raise UserError(
                f"job {job.pk} ({job.kind}) {job.state}: {job.error or 'see its log on the jobs page'}"
            )
        return job


def how_far(job: Job) -> str:
    """What a job says of itself, for a line of the terminal: its message, else its state, and counts it has told."""
    shown = job.progress or {}
    done, total = shown.get("done"), shown.get("total")
    words = str(shown.get("message") or job.state)
    if total:
        return f"{words} {done or 0}/{total}"
    return f"{words} {done}" if done else words
