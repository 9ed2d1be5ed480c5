"""A run's curves as files while it trains: metrics.jsonl, and event files that TensorBoard reads."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TextIO

from torch.utils.tensorboard import SummaryWriter

METRICS_FILE = "metrics.jsonl"
EVENTS_FOLDER = "tensorboard"


class CurveFiles:
    """Both files of one run. A run that is resumed begins them anew with what its checkpoint remembers."""

    def __init__(self, output: Path) -> None:
        self.output = output
        self._lines: TextIO | None = None
        self._events: SummaryWriter | None = None

    def begin(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Open both with the rows that are known already."""
        self.close()
        self.output.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(self.output / EVENTS_FOLDER, ignore_errors=True)
        self._lines = (self.output / METRICS_FILE).open("w", encoding="utf-8")
        self._events = SummaryWriter(str(self.output / EVENTS_FOLDER))
        self.add(rows)

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add rows and hand them to the operating system, so that a page can read them at once."""
        if self._lines is None or self._events is None:
            return
        for row in rows:
            kept = {name: row[name] for name in ("step", "epoch", "name", "value")}
            self._lines.write(json.dumps(kept) + "\n")
            self._events.add_scalar(row["name"], row["value"], row["step"])
        self._lines.flush()
        self._events.flush()

    def close(self) -> None:
        """Put both on disk."""
        if self._lines is not None:
            self._lines.flush()
            os.fsync(self._lines.fileno())
            self._lines.close()
        if self._events is not None:
            self._events.close()
        self._lines = self._events = None
