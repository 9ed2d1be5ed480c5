"""The classifiers of Table 7 that are not UMiCon, on the same breasts, patients and measures.

python -m modeling.training.classifier REQUEST.json ANSWER.jsonl
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from modeling.data.augmentation import generator, shift
from modeling.data.exchange import AnswerWriter
from modeling.data.snapshot import Images, Snapshot
from modeling.nn.checkpoint import save_checkpoint
from modeling.nn.classifiers import PLACES, BreastClassifier
from modeling.training.config import ClassifierConfig
from modeling.training.distributed import world_size
from modeling.training.measures import Floats, auc, judged_by_validation
from modeling.training.samples import stack_views, view_images
from modeling.training.stage import StageRequest, device, run_stage
from modeling.training.trainer import run_training
from modeling.training.umicon_supervised import Breast, biopsied_breasts
from modeling.training.validation import Validation


@dataclass(frozen=True)
class CaseSample:
    """A breast with all views of its study."""

    images: Images
    own: tuple[bool, ...]
    places: tuple[int, ...]
    malignant: bool


class CaseSamples:
    """A split's biopsied breasts."""

    def __init__(
        self,
        snapshot: Snapshot,
        config: ClassifierConfig,
        *,
        seed: int,
        split: str = "train",
        moved: bool = True,
    ) -> None:
        self.snapshot = snapshot
        self.setting = config
        self.seed = seed
        self.part = config.shift if moved else 0.0
        self.items = biopsied_breasts(snapshot.in_split(split), high_risk=config.high_risk)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, key: tuple[int, int]) -> CaseSample:
        epoch, index = key
        breast = self.items[index]
        views = breast.study.views
        images = view_images(self.snapshot, views, flip_right=self.setting.flip_right)
        return CaseSample(
            images=shift(images, generator(self.seed, epoch, "case", breast.views[0].index), part=self.part),
            own=tuple(view.laterality == breast.laterality for view in views),
            places=tuple(PLACES.index((view.laterality, view.view)) for view in views),
            malignant=breast.malignant,
        )

    @staticmethod
    def collate(items: Sequence[CaseSample]) -> dict[str, Any]:
        """images (B, V, H, W); view_mask, own, places (B, V); labels (B,)."""
        images, mask = stack_views([item.images for item in items])
        own, places = torch.zeros_like(mask), torch.zeros(mask.shape, dtype=torch.long)
        for row, item in enumerate(items):
            own[row, : len(item.own)] = torch.tensor(item.own)
            places[row, : len(item.places)] = torch.tensor(item.places)
        labels = torch.tensor([item.malignant for item in items], dtype=torch.float32)
        return {"images": images, "view_mask": mask, "own": own, "places": places, "labels": labels}


class ClassifierObjective(nn.Module):
    """Cross-entropy of every member; before it, with supervised contrast, some epochs of that alone."""

    def __init__(self, model: BreastClassifier) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, images: Tensor, view_mask: Tensor, own: Tensor, places: Tensor, labels: Tensor,
        pretraining: bool = False,
    ) -> dict[str, Tensor]:  # fmt: skip
        """Shapes as `CaseSamples.collate` gives them."""
        if pretraining:
            return {"loss": self.model.contrast(images, view_mask, own, labels)}
        logits = self.model(images, view_mask, own, places)  # (B, members)
        # Members share nothing: the sum trains each as if it were alone.
        each = functional.binary_cross_entropy_with_logits(logits, labels[:, None].expand_as(logits))
        return {"loss": each * logits.shape[1], "logits": logits}


