"""The one training loop. Stages differ by model, data and setting; this file knows none of them."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn
from torch.optim import Adam, Optimizer
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import Dataset, Sampler
from transformers import PrinterCallback, Trainer, TrainingArguments

from modeling.training.callbacks import StageCallback, StopRequest
from modeling.training.config import StageConfig

Batch = dict[str, Any]
CHECKPOINTS_FOLDER = "trainer"
RUN_FILE = "run.json"

# Parameters below which one thread of the processor is enough.
SMALL_NETWORK = 5_000_000


class ResumeError(ValueError):
    """A run that cannot be continued as asked; the message names what differs."""


class Stopped(Exception):  # noqa: N818  (not an error: the run was asked to stop)
    """Training was asked to stop and has saved a checkpoint."""


class Samples(Protocol):
    """Training samples: item (epoch, index), so that every random draw can depend on the epoch."""

    def __len__(self) -> int: ...

    def __getitem__(self, key: tuple[int, int]) -> Any: ...


class EpochSampler(Sampler[tuple[int, int]]):
    """Yields (epoch, index) in an order drawn from (seed, epoch) alone."""

    def __init__(self, length: int, *, seed: int) -> None:
        self.length = length
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Called by Trainer before each epoch, also when a run is resumed inside it."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[tuple[int, int]]:
        order = np.random.default_rng([self.seed, self.epoch]).permutation(self.length)
        return iter([(self.epoch, int(index)) for index in order])


class StageTrainer(Trainer):
    """transformers' Trainer with the paper's optimiser and schedule and reproducible sample order.

    The model's forward takes the collated batch as keywords and returns {"loss": scalar, ...}. If the model
    has `parameter_groups(learning_rate)`, its groups are optimised, else all parameters that need a gradient.
    `each_step` may add to the batch by global step, for choices that one whole step shares.
    """

    def __init__(
        self,
        *,
        model: nn.Module,
        config: StageConfig,
        samples: Samples,
        collate: Callable[[Sequence[Any]], Batch],
        output: Path,
        seed: int,
        callback: StageCallback,
        each_step: Callable[[int], Mapping[str, Any]] | None = None,
        arguments: Mapping[str, Any] | None = None,
    ) -> None:
        self.config = config
        self.each_step = each_step
        self._seed = seed
        self._samples = len(samples)
        gpu = torch.cuda.is_available()
        super().__init__(
            model=model,
            args=TrainingArguments(
                output_dir=str(output / CHECKPOINTS_FOLDER),
                per_device_train_batch_size=config.batch_size,
                gradient_accumulation_steps=config.gradient_accumulation,
                num_train_epochs=config.epochs,
                learning_rate=config.learning_rate,
                weight_decay=config.weight_decay,
                max_grad_norm=config.max_gradient_norm,
                bf16=gpu and config.precision == "bfloat16",
                use_cpu=not gpu,
                seed=seed,
                logging_strategy="epoch",
                save_strategy="no",
                save_total_limit=2,
                remove_unused_columns=False,
                label_names=[],
                disable_tqdm=True,
                report_to=[],
                ddp_find_unused_parameters=True,
                **(arguments or {}),
            ),
            train_dataset=_AsDataset(samples),
            data_collator=collate,
            callbacks=[callback],
        )
        # Standard output belongs to progress lines.
        self.remove_callback(PrinterCallback)

    def _get_train_sampler(self, train_dataset: Dataset[Any] | None = None) -> EpochSampler:
        return EpochSampler(self._samples, seed=self._seed)

    def compute_loss(
        self, model: nn.Module, inputs: Batch, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The model's own loss."""
        if self.each_step is not None:
            inputs = {**inputs, **self.each_step(self.state.global_step)}
        outputs = model(**inputs)
        return (outputs["loss"], outputs) if return_outputs else outputs["loss"]

    def create_optimizer(self, model: nn.Module | None = None) -> Optimizer:
        """Adam with coupled L2, as in the paper (section 4.2)."""
        if self.optimizer is None:
            groups = parameter_groups(model or self.model, self.config.learning_rate)
            self.optimizer = Adam(groups, lr=self.config.learning_rate, weight_decay=self.config.weight_decay)
        return self.optimizer

    def create_scheduler(self, num_training_steps: int, optimizer: Optimizer | None = None) -> LambdaLR:
        """Linear warm-up over a few steps, then constant, then divided once (Table 5)."""
        if self.lr_scheduler is None:
            config = self.config
            per_epoch = max(math.ceil(num_training_steps / config.epochs), 1)

            def factor(step: int) -> float:
                if step < config.warmup_steps:
                    return (step + 1) / config.warmup_steps
                decayed = (
                    config.decay_after_epoch is not None and step >= config.decay_after_epoch * per_epoch
                )
                return 1 / config.decay_divisor if decayed else 1.0

            self.lr_scheduler = LambdaLR(optimizer or self.create_optimizer(), factor)
        return self.lr_scheduler


