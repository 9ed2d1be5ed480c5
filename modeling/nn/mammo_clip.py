"""Mammo-CLIP: an image and a text encoder in one space (EfficientNet and BioClinicalBERT). It can't speak.

Its published checkpoint is a pickle: `convert_mammo_clip` turns its tensors, once read by `fetch_weights` or by hand in a
process of their own, into a folder of safetensors. From there it serves in two ways: as a dual encoder whose similarity
with a sentence is a zero-shot judgement, and as an expert's image encoder (timm's EfficientNet) under our language model.

The published encoder is lukemelas' EfficientNet; timm's has the same layers under other names (`timm_name`). The file
itself could not be had here: the mapping is tested on networks of that naming with random weights.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoConfig, AutoModel, AutoTokenizer

from modeling.nn.experts import ImageEncoder, build_encoder
from modeling.nn.language import ModelFolderError

MODEL_TYPE = "mammo_clip"
# What the published weights were trained with: mean and deviation of grey values, a border of pixels that is cut off
# the image, and a resize that does not keep the aspect (its configs/pre_train_b5_clip.yaml and src/preprocessing).
PREPARATION: dict[str, Any] = {"grey": [0.3089, 0.2505], "border": 5, "keep_aspect": False}
CONFIG_FILE, WEIGHTS_FILE, TEXT_FOLDER = "config.json", "model.safetensors", "text"
_IN_BLOCK = {
    "_depthwise_conv": "conv_dw", "_bn1": "bn2", "_se_reduce": "se.conv_reduce", "_se_expand": "se.conv_expand",
    "_project_conv": "conv_pwl", "_bn2": "bn3", "_expand_conv": "conv_pw", "_bn0": "bn1",
}  # fmt: skip
# The first stage's blocks don't expand: their layers are one number lower.
_IN_FIRST_STAGE = {**_IN_BLOCK, "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
_OUTSIDE = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2"}


class MammoClip(nn.Module):
    """Both encoders with their projections into one space.

    Args:
        image: timm EfficientNet behind the interface that all encoders share.
        text: any AutoModel; its first token's last state stands for the sentence.
        size: width of the common space.
        border, keep_aspect: how images are prepared for it (`preprocessing.load_view`).
    """

    def __init__(
        self, *, image: ImageEncoder, text: Any, size: int, border: int = 0, keep_aspect: bool = True
    ) -> None:
        super().__init__()
        self.border, self.keep_aspect = border, keep_aspect
        self.image = image
        self.text = text
        self.image_projection = nn.Linear(image.features, size)
        self.text_projection = nn.Linear(int(text.config.hidden_size), size)
        self.scale = nn.Parameter(torch.tensor(1 / 0.07).log())

    def image_vectors(self, images: Tensor) -> Tensor:
        """(N, H, W) in 0..255 -> (N, size) of unit length."""
        return functional.normalize(self.image_projection(self.image(images).mean((2, 3))), dim=-1)

    def text_vectors(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """(B, T) -> (B, size) of unit length."""
        states = self.text(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return functional.normalize(self.text_projection(states[:, 0]), dim=-1)

    def similarities(self, images: Tensor, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Scaled cosine similarities (N, B) of images (N, H, W) and sentences (B, T)."""
        return self.scale.exp() * self.image_vectors(images) @ self.text_vectors(input_ids, attention_mask).T


def timm_name(name: str, depths: Sequence[int]) -> str:
    """The name in timm's EfficientNet of a tensor in lukemelas'; `depths` are the blocks of each stage.

    Raises:
        ValueError: no such layer is known.
    """
    block = re.fullmatch(r"_blocks\.(\d+)\.([a-z_0-9]+)\.(.+)", name)
    if block:
        stage, place = _stage(int(block[1]), depths)
        table = _IN_FIRST_STAGE if stage == 0 else _IN_BLOCK
        if block[2] in table:
            return f"blocks.{stage}.{place}.{table[block[2]]}.{block[3]}"
    outside = re.fullmatch(r"(_[a-z_0-9]+)\.(.+)", name)
    if outside and outside[1] in _OUTSIDE:
        return f"{_OUTSIDE[outside[1]]}.{outside[2]}"
    raise ValueError(f"{name}: not a layer of EfficientNet as Mammo-CLIP has it")


def _stage(index: int, depths: Sequence[int]) -> tuple[int, int]:
    for stage, depth in enumerate(depths):
        if index < depth:
            return stage, index
        index -= depth
    raise ValueError(f"_blocks.{index}: this EfficientNet has {sum(depths)} blocks")


