"""MammoVLM: A = f(I; M; theta), a language model that reads a study's visual vectors (section 3.3, figure 4).

Images pass through one expert each and UMiCon's image side (both frozen), which give a vector of C = 128 per
view; a linear map brings it to the width of the language model and it takes the place of a placeholder token
in the prompt. Where the paper is silent or cannot be followed to the letter:

- 128 is not the width of any language model it names, so `embed_projection` (C -> hidden) is unavoidable; the
  paper does not describe it. It is trained in SFT: frozen at random it would be noise. The vectors are first
  standardised with the training split's mean and deviation, which leaves the map linear.
- The paper's figure has one visual token for a study (`visual_tokens="per_study"`, the mean of the views).
  The default is one per view behind a text tag that names the view, such as [L-CC].
- UMiCon's training erases density from its vectors (a linear probe falls from .95 to .79 on phantoms), though
  the mixture of experts has just measured it. By default the selector's probabilities of A-D join each vector
  (`with_density`); without them the vector is UMiCon's alone, as in the paper.
- UMiCon's text side is not part of this model: a report is not needed at answer time.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, ClassVar, Self, cast

import torch
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    GenerationMixin,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers.masking_utils import create_masks_for_generate

from modeling.nn.density_selector import DENSITIES
from modeling.nn.umicon import UMiConWithExperts
from modeling.nn.visual_moe import VisualMoE, mean_features

PER_VIEW, PER_STUDY = "per_view", "per_study"
UMICON, LINEAR = "umicon", "linear"
# Low-rank adapters sit on the attention of the language model alone.
LORA_TARGETS = r"language_model\..*\.(q_proj|k_proj|v_proj|query_key_value)"
PROJECTION = "embed_projection"


class MammoVLMConfig(PreTrainedConfig):
    """The architecture: a language model's configuration and the visual side's description."""

    model_type = "mammovlm"
    sub_configs: ClassVar[dict[str, Any]] = {"text_config": AutoConfig}

    # Configuration of any AutoModelForCausalLM.
    text_config: dict[str, Any] | PreTrainedConfig | None = None
    # UMiConWithExperts.spec() of the visual side.
    vision: dict[str, Any] | None = None
    # One soft token per view, or one for the whole study (the paper's figure).
    visual_tokens: str = PER_VIEW
    # Soft tokens that the map makes of one vector.
    tokens_per_vector: int = 1
    # The density selector's probabilities of A-D join each visual vector.
    with_density: bool = True
    # UMiCon's chance of malignancy joins each view's vector, judged from that view alone, and the study's highest.
    with_malignancy: bool = False
    # What a visual vector is: UMiCon's, or the expert's mean feature, which the map alone brings to the
    # language model (rows of Table 3).
    mapping: str = UMICON
    # The reserved token id that a visual vector replaces.
    visual_token_id: int = 0
    # Right views are flipped to left before the encoder, as they were in training.
    flip_right: bool = True

    def __post_init__(self, **kwargs: Any) -> None:
        if self.visual_tokens not in (PER_VIEW, PER_STUDY):
            raise ValueError(f"visual_tokens is {self.visual_tokens!r}, expected {PER_VIEW} or {PER_STUDY}")
        if self.mapping not in (UMICON, LINEAR):
            raise ValueError(f"mapping is {self.mapping!r}, expected {UMICON} or {LINEAR}")
        if isinstance(self.text_config, dict):
            given = dict(self.text_config)
            self.text_config = AutoConfig.for_model(given.pop("model_type"), **given)
        if self.with_malignancy and (self.mapping != UMICON or self.visual_tokens != PER_VIEW):
            raise ValueError("with_malignancy needs UMiCon's vectors, one per view")
        if self.text_config is not None:
            self.tie_word_embeddings = bool(self.text_config.tie_word_embeddings)
        super().__post_init__(**kwargs)

    def tags(self, views: Sequence[tuple[str, str]]) -> list[str]:
        """The text tags of a study's (laterality, view) pairs, one for each visual vector."""
        if not views:
            return []
        return [f"[{side}-{view}]" for side, view in views] if self.visual_tokens == PER_VIEW else [""]


