"""The classifiers that UMiCon is compared with (Table 7), on a breast and its study's views.

Re-implemented from their papers' descriptions, on this project's encoders and samples: figures of theirs here are
figures of these re-implementations. All judge one breast from images alone.

- mirai: Yala 2021, one encoder for all views and a transformer over the four of them.
- contrastive: Cao 2021, an encoder trained by supervised contrast first, then classified on.
- ensemble: McKinney 2020, the mean of three networks that judge a single view, a breast, and the whole case.
"""

from __future__ import annotations

from typing import Any, Literal, Self, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from modeling.nn.experts import ImageEncoder, build_encoder
from modeling.nn.losses import first_row, gathered, mean_over_ranks, rows_by_rank

Method = Literal["mirai", "contrastive", "ensemble"]
METHODS: tuple[Method, ...] = get_args(Method)
PLACES = (("L", "CC"), ("L", "MLO"), ("R", "CC"), ("R", "MLO"))
TEMPERATURE = 0.1


class BreastClassifier(nn.Module):
    """What all three share: encoders per member, and a way from a study's views to a breast's logits."""

    def __init__(
        self, method: Method, *, encoder: str, image_size: tuple[int, int], width: int = 128,
        pretrained_folder: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        if method not in METHODS:
            raise ValueError(f"method: {method!r} is not one of {', '.join(METHODS)}")
        self.method, self.encoder_name, self.image_size, self.width = method, encoder, image_size, width
        members = 3 if method == "ensemble" else 1
        self.encoders = nn.ModuleList(
            build_encoder(encoder, image_size=image_size, pretrained_folder=pretrained_folder)
            for _ in range(members)
        )
        features = _encoder(self.encoders[0]).features
        if method == "mirai":
            self.narrow = nn.Linear(features, width)
            self.place = nn.Embedding(len(PLACES), width)
            layer = nn.TransformerEncoderLayer(
                width, 4, 2 * width, dropout=0.0, batch_first=True, norm_first=True
            )
            self.over_views = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        if method == "contrastive":
            self.project = nn.Sequential(nn.Linear(features, width), nn.ReLU(), nn.Linear(width, width))
        inputs = {"mirai": [width], "contrastive": [features], "ensemble": [features, features, 2 * features]}
        self.heads = nn.ModuleList(nn.Linear(size, 1) for size in inputs[method])

    def forward(self, images: Tensor, view_mask: Tensor, own: Tensor, places: Tensor) -> Tensor:
        """Logits of malignancy (B, members).

        images (B, V, H, W) of the whole study, view_mask (B, V) true where a view exists, own (B, V) true for the
        judged breast's views, places (B, V) indices into PLACES.
        """
        if self.method == "mirai":
            tokens = self.narrow(self._features(0, images, view_mask)) + self.place(places)  # (B, V, W)
            seen = self.over_views(tokens, src_key_padding_mask=~view_mask)
            return self.heads[0](_mean(seen, own))
        if self.method == "contrastive":
            return self.heads[0](self.breast_features(images, view_mask, own))
        views, breasts, cases = (self._features(member, images, view_mask) for member in range(3))
        single = self.heads[0](views)  # (B, V, 1)
        whole = torch.cat([_mean(cases, own), _mean(cases, view_mask & ~own)], dim=-1)
        return torch.cat(
            [_mean(single, own), self.heads[1](_mean(breasts, own)), self.heads[2](whole)], dim=-1
        )

    def probability(self, logits: Tensor) -> Tensor:
        """(B, members) -> (B,): members' probabilities have one voice each."""
        return logits.float().sigmoid().mean(-1)

    def breast_features(self, images: Tensor, view_mask: Tensor, own: Tensor) -> Tensor:
        """The judged breast's mean feature (B, D) by the first encoder."""
        return _mean(self._features(0, images, view_mask), own)

    def contrast(self, images: Tensor, view_mask: Tensor, own: Tensor, labels: Tensor) -> Tensor:
        """Supervised contrastive loss (Khosla 2020, eq. 2) of the breasts of a batch."""
        vectors = functional.normalize(self.project(self.breast_features(images, view_mask, own)), dim=-1)
        return supervised_contrast(vectors, labels, temperature=TEMPERATURE)

    def _features(self, member: int, images: Tensor, view_mask: Tensor) -> Tensor:
        """(B, V, H, W) -> mean features (B, V, D), zero where there is no view."""
        encoder = _encoder(self.encoders[member])
        found = encoder(images[view_mask]).mean((2, 3))  # (n, D)
        features = found.new_zeros(*view_mask.shape, encoder.features)
        return features.masked_scatter(view_mask[..., None], found)

    def spec(self) -> dict[str, Any]:
        """What `from_spec` needs to build this module without weights."""
        spec: dict[str, Any] = {
            "method": self.method, "encoder": self.encoder_name, "image_size": list(self.image_size),
            "width": self.width,
        }  # fmt: skip
        grey = _encoder(self.encoders[0]).grey
        return spec if grey is None else {**spec, "grey": list(grey)}

    @classmethod
    def from_spec(cls, spec: dict[str, Any]) -> Self:
        """An untrained classifier of the same architecture."""
        height, width = spec["image_size"]
        made = cls(spec["method"], encoder=spec["encoder"], image_size=(height, width), width=spec["width"])
        for encoder in made.encoders:
            _encoder(encoder).normalise_by(spec.get("grey"))
        return made


def supervised_contrast(vectors: Tensor, labels: Tensor, *, temperature: float) -> Tensor:
    """Mean over anchors that have a partner of - mean over partners p of log softmax over all others (z_i z_p / t).

    vectors (N, C) of unit length, labels (N,); others are the M rows of all ranks when training is distributed. 0 with
    a gradient when no two rows share a label.
    """
    counts = rows_by_rank(vectors)
    every, their_labels = gathered(vectors, counts), gathered(labels, counts)
    scores = vectors @ every.T / temperature  # (N, M)
    rows = torch.arange(len(vectors), device=vectors.device)
    itself = torch.zeros_like(scores, dtype=torch.bool)
    itself[rows, rows + first_row(counts)] = True
    # Not minus infinity, whose gradient is not a number for a row that stands alone.
    lowest = torch.finfo(scores.dtype).min
    log_share = scores - scores.masked_fill(itself, lowest).logsumexp(-1, keepdim=True)
    partners = (labels[:, None] == their_labels[None, :]) & ~itself
    counted = partners.sum(-1)
    each = -(log_share.masked_fill(~partners, 0.0)).sum(-1) / counted.clamp(min=1)
    return mean_over_ranks(each.sum(), (counted > 0).sum().to(each))


def _mean(values: Tensor, mask: Tensor) -> Tensor:
    """(B, V, D) and (B, V) -> (B, D), zero where nothing counts."""
    weights = mask.to(values)[..., None]
    return (values * weights).sum(1) / weights.sum(1).clamp(min=1)


def _encoder(module: nn.Module) -> ImageEncoder:
    if not isinstance(module, ImageEncoder):
        raise TypeError(f"expected an image encoder, got {type(module).__name__}")
    return module
