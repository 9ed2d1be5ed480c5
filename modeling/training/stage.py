"""What every stage's command does around its own work: request in, answer out, exit codes."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from transformers.utils import logging

from modeling.data.exchange import (
    EXIT_BAD_REQUEST,
    EXIT_STOPPED,
    EXIT_SUCCESS,
    AnswerWriter,
    BadRequestError,
    complain,
    complain_of_system,
    read_request,
)
from modeling.data.model_folders import weights_folder
from modeling.data.snapshot import Snapshot, SnapshotError, open_snapshot
from modeling.nn.checkpoint import CheckpointError
from modeling.nn.experts import EncoderError
from modeling.nn.provenance import machine
from modeling.training.callbacks import StopRequest
from modeling.training.config import ImagesConfig, StageConfig
from modeling.training.distributed import OtherRank, own_device
from modeling.training.resuming import ResumeError
from modeling.training.standing import StageAnswer, note_attempt, random_parts, training_note, weights_read
from modeling.training.trainer import Stopped
from modeling.training.typed_fields import ConfigError

WEIGHTS_FOLDER = "model"

_Config = TypeVar("_Config", bound=StageConfig)
_ConfigCo = TypeVar("_ConfigCo", bound=StageConfig, covariant=True)


@dataclass(frozen=True)
class StageRequest(Generic[_ConfigCo]):
    """A checked request: the snapshot is open, the setting is typed, folders named in `init` exist."""

    snapshot: Snapshot
    output: Path
    config: _ConfigCo
    init: dict[str, Path]
    seed: int
    resume: bool
    stop: StopRequest
    # SHA-256 of the weights that it reads, by their names.
    hashes: dict[str, str] = field(default_factory=dict)

    @property
    def weights(self) -> Path:
        """The folder of the finished checkpoint."""
        return self.output / WEIGHTS_FOLDER

    def init_hashes(self) -> dict[str, str]:
        """SHA-256 of the weights that it starts from: of named checkpoints and of pretrained folders."""
        return dict(self.hashes)

    def note(self, stage: str) -> dict[str, str]:
        """The file that tells beside the finished weights how they came about (`save_language_model`'s `beside`)."""
        return training_note(
            stage,
            config=self.config,
            learned_from={"snapshot": self.snapshot.content_hash},
            seed=self.seed,
            hashes=self.hashes,
            init=self.init,
        )


def run_stage(
    arguments: list[str],
    config: type[_Config],
    train: Callable[[StageRequest[_Config], AnswerWriter], None],
    stop: StopRequest | None = None,
) -> int:
    """Serve `python -m modeling.training.<stage> REQUEST ANSWER` on a snapshot; returns the exit code."""

    def work(raw: dict[str, Any], stop: StopRequest, answer: Path) -> None:
        request = check_request(raw, config, stop)
        seed_everything(request.seed)
        told = note_attempt(request.output, standing(raw, request.hashes), resume=request.resume)
        with StageAnswer(answer) as writer:
            writer.write({"kind": "environment", "told": told})
            at_random = random_parts(request.config, request.init)
            if at_random:
                writer.figures = {"random_weights": ", ".join(at_random)}
                sys.stderr.write(f"random weights: {', '.join(at_random)} (no pretrained folder is named)\n")
            train(request, writer)

    return serve(arguments, work, module=train.__module__, required=("snapshot", "output"), stop=stop)


def serve(
    arguments: list[str],
    work: Callable[[dict[str, Any], StopRequest, Path], None],
    *,
    module: str,
    required: tuple[str, ...],
    stop: StopRequest | None = None,
) -> int:
    """Read the request, do the work, and turn what goes wrong into one line and an exit code.

    Bad requests end with one line on standard error and code 2, a stop on request with 75.
    """
    if len(arguments) != 3:
        return complain(f"usage: python -m {module} REQUEST.json ANSWER.jsonl", EXIT_BAD_REQUEST)
    if stop is None:
        stop = StopRequest()
        stop.listen()
    logging.set_verbosity_warning()
    own_device()
    try:
        work(read_request(arguments[1], required=required), stop, Path(arguments[2]))
    except (
        BadRequestError,
        ConfigError,
        EncoderError,
        SnapshotError,
        CheckpointError,
        ResumeError,
        FileNotFoundError,
    ) as error:
        return complain(str(error), EXIT_BAD_REQUEST)
    except OSError as error:
        return complain_of_system(error, arguments[2])
    except OtherRank:
        return EXIT_SUCCESS
    except Stopped:
        return complain("stopped on request; a checkpoint is saved", EXIT_STOPPED)
    return EXIT_SUCCESS


def check_request(raw: dict[str, Any], config: type[_Config], stop: StopRequest) -> StageRequest[_Config]:
    """Type and check a raw request. Raises BadRequestError, ConfigError, SnapshotError naming the field."""
    made, seed = check_config(raw, config), check_seed(raw)
    init = {}
    for name, folder in (raw.get("init") or {}).items():
        if folder is not None:
            init[name] = weights_folder(folder)
            if not init[name].is_dir():
                raise BadRequestError(f"init.{name}: {folder} is not a folder")
    snapshot = open_snapshot(raw["snapshot"])
    if isinstance(made, ImagesConfig) and snapshot.image_size != made.image_size:
        height, width = snapshot.image_size
        raise BadRequestError(
            f"config.image_size: {made.image_size[0]} x {made.image_size[1]}, but the snapshot holds "
            f"{height} x {width} images; make them the same"
        )
    return StageRequest(
        snapshot=snapshot,
        output=Path(raw["output"]),
        config=made,
        init=init,
        seed=seed,
        resume=bool(raw.get("resume", False)),
        stop=stop,
        hashes=weights_read(made, init),
    )


def standing(raw: Mapping[str, Any], hashes: Mapping[str, str]) -> dict[str, str]:
    """What an attempt runs on: machine and packages, the code that asked for it, and the weights that it reads."""
    weights = {f"weights {name}": digest for name, digest in hashes.items()}
    return {**machine(), **({"code": str(raw["code"])} if raw.get("code") else {}), **weights}


def check_config(raw: dict[str, Any], config: type[_Config]) -> _Config:
    """The request's setting. Raises BadRequestError or ConfigError naming the field."""
    overrides = raw.get("config") or {}
    if not isinstance(overrides, dict):
        raise BadRequestError(f"config: {overrides!r} is not an object")
    return config.from_overrides(overrides)


def check_seed(raw: dict[str, Any]) -> int:
    """The request's seed, 0 when it names none."""
    seed = raw.get("seed", 0)
    if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
        raise BadRequestError(f"seed: {seed!r} is not a whole number of at least 0")
    return seed


def device() -> torch.device:
    """Where models run: the first GPU, or the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def mixes_precision(config: StageConfig) -> bool:
    """Whether a training step computes in bfloat16 beside float32 (`trainer` does on a GPU alone)."""
    return torch.cuda.is_available() and config.precision == "bfloat16"


def seed_everything(seed: int) -> None:
    """Initial weights and dropout; augmentation and order have generators of their own."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
