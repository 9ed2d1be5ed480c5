"""Every training stage as a child that can be killed at any moment; forked from a parent that has torch already.

Used by the tests and by `benchmarks.kill_points`. A kill point is a moment in seconds, or the number of a file
event (opening, renaming or removing something under the run's folder), which falls inside the writing of
checkpoints far more often.
"""

import contextlib
import json
import multiprocessing
import os
import resource
import signal
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from modeling.data.phantom_texts import dialogues
from modeling.data.phantoms import write_phantom_snapshot
from modeling.nn.checkpoint import save_checkpoint
from modeling.nn.density_selector import DensitySelector
from modeling.nn.language import save_language_model
from modeling.nn.text_encoder import corpus_tokenizer
from modeling.training import (
    classifier,
    density,
    encoder_probe,
    language,
    preferences,
    sft,
    umicon_supervised,
    umicon_unsupervised,
    vision_language_sft,
)
from modeling.training.config import STAGES
from modeling.training.stage import run_stage, serve
from tests.modeling.small_models import TEXTS, small_language_model, small_tokenizer, small_vision

SIZE = (48, 38)
SMALL = {
    "preset": "demo", "image_size": list(SIZE), "epochs": 2, "batch_size": 16,
    "checkpoint_every_epochs": 1, "checkpoint_every_steps": 2, "validate_every_epochs": 1,
}  # fmt: skip
SMALL_UMICON = {
    **SMALL, "experts": {"clip": "test_vit", "dinov2": "test_vit2", "convnext": "test_convnext"},
    "hidden_size": 32, "text_layers": 1, "text_hidden_size": 32, "text_heads": 2, "text_length": 64,
}  # fmt: skip
SMALL_TUNING = {
    **SMALL,
    "tuning": "lora",
    "batch_size": 16,
    "planted": 0,
    "measured_questions": 2,
    "measured_tokens": 4,
}
SETTINGS = {
    "density": SMALL,
    "encoder_probe": {**SMALL, "selector": "test_resnet"},
    "umicon_unsupervised": SMALL_UMICON,
    "umicon_supervised": {**SMALL_UMICON, "batch_size": 4},
    "sft": SMALL_TUNING,
    "preferences": {**SMALL_TUNING, "batch_size": 12},
    "vision_language_sft": {
        **SMALL_TUNING, "tuning": "full", "tower_image_size": 28, "tower_hidden_size": 32, "tower_layers": 1,
    },
    "classifier": {**SMALL, "encoder": "test_resnet", "batch_size": 4, "pretraining_epochs": 1},
    "language": {
        "hidden_size": 32, "layers": 2, "intermediate_size": 64, "vocabulary": 400, "epochs": 2,
        "decay_after_epoch": None, "checkpoint_every_steps": 2, "batch_size": 4,
    },
}  # fmt: skip
STARTS_FROM = {
    "umicon_unsupervised": ("density",), "umicon_supervised": ("density",),
    "sft": ("umicon", "language_model"), "preferences": ("mammovlm",),
    "vision_language_sft": ("language_model",),
}  # fmt: skip
TRAIN = {
    "density": density.train, "encoder_probe": encoder_probe.train, "sft": sft.train,
    "umicon_unsupervised": umicon_unsupervised.train, "umicon_supervised": umicon_supervised.train,
    "preferences": preferences.train, "classifier": classifier.train,
    "vision_language_sft": vision_language_sft.train,
}  # fmt: skip

_EVENTS = ("open", "os.rename", "os.remove", "os.rmdir", "os.mkdir")


@dataclass(frozen=True)
class Ending:
    """How a child ended: exit code (negative: killed by that signal), seconds, and the file events it counted."""

    code: int
    seconds: float
    events: int


