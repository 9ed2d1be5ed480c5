"""Small real models for tests: random weights behind the very classes that take the paper's encoders."""

from typing import Any

import torch
from transformers import AutoModelForCausalLM, LlamaConfig, Qwen2Config

from modeling.nn.chat import ChatEncoder
from modeling.nn.density_selector import DensitySelector
from modeling.nn.experts import build_encoder
from modeling.nn.language import TinyGlmSize, build_tiny_glm, train_tokenizer
from modeling.nn.mammovlm import MammoVLM
from modeling.nn.text_encoder import TextEncoder
from modeling.nn.umicon import UMiCon, UMiConWithExperts
from modeling.nn.visual_moe import VisualMoE

SIZE = (64, 50)
EXPERTS = {"clip": "test_vit", "dinov2": "test_vit2", "convnext": "test_convnext"}
ROUTING = {"A": "clip", "B": "dinov2", "C": "convnext", "D": "convnext"}
FOUR_VIEWS = [("L", "CC"), ("L", "MLO"), ("R", "CC"), ("R", "MLO")]
TEXTS = [
    "我的乳腺密度是哪一型？",
    "您的乳腺是A型，脂肪型。",
    "您的乳腺是B型，散在纤维腺体型。",
    "您的乳腺是C型，不均匀致密型。",
    "您的乳腺是D型，极度致密型。",
    "what is my breast density?",
    "Your breasts are density A, almost entirely fatty.",
]
GLM_SIZE = TinyGlmSize(hidden_size=32, layers=2, heads=4, key_value_heads=2, intermediate_size=64)


def small_vision(seed: int = 0, size: tuple[int, int] = SIZE) -> UMiConWithExperts:
    """Selector, three experts and UMiCon with random weights, in evaluation mode."""
    torch.manual_seed(seed)
    moe = VisualMoE(
        selector=DensitySelector("test_resnet", image_size=size),
        experts={name: build_encoder(model, image_size=size) for name, model in EXPERTS.items()},
        mapping=ROUTING,
    )
    text = TextEncoder.small(
        vocabulary=60, layers=1, hidden_size=32, heads=2, length=32, vector_size=128, pooling="mean"
    )
    umicon = UMiCon(feature_sizes=moe.feature_sizes(), text=text, hidden_size=64, pooling="mean_max")
    return UMiConWithExperts(visual=moe, umicon=umicon).eval()


def small_tokenizer() -> Any:
    """A byte-level tokenizer with GLM-4's control tokens and template."""
    return train_tokenizer([*TEXTS, "[L-CC][L-MLO][R-CC][R-MLO]"] * 5, 400)


def small_language_model(tokenizer: Any, kind: str = "glm", seed: int = 0) -> Any:
    """A GLM, Llama or Qwen2 of two layers with random weights; Llama's output layer is not tied."""
    torch.manual_seed(seed)
    if kind == "glm":
        return build_tiny_glm(tokenizer, GLM_SIZE).eval()
    common = {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    config = (
        LlamaConfig(**common, tie_word_embeddings=False)
        if kind == "llama"
        else Qwen2Config(**common, tie_word_embeddings=True)
    )
    return AutoModelForCausalLM.from_config(config).eval()


def small_mammovlm(kind: str = "glm", **options: Any) -> tuple[MammoVLM, ChatEncoder]:
    """MammoVLM with random weights and the encoder of its dialogues."""
    encoder = ChatEncoder(small_tokenizer())
    model = MammoVLM.from_parts(
        small_vision(),
        small_language_model(encoder.tokenizer, kind),
        visual_token_id=encoder.visual_token_id or 0,
        **options,
    )
    return model.eval(), encoder


def random_images(studies: int, views: int = 4, seed: int = 0) -> torch.Tensor:
    """(studies, views, H, W) uint8."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (studies, views, *SIZE), dtype=torch.uint8, generator=generator)
