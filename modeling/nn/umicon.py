"""UMiCon: images and reports in one 128-vector space, and the benign-malignant head (section 3.2)."""

from __future__ import annotations

from typing import Any, Literal, Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from modeling.nn.fusion import CrossAttentionFusion
from modeling.nn.text_encoder import TextEncoder
from modeling.nn.visual_moe import RoutedFeatures, VisualMoE

LAYERS = 6
Pooling = Literal["mean", "max", "mean_max"]
Fusion = Literal["concat", "attention"]


class ResidualLayer(nn.Module):
    """A layer whose output is added to its normalised input's origin, so that six of them train from few
    cases: on phantoms plain layers stay at chance for as long as these take to learn."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(size)
        self.linear = nn.Linear(size, size)

    def forward(self, hidden: Tensor) -> Tensor:
        """(n, size) -> (n, size)."""
        return hidden + functional.gelu(self.linear(self.norm(hidden)))


def _perceptron(hidden_size: int, vector_size: int, *, residual: bool) -> nn.Sequential:
    """Six linear layers from the adapters' width to C."""
    layers: list[nn.Module] = []
    for _ in range(LAYERS - 1):
        layers += (
            [ResidualLayer(hidden_size)] if residual else [nn.Linear(hidden_size, hidden_size), nn.GELU()]
        )
    layers += [nn.LayerNorm(hidden_size)] if residual else []
    perceptron = nn.Sequential(*layers, nn.Linear(hidden_size, vector_size))
    for layer in perceptron:
        if isinstance(layer, nn.Linear):
            # torch's own start shrinks what six plain layers pass on to a fortieth; this one keeps its size.
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
    return perceptron


