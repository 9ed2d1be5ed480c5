"""The one training loop. Stages differ by model, data and setting; this file knows none of them."""

from __future__ import annotations

import errno
import json
import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.optim import Adam, Optimizer
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import Dataset
from transformers import PrinterCallback, Trainer, TrainerState, TrainingArguments

from modeling.data.exchange import BadRequestError
from modeling.nn.chat import IGNORED_LABEL
from modeling.training.callbacks import StageCallback, StopRequest
from modeling.training.config import StageConfig
from modeling.training.curves import CurveFiles
from modeling.training.distributed import (
    OtherRank,
    leave,
    of_first_rank,
    rank,
    wait_for_all,
    world_size,
)
from modeling.training.order import EpochSampler
from modeling.training.recomputing import recompute_activations
from modeling.training.renamed_weights import load_renamed
from modeling.training.resuming import CHECKPOINTS_FOLDER, prepare_folder
from modeling.training.saving import (
    PREFIX,
    STATE_FILE,
    SavingError,
    is_whole,
    publish_checkpoint,
    rotate,
)
from modeling.training.sharding import gather_whole, sharding_arguments, skeleton_of
from modeling.training.validation import Samples, Validation

Batch = dict[str, Any]
# What a whole step shares, by its number.
EachStep = Callable[[int], Mapping[str, Any]]
# The loss of a batch, for stages whose loss is not the model's own.
Objective = Callable[[nn.Module, Batch], Tensor]
LOSSES_FILE = "losses.json"

# Parameters below which one thread of the processor is enough.
SMALL_NETWORK = 5_000_000


class Stopped(Exception):  # noqa: N818  (not an error: the run was asked to stop)
    """Training was asked to stop and has saved a checkpoint."""


