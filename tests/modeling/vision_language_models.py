"""The real vision-language classes with random weights of a few thousand parameters, saved as folders."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoModelForImageTextToText,
    Blip2Config,
    Blip2Processor,
    Blip2QFormerConfig,
    Blip2VisionConfig,
    BlipImageProcessor,
    CLIPImageProcessor,
    CLIPVisionConfig,
    Glm4vConfig,
    Glm4vImageProcessor,
    Glm4vProcessor,
    Glm4vVideoProcessor,
    LlamaConfig,
    LlavaConfig,
    LlavaProcessor,
    OPTConfig,
    Qwen2_5_VLConfig,
    Qwen2_5_VLProcessor,
    Qwen2VLConfig,
    Qwen2VLImageProcessor,
    Qwen2VLProcessor,
    Qwen2VLVideoProcessor,
    Qwen3VLConfig,
    Qwen3VLProcessor,
    Qwen3VLVideoProcessor,
)

from tests.modeling.small_models import small_tokenizer

_TEXT = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 2048,
}
_TURNS = (
    "{% for message in messages %}<|{{ message['role'] }}|>\n{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}IMAGE{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)


def _tokenizer(*added: str) -> Any:
    tokenizer = small_tokenizer()
    tokenizer.add_tokens(list(added), special_tokens=True)
    tokenizer.model_input_names = ["input_ids", "attention_mask"]
    return tokenizer


def _ids(tokenizer: Any) -> dict[str, int]:
    return {
        "vocab_size": len(tokenizer),
        "bos_token_id": None,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }


def llava() -> tuple[Any, Any]:
    """LLaVA-1.5: CLIP tower, two-layer projector, Llama."""
    tokenizer = _tokenizer("<image>")
    vision = CLIPVisionConfig(
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        image_size=28,
        patch_size=14,
    )
    config = LlavaConfig(
        vision_config=vision,
        text_config=LlamaConfig(**_TEXT, **_ids(tokenizer)),
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
    )
    processor = LlavaProcessor(
        image_processor=CLIPImageProcessor(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28}),
        tokenizer=tokenizer,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=_TURNS.replace("IMAGE", "<image>\n"),
    )
    return config, processor


def blip2() -> tuple[Any, Any]:
    """BLIP-2: a Q-Former of four queries before OPT; it has no chat template."""
    tokenizer = _tokenizer("<image>")
    config = Blip2Config(
        vision_config=Blip2VisionConfig(
            hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, image_size=28, patch_size=14
        ).to_dict(),
        qformer_config=Blip2QFormerConfig(
            hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, encoder_hidden_size=32
        ).to_dict(),
        text_config=OPTConfig(
            hidden_size=32, word_embed_proj_dim=32, ffn_dim=48, num_hidden_layers=2, num_attention_heads=4,
            max_position_embeddings=2048, **_ids(tokenizer),
        ).to_dict(),
        num_query_tokens=4,
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
    )  # fmt: skip
    processor = Blip2Processor(
        image_processor=BlipImageProcessor(size={"height": 28, "width": 28}),
        tokenizer=tokenizer,
        num_query_tokens=4,
    )
    return config, processor


_QWEN_ADDED = ("<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")
_QWEN_TURNS = _TURNS.replace("IMAGE", "<|vision_start|><|image_pad|><|vision_end|>")
_ROPE = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 1, 1]}
_GLM_ROPE = {**_ROPE, "partial_rotary_factor": 0.5, "mrope_section": [1, 1, 0]}
_SMALL_IMAGES = {"shortest_edge": 56 * 56, "longest_edge": 56 * 56}


def _qwen_tokens(tokenizer: Any) -> dict[str, int]:
    return {
        "image_token_id": tokenizer.convert_tokens_to_ids("<|image_pad|>"),
        "video_token_id": tokenizer.convert_tokens_to_ids("<|video_pad|>"),
        "vision_start_token_id": tokenizer.convert_tokens_to_ids("<|vision_start|>"),
        "vision_end_token_id": tokenizer.convert_tokens_to_ids("<|vision_end|>"),
    }


def qwen2_vl() -> tuple[Any, Any]:
    """Qwen2-VL."""
    tokenizer = _tokenizer(*_QWEN_ADDED)
    config = Qwen2VLConfig(
        text_config={**_TEXT, **_ids(tokenizer), "rope_parameters": _ROPE},
        vision_config={"depth": 2, "embed_dim": 32, "hidden_size": 32, "num_heads": 4, "mlp_ratio": 2},
        **_qwen_tokens(tokenizer),
    )
    processor = Qwen2VLProcessor(
        Qwen2VLImageProcessor(size=_SMALL_IMAGES),
        tokenizer,
        Qwen2VLVideoProcessor(),
        chat_template=_QWEN_TURNS,
    )
    return config, processor


def qwen2_5_vl() -> tuple[Any, Any]:
    """Qwen2.5-VL."""
    tokenizer = _tokenizer(*_QWEN_ADDED)
    config = Qwen2_5_VLConfig(
        text_config={**_TEXT, **_ids(tokenizer), "rope_parameters": _ROPE},
        vision_config={
            "depth": 2, "hidden_size": 32, "out_hidden_size": 32, "num_heads": 4, "intermediate_size": 48,
            "fullatt_block_indexes": [1],
        },
        **_qwen_tokens(tokenizer),
    )  # fmt: skip
    processor = Qwen2_5_VLProcessor(
        Qwen2VLImageProcessor(size=_SMALL_IMAGES),
        tokenizer,
        Qwen2VLVideoProcessor(),
        chat_template=_QWEN_TURNS,
    )
    return config, processor


def qwen3_vl() -> tuple[Any, Any]:
    """Qwen3-VL."""
    tokenizer = _tokenizer(*_QWEN_ADDED)
    config = Qwen3VLConfig(
        text_config={**_TEXT, **_ids(tokenizer), "head_dim": 8, "rope_parameters": _ROPE},
        vision_config={
            "depth": 2, "hidden_size": 32, "out_hidden_size": 32, "num_heads": 4, "intermediate_size": 48,
            "deepstack_visual_indexes": [0], "num_position_embeddings": 64,
        },
        **_qwen_tokens(tokenizer),
    )  # fmt: skip
    processor = Qwen3VLProcessor(
        Qwen2VLImageProcessor(size=_SMALL_IMAGES, patch_size=16), tokenizer, Qwen3VLVideoProcessor(),
        chat_template=_QWEN_TURNS,
    )  # fmt: skip
    return config, processor


def glm4v() -> tuple[Any, Any]:
    """GLM-4.1V."""
    tokenizer = _tokenizer("<|image|>", "<|video|>")

    def token(text: str) -> int:
        return int(tokenizer.convert_tokens_to_ids(text))

    config = Glm4vConfig(
        text_config={**_TEXT, **_ids(tokenizer), "rope_parameters": _GLM_ROPE},
        vision_config={
            "depth": 2, "hidden_size": 32, "out_hidden_size": 32, "num_heads": 4, "intermediate_size": 48,
            "image_size": 56,
        },
        image_token_id=token("<|image|>"),
        video_token_id=token("<|video|>"),
        image_start_token_id=token("<|begin_of_image|>"),
        image_end_token_id=token("<|end_of_image|>"),
        video_start_token_id=token("<|begin_of_video|>"),
        video_end_token_id=token("<|end_of_video|>"),
    )  # fmt: skip
    processor = Glm4vProcessor(
        Glm4vImageProcessor(size=_SMALL_IMAGES), tokenizer, Glm4vVideoProcessor(),
        chat_template=_TURNS.replace("IMAGE", "<|begin_of_image|><|image|><|end_of_image|>"),
    )  # fmt: skip
    return config, processor


BUILDERS: dict[str, Callable[[], tuple[Any, Any]]] = {
    "llava": llava,
    "blip-2": blip2,
    "qwen2-vl": qwen2_vl,
    "qwen2.5-vl": qwen2_5_vl,
    "qwen3-vl": qwen3_vl,
    "glm-4.1v": glm4v,
}


def save_vision_language_model(kind: str, folder: Path) -> Path:
    """Write one of them with random weights; returns the folder."""
    config, processor = BUILDERS[kind]()
    torch.manual_seed(0)
    model = AutoModelForImageTextToText.from_config(config).eval()
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
