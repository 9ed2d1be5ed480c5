"""What is trained to prove the parts of the model on phantoms: cells that build on each other. No torch.

Every seed draws its own phantoms and its own weights, so that intervals cover both. Classifiers have five seeds, rows
with a language model three.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modeling.training.ablations import TABLE_3, TABLE_8

CLASSIFIER_SEEDS = 5
LANGUAGE_SEEDS = 3
# Stand-ins at tiny scale for the paper's candidates (Table 6), one of each family.
ENCODERS = {
    "ResNet-50": "test_resnet",
    "CLIP": "test_vit",
    "DINOv2": "test_vit2",
    "ConvNeXt-Base": "test_convnext2",
    "ConvNeXt-Tiny": "test_convnext",
}
# A study's report describes the whole study, so that its images stand against it together: found from one view alone
# (the preset), reports were retrieved 2.5 times better than by chance, so 4.0 times
# (seed 0, 86 studies; 3.5 times after 12 epochs).
DEFAULT = {"sample": "study", "batch_size": 12, "epochs": 8, "learning_rate": 1e-3}
# The paper's literal loss: what differs from the default is what the loss is made of, and nothing beside it.
FAITHFUL = {**DEFAULT, "negatives": "none", "normalise": False}
COMPARED = ("mirai", "contrastive", "ensemble")


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One piece of work: a snapshot or corpus to be drawn, or one training.

    Attributes:
        name: also its folder.
        stage: "snapshot", "corpus", or a training stage.
        needs: cells whose results it starts from, by the name under which the stage takes them.
    """

    name: str
    stage: str
    seed: int
    config: Mapping[str, Any] = field(default_factory=dict)
    needs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How large the proof is.

    Attributes:
        studies: phantom studies per seed.
        dialogues: of the text that the small language model is trained on.
        overrides: laid over every stage's setting (the tests' tiny one).
    """

    studies: int = 300
    dialogues: int = 4000
    classifier_seeds: int = CLASSIFIER_SEEDS
    language_seeds: int = LANGUAGE_SEEDS
    overrides: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def setting(self, stage: str, config: Mapping[str, Any]) -> dict[str, Any]:
        """The stage's setting at this scale."""
        return {"preset": "demo", **config, **self.overrides.get(stage, {}), **self.overrides.get("*", {})}


FULL = Scale()
_TINY_UMICON = {"hidden_size": 32, "text_layers": 1, "text_hidden_size": 32, "text_heads": 2}
# Every cell in seconds; its figures mean nothing.
TINY = Scale(
    studies=12,
    dialogues=60,
    classifier_seeds=2,
    language_seeds=1,
    overrides={
        "*": {"epochs": 1},
        "umicon_unsupervised": _TINY_UMICON,
        "umicon_supervised": _TINY_UMICON,
        "classifier": {"pretraining_epochs": 0},
        "sft": {"measured_questions": 2, "measured_tokens": 4},
        "language": {"hidden_size": 32, "layers": 1, "intermediate_size": 64, "vocabulary": 400},
    },
)


def cells(scale: Scale) -> list[Cell]:
    """Every cell, each after those it needs; a seed after the other, of each what the headline figures need first.

    A seed's cells build on each other's weights and on no other seed's, so that a machine that is lent for half an
    hour can do a whole seed and hand on its results alone.
    """
    found: list[Cell] = []
    for seed in range(scale.classifier_seeds):
        found += _classifiers(seed, scale)
        if seed < scale.language_seeds:
            found += _language(seed, scale)
        found += _ablations(seed, scale)
        if seed < scale.language_seeds:
            found += _mappings(seed, scale)
        found += _compared(seed, scale)
    return found


def fingerprints(plan: Sequence[Cell]) -> dict[str, str]:
    """By cell's name: SHA-256 (12 hex digits) of its setting and of those of all that it builds on.

    A result that was kept counts for a plan only where this is equal.
    """
    found: dict[str, str] = {}
    for cell in plan:
        needs = {name: found[need] for name, need in sorted(cell.needs.items())}
        told = json.dumps([cell.name, cell.stage, cell.seed, dict(cell.config), needs], sort_keys=True)
        found[cell.name] = hashlib.sha256(told.encode()).hexdigest()[:12]
    return found


# What a cell was asked for, beside its result.
SETTING_FILE = "setting.txt"
RESULT_FILE = "result.json"
# Held by the process that is at the cell.
LOCK_FILE = "lock"


def own_setting(cell: Cell) -> str:
    """SHA-256 (12 hex digits) of what this cell itself is asked for."""
    told = json.dumps([cell.stage, cell.seed, dict(cell.config), dict(cell.needs)], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:12]


def forget_stale(folder: Path, plan: Sequence[Cell]) -> list[str]:
    """Remove cells that were done under another setting than the plan's, and all that builds on them.

    One that a process is at (it holds the cell's lock) is left to it.

    Returns:
        Names of those that were removed.
    """
    return [name for name in stale_cells(folder, plan) if _removed(folder / name)]