def train(request: StageRequest[ClassifierConfig], answer: AnswerWriter) -> None:
    """Train, save the classifier, measure it on held-out patients and write their predictions."""
    config, snapshot = request.config, request.snapshot
    model = BreastClassifier(
        config.method, encoder=config.encoder, image_size=config.image_size, width=config.width,
        pretrained_folder=config.pretrained_folder,
    )  # fmt: skip
    samples = CaseSamples(snapshot, config, seed=request.seed)
    held_out = CaseSamples(snapshot, config, seed=request.seed, split="validation", moved=False)
    metrics = run_training(
        stage="classifier",
        model=ClassifierObjective(model),
        config=config,
        samples=samples,
        validation=Validation(
            held_out,
            measure=lambda: _validation_figures(model, held_out),
            after_epoch=pretraining_epochs(config),  # the head is untrained until then
        ),
        collate=CaseSamples.collate,
        output=request.output,
        seed=request.seed,
        resume=request.resume,
        identity={"snapshot": snapshot.content_hash, "init": request.init_hashes()},
        stop=request.stop,
        each_step=phase(config, len(samples)),
    )
    digest = save_checkpoint(
        request.weights, model, training=config.to_dict(), snapshot=snapshot.content_hash
    )
    figures: dict[str, Any] = {"method": config.method}
    judged: dict[str, tuple[npt.NDArray[np.int64], Floats]] = {}
    for split in ("validation", "test"):
        breasts = biopsied_breasts(snapshot.in_split(split), high_risk=config.high_risk)
        if breasts:
            scores = predict(model, CaseSamples(snapshot, config, seed=0, split=split, moved=False))
            figures |= _figures(breasts, scores, prefix=f"{split}_")
            judged[split] = _truth(breasts), scores
            _write_predictions(answer, breasts, scores, split)
    if len(judged) == 2:
        figures |= judged_by_validation(judged["validation"], judged["test"], prefix="test_image_")
    for metric in metrics:
        answer.write(metric)
    answer.write({"kind": "checkpoint", "path": str(request.weights), "sha256": digest, "metrics": figures})


def pretraining_epochs(config: ClassifierConfig) -> int:
    """First epochs that learn by supervised contrast alone."""
    return config.pretraining_epochs if config.method == "contrastive" else 0


def phase(config: ClassifierConfig, samples: int) -> Callable[[int], Mapping[str, bool]]:
    """Which loss an optimiser step has: supervised contrast in the first epochs where the method asks for it."""
    batches = math.ceil(samples / (config.batch_size * world_size()))
    last = pretraining_epochs(config) * math.ceil(batches / config.gradient_accumulation)

    def of_step(step: int) -> Mapping[str, bool]:
        return {"pretraining": step < last}

    return of_step


@torch.inference_mode()
def predict(model: BreastClassifier, cases: CaseSamples, *, size: int = 16) -> Floats:
    """Probability of malignancy (N,) of the cases in order."""
    place = device()
    model.to(place).eval()
    found = []
    for first in range(0, len(cases), size):
        items = [cases[0, index] for index in range(first, min(first + size, len(cases)))]
        batch = {name: tensor.to(place) for name, tensor in cases.collate(items).items() if name != "labels"}
        found.append(model.probability(model(**batch)).double().cpu().numpy())
    return np.concatenate(found)


def _validation_figures(model: BreastClassifier, held_out: CaseSamples) -> dict[str, float | None]:
    """Between epochs: AUC and accuracy from images."""
    figures = _figures(held_out.items, predict(model, held_out), prefix="")
    return {name: figures[name] for name in ("image_auc", "image_accuracy")}


def _figures(breasts: Sequence[Breast], scores: Floats, *, prefix: str) -> dict[str, Any]:
    truth = _truth(breasts)
    return {
        f"{prefix}image_auc": auc(truth, scores),
        f"{prefix}image_accuracy": float(((scores >= 0.5) == truth).mean()),
        f"{prefix}breasts": len(breasts),
        f"{prefix}malignant": int(truth.sum()),
    }


def _truth(breasts: Sequence[Breast]) -> npt.NDArray[np.int64]:
    return np.array([int(breast.malignant) for breast in breasts])


def _write_predictions(answer: AnswerWriter, breasts: Sequence[Breast], scores: Floats, split: str) -> None:
    for breast, score in zip(breasts, scores.tolist(), strict=True):
        answer.write(
            {"kind": "prediction", "unit_kind": "breast", "unit": breast.unit, "name": "malignancy",
             "method": "image", "split": split, "value": score}
        )  # fmt: skip


if __name__ == "__main__":
    sys.exit(run_stage(sys.argv, ClassifierConfig, train))
