"""The density selector: one encoder and a linear layer on its mean feature (section 3.1, ResNet-50)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

from torch import Tensor, nn

from modeling.nn.experts import build_encoder

DENSITIES = ("A", "B", "C", "D")


class DensitySelector(nn.Module):
    """Classifies breast density A-D."""

    def __init__(
        self, name: str, *, image_size: tuple[int, int], pretrained_folder: str | Path | None = None
    ) -> None:
        super().__init__()
        self.encoder = build_encoder(name, image_size=image_size, pretrained_folder=pretrained_folder)
        self.classifier = nn.Linear(self.encoder.features, len(DENSITIES))

    def forward(self, images: Tensor) -> Tensor:
        """(N, H, W) in 0..255 -> logits (N, 4) in the order A, B, C, D."""
        return self.classifier(self.encoder(images).mean((2, 3)))

    def spec(self) -> dict[str, Any]:
        """What `from_spec` needs to build this module without weights."""
        spec: dict[str, Any] = {"name": self.encoder.name, "image_size": list(self.encoder.image_size)}
        return spec if self.encoder.grey is None else {**spec, "grey": list(self.encoder.grey)}

    @classmethod
    def from_spec(cls, spec: dict[str, Any]) -> Self:
        """An untrained selector of the same architecture."""
        selector = cls(spec["name"], image_size=_size(spec["image_size"]))
        selector.encoder.normalise_by(spec.get("grey"))
        return selector


def _size(sides: list[int]) -> tuple[int, int]:
    height, width = sides
    return height, width
