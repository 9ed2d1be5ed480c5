"""A tokenizer and a tiny GLM trained from scratch, where GLM-4's weights are not at hand.

python -m modeling.training.language REQUEST.json ANSWER.jsonl

The request names a corpus of dialogues in place of a snapshot. The finished folder loads with AutoTokenizer
and AutoModelForCausalLM as glm-4-9b-chat-hf does, by the same control tokens and the same chat template.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from modeling.data.corpus import Dialogue, read_corpus
from modeling.data.exchange import AnswerWriter, BadRequestError
from modeling.data.snapshot import file_sha256
from modeling.nn.chat import ChatEncoder, EncodedDialogue
from modeling.nn.language import (
    TinyGlmSize,
    build_tiny_glm,
    limit_threads,
    save_language_model,
    train_tokenizer,
)
from modeling.training.callbacks import StopRequest
from modeling.training.config import LanguageConfig
from modeling.training.dialogues import PackedDialogues
from modeling.training.stage import (
    WEIGHTS_FOLDER,
    check_config,
    check_seed,
    device,
    seed_everything,
    serve,
    standing,
)
from modeling.training.standing import note_attempt, training_note
from modeling.training.trainer import run_training
from modeling.training.validation import Validation

LEAST_DIALOGUES = 20
# The tags before visual vectors, often enough to become few tokens.
VIEW_TAGS = ("[L-CC]", "[L-MLO]", "[R-CC]", "[R-MLO]") * 50


def work(raw: dict[str, Any], stop: StopRequest, answer: Path) -> None:
    """Train, save and measure on the dialogues held out."""
    config, seed = check_config(raw, LanguageConfig), check_seed(raw)
    corpus, output = Path(raw["corpus"]), Path(raw["output"])
    dialogues = read_corpus(corpus)
    if len(dialogues) < LEAST_DIALOGUES:
        raise BadRequestError(
            f"corpus {corpus}: {len(dialogues)} dialogues, at least {LEAST_DIALOGUES} needed"
        )
    seed_everything(seed)
    parts = split(dialogues, config, seed)
    # What is held out stays unknown to the vocabulary too.
    texts = [text for dialogue in parts[0] for text in dialogue.texts]
    tokenizer = train_tokenizer([*texts, *VIEW_TAGS], config.vocabulary)
    encoder = ChatEncoder(tokenizer)
    training, validation, held_out = (_encode(encoder, part) for part in parts)
    model = build_tiny_glm(tokenizer, _size(config))
    limit_threads(model)
    corpus_sha256, resume = file_sha256(corpus), bool(raw.get("resume", False))
    told = note_attempt(output, standing(raw, {}), resume=resume)
    with AnswerWriter(answer) as writer:
        writer.write({"kind": "environment", "told": told})
        packs = PackedDialogues(training, pack_tokens=config.pack_tokens, pad_id=encoder.pad_id, seed=seed)
        metrics = run_training(
            stage="language",
            model=model,
            config=config,
            samples=packs,
            validation=Validation(
                PackedDialogues(validation, pack_tokens=config.pack_tokens, pad_id=encoder.pad_id, seed=seed)
            ),
            collate=packs.collate,
            output=output,
            seed=seed,
            resume=resume,
            identity={"corpus": corpus_sha256},
            stop=stop,
        )
        for metric in metrics:
            writer.write(metric)
        note = training_note(
            "language", config=config, learned_from={"corpus": corpus_sha256}, seed=seed, hashes={}, init={}
        )
        digest = save_language_model(output / WEIGHTS_FOLDER, model, tokenizer, beside=note)
        figures = {**held_out_loss(model, packs, held_out), "dialogues": len(training)}
        path = str(output / WEIGHTS_FOLDER)
        writer.write({"kind": "checkpoint", "path": path, "sha256": digest, "metrics": figures})


@torch.inference_mode()
def held_out_loss(
    model: nn.Module, packs: PackedDialogues, held_out: Sequence[EncodedDialogue]
) -> Mapping[str, float | int]:
    """Mean loss per answer token and perplexity on dialogues that were not trained on."""
    if not held_out:
        return {}
    model.to(device()).eval()
    total, tokens = 0.0, 0
    for start in range(0, len(held_out), 32):
        batch = packs.collate([[dialogue] for dialogue in held_out[start : start + 32]])
        counted = int((batch["labels"][:, 1:] >= 0).sum())
        loss = model(**_on_device(batch)).loss
        total += float(loss) * counted
        tokens += counted
    loss_per_token = total / tokens
    return {
        "loss": loss_per_token,
        "perplexity": math.exp(loss_per_token),
        "held_out_dialogues": len(held_out),
    }


def _on_device(batch: Mapping[str, Any]) -> dict[str, Any]:
    place = device()
    return {name: value.to(place) if isinstance(value, Tensor) else value for name, value in batch.items()}


def _encode(encoder: ChatEncoder, dialogues: Sequence[Dialogue]) -> list[EncodedDialogue]:
    return [encoder.example(d.turns, d.answer, context=d.context) for d in dialogues]


def split(
    dialogues: Sequence[Dialogue], config: LanguageConfig, seed: int
) -> tuple[list[Dialogue], list[Dialogue], list[Dialogue]]:
    """Training, validation and held-out dialogues, drawn by the seed.

    What chooses the best weights (none where nothing is validated) is apart from what is reported.
    """
    order = np.random.default_rng([seed, 1]).permutation(len(dialogues))
    count = round(config.held_out * len(dialogues))
    ends = count, count + (count if config.validate_every_epochs else 0)
    held_out, validation, training = np.split(order, ends)
    return (
        [dialogues[i] for i in training],
        [dialogues[i] for i in validation],
        [dialogues[i] for i in held_out],
    )


def _size(config: LanguageConfig) -> TinyGlmSize:
    return TinyGlmSize(
        hidden_size=config.hidden_size,
        layers=config.layers,
        heads=config.heads,
        key_value_heads=config.key_value_heads,
        intermediate_size=config.intermediate_size,
    )


if __name__ == "__main__":
    sys.exit(serve(sys.argv, work, module="modeling.training.language", required=("corpus", "output")))
