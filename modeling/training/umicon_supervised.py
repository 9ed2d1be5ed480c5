"""Stage 3: benign (BI-RADS 3) against malignant (4) on biopsied breasts, images with reports (section 3.2).

python -m modeling.training.umicon_supervised REQUEST.json ANSWER.jsonl
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedTokenizerBase

from modeling.data.augmentation import generator, shift
from modeling.data.exchange import AnswerWriter, BadRequestError
from modeling.data.snapshot import Images, Snapshot, Study, View
from modeling.nn.checkpoint import load_umicon, save_checkpoint
from modeling.nn.losses import label_loss
from modeling.nn.text_encoder import encode_reports
from modeling.nn.umicon import UMiCon, UMiConWithExperts
from modeling.training.config import UmiconSupervisedConfig
from modeling.training.measures import Floats, auc, judged_by_validation
from modeling.training.samples import stack_views, view_images
from modeling.training.stage import StageRequest, device, run_stage
from modeling.training.trainer import run_training
from modeling.training.umicon import (
    build_model,
    encode_studies,
    expert_draw,
    patient_codes,
    readable_density,
    trained_experts,
)
from modeling.training.validation import Validation

METHODS = ("image", "report", "fused")
# What weights of the unsupervised stage decide; the setting must say the same.
TAKEN_OVER = ("experts", "pooling", "hidden_size", "vector_size", "normalise", "residual", "text_pooling")
# How far one step moves the stand-ins of a missing modality towards the batch's mean.
MEAN_MOMENTUM = 0.05


@dataclass(frozen=True)
class Breast:
    """One biopsied breast: the unit of this stage."""

    study: Study
    laterality: str
    views: tuple[View, ...]
    malignant: bool

    @property
    def unit(self) -> str:
        """Its name in prediction rows."""
        return f"{self.study.study}:{self.laterality}"


@dataclass(frozen=True)
class BreastSample:
    """A breast as one training sample."""

    images: Images
    report: str
    malignant: bool
    patient: int
    with_image: bool
    with_report: bool
    has_report: bool


def biopsied_breasts(studies: Sequence[Study], *, high_risk: str) -> list[Breast]:
    """The biopsied breasts that have images. A breast with several results takes the worst of them."""
    breasts = []
    for study in studies:
        for laterality in ("L", "R"):
            views = tuple(view for view in study.views if view.laterality == laterality)
            classes = {item.class_ for item in study.pathology if item.laterality == laterality}
            if high_risk == "exclude" and "high_risk" in classes and "malignant" not in classes:
                continue
            if classes and views:
                malignant = "malignant" in classes or (high_risk == "malignant" and "high_risk" in classes)
                breasts.append(Breast(study, laterality, views, malignant))
    return breasts


class BreastSamples:
    """A split's biopsied breasts."""

    def __init__(
        self,
        snapshot: Snapshot,
        config: UmiconSupervisedConfig,
        *,
        seed: int,
        split: str = "train",
        varied: bool = True,
    ) -> None:
        """`varied`: images are moved, and images or report left out, as the setting says; else neither."""
        self.snapshot = snapshot
        self.varied = varied
        self.setting = config
        self.seed = seed
        studies = snapshot.in_split(split)
        self.codes = patient_codes(studies)
        self.items = biopsied_breasts(studies, high_risk=config.high_risk)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, key: tuple[int, int]) -> BreastSample:
        epoch, index = key
        breast = self.items[index]
        rng = generator(self.seed, epoch, "breast", breast.views[0].index)
        draw = float(rng.random())
        dropped = self.setting.report_dropout, self.setting.report_dropout + self.setting.image_dropout
        images = view_images(self.snapshot, breast.views, flip_right=self.setting.flip_right)
        return BreastSample(
            images=shift(images, rng, part=self.setting.shift) if self.varied else images,
            report=breast.study.report,
            malignant=breast.malignant,
            patient=self.codes[breast.study.patient],
            with_image=not self.varied or not dropped[0] <= draw < dropped[1],
            with_report=bool(breast.study.report) and (not self.varied or draw >= dropped[0]),
            has_report=bool(breast.study.report),
        )


