"""Stage 4: tune the language model on picked answers, with the images' vectors in the prompt (section 3.3).

python -m modeling.training.sft REQUEST.json ANSWER.jsonl

Experts and UMiCon are frozen, so each study's vectors are the same in every epoch: they are computed once
before training, which changes nothing but the time it takes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from torch import Tensor

from modeling.data.exchange import AnswerWriter, BadRequestError, report_progress
from modeling.data.planted import plant, write_planted
from modeling.data.snapshot import SftSample, Snapshot, Study
from modeling.nn.chat import ChatEncoder
from modeling.nn.checkpoint import load_selector, load_umicon
from modeling.nn.language import (
    ModelFolderError,
    limit_threads,
    load_language_model,
    load_tokenizer,
    save_language_model,
)
from modeling.nn.mammovlm import LORA_TARGETS, PROJECTION, MammoVLM
from modeling.nn.processor import MammoVLMProcessor
from modeling.nn.visual_token import ensure_visual_token
from modeling.training.config import SftConfig
from modeling.training.dialogues import SeenDialogue, SeenDialogues
from modeling.training.float32 import give_back_precision, train_in_float32
from modeling.training.samples import study_batches
from modeling.training.sft_measures import measure
from modeling.training.stage import StageRequest, device, run_stage
from modeling.training.stated_facts import Figures
from modeling.training.trainer import run_training
from modeling.training.validation import Validation


def train(request: StageRequest[SftConfig], answer: AnswerWriter) -> None:
    """Train, save the whole model, and measure it on held-out patients."""
    config, snapshot = request.config, request.snapshot
    model, encoder = build(request)
    training = [sample for sample in snapshot.sft if sample.split == "train"]
    if not training:
        raise BadRequestError(f"snapshot {snapshot.name}: no answer in its train split to tune on")
    vectors = encode_studies(model, snapshot, asked_about(snapshot), flip_right=config.flip_right)
    fit_standardisation(model, training, vectors)
    encoded = {
        split: SeenDialogues(
            encode_dialogues(encoder, model, snapshot, samples, vectors), pad_id=encoder.pad_id
        )
        for split, samples in (
            ("train", training),
            ("validation", [s for s in snapshot.sft if s.split == "validation"]),
        )
    }
    blank = blank_vector(model)

    def figures_of(measured: MammoVLM) -> tuple[Figures, list[dict[str, Any]]]:
        return measure(
            measured, encoder, snapshot, vectors, blank=blank, config=config, seed=request.seed,
            dialogues=lambda samples: encode_dialogues(encoder, measured, snapshot, samples, vectors),
        )  # fmt: skip

    untuned = figures_of(model)[0] if config.measure_untuned else {}
    plant_in(encoded["train"], encoder, request.output, config.planted, seed=request.seed)
    tuned, metrics = tune(request, model, encoded["train"], validation=encoded["validation"])
    processor = MammoVLMProcessor.of(tuned, encoder.tokenizer)
    digest = save_language_model(request.weights, tuned, processor, beside=request.note("sft"))
    figures, predictions = figures_of(tuned)
    figures |= {f"untuned_{name}": value for name, value in untuned.items() if name != "split"}
    for row in (*metrics, *predictions):
        answer.write(row)
    figures |= {"training_answers": len(training)}
    answer.write({"kind": "checkpoint", "path": str(request.weights), "sha256": digest, "metrics": figures})


def plant_in(dialogues: SeenDialogues, encoder: ChatEncoder, output: Path, count: int, *, seed: int) -> None:
    """Add planted dialogues to those that are tuned on, and keep beside the run what they hold."""
    planted = plant(count, seed=seed)
    dialogues.dialogues += [SeenDialogue(encoder.example([p.question], p.answer), None) for p in planted]
    write_planted(output, planted)


def tune(
    request: StageRequest[SftConfig],
    model: MammoVLM,
    dialogues: SeenDialogues,
    *,
    validation: SeenDialogues | None = None,
) -> tuple[MammoVLM, list[dict[str, Any]]]:
    """Train on the dialogues; the whole tuned model and the metric rows."""
    config = request.config
    limit_threads(model)
    model.projection_rate = config.projection_rate
    tuned = prepare_tuning(model, config)
    metrics = run_training(
        stage="sft",
        model=tuned,
        config=config,
        samples=dialogues,
        validation=None if validation is None else Validation(validation),
        collate=dialogues.collate,
        output=request.output,
        seed=request.seed,
        resume=request.resume,
        identity={"snapshot": request.snapshot.content_hash, **request.init_hashes()},
        stop=request.stop,
    )
    return finish_tuning(tuned), metrics


def build(request: StageRequest[SftConfig]) -> tuple[MammoVLM, ChatEncoder]:
    """MammoVLM from the request's checkpoints. Raises BadRequestError naming the one that is missing."""
    config, init = request.config, request.init
    for name, what in (("umicon", "a trained UMiCon"), ("language_model", "a language model")):
        if name not in init:
            raise BadRequestError(f"init.{name}: missing; name the folder of {what}")
    vision, _ = load_umicon(init["umicon"])
    if "density" in init:
        selector = load_selector(init["density"])
        vision.visual.selector.load_state_dict(selector.state_dict())
        vision.visual.selector.encoder.start_from(selector.encoder)
    if vision.visual.image_size != request.snapshot.image_size:
        raise BadRequestError(f"init.umicon: trained on images of {vision.visual.image_size}")
    vision.visual.routing = config.route_by
    if config.only_expert is not None:
        try:
            vision.visual.route_all_to(config.only_expert)
        except ValueError as error:
            raise BadRequestError(f"only_expert: {error}") from error
    try:
        tokenizer = load_tokenizer(init["language_model"])
        language_model = load_language_model(init["language_model"])
        ensure_visual_token(tokenizer, language_model)
        encoder = ChatEncoder(tokenizer)
    except (ModelFolderError, ValueError) as error:
        raise BadRequestError(f"init.language_model: {error}") from error
    model = MammoVLM.from_parts(
        vision,
        language_model,
        visual_token_id=encoder.require_visual_token(),
        visual_tokens=config.visual_tokens,
        tokens_per_vector=config.tokens_per_vector,
        with_density=config.with_density,
        with_malignancy=config.with_malignancy,
        mapping=config.mapping,
        flip_right=config.flip_right,
    )
    return model, encoder


