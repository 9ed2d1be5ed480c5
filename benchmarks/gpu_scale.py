"""The sizes at which benchmarks.gpu measures, and its clock: the paper's on a GPU, tiny ones on a processor."""

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

import torch


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How large everything is."""

    device: str
    precision: torch.dtype
    rounds: int
    layers: int  # of the language model
    attention: str  # as transformers names it
    glm: Mapping[str, int]  # fields of GlmConfig besides
    vocabulary: int
    tokens: int  # of a training step
    pack: int
    prompt: int
    new_tokens: int
    matrix: int  # side of the squares that are multiplied
    copied_bytes: int
    image_size: tuple[int, int]
    selector: str
    experts: Mapping[str, str]
    text: Mapping[str, int]  # layers, width and so on of the report's encoder
    studies: int  # of a training step on images, four views each

    def sized(self, **changes: Any) -> "Scale":
        """The same with other sizes."""
        return replace(self, **changes)

    def timed(self, act: Callable[[], object], rounds: int | None = None) -> float:
        """Median seconds of a call, after two that are not counted."""
        seconds = []
        for number in range(min(rounds or self.rounds, self.rounds) + 2):
            self._wait()
            began = time.perf_counter()
            act()
            self._wait()
            if number >= 2:
                seconds.append(time.perf_counter() - began)
        return sorted(seconds)[len(seconds) // 2]

    def _wait(self) -> None:
        if self.device == "cuda":
            torch.cuda.synchronize()

    def autocast(self) -> AbstractContextManager[Any]:
        """Mixed precision of training."""
        return torch.autocast(self.device, dtype=torch.bfloat16)

    def forget_memory(self) -> None:
        """Begin to watch the greatest memory anew."""
        if self.device == "cuda":
            torch.cuda.reset_peak_memory_stats()

    def memory_gib(self) -> float:
        """The greatest memory since then; 0 on a processor."""
        return torch.cuda.max_memory_allocated() / 2**30 if self.device == "cuda" else 0.0

    def language_model(self) -> Any:
        """GLM's shapes with random weights."""
        from transformers import AutoModelForCausalLM, GlmConfig

        config = GlmConfig(num_hidden_layers=self.layers, vocab_size=self.vocabulary, **self.glm)
        with torch.device(self.device):
            return AutoModelForCausalLM.from_config(
                config, dtype=self.precision, attn_implementation=self.attention
            )


FULL = Scale(
    device="cuda", precision=torch.bfloat16, rounds=5, layers=40, attention="sdpa", glm={}, vocabulary=151552,
    tokens=8192, pack=4096, prompt=256, new_tokens=200, matrix=8192, copied_bytes=2**31, image_size=(1008, 800),
    selector="resnet50",
    experts={
        "clip": "vit_base_patch16_clip_224", "dinov2": "vit_base_patch14_dinov2", "convnext": "convnext_tiny",
    },
    text={"vocabulary": 21128, "layers": 12, "hidden_size": 768, "heads": 12, "length": 128}, studies=2,
)  # fmt: skip
TINY = Scale(
    device="cpu", precision=torch.float32, rounds=1, layers=2, attention="sdpa", vocabulary=128,
    glm={
        "hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2,
        "head_dim": 8, "pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 2,
    },
    tokens=64, pack=32, prompt=16, new_tokens=4, matrix=64, copied_bytes=2**16, image_size=(64, 50),
    selector="test_resnet",
    experts={"clip": "test_vit", "dinov2": "test_vit2", "convnext": "test_convnext"},
    text={"vocabulary": 60, "layers": 1, "hidden_size": 32, "heads": 2, "length": 16}, studies=2,
)  # fmt: skip