def collate_breasts(
    tokenizer: PreTrainedTokenizerBase, length: int
) -> Callable[[Sequence[BreastSample]], dict[str, Any]]:
    """images (B, V, H, W), view_mask (B, V), tokens (B, T); all other values are (B,)."""

    def collate(items: Sequence[BreastSample]) -> dict[str, Any]:
        images, mask = stack_views([item.images for item in items])
        input_ids, attention_mask = encode_reports(tokenizer, [item.report for item in items], length=length)
        return {
            "images": images,
            "view_mask": mask,
            "labels": torch.tensor([item.malignant for item in items], dtype=torch.float32),
            "patients": torch.tensor([item.patient for item in items]),
            "with_image": torch.tensor([item.with_image for item in items]),
            "with_report": torch.tensor([item.with_report for item in items]),
            "has_report": torch.tensor([item.has_report for item in items]),
            "input_ids": input_ids,
            "attention_mask": attention_mask,
        }

    return collate


def _new_parts(umicon: UMiCon) -> list[nn.Module]:
    """What the unsupervised stage left untrained: the head, its normalisation and any attention."""
    attention = [] if umicon.cross_attention is None else [umicon.cross_attention]
    return [umicon.head, umicon.fusion_norm, *attention]


class SupervisedObjective(nn.Module):
    """Cross-entropy of the head plus the cross-modal contrastive head between patients."""

    def __init__(self, model: UMiConWithExperts, config: UmiconSupervisedConfig) -> None:
        super().__init__()
        self.model = model
        self.setting = config
        model.visual.selector.requires_grad_(False)
        for part in _new_parts(model.umicon):
            part.requires_grad_(True)

    def parameter_groups(self, learning_rate: float) -> list[dict[str, Any]]:
        """The head at the full rate; experts and UMiCon at their share, or they forget density."""
        head = [p for part in _new_parts(self.model.umicon) for p in part.parameters()]
        names = {id(parameter) for parameter in head}
        rest = [p for p in self.parameters() if p.requires_grad and id(p) not in names]
        return [
            {"params": head, "lr": learning_rate},
            {"params": rest, "lr": learning_rate * self.setting.encoder_rate},
        ]

    def forward(
        self,
        images: Tensor,
        view_mask: Tensor,
        labels: Tensor,
        patients: Tensor,
        with_image: Tensor,
        with_report: Tensor,
        has_report: Tensor,
        input_ids: Tensor,
        attention_mask: Tensor,
        expert: str,
    ) -> dict[str, Tensor]:
        """images (B, V, H, W) of one breast each; labels (B,) 1 for malignant; one expert for all.

        `has_report` (B,): the study has a report; `with_report`: it has, and is classified with it in this step. What
        is missing is what it is at answering: the mean report, and no judgement from the report alone.
        """
        umicon = self.model.umicon
        _, image, _ = self.model.encode(images, view_mask, expert=expert)
        report = umicon.report_vectors(input_ids, attention_mask)
        if self.training:
            self._follow_means(image, report[has_report])
        alone, truth = [], [labels]
        if self.setting.each_alone:
            alone = [umicon.fuse(image, None), umicon.fuse(None, report[has_report])]
            truth += [labels, labels[has_report]]
        image = torch.where(with_image[:, None], image, umicon.mean_image)
        report = torch.where(with_report[:, None], report, umicon.mean_report)
        fused = umicon.fuse(image, report)  # (B, 2, C)
        logits = umicon.malignancy_logit(fused)
        judged = torch.cat([logits, *(umicon.malignancy_logit(part) for part in alone)])
        entropy = functional.binary_cross_entropy_with_logits(judged, torch.cat(truth))
        contrast = label_loss(fused, labels, patients, margin=self.setting.margin)
        return {"loss": entropy + self.setting.contrast_weight * contrast, "logits": logits}

    @torch.no_grad()
    def _follow_means(self, image: Tensor, report: Tensor) -> None:
        umicon = self.model.umicon
        umicon.mean_image.lerp_(image.mean(0).to(umicon.mean_image), MEAN_MOMENTUM)
        if len(report):
            umicon.mean_report.lerp_(report.mean(0).to(umicon.mean_report), MEAN_MOMENTUM)