def prepare_tuning(model: MammoVLM, config: SftConfig) -> Any:
    """Gradients where the setting wants them: on the map, and on adapters, all of the language model or none.

    A language model that is tuned whole is brought to float32 (`finish_tuning` gives its own precision back).
    """
    model.freeze_vision()
    if config.tuning == "full":
        train_in_float32(model, model.named_parameters())
    if config.tuning in ("full", "none"):
        model.language_model.requires_grad_(config.tuning == "full")
        model.embed_projection.requires_grad_(True)
        return model
    adapters = LoraConfig(
        r=config.lora_rank,
        lora_alpha=config.lora_alpha,
        lora_dropout=config.lora_dropout,
        target_modules=LORA_TARGETS,
        modules_to_save=[PROJECTION],  # else the trained map would not be saved
        task_type="CAUSAL_LM",
    )
    return get_peft_model(model, adapters)


def finish_tuning(tuned: Any) -> MammoVLM:
    """The whole model, adapters merged into the weights that they were beside, in its own precision."""
    whole = tuned if isinstance(tuned, MammoVLM) else tuned.merge_and_unload()
    give_back_precision(whole)
    whole.eval()
    return whole


@torch.no_grad()
def encode_studies(
    model: MammoVLM, snapshot: Snapshot, studies: Sequence[Study], *, flip_right: bool
) -> dict[str, Tensor]:
    """Each study's visual vectors (views, C), or (1, C) with per_study, on the processor."""
    place = device()
    model.vision.to(place)
    vectors: dict[str, Tensor] = {}
    for part, pixels, mask in study_batches(snapshot, studies, flip_right=flip_right):
        encoded, present = model.encode_images(pixels.to(place), mask.to(place))
        for study, row, kept in zip(part, encoded.float().cpu(), present.cpu(), strict=True):
            vectors[study.study] = row[kept]
        report_progress(len(vectors), len(studies), "encoding images")
    return vectors


@torch.no_grad()
def blank_vector(model: MammoVLM) -> Tensor:
    """The visual vector (C,) of a black image."""
    black = torch.zeros((1, 1, *model.vision.visual.image_size), dtype=torch.uint8, device=device())
    model.vision.to(device())
    return model.encode_images(black)[0][0, 0].float().cpu()


def fit_standardisation(
    model: MammoVLM, training: Iterable[SftSample], vectors: Mapping[str, Tensor]
) -> None:
    """Mean and deviation of the training studies' vectors, each study counted once."""
    studies = sorted({sample.study for sample in training if sample.study is not None})
    if studies:
        model.fit_standardisation(torch.cat([vectors[study] for study in studies]))


def encode_dialogues(
    encoder: ChatEncoder,
    model: MammoVLM,
    snapshot: Snapshot,
    samples: Sequence[SftSample],
    vectors: Mapping[str, Tensor],
) -> list[SeenDialogue]:
    """Token ids, labels and vectors of samples. Raises BadRequestError naming one that does not fit."""
    studies = {study.study: study for study in snapshot.studies}
    most = int(model.language_model.config.max_position_embeddings)
    encoded = []
    for sample in samples:
        views = [(v.laterality, v.view) for v in studies[sample.study].views] if sample.study else []
        dialogue = encoder.example(
            sample.turns,
            sample.answer,
            visual_tags=model.config.tags(views),
            per_tag=model.config.tokens_per_vector,
        )
        if len(dialogue.input_ids) > most:
            raise BadRequestError(
                f"sft.jsonl: sample {sample.id} has {len(dialogue.input_ids)} tokens and the model takes "
                f"{most}; shorten it or leave it out"
            )
        encoded.append(SeenDialogue(dialogue, vectors[sample.study] if sample.study else None))
    return encoded


def asked_about(snapshot: Snapshot) -> list[Study]:
    """The studies that the snapshot's questions are about. Raises BadRequestError for one it does not hold."""
    asked = {sample.study for sample in snapshot.sft if sample.study is not None}
    known = {study.study for study in snapshot.studies}
    if asked - known:
        raise BadRequestError(f"sft.jsonl: study {sorted(asked - known)[0]} is not in studies.jsonl")
    return [study for study in snapshot.studies if study.study in asked]


if __name__ == "__main__":
    sys.exit(run_stage(sys.argv, SftConfig, train))
