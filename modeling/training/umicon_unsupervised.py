"""Stage 2: UMiCon without labels: two masked copies of an image, and an image with its report (section 3.2).

python -m modeling.training.umicon_unsupervised REQUEST.json ANSWER.jsonl
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from modeling.data.augmentation import generator, shift, square_mask
from modeling.data.exchange import AnswerWriter
from modeling.data.snapshot import Images, Snapshot, Study, View
from modeling.nn.checkpoint import save_checkpoint
from modeling.nn.collapse import Spread, is_collapsed, measure_spread
from modeling.nn.losses import matching_loss
from modeling.nn.text_encoder import encode_reports
from modeling.nn.umicon import UMiConWithExperts
from modeling.training.config import UmiconUnsupervisedConfig
from modeling.training.distributed import rank
from modeling.training.samples import stack_views, view_images
from modeling.training.stage import StageRequest, run_stage
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

Sample = tuple[Images, Images, int, str]


class MaskedCopies:
    """A split's images, a view or a whole study a sample, as two masked copies with patient and report."""

    def __init__(
        self,
        snapshot: Snapshot,
        config: UmiconUnsupervisedConfig,
        *,
        seed: int,
        split: str = "train",
        moved: bool = True,
    ) -> None:
        self.snapshot = snapshot
        self.setting = config
        self.seed = seed
        self.part = config.shift if moved else 0.0
        studies = snapshot.in_split(split)
        self.codes = patient_codes(studies)
        self.items: list[tuple[Study, tuple[View, ...]]] = [
            (study, views)
            for study in studies
            for views in ([(view,) for view in study.views] if config.sample == "image" else [study.views])
        ]

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, key: tuple[int, int]) -> Sample:
        epoch, index = key
        study, views = self.items[index]
        images = view_images(self.snapshot, views, flip_right=self.setting.flip_right)
        rng = generator(self.seed, epoch, "copies", views[0].index)
        images = shift(images, rng, part=self.part)
        first, second = (square_mask(images, rng, area=self.setting.mask_area) for _ in range(2))
        return first, second, self.codes[study.patient], study.report


def collate_copies(
    tokenizer: PreTrainedTokenizerBase, length: int
) -> Callable[[Sequence[Sample]], dict[str, Any]]:
    """images, copies (B, V, H, W), view_mask (B, V), patients, has_report (B,), input_ids, attention_mask (B, T)."""

    def collate(items: Sequence[Sample]) -> dict[str, Any]:
        images, mask = stack_views([first for first, _, _, _ in items])
        copies, _ = stack_views([second for _, second, _, _ in items])
        input_ids, attention_mask = encode_reports(tokenizer, [report for *_, report in items], length=length)
        return {
            "images": images,
            "copies": copies,
            "view_mask": mask,
            "patients": torch.tensor([patient for _, _, patient, _ in items]),
            "has_report": torch.tensor([bool(report) for *_, report in items]),
            "input_ids": input_ids,
            "attention_mask": attention_mask,
        }

    return collate


class UnsupervisedObjective(nn.Module):
    """Both branches at once."""

    parts = ("unimodal", "multimodal")

    def __init__(self, model: UMiConWithExperts, config: UmiconUnsupervisedConfig) -> None:
        super().__init__()
        self.model = model
        self.setting = config
        model.visual.selector.requires_grad_(False)
        # The classification head belongs to the supervised stage.
        model.umicon.head.requires_grad_(False)
        model.umicon.fusion_norm.requires_grad_(False)
        if model.umicon.cross_attention is not None:
            model.umicon.cross_attention.requires_grad_(False)

    def forward(
        self,
        images: Tensor,
        copies: Tensor,
        view_mask: Tensor,
        patients: Tensor,
        has_report: Tensor,
        input_ids: Tensor,
        attention_mask: Tensor,
        expert: str,
    ) -> dict[str, Tensor]:
        """images, copies (B, V, H, W); view_mask (B, V); patients, has_report (B,); tokens (B, T); one expert for all.

        Studies without a report take part in the unimodal branch alone: one empty text would be all of theirs.
        """
        config = self.setting
        batch = len(images)
        both = torch.cat([images, copies])  # one pass: the copies share batch statistics
        views, studies, _ = self.model.encode(both, view_mask.repeat(2, 1), expert=expert)
        reports = self.model.umicon.report_vectors(input_ids, attention_mask)
        rules: dict[str, Any] = {"negatives": config.negatives == "in_batch", "margin": config.margin}
        of_views = patients[:, None].expand(view_mask.shape)[view_mask]
        unimodal = matching_loss(views[:batch][view_mask], views[batch:][view_mask], of_views, **rules)
        reports, of_studies = reports[has_report], patients[has_report]
        multimodal = (
            matching_loss(studies[:batch][has_report], reports, of_studies, **rules)
            + matching_loss(studies[batch:][has_report], reports, of_studies, **rules)
        ) / 2
        loss = config.unimodal_weight * unimodal + config.multimodal_weight * multimodal
        return {"loss": loss, "unimodal": unimodal, "multimodal": multimodal}