@torch.inference_mode()
def predict(
    model: UMiConWithExperts,
    tokenizer: PreTrainedTokenizerBase,
    snapshot: Snapshot,
    breasts: Sequence[Breast],
    *,
    config: UmiconSupervisedConfig,
    size: int = 16,
) -> dict[str, Floats]:
    """Probability of malignancy (N,) from images alone, from the report alone and from both.

    Where a study has no report its mean stands in, as at answering: what is said from the report alone means nothing
    there, and `described` tells these rows.
    """
    place = device()
    model.to(place).eval()
    found: dict[str, list[Floats]] = {method: [] for method in METHODS}
    for first in range(0, len(breasts), size):
        part = breasts[first : first + size]
        images, mask = stack_views(
            [view_images(snapshot, breast.views, flip_right=config.flip_right) for breast in part]
        )
        tokens = encode_reports(tokenizer, [b.study.report for b in part], length=config.text_length)
        _, image, _ = model.encode(images.to(place), mask.to(place))
        report = model.umicon.report_vectors(*(t.to(place) for t in tokens))
        has_report = torch.tensor([bool(b.study.report) for b in part], device=place)
        report = torch.where(has_report[:, None], report, model.umicon.mean_report)
        pairs = {"image": (image, None), "report": (None, report), "fused": (image, report)}
        for method, (seen, read) in pairs.items():
            logits = model.umicon.malignancy_logit(model.umicon.fuse(seen, read))
            found[method].append(logits.float().sigmoid().double().cpu().numpy())
    return {method: np.concatenate(parts) for method, parts in found.items()}


def train(request: StageRequest[UmiconSupervisedConfig], answer: AnswerWriter) -> None:
    """Train from the unsupervised weights (or none), save, and measure on held-out patients."""
    config, snapshot = request.config, request.snapshot
    model, tokenizer = _starting_model(request)
    held_out = BreastSamples(snapshot, config, seed=request.seed, split="validation", varied=False)

    def between_epochs() -> dict[str, float | None]:
        scores = predict(model, tokenizer, snapshot, held_out.items, config=config)
        figures = _figures(held_out.items, scores, prefix="")
        return {
            f"{method}_{what}": figures[f"{method}_{what}"]
            for method in METHODS
            for what in ("auc", "accuracy")
        }

    metrics = run_training(
        stage="umicon_supervised",
        model=SupervisedObjective(model, config),
        config=config,
        samples=BreastSamples(snapshot, config, seed=request.seed),
        validation=Validation(held_out, measure=between_epochs, shared=trained_experts(config)),
        collate=collate_breasts(tokenizer, config.text_length),
        output=request.output,
        seed=request.seed,
        resume=request.resume,
        identity={"snapshot": snapshot.content_hash, "init": request.init_hashes()},
        stop=request.stop,
        each_step=expert_draw(config, request.seed),
    )
    digest = save_checkpoint(
        request.weights, model, training=config.to_dict(), snapshot=snapshot.content_hash, tokenizer=tokenizer
    )
    figures: dict[str, Any] = {}
    judged: dict[str, dict[str, tuple[npt.NDArray[np.int64], Floats]]] = {}
    for split in ("validation", "test"):
        breasts = biopsied_breasts(snapshot.in_split(split), high_risk=config.high_risk)
        if breasts:
            scores = predict(model, tokenizer, snapshot, breasts, config=config)
            figures |= _figures(breasts, scores, prefix=f"{split}_")
            _write_predictions(answer, breasts, scores, split)
            judged[split] = {method: _of_method(breasts, scores, method) for method in METHODS}
    if len(judged) == 2:
        for method in METHODS:
            known, on_test = (judged[split][method] for split in ("validation", "test"))
            if len(known[0]) and len(on_test[0]):
                figures |= judged_by_validation(known, on_test, prefix=f"test_{method}_")
    figures["density_probe"] = _density_probe(model, tokenizer, request)
    for metric in metrics:
        answer.write(metric)
    answer.write({"kind": "checkpoint", "path": str(request.weights), "sha256": digest, "metrics": figures})


