"""What each training stage is told: one frozen, typed dataclass per stage.

`default()` is what runs unless told otherwise, `faithful()` is the paper's own setting, `demo()` the same
classes at a size that trains on two CPU cores in minutes. Read by the web side too: no torch here.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self, TypeVar, get_type_hints

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
    # Arithmetic of the forward pass: float32, or bfloat16 autocast on a GPU.
    precision: Literal["float32", "bfloat16"] = "float32"

    def __post_init__(self) -> None:
        counts = ("batch_size", "epochs", "gradient_accumulation", "checkpoint_every_epochs", "warmup_steps")
        for name in counts:
            if getattr(self, name) < 1:
                raise ConfigError(f"{name}: {getattr(self, name)} is less than 1")
        if not 0 < self.learning_rate < 1:
            raise ConfigError(f"learning_rate: {self.learning_rate} is not between 0 and 1")

    @classmethod
    def default(cls) -> Self:
        """What runs unless told otherwise."""
        return cls()

    @classmethod
    def faithful(cls) -> Self:
        """The paper's own setting."""
        return cls()

    @classmethod
    def demo(cls) -> Self:
        """Trains on two CPU cores in minutes."""
        return cls(decay_after_epoch=None)

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
        return cls(flip_right=False)

    @classmethod
    def demo(cls) -> Self:
        return cls(image_size=DEMO_IMAGE_SIZE, decay_after_epoch=None)


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


@dataclass(frozen=True, kw_only=True)
class DensityConfig(ImagesConfig):
    """The density selector of the visual mixture of experts (section 3.1)."""

    # timm model name of the selector.
    selector: str = "resnet50"
    # Local folder with the selector's pretrained safetensors; null starts at random.
    pretrained_folder: str | None = None
    batch_size: int = 6
    learning_rate: float = 2e-4
    # Largest random shift of a training image, in parts of its height and width; 0 for none.
    shift: float = 0.0

    @classmethod
    def demo(cls) -> Self:
        return cls(
            image_size=DEMO_IMAGE_SIZE,
            selector=DEMO_SELECTOR,
            batch_size=12,
            learning_rate=1e-3,
            epochs=6,
            decay_after_epoch=4,
            checkpoint_every_epochs=2,
        )


@dataclass(frozen=True, kw_only=True)
class UmiconConfig(ExpertsConfig):
    """What both UMiCon stages share (section 3.2)."""

    # How an expert's feature map becomes one vector before the perceptron.
    pooling: Literal["mean", "max", "mean_max"] = "mean"
    # Width of the six-layer perceptron.
    hidden_size: int = 768
    # Add each layer of the perceptron to its input; plain layers learn too slowly from few cases.
    residual: bool = True
    # Length C of the image and report vectors.
    vector_size: int = 128
    # How image and report vectors meet: side by side, or by cross-attention (a row of Table 8).
    fusion: Literal["concat", "attention"] = "concat"
    # Scale both vectors to unit L2 length.
    normalise: bool = True
    # Distance beyond which a pair of different class costs nothing.
    margin: float = 1.0
    # Let experts of the selector's architecture start from its trained encoder: where no pretrained weights
    # are at hand, features that already tell tissue apart learn lesions from few cases.
    start_from_selector: bool = False
    # Which expert sees a training batch: one drawn per step, or always `single_expert`.
    expert_per_step: Literal["random", "single"] = "random"
    # The expert of `expert_per_step: single` (the paper trains ConvNeXt-Tiny only).
    single_expert: str = "convnext"
    # Local folder of a BERT-class text encoder with its vocabulary; null builds a small one from the corpus.
    text_folder: str | None = None
    # Layers, width and heads of the text encoder built when text_folder is null.
    text_layers: int = 2
    text_hidden_size: int = 128
    text_heads: int = 4
    # Which token states become the report's vector.
    text_pooling: Literal["cls", "mean"] = "cls"
    # Report tokens that are read; the rest is cut.
    text_length: int = 256
    # Largest random shift of a training image, in parts of its height and width; 0 for none.
    shift: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.single_expert not in self.experts:
            known = ", ".join(self.experts)
            raise ConfigError(f"single_expert: {self.single_expert!r} is not one of {known}")


