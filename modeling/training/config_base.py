"""What all training stages are told alike: steps, rates, checkpoints, images and experts. No torch here."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self, get_type_hints

from modeling.training.typed_fields import ConfigError, typed

PRESETS = ("default", "faithful", "demo")
CONFIG_FILE = "config.json"

# Section 3.1: the encoder of each expert and the expert of each density category.
PAPER_EXPERTS = {
    "clip": "vit_base_patch16_clip_224",
    "dinov2": "vit_base_patch14_dinov2",
    "convnext": "convnext_tiny",
}
PAPER_ROUTING = {"A": "clip", "B": "dinov2", "C": "convnext", "D": "convnext"}
# The selector's own architecture, so that its trained features stand in for pretrained weights: from 135
# breasts small transformers and ConvNeXts without pretraining stay at chance (measured on phantoms).
DEMO_SELECTOR = "test_resnet"
DEMO_EXPERTS = {"clip": DEMO_SELECTOR, "dinov2": DEMO_SELECTOR, "convnext": DEMO_SELECTOR}
PAPER_IMAGE_SIZE = (1008, 800)
DEMO_IMAGE_SIZE = (126, 100)


def _paper_experts() -> dict[str, str]:
    return dict(PAPER_EXPERTS)


def _paper_routing() -> dict[str, str]:
    return dict(PAPER_ROUTING)


@dataclass(frozen=True, kw_only=True)
class StageConfig:
    """What every stage shares. Defaults are the paper's (Table 5 and section 4.2)."""

    # Samples per step and device.
    batch_size: int = 24
    # Adam's step size for the parts trained from scratch.
    learning_rate: float = 1e-5
    # Coupled L2 penalty, as torch.optim.Adam applies it.
    weight_decay: float = 5e-4
    # Steps over which the rate rises linearly from 1/warmup_steps.
    warmup_steps: int = 6
    # The rate is divided by decay_divisor once this many epochs are done; null keeps it.
    decay_after_epoch: int | None = 100
    # What the rate is divided by then.
    decay_divisor: float = 10.0
    # Passes over the training split.
    epochs: int = 280
    # Steps whose gradients are added up before one optimiser step.
    gradient_accumulation: int = 1
    # Largest gradient norm; 0 leaves gradients alone (the paper names no clipping).
    max_gradient_norm: float = 1.0
    # Epochs between checkpoints.
    checkpoint_every_epochs: int = 10
    # Steps between checkpoints inside an epoch; null for none. A kill costs at most so many steps.
    checkpoint_every_steps: int | None = None
    # Epochs between measurements of the loss on validation patients; 0 for none.
    validate_every_epochs: int = 1
    # End when that loss has not fallen for so many epochs; null trains to the end (the paper's way).
    early_stopping_epochs: int | None = None
    # Which weights the stage keeps: the last, or those of the lowest validation loss.
    keep: Literal["last", "best"] = "last"
    # Arithmetic of the forward pass: float32, or bfloat16 autocast on a GPU.
    precision: Literal["float32", "bfloat16"] = "float32"
    # Recompute each layer's activations in the backward pass: less memory, about a third more work. Encoders with
    # batch normalisation (resnet50) are refused, since its running statistics would count each batch twice.
    gradient_checkpointing: bool = False
    # How several GPUs share a model: each holds all of it, or its layers are spread over them (FSDP2).
    sharding: Literal["none", "fsdp2"] = "none"

    def __post_init__(self) -> None:
        counts = ("batch_size", "epochs", "gradient_accumulation", "checkpoint_every_epochs", "warmup_steps")
        for name in (*counts, "checkpoint_every_steps", "early_stopping_epochs"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise ConfigError(f"{name}: {getattr(self, name)} is less than 1")
        if self.validate_every_epochs < 0:
            raise ConfigError(f"validate_every_epochs: {self.validate_every_epochs} is less than 0")
        for name in ("early_stopping_epochs", "keep"):
            if getattr(self, name) not in (None, "last") and self.validate_every_epochs == 0:
                raise ConfigError(f"{name}: needs the validation loss; set validate_every_epochs")
        if not 0 < self.learning_rate < 1:
            raise ConfigError(f"learning_rate: {self.learning_rate} is not between 0 and 1")
        for name in ("weight_decay", "max_gradient_norm"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ConfigError(f"{name}: {getattr(self, name)} is less than 0 or no number")

    @classmethod
    def default(cls) -> Self:
        """What runs unless told otherwise."""
        return cls()

    @classmethod
    def faithful(cls) -> Self:
        """The paper's own setting; it names no clipping of gradients."""
        return cls(max_gradient_norm=0.0)

    @classmethod
    def demo(cls) -> Self:
        """Trains on two CPU cores in minutes."""
        return cls(decay_after_epoch=None, validate_every_epochs=0)

    @classmethod
    def preset(cls, name: str) -> Self:
        """One of the three named settings."""
        if name not in PRESETS:
            raise ConfigError(f"preset: {name!r} is unknown; known are {', '.join(PRESETS)}")
        made: Callable[[], Self] = getattr(cls, name)
        return made()

    @classmethod
    def from_overrides(cls, overrides: Mapping[str, Any]) -> Self:
        """A setting from a mapping of fields; the key `preset` names the set they are laid over.

        Raises ConfigError naming the field that is unknown or has the wrong type.
        """
        given = dict(overrides)
        base = cls.preset(str(given.pop("preset", "default")))
        hints = get_type_hints(cls)
        known = {item.name for item in dataclasses.fields(cls)}
        for name in sorted(given):
            if name not in known:
                fields = ", ".join(sorted(known))
                raise ConfigError(f"{name}: {cls.__name__} has no such field; known are {fields}")
        values = {name: typed(value, hints[name], name) for name, value in given.items()}
        return dataclasses.replace(base, **values)

    def to_dict(self) -> dict[str, Any]:
        """The setting as JSON values."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in dataclasses.asdict(self).items()}


@dataclass(frozen=True, kw_only=True)
class ImagesConfig(StageConfig):
    """What every stage that reads images shares."""

    # (height, width) in pixels that the snapshot must have.
    image_size: tuple[int, int] = PAPER_IMAGE_SIZE
    # Flip right breasts to left on loading; the side stays known as a tag.
    flip_right: bool = True

    @classmethod
    def faithful(cls) -> Self:
        return cls(flip_right=False, max_gradient_norm=0.0)

    @classmethod
    def demo(cls) -> Self:
        return cls(image_size=DEMO_IMAGE_SIZE, decay_after_epoch=None, validate_every_epochs=0)


@dataclass(frozen=True, kw_only=True)
class ExpertsConfig(ImagesConfig):
    """The visual experts and the rule that sends a density to one of them."""

    # Expert name -> timm model name.
    experts: dict[str, str] = field(default_factory=_paper_experts)
    # Density category -> expert name.
    routing: dict[str, str] = field(default_factory=_paper_routing)
    # Whether each image picks its expert, or its study does by the mean of its images' probabilities.
    route_by: Literal["study", "image"] = "study"
    # Expert name -> local folder with pretrained safetensors; an expert without one starts at random.
    pretrained_folders: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        if sorted(self.routing) != ["A", "B", "C", "D"]:
            raise ConfigError(f"routing: names {sorted(self.routing)}, expected A, B, C and D")
        for density, expert in self.routing.items():
            if expert not in self.experts:
                raise ConfigError(f"routing: {density} goes to {expert!r}, which experts does not name")
