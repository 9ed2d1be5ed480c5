"""Small real models for tests: random weights behind the very classes that take the paper's encoders."""

from typing import Any

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

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
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
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


def plain_tokenizer() -> Any:
    """A byte-level tokenizer with ChatML's turns, as Qwen2's, and no token reserved for an image."""
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False
    )
    backend.train_from_iterator(TEXTS * 5, trainer)
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    backend.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, eos_token="<|im_end|>", pad_token="<|endoftext|>", padding_side="left",
        extra_special_tokens=special, chat_template=CHATML,
    )  # fmt: skip


def small_language_model(tokenizer: Any, kind: str = "glm", seed: int = 0, spare: int = 0) -> Any:
    """A language model of two layers with random weights and `spare` rows beyond the tokenizer's; the output layers of
    Llama, Mixtral and GLM-4-0414 are not tied."""
    torch.manual_seed(seed)
    if kind == "glm":
        return build_tiny_glm(tokenizer, GLM_SIZE).eval()
    common = {
        "vocab_size": len(tokenizer) + spare,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    more: dict[str, Any] = {
        "mixtral": {"num_local_experts": 2, "num_experts_per_tok": 1},
        "glm4": {"head_dim": 8},
    }.get(kind, {})
    config = AutoConfig.for_model(kind, **common, **more, tie_word_embeddings=kind == "qwen2")
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
