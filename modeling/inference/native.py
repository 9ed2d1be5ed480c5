"""Answers of a language model in a local folder (GLM-4 and any other AutoModelForCausalLM)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from modeling.data.exchange import BadRequestError
from modeling.inference.systems import (
    SHARE_OF_BATCH,
    TOO_LONG,
    Answer,
    Draw,
    Progress,
    SystemUnavailableError,
    no_answer,
    sha256_of,
)
from modeling.nn.chat import ChatEncoder
from modeling.nn.generation import (
    AS_USUAL,
    Continuation,
    Decoding,
    Prompt,
    Sampling,
    generate_rows,
    next_token,
)
from modeling.nn.language import (
    SMALL_MODEL,
    ModelFolderError,
    limit_threads,
    load_language_model,
    load_tokenizer,
    weights_sha256,
)


class TransformersSystem:
    """A text model; it reads no images, so its answers report none.

    Args:
        folder: config.json, the tokenizer's files and *.safetensors.
        sampling: how tokens are chosen.
        batch_size: rows written at once; by the model's size when not given.
        pass_over_refused: a question that does not fit the model gets an empty answer, and the others are answered.
        decoding: whether steps have static shapes and are compiled.
    """

    can_redraw = True
    seconds_are = SHARE_OF_BATCH

    def __init__(
        self,
        folder: str | Path,
        sampling: Sampling,
        batch_size: int | None = None,
        *,
        pass_over_refused: bool = False,
        decoding: Decoding = AS_USUAL,
    ) -> None:
        try:
            self.model = load_language_model(folder)
            self.encoder = ChatEncoder(load_tokenizer(folder))
        except (ModelFolderError, ValueError, OSError) as error:
            raise SystemUnavailableError(str(error)) from error
        self.model = self.model.to("cuda" if torch.cuda.is_available() else "cpu").eval()
        limit_threads(self.model)
        self.sampling, self.decoding = sampling, decoding
        self.pass_over_refused = pass_over_refused
        self.revision = weights_sha256(folder)
        self.batch_size = batch_size or default_batch_size(self.model)

    def next_token_log_probability(self, draw: Draw) -> tuple[Tensor, Callable[[str], list[int]]]:
        """Log-probabilities (V,) of the answer's first token, and how a text becomes token ids."""
        prompt = Prompt(self.encoder.prompt(draw.question.turns, context=draw.question.context), draw.seed)
        return next_token(self.model, prompt), self.encoder.encode_plain

    def write(self, draws: Sequence[Draw], progress: Progress) -> list[Answer]:
        """Answers in the order of the draws."""
        prompts = [
            Prompt(self.encoder.prompt(d.question.turns, context=d.question.context), d.seed) for d in draws
        ]
        fitting = [place for place, draw in enumerate(draws) if self._fits(draw, prompts[place])]
        started = time.monotonic()
        written = generate_rows(
            self.model,
            [prompts[place] for place in fitting],
            sampling=self.sampling,
            stop_ids=self.encoder.stop_ids,
            pad_id=self.encoder.pad_id,
            batch_size=self.batch_size,
            on_batch=progress,
            decoding=self.decoding,
        )
        seconds = (time.monotonic() - started) / max(len(fitting), 1)
        rows = dict(zip(fitting, written, strict=True))
        return [
            self._answer(draw, prompts[place], rows.get(place), seconds) for place, draw in enumerate(draws)
        ]

    def _fits(self, draw: Draw, prompt: Prompt) -> bool:
        try:
            check_length(prompt, draw, self.sampling, self.model.config)
        except BadRequestError:
            if not self.pass_over_refused:
                raise
            return False
        return True

    def _answer(self, draw: Draw, prompt: Prompt, row: Continuation | None, seconds: float) -> Answer:
        prompt_sha256 = sha256_of(list(prompt.input_ids))
        if row is None:
            return no_answer(TOO_LONG, prompt_sha256, draw.seed, sampling_parameters(self.sampling))
        return to_answer(
            self.encoder, draw, row, prompt_sha256, self.sampling, seconds, decoding=self.decoding
        )


def to_answer(
    encoder: ChatEncoder,
    draw: Draw,
    written: Continuation,
    prompt_sha256: str,
    sampling: Sampling,
    seconds: float,
    images: int = 0,
    decoding: Decoding = AS_USUAL,
) -> Answer:
    """One row of generated ids as an answer; seconds is the row's share of its run's time."""
    return Answer(
        text=encoder.decode(written.ids),
        raw=str(encoder.tokenizer.decode(written.ids, skip_special_tokens=False)),
        seed=draw.seed,
        finish_reason=written.finish_reason,
        prompt_sha256=prompt_sha256,
        seconds=seconds,
        tokens=len(written.ids),
        images=images,
        parameters={**sampling_parameters(sampling), **decoding.told()},
    )


def sampling_parameters(sampling: Sampling) -> Mapping[str, Any]:
    """What a row reports of how its tokens were chosen."""
    return {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_new_tokens": sampling.max_new_tokens,
    }


def default_batch_size(model: Any) -> int:
    """Rows written at once: many for a small model, few where the key-value cache is large."""
    return 64 if sum(p.numel() for p in model.parameters()) < SMALL_MODEL else 8


def check_length(prompt: Prompt, draw: Draw, sampling: Sampling, config: Any) -> None:
    """Raise BadRequestError when a question and its answer can't both fit the model's positions."""
    text_config = config.get_text_config() if hasattr(config, "get_text_config") else config
    most = int(getattr(text_config, "max_position_embeddings", 0) or 0)
    if most and len(prompt.input_ids) + sampling.max_new_tokens > most:
        raise BadRequestError(
            f"question {draw.question.id}: {len(prompt.input_ids)} tokens and an answer of up to "
            f"{sampling.max_new_tokens} do not fit the model's {most} positions; shorten it or max_new_tokens"
        )