class StageTrainer(Trainer):
    """transformers' Trainer with the paper's optimiser and schedule and reproducible sample order.

    The model's forward takes the collated batch as keywords and returns {"loss": scalar, ...}. If the model
    has `parameter_groups(learning_rate)`, its groups are optimised, else all parameters that need a gradient; if it
    has `parts`, those of its outputs are measured on validation patients beside the loss.
    `each_step` may add to the batch by global step, for choices that one whole step shares. `objective` is the loss
    where it is not the model's own.
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
        validation: Validation | None = None,
        each_step: EachStep | None = None,
        objective: Objective | None = None,
        arguments: Mapping[str, Any] | None = None,
    ) -> None:
        self.config = config
        self.each_step = each_step
        self.objective: Objective | None = objective
        self._seed = seed
        self._samples = len(samples)
        self._lengths: Sequence[int] | None = getattr(samples, "lengths", None)
        self._validation = validation
        self._parts: tuple[str, ...] = getattr(model, "parts", ())
        self._collate = collate
        self._saving_to: str | None = None
        # Sum of the steps' losses since they were last logged, and the step of that logging.
        self._losses = torch.zeros((), dtype=torch.float64)
        self._logged_at = 0
        # Trainer asks it of models of transformers alone.
        recomputes_itself = hasattr(model, "activation_checkpointing_enable")
        if config.gradient_checkpointing and not recomputes_itself:
            recompute_activations(model)
        super().__init__(
            model=model,
            args=_arguments(model, config, output, seed, recomputes_itself, arguments),
            train_dataset=_AsDataset(samples),
            data_collator=collate,
            callbacks=[callback],
        )
        # `compute_loss` gives a batch's mean; what Trainer concludes from the model's forward would leave it undivided.
        self.loss_is_scaled_for_ga = False
        # Standard output belongs to progress lines.
        self.remove_callback(PrinterCallback)

    def _get_train_sampler(self, train_dataset: Dataset[Any] | None = None) -> EpochSampler:
        step = self.config.batch_size * self.config.gradient_accumulation * world_size()
        return EpochSampler(self._samples, seed=self._seed, lengths=self._lengths, step=step)

    def training_step(self, *arguments: Any, **named: Any) -> Tensor:
        """One forward and backward pass; its loss is added to the epoch's."""
        loss: Tensor = super().training_step(*arguments, **named)
        self._losses = self._losses.to(loss.device) + loss.detach().double()
        return loss

    def log(self, logs: dict[str, float], *arguments: Any, **named: Any) -> None:
        """The loss is the mean over the epoch, also over its steps before a resumption (Trainer forgets those)."""
        if "loss" in logs:
            steps = max(self.state.global_step - self._logged_at, 1)
            logs = {**logs, "loss": self._mean_over_ranks(self._losses) / steps}
            self._losses, self._logged_at = torch.zeros_like(self._losses), self.state.global_step
        super().log(logs, *arguments, **named)

    def _mean_over_ranks(self, value: Tensor) -> float:
        return float(self.accelerator.gather(value[None].to(self.args.device)).mean())

    def go_on_from(self, checkpoint: Path, callback: StageCallback) -> None:
        """Take up the epoch's losses where the checkpoint was written; train no further where it had ended early."""
        state = TrainerState.load_from_json(str(checkpoint / STATE_FILE))
        if callback.is_out_of_patience(state):  # killed between its last checkpoint and its end
            self.args.num_train_epochs = round(state.epoch or 0)
        kept = json.loads((checkpoint / LOSSES_FILE).read_text("utf-8"))
        self._losses = torch.tensor(kept["sum"], dtype=torch.float64)
        self._logged_at = int(kept["logged_at"])

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """The loss on validation patients, its parts and the stage's own figures; the same in every process.

        Training goes on as if nothing had been measured: in its mode, with its random numbers.
        """
        held_out = self._validation
        if held_out is None:
            raise ValueError("no validation samples")
        model, size = self.model_wrapped, self.config.batch_size
        was_training = model.training
        model.eval()
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            with self.compute_loss_context_manager():
                by_token = self.objective is None
                losses = held_out.losses(self._losses_of, self._collate, size, by_token=by_token)
            # A part of a sharded model can't be asked by itself.
            own = held_out.measure() if held_out.measure is not None and not self.is_fsdp_enabled else {}
        model.train(was_training)
        found = {**losses, **{name: math.nan if value is None else value for name, value in own.items()}}
        shared = {name: of_first_rank(value) for name, value in found.items()}
        return {name: value for name, value in shared.items() if name == "loss" or math.isfinite(value)}

    def _losses_of(self, batch: Batch) -> dict[str, Tensor]:
        """The loss of a validation batch and the parts that the model names."""
        inputs, model = {**self._prepare_inputs(batch)}, self.model_wrapped
        if self.objective is not None:
            return {"loss": self.objective(model, inputs)}
        outputs = model(**inputs)
        return {name: outputs[name] for name in ("loss", *self._parts)}

    def _get_output_dir(self, trial: Any) -> str:
        """Where a checkpoint is written: beside its place, until it is whole."""
        return self._saving_to or str(super()._get_output_dir(trial))

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        """Write a checkpoint whole or not at all; keep the newest two and the best.

        Raises SavingError when it can't be written; those before it are untouched.
        """
        folder = Path(str(self.args.output_dir))
        name = f"{PREFIX}{self.state.global_step}"
        part = folder / f".{name}.part"
        wait_for_all()
        try:
            self._saving_to = str(part)
            super()._save_checkpoint(model, trial)
            losses = {"sum": self._mean_over_ranks(self._losses), "logged_at": self._logged_at}
            wait_for_all()
            if self.args.should_save:
                (part / name / LOSSES_FILE).write_text(json.dumps(losses), "utf-8")
                publish_checkpoint(part / name, folder / name)
                shutil.rmtree(part, ignore_errors=True)
                rotate(folder, best_step=self.state.best_global_step)
        except (OSError, RuntimeError, SafetensorError) as error:
            shutil.rmtree(part, ignore_errors=True)
            if isinstance(error, RuntimeError) and not _is_failed_write(error):
                raise
            number = error.errno if isinstance(error, OSError) and error.errno else errno.ENOSPC
            reason = f"the checkpoint could not be written ({error}); those before it are as they were"
            raise SavingError(number, reason, str(folder / name)) from error
        finally:
            self._saving_to = None

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: nn.Module | None = None) -> None:
        super()._load_from_checkpoint(resume_from_checkpoint, model)
        load_renamed(self.model if model is None else model, Path(resume_from_checkpoint))

    def compute_loss(
        self, model: nn.Module, inputs: Batch, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The model's own loss: a mean over the batch, which Trainer divides by the batches of the step."""
        if self.each_step is not None:
            inputs = {**inputs, **self.each_step(self.state.global_step)}
        if self.objective is not None:
            loss = self.objective(model, inputs)
            return (loss, {"loss": loss}) if return_outputs else loss
        outputs = model(**inputs)
        loss = outputs["loss"]
        parts = self.current_gradient_accumulation_steps * world_size()
        if num_items_in_batch is not None and parts > 1:
            # The step's loss is a mean over all its answer tokens: a batch counts by how many of them it holds.
            loss = loss * (inputs["labels"].ne(IGNORED_LABEL).sum() * parts / num_items_in_batch)
        return (loss, outputs) if return_outputs else loss

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


def _is_failed_write(error: RuntimeError) -> bool:
    """Whether torch.save failed on the file, not on the tensors (it tells in words alone)."""
    return any(word in str(error) for word in ("PytorchStreamWriter", "inline_container", "unexpected pos"))


class _AsDataset(Dataset[Any]):
    def __init__(self, samples: Samples) -> None:
        self.samples = samples

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, key: tuple[int, int]) -> Any:
        return self.samples[key]