class _AsDataset(Dataset[Any]):
    def __init__(self, samples: Samples) -> None:
        self.samples = samples

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, key: tuple[int, int]) -> Any:
        return self.samples[key]


def parameter_groups(model: nn.Module | None, learning_rate: float) -> list[dict[str, Any]]:
    """The model's own groups, or one group of everything that needs a gradient."""
    if model is None:
        raise ValueError("no model to optimise")
    own = getattr(model, "parameter_groups", None)
    if own is not None:
        groups: list[dict[str, Any]] = own(learning_rate)
        return groups
    return [{"params": [p for p in model.parameters() if p.requires_grad], "lr": learning_rate}]


def run_training(
    *,
    stage: str,
    model: nn.Module,
    config: StageConfig,
    samples: Samples,
    collate: Callable[[Sequence[Any]], Batch],
    output: Path,
    seed: int,
    resume: bool,
    identity: Mapping[str, Any],
    stop: StopRequest,
    each_step: Callable[[int], Mapping[str, Any]] | None = None,
    arguments: Mapping[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """Train `model` in place; returns the metric rows. Raises Stopped after a clean stop, ResumeError.

    `identity` names what the run stands on (snapshot hash, initial weights): with the setting and the seed it
    must be the same when the run is resumed.
    """
    if len(samples) == 0:
        raise ValueError(f"{stage}: no training sample in the snapshot's train split")
    found = _prepare_folder(
        output, {"stage": stage, **identity, "config": config.to_dict(), "seed": seed}, resume
    )
    _limit_threads(model)
    callback = StageCallback(stage, stop=stop, checkpoint_every_epochs=config.checkpoint_every_epochs)
    trainer = StageTrainer(
        model=model, config=config, samples=samples, collate=collate, output=output, seed=seed,
        callback=callback, each_step=each_step, arguments=arguments,
    )  # fmt: skip
    trainer.train(resume_from_checkpoint=None if found is None else str(found))
    if callback.stopped:
        raise Stopped
    return callback.metrics


def _limit_threads(model: nn.Module) -> None:
    """One thread for networks too small to share: beside other work, threads that wait for each other cost the
    density selector of the demo 2 s a step instead of 0.15 (measured on two cores)."""
    if not torch.cuda.is_available() and sum(p.numel() for p in model.parameters()) < SMALL_NETWORK:
        torch.set_num_threads(1)


def last_checkpoint(output: Path) -> Path | None:
    """The newest checkpoint of an output folder that was written whole, or None."""
    folders = (output / CHECKPOINTS_FOLDER).glob("checkpoint-*")
    for folder in sorted(folders, key=lambda path: int(path.name.rpartition("-")[2]), reverse=True):
        try:
            json.loads((folder / "trainer_state.json").read_text("utf-8"))
        except (OSError, ValueError):
            continue
        return folder
    return None


def _prepare_folder(output: Path, identity: Mapping[str, Any], resume: bool) -> Path | None:
    """Where to continue from. A fresh run clears what an earlier one left."""
    path = output / RUN_FILE
    if resume and path.exists():
        earlier = json.loads(path.read_text("utf-8"))
        changed = sorted(key for key in {*earlier, *identity} if earlier.get(key) != identity.get(key))
        if changed:
            raise ResumeError(
                f"{output}: cannot resume, {', '.join(changed)} differs from the run that was started there; "
                "start it anew with resume false"
            )
        return last_checkpoint(output)
    shutil.rmtree(output / CHECKPOINTS_FOLDER, ignore_errors=True)
    output.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{RUN_FILE}.part")
    part.write_text(json.dumps(identity, indent=1, sort_keys=True), "utf-8")
    part.replace(path)
    return None
