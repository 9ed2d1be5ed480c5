"""Child that turns pickled weights into safetensors: `python -m modeling.weights.pickle_child`, JSON in, JSON out.

It reads tensors alone (torch's weights_only), has limited memory, time and disk, no token and no key in its
environment, and ends with its parent: whatever a hostile file does to a decoder ends here. Request on standard input:
`{"files": [{"path", "target"}]}`; one answer line: `{"written": {target name: [tensor names]}, "bytes"}`,
`{"refused": why}` or `{"errno": number, "file": name}`.
"""

from __future__ import annotations

import ctypes
import json
import os
import pickle
import re
import resource
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
import torch
from safetensors.torch import save_file
from torch import Tensor

from modeling.weights.limits import limits

PR_SET_PDEATHSIG = 1
# Where trainers put the weights inside what they saved.
INSIDE = ("state_dict", "model_state_dict", "model")
_CODE = re.compile(r"(?:GLOBAL|global) ([\w.]+)")
_NO_MEMORY = ("allocate memory", "bad_alloc", "unable to mmap", "Cannot allocate")


class UnfitError(Exception):
    """A file that is not taken; the message says why."""


def main() -> int:
    """Serve one request."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a decoder prints is no answer
    _end_with_parent()
    files = [(Path(file["path"]), Path(file["target"])) for file in json.load(sys.stdin)["files"]]
    _limit([path.stat().st_size for path, _target in files])
    answer: dict[str, Any] = {"written": {}, "bytes": 0}
    for path, target in files:
        try:
            names, size = convert(path, target)
        except UnfitError as error:
            answer = {"refused": f"{path.name}: {error}"}
            break
        except OSError as error:
            answer = {"errno": error.errno, "file": str(target)}
            break
        answer["written"][target.name] = names
        answer["bytes"] += size
    answers.write(json.dumps(answer) + "\n")
    answers.flush()
    return 0


def convert(path: Path, target: Path) -> tuple[list[str], int]:
    """Write the tensors of a pickled file as safetensors; their names and bytes.

    Raises:
        UnfitError: it holds code, no tensors by name, or more than the limits allow.
        OSError: the disk.
    """
    try:
        tensors = _own(_named(_read(path)))
        save_file(tensors, target, metadata={"format": "pt"})
    except UnfitError:
        raise
    except (
        Exception
    ) as error:  # whatever a damaged file does to a decoder; only the disk is not the file's fault
        if isinstance(error, MemoryError) or any(words in str(error) for words in _NO_MEMORY):
            raise UnfitError("reading it needs more memory than its size allows") from None
        if number := _disk_error(error):
            raise OSError(number, os.strerror(number)) from None
        raise UnfitError(f"not weights that can be converted ({_first_line(error)})") from None
    with target.open("rb") as stream:
        os.fsync(stream.fileno())
    return sorted(tensors), sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())


def _read(path: Path) -> Any:
    with path.open("rb") as stream:
        can_map = stream.read(4) == b"PK\x03\x04"  # older files than torch 1.6 are read at once
    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=can_map)
    except pickle.UnpicklingError as error:
        code = _CODE.search(str(error))
        if code:
            raise UnfitError(
                f"asks for {code[1]}, which is code and not weights; it was not run, and nothing was kept: take an "
                "edition in safetensors"
            ) from None
        raise UnfitError("no checkpoint that torch reads; take another edition") from None
    except (EOFError, KeyError, IndexError, AttributeError, UnicodeDecodeError):
        raise UnfitError("no checkpoint that torch reads; take another edition") from None


def _named(found: Any) -> dict[str, Tensor]:
    for key in INSIDE:
        if isinstance(found, Mapping) and isinstance(found.get(key), Mapping):
            found = found[key]
            break
    if not isinstance(found, Mapping) or not found:
        raise UnfitError("holds no tensors by name; take another edition")
    for name, value in found.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise UnfitError(
                f"{name!r} is a {type(value).__name__}, not a tensor of a name; take another edition"
            )
    return dict(found)


def _own(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Each tensor in order and with bytes of its own, as safetensors keep them: every name comes back when loaded,
    whoever loads it. Tied ones are tied again by the model."""
    seen: set[int] = set()
    owned: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        tensor = tensor.detach()
        storage = tensor.untyped_storage()
        whole = storage.nbytes() == tensor.numel() * tensor.element_size()
        if storage.data_ptr() in seen or not whole or not tensor.is_contiguous():
            tensor = tensor.clone(memory_format=torch.contiguous_format)
        seen.add(storage.data_ptr())
        owned[name] = tensor
    return owned


def _limit(sizes: list[int]) -> None:
    allowed = limits(sizes)
    memory = psutil.Process().memory_info().vms + allowed.memory_bytes
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (allowed.processor_seconds, allowed.processor_seconds))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    written = allowed.file_bytes if soft == resource.RLIM_INFINITY else min(soft, allowed.file_bytes)
    resource.setrlimit(resource.RLIMIT_FSIZE, (written, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _end_with_parent() -> None:
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:
        prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)


def _disk_error(error: Exception) -> int | None:
    if isinstance(error, OSError):
        return error.errno
    # safetensors has one class for all that goes wrong.
    found = re.search(r"os error (\d+)", str(error))
    return int(found[1]) if found else None


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]


if __name__ == "__main__":
    sys.exit(main())
