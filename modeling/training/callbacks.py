"""What a running stage tells the outside, and how it is told to stop."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from modeling.data.exchange import BadRequestError, report_progress
from modeling.training.config import StageConfig
from modeling.training.curves import CurveFiles
from modeling.training.distributed import of_any_rank
from modeling.training.validation import ON_VALIDATION

# Progress lines are no closer together than this.
PROGRESS_SECONDS = 0.5
# Of what Trainer measures; all that is measured on validation patients is kept besides.
MEASURES = ("loss", "learning_rate", "grad_norm")
LOSS = f"{ON_VALIDATION}loss"


class DivergedError(BadRequestError):
    """The loss is no number any more; more tries would end there too."""


class StopRequest:
    """Set by SIGTERM (and by a test); read between steps."""

    def __init__(self) -> None:
        self.asked = False

    def listen(self) -> None:
        """Take SIGTERM as the wish to stop after the step under way."""
        signal.signal(signal.SIGTERM, self._ask)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.asked = True


class StageCallback(TrainerCallback):
    """Progress as JSON lines, metrics kept for the answer, checkpoints, early stopping, and a clean stop.

    Args:
        curves: files that get every metric as it comes; None in all processes but the first.

    `validate` gives what is measured on validation patients, their mean "loss" among it; it is set when there are any.
    Before the end of epoch `validates_after` + 1 it is not asked.
    """

    def __init__(
        self, stage: str, *, stop: StopRequest, config: StageConfig, curves: CurveFiles | None
    ) -> None:
        self.stage = stage
        self.stop = stop
        self.config = config
        self.curves = curves
        self.validate: Callable[[], dict[str, float]] | None = None
        self.validates_after = 0
        self.stopped = False
        self.metrics: list[dict[str, Any]] = []
        self._reported = 0.0
        self._latest: dict[str, float] = {}

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Begin with what a run that is resumed had measured up to its checkpoint."""
        self.metrics = [row for entry in state.log_history for row in _rows(entry, int(entry.get("step", 0)))]
        if self.curves is not None:
            self.curves.begin(self.metrics)

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Report, and stop with a checkpoint when asked to."""
        now = time.monotonic()
        if state.is_world_process_zero and now - self._reported >= PROGRESS_SECONDS:
            self._report(state)
            self._reported = now
        if _ends_epoch(state):
            return  # what an epoch's end measures belongs into its checkpoint: `on_epoch_end` saves and stops
        every = self.config.checkpoint_every_steps
        if every is not None and state.global_step % every == 0 and state.global_step < state.max_steps:
            control.should_save = True
        if of_any_rank(self.stop.asked) and state.global_step < state.max_steps:
            self.stopped = True
            control.should_save = True
            control.should_training_stop = True

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Measure on validation patients, and ask for a checkpoint every few epochs, at the best and at the end."""
        if self.stopped:  # inside the epoch: its loss is told when it is complete
            control.should_log = False
            return
        done = round(state.epoch or 0)
        if of_any_rank(self.stop.asked) and state.global_step < state.max_steps:
            self.stopped = True
            control.should_save = control.should_training_stop = True
        if done % self.config.checkpoint_every_epochs == 0 or state.global_step >= state.max_steps:
            control.should_save = True
        every = self.config.validate_every_epochs
        if self.validate is None or every == 0 or done % every or done <= self.validates_after:
            return
        found = self.validate()
        loss = found["loss"]
        self._refuse_divergence(loss, state)
        measured = {f"{ON_VALIDATION}{name}": value for name, value in found.items()}
        self._keep({**measured, "epoch": state.epoch, "step": state.global_step}, state)
        if state.best_metric is None or loss < state.best_metric:
            state.best_metric, state.best_global_step = loss, state.global_step
            control.should_save = True
        if self.is_out_of_patience(state):
            control.should_save = control.should_training_stop = True

    def is_out_of_patience(self, state: TrainerState) -> bool:
        """Whether the measurement at this very step says that the validation loss has not fallen for long enough."""
        patience = self.config.early_stopping_epochs
        measured_at = next((e["step"] for e in reversed(state.log_history) if LOSS in e), None)
        if patience is None or state.best_global_step is None or measured_at != state.global_step:
            return False
        per_epoch = max(state.global_step / max(round(state.epoch or 0), 1), 1e-9)
        return state.global_step - state.best_global_step >= patience * per_epoch

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl,
        logs: dict[str, float] | None = None, **_: Any,
    ) -> None:  # fmt: skip
        """Keep what Trainer measured at the end of an epoch (it stands in the state's history already).

        Raises DivergedError when the loss is no number any more.
        """
        if logs:
            self._refuse_divergence(logs.get("loss", 0.0), state)
            self._note({**logs, "epoch": state.epoch}, state.global_step)

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """The last progress line is always written."""
        if state.is_world_process_zero:
            self._report(state)
        if self.curves is not None:
            self.curves.close()

    def _refuse_divergence(self, loss: float, state: TrainerState) -> None:
        if not math.isfinite(loss):
            raise DivergedError(
                f"{self.stage}: the loss is no number any more at step {state.global_step} (epoch "
                f"{round(state.epoch or 0.0, 2)}): the training diverged; lower learning_rate"
            )

    def _keep(self, entry: dict[str, Any], state: TrainerState) -> None:
        state.log_history.append(entry)
        self._note(entry, state.global_step)

    def _note(self, entry: dict[str, Any], step: int) -> None:
        rows = _rows(entry, step)
        self.metrics += rows
        self._latest |= {row["name"]: row["value"] for row in rows}
        if self.curves is not None:
            self.curves.add(rows)

    def _report(self, state: TrainerState) -> None:
        epoch = round(state.epoch or 0.0, 2)
        told = ("loss", "learning_rate", LOSS)
        latest = {name: self._latest[name] for name in told if name in self._latest}
        report_progress(state.global_step, state.max_steps, self.stage, epoch=epoch, **latest)


def _ends_epoch(state: TrainerState) -> bool:
    per_epoch = max(round(state.max_steps / max(state.num_train_epochs, 1)), 1)
    return state.global_step % per_epoch == 0


def _rows(entry: dict[str, Any], step: int) -> list[dict[str, Any]]:
    epoch = round(float(entry.get("epoch") or 0.0), 4)
    return [
        {"kind": "metric", "step": step, "epoch": epoch, "name": name, "value": float(entry[name])}
        # In one order, whatever that of a state that was read back; a gradient may be infinite once in half precision.
        for name in (*MEASURES, *sorted(key for key in entry if key.startswith(ON_VALIDATION)))
        if name in entry and math.isfinite(float(entry[name]))
    ]
