"""Writing answers token by token, many rows at a time, each reproducible on its own.

`generate` of transformers draws from one global generator, so a row's text would depend on which rows share
its batch. Here every row has its own stream of uniform numbers, drawn from its own seed before the first step
and turned into tokens by inverting the cumulative distribution.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from transformers import (
    CompileConfig,
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
    StoppingCriteria,
    StoppingCriteriaList,
)

# Tokens to whose multiple prompts are filled up for a static cache.
STATIC_BLOCK = 64


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen; temperature 0 takes the likeliest."""

    temperature: float = 0.9
    # Nucleus: the smallest set of likeliest tokens whose probabilities reach this sum.
    top_p: float = 0.95
    max_new_tokens: int = 160

    def __post_init__(self) -> None:
        if not 0 <= self.temperature <= 10:
            raise ValueError(f"temperature must lie between 0 and 10, not {self.temperature}")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p must lie above 0 and not above 1, not {self.top_p}")
        if self.max_new_tokens < 1:
            raise ValueError(f"max_new_tokens must be at least 1, not {self.max_new_tokens}")


@dataclass(frozen=True)
class Decoding:
    """How the steps are computed, which changes no token but for the last bits of its chances.

    A static cache has its final length from the first step on, so that every step has the same shapes; prompts are
    filled up to whole blocks, so that the next batch has them too. Only then can a step be compiled (one CUDA graph in
    place of hundreds of launches); transformers compiles on accelerators alone, on the processor steps stay as they are.
    """

    cache: Literal["dynamic", "static"] = "dynamic"
    compile: bool = False

    def __post_init__(self) -> None:
        if self.cache not in ("dynamic", "static"):
            raise ValueError(f"cache must be dynamic or static, not {self.cache!r}")
        if not isinstance(self.compile, bool):
            raise ValueError(f"compile must be true or false, not {self.compile!r}")
        if self.compile and self.cache != "static":
            raise ValueError(
                "compile needs cache static: the shapes of a growing cache change with every step"
            )

    @property
    def block(self) -> int:
        """Prompts are filled up to a multiple of so many tokens."""
        return STATIC_BLOCK if self.cache == "static" else 1

    def settings(self) -> dict[str, Any]:
        """Fields of a GenerationConfig."""
        if self.cache == "dynamic":
            return {}
        compiled = {"compile_config": compiling()} if self.compile else {}
        return {"cache_implementation": "static", "disable_compile": not self.compile, **compiled}

    def told(self) -> dict[str, Any]:
        """What an answer reports of it: nothing of what is not asked for."""
        found: dict[str, Any] = {"cache": self.cache} if self.cache != "dynamic" else {}
        return found | ({"compile": True} if self.compile else {})


def compiling() -> CompileConfig:
    """How a step is compiled: into CUDA graphs (mode reduce-overhead)."""
    return CompileConfig()


AS_USUAL = Decoding()


@dataclass(frozen=True)
class Prompt:
    """One row to be continued: token ids, its seed, and its visual vectors (views, C) if it has images."""

    input_ids: Sequence[int]
    seed: int
    visual_vectors: Tensor | None = None


@dataclass(frozen=True)
class Continuation:
    """The ids written for one row, without the stop token, and why the writing ended."""

    ids: list[int]
    finish_reason: Literal["stop", "length"]


