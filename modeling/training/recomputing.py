"""`gradient_checkpointing` for stages whose objective is no model of transformers: each encoder recomputes its own
layers in the backward pass."""

from __future__ import annotations

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from transformers import PreTrainedModel

from modeling.nn.experts import ImageEncoder
from modeling.training.typed_fields import ConfigError


def recompute_activations(model: nn.Module) -> None:
    """Let every image encoder and every model of transformers inside `model` keep no activations of its layers.

    Raises:
        ConfigError: an encoder can't: it has batch normalisation, whose running statistics would count each batch
            twice, or timm can't split it; or there is none.
    """
    encoders = [module for module in model.modules() if isinstance(module, ImageEncoder)]
    inner = [
        module
        for module in model.modules()
        if isinstance(module, PreTrainedModel) and module.supports_gradient_checkpointing
    ]
    if not encoders and not inner:
        raise ConfigError(
            "gradient_checkpointing: this stage has no network that can recompute; set it to false"
        )
    for encoder in encoders:
        if not any(parameter.requires_grad for parameter in encoder.parameters()):
            continue
        if any(isinstance(module, _BatchNorm) for module in encoder.modules()):
            raise ConfigError(
                f"gradient_checkpointing: {encoder.name} has batch normalisation, whose statistics would count each "
                "batch twice; set it to false, or name an encoder without (convnext_tiny, vit_base_patch14_dinov2)"
            )
        if not hasattr(encoder.backbone, "set_grad_checkpointing"):
            raise ConfigError(
                f"gradient_checkpointing: {encoder.name} can't recompute its layers; set it to false"
            )
        encoder.backbone.set_grad_checkpointing(True)
    for network in inner:
        network.activation_checkpointing_enable()
