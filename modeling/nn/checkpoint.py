"""Checkpoints on disk: config.json (architecture and training setting), model.safetensors, tokenizer/."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

from safetensors.torch import load_file, save_file
from torch import nn
from transformers import PreTrainedTokenizerBase

from modeling.data.snapshot import file_sha256, sync_folder
from modeling.nn.classifiers import BreastClassifier
from modeling.nn.density_selector import DensitySelector
from modeling.nn.text_encoder import load_tokenizer
from modeling.nn.umicon import UMiConWithExperts

FORMAT = 1
WEIGHTS_FILE = "model.safetensors"
CONFIG_FILE = "config.json"
TOKENIZER_FOLDER = "tokenizer"


class CheckpointError(ValueError):
    """A checkpoint folder that cannot be loaded; the message names it."""


class Rebuildable(Protocol):
    """A module that can describe its architecture and be built again from the description."""

    def spec(self) -> dict[str, Any]: ...

    @classmethod
    def from_spec(cls, spec: dict[str, Any]) -> Self: ...


_Module = TypeVar("_Module", DensitySelector, UMiConWithExperts, BreastClassifier)


def save_checkpoint(
    folder: Path | str,
    module: DensitySelector | UMiConWithExperts | BreastClassifier,
    *,
    training: Mapping[str, Any],
    snapshot: str,
    tokenizer: PreTrainedTokenizerBase | None = None,
) -> str:
    """Write the folder whole or not at all, replacing an earlier one; returns the SHA-256 of the weights.

    `training` is the stage's setting, `snapshot` the content hash of what it was trained on.
    """
    folder = Path(folder)
    part = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        weights = {name: value.detach().cpu().contiguous() for name, value in module.state_dict().items()}
        save_file(weights, part / WEIGHTS_FILE, metadata={"format": "pt"})
        digest = file_sha256(part / WEIGHTS_FILE)
        config = {
            "format": FORMAT,
            "class": type(module).__name__,
            "model": module.spec(),
            "training": dict(training),
            "snapshot": snapshot,
            "weights_sha256": digest,
        }
        (part / CONFIG_FILE).write_text(json.dumps(config, indent=1, sort_keys=True), "utf-8")
        if tokenizer is not None:
            tokenizer.save_pretrained(str(part / TOKENIZER_FOLDER))
        sync_folder(part)
        publish_folder(part, folder)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return digest


def publish_folder(part: Path, folder: Path) -> None:
    """Rename a finished folder to its place; an earlier one is moved aside first and removed afterwards."""
    old = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    if folder.exists():
        folder.replace(old)
    part.replace(folder)
    shutil.rmtree(old, ignore_errors=True)


def load_selector(folder: Path | str) -> DensitySelector:
    """The density selector of a checkpoint, in evaluation mode. Raises CheckpointError."""
    return _load(Path(folder), DensitySelector)


def load_umicon(folder: Path | str) -> tuple[UMiConWithExperts, PreTrainedTokenizerBase]:
    """Experts and UMiCon in evaluation mode, and the report tokenizer. Raises CheckpointError."""
    return _load(Path(folder), UMiConWithExperts), load_tokenizer(Path(folder) / TOKENIZER_FOLDER)


def load_classifier(folder: Path | str) -> BreastClassifier:
    """A compared classifier of Table 7, in evaluation mode. Raises CheckpointError."""
    return _load(Path(folder), BreastClassifier)


def _load(folder: Path, kind: type[_Module]) -> _Module:
    try:
        config = json.loads((folder / CONFIG_FILE).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{folder}: no readable {CONFIG_FILE} ({error})") from error
    if config.get("format") != FORMAT or config.get("class") != kind.__name__:
        raise CheckpointError(f"{folder}: holds {config.get('class')!r}, expected {kind.__name__!r}")
    path = folder / WEIGHTS_FILE
    if not path.exists() or file_sha256(path) != config["weights_sha256"]:
        raise CheckpointError(f"{path}: missing or changed since it was saved (wrong SHA-256)")
    module = kind.from_spec(config["model"])
    load_into(module, path)
    return module.eval()


def load_into(module: nn.Module, path: Path) -> None:
    """Load safetensors into a module; every name must match. Raises CheckpointError naming what does not."""
    missing, unexpected = module.load_state_dict(load_file(path), strict=False)
    if missing or unexpected:
        raise CheckpointError(f"{path}: missing {missing[:3]}, unexpected {unexpected[:3]}")
