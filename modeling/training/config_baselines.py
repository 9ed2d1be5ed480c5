"""Settings of the systems that MammoVLM is compared with. No torch: Django reads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self

from modeling.training.config_base import DEMO_IMAGE_SIZE, ImagesConfig
from modeling.training.typed_fields import ConfigError


@dataclass(frozen=True, kw_only=True)
class VisionLanguageSftConfig(ImagesConfig):
    """Tuning of another vision-language model (LLaVA, BLIP-2, Qwen-VL, GLM-4.1V) by MammoVLM's data and recipe.

    Fields that SftConfig has too mean the same and have the same values in every preset.
    """

    learning_rate: float = 1e-5
    epochs: int = 3
    decay_after_epoch: int | None = None
    checkpoint_every_epochs: int = 1
    # Train low-rank adapters beside the frozen language model, every weight of it, or none: then what joins images to
    # words (projector, Q-Former, merger) learns alone.
    tuning: Literal["lora", "full", "none"] = "lora"
    # Rank, scale and dropout of the adapters.
    lora_rank: int = 8
    lora_alpha: int = 32
    lora_dropout: float = 0.1
    # What joins images to words learns at this multiple of the rate.
    projection_rate: float = 10.0
    # Tune the image encoder too; by default it stays as it is, as MammoVLM's experts do.
    train_tower: bool = False
    # Each view by itself, or all in one picture as they are hung, for models that were trained on one image.
    layout: Literal["each", "montage"] = "montage"
    # A tower for a LLaVA made from a language model alone: side of its picture and of a patch, width, layers, heads.
    tower_image_size: int = 84
    tower_patch_size: int = 14
    tower_hidden_size: int = 64
    tower_layers: int = 2
    tower_heads: int = 4
    # Held-out answers written to measure facts: at most so many questions, and tokens in each answer.
    measured_questions: int = 200
    measured_tokens: int = 120
    # Dialogues with a unique string in their answer that are tuned on too (see SftConfig).
    planted: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.tower_image_size % self.tower_patch_size:
            raise ConfigError(f"tower_image_size: {self.tower_image_size} is no multiple of tower_patch_size")

    @classmethod
    def faithful(cls) -> Self:
        return cls(
            flip_right=False, max_gradient_norm=0.0, epochs=280, decay_after_epoch=100, tuning="full",
            projection_rate=1.0,
        )  # fmt: skip

    @classmethod
    def demo(cls) -> Self:
        # Its tower begins at random, so that it is trained. It stays within seconds: three epochs, few questions.
        return cls(
            image_size=DEMO_IMAGE_SIZE,
            tuning="full",
            train_tower=True,
            batch_size=8,
            learning_rate=1e-3,
            projection_rate=1.0,
            weight_decay=0.0,
            epochs=3,
            decay_after_epoch=2,
            checkpoint_every_epochs=3,
            validate_every_epochs=2,
            measured_questions=16,
            measured_tokens=80,
            planted=0,
        )
