"""Stages run in this process on the tiny snapshot, through the same entry that the command uses."""

import json
from pathlib import Path

import pytest

from modeling.training import density, encoder_probe, umicon_supervised, umicon_unsupervised
from modeling.training.callbacks import StopRequest
from modeling.training.config import STAGES
from modeling.training.stage import run_stage

TRAIN = {
    "density": density.train,
    "encoder_probe": encoder_probe.train,
    "umicon_unsupervised": umicon_unsupervised.train,
    "umicon_supervised": umicon_supervised.train,
}
# Networks and images small enough for seconds.
SMALL = {"preset": "demo", "image_size": [48, 38], "epochs": 2, "batch_size": 8, "checkpoint_every_epochs": 1}
SMALL_UMICON = {
    **SMALL,
    "experts": {"clip": "test_vit", "dinov2": "test_vit2", "convnext": "test_convnext"},
    "hidden_size": 32,
    "text_layers": 1,
    "text_hidden_size": 32,
    "text_heads": 2,
    "text_length": 64,
}


class StopAfter(StopRequest):
    """Asks to stop once this many steps are done."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    @property
    def asked(self) -> bool:
        self.left -= 1
        return self.left <= 0


class Bench:
    """Runs stages in one folder."""

    def __init__(self, folder: Path, snapshot: Path) -> None:
        self.folder = folder
        self.snapshot = snapshot

    def run(self, stage, name, *, stop=None, init=None, resume=False, seed=3, snapshot=None, **config):
        """The exit code; the answer's rows are at `rows(name)`, the weights in `weights(name)`."""
        small = SMALL if stage in ("density", "encoder_probe") else SMALL_UMICON
        request = {
            "snapshot": str(snapshot or self.snapshot), "output": str(self.folder / name), "seed": seed,
            "config": {**small, **config}, "resume": resume,
            "init": {key: str(value) for key, value in (init or {}).items()},
        }  # fmt: skip
        path = self.folder / f"{name}.json"
        path.write_text(json.dumps(request))
        answer = self.folder / f"{name}.jsonl"
        return run_stage(
            ["stage", str(path), str(answer)], STAGES[stage], TRAIN[stage], stop=stop or StopAfter(10**9)
        )

    def rows(self, name, kind=None):
        lines = (self.folder / f"{name}.jsonl").read_text().splitlines()
        rows = [json.loads(line) for line in lines]
        return [row for row in rows if kind in (None, row["kind"])]

    def checkpoint(self, name):
        (row,) = self.rows(name, "checkpoint")
        return row

    def weights(self, name):
        return self.folder / name / "model"


@pytest.fixture(scope="module")
def bench(tmp_path_factory, tiny_folder):
    """One folder for a whole file; it holds a trained density selector under "selector"."""
    made = Bench(tmp_path_factory.mktemp("stages"), tiny_folder)
    assert made.run("density", "selector") == 0
    return made