class Scene:
    """What every stage needs, with random weights, in one folder."""

    def __init__(self, folder: Path, *, studies: int = 16) -> None:
        self.folder = folder
        write_phantom_snapshot(folder / "snapshot", studies=studies, seed=5, height=SIZE[0], width=SIZE[1])
        torch.manual_seed(0)
        vision = small_vision(size=SIZE)
        save_checkpoint(
            folder / "density", DensitySelector("test_resnet", image_size=SIZE), training={}, snapshot=""
        )
        save_checkpoint(
            folder / "umicon", vision, training={}, snapshot="", tokenizer=corpus_tokenizer(TEXTS, length=32)
        )
        tokenizer = small_tokenizer()
        save_language_model(folder / "language_model", small_language_model(tokenizer), tokenizer)
        rows = "\n".join(json.dumps(row, ensure_ascii=False) for row in dialogues(1, 60))
        (folder / "corpus.jsonl").write_text(rows, "utf-8")
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([__name__])

    def train(
        self, stage: str, name: str, *, after_events: int | None = None, after_seconds: float | None = None,
        fill_disk_after: int | None = None, **config: object,
    ) -> Ending:  # fmt: skip
        """Train or resume `name` in a child until its end or the kill."""
        counter = self.folder / f"{name}.events"
        counter.unlink(missing_ok=True)
        child = self._context.Process(
            target=_child, args=(stage, self._request(stage, name, config), self.answer(name), self.folder / name),
            kwargs={"counter": counter, "after_events": after_events, "fill_disk_after": fill_disk_after},
        )  # fmt: skip
        began = time.monotonic()
        child.start()
        child.join(after_seconds if after_seconds is not None else 300)
        if child.is_alive():
            child.kill()
            child.join()
        events = int(counter.read_text()) if counter.exists() else 0
        return Ending(int(child.exitcode or 0), time.monotonic() - began, events)

    def train_on_two_ranks(
        self, stage: str, name: str, *, asked_to_stop: int | None = None, **config: object
    ) -> list[int]:
        """Exit codes of two processes that train together over gloo, as torchrun would start them.

        With `asked_to_stop`, that rank alone is sent SIGTERM once there is a checkpoint.
        """
        request, port = self._request(stage, name, config), _free_port()
        ranks = []
        for rank in range(2):
            variables = {
                "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2",
                "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
            }  # fmt: skip
            ranks.append(
                self._context.Process(
                    target=_child, args=(stage, request, self.answer(name), self.folder / name),
                    kwargs={"counter": self.folder / f"{name}.{rank}.events", "after_events": None,
                            "fill_disk_after": None, "variables": variables},
                )
            )  # fmt: skip
        for child in ranks:
            child.start()
        if asked_to_stop is not None:
            until = time.monotonic() + 60
            while not list((self.folder / name).glob("trainer/checkpoint-*")) and time.monotonic() < until:
                time.sleep(0.02)
            ranks[asked_to_stop].terminate()
        for child in ranks:
            child.join(120)
            if child.is_alive():
                child.kill()
        return [int(child.exitcode or 0) for child in ranks]

    def answer(self, name: str) -> Path:
        """The answer file of a run, once it is finished."""
        return self.folder / f"{name}.jsonl"

    def result(self, name: str) -> list[object]:
        """Everything that a run tells: its rows with the hash of its weights, without the folder's name."""
        rows = [json.loads(line) for line in self.answer(name).read_text().splitlines()]
        return [{key: value for key, value in row.items() if key != "path"} for row in rows]

    def _request(self, stage: str, name: str, config: dict[str, object]) -> Path:
        init = {need: str(self.folder / need) for need in STARTS_FROM.get(stage, ())}
        request = {
            "output": str(self.folder / name), "config": {**SETTINGS[stage], **config}, "seed": 3,
            "resume": True, "init": init, "snapshot": str(self.folder / "snapshot"),
            "corpus": str(self.folder / "corpus.jsonl"),
        }  # fmt: skip
        path = self.folder / f"{name}.request.json"
        path.write_text(json.dumps(request))
        return path


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _child(
    stage: str, request: Path, answer: Path, output: Path, *, counter: Path, after_events: int | None,
    fill_disk_after: int | None, variables: dict[str, str] | None = None,
) -> None:  # fmt: skip
    torch.set_num_threads(1)
    os.environ.update(variables or {})
    seen, published = 0, 0

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal seen, published
        if event not in _EVENTS or not str(arguments[0]).startswith(str(output)):
            return
        seen += 1
        if seen == after_events:
            os.kill(os.getpid(), signal.SIGKILL)
        if event == "os.rename" and Path(str(arguments[1])).name.startswith("checkpoint-"):
            published += 1
            if published == fill_disk_after:  # from here on, no file may grow beyond a few bytes
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, resource.RLIM_INFINITY))

    sys.addaudithook(watch)
    log = output.with_suffix(".log").open("a")
    with contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
        arguments = ["stage", str(request), str(answer)]
        if stage == "language":
            code = serve(arguments, language.work, module="language", required=("corpus", "output"))
        else:
            code = run_stage(arguments, STAGES[stage], TRAIN[stage])
        log.flush()
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    counter.write_text(str(seen))
    sys.exit(code)
