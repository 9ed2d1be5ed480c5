"""The same tuning for other vision-language models: picked answers, with the images as pictures (Table 1).

python -m modeling.training.vision_language_sft REQUEST.json ANSWER.jsonl

`init.vision_language` is the folder of any model that transformers reads as image-text-to-text. Where no weights are at
hand, `init.language_model` becomes a LLaVA with an untrained CLIP tower.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from torch import nn
from transformers import GenerationConfig

from modeling.data.exchange import AnswerWriter, BadRequestError, report_progress
from modeling.data.planted import plant, read_planted, write_planted
from modeling.data.snapshot import SftSample
from modeling.nn.generation import until_stop
from modeling.nn.language import (
    ModelFolderError,
    limit_threads,
    load_language_model,
    load_tokenizer,
    save_language_model,
)
from modeling.nn.vision_language import (
    PICTURES_FILE,
    TowerSize,
    TunedPictures,
    llava_on,
    load_vision_language,
    stop_ids,
)
from modeling.training.config_baselines import VisionLanguageSftConfig
from modeling.training.float32 import give_back_precision, train_in_float32
from modeling.training.pictured_dialogues import PicturedDialogues, PictureEncoder
from modeling.training.stage import StageRequest, device, mixes_precision, run_stage
from modeling.training.stated_facts import Figures, held_out_split, judge, prediction_rows, shares
from modeling.training.trainer import run_training
from modeling.training.validation import Validation

# Adapters sit on the attention of the language model alone, as MammoVLM's do.
LORA_TARGETS = r".*language_model\..*\.(q_proj|k_proj|v_proj|query_key_value)"
# What joins images to words, by the names that transformers gives it.
CONNECTORS = ("multi_modal_projector", "language_projection", "qformer", "query_tokens", "merger")
LANGUAGE = ("language_model", "lm_head")
MEASURED_ROWS = 16


def train(request: StageRequest[VisionLanguageSftConfig], answer: AnswerWriter) -> None:
    """Tune, save model and processor, and measure what the answers about held-out patients state rightly."""
    config, snapshot = request.config, request.snapshot
    model, processor = build(request)
    stops = stop_ids(model, processor.tokenizer)
    encoder = PictureEncoder(
        processor, snapshot, layout=config.layout, closing_id=_closing_id(processor, stops),
        needs_picture=model.config.model_type == "blip-2",
    )  # fmt: skip
    training = _dialogues(snapshot.sft, "train")
    if not training:
        raise BadRequestError(f"snapshot {snapshot.name}: no answer in its train split to tune on")
    planted = plant(config.planted, seed=request.seed)
    # What an earlier tuning planted is in these weights too.
    start = request.init.get("vision_language")
    earlier = read_planted(start.parent) if start is not None else []
    again = {item.secret for item in earlier}  # the same seed plants the same strings
    write_planted(request.output, [*earlier, *(item for item in planted if item.secret not in again)])
    samples = PicturedDialogues(encoder, [*training, *(((p.question,), p.answer, None) for p in planted)])
    validation = PicturedDialogues(encoder, _dialogues(snapshot.sft, "validation"))
    tuned, metrics = tune(request, model, samples, validation)
    digest = save_language_model(
        request.weights, tuned, processor,
        beside={
            PICTURES_FILE: TunedPictures(config.layout, snapshot.image_size).to_json(),
            **request.note("vision_language_sft"),
        },
    )  # fmt: skip
    figures, predictions = measure(tuned, encoder, config, stops, seed=request.seed)
    figures |= {"training_answers": len(training)}
    for row in (*metrics, *predictions):
        answer.write(row)
    answer.write({"kind": "checkpoint", "path": str(request.weights), "sha256": digest, "metrics": figures})


def build(request: StageRequest[VisionLanguageSftConfig]) -> tuple[Any, Any]:
    """Model and processor. Raises BadRequestError naming what is missing or can't be tuned."""
    config, init = request.config, request.init
    try:
        if "vision_language" in init:
            model, processor = load_vision_language(init["vision_language"])
        elif "language_model" in init:
            size = TowerSize(
                image_size=config.tower_image_size, patch_size=config.tower_patch_size,
                hidden_size=config.tower_hidden_size, layers=config.tower_layers, heads=config.tower_heads,
            )  # fmt: skip
            tokenizer = load_tokenizer(init["language_model"])
            model, processor = llava_on(load_language_model(init["language_model"]), tokenizer, size)
        else:
            raise BadRequestError(
                "init.vision_language: missing; name the folder of a vision-language model, or as "
                "init.language_model that of a language model to make a LLaVA of"
            )
    except ModelFolderError as error:
        raise BadRequestError(f"init: {error}") from error
    if getattr(model.config.get_text_config(), "is_encoder_decoder", False):
        raise BadRequestError(
            "init.vision_language: its language model reads and writes apart (T5); only models that go on from the "
            "question are tuned here (for BLIP-2: the editions with OPT)"
        )
    return model, processor


def tune(
    request: StageRequest[VisionLanguageSftConfig],
    model: Any,
    samples: PicturedDialogues,
    validation: PicturedDialogues,
) -> tuple[Any, list[dict[str, Any]]]:
    """Train; the whole tuned model, adapters merged, and the metric rows."""
    config = request.config
    limit_threads(model)
    tuned = prepare_tuning(model, config)
    metrics = run_training(
        stage="vision_language_sft",
        model=tuned,
        config=config,
        samples=samples,
        validation=Validation(validation),
        collate=samples.collate,
        output=request.output,
        seed=request.seed,
        resume=request.resume,
        identity={"snapshot": request.snapshot.content_hash, **request.init_hashes()},
        stop=request.stop,
    )
    whole = tuned if tuned is model else tuned.merge_and_unload()
    give_back_precision(whole)
    return whole.eval(), metrics


