"""Answers of a trained MammoVLM to questions with mammograms."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from modeling.inference.images import study_array
from modeling.inference.native import check_length, default_batch_size, to_answer
from modeling.inference.systems import (
    SHARE_OF_BATCH,
    Answer,
    Draw,
    ImageFile,
    Progress,
    Question,
    SystemUnavailableError,
    sha256_of,
)
from modeling.nn.chat import ChatEncoder
from modeling.nn.generation import AS_USUAL, Decoding, Prompt, Sampling, generate_rows, next_token
from modeling.nn.language import (
    ModelFolderError,
    check_model_folder,
    limit_threads,
    load_tokenizer,
    load_whole,
    weights_sha256,
)
from modeling.nn.mammovlm import MammoVLM, MammoVLMConfig


class MammoVLMSystem:
    """MammoVLM from the folder that its training wrote.

    Each set of images is encoded once, however many questions are asked about it and answers drawn. A
    question without images is answered from its text.
    """

    can_redraw = True
    seconds_are = SHARE_OF_BATCH

    def __init__(
        self,
        folder: str | Path,
        sampling: Sampling,
        batch_size: int | None = None,
        *,
        decoding: Decoding = AS_USUAL,
    ) -> None:
        try:
            path = check_model_folder(folder)
            model_type = json.loads((path / "config.json").read_text("utf-8")).get("model_type")
            if model_type != MammoVLMConfig.model_type:
                raise SystemUnavailableError(
                    f"{path} holds a {model_type} model: use the kind transformers for it"
                )
            self.model = load_whole(MammoVLM, path)
            self.encoder = ChatEncoder(load_tokenizer(path))
        except (ModelFolderError, ValueError, OSError) as error:
            raise SystemUnavailableError(str(error)) from error
        self.model = self.model.to("cuda" if torch.cuda.is_available() else "cpu").eval()
        limit_threads(self.model)
        self.sampling, self.decoding = sampling, decoding
        self.revision = weights_sha256(path)
        self.batch_size = batch_size or default_batch_size(self.model.language_model)
        self._vectors: dict[tuple[ImageFile, ...], Tensor] = {}

    def write(
        self,
        draws: Sequence[Draw],
        progress: Progress,
        on_text: Callable[[str, int], bool] | None = None,
    ) -> list[Answer]:
        """Answers in the order of the draws.

        Args:
            on_text: for a single draw: given the text so far and its tokens after each step; True ends the answer.
        """
        started = time.monotonic()
        prompts = [self._prompt(draw) for draw in draws]
        written = generate_rows(
            self.model,
            prompts,
            sampling=self.sampling,
            stop_ids=self.encoder.stop_ids,
            pad_id=self.encoder.pad_id,
            batch_size=self.batch_size,
            on_batch=progress,
            on_tokens=None
            if on_text is None
            else lambda ids: bool(on_text(self.encoder.decode(ids), len(ids))),
            decoding=self.decoding,
        )
        seconds = (time.monotonic() - started) / max(len(draws), 1)
        return [
            to_answer(
                self.encoder,
                draw,
                row,
                _prompt_sha256(draw, prompt),
                self.sampling,
                seconds,
                images=len(draw.question.images),
                decoding=self.decoding,
            )
            for draw, prompt, row in zip(draws, prompts, written, strict=True)
        ]

    def without_oldest_rounds(self, question: Question) -> tuple[Question, int]:
        """The question with as much of the dialogue before it as fits the model's positions beside the longest answer.

        Returns:
            the question, without its oldest rounds (a question and its answer each) where they don't fit, and how many
            those are; alone it may still be too long, which `write` refuses.
        """
        most = int(getattr(self.model.language_model.config, "max_position_embeddings", 0) or 0)
        left_out = 0
        shorter = question
        while len(shorter.turns) > 1 and most:
            if len(self._ids(shorter)) + self.sampling.max_new_tokens <= most:
                break
            left_out += 1
            shorter = replace(question, turns=question.turns[2 * left_out :])
        return shorter, left_out

    def next_token_log_probability(self, draw: Draw) -> tuple[Tensor, Callable[[str], list[int]]]:
        """Log-probabilities (V,) of the answer's first token, and how a text becomes token ids."""
        return next_token(self.model, self._prompt(draw)), self.encoder.encode_plain

    def _prompt(self, draw: Draw) -> Prompt:
        question, ids = draw.question, self._ids(draw.question)
        vectors = self._encode(question.images) if question.images else None
        prompt = Prompt(ids, draw.seed, vectors)
        check_length(prompt, draw, self.sampling, self.model.language_model.config)
        return prompt

    def _ids(self, question: Question) -> list[int]:
        config = self.model.config
        return self.encoder.prompt(
            question.turns,
            context=question.context,
            visual_tags=config.tags([(image.laterality, image.view) for image in question.images]),
            per_tag=config.tokens_per_vector,
        )

    def _encode(self, images: tuple[ImageFile, ...]) -> Tensor:
        """The images' visual vectors (views, C), or (1, C) with per_study."""
        if images not in self._vectors:
            size = self.model.vision.visual.image_size
            array = study_array(images, size=size, flip_right=self.model.config.flip_right)
            pixels = torch.from_numpy(array)[None].to(self.model.device)
            vectors, mask = self.model.encode_images(pixels)
            self._vectors[images] = vectors[mask].float().cpu()
        return self._vectors[images]


def _prompt_sha256(draw: Draw, prompt: Prompt) -> str:
    images = [image.sha256 for image in draw.question.images]
    return sha256_of([list(prompt.input_ids), images])