def _starting_model(
    request: StageRequest[UmiconSupervisedConfig],
) -> tuple[UMiConWithExperts, PreTrainedTokenizerBase]:
    if "umicon" not in request.init:
        return build_model(request)
    model, tokenizer = load_umicon(request.init["umicon"])
    if model.visual.image_size != request.config.image_size:
        raise BadRequestError(
            f"init.umicon: trained on images of {model.visual.image_size}, not {request.config.image_size}"
        )
    found = {**model.umicon.spec(), **model.visual.spec()}
    found["text_pooling"] = model.umicon.text.pooling
    for name in TAKEN_OVER:
        asked = getattr(request.config, name)
        if found[name] != asked:
            raise BadRequestError(f"{name}: {asked!r}, but init.umicon was trained with {found[name]!r}")
    model.umicon.use_fusion(request.config.fusion)
    # Which expert sees a density may be chosen anew: the stage before trained them all.
    model.visual.route(request.config.routing, request.config.route_by)
    return model, tokenizer


def _figures(breasts: Sequence[Breast], scores: dict[str, Floats], *, prefix: str) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    for method in METHODS:
        truth, found = _of_method(breasts, scores, method)
        figures[f"{prefix}{method}_auc"] = auc(truth, found)
    for method in METHODS:
        truth, found = _of_method(breasts, scores, method)
        figures[f"{prefix}{method}_accuracy"] = (
            float(((found >= 0.5) == truth).mean()) if len(truth) else None
        )
    malignant = sum(breast.malignant for breast in breasts)
    return {**figures, f"{prefix}breasts": len(breasts), f"{prefix}malignant": malignant}


def described(breasts: Sequence[Breast]) -> npt.NDArray[np.int64]:
    """Rows of the breasts whose study has a report."""
    return np.array([row for row, breast in enumerate(breasts) if breast.study.report], dtype=np.int64)


def _of_method(
    breasts: Sequence[Breast], scores: dict[str, Floats], method: str
) -> tuple[npt.NDArray[np.int64], Floats]:
    """Truth and scores of the breasts that a method can judge: from the report alone those that have one."""
    rows = described(breasts) if method == "report" else np.arange(len(breasts))
    truth = np.array([int(breast.malignant) for breast in breasts], dtype=np.int64)
    return truth[rows], scores[method][rows]


def _write_predictions(
    answer: AnswerWriter, breasts: Sequence[Breast], scores: dict[str, Floats], split: str
) -> None:
    for row, breast in enumerate(breasts):
        for method in METHODS:
            if method == "report" and not breast.study.report:
                continue  # nothing was read
            answer.write(
                {"kind": "prediction", "unit_kind": "breast", "unit": breast.unit, "name": "malignancy",
                 "method": method, "split": split, "value": float(scores[method][row])}
            )  # fmt: skip


def _density_probe(
    model: UMiConWithExperts,
    tokenizer: PreTrainedTokenizerBase,
    request: StageRequest[UmiconSupervisedConfig],
) -> float | None:
    known, unseen = (request.snapshot.in_split(split) for split in ("train", "validation"))
    if not unseen:
        return None
    encoded = [
        encode_studies(model, tokenizer, request.snapshot, studies, config=request.config)
        for studies in (known, unseen)
    ]
    return readable_density(encoded[0].image, known, encoded[1].image, unseen)


if __name__ == "__main__":
    sys.exit(run_stage(sys.argv, UmiconSupervisedConfig, train))
