"""Answers of a vision-language model in a local folder, by the classes that transformers itself has.

LLaVA-1.5, BLIP-2, Qwen2-VL, Qwen2.5-VL, Qwen3-VL and GLM-4.1V load here; what needs code of its own from a
hub (CogVLM, Qwen-VL of 2023, BiomedGPT) is asked through an endpoint or a file of answers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from PIL import Image
from torch import Tensor
from transformers import AutoModelForImageTextToText, AutoProcessor, GenerationConfig, LogitsProcessorList

from modeling.data.exchange import BadRequestError
from modeling.data.snapshot import file_sha256
from modeling.inference.images import grey_picture, montage
from modeling.inference.systems import (
    Answer,
    Draw,
    ImageFile,
    Progress,
    Question,
    SystemUnavailableError,
    sha256_of,
)
from modeling.nn.chat import disarm
from modeling.nn.generation import Sampling, SeededRows, until_stop
from modeling.nn.language import (
    ModelFolderError,
    check_model_folder,
    limit_threads,
    load_whole,
    weights_sha256,
)

# How the views of a study are shown to a model: each by itself, or all in one picture as they are hung.
Layout = Literal["each", "montage"]
# Rows of one question that are written at once.
BATCH_SIZE = 8
_PLAIN_ROLES = ("Question", "Answer")


class VisionLanguageSystem:
    """A model of images and text with its own processor.

    Args:
        folder: config.json, the processor's and tokenizer's files, and *.safetensors.
        sampling: how tokens are chosen.
        layout: whether views are given one by one or as one picture; models trained on one image want one.

    Raises:
        SystemUnavailableError: naming the file that is missing or refused.
    """

    can_redraw = True

    def __init__(self, folder: str | Path, sampling: Sampling, layout: str = "each") -> None:
        if layout not in get_args(Layout):
            raise BadRequestError(f"spec.layout: {layout!r} is not one of {', '.join(get_args(Layout))}")
        try:
            path = check_model_folder(folder)
            self.processor: Any = AutoProcessor.from_pretrained(
                path, local_files_only=True, trust_remote_code=False
            )
            self.model: Any = load_whole(AutoModelForImageTextToText, path)
        except (ModelFolderError, ValueError, OSError) as error:
            raise SystemUnavailableError(str(error).splitlines()[0]) from error
        self.model = self.model.to("cuda" if torch.cuda.is_available() else "cpu").eval()
        limit_threads(self.model)
        self.sampling = sampling
        self.layout = layout
        self.tokenizer: Any = self.processor.tokenizer
        self.revision = weights_sha256(path)
        self._stops = self._stop_ids()

    def write(self, draws: Sequence[Draw], progress: Progress) -> list[Answer]:
        """Answers in the order of the draws; the draws of one question share one reading of its images."""
        places: dict[str, list[int]] = {}
        for place, draw in enumerate(draws):
            places.setdefault(draw.question.id, []).append(place)
        answers: dict[int, Answer] = {}
        for mine in places.values():
            prompt, inputs = self._inputs(draws[mine[0]].question)
            for start in range(0, len(mine), BATCH_SIZE):
                rows = mine[start : start + BATCH_SIZE]
                written = self._generate([draws[i] for i in rows], prompt, inputs)
                answers.update(zip(rows, written, strict=True))
                progress(len(answers))
        return [answers[place] for place in range(len(draws))]

    @torch.inference_mode()
    def next_token_log_probability(self, draw: Draw) -> tuple[Tensor, Callable[[str], list[int]]]:
        """Log-probabilities (V,) of the answer's first token, and how a text becomes token ids."""
        _, inputs = self._inputs(draw.question)
        row = self.model(**inputs).logits[0, -1].float().log_softmax(-1).cpu()
        return row, lambda text: list(self.tokenizer.encode(text, add_special_tokens=False))

    def prompt(self, question: Question, pictures: int) -> str:
        """The text of a question with the model's own template and marks for `pictures` images.

        A model without a chat template (BLIP-2) is asked in the form that it was tuned on, "Question: ...
        Answer:".
        """
        turns = [disarm(self.tokenizer, turn) for turn in question.turns]
        context = disarm(self.tokenizer, question.context)
        if not getattr(self.processor, "chat_template", None):
            said = [f"{_PLAIN_ROLES[i % 2]}: {turn}" for i, turn in enumerate(turns)]
            return " ".join([*([context] if context else []), *said, f"{_PLAIN_ROLES[1]}:"])
        messages: list[dict[str, Any]] = []
        for i, turn in enumerate(turns):
            content: list[dict[str, str]] = [{"type": "text", "text": turn}]
            if i == 0:
                before = [{"type": "text", "text": context + "\n"}] if context else []
                content = [*({"type": "image"} for _ in range(pictures)), *before, *content]
            messages.append({"role": "assistant" if i % 2 else "user", "content": content})
        return str(self.processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))

    # -- parts ---------------------------------------------------------------------------------------------

    def _inputs(self, question: Question) -> tuple[str, dict[str, Tensor]]:
        pictures = self._pictures(question.images)
        prompt = self.prompt(question, len(pictures))
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
        if self.layout == "montage":
            return [montage(images)]
        return [grey_picture(image) for image in images]

    @torch.inference_mode()
    def _generate(self, draws: Sequence[Draw], prompt: str, inputs: dict[str, Tensor]) -> list[Answer]:
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
        )
        # Every tensor lists its parts question by question, patches too: a repetition along it is a batch.
        repeated = {
            name: tensor.repeat(len(draws), *[1] * (tensor.dim() - 1)) for name, tensor in inputs.items()
        }
        started = time.monotonic()
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
        images = [file_sha256(image.path) for image in draw.question.images]
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
            },
        )

    def _stop_ids(self) -> list[int]:
        named = getattr(self.model.generation_config, "eos_token_id", None)
        found = {named} if isinstance(named, int) else set(named or ())
        if self.tokenizer.eos_token_id is not None:
            found.add(int(self.tokenizer.eos_token_id))
        if not found:
            raise SystemUnavailableError(
                "neither generation_config.json nor the tokenizer names the token that ends an answer "
                "(eos_token_id)"
            )
        return sorted(found)

    def _check_length(self, question: Question, length: int) -> None:
        most = int(getattr(self.model.config.get_text_config(), "max_position_embeddings", 0) or 0)
        if most and length + self.sampling.max_new_tokens > most:
            raise BadRequestError(
                f"question {question.id}: {length} tokens (images included) and an answer of up to "
                f"{self.sampling.max_new_tokens} do not fit the model's {most} positions; use the layout "
                "montage, or a smaller max_new_tokens"
            )
