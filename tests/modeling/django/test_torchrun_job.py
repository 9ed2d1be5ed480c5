"""A training job of two GPUs is one run of two processes under torchrun; without GPUs they speak over gloo."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from mammo.accounts.models import Site, User
from mammo.jobs import child, runner
from mammo.jobs.models import Job
from modeling.data.phantom_texts import dialogues
from modeling.models import Checkpoint, Metric
from modeling.services import start_run

EPOCHS = 1
SMALL = {
    "hidden_size": 32, "layers": 2, "intermediate_size": 64, "vocabulary": 400, "epochs": EPOCHS,
    "decay_after_epoch": None,
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(Path("/dev/nvidia0").exists(), reason="with GPUs the same job would need two free ones")
def test_a_job_of_two_gpus_trains_on_two_ranks_through_the_runner(
    site: Site, rita: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The machine says it has two; torch in the children finds none and trains on the processor.
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in dialogues(1, 60)), "utf-8")
    started = []
    real = child.command_line

    def watched(*arguments: Any) -> list[str]:
        started.append(real(*arguments))
        return started[-1]

    monkeypatch.setattr(child, "command_line", watched)
    run = start_run("language", corpus=corpus, site=site, by_user=rita, config=SMALL, seed=3, gpus=2)
    assert run.job is not None
    job = runner.run_here(Job.objects.get(pk=run.job.pk))
    assert job.state == "succeeded", job.error
    (command,) = started
    assert command[1:5] == ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    (made,) = Checkpoint.objects.filter(run=run)
    (weights,) = Path(made.folder).glob("*.safetensors")
    assert made.sha256 == hashlib.sha256(weights.read_bytes()).hexdigest()
    steps = list(Metric.objects.filter(run=run, name="loss").values_list("step", flat=True))
    assert steps
    assert len(steps) == len(set(steps)), "both ranks wrote the curve"
