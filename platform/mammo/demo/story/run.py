"""Runs the steps in order, skips what is done, and writes the summary."""

import contextlib
import json
import time
from collections.abc import Callable
from typing import Any

from mammo.accounts.models import Site
from mammo.core.errors import EndedEarlyError
from mammo.core.jsonlines import write_atomically
from mammo.demo.people import ensure_people
from mammo.demo.progress import STEPS
from mammo.demo.story import annotating, data, readers, training, trials
from mammo.demo.story.aims import judged
from mammo.demo.story.context import Story
from mammo.demo.story.figures import held_out, with_intervals
from mammo.jobs.models import JobState
from modeling.models import Run

# An interruption from the keyboard has no words of its own.
STOPPED = "stopped from the terminal; `make demo` goes on with it"

Step = Callable[[Story], dict[str, Any]]

# The site can be visited once these are done.
FIRST: dict[str, Step] = {
    "hospital": data.build_hospital,
    "people": data.make_people,
    "import": data.bring_in,
}
THEN: dict[str, Step] = {
    "questions": data.bring_questions,
    "language": training.train_language,
    "propose": annotating.propose,
    "annotate": annotating.annotate,
    "export": annotating.export,
    "snapshot": training.freeze_snapshot,
    "density": training.train_density,
    "umicon_unsupervised": training.train_unsupervised,
    "umicon_collapse": training.show_collapse,
    "umicon_supervised": training.train_supervised,
    "sft": training.tune,
    "trial": trials.complete_trial,
    "open_trial": trials.open_trial,
    "reader_studies": readers.reader_studies,
}

# Trainings that begin with another step and run beside it; their own step waits for them.
BESIDE: dict[str, Callable[[Story], object]] = {
    "questions": training.begin_language,
    "density": training.begin_llava,
    "umicon_unsupervised": training.begin_collapse,
    "umicon_collapse": training.begin_supervised,
}


def run_steps(story: Story, steps: dict[str, Step]) -> None:
    """Run the steps that are not done yet.

    Raises:
        UserError and others: as the step raises them; the state says which step stopped and why.
    """
    progress = story.progress
    names = list(STEPS)
    for key, step in steps.items():
        label = f"{names.index(key) + 1:2d}/{len(names)} {STEPS[key]}"
        if key in progress.seconds:
            story.say(f"{label}: done before ({progress.seconds[key]:.0f} s)")
            if key == "people":
                story.people = ensure_people()
            continue
        story.say(f"{label} …")
        progress.running, progress.done, progress.total, progress.failed = key, 0, 0, ""
        progress.save()
        started = time.monotonic()
        try:
            if key in BESIDE:
                BESIDE[key](story)
            notes = step(story)
        except BaseException as error:
            progress.failed = str(error) or STOPPED
            with contextlib.suppress(OSError):  # on a full disk: what failed first is what is told
                progress.save()
            if isinstance(error, OSError) and not isinstance(error, EndedEarlyError):
                ended = len(progress.seconds)
                raise EndedEarlyError(error, f"{ended} of {len(STEPS)} steps are done and stay") from error
            raise
        progress.notes[key] = notes
        progress.seconds[key] = round(time.monotonic() - started, 1)
        progress.running = ""
        progress.save()
        story.say(f"      {progress.seconds[key]:.0f} s")


def summary(story: Story) -> dict[str, Any]:
    """The figures of the demo, as the stages measured them; written to MAMMO_HOME/demo/summary.json."""
    notes = story.progress.notes

    unmeasured: list[str] = []

    def metric(step: str, name: str) -> Any:
        metrics = notes[step]["metrics"]
        if name not in metrics:
            unmeasured.append(f"{name} (step {step}: too few held-out studies)")
        return metrics.get(name)

    figures = {
        "selector_macro_auc": metric("density", "test_macro_auc"),
        "umicon_auc": metric("umicon_supervised", "test_image_auc"),
        "umicon_auc_fused": metric("umicon_supervised", "test_fused_auc"),
        "umicon_auc_report": metric("umicon_supervised", "test_report_auc"),
        "collapse_default": metric("umicon_unsupervised", "collapse"),
        "collapse_none": metric("umicon_collapse", "collapse"),
        "density_right": metric("sft", "density_right"),
        "follows_swap": metric("sft", "follows_swap"),
        **with_intervals(held_out(Run.objects.get(pk=notes["umicon_supervised"]["run"]))),
        # Of the three answers to a question, those that repeat another.
        "proposals": notes["propose"]["proposals"],
        "proposals_repeated": notes["propose"]["repeated"],
        "not_measured": unmeasured,
        "details": {step: notes[step]["metrics"] for step in training_steps(notes)},
        # Of a step: how long it was waited for, which is not how long a training that began beside another took.
        "seconds": dict(story.progress.seconds),
        "seconds_of_trainings": training_seconds(Run.objects.get(pk=notes["umicon_supervised"]["run"]).site),
        "seed": story.seed,
        "studies": story.studies,
        "quick": story.quick,
        "conspicuity": story.conspicuity,
    }
    figures["aims"] = judged(figures)
    write_atomically(
        story.folder / "summary.json", json.dumps(figures, ensure_ascii=False, indent=1).encode()
    )
    return figures


def training_seconds(site: Site) -> dict[str, float]:
    """How long each training of the site's demo took from its start to its end, by stage and variant."""
    runs = (
        Run.objects.filter(site=site, job__state=JobState.SUCCEEDED)
        .select_related("job")
        .order_by("created_at")
    )
    found = {}
    for run in runs:
        job = run.job
        if job is not None and job.started_at and job.finished_at:
            name = " ".join(filter(None, (run.stage, run.variant)))
            found[name] = round((job.finished_at - job.started_at).total_seconds(), 1)
    return found


def training_steps(notes: dict[str, Any]) -> list[str]:
    """Steps whose notes hold a checkpoint's metrics."""
    return [step for step, found in notes.items() if isinstance(found, dict) and "metrics" in found]
