"""Synthetic mammography studies and a frozen training set of them.

A planned case (density, what was biopsied, what the report says) becomes four images, a blanked report and
questions with true answers. Every number comes from one seed.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from modeling.data.phantom_anatomy import (
    CONSPICUITIES,
    DENSITIES,
    VIEWS,
    Breast,
    Density,
    Laterality,
    Lesion,
    PathologyClass,
    Phantom,
    PlannedLesion,
    draw_phantom,
    resolve_conspicuity,
)
from modeling.data.phantom_rendering import render_study, render_view
from modeling.data.phantom_texts import (
    KIND_WEIGHTS,
    STYLES,
    Category,
    Finding,
    ImageFacts,
    Language,
    QuestionKind,
    draw_question,
    findings_text,
    true_answer,
    wrong_answers,
)
from modeling.data.phantom_texts import dialogues as invented_dialogues
from modeling.data.preprocessing import Floats, fit
from modeling.data.snapshot import FORMAT, Images, file_sha256, manifest_hash

__all__ = [
    "CONSPICUITIES",
    "VIEWS",
    "Breast",
    "Lesion",
    "Phantom",
    "PlannedLesion",
    "PlannedStudy",
    "draw_phantom",
    "image_facts",
    "plan_study",
    "render_study",
    "render_view",
    "reported_findings",
    "write_phantom_corpus",
    "write_phantom_snapshot",
]

# A radiologist's description agrees with pathology this often, so the report alone cannot settle a case.
DESCRIPTION_AGREEMENT = 0.8
DENSITY_WEIGHTS = (0.18, 0.27, 0.30, 0.25)
BIOPSIED_SHARE = 0.78
HIGH_RISK_SHARE = 0.04


@dataclass(frozen=True)
class PlannedStudy:
    """A study before it is drawn: its density, its finding, the pathology and the reported categories."""

    seed: int
    density: Density
    planned: tuple[PlannedLesion, ...]
    pathology: Mapping[Laterality, PathologyClass]
    described_suspicious: bool
    birads: Mapping[Laterality, str]  # as reported: "1", "2", "3", "4A", "4B", "4C", "5"

    @property
    def overall(self) -> str:
        """Most severe reported category."""
        return max(self.birads.values())


def plan_study(
    rng: random.Random, *, density: Density | None = None, biopsied: bool | None = None
) -> PlannedStudy:
    """Draw one study's plan; `density` and `biopsied` fix what would otherwise be drawn."""
    seed = rng.getrandbits(31)
    density = density or rng.choices(DENSITIES, weights=DENSITY_WEIGHTS)[0]
    side: Laterality = rng.choice(("L", "R"))
    other: Laterality = "R" if side == "L" else "L"
    biopsied = rng.random() < BIOPSIED_SHARE if biopsied is None else biopsied
    if not biopsied:
        scattered = rng.random() < 0.5
        planned = (PlannedLesion(side, False, scattered=True),) if scattered else ()
        return PlannedStudy(seed, density, planned, {}, False, {side: "2" if scattered else "1", other: "1"})
    draw = rng.random()
    outcome: PathologyClass = "malignant" if draw < 0.5 else "benign"
    if 0.5 <= draw < 0.5 + HIGH_RISK_SHARE:
        outcome = "high_risk"
    malignant = outcome == "malignant"
    suspicious = malignant if rng.random() < DESCRIPTION_AGREEMENT else not malignant
    category = rng.choice(("4A", "4B", "4C", "5")) if suspicious else rng.choice(("3", "3", "3", "4A"))
    return PlannedStudy(
        seed,
        density,
        (PlannedLesion(side, malignant),),
        {side: outcome},
        suspicious,
        {side: category, other: "1"},
    )


def reported_findings(phantom: Phantom, suspicious: bool) -> list[Finding]:
    """The phantom's lesions as a radiologist of that opinion describes them."""
    return [
        Finding(
            lesion.laterality,
            lesion.kind,
            suspicious,
            lesion.quadrant,
            round(lesion.radius_mm * 2),
        )
        for breast in phantom.breasts.values()
        for lesion in breast.lesions
    ]


def image_facts(phantom: Phantom) -> ImageFacts:
    """What the images themselves show: density, the category of the worst lesion, and that lesion.

    1 nothing; 2 scattered coarse calcifications; 3 a lesion of benign look; 4 a lesion of malignant look.
    """
    lesions = [lesion for breast in phantom.breasts.values() for lesion in breast.lesions]
    if not lesions:
        return ImageFacts(phantom.density, "1", None)
    worst = max(lesions, key=lambda lesion: (lesion.malignant_look, not lesion.scattered))
    category: Category = "4" if worst.malignant_look else "2" if worst.scattered else "3"
    finding = Finding(
        worst.laterality, worst.kind, worst.malignant_look, worst.quadrant, round(worst.radius_mm * 2)
    )
    return ImageFacts(phantom.density, category, finding)