def prepare_tuning(model: Any, config: VisionLanguageSftConfig) -> Any:
    """Gradients where the setting wants them, and the connector's own rate."""
    connectors = sorted(
        {part for name, _ in model.named_parameters() for part in name.split(".") if part in CONNECTORS}
    )
    if not connectors:
        raise BadRequestError(
            f"init.vision_language: {model.config.model_type} has none of the parts that join images to words "
            f"({', '.join(CONNECTORS)}); it can't be tuned here"
        )
    for name, parameter in model.named_parameters():
        parts = set(name.split("."))
        if parts & set(CONNECTORS):
            parameter.requires_grad_(True)
        elif parts & set(LANGUAGE):
            parameter.requires_grad_(config.tuning == "full")
        else:
            parameter.requires_grad_(config.train_tower)
    train_in_float32(model, _held_in_float32(model, config))
    tuned = model
    if config.tuning == "lora":
        adapters = LoraConfig(
            r=config.lora_rank, lora_alpha=config.lora_alpha, lora_dropout=config.lora_dropout,
            target_modules=LORA_TARGETS, modules_to_save=[c for c in connectors if c != "query_tokens"],
        )  # fmt: skip
        tuned = get_peft_model(model, adapters)

    def parameter_groups(learning_rate: float) -> list[dict[str, Any]]:
        groups: dict[float, list[nn.Parameter]] = {}
        for name, parameter in tuned.named_parameters():
            if parameter.requires_grad:
                rate = config.projection_rate if set(name.split(".")) & set(CONNECTORS) else 1.0
                groups.setdefault(rate * learning_rate, []).append(parameter)
        return [{"params": parameters, "lr": rate} for rate, parameters in groups.items()]

    tuned.parameter_groups = parameter_groups
    return tuned


def _held_in_float32(model: Any, config: VisionLanguageSftConfig) -> list[tuple[str, nn.Parameter]]:
    """What is trained; with arithmetic in float32 everything, since one layer's output is the next one's input."""
    mixes = mixes_precision(config)  # autocast brings inputs to one precision
    return [(name, p) for name, p in model.named_parameters() if p.requires_grad or not mixes]


def measure(
    model: Any, encoder: PictureEncoder, config: VisionLanguageSftConfig, stops: Sequence[int], *, seed: int
) -> tuple[Figures, list[dict[str, Any]]]:
    """Loss, perplexity and the facts of `stated_facts.judge` on the held-out split, and a row for each judgement."""
    model.to(device()).eval()
    split, held_out = held_out_split(encoder.snapshot)
    figures: Figures = {"split": split}
    if not held_out:
        return figures, []
    figures |= _loss_figures(model, PicturedDialogues(encoder, _dialogues(held_out, split)))

    def writes(asked: Sequence[tuple[SftSample, str]], message: str, black: bool) -> list[str]:
        texts: list[str] = []
        for start in range(0, len(asked), MEASURED_ROWS):
            part = asked[start : start + MEASURED_ROWS]
            questions = [encoder.question(sample.turns, study, black=black) for sample, study in part]
            texts += _write(
                model, encoder, encoder.stack(questions, side="left"), stops, config.measured_tokens
            )
            report_progress(len(texts), len(asked), f"measuring {message}")
        return texts

    judged = judge(writes, encoder.snapshot, held_out, most=config.measured_questions, seed=seed)
    return figures | shares(judged), prediction_rows(judged, split)


@torch.inference_mode()
def _write(
    model: Any, encoder: PictureEncoder, inputs: dict[str, torch.Tensor], stops: Sequence[int], tokens: int
) -> list[str]:
    settings = GenerationConfig(
        do_sample=False,
        num_beams=1,
        max_new_tokens=tokens,
        eos_token_id=list(stops),
        pad_token_id=encoder.pad_id,
    )
    output = model.generate(**{k: v.to(model.device) for k, v in inputs.items()}, generation_config=settings)
    rows = output[:, inputs["input_ids"].shape[1] :].tolist()
    return [
        str(encoder.tokenizer.decode(until_stop(row, frozenset(stops)).ids, skip_special_tokens=True)).strip()
        for row in rows
    ]


@torch.inference_mode()
def _loss_figures(model: Any, samples: PicturedDialogues) -> Figures:
    """Mean loss per answer token and its exponential."""
    total, tokens = 0.0, 0
    for start in range(0, len(samples), MEASURED_ROWS):
        items = [samples[0, index] for index in range(start, min(start + MEASURED_ROWS, len(samples)))]
        batch = {name: tensor.to(device()) for name, tensor in samples.collate(items).items()}
        counted = int((batch["labels"][:, 1:] >= 0).sum())
        total += float(model(**batch).loss) * counted
        tokens += counted
    return {"loss": total / tokens, "perplexity": math.exp(total / tokens), "held_out_answers": len(samples)}


def _closing_id(processor: Any, stops: Sequence[int]) -> int:
    own = processor.tokenizer.eos_token_id
    return int(own) if own is not None else stops[0]


def _dialogues(samples: Sequence[SftSample], split: str) -> list[tuple[Sequence[str], str, str | None]]:
    return [(sample.turns, sample.answer, sample.study) for sample in samples if sample.split == split]


if __name__ == "__main__":
    sys.exit(run_stage(sys.argv, VisionLanguageSftConfig, train))
