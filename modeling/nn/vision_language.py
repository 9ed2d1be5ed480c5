"""Vision-language models of transformers (LLaVA, BLIP-2, Qwen-VL, GLM-4.1V): their texts, and a LLaVA made here.

What a model is asked is built in one place, for tuning and for answering.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import (
    AutoModelForImageTextToText,
    AutoProcessor,
    CLIPImageProcessor,
    CLIPVisionConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
)

from modeling.data.pictures import LAYOUTS, Layout
from modeling.nn.chat import disarm
from modeling.nn.language import ModelFolderError, check_model_folder, load_whole

_PLAIN_ROLES = ("Question", "Answer")
# Beside weights that were tuned here: the pictures that they were tuned on.
PICTURES_FILE = "pictures.json"
IMAGE_TOKEN = "<|begin_of_image|>"  # noqa: S105  (a reserved token of GLM-4's, so that no embedding is added)
# GLM-4's turns, with a mark where a picture stands.
_LLAVA_TURNS = (
    "[gMASK]<sop>{% for message in messages %}<|{{ message['role'] }}|>\n{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}" + IMAGE_TOKEN + "\n{% else %}{{ part['text'] }}{% endif %}{% endfor %}"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)


def load_vision_language(folder: Path | str) -> tuple[Any, Any]:
    """Model and processor from a local folder of safetensors. Raises ModelFolderError naming what is wrong."""
    path = check_model_folder(folder)
    try:
        processor = AutoProcessor.from_pretrained(path, local_files_only=True, trust_remote_code=False)
    except (ValueError, OSError) as error:
        raise ModelFolderError(str(error).splitlines()[0]) from error
    return load_whole(AutoModelForImageTextToText, path), processor


def question_text(processor: Any, turns: Sequence[str], pictures: int, *, context: str = "") -> str:
    """A question with the model's own template and marks for `pictures` images.

    A model without a chat template (BLIP-2) is asked in the form that it was tuned on, "Question: ... Answer:".
    """
    said = [disarm(processor.tokenizer, turn) for turn in turns]
    before = disarm(processor.tokenizer, context)
    if not getattr(processor, "chat_template", None):
        plain = [f"{_PLAIN_ROLES[i % 2]}: {turn}" for i, turn in enumerate(said)]
        return " ".join([*([before] if before else []), *plain, f"{_PLAIN_ROLES[1]}:"])
    messages: list[dict[str, Any]] = []
    for i, turn in enumerate(said):
        content: list[dict[str, str]] = [{"type": "text", "text": turn}]
        if i == 0:
            told = [{"type": "text", "text": before + "\n"}] if before else []
            content = [*({"type": "image"} for _ in range(pictures)), *told, *content]
        messages.append({"role": "assistant" if i % 2 else "user", "content": content})
    return str(processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))


def stop_ids(model: Any, tokenizer: Any) -> list[int]:
    """Ids that end an answer. Raises ModelFolderError where the folder names none."""
    named = getattr(model.generation_config, "eos_token_id", None)
    found = {named} if isinstance(named, int) else set(named or ())
    if tokenizer.eos_token_id is not None:
        found.add(int(tokenizer.eos_token_id))
    if not found:
        raise ModelFolderError(
            "neither generation_config.json nor the tokenizer names the token that ends an answer (eos_token_id)"
        )
    return sorted(found)


@dataclass(frozen=True)
class TunedPictures:
    """The pictures of a training set that weights were tuned on: frames of (height, width) in a layout."""

    layout: Layout
    image_size: tuple[int, int]

    def to_json(self) -> str:
        """As the file beside the weights."""
        return json.dumps({"layout": self.layout, "image_size": list(self.image_size)})

    @classmethod
    def beside(cls, folder: Path) -> TunedPictures | None:
        """What a folder's weights were tuned on; None for weights that were not tuned here."""
        path = folder / PICTURES_FILE
        if not path.is_file():
            return None
        try:
            found = json.loads(path.read_text("utf-8"))
            height, width = (int(side) for side in found["image_size"])
            if found["layout"] not in LAYOUTS:
                raise ValueError(found["layout"])
        except (ValueError, KeyError, TypeError) as error:
            raise ModelFolderError(f"{path}: not as it was written ({error}); copy the file again") from error
        return cls(found["layout"], (height, width))


@dataclass(frozen=True)
class TowerSize:
    """A CLIP tower for a LLaVA made here."""

    image_size: int = 112
    patch_size: int = 14
    hidden_size: int = 64
    layers: int = 3
    heads: int = 4


def llava_on(language_model: Any, tokenizer: Any, size: TowerSize) -> tuple[Any, Any]:
    """LLaVA of a trained language model and an untrained CLIP tower and projector, with its processor.

    For machines without published weights; seed torch before the call. Raises ModelFolderError for a tokenizer without
    GLM-4's reserved token for an image.
    """
    if IMAGE_TOKEN not in tokenizer.get_added_vocab():
        raise ModelFolderError(
            f"the language model's tokenizer has no {IMAGE_TOKEN}; give one with GLM-4's tokens"
        )
    vision = CLIPVisionConfig(
        hidden_size=size.hidden_size, intermediate_size=2 * size.hidden_size, num_hidden_layers=size.layers,
        num_attention_heads=size.heads, image_size=size.image_size, patch_size=size.patch_size,
    )  # fmt: skip
    config = LlavaConfig(
        vision_config=vision,
        text_config=language_model.config,
        image_token_index=tokenizer.convert_tokens_to_ids(IMAGE_TOKEN),
        tie_word_embeddings=bool(language_model.config.tie_word_embeddings),
    )
    model = LlavaForConditionalGeneration(config)
    model.model.language_model.load_state_dict(language_model.model.state_dict())
    model.lm_head.load_state_dict(language_model.lm_head.state_dict())
    model.generation_config.eos_token_id = language_model.config.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    tokenizer.model_input_names = ["input_ids", "attention_mask"]
    side = size.image_size
    processor = LlavaProcessor(
        # The whole sheet is squeezed into the square: a crop would cut views off.
        image_processor=CLIPImageProcessor(
            size={"height": side, "width": side},
            do_center_crop=False,
            crop_size={"height": side, "width": side},
        ),
        tokenizer=tokenizer,
        patch_size=size.patch_size,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        image_token=IMAGE_TOKEN,
        chat_template=_LLAVA_TURNS,
    )
    return model, processor
