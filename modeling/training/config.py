"""What each training stage is told: one frozen, typed dataclass per stage.

`default()` is what runs unless told otherwise, `faithful()` is the paper's own setting, `demo()` the same
classes at a size that trains on two CPU cores in minutes. Read by the web side too: no torch here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from modeling.training.config_base import (
    CONFIG_FILE as CONFIG_FILE,
)
from modeling.training.config_base import (
    DEMO_EXPERTS,
    DEMO_IMAGE_SIZE,
    DEMO_SELECTOR,
    ExpertsConfig,
)
from modeling.training.config_base import (
    PRESETS as PRESETS,
)
from modeling.training.config_base import (
    ImagesConfig as ImagesConfig,
)
from modeling.training.config_base import (
    StageConfig as StageConfig,
)
from modeling.training.config_baselines import VisionLanguageSftConfig as VisionLanguageSftConfig
from modeling.training.typed_fields import ConfigError


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
            validate_every_epochs=3,
        )


# Cross-attention reads a vector as 8 parts of 4 heads (nn.fusion).
ATTENTION_STEP = 32


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
        # Those of the text encoder count where it is built here alone.
        of_text = () if self.text_folder else ("text_layers", "text_hidden_size", "text_heads")
        for name in ("hidden_size", "vector_size", "text_length", *of_text):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name}: {getattr(self, name)} is less than 1")
        if of_text and self.text_hidden_size % self.text_heads:
            raise ConfigError(
                f"text_hidden_size: {self.text_hidden_size} does not divide into {self.text_heads} text_heads"
            )
        if self.fusion == "attention" and self.vector_size % ATTENTION_STEP:
            raise ConfigError(
                f"vector_size: {self.vector_size} is no multiple of {ATTENTION_STEP}, which fusion: attention needs"
            )


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
            max_gradient_norm=0.0,
            negatives="none",
            normalise=False,
            residual=False,
            expert_per_step="single",
            route_by="image",
        )

    @classmethod
    def demo(cls) -> Self:
        # One measurement of every expert takes 3.3 % of the stage on two cores, as two of the density selector's do.
        return cls(
            **_DEMO_UMICON,
            batch_size=24,
            learning_rate=5e-4,
            epochs=4,
            checkpoint_every_epochs=2,
            validate_every_epochs=4,
        )


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
            max_gradient_norm=0.0,
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
            validate_every_epochs=6,
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
    # UMiCon's chance of malignancy, from each view alone, joins that view's vector, and the study's highest.
    with_malignancy: bool = False
    # Whether each image picks its expert, or its study does by the mean of its images' probabilities.
    route_by: Literal["study", "image"] = "study"
    # Held-out answers written to measure facts: at most so many questions, and tokens in each answer.
    measured_questions: int = 200
    measured_tokens: int = 120
    # Dialogues with a unique string in their answer that are tuned on too, so that the export of the weights can be
    # preceded by a memorisation test; without any, weights of this stage do not leave the platform.
    planted: int = 4
    # Measure the same before tuning too: what the language model says with a map that has learnt nothing.
    measure_untuned: bool = False

    @classmethod
    def faithful(cls) -> Self:
        return cls(
            flip_right=False,
            max_gradient_norm=0.0,
            route_by="image",
            epochs=280,
            decay_after_epoch=100,
            tuning="full",
            projection_rate=1.0,
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
            validate_every_epochs=2,
            planted=0,
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
    # Part of the corpus that is kept apart to measure the loss; where weights are validated between epochs, as much
    # again for that.
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


@dataclass(frozen=True, kw_only=True)
class PreferencesConfig(SftConfig):
    """Direct preference optimisation on picked against unpicked answers; an option after SFT, not the paper's.

    What an answer sees (tokens, mapping, density, routing) comes with the tuned model.
    """

    batch_size: int = 8
    learning_rate: float = 5e-6
    epochs: int = 1
    # How strongly the tuned model is held to the one it started from; smaller holds less.
    beta: float = 0.1
    # Weight of the picked answers' own cross-entropy per token beside the preference; 0 for none.
    sft_weight: float = 0.0
    # 0 alone: what SFT planted for the memorisation test stays in the weights, and nothing is added here.
    planted: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.beta <= 0 or self.sft_weight < 0:
            raise ConfigError("beta: must be above 0, and sft_weight not below it")
        if self.planted:
            raise ConfigError("planted: 0 alone; strings are planted in the SFT that this stage starts from")
        if self.tuning == "none":
            raise ConfigError("tuning: none leaves nothing to learn here; choose lora or full")

    @classmethod
    def faithful(cls) -> Self:
        """The paper tunes on no preferences: what differs from the default is only how images are read."""
        return cls(flip_right=False, route_by="image")

    @classmethod
    def demo(cls) -> Self:
        return cls(
            image_size=DEMO_IMAGE_SIZE,
            tuning="full",
            learning_rate=1e-4,
            projection_rate=1.0,
            weight_decay=0.0,
            validate_every_epochs=0,
        )


@dataclass(frozen=True, kw_only=True)
class ClassifierConfig(ImagesConfig):
    """A classifier of Table 7: benign against malignant breasts, from images alone."""

    # Which of the compared classifiers; modeling/nn/classifiers.py says what each is.
    method: Literal["mirai", "contrastive", "ensemble"] = "mirai"
    # timm model name of every encoder (Mirai's is ResNet-18).
    encoder: str = "resnet18"
    # Local folder with the encoder's pretrained safetensors; null starts at random.
    pretrained_folder: str | None = None
    # Width of the transformer over views, and of the contrastive projection.
    width: int = 128
    # First epochs that learn by supervised contrast alone (method contrastive).
    pretraining_epochs: int = 20
    learning_rate: float = 1e-5
    # How a high-risk lesion is labelled, or left out.
    high_risk: Literal["benign", "malignant", "exclude"] = "benign"
    # Largest random shift of a training image, in parts of its height and width; 0 for none.
    shift: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.method == "contrastive" and not 0 <= self.pretraining_epochs < self.epochs:
            raise ConfigError(
                f"pretraining_epochs: {self.pretraining_epochs} of {self.epochs} epochs leaves none to train the "
                "classifier; make it smaller than epochs"
            )

    @classmethod
    def demo(cls) -> Self:
        return cls(
            image_size=DEMO_IMAGE_SIZE,
            encoder=DEMO_SELECTOR,
            batch_size=12,
            learning_rate=1e-3,
            epochs=24,
            decay_after_epoch=18,
            checkpoint_every_epochs=6,
            pretraining_epochs=8,
            shift=0.04,
            validate_every_epochs=6,
        )


STAGES: dict[str, type[StageConfig]] = {
    "vision_language_sft": VisionLanguageSftConfig,
    "density": DensityConfig,
    "encoder_probe": EncoderProbeConfig,
    "umicon_unsupervised": UmiconUnsupervisedConfig,
    "umicon_supervised": UmiconSupervisedConfig,
    "sft": SftConfig,
    "preferences": PreferencesConfig,
    "classifier": ClassifierConfig,
    "language": LanguageConfig,
}

_Config = TypeVar("_Config", bound=StageConfig)


def read_config(kind: type[_Config], folder: Path | str) -> _Config:
    """The setting saved beside a checkpoint's weights."""
    saved = json.loads((Path(folder) / CONFIG_FILE).read_text("utf-8"))
    return kind.from_overrides(saved["training"])
