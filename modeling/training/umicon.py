"""What both UMiCon stages share: building the model, reading reports, encoding whole splits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from modeling.data.augmentation import generator
from modeling.data.exchange import BadRequestError
from modeling.data.snapshot import Snapshot, Study
from modeling.nn.checkpoint import load_selector
from modeling.nn.experts import build_encoder
from modeling.nn.text_encoder import TextEncoder, corpus_tokenizer, encode_reports, load_tokenizer
from modeling.nn.umicon import UMiCon, UMiConWithExperts
from modeling.nn.visual_moe import VisualMoE
from modeling.training.config import UmiconConfig
from modeling.training.measures import Floats, density_probe
from modeling.training.samples import study_batches
from modeling.training.stage import StageRequest, device


@dataclass(frozen=True)
class EncodedStudies:
    """Vectors of studies in the given order, on the processor."""

    # (N, C): the mean of the views' vectors, through the expert that density chooses.
    image: Tensor
    # (N, C)
    report: Tensor


def build_model(request: StageRequest[UmiconConfig]) -> tuple[UMiConWithExperts, PreTrainedTokenizerBase]:
    """A new model around the trained density selector. Raises BadRequestError without init.density."""
    config = request.config
    if "density" not in request.init:
        raise BadRequestError("init.density: missing; name the folder of a trained density selector")
    selector = load_selector(request.init["density"])
    if selector.encoder.image_size != config.image_size:
        raise BadRequestError(
            f"init.density: trained on images of {selector.encoder.image_size}, not {config.image_size}"
        )
    experts = {
        name: build_encoder(
            model, image_size=config.image_size, pretrained_folder=config.pretrained_folders.get(name)
        )
        for name, model in config.experts.items()
    }
    if config.start_from_selector:
        for expert in experts.values():
            if expert.name == selector.encoder.name:
                expert.start_from(selector.encoder)
    visual = VisualMoE(selector=selector, experts=experts, mapping=config.routing, routing=config.route_by)
    text, tokenizer = _build_text(request)
    umicon = UMiCon(
        feature_sizes=visual.feature_sizes(),
        text=text,
        vector_size=config.vector_size,
        hidden_size=config.hidden_size,
        pooling=config.pooling,
        normalise=config.normalise,
        residual=config.residual,
        fusion=config.fusion,
    )
    return UMiConWithExperts(visual=visual, umicon=umicon), tokenizer


def _build_text(request: StageRequest[UmiconConfig]) -> tuple[TextEncoder, PreTrainedTokenizerBase]:
    config = request.config
    if config.text_folder is not None:
        text = TextEncoder.from_folder(
            config.text_folder, vector_size=config.vector_size, pooling=config.text_pooling
        )
        return text, load_tokenizer(config.text_folder)
    known = [(study.report, study.patient) for study in request.snapshot.in_split("train")]
    reports, patients = [report for report, _ in known], [patient for _, patient in known]
    tokenizer = corpus_tokenizer(reports, length=config.text_length, patients=patients)
    text = TextEncoder.small(
        vocabulary=len(tokenizer),
        layers=config.text_layers,
        hidden_size=config.text_hidden_size,
        heads=config.text_heads,
        length=config.text_length,
        vector_size=config.vector_size,
        pooling=config.text_pooling,
    )
    return text, tokenizer


def trained_experts(config: UmiconConfig) -> list[dict[str, str]]:
    """What the model is told to train each of its experts in turn; validation measures them all."""
    names = [config.single_expert] if config.expert_per_step == "single" else list(config.experts)
    return [{"expert": name} for name in names]


def expert_draw(config: UmiconConfig, seed: int) -> Callable[[int], Mapping[str, str]]:
    """The expert that a whole step trains, by global step: all ranks and a resumed run agree."""
    told = trained_experts(config)

    def draw(step: int) -> Mapping[str, str]:
        return told[int(generator(seed, 0, "expert", step).integers(len(told)))]

    return draw


def patient_codes(studies: Sequence[Study]) -> dict[str, int]:
    """An integer for each patient."""
    return {patient: code for code, patient in enumerate(sorted({study.patient for study in studies}))}


@torch.inference_mode()
def encode_studies(
    model: UMiConWithExperts,
    tokenizer: PreTrainedTokenizerBase,
    snapshot: Snapshot,
    studies: Sequence[Study],
    *,
    config: UmiconConfig,
) -> EncodedStudies:
    """Studies' vectors as they will be at answering: routed by density, all views averaged."""
    place = device()
    was_training = model.training
    model.to(place).eval()
    images, reports = [], []
    for part, pixels, mask in study_batches(snapshot, studies, flip_right=config.flip_right):
        _, study, _ = model.encode(pixels.to(place), mask.to(place))
        images.append(study.float().cpu())
        tokens = encode_reports(tokenizer, [s.report for s in part], length=config.text_length)
        reports.append(model.umicon.report_vectors(*(t.to(place) for t in tokens)).float().cpu())
    model.train(was_training)
    return EncodedStudies(torch.cat(images), torch.cat(reports))


def readable_density(
    train: Tensor, train_studies: Sequence[Study], test: Tensor, test_studies: Sequence[Study]
) -> float | None:
    """How often a linear probe reads a held-out study's density from its image vector."""
    kept, densities = _with_density(train, train_studies)
    kept_test, densities_test = _with_density(test, test_studies)
    return density_probe(kept, densities, kept_test, densities_test)


def _with_density(vectors: Tensor, studies: Sequence[Study]) -> tuple[Floats, list[int]]:
    rows = [row for row, study in enumerate(studies) if study.density is not None]
    densities = ["ABCD".index(str(studies[row].density)) for row in rows]
    return vectors[rows].double().numpy().astype(np.float64), densities