@dataclass(frozen=True, kw_only=True)
class UmiconUnsupervisedConfig(UmiconConfig):
    """Unimodal and multimodal contrast without labels (section 3.2, Hadsell 2006)."""

    batch_size: int = 12
    learning_rate: float = 2e-5
    # Pairs of different class: other patients of the batch, or none (the literal text, which collapses).
    negatives: Literal["in_batch", "none"] = "in_batch"
    # What stands against a report: each image by itself, or the mean of its study's views.
    sample: Literal["image", "study"] = "image"
    # Side of the square mask squared, as a part of the image's area.
    mask_area: float = 0.08
    # Weights of the two branches.
    unimodal_weight: float = 1.0
    multimodal_weight: float = 1.0

    @classmethod
    def faithful(cls) -> Self:
        return cls(
            flip_right=False,
            negatives="none",
            normalise=False,
            residual=False,
            expert_per_step="single",
            route_by="image",
        )

    @classmethod
    def demo(cls) -> Self:
        return cls(**_DEMO_UMICON, batch_size=24, learning_rate=5e-4, epochs=4, checkpoint_every_epochs=2)


@dataclass(frozen=True, kw_only=True)
class UmiconSupervisedConfig(UmiconConfig):
    """Benign (BI-RADS 3) against malignant (4) on biopsied breasts (section 3.2)."""

    learning_rate: float = 1e-5
    # The experts' and UMiCon's share of the head's rate: at 1 this stage erases density from the vectors.
    encoder_rate: float = 0.2
    # Weight of the cross-modal contrastive head between patients' fused vectors.
    contrast_weight: float = 1.0
    # Chance that a training sample is classified without its report, so that images alone suffice later.
    report_dropout: float = 0.5
    # Chance that it is classified without its images, so that the report alone can be measured.
    image_dropout: float = 0.1
    # Classify every training sample from its images alone and from its report alone as well: each modality
    # learns at every step, not only where chance dropped the other.
    each_alone: bool = False
    # How a high-risk lesion is labelled, or left out.
    high_risk: Literal["benign", "malignant", "exclude"] = "benign"

    @classmethod
    def faithful(cls) -> Self:
        return cls(
            flip_right=False,
            normalise=False,
            residual=False,
            expert_per_step="single",
            route_by="image",
            encoder_rate=1.0,
            report_dropout=0.0,
            image_dropout=0.0,
        )

    @classmethod
    def demo(cls) -> Self:
        return cls(
            **{**_DEMO_UMICON, "decay_after_epoch": 18},
            batch_size=12,
            learning_rate=5e-3,
            epochs=24,
            checkpoint_every_epochs=6,
            each_alone=True,
            report_dropout=0.0,
            image_dropout=0.0,
        )


_DEMO_UMICON: dict[str, Any] = {
    "image_size": DEMO_IMAGE_SIZE,
    "experts": dict(DEMO_EXPERTS),
    "pooling": "mean_max",
    "hidden_size": 192,
    "start_from_selector": True,
    "text_pooling": "mean",
    "decay_after_epoch": None,
    "shift": 0.04,
}


