"""Checkpoints of a run under way: each appears whole or not at all, and is checked before it is used again."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from modeling.data.snapshot import file_sha256, sync_folder

# Of every other file in the checkpoint; a file that is cut or changed later no longer fits it.
HASHES_FILE = "hashes.json"
# Trainer's own: the step, what was measured, the best step.
STATE_FILE = "trainer_state.json"
PREFIX = "checkpoint-"
# The newest are kept, and the one with the lowest loss on validation patients.
KEPT = 2


class SavingError(OSError):
    """A checkpoint that could not be written (a full disk); those before it are as they were."""


def step_of(checkpoint: Path) -> int:
    """The optimiser step that a checkpoint's folder is named by."""
    return int(checkpoint.name.rpartition("-")[2])


def publish_checkpoint(part: Path, folder: Path) -> None:
    """Hash and flush the files under `part` and give it its name. Raises OSError."""
    files = sorted(path for path in part.rglob("*") if path.is_file() and path.name != HASHES_FILE)
    hashes = {str(path.relative_to(part)): file_sha256(path) for path in files}
    (part / HASHES_FILE).write_text(json.dumps(hashes, indent=1, sort_keys=True), "utf-8")
    sync_folder(part)
    if folder.exists():  # an unfit one of the same step, left from before a resumption
        shutil.rmtree(folder)
    part.replace(folder)
    descriptor = os.open(folder.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)  # the name itself is on disk before an older checkpoint goes
    finally:
        os.close(descriptor)


def is_whole(checkpoint: Path) -> bool:
    """Whether every file is there and has the bytes that were written."""
    try:
        hashes = json.loads((checkpoint / HASHES_FILE).read_text("utf-8"))
        return bool(hashes) and all(file_sha256(checkpoint / name) == sha for name, sha in hashes.items())
    except (OSError, ValueError, AttributeError):
        return False


def checkpoints(folder: Path) -> list[Path]:
    """The published checkpoints of a folder, newest first, whole or not."""
    found = [path for path in folder.glob(f"{PREFIX}*") if path.name.removeprefix(PREFIX).isdecimal()]
    return sorted(found, key=step_of, reverse=True)


def best_is_whole(checkpoint: Path) -> bool:
    """Whether the best checkpoint that a whole one names, if it names any, is whole too."""
    state = json.loads((checkpoint / STATE_FILE).read_text("utf-8"))
    best = state.get("best_global_step")
    return best is None or is_whole(checkpoint.with_name(f"{PREFIX}{best}"))


def newest_whole(folder: Path, *, fit: Callable[[Path], bool] | None = None) -> Path | None:
    """The newest checkpoint whose every byte is as written and that is `fit`; the ones passed over are told on
    standard error."""
    for checkpoint in checkpoints(folder):
        if is_whole(checkpoint):
            if fit is None or fit(checkpoint):
                return checkpoint
            sys.stderr.write(
                f"{checkpoint}: the best checkpoint before it was changed; an earlier one is used\n"
            )
            continue
        sys.stderr.write(f"{checkpoint}: cut or changed since it was written; the one before is used\n")
    return None


def remove_leftovers(folder: Path) -> None:
    """Remove what a killed process left half-written."""
    for path in folder.glob(f".{PREFIX}*.part"):
        shutil.rmtree(path, ignore_errors=True)


def rotate(folder: Path, *, best_step: int | None) -> None:
    """Remove all checkpoints but the newest two, the best, and the one that either of the two names as its best.

    Should the newest be damaged, the one before it is gone back to, and is whole only with the best of its own time.
    """
    found = checkpoints(folder)
    needed = {best_step, *(_best_named(checkpoint) for checkpoint in found[:KEPT])}
    for checkpoint in found[KEPT:]:
        if step_of(checkpoint) not in needed:
            shutil.rmtree(checkpoint, ignore_errors=True)


def _best_named(checkpoint: Path) -> int | None:
    """The step of the best checkpoint as a checkpoint's own state names it; None where it can't be read."""
    try:
        best = json.loads((checkpoint / STATE_FILE).read_text("utf-8")).get("best_global_step")
    except (OSError, ValueError):
        return None
    return best if isinstance(best, int) else None
