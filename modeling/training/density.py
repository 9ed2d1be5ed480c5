"""Stage 1: train the density selector (section 3.1).

python -m modeling.training.density REQUEST.json ANSWER.jsonl
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from modeling.data.exchange import AnswerWriter
from modeling.data.snapshot import Snapshot, Study
from modeling.nn.checkpoint import save_checkpoint
from modeling.nn.density_selector import DENSITIES, DensitySelector
from modeling.training.config import DensityConfig
from modeling.training.measures import Floats, density_figures
from modeling.training.samples import DensityImages, study_batches
from modeling.training.stage import StageRequest, device, run_stage
from modeling.training.trainer import run_training
from modeling.training.validation import Validation


class DensityObjective(nn.Module):
    """Cross-entropy of the selector on single images."""

    def __init__(self, selector: DensitySelector) -> None:
        super().__init__()
        self.selector = selector

    def forward(self, images: Tensor, density: Tensor) -> dict[str, Tensor]:
        """images (N, H, W) in 0..255, density (N,) in 0..3."""
        logits = self.selector(images)  # (N, 4)
        return {"loss": functional.cross_entropy(logits, density), "logits": logits}


def train(request: StageRequest[DensityConfig], answer: AnswerWriter) -> None:
    """Train, save the selector, measure it on held-out patients and write their predictions."""
    config = request.config
    selector = DensitySelector(
        config.selector, image_size=config.image_size, pretrained_folder=config.pretrained_folder
    )
    train_classifier(request, answer, DensityObjective(selector), stage="density")


def train_classifier(
    request: StageRequest[DensityConfig], answer: AnswerWriter, objective: DensityObjective, *, stage: str
) -> None:
    """Train an encoder with its linear layer on single images, save it, and measure it by study and image."""
    config, snapshot, selector = request.config, request.snapshot, objective.selector
    rules: dict[str, Any] = {"seed": request.seed, "flip_right": config.flip_right}
    metrics = run_training(
        stage=stage,
        model=objective,
        config=config,
        samples=DensityImages(snapshot, **rules, shift_part=config.shift),
        validation=Validation(
            DensityImages(snapshot, **rules, shift_part=0.0, split="validation"),
            measure=lambda: _validation_figures(selector, snapshot, flip_right=config.flip_right),
        ),
        collate=DensityImages.collate,
        output=request.output,
        seed=request.seed,
        resume=request.resume,
        identity={"snapshot": snapshot.content_hash, "init": request.init_hashes()},
        stop=request.stop,
    )
    digest = save_checkpoint(
        request.weights, selector, training=config.to_dict(), snapshot=snapshot.content_hash
    )
    selector.eval()
    figures: dict[str, float | int | str | None] = {}
    for split in ("validation", "test"):
        studies = _with_density(snapshot, split)
        if studies:
            by_study, by_image = predict(selector, snapshot, studies, flip_right=config.flip_right)
            figures |= _figures(studies, by_study, by_image, prefix=f"{split}_")
            for study, row in zip(studies, by_study, strict=True):
                _write_predictions(answer, study, row, split)
    for metric in metrics:
        answer.write(metric)
    answer.write({"kind": "checkpoint", "path": str(request.weights), "sha256": digest, "metrics": figures})


@torch.inference_mode()
def predict(
    selector: DensitySelector, snapshot: Snapshot, studies: list[Study], *, flip_right: bool
) -> tuple[Floats, list[Floats]]:
    """Density probabilities of studies (N, 4), their images' mean, and of each one's images (V, 4)."""
    place = device()
    selector.to(place)
    by_image: list[Floats] = []
    for _, images, mask in study_batches(snapshot, studies, flip_right=flip_right):
        flat = selector(images[mask].to(place)).float().softmax(-1).double().cpu().numpy()
        by_image += np.split(flat, np.cumsum(mask.sum(1).numpy())[:-1])
    return np.stack([rows.mean(0) for rows in by_image]), by_image


def _validation_figures(
    selector: DensitySelector, snapshot: Snapshot, *, flip_right: bool
) -> dict[str, float | None]:
    """Between epochs: AUC and accuracy by study."""
    studies = _with_density(snapshot, "validation")
    by_study, _ = predict(selector, snapshot, studies, flip_right=flip_right)
    truth = [DENSITIES.index(str(study.density)) for study in studies]
    figures = density_figures(truth, by_study, prefix="")
    return {name: value for name, value in figures.items() if not isinstance(value, str)}


def _with_density(snapshot: Snapshot, split: str) -> list[Study]:
    return [study for study in snapshot.in_split(split) if study.density is not None]


def _figures(
    studies: list[Study], by_study: Floats, by_image: list[Floats], *, prefix: str
) -> dict[str, float | int | str | None]:
    truth = [DENSITIES.index(str(study.density)) for study in studies]
    of_images = [density for density, rows in zip(truth, by_image, strict=True) for _ in rows]
    return {
        **density_figures(truth, by_study, prefix=prefix),
        **density_figures(of_images, np.concatenate(by_image), prefix=f"{prefix}image_"),
        f"{prefix}studies": len(studies),
    }


def _write_predictions(answer: AnswerWriter, study: Study, row: Floats, split: str) -> None:
    for density, value in zip(DENSITIES, row.tolist(), strict=True):
        line: dict[str, Any] = {"kind": "prediction", "unit_kind": "study", "unit": study.study}
        answer.write(
            {**line, "name": f"density_{density}", "method": "image", "split": split, "value": value}
        )


if __name__ == "__main__":
    sys.exit(run_stage(sys.argv, DensityConfig, train))