def convert_mammo_clip(
    tensors: Mapping[str, Tensor],
    *,
    encoder: str,
    image_size: tuple[int, int],
    text_folder: Path,
    target: Path,
) -> Path:
    """Write a Mammo-CLIP folder from a checkpoint's tensors.

    Args:
        tensors: names as in the checkpoint: image_encoder.*, text_encoder.text_encoder.*, image_projection.*,
            text_projection.*, logit_scale.
        encoder: timm name of the same EfficientNet (tf_efficientnet_b5 or tf_efficientnet_b2).
        text_folder: config.json and tokenizer of the text encoder (BioClinicalBERT).

    Raises:
        ModelFolderError: the tensors do not make the whole model.
    """
    depths = [len(stage) for stage in timm.create_model(encoder).blocks]  # type: ignore[union-attr]
    found: dict[str, Tensor] = {}
    for name, value in tensors.items():
        part, _, rest = name.partition(".")
        if part == "image_encoder" and not rest.startswith("_fc."):
            mapped = f"image.backbone.{timm_name(rest, depths)}"
            # Three equal channels of a grey image are one with their sum.
            found[mapped] = value.sum(1, keepdim=True) if rest == "_conv_stem.weight" else value
        elif part == "text_encoder":
            found["text." + rest.removeprefix("text_encoder.")] = value
        elif part in ("image_projection", "text_projection"):
            found[f"{part}.{rest.removeprefix('projection.')}"] = value
        elif name == "logit_scale":
            found["scale"] = value
    size = int(found["image_projection.weight"].shape[0])
    config = {
        "model_type": MODEL_TYPE, "encoder": encoder, "image_size": list(image_size), "size": size, **PREPARATION,
    }  # fmt: skip
    target.mkdir(parents=True)
    (target / CONFIG_FILE).write_text(json.dumps(config, indent=1), "utf-8")
    AutoConfig.from_pretrained(text_folder, local_files_only=True).save_pretrained(target / TEXT_FOLDER)
    AutoTokenizer.from_pretrained(text_folder, local_files_only=True).save_pretrained(target / TEXT_FOLDER)
    save_file({name: value.contiguous().clone() for name, value in found.items()}, target / WEIGHTS_FILE)
    load_mammo_clip(target)
    return target


def load_mammo_clip(folder: Path | str) -> tuple[MammoClip, Any]:
    """The model in evaluation mode and its tokenizer, from a local folder of safetensors.

    Raises:
        ModelFolderError: naming what is missing or does not fit, and the mend.
    """
    path = Path(folder)
    try:
        config = json.loads((path / CONFIG_FILE).read_text("utf-8"))
        tokenizer = AutoTokenizer.from_pretrained(path / TEXT_FOLDER, local_files_only=True)
        text = AutoModel.from_config(AutoConfig.from_pretrained(path / TEXT_FOLDER, local_files_only=True))
        weights = load_file(path / WEIGHTS_FILE)
    except (OSError, ValueError) as error:
        raise ModelFolderError(
            f"{path}: no whole Mammo-CLIP folder ({error}); convert the published checkpoint with convert_mammo_clip"
        ) from error
    if config.get("model_type") != MODEL_TYPE:
        raise ModelFolderError(f"{path}: holds a {config.get('model_type')!r} model, expected {MODEL_TYPE!r}")
    height, width = config["image_size"]
    # A folder that was converted before its preparation was written down is of the same published weights.
    config = {**PREPARATION, **config}
    image = build_encoder(config["encoder"], image_size=(height, width))
    image.normalise_by(config["grey"])
    model = MammoClip(
        image=image, text=text, size=int(config["size"]), border=int(config["border"]),
        keep_aspect=bool(config["keep_aspect"]),
    )  # fmt: skip
    missing, unexpected = model.load_state_dict(weights, strict=False)
    if missing or unexpected:
        raise ModelFolderError(
            f"{path}: missing {missing[:3]}, unexpected {unexpected[:3]}; convert it again"
        )
    return model.eval(), tokenizer


def save_image_encoder(folder: Path | str, target: Path) -> Path:
    """Its image encoder alone, as an expert's `pretrained_folders` takes it (the expert is named as the encoder is)."""
    model, _ = load_mammo_clip(folder)
    weights = {name: value.contiguous() for name, value in model.image.backbone.state_dict().items()}
    # timm expects three channels in a file of weights and adds them up for a grey image.
    weights["conv_stem.weight"] = (weights["conv_stem.weight"] / 3).repeat(1, 3, 1, 1)
    target.mkdir(parents=True)
    save_file(weights, target / WEIGHTS_FILE)
    (target / CONFIG_FILE).write_text(json.dumps({"grey": model.image.grey}), "utf-8")
    return target