class UMiCon(nn.Module):
    """Pooling, flatten and a six-layer perceptron for images; a text encoder for reports; fusion and head.

    One linear adapter per expert brings its features to the perceptron's width, since CLIP, DINOv2 and
    ConvNeXt features pass through the same perceptron (the paper trains it on ConvNeXt features alone).
    """

    mean_image: Tensor
    mean_report: Tensor

    def __init__(
        self,
        *,
        feature_sizes: dict[str, int],
        text: TextEncoder,
        vector_size: int = 128,
        hidden_size: int = 768,
        pooling: Pooling = "mean",
        normalise: bool = True,
        residual: bool = True,
        fusion: Fusion = "concat",
    ) -> None:
        """`feature_sizes` maps each expert's name to the depth D of its feature map.

        `residual` adds each layer of the perceptron to its input; without it the layers are plain. `fusion`
        lets image and report vectors attend to each other before they are concatenated (a row of Table 8).
        """
        super().__init__()
        self.feature_sizes = dict(feature_sizes)
        self.vector_size = vector_size
        self.hidden_size = hidden_size
        self.pooling = pooling
        self.normalise = normalise
        self.residual = residual
        poolings = 2 if pooling == "mean_max" else 1
        self.adapters = nn.ModuleDict(
            {
                name: nn.Sequential(nn.LayerNorm(poolings * size), nn.Linear(poolings * size, hidden_size))
                for name, size in feature_sizes.items()
            }
        )
        self.perceptron = _perceptron(hidden_size, vector_size, residual=residual)
        self.text = text
        self.cross_attention: CrossAttentionFusion | None = None
        self.use_fusion(fusion)
        self.fusion_norm = nn.LayerNorm((2, vector_size))
        self.head = nn.Linear(2 * vector_size, 1)
        # Stand in for the missing modality; measured on the training split at the end of a stage.
        self.register_buffer("mean_image", torch.zeros(vector_size))
        self.register_buffer("mean_report", torch.zeros(vector_size))

    @property
    def fusion(self) -> Fusion:
        """How image and report vectors are brought together."""
        return "concat" if self.cross_attention is None else "attention"

    def use_fusion(self, fusion: Fusion) -> None:
        """Change the fusion; new attention starts at random, and none is left when it is not asked for."""
        if fusion != self.fusion:
            self.cross_attention = CrossAttentionFusion(self.vector_size) if fusion == "attention" else None

    def image_vectors(self, routed: RoutedFeatures) -> Tensor:
        """Features by expert -> (B, V, C); zero where no view exists, unit length if `normalise`."""
        hidden, rows = [], []
        for name, features in routed.features.items():
            hidden.append(self.adapters[name](self._pool(features)))  # (n_e, hidden)
            rows.append(routed.rows[name])
        views = self._scaled(self.perceptron(torch.cat(hidden)))  # (n, C)
        batch, count = routed.view_mask.shape
        flat = views.new_zeros((batch * count, self.vector_size))
        return flat.index_copy(0, torch.cat(rows), views).unflatten(0, (batch, count))

    def study_vectors(self, views: Tensor, view_mask: Tensor) -> Tensor:
        """(B, V, C), (B, V) -> (B, C): the mean of the views' vectors."""
        weights = view_mask.to(views.dtype)[..., None]
        return self._scaled((views * weights).sum(1) / weights.sum(1).clamp(min=1))

    def report_vectors(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """(B, T) token ids and mask -> (B, C)."""
        return self._scaled(self.text(input_ids, attention_mask))

    def fuse(self, image: Tensor | None, report: Tensor | None) -> Tensor:
        """(B, C) image and report vectors -> fused (B, 2, C). Either may be missing: its mean stands in."""
        if image is None and report is None:
            raise ValueError("fuse: neither image nor report vectors are given")
        if image is None:
            image = self.mean_image.expand_as(report)  # type: ignore[arg-type]
        if report is None:
            report = self.mean_report.expand_as(image)
        if self.cross_attention is not None:
            image, report = self.cross_attention(image, report)
        return self.fusion_norm(torch.stack([image, report], 1))

    def malignancy_logit(self, fused: Tensor) -> Tensor:
        """(B, 2, C) -> (B,): the logit of malignant against benign."""
        return self.head(fused.flatten(1)).squeeze(1)

    def _pool(self, features: Tensor) -> Tensor:
        """(n, D, h, w) -> (n, D) or (n, 2 D)."""
        parts = []
        if self.pooling in ("mean", "mean_max"):
            parts.append(features.mean((2, 3)))
        if self.pooling in ("max", "mean_max"):
            parts.append(features.amax((2, 3)))
        return torch.cat(parts, 1)

    def _scaled(self, vectors: Tensor) -> Tensor:
        return functional.normalize(vectors, dim=-1) if self.normalise else vectors

    def spec(self) -> dict[str, Any]:
        """What `from_spec` needs to build this module without weights."""
        return {
            "feature_sizes": self.feature_sizes,
            "text": self.text.spec(),
            "vector_size": self.vector_size,
            "hidden_size": self.hidden_size,
            "pooling": self.pooling,
            "normalise": self.normalise,
            "residual": self.residual,
            "fusion": self.fusion,
        }

    @classmethod
    def from_spec(cls, spec: dict[str, Any]) -> Self:
        """Untrained, of the same architecture."""
        return cls(**{**spec, "text": TextEncoder.from_spec(spec["text"])})


class UMiConWithExperts(nn.Module):
    """The visual mixture of experts and UMiCon together: what both UMiCon stages train and save."""

    def __init__(self, *, visual: VisualMoE, umicon: UMiCon) -> None:
        super().__init__()
        self.visual = visual
        self.umicon = umicon

    def encode(
        self, images: Tensor, view_mask: Tensor, *, expert: str | None = None
    ) -> tuple[Tensor, Tensor, RoutedFeatures]:
        """(B, V, H, W), (B, V) -> view vectors (B, V, C), study vectors (B, C) and what was routed where."""
        routed = self.visual(images, view_mask, expert=expert)
        views = self.umicon.image_vectors(routed)
        return views, self.umicon.study_vectors(views, view_mask), routed

    def train(self, mode: bool = True) -> Self:
        """The selector is trained in its own stage and stays in evaluation mode here."""
        super().train(mode)
        self.visual.selector.eval()
        return self

    def spec(self) -> dict[str, Any]:
        """What `from_spec` needs to build this module without weights."""
        return {"visual": self.visual.spec(), "umicon": self.umicon.spec()}

    @classmethod
    def from_spec(cls, spec: dict[str, Any]) -> Self:
        """Untrained, of the same architecture."""
        return cls(visual=VisualMoE.from_spec(spec["visual"]), umicon=UMiCon.from_spec(spec["umicon"]))
