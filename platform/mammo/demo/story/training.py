"""Steps of the story that train: the language model from scratch, then the four stages, each as a job."""

from typing import Any

from annotation.models import Campaign, TrainingExport
from mammo.archive.models import Split
from mammo.core.jsonlines import write_jsonlines
from mammo.demo.questions import corpus
from mammo.demo.story.context import Story
from mammo.demo.story.data import CAMPAIGN, SPLIT
from mammo.jobs import services as jobs
from mammo.jobs.models import JobState
from modeling.models import Checkpoint, Run, Snapshot
from modeling.services.runs import start_run
from modeling.services.snapshots import create_snapshot
from modeling.training.config_base import DEMO_IMAGE_SIZE

SNAPSHOT = "demo"
CORPUS_SIZE = 4000
QUICK_CORPUS_SIZE = 400
BROKEN_OFF = (JobState.FAILED, JobState.CANCELLED)


def begin_language(story: Story) -> Run:
    """Begin training the small GLM on text alone: fluent, and ignorant of every patient."""
    path = story.folder / "corpus.jsonl"
    if not path.exists():
        write_jsonlines(
            path, (dict(row) for row in corpus(story.seed, QUICK_CORPUS_SIZE if story.quick else CORPUS_SIZE))
        )
    return _begin(story, "language", corpus=path, site=story.everybody.site, is_simulated=True)


def train_language(story: Story) -> dict[str, Any]:
    """Wait for the small GLM."""
    return _finish(story, begin_language(story))


def freeze_snapshot(story: Story) -> dict[str, Any]:
    """Freeze images, reports, pathology and picks as one training set."""
    people = story.everybody
    snapshot = Snapshot.objects.filter(site=people.site, name=SNAPSHOT).first()
    if snapshot is None:
        snapshot = create_snapshot(
            SNAPSHOT,
            site=people.site,
            split=Split.objects.get(name=SPLIT, site=people.site),
            height=DEMO_IMAGE_SIZE[0],
            width=DEMO_IMAGE_SIZE[1],
            campaign=Campaign.objects.get(site=people.site, name=CAMPAIGN),
            export=TrainingExport.objects.filter(campaign__name=CAMPAIGN).order_by("-created_at").first(),
            by_user=people["rita"],
        )
    job = snapshot.job
    if job is not None:
        if job.state in BROKEN_OFF:  # an earlier call's: it names the set, so no other can be begun
            jobs.retry(job, by_user=people["rita"])
        story.wait(job)
    snapshot.refresh_from_db()
    return {"snapshot": snapshot.content_hash, "counts": snapshot.manifest.get("counts", {})}


def train_density(story: Story) -> dict[str, Any]:
    """The density selector."""
    return _finish(story, _begin(story, "density"))


def train_unsupervised(story: Story) -> dict[str, Any]:
    """UMiCon's first stage, other patients as negatives."""
    return _finish(story, _begin(story, "umicon_unsupervised", starts_from=["density"]))


def begin_collapse(story: Story) -> Run:
    """Begin the same stage with the literal loss, which has no negatives."""
    return _begin(
        story,
        "umicon_unsupervised",
        variant="no negatives",
        starts_from=["density"],
        config={"negatives": "none"},
    )


def show_collapse(story: Story) -> dict[str, Any]:
    """The monitor sees the literal loss collapse."""
    return _finish(story, begin_collapse(story))


def begin_supervised(story: Story) -> Run:
    """Begin UMiCon's second stage; it needs the first alone, not what shows the collapse."""
    return _begin(story, "umicon_supervised", starts_from=["umicon_unsupervised"])


def train_supervised(story: Story) -> dict[str, Any]:
    """UMiCon's second stage: benign against malignant."""
    return _finish(story, begin_supervised(story))


def tune(story: Story) -> dict[str, Any]:
    """Tune the language model on the seniors' picks, with the images' vectors."""
    return _finish(story, _begin(story, "sft", starts_from=["umicon_supervised", "language"]))


def begin_llava(story: Story) -> Run:
    """Begin the trial's third system: a LLaVA of the same language model, tuned on the same picks by the same recipe."""
    return _begin(story, LLAVA_STAGE, starts_from=["language"])


def wait_for_llava(story: Story) -> dict[str, Any]:
    """Wait for it."""
    return _finish(story, begin_llava(story))


def _begin(
    story: Story,
    stage: str,
    *,
    starts_from: list[str] | None = None,
    variant: str = "",
    config: dict[str, Any] | None = None,
    **given: Any,
) -> Run:
    """Start the run of a stage, or find the one that was started."""
    people = story.everybody
    run = Run.objects.filter(site=people.site, stage=stage, variant=variant, job__state__in=_USABLE).first()
    if run is not None:
        return run
    if "corpus" not in given:
        given["snapshot"] = Snapshot.objects.get(site=people.site, name=SNAPSHOT)
    return start_run(
        stage,
        by_user=people["rita"],
        name=f"demo {stage.replace('_', ' ')}{' ' + variant if variant else ''}",
        variant=variant,
        config={"preset": "demo", **(config or {}), **({"epochs": 1} if story.quick else {})},
        starts_from=[checkpoint_of(story, name) for name in starts_from or ()],
        seed=story.seed,
        **given,
    )


def _finish(story: Story, run: Run) -> dict[str, Any]:
    """Wait for a run, and note its checkpoint and figures."""
    if run.job is not None:
        story.wait(run.job)
    checkpoint = Checkpoint.objects.filter(run=run).order_by("-is_best", "-step").first()
    if checkpoint is None:
        raise RuntimeError(f"run {run.pk} ended without a checkpoint")
    return {"run": str(run.pk), "checkpoint": checkpoint.folder, "metrics": checkpoint.metrics}


LLAVA_STAGE = "vision_language_sft"
_USABLE = ("queued", "running", "ingesting", "succeeded")


def checkpoint_of(story: Story, stage: str) -> Checkpoint:
    """The checkpoint of a stage's default run."""
    return (
        Checkpoint.objects.filter(run__site=story.everybody.site, run__stage=stage, run__variant="")
        .order_by("-is_best", "-step", "-created_at")[:1]
        .get()
    )
