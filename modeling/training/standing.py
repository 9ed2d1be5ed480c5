"""What a training run stands on: the weights that it reads, and the code and machine of each of its attempts."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modeling.data.exchange import AnswerWriter
from modeling.data.model_folders import licence_in, weights_folder
from modeling.data.snapshot import file_sha256
from modeling.nn.checkpoint import CONFIG_FILE
from modeling.nn.experts import weights_file
from modeling.nn.language import weights_sha256
from modeling.training.config import StageConfig
from modeling.training.distributed import rank

ATTEMPTS_FILE = "attempts.json"
# Beside the weights that a stage of language models writes, and handed on with them.
TRAINING_FILE = "training.json"


class StageAnswer(AnswerWriter):
    """Writes a stage's rows; what is known before the training stands among every checkpoint's figures."""

    figures: Mapping[str, Any] = {}

    def write(self, row: Mapping[str, Any]) -> None:
        """Add one row."""
        if row["kind"] == "checkpoint":
            row = {**row, "metrics": {**(row.get("metrics") or {}), **self.figures}}
        super().write(row)


def weights_read(config: Any, init: Mapping[str, Path]) -> dict[str, str]:
    """SHA-256 of all weights that a run begins with: of its checkpoints by their names, and of pretrained folders.

    Raises EncoderError, BadRequestError for a folder of the setting that is not there.
    """
    found = {
        name: weights_sha256(folder) for name, folder in init.items() if any(folder.glob("*.safetensors"))
    }
    if getattr(config, "pretrained_folder", None):
        found["pretrained"] = file_sha256(weights_file(config.pretrained_folder))
    if "umicon" in init:  # it comes whole: nothing else is read
        return found
    for name, folder in getattr(config, "pretrained_folders", {}).items():
        found[f"pretrained {name}"] = file_sha256(weights_file(folder))
    if getattr(config, "text_folder", None):
        found["pretrained text"] = weights_sha256(weights_folder(config.text_folder))
    return found


def random_parts(config: Any, init: Mapping[str, Path]) -> list[str]:
    """The encoders of a setting that begin with random weights, since no folder is named for them."""
    if hasattr(config, "pretrained_folder"):
        encoder = config.selector if hasattr(config, "selector") else config.encoder
        return [] if config.pretrained_folder else [str(encoder)]
    if "umicon" in init or not hasattr(config, "pretrained_folders"):
        return []
    given = set(config.pretrained_folders)
    if config.start_from_selector and "density" in init:
        given |= {name for name, model in config.experts.items() if model == _encoder_of(init["density"])}
    experts = [f"{name} ({model})" for name, model in config.experts.items() if name not in given]
    return experts if config.text_folder else [*experts, "text"]


def training_note(
    stage: str,
    *,
    config: StageConfig,
    learned_from: Mapping[str, str],
    seed: int,
    hashes: Mapping[str, str],
    init: Mapping[str, Path],
) -> dict[str, str]:
    """The file that stands beside a finished model: what it learned from, by which setting, from which weights.

    Args:
        learned_from: content hash of its snapshot, or hash of its corpus.
    """
    told = {
        "stage": stage,
        **learned_from,
        "training": config.to_dict(),
        "seed": seed,
        "weights_sha256": dict(hashes),
        "base_licences": {name: licence for name, folder in init.items() if (licence := _licence_of(folder))},
    }
    return {TRAINING_FILE: json.dumps(told, ensure_ascii=False, indent=1, sort_keys=True)}


def _licence_of(folder: Path) -> str:
    """The licence of a starting model, or of the one that it was tuned from."""
    own = licence_in(folder)
    try:
        before = json.loads((folder / TRAINING_FILE).read_text("utf-8"))["base_licences"]
        return own or "; ".join(sorted(set(before.values())))
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return own


def note_attempt(output: Path, told: Mapping[str, str], *, resume: bool) -> dict[str, str]:
    """Keep beside the run what this attempt runs on; say on standard error what an earlier one ran on instead.

    Returns:
        told; with earlier attempts that ran on something else, also what that was.
    """
    path = output / ATTEMPTS_FILE
    earlier = json.loads(path.read_text("utf-8")) if resume and path.exists() else []
    if rank() == 0:
        output.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{ATTEMPTS_FILE}.part")
        part.write_text(json.dumps([*earlier, dict(told)], indent=1, sort_keys=True), "utf-8")
        part.replace(path)
    others = []
    for number, before in enumerate(earlier, start=1):
        changed = [name for name in sorted({*before, *told}) if before.get(name) != told.get(name)]
        if changed:
            others.append(f"{number}: " + ", ".join(f"{name} {before.get(name, '-')}" for name in changed))
            if rank() == 0:
                now = ", ".join(f"{name} {told.get(name, '-')}" for name in changed)
                sys.stderr.write(f"{output}: attempt {others[-1]}; this one goes on with {now}\n")
    return {**told, "earlier attempts": "; ".join(others)} if others else dict(told)


def _encoder_of(density: Path) -> str:
    try:
        return str(json.loads((density / CONFIG_FILE).read_text("utf-8"))["model"]["name"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""  # the stage itself tells what is wrong with it