def write_phantom_snapshot(
    folder: Path | str,
    *,
    studies: int,
    seed: int,
    height: int = 126,
    width: int = 100,
    conspicuity: str = "easy",
    questions_per_study: int = 4,
    cut_to_breast: bool = False,
) -> Path:
    """Write a snapshot folder of phantoms: manifest, images, studies, questions with true answers.

    Split 70 : 10 : 20 by patient; one patient in ten has two studies. With `cut_to_breast` views are drawn at twice
    the size, cut to the breast and fitted, as the archive's viewing copies are. The folder appears whole or not at
    all. Raises FileExistsError when it is there already, ValueError on a bad count or setting.
    """
    target = Path(folder)
    if studies < 10:
        raise ValueError(f"studies={studies} is too few to split by patient: 10 is the least")
    resolve_conspicuity(conspicuity)
    if target.exists():
        raise FileExistsError(f"{target} exists: choose another folder or remove it")
    partial = target.with_name(target.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    frame = Frame(height, width, cut_to_breast)
    rows, questions = _write_images(partial, studies, seed, frame, conspicuity, questions_per_study)
    _write_lines(partial / "studies.jsonl", rows)
    _write_lines(partial / "sft.jsonl", questions)
    names = ("images.npy", "sft.jsonl", "studies.jsonl")
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "name": target.name,
        "image": {"height": height, "width": width, "dtype": "uint8"},
        "files": {name: file_sha256(partial / name) for name in names},
        "counts": {
            "studies": len(rows),
            "patients": len({row["patient"] for row in rows}),
            "images": 4 * len(rows),
            "questions": len(questions),
        },
        "simulated": True,
    }
    manifest["content_hash"] = manifest_hash(manifest)
    (partial / "manifest.json").write_text(json.dumps(manifest, indent=1, sort_keys=True), encoding="utf-8")
    os.replace(partial, target)
    return target


def write_phantom_corpus(path: Path | str, *, dialogues: int, seed: int) -> Path:
    """Write a corpus of invented dialogues for the language stage, one JSON object a line."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    _write_lines(target, invented_dialogues(seed, dialogues))
    return target


@dataclass(frozen=True)
class Frame:
    """The pixels of a stored view, and whether the breast alone fills them."""

    height: int
    width: int
    cut_to_breast: bool

    def views_of(self, phantom: Phantom) -> Images:
        """(4, H, W) uint8 in the order of VIEWS."""
        if not self.cut_to_breast:
            views = render_study(phantom, height=self.height, width=self.width)
            return np.round(views * 255).astype(np.uint8)
        drawn = render_study(phantom, height=2 * self.height, width=2 * self.width)
        return np.stack([
            fit(_breast_of(view), height=self.height, width=self.width, laterality=side)
            for view, (side, _) in zip(drawn, VIEWS, strict=True)
        ])  # fmt: skip


def _breast_of(view: Floats) -> Floats:
    """The smallest part of a view that holds all that is not background (exactly 0)."""
    rows, columns = np.nonzero(view.any(1))[0], np.nonzero(view.any(0))[0]
    return np.ascontiguousarray(view[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])


def _write_images(
    folder: Path, studies: int, seed: int, frame: Frame, conspicuity: str, per_study: int
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    rng = random.Random(f"phantom snapshot {seed}")  # noqa: S311 (cases, not secrets)
    images = np.lib.format.open_memmap(
        folder / "images.npy", mode="w+", dtype=np.uint8, shape=(4 * studies, frame.height, frame.width)
    )
    rows: list[dict[str, Any]] = []
    questions: list[dict[str, Any]] = []
    patient, split, plan, returning = "", "train", plan_study(rng), False
    for number in range(studies):
        returning = number > 0 and not returning and rng.random() < 0.1
        if returning:
            plan = plan_study(rng, density=plan.density)
        else:
            patient, plan = _new_id(rng), plan_study(rng)
            split = _split_of(number, studies)
        phantom = draw_phantom(plan.seed, density=plan.density, planned=plan.planned, conspicuity=conspicuity)
        images[4 * number : 4 * number + 4] = frame.views_of(phantom)
        row = _study_row(rng, patient, split, plan, phantom, 4 * number)
        rows.append(row)
        questions += [_question_row(rng, row, phantom, index) for index in range(per_study)]
    images.flush()
    return rows, questions


def _split_of(number: int, studies: int) -> str:
    """The first 70 % of studies train, the next 10 % validate, the rest test (plans are drawn unordered)."""
    share = number / studies
    return "train" if share < 0.7 else "validation" if share < 0.8 else "test"


def _study_row(
    rng: random.Random, patient: str, split: str, plan: PlannedStudy, phantom: Phantom, first: int
) -> dict[str, Any]:
    language: Language = "en" if rng.random() < 0.3 else "zh"
    return {
        "study": _new_id(rng),
        "patient": patient,
        "split": split,
        "density": plan.density,
        "age": rng.randint(32, 78),
        "birads": {"left": plan.birads["L"], "right": plan.birads["R"], "overall": plan.overall},
        "report": findings_text(
            plan.density, reported_findings(phantom, plan.described_suspicious), language, rng
        ),
        "language": language,
        "views": [
            {"index": first + offset, "laterality": side, "view": view}
            for offset, (side, view) in enumerate(VIEWS)
        ],
        "pathology": [{"laterality": side, "class": name} for side, name in plan.pathology.items()],
    }


def _question_row(rng: random.Random, row: Mapping[str, Any], phantom: Phantom, index: int) -> dict[str, Any]:
    # The first two questions of a study ask about density, so that half of all answers state it.
    others = [kind for kind in KIND_WEIGHTS if kind != "density"]
    kind: QuestionKind = "density" if index < 2 else rng.choice(others)
    question = draw_question(kind, "en" if rng.random() < 0.3 else "zh", rng)
    facts = image_facts(phantom)
    return {
        "id": _new_id(rng),
        "patient": row["patient"],
        "study": row["study"],
        "split": row["split"],
        "language": question.language,
        "turns": list(question.turns),
        "answer": true_answer(question, facts, rng.choice(STYLES)),
        "rejected": wrong_answers(question, facts, rng),
    }


def _new_id(rng: random.Random) -> str:
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def _write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as stream:
        for row in rows:
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")
