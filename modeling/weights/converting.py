"""Pickled weights become safetensors, in a child that is limited (pickle_child). No torch here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from modeling.weights.choosing import INDEX, RefusedError
from modeling.weights.limits import limits

CHILD = "modeling.weights.pickle_child"
_ROOT = Path(__file__).resolve().parents[2]
# What a process needs to start; tokens, keys and the database's address stay here.
_KEPT = ("PATH", "LD_LIBRARY_PATH", "LANG", "TMPDIR", "VIRTUAL_ENV")


def convert(
    pickles: Sequence[Path], targets: Sequence[Path], *, index: Mapping[str, Any] | None, lock: int
) -> None:
    """Write each pickled file as the safetensors file of the same place in `targets`, and their index.

    Args:
        index: content of pytorch_model.bin.index.json, where the weights are in parts.
        lock: descriptor that the child keeps open, so that nobody else begins before it ends.

    Raises:
        RefusedError: a file holds code, is no checkpoint, or needs more than its size allows.
        OSError: the disk.
    """
    sizes = [path.stat().st_size for path in pickles]
    files = [
        {"path": str(path), "target": str(target)} for path, target in zip(pickles, targets, strict=True)
    ]
    answer = _answer(json.dumps({"files": files}), seconds=limits(sizes).seconds, lock=lock)
    if "refused" in answer:
        raise RefusedError(answer["refused"])
    if "errno" in answer:
        raise OSError(answer["errno"], os.strerror(answer["errno"] or 0), answer["file"])
    if index is None:
        return
    written: dict[str, str] = {name: part for part, names in answer["written"].items() for name in names}
    if lost := sorted(set(index["weight_map"]) - set(written)):
        raise RefusedError(
            f"{lost[0]}: named by the index of its weights, but in no part; name another revision"
        )
    content = {
        "metadata": {"total_size": answer["bytes"]},
        "weight_map": {name: written[name] for name in sorted(written)},
    }
    (targets[0].parent / INDEX).write_text(json.dumps(content, indent=2) + "\n", "utf-8")


def _answer(request: str, *, seconds: int, lock: int) -> dict[str, Any]:
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    environment |= {
        "PYTHONPATH": str(_ROOT),
        "OMP_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",
        "HF_HUB_OFFLINE": "1",
    }
    try:
        done = subprocess.run(
            [sys.executable, "-m", CHILD], input=request, capture_output=True, text=True, errors="replace",
            env=environment, timeout=seconds, check=False, pass_fds=(lock,),
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise RefusedError(
            f"converting took longer than {seconds} s; nothing was kept: take an edition in safetensors"
        ) from None
    if done.returncode or not done.stdout:
        last = (done.stderr.strip().splitlines() or [""])[-1][:200]
        how = f"signal {-done.returncode}" if done.returncode < 0 else last or f"exit code {done.returncode}"
        raise RefusedError(
            f"the child that reads the pickles ended ({how}); nothing was kept: take an edition in safetensors"
        )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