def stale_cells(folder: Path, plan: Sequence[Cell]) -> list[str]:
    """Names of the cells of a folder that were done under another setting than the plan's, or build on such."""
    stale: list[str] = []
    for cell in plan:
        setting = folder / cell.name / SETTING_FILE
        is_other = setting.exists() and setting.read_text("utf-8") != own_setting(cell)
        if is_other or (set(stale) & set(cell.needs.values()) and (folder / cell.name).exists()):
            stale.append(cell.name)
    return stale


def _removed(place: Path) -> bool:
    with (place / LOCK_FILE).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        (place / RESULT_FILE).unlink(missing_ok=True)  # first: without it the cell counts for nothing
        for entry in place.iterdir():
            if entry.is_dir():
                shutil.rmtree(entry)
            elif entry.name != LOCK_FILE:
                entry.unlink()
    return True


def due(plan: Sequence[Cell], results: Collection[str], here: Collection[str]) -> list[Cell]:
    """Cells still to be done, in the plan's order.

    Args:
        plan: every cell, each after those it needs.
        results: names whose result is known, from here or kept from elsewhere.
        here: names whose folder (and so whose weights) is on this machine; what is known only from elsewhere is done
            once more where another cell starts from it.
    """
    wanted = {cell.name for cell in plan if cell.name not in results}
    for cell in reversed(plan):
        if cell.name in wanted:
            wanted |= {need for need in cell.needs.values() if need not in here}
    return [cell for cell in plan if cell.name in wanted]


def _train(
    stage: str, variant: str, seed: int, scale: Scale, config: Mapping[str, Any], **needs: str
) -> Cell:
    name = f"{stage}-{variant}-{seed}" if variant else f"{stage}-{seed}"
    return Cell(name=name, stage=stage, seed=seed, config=scale.setting(stage, config), needs=needs)


def _classifiers(seed: int, scale: Scale) -> list[Cell]:
    data = Cell(name=f"snapshot-{seed}", stage="snapshot", seed=seed, config={"studies": scale.studies})
    start = {"snapshot": data.name, "density": f"density-{seed}"}
    return [
        data,
        _train("density", "", seed, scale, {}, snapshot=data.name),
        _train("umicon_unsupervised", "umicon", seed, scale, _unsupervised("umicon"), **start),
        _train("umicon_unsupervised", "faithful", seed, scale, FAITHFUL, **start),
        _supervised("umicon", seed, scale),
    ]


def _unsupervised(row: str) -> dict[str, Any]:
    """What a row of Table 8 asks of the unsupervised stage, over what every row has alike."""
    return {**DEFAULT, **(TABLE_8[row].unsupervised or {})}


def _supervised(row: str, seed: int, scale: Scale) -> Cell:
    """The supervised stage of a row of Table 8, from the unsupervised weights that the row asks for."""
    ablation = TABLE_8[row]
    start = {"snapshot": f"snapshot-{seed}"}
    if ablation.unsupervised is None:
        start["density"] = f"density-{seed}"
    else:
        start["umicon"] = f"umicon_unsupervised-{'unimodal' if row == 'unimodal' else 'umicon'}-{seed}"
    return _train("umicon_supervised", row, seed, scale, ablation.supervised, **start)


def _ablations(seed: int, scale: Scale) -> list[Cell]:
    start = {"snapshot": f"snapshot-{seed}", "density": f"density-{seed}"}
    return [
        _train("umicon_unsupervised", "unimodal", seed, scale, _unsupervised("unimodal"), **start),
        *(_supervised(row, seed, scale) for row in TABLE_8 if row != "umicon"),
    ]


def _language(seed: int, scale: Scale) -> list[Cell]:
    text = Cell(name=f"corpus-{seed}", stage="corpus", seed=seed, config={"dialogues": scale.dialogues})
    return [
        text,
        _train("language", "", seed, scale, {}, corpus=text.name),
        _tuned("moe_umicon_sft", seed, scale),
    ]


def _mappings(seed: int, scale: Scale) -> list[Cell]:
    return [_tuned(row, seed, scale) for row in TABLE_3 if row != "moe_umicon_sft"]


def _tuned(row: str, seed: int, scale: Scale) -> Cell:
    """SFT as a row of Table 3 asks for it."""
    whole = {"with_malignancy": True, "measure_untuned": True} if row == "moe_umicon_sft" else {}
    start = {
        "snapshot": f"snapshot-{seed}", "umicon": f"umicon_supervised-umicon-{seed}",
        "language_model": f"language-{seed}",
    }  # fmt: skip
    return _train("sft", row, seed, scale, {**TABLE_3[row].sft, **whole}, **start)


def _compared(seed: int, scale: Scale) -> list[Cell]:
    data = {"snapshot": f"snapshot-{seed}"}
    probes = [
        _train("encoder_probe", label, seed, scale, {"selector": name}, **data)
        for label, name in ENCODERS.items()
    ]
    classifiers = [
        _train("classifier", method, seed, scale, {"method": method}, **data) for method in COMPARED
    ]
    return [*probes, *classifiers]