@dataclass(frozen=True, kw_only=True)
class SftConfig(ImagesConfig):
    """Tuning of the language model on picked answers (section 3.3).

    Experts and UMiCon come whole from the run's UMiCon checkpoint and stay as they are.
    """

    learning_rate: float = 1e-5
    epochs: int = 3
    decay_after_epoch: int | None = None
    checkpoint_every_epochs: int = 1
    # Train low-rank adapters beside the frozen model, every weight of the language model, or none: then the
    # map alone learns (the rows of Table 3 with a frozen language model).
    tuning: Literal["lora", "full", "none"] = "lora"
    # What a visual vector is: UMiCon's, or an expert's mean feature as it is (rows of Table 3).
    mapping: Literal["umicon", "linear"] = "umicon"
    # Send every image to this one expert, whatever its density (rows of Table 3); null routes by density.
    only_expert: str | None = None
    # Rank, scale and dropout of the adapters.
    lora_rank: int = 8
    lora_alpha: int = 32
    lora_dropout: float = 0.1
    # The new map from visual vectors to embeddings learns at this multiple of the rate.
    projection_rate: float = 10.0
    # Soft tokens: one for each view with its view tag, or one for the whole study (the paper's figure).
    visual_tokens: Literal["per_view", "per_study"] = "per_view"
    # Soft tokens that the map makes of one vector.
    tokens_per_vector: int = 1
    # The density selector's probabilities join each vector: UMiCon's supervised stage erases density.
    with_density: bool = True
    # Whether each image picks its expert, or its study does by the mean of its images' probabilities.
    route_by: Literal["study", "image"] = "study"
    # Held-out answers written to measure facts: at most so many questions, and tokens in each answer.
    measured_questions: int = 200
    measured_tokens: int = 120

    @classmethod
    def faithful(cls) -> Self:
        return cls(
            flip_right=False,
            route_by="image",
            epochs=280,
            decay_after_epoch=100,
            tuning="full",
            visual_tokens="per_study",
            with_density=False,
        )

    @classmethod
    def demo(cls) -> Self:
        # A million parameters are tuned whole: after 6 epochs of the same cost that stated the right density
        # for .95 of 60 phantom studies, adapters of rank 16 at twice the rate for .57 (one seed each).
        return cls(
            image_size=DEMO_IMAGE_SIZE,
            tuning="full",
            batch_size=8,
            learning_rate=1e-3,
            projection_rate=1.0,
            weight_decay=0.0,
            epochs=7,
            decay_after_epoch=5,
            checkpoint_every_epochs=2,
        )


@dataclass(frozen=True, kw_only=True)
class LanguageConfig(StageConfig):
    """A small GLM trained from scratch on a corpus of dialogues, for machines without GLM-4's weights."""

    # Packs in a step; a pack holds several dialogues, which do not see each other.
    batch_size: int = 8
    # Tokens in a pack; longer dialogues get a pack of their own.
    pack_tokens: int = 128
    learning_rate: float = 2.5e-3
    # Coupled L2 would pull a model this small towards silence.
    weight_decay: float = 0.0
    epochs: int = 3
    decay_after_epoch: int | None = 2
    checkpoint_every_epochs: int = 1
    # Part of the corpus that is kept apart to measure the loss.
    held_out: float = 0.05
    # Width, layers, heads and key-value heads of the GLM, and width inside its feed-forward layers.
    hidden_size: int = 160
    layers: int = 4
    heads: int = 4
    key_value_heads: int = 2
    intermediate_size: int = 432
    # Size of the byte-level vocabulary.
    vocabulary: int = 2000

    @classmethod
    def demo(cls) -> Self:
        return cls()


@dataclass(frozen=True, kw_only=True)
class EncoderProbeConfig(DensityConfig):
    """One encoder of Table 6: how well it tells the densities apart, tuned or as a frozen feature."""

    # timm model name of the encoder that is probed.
    selector: str = "convnext_tiny"
    # Train the linear layer alone, on the encoder's features as they are.
    frozen: bool = False


STAGES: dict[str, type[StageConfig]] = {
    "density": DensityConfig,
    "encoder_probe": EncoderProbeConfig,
    "umicon_unsupervised": UmiconUnsupervisedConfig,
    "umicon_supervised": UmiconSupervisedConfig,
    "sft": SftConfig,
    "language": LanguageConfig,
}

_Config = TypeVar("_Config", bound=StageConfig)


def read_config(kind: type[_Config], folder: Path | str) -> _Config:
    """The setting saved beside a checkpoint's weights."""
    saved = json.loads((Path(folder) / CONFIG_FILE).read_text("utf-8"))
    return kind.from_overrides(saved["training"])
