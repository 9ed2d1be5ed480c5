"""What a running stage tells the outside, and how it is told to stop."""

from __future__ import annotations

import signal
import time
from types import FrameType
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from modeling.data.exchange import report_progress

# Progress lines are no closer together than this.
PROGRESS_SECONDS = 0.5


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
    """Progress as JSON lines, metrics kept for the answer, checkpoints every few epochs, and a clean stop."""

    def __init__(self, stage: str, *, stop: StopRequest, checkpoint_every_epochs: int) -> None:
        self.stage = stage
        self.stop = stop
        self.checkpoint_every_epochs = checkpoint_every_epochs
        self.stopped = False
        self.metrics: list[dict[str, Any]] = []
        self._reported = 0.0
        self._latest: dict[str, float] = {}

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Report, and stop with a checkpoint when asked to."""
        now = time.monotonic()
        if state.is_world_process_zero and now - self._reported >= PROGRESS_SECONDS:
            self._report(state)
            self._reported = now
        if self.stop.asked and state.global_step < state.max_steps:
            self.stopped = True
            control.should_save = True
            control.should_training_stop = True

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Ask for a checkpoint every few epochs; the last epoch's weights are saved by the stage itself."""
        done = round(state.epoch or 0)
        if done % self.checkpoint_every_epochs == 0 and state.global_step < state.max_steps:
            control.should_save = True

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl,
        logs: dict[str, float] | None = None, **_: Any,
    ) -> None:  # fmt: skip
        """Keep what Trainer measured at the end of an epoch."""
        for name in ("loss", "learning_rate", "grad_norm"):
            if logs and name in logs:
                self._latest[name] = float(logs[name])
                self.metrics.append(
                    {"kind": "metric", "step": state.global_step, "epoch": round(state.epoch or 0.0, 4),
                     "name": name, "value": float(logs[name])}
                )  # fmt: skip

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """The last progress line is always written."""
        if state.is_world_process_zero:
            self._report(state)

    def _report(self, state: TrainerState) -> None:
        epoch = round(state.epoch or 0.0, 2)
        latest = {name: self._latest[name] for name in ("loss", "learning_rate") if name in self._latest}
        report_progress(state.global_step, state.max_steps, self.stage, epoch=epoch, **latest)