class SeededRows(LogitsProcessor):
    """Chooses each row's token from that row's own stream of uniform numbers; used with greedy decoding.

    Args:
        seeds: one seed for each row of the batch.
        sampling: temperature, nucleus and the greatest number of steps.
    """

    def __init__(self, seeds: Sequence[int], sampling: Sampling) -> None:
        self.sampling = sampling
        self.step = 0
        rows = [
            torch.rand(sampling.max_new_tokens, generator=torch.Generator().manual_seed(seed))
            for seed in seeds
        ]
        self.uniform = torch.stack(rows)  # (rows, steps)

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Scores (rows, vocabulary) -> the same shape, all -inf but for the token that was drawn."""
        uniform = self.uniform[:, self.step, None].to(scores.device)
        self.step += 1
        ordered, order = (scores.float() / self.sampling.temperature).sort(dim=-1, descending=True)
        probability = ordered.softmax(dim=-1)
        cumulative = probability.cumsum(dim=-1)
        nucleus = cumulative - probability < self.sampling.top_p
        size = nucleus.sum(dim=-1, keepdim=True)
        target = uniform * cumulative.gather(-1, size - 1)
        rank = torch.searchsorted(cumulative, target, right=True).minimum(size - 1)
        chosen = order.gather(-1, rank)
        return torch.full_like(scores, float("-inf")).scatter(-1, chosen, 0.0)


class TellTokens(StoppingCriteria):
    """Tells the ids of a single row after each step, and ends the writing when it is told to.

    Args:
        asked: length of the prompt.
        on_tokens: given the ids written so far; True ends the answer.
    """

    def __init__(self, asked: int, on_tokens: Callable[[list[int]], bool]) -> None:
        self.asked = asked
        self.on_tokens = on_tokens

    def __call__(self, input_ids: Tensor, scores: Tensor, **_: Any) -> Tensor:
        """input_ids (1, T) -> (1,) true to end."""
        is_over = self.on_tokens(input_ids[0, self.asked :].tolist())
        return torch.full((len(input_ids),), is_over, device=input_ids.device)


def generate_rows(
    model: Any,
    prompts: Sequence[Prompt],
    *,
    sampling: Sampling,
    stop_ids: Sequence[int],
    pad_id: int,
    batch_size: int = 64,
    on_batch: Callable[[int], None] = lambda rows: None,
    on_tokens: Callable[[list[int]], bool] | None = None,
    decoding: Decoding = AS_USUAL,
) -> list[Continuation]:
    """Continue every prompt; the result is in the order of the prompts and does not depend on the batches.

    Args:
        model: a causal language model, or MammoVLM when prompts carry visual vectors.
        stop_ids: ids that end a row.
        pad_id: filler on the left of the shorter rows.
        batch_size: rows in one batch.
        on_batch: told the number of finished rows after each batch.
        on_tokens: for a single prompt: given the ids written so far after each step; True ends the answer.
        decoding: how the steps are computed.
    """
    if on_tokens is not None and len(prompts) != 1:
        raise ValueError(f"on_tokens: follows one prompt, {len(prompts)} are given")
    done: dict[int, Continuation] = {}
    by_length = sorted(range(len(prompts)), key=lambda i: len(prompts[i].input_ids))
    for start in range(0, len(by_length), batch_size):
        rows = by_length[start : start + batch_size]
        batch = [prompts[i] for i in rows]
        written = _generate_batch(model, batch, sampling, stop_ids, pad_id, on_tokens, decoding)
        done.update(zip(rows, written, strict=True))
        on_batch(len(done))
    return [done[i] for i in range(len(prompts))]


@torch.inference_mode()
def next_token(model: Any, prompt: Prompt) -> Tensor:
    """Log-probabilities (V,) of the token that follows a prompt, on the processor."""
    inputs = _left_padded([prompt], 0, model.device)
    return model(**inputs).logits[0, -1].float().log_softmax(-1).cpu()


@torch.inference_mode()
def _generate_batch(
    model: Any,
    prompts: Sequence[Prompt],
    sampling: Sampling,
    stop_ids: Sequence[int],
    pad_id: int,
    on_tokens: Callable[[list[int]], bool] | None = None,
    decoding: Decoding = AS_USUAL,
) -> list[Continuation]:
    inputs = _left_padded(prompts, pad_id, model.device, decoding.block)
    processors = LogitsProcessorList()
    if sampling.temperature > 0:
        processors.append(SeededRows([prompt.seed for prompt in prompts], sampling))
    settings = GenerationConfig(
        do_sample=False,
        num_beams=1,
        repetition_penalty=1.0,
        max_new_tokens=sampling.max_new_tokens,
        eos_token_id=list(stop_ids),
        pad_token_id=pad_id,
        **decoding.settings(),
    )
    criteria = StoppingCriteriaList()
    if on_tokens is not None:
        stops = frozenset(stop_ids)
        criteria.append(
            TellTokens(inputs["input_ids"].shape[1], lambda ids: on_tokens(until_stop(ids, stops).ids))
        )
    output = model.generate(
        **inputs, generation_config=settings, logits_processor=processors, stopping_criteria=criteria
    )
    return [
        until_stop(row, frozenset(stop_ids)) for row in output[:, inputs["input_ids"].shape[1] :].tolist()
    ]


def _left_padded(
    prompts: Sequence[Prompt], pad_id: int, device: torch.device, block: int = 1
) -> dict[str, Tensor]:
    longest = -(-max(len(prompt.input_ids) for prompt in prompts) // block) * block
    ids = torch.full((len(prompts), longest), pad_id)
    mask = torch.zeros_like(ids)
    for row, prompt in enumerate(prompts):
        ids[row, longest - len(prompt.input_ids) :] = torch.tensor(list(prompt.input_ids))
        mask[row, longest - len(prompt.input_ids) :] = 1
    inputs = {"input_ids": ids, "attention_mask": mask}
    if any(prompt.visual_vectors is not None for prompt in prompts):
        vectors, view_mask = stack_views([prompt.visual_vectors for prompt in prompts])
        inputs |= {"visual_vectors": vectors, "view_mask": view_mask}
    return {name: tensor.to(device) for name, tensor in inputs.items()}


def stack_views(vectors: Sequence[Tensor | None]) -> tuple[Tensor, Tensor]:
    """Rows of (views, C), some without any, as one (rows, most views, C) with its mask (rows, most views)."""
    width = next(v.shape[-1] for v in vectors if v is not None)
    most = max(len(v) if v is not None else 0 for v in vectors)
    stacked = torch.zeros(len(vectors), most, width)
    mask = torch.zeros(len(vectors), most, dtype=torch.bool)
    for row, vector in enumerate(vectors):
        if vector is not None:
            stacked[row, : len(vector)] = vector
            mask[row, : len(vector)] = True
    return stacked, mask


def until_stop(ids: Sequence[int], stops: frozenset[int]) -> Continuation:
    """The ids before the first stop token."""
    for position, token in enumerate(ids):
        if token in stops:
            return Continuation(list(ids[:position]), "stop")
    return Continuation(list(ids), "length")
