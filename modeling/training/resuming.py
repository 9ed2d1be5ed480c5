"""The folder of a run: what it was started with, and the checkpoint that it goes on from."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modeling.training.distributed import rank
from modeling.training.saving import best_is_whole, checkpoints, newest_whole, remove_leftovers, step_of

CHECKPOINTS_FOLDER = "trainer"
RUN_FILE = "run.json"


class ResumeError(ValueError):
    """A run that cannot be continued as asked; the message names what differs."""


def last_checkpoint(output: Path) -> Path | None:
    """The newest checkpoint of an output folder whose every byte is as it was written, or None."""
    return newest_whole(output / CHECKPOINTS_FOLDER)


def prepare_folder(
    output: Path, identity: Mapping[str, Any], resume: bool, *, best: bool = False
) -> Path | None:
    """Where to continue from. A fresh run clears what an earlier one left.

    With `best`, the run ends with its best checkpoint: one whose best is damaged is passed over too, so that it is
    trained again.

    Raises:
        ResumeError: the run that was started there is another one.
    """
    path = output / RUN_FILE
    if resume and path.exists():
        earlier = json.loads(path.read_text("utf-8"))
        changed = sorted(key for key in {*earlier, *identity} if _differs(key, earlier, identity))
        if changed:
            raise ResumeError(
                f"{output}: cannot resume, {', '.join(changed)} differs from the run that was started there; "
                "start it anew with resume false"
            )
        folder = output / CHECKPOINTS_FOLDER
        found = newest_whole(folder, fit=best_is_whole if best else None)
        _remove_unfit(folder, found)
        return found
    if rank() != 0:
        return None
    shutil.rmtree(output / CHECKPOINTS_FOLDER, ignore_errors=True)
    output.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{RUN_FILE}.part")
    part.write_text(json.dumps(identity, indent=1, sort_keys=True), "utf-8")
    part.replace(path)
    return None


def _differs(key: str, earlier: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    if key == "init":  # a run that began before all weights were noted has some of them, or none
        hashes = now.get(key) or {}
        return any(hashes.get(name) != digest for name, digest in (earlier.get(key) or {}).items())
    return bool(earlier.get(key) != now.get(key))


def _remove_unfit(folder: Path, found: Path | None) -> None:
    """Remove what a killed process left half-written, and checkpoints newer than the one that is used."""
    if rank() != 0:
        return
    remove_leftovers(folder)
    for checkpoint in checkpoints(folder):
        if found is None or step_of(checkpoint) > step_of(found):
            shutil.rmtree(checkpoint, ignore_errors=True)