def _arguments(
    model: nn.Module,
    config: StageConfig,
    output: Path,
    seed: int,
    recomputes_itself: bool,
    more: Mapping[str, Any] | None,
) -> TrainingArguments:
    """What a stage's setting says, in Trainer's terms; `more` has the last word."""
    gpu = torch.cuda.is_available()
    return TrainingArguments(
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
        save_total_limit=None,  # `rotate` keeps the best too
        remove_unused_columns=False,
        label_names=[],
        disable_tqdm=True,
        report_to=[],
        ddp_find_unused_parameters=True,
        activation_checkpointing=config.gradient_checkpointing and recomputes_itself,
        **sharding_arguments(model, config.sharding),
        **(more or {}),
    )


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
    validation: Validation | None = None,
    each_step: EachStep | None = None,
    objective: Objective | None = None,
    arguments: Mapping[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """Train `model` in place; returns the metric rows.

    `identity` names what the run stands on (snapshot hash, initial weights): with the setting and the seed it
    must be the same when the run is resumed. `validation` is measured between epochs.

    Raises:
        Stopped: after a clean stop. ResumeError, SavingError: told by their own lines.
        OtherRank: in all processes of the run but the first, which measures and writes alone.
    """
    if len(samples) == 0:
        raise BadRequestError(
            f"{stage}: no training sample in the snapshot's train split; choose a snapshot that holds some"
        )
    stands_on = {"stage": stage, **identity, "config": config.to_dict(), "seed": seed}
    found = prepare_folder(output, stands_on, resume, best=config.keep == "best")
    _limit_threads(model)
    curves = CurveFiles(output) if rank() == 0 else None
    callback = StageCallback(stage, stop=stop, config=config, curves=curves)
    trainer = StageTrainer(
        model=model, config=config, samples=samples, collate=collate, output=output, seed=seed,
        callback=callback, validation=validation, each_step=each_step,
        objective=objective, arguments=arguments,
    )  # fmt: skip
    if validation is not None and len(validation.samples):
        callback.validate, callback.validates_after = trainer.validate, validation.after_epoch
    elif config.keep == "best" or config.early_stopping_epochs is not None:
        raise BadRequestError(
            f"{stage}: no sample in the validation split to choose the best weights by; choose another snapshot, or "
            "keep last and no early_stopping_epochs"
        )
    if found is not None:
        trainer.go_on_from(found, callback)
    skeleton = skeleton_of(model) if trainer.is_fsdp_enabled else None
    trainer.train(resume_from_checkpoint=None if found is None else str(found))
    if callback.stopped:
        raise Stopped
    best = trainer.state.best_global_step
    if config.keep == "best" and best is not None:
        trainer._load_from_checkpoint(str(_best_checkpoint(output, best)))
    if skeleton is not None:
        gather_whole(model, skeleton)
    wait_for_all()
    leave()
    if curves is None:
        raise OtherRank
    return callback.metrics


def _best_checkpoint(output: Path, step: int) -> Path:
    """Raises SavingError when it isn't as it was written: other weights must not pass for the best."""
    folder = output / CHECKPOINTS_FOLDER / f"{PREFIX}{step}"
    if not is_whole(folder):
        reason = (
            "cut or changed since it was written, and these are the best weights, which the run keeps; "
            "resume it, and it trains again from before them"
        )
        raise SavingError(errno.EIO, reason, str(folder))
    return folder


def _limit_threads(model: nn.Module) -> None:
    """One thread for networks too small to share: beside other work, threads that wait for each other cost the
    density selector of the demo 2 s a step instead of 0.15 (measured on two cores)."""
    if not torch.cuda.is_available() and sum(p.numel() for p in model.parameters()) < SMALL_NETWORK:
        torch.set_num_threads(1)
