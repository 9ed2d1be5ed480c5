"""Answers of a vision-language model in a local folder, by the classes that transformers itself has.

LLaVA-1.5, BLIP-2, Qwen2-VL, Qwen2.5-VL, Qwen3-VL and GLM-4.1V load here; what needs code of its own from a
hub (CogVLM, Qwen-VL of 2023, BiomedGPT) is asked through an endpoint or a file of answers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from transformers import GenerationConfig, LogitsProcessorList

from modeling.data.exchange import BadRequestError
from modeling.data.pictures import LAYOUTS, frames_as_pictures
from modeling.inference.images import grey_picture, montage, study_array
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
from modeling.nn.generation import AS_USUAL, Decoding, Sampling, SeededRows, until_stop
from modeling.nn.language import ModelFolderError, limit_threads, weights_sha256
from modeling.nn.vision_language import TunedPictures, load_vision_language, question_text, stop_ids

# Rows of one question that are written at once.
BATCH_SIZE = 8


class VisionLanguageSystem:
    """A model of images and text with its own processor.

    Args:
        folder: config.json, the processor's and tokenizer's files, and *.safetensors.
        sampling: how tokens are chosen.
        layout: whether views are given one by one or as one picture; models trained on one image want one. Weights
            that were tuned here see what they were tuned on, whatever it says.

    Raises:
        SystemUnavailableError: naming the file that is missing or refused.
    """

    can_redraw = True
    seconds_are = SHARE_OF_BATCH

    def __init__(
        self,
        folder: str | Path,
        sampling: Sampling,
        layout: str = "each",
        *,
        decoding: Decoding = AS_USUAL,
    ) -> None:
        if layout not in LAYOUTS:
            raise BadRequestError(f"spec.layout: {layout!r} is not one of {', '.join(LAYOUTS)}")
        try:
            self.model, self.processor = load_vision_language(folder)
            self.tuned = TunedPictures.beside(Path(folder))
            self.tokenizer: Any = self.processor.tokenizer
            self._stops = stop_ids(self.model, self.tokenizer)
        except ModelFolderError as error:
            raise SystemUnavailableError(str(error)) from error
        self.model = self.model.to("cuda" if torch.cuda.is_available() else "cpu").eval()
        limit_threads(self.model)
        self.sampling, self.decoding = sampling, decoding
        self.layout = layout if self.tuned is None else self.tuned.layout
        self.revision = weights_sha256(folder)

    def write(self, draws: Sequence[Draw], progress: Progress) -> list[Answer]:
        """Answers in the order of the draws; the draws of one question share one reading of its images."""
        places: dict[str, list[int]] = {}
        for place, draw in enumerate(draws):
            places.setdefault(draw.question.id, []).append(place)
        answers: dict[int, Answer] = {}
        for mine in places.values():
            started = time.monotonic()
            prompt, inputs = self._inputs(draws[mine[0]].question)
            for start in range(0, len(mine), BATCH_SIZE):
                rows = mine[start : start + BATCH_SIZE]
                # Reading the images counts among the first batch's seconds, as MammoVLM's does.
                written = self._generate([draws[i] for i in rows], prompt, inputs, started)
                started = time.monotonic()
                answers.update(zip(rows, written, strict=True))
                progress(len(answers))
        return [answers[place] for place in range(len(draws))]

    @torch.inference_mode()
    def next_token_log_probability(self, draw: Draw) -> tuple[Tensor, Callable[[str], list[int]]]:
        """Log-probabilities (V,) of the answer's first token, and how a text becomes token ids."""
        _, inputs = self._inputs(draw.question)
        row = self.model(**inputs).logits[0, -1].float().log_softmax(-1).cpu()
        return row, lambda text: list(self.tokenizer.encode(text, add_special_tokens=False))

    # -- parts ---------------------------------------------------------------------------------------------

    def _inputs(self, question: Question) -> tuple[str, dict[str, Tensor]]:
        pictures = self._pictures(question.images)
        prompt = question_text(self.processor, question.turns, len(pictures), context=question.context)
        given = {"images": pictures} if pictures else {}
        try:
            inputs = self.processor(text=[prompt], **given, return_tensors="pt")
        except ValueError as error:
            raise BadRequestError(f"question {question.id}: {error}") from error
        self._check_length(question, inputs["input_ids"].shape[1])
        return prompt, {name: tensor.to(self.model.device) for name, tensor in inputs.items()}

    def _pictures(self, images: Sequence[ImageFile]) -> list[Image.Image]:
        if not images:
            return []
        if self.tuned is not None:
            frames = study_array(images, size=self.tuned.image_size, flip_right=False)
            return frames_as_pictures(frames, [(i.laterality, i.view) for i in images], self.tuned.layout)
        if self.layout == "montage":
            return [montage(images)]
        return [grey_picture(image) for image in images]

    @torch.inference_mode()
    def _generate(
        self, draws: Sequence[Draw], prompt: str, inputs: dict[str, Tensor], started: float
    ) -> list[Answer]:
        processors = LogitsProcessorList()
        if self.sampling.temperature > 0:
            processors.append(SeededRows([draw.seed for draw in draws], self.sampling))
        settings = GenerationConfig(
            do_sample=False,
            num_beams=1,
            max_new_tokens=self.sampling.max_new_tokens,
            eos_token_id=list(self._stops),
            pad_token_id=self._stops[0]
            if self.tokenizer.pad_token_id is None
            else self.tokenizer.pad_token_id,
            **self.decoding.settings(),
        )
        # Every tensor lists its parts question by question, patches too: a repetition along it is a batch.
        repeated = {
            name: tensor.repeat(len(draws), *[1] * (tensor.dim() - 1)) for name, tensor in inputs.items()
        }
        # BLIP-2's own generate wants an image; about none, its language model is asked.
        blind = "pixel_values" not in inputs and self.model.config.model_type == "blip-2"
        writer = self.model.language_model if blind else self.model
        output = writer.generate(**repeated, generation_config=settings, logits_processor=processors)
        seconds = (time.monotonic() - started) / len(draws)
        asked = inputs["input_ids"].shape[1]
        # Encoder-decoder models (BLIP-2 on T5) give back the answer alone.
        begins = (
            asked if output.shape[1] > asked and bool((output[:, :asked] == inputs["input_ids"]).all()) else 0
        )
        return [
            self._answer(draw, row, prompt, seconds)
            for draw, row in zip(draws, output[:, begins:].tolist(), strict=True)
        ]

    def _answer(self, draw: Draw, row: list[int], prompt: str, seconds: float) -> Answer:
        written = until_stop(row, frozenset(self._stops))
        images = [image.sha256 for image in draw.question.images]
        return Answer(
            text=str(self.tokenizer.decode(written.ids, skip_special_tokens=True)).strip(),
            raw=str(self.tokenizer.decode(written.ids, skip_special_tokens=False)),
            seed=draw.seed,
            finish_reason=written.finish_reason,
            prompt_sha256=sha256_of([prompt, images]),
            seconds=seconds,
            tokens=len(written.ids),
            images=len(images),
            parameters={
                "temperature": self.sampling.temperature,
                "top_p": self.sampling.top_p,
                "max_new_tokens": self.sampling.max_new_tokens,
                "layout": self.layout,
                **self.decoding.told(),
            },
        )

    def _check_length(self, question: Question, length: int) -> None:
        most = int(getattr(self.model.config.get_text_config(), "max_position_embeddings", 0) or 0)
        if most and length + self.sampling.max_new_tokens > most:
            raise BadRequestError(
                f"question {question.id}: {length} tokens (images included) and an answer of up to "
                f"{self.sampling.max_new_tokens} do not fit the model's {most} positions; use the layout "
                "montage, or a smaller max_new_tokens"
            )