def train(request: StageRequest[UmiconUnsupervisedConfig], answer: AnswerWriter) -> None:
    """Train, watch for collapse, save experts and UMiCon, and measure them on the validation patients.

    Nothing of this stage reports on the test patients, so nothing here reads them.
    """
    config, snapshot = request.config, request.snapshot
    model, tokenizer = build_model(request)
    held_out = snapshot.in_split("validation")
    start = _spread(model, tokenizer, request)
    metrics = run_training(
        stage="umicon_unsupervised",
        model=UnsupervisedObjective(model, config),
        config=config,
        samples=MaskedCopies(snapshot, config, seed=request.seed),
        validation=Validation(
            MaskedCopies(snapshot, config, seed=request.seed, split="validation", moved=False),
            measure=_Watch(model, tokenizer, request, start),
            shared=trained_experts(config),
        ),
        collate=collate_copies(tokenizer, config.text_length),
        output=request.output,
        seed=request.seed,
        resume=request.resume,
        identity={"snapshot": snapshot.content_hash, "init": request.init_hashes()},
        stop=request.stop,
        each_step=expert_draw(config, request.seed),
    )
    studies = snapshot.in_split("train")
    known = encode_studies(model, tokenizer, snapshot, studies, config=config)
    model.umicon.mean_image.copy_(known.image.mean(0))
    described = [row for row, study in enumerate(studies) if study.report]
    if described:
        model.umicon.mean_report.copy_(known.report[described].mean(0))
    digest = save_checkpoint(
        request.weights, model, training=config.to_dict(), snapshot=snapshot.content_hash, tokenizer=tokenizer
    )
    now = _spread(model, tokenizer, request)
    figures: dict[str, Any] = {"negatives": config.negatives}
    warning = ""
    if start is not None and now is not None:
        figures["collapse"] = is_collapsed(start, now)
        spreads = now.to_dict() | {f"start_{name}": value for name, value in start.to_dict().items()}
        figures |= {name: value for name, value in spreads.items() if math.isfinite(value)}
        warning = _warning(start, now) if figures["collapse"] else ""
    if held_out:
        unseen = encode_studies(model, tokenizer, snapshot, held_out, config=config)
        figures["density_probe"] = readable_density(known.image, studies, unseen.image, held_out)
    for metric in metrics:
        answer.write(metric)
    answer.write({"kind": "checkpoint", "path": str(request.weights), "sha256": digest, "metrics": figures})
    sys.stderr.write(warning)


class _Watch:
    """The spread of validation patients' vectors between epochs, and a warning when they collapse."""

    def __init__(
        self,
        model: UMiConWithExperts,
        tokenizer: PreTrainedTokenizerBase,
        request: StageRequest[UmiconUnsupervisedConfig],
        start: Spread | None,
    ) -> None:
        self.now = lambda: _spread(model, tokenizer, request)
        self.start = start
        self.collapsed = False

    def __call__(self) -> dict[str, float | None]:
        """Nothing where there are fewer than two patients."""
        now = self.now()
        if self.start is None or now is None:
            return {}
        collapsed = is_collapsed(self.start, now)
        if collapsed and not self.collapsed and rank() == 0:
            sys.stderr.write(_warning(self.start, now))
        self.collapsed = collapsed
        found = now.r_at_1 if math.isfinite(now.r_at_1) else None
        return {"std": now.std, "distance": now.distance, "r_at_1": found, "collapse": float(collapsed)}


def _warning(start: Spread, now: Spread) -> str:
    """What the log says of a collapse, with its figures."""
    return (
        f"collapse: image vectors shrank to one point (std {start.std:.4f} -> {now.std:.4f}, mean distance "
        f"{start.distance:.3f} -> {now.distance:.3f}); R@1 {now.r_at_1:.3f}, chance {now.chance:.3f}; "
        "train with negatives in_batch\n"
    )


def _spread(
    model: UMiConWithExperts,
    tokenizer: PreTrainedTokenizerBase,
    request: StageRequest[UmiconUnsupervisedConfig],
) -> Spread | None:
    """Spread over the validation patients, one study each; None, and so no verdict, when there are fewer than two.

    Reports are looked for among the studies that have one; where fewer than two have, nothing is said of retrieval.
    """
    first = {study.patient: study for study in request.snapshot.in_split("validation")}
    if len(first) < 2:
        return None
    studies = list(first.values())
    encoded = encode_studies(model, tokenizer, request.snapshot, studies, config=request.config)
    described = [row for row, study in enumerate(studies) if study.report]
    return measure_spread(encoded.image, encoded.report, described=described)


if __name__ == "__main__":
    sys.exit(run_stage(sys.argv, UmiconUnsupervisedConfig, train))