class MammoVLM(PreTrainedModel, GenerationMixin):
    """Frozen experts and UMiCon, a trainable map, and a language model."""

    config_class = MammoVLMConfig
    config: MammoVLMConfig
    base_model_prefix = ""
    main_input_name = "input_ids"
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_flex_attn = True
    _supports_attention_backend = True
    vector_mean: Tensor
    vector_scale: Tensor
    # The map is new where the rest is trained: it learns at this multiple of the stage's rate.
    projection_rate: float = 1.0

    def __init__(
        self,
        config: MammoVLMConfig,
        vision: UMiConWithExperts | None = None,
        language_model: PreTrainedModel | None = None,
    ) -> None:
        """Parts that are not given are built from the configuration, without weights."""
        super().__init__(config)
        self.vision = vision if vision is not None else UMiConWithExperts.from_spec(config.vision or {})
        if hasattr(self.vision.umicon, "text"):
            del self.vision.umicon.text
        if language_model is None:
            language_model = AutoModelForCausalLM.from_config(config.text_config)
        self.language_model = language_model
        size = self._vector_size()
        hidden = int(language_model.config.hidden_size)
        self.embed_projection = nn.Linear(size, hidden * config.tokens_per_vector)
        self.register_buffer("vector_mean", torch.zeros(size))
        self.register_buffer("vector_scale", torch.ones(size))
        # Whatever the language model's precision. Loading keeps what stands here; transformers' own list of modules
        # would do so for float16 alone, or make floating numbers of batch normalisation's counts too.
        for module in (self.vision, self.embed_projection):
            module.float()
        self.vector_mean, self.vector_scale = self.vector_mean.float(), self.vector_scale.float()
        self.freeze_vision()
        self.post_init()

    @classmethod
    def from_parts(
        cls,
        vision: UMiConWithExperts,
        language_model: PreTrainedModel,
        *,
        visual_token_id: int,
        visual_tokens: str = PER_VIEW,
        tokens_per_vector: int = 1,
        with_density: bool = True,
        with_malignancy: bool = False,
        mapping: str = UMICON,
        flip_right: bool = True,
    ) -> Self:
        """A model whose visual side and language model are trained and whose map is new."""
        config = MammoVLMConfig(
            text_config=language_model.config.to_dict(),
            vision=vision.spec(),
            visual_tokens=visual_tokens,
            tokens_per_vector=tokens_per_vector,
            with_density=with_density,
            with_malignancy=with_malignancy,
            mapping=mapping,
            visual_token_id=visual_token_id,
            flip_right=flip_right,
        )
        return cls(config, vision=vision, language_model=language_model)

    # -- visual side -----------------------------------------------------------------------------------

    @torch.no_grad()
    def encode_images(self, pixel_values: Tensor, view_mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Images to the vectors that stand in the prompt.

        Args:
            pixel_values: (B, V, H, W) grey values in 0..255.
            view_mask: (B, V) true where a view exists; all of them when not given.

        Returns:
            vectors (B, V, C) and their mask (B, V); with per_study (B, 1, C) and (B, 1). C is UMiCon's 128, or
            the experts' features with the linear mapping; with malignancy UMiCon's chance of it from that view
            alone follows, and the highest of the study's views, which decides the category of the whole; with
            density 4 probabilities of the study's density, the same in each of its views.
        """
        if view_mask is None:
            view_mask = torch.ones(pixel_values.shape[:2], dtype=torch.bool, device=pixel_values.device)
        if self.config.mapping == LINEAR:
            routed = self.vision.visual(pixel_values, view_mask)
            vectors = mean_features(routed, self.vision.visual.feature_sizes())  # (B, V, sum of D)
            weights = view_mask.to(vectors)[..., None]
            studies = (vectors * weights).sum(1) / weights.sum(1).clamp(min=1)
        else:
            vectors, studies, routed = self.vision.encode(pixel_values, view_mask)  # (B, V, C), (B, C)
        if self.config.visual_tokens == PER_STUDY:
            vectors, view_mask = studies[:, None], view_mask.any(1, keepdim=True)
        if self.config.with_malignancy:
            umicon = self.vision.umicon
            chance = umicon.malignancy_logit(umicon.fuse(vectors.flatten(0, 1), None)).sigmoid()
            chance = chance.view(vectors.shape[:2]) * view_mask  # (B, V)
            highest = chance.amax(1, keepdim=True).expand_as(chance)
            vectors = torch.cat([vectors, torch.stack([chance, highest], -1)], dim=-1)
        if self.config.with_density:
            density = cast(Tensor, routed.density_logits).exp().to(vectors)[:, None]  # (B, 1, 4)
            vectors = torch.cat([vectors, density.expand(-1, vectors.shape[1], -1)], dim=-1)
        return vectors, view_mask

    def _vector_size(self) -> int:
        """C: of UMiCon, or of all experts' features side by side; 4 more with density, 2 with malignancy."""
        features = sum(self.vision.visual.feature_sizes().values())
        size = features if self.config.mapping == LINEAR else int(self.vision.umicon.vector_size)
        return (
            size + (len(DENSITIES) if self.config.with_density else 0) + 2 * int(self.config.with_malignancy)
        )

    def fit_standardisation(self, vectors: Tensor) -> None:
        """Set mean and deviation from training vectors (n, C); done once, before the map is trained."""
        self.vector_mean.copy_(vectors.mean(0))
        self.vector_scale.copy_(vectors.std(0).clamp(min=1e-6))

    def freeze_vision(self) -> None:
        """No gradient reaches the experts or UMiCon, whose normalisation statistics also stay as they are."""
        self.vision.requires_grad_(False)
        self.vision.eval()

    def train(self, mode: bool = True) -> Self:
        """The frozen visual side stays in evaluation mode."""
        super().train(mode)
        self.vision.eval()
        return self

    def parameter_groups(self, learning_rate: float) -> list[dict[str, Any]]:
        """What needs a gradient, in optimiser groups: the map at its own rate, and the rest."""
        groups: dict[float, list[nn.Parameter]] = {}
        for name, parameter in self.named_parameters():
            if parameter.requires_grad:
                rate = self.projection_rate if name.startswith(PROJECTION) else 1.0
                groups.setdefault(rate * learning_rate, []).append(parameter)
        return [{"params": parameters, "lr": rate} for rate, parameters in groups.items()]

    def _insert(self, embeddings: Tensor, input_ids: Tensor, vectors: Tensor, view_mask: Tensor) -> Tensor:
        """Put vectors (B, V, C) at the placeholders of input_ids (B, T) in embeddings (B, T, hidden)."""
        placeholders = input_ids == self.config.visual_token_id  # (B, T)
        expected = view_mask.sum(1) * self.config.tokens_per_vector
        found = placeholders.sum(1)
        if not torch.equal(found, expected):
            row = int((found != expected).nonzero()[0, 0])
            raise ValueError(
                f"row {row}: {int(found[row])} places for visual vectors in the prompt, {int(expected[row])} "
                "vectors given; the prompt was cut or built for other images"
            )
        standard = (vectors[view_mask].to(self.vector_mean) - self.vector_mean) / self.vector_scale  # (n, C)
        soft = self.embed_projection(standard).view(-1, embeddings.shape[-1])  # (n tokens, hidden)
        return embeddings.masked_scatter(placeholders[..., None], soft.to(embeddings))

    # -- language side ---------------------------------------------------------------------------------

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        pixel_values: Tensor | None = None,
        visual_vectors: Tensor | None = None,
        view_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        past_key_values: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Next-token logits, and the loss on the labels that are not -100 (eq. 4).

        Args:
            input_ids: (B, T) with placeholders where visual vectors stand.
            labels: (B, T); -100 outside the answer and its closing token.
            pixel_values: (B, V, H, W), or instead visual_vectors (B, V, C) from `encode_images`.
            view_mask: (B, V) true where a view exists.

        Raises ValueError when a row's placeholders and vectors differ in number.
        """
        if visual_vectors is None and pixel_values is not None:
            visual_vectors, view_mask = self.encode_images(pixel_values, view_mask)
        if inputs_embeds is None:
            if input_ids is None:
                raise ValueError("input_ids or inputs_embeds must be given")
            inputs_embeds = self.get_input_embeddings()(input_ids)
            if visual_vectors is not None:
                if view_mask is None:
                    view_mask = visual_vectors.new_ones(visual_vectors.shape[:2], dtype=torch.bool)
                inputs_embeds = self._insert(inputs_embeds, input_ids, visual_vectors, view_mask)
            elif not _continues(past_key_values) and bool((input_ids == self.config.visual_token_id).any()):
                raise ValueError("the prompt has places for visual vectors but no images are given")
            elif self.training:
                # The map's gradient is zero here, not missing: sharded training adds up those of all ranks, and one
                # that lacked it would leave the others waiting.
                unused = self.embed_projection(torch.zeros_like(self.vector_mean)[None])
                inputs_embeds = inputs_embeds + 0 * unused.sum().to(inputs_embeds)
        return self.language_model(
            inputs_embeds=inputs_embeds,
            attention_mask=attention_mask,
            labels=labels,
            past_key_values=past_key_values,
            **kwargs,
        )

    def generate(  # type: ignore[override]
        self,
        inputs: Tensor | None = None,
        *,
        pixel_values: Tensor | None = None,
        view_mask: Tensor | None = None,
        visual_vectors: Tensor | None = None,
        **kwargs: Any,
    ) -> Any:
        """As `generate` of transformers; the images are encoded once, before the first token."""
        if visual_vectors is None and pixel_values is not None:
            visual_vectors, view_mask = self.encode_images(pixel_values, view_mask)
        if visual_vectors is not None:
            if view_mask is None:
                view_mask = visual_vectors.new_ones(visual_vectors.shape[:2], dtype=torch.bool)
            kwargs |= {"visual_vectors": visual_vectors, "view_mask": view_mask}
        # A placeholder that the model wrote itself would stand for an image that isn't there.
        settings = kwargs.pop("generation_config", None)
        if settings is None:
            kwargs.setdefault("suppress_tokens", [self.config.visual_token_id])
        else:
            settings = copy.deepcopy(settings)
            settings.suppress_tokens = [*(settings.suppress_tokens or []), self.config.visual_token_id]
            kwargs["generation_config"] = settings
        return super().generate(inputs, **kwargs)  # type: ignore[misc]

    def prepare_inputs_for_generation(  # type: ignore[override]
        self, input_ids: Tensor, is_first_iteration: bool | None = False, **kwargs: Any
    ) -> dict[str, Any]:
        """Visual vectors enter with the prompt; later steps find them in the cache."""
        inputs: dict[str, Any] = super().prepare_inputs_for_generation(  # type: ignore[misc]
            input_ids,  # type: ignore[arg-type]
            is_first_iteration=is_first_iteration,
            **kwargs,
        )
        if not is_first_iteration and kwargs.get("use_cache", True):
            inputs.pop("visual_vectors", None)
            inputs.pop("view_mask", None)
        return inputs

    def create_masks_for_generate(self, **given: Any) -> Any:
        """The attention mask (B, 1, T, cache) of a step with a static cache, as the language model wants it.

        The outer configuration names no kind of attention; made from it the mask would be none at all, and the filler
        before a shorter prompt would be read.
        """
        make = getattr(self.language_model, "create_masks_for_generate", create_masks_for_generate)
        return make(**{**given, "config": self.language_model.config})

    @property
    def dtype(self) -> torch.dtype:
        """The language model's precision: what config.json says, and what loading brings it back in."""
        return self.language_model.dtype

    def get_input_embeddings(self) -> nn.Module:
        """The language model's word embeddings."""
        return self.language_model.get_input_embeddings()

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Replace the language model's word embeddings."""
        self.language_model.set_input_embeddings(value)

    def get_output_embeddings(self) -> nn.Module:
        """The language model's output layer."""
        return self.language_model.get_output_embeddings()

    def _init_weights(self, module: nn.Module) -> None:
        """Only what is new here: trained parts are never re-initialised.

        Loading builds the modules without memory, so what is not in the file is filled in here too.
        """
        if module is self:
            self.vector_mean.zero_()
            self.vector_scale.fill_(1.0)
        elif module is self.embed_projection:
            nn.init.normal_(self.embed_projection.weight, std=0.02)
            nn.init.zeros_(self.embed_projection.bias)
        elif isinstance(module, VisualMoE):
            order = [module.expert_names.index(name) for name in module.mapping.values()]
            module._expert_of_density.copy_(torch.tensor(order, device="cpu"))  # type: ignore[operator]


def _continues(past_key_values: Any) -> bool:
    return past_key_values is not None and int(past_key_values.get_seq_length()) > 0


AutoConfig.register(MammoVLMConfig.model_type, MammoVLMConfig)
AutoModel.register(MammoVLMConfig, MammoVLM)
AutoModelForCausalLM.register(MammoVLMConfig, MammoVLM)
