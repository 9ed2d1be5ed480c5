"""The sparse visual mixture of experts: density decides which one encoder looks at a study (section 3.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Literal, Self

import torch
from torch import Tensor, nn

from modeling.nn.density_selector import DENSITIES, DensitySelector
from modeling.nn.experts import ImageEncoder, build_encoder


@dataclass
class RoutedFeatures:
    """What the experts saw, kept by expert because their feature maps differ in size."""

    # Expert name -> (n_e, D_e, h_e, w_e); only experts that were chosen are present.
    features: dict[str, Tensor]
    # Expert name -> (n_e,) rows of the flattened (B * V) views.
    rows: dict[str, Tensor]
    # (B, V) true where a view exists.
    view_mask: Tensor
    # (B, V) position in `VisualMoE.expert_names`, -1 where no view exists.
    expert_index: Tensor
    # (B, 4) log-probabilities of A-D from the mean over views; None when the expert was given.
    density_logits: Tensor | None
    # (B, V, 4) log-probabilities of each view; None when the expert was given.
    view_density_logits: Tensor | None


class VisualMoE(nn.Module):
    """Selector and experts. Each view passes through exactly one expert; the others do no work.

    routing="study" sends all views of a study where the mean of their density probabilities points;
    routing="image" (the paper) lets each image go its own way.
    """

    def __init__(
        self,
        *,
        selector: DensitySelector,
        experts: Mapping[str, ImageEncoder],
        mapping: Mapping[str, str],
        routing: Literal["study", "image"] = "study",
    ) -> None:
        """`mapping` names an expert for each of A, B, C, D. Raises ValueError when one is missing."""
        super().__init__()
        missing = [density for density in DENSITIES if mapping.get(density) not in experts]
        if missing:
            raise ValueError(f"no expert for density {', '.join(missing)}; experts are {', '.join(experts)}")
        self.selector = selector
        self.experts = nn.ModuleDict(dict(experts))
        self.mapping = {density: mapping[density] for density in DENSITIES}
        self.routing = routing
        self.expert_names = tuple(experts)
        order = [self.expert_names.index(self.mapping[density]) for density in DENSITIES]
        self.register_buffer("_expert_of_density", torch.tensor(order), persistent=False)

    @property
    def image_size(self) -> tuple[int, int]:
        """(H, W) of the images."""
        return self.selector.encoder.image_size

    def route(self, mapping: Mapping[str, str], routing: Literal["study", "image"]) -> None:
        """Send densities to other experts, by study or by image. Raises ValueError when one is missing."""
        missing = [density for density in DENSITIES if mapping.get(density) not in self.expert_names]
        if missing:
            raise ValueError(
                f"no expert for density {', '.join(missing)}; experts are {', '.join(self.expert_names)}"
            )
        self.mapping, self.routing = {density: mapping[density] for density in DENSITIES}, routing
        order = [self.expert_names.index(self.mapping[density]) for density in DENSITIES]
        self._expert_of_density.copy_(torch.tensor(order))  # type: ignore[operator]

    def route_all_to(self, expert: str) -> None:
        """Send every density to one expert (rows of Table 3). Raises ValueError when there is none such."""
        if expert not in self.expert_names:
            raise ValueError(f"no expert {expert!r}; experts are {', '.join(self.expert_names)}")
        self.mapping = dict.fromkeys(DENSITIES, expert)
        self._expert_of_density.fill_(self.expert_names.index(expert))  # type: ignore[operator]

    def feature_sizes(self) -> dict[str, int]:
        """Expert name -> D of its feature map."""
        return {name: int(self.experts[name].features) for name in self.expert_names}  # type: ignore[arg-type]

    def forward(
        self,
        images: Tensor,
        view_mask: Tensor | None = None,
        *,
        expert: str | None = None,
        density: Tensor | None = None,
    ) -> RoutedFeatures:
        """(B, V, H, W) in 0..255 and (B, V) of views that exist -> features by expert.

        `expert` sends everything to one expert (training of UMiCon); `density` (B,) in 0..3 routes by a known
        density. In both cases the selector does not run.
        """
        if view_mask is None:
            view_mask = torch.ones(images.shape[:2], dtype=torch.bool, device=images.device)
        study_logits = view_logits = None
        if expert is not None:
            index = torch.full(view_mask.shape, self.expert_names.index(expert), device=images.device)
        elif density is not None:
            index = self._expert_of_density[density][:, None].expand(view_mask.shape)  # type: ignore[index]
        else:
            study_logits, view_logits = self.classify(images, view_mask)
            index = self._route(study_logits, view_logits)
        index = index.masked_fill(~view_mask, -1)
        features, rows = self._dispatch(images.flatten(0, 1), index.flatten())
        return RoutedFeatures(features, rows, view_mask, index, study_logits, view_logits)

    def classify(self, images: Tensor, view_mask: Tensor) -> tuple[Tensor, Tensor]:
        """(B, V, H, W), (B, V) -> log-probabilities of density for studies (B, 4) and for views (B, V, 4)."""
        logits = images.new_zeros((*view_mask.shape, len(DENSITIES)), dtype=torch.float32)
        with torch.no_grad():
            logits[view_mask] = self.selector(images[view_mask]).float()  # (n, 4)
        views = logits.log_softmax(-1)
        weights = view_mask.float()[..., None]
        mean = (views.exp() * weights).sum(1) / weights.sum(1).clamp(min=1)
        return mean.clamp(min=1e-12).log(), views

    def _route(self, study_logits: Tensor, view_logits: Tensor) -> Tensor:
        if self.routing == "study":
            density = study_logits.argmax(-1)[:, None].expand(view_logits.shape[:2])
        else:
            density = view_logits.argmax(-1)
        return self._expert_of_density[density]  # type: ignore[index]

    def _dispatch(self, flat: Tensor, index: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """One call for each chosen expert, with all of its views together."""
        features, rows = {}, {}
        for position in index.unique().tolist():
            if position < 0:
                continue
            name = self.expert_names[position]
            rows[name] = (index == position).nonzero().squeeze(1)
            features[name] = self.experts[name](flat[rows[name]])
        return features, rows

    def spec(self) -> dict[str, Any]:
        """What `from_spec` needs to build this module without weights."""
        spec = {
            "selector": self.selector.spec(),
            "experts": {name: str(self.experts[name].name) for name in self.expert_names},
            "mapping": self.mapping,
            "routing": self.routing,
        }
        greys = {name: list(grey) for name in self.expert_names if (grey := self.experts[name].grey)}  # type: ignore[arg-type]
        return {**spec, "greys": greys} if greys else spec

    @classmethod
    def from_spec(cls, spec: dict[str, Any]) -> Self:
        """Untrained experts of the same architecture."""
        selector = DensitySelector.from_spec(spec["selector"])
        size = selector.encoder.image_size
        experts = {name: build_encoder(model, image_size=size) for name, model in spec["experts"].items()}
        for name, grey in spec.get("greys", {}).items():
            experts[name].normalise_by(grey)
        return cls(selector=selector, experts=experts, mapping=spec["mapping"], routing=spec["routing"])


def mean_features(routed: RoutedFeatures, sizes: Mapping[str, int]) -> Tensor:
    """Each view's features, averaged over its map, in its expert's place: (B, V, sum of D_e).

    A linear layer on them is one linear map per expert, whatever their widths. Zero elsewhere. The places
    follow the experts' names in order: a configuration that was saved comes back with its keys sorted.
    """
    batch, count = routed.view_mask.shape
    names = sorted(sizes)
    start = dict(zip(names, [0, *accumulate(sizes[name] for name in names)], strict=False))
    first = next(iter(routed.features.values()))
    flat = first.new_zeros((batch * count, sum(sizes.values())))
    for name, features in routed.features.items():
        flat[routed.rows[name], start[name] : start[name] + sizes[name]] = features.mean((2, 3))
    return flat.unflatten(0, (batch, count))
