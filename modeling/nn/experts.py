"""Image encoders: every one turns grey images into a grid of feature vectors, whatever its architecture."""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.nn import functional

from modeling.data.model_folders import weights_folder

CONFIG_FILE = "config.json"
WEIGHT_FILES = ("model.safetensors", "open_clip_model.safetensors")


class EncoderError(ValueError):
    """An encoder that cannot be built; the message names the model or the folder."""


class ImageEncoder(nn.Module):
    """A timm backbone behind one interface: (N, H, W) grey values in, (N, D, h, w) features out.

    Transformers get the image padded on the right and at the bottom up to a multiple of their patch
    (1008 x 800 becomes 1008 x 812 for DINOv2's 14) and return their patch tokens as a grid.
    """

    def __init__(
        self, name: str, *, image_size: tuple[int, int], pretrained_folder: str | Path | None = None
    ) -> None:
        """`image_size` is (H, W) of the images. Raises EncoderError.

        Grey values are normalised by timm's mean and deviation, or by "grey": [mean, deviation] (of 0..1) in the
        config.json beside the weights.
        """
        super().__init__()
        if not timm.is_model(name):
            raise EncoderError(f"{name!r} is not a timm model")
        patch = _patch_size(name)
        self.name = name
        self.image_size = image_size
        self.padded_size = (_next_multiple(image_size[0], patch[0]), _next_multiple(image_size[1], patch[1]))
        arguments: dict[str, Any] = {"num_classes": 0, "in_chans": 1}
        if patch != (1, 1):
            arguments["img_size"] = self.padded_size
        if pretrained_folder is not None:
            weights = str(weights_file(pretrained_folder))
            arguments |= {"pretrained": True, "pretrained_cfg_overlay": {"file": weights}}
        # Any: timm models share no typed interface.
        backbone: Any = _created(name, arguments)
        self.backbone = backbone
        self.features = int(backbone.num_features)
        cfg = backbone.pretrained_cfg
        self.mean = 255 * sum(cfg["mean"]) / len(cfg["mean"])
        self.std = 255 * sum(cfg["std"]) / len(cfg["std"])
        self.grey: tuple[float, float] | None = None
        self.normalise_by(None if pretrained_folder is None else _grey_of(weights_folder(pretrained_folder)))

    def start_from(self, other: ImageEncoder) -> None:
        """Take another encoder's weights, and the grey values that they were trained with."""
        self.load_state_dict(other.state_dict())
        self.grey, self.mean, self.std = other.grey, other.mean, other.std

    def normalise_by(self, grey: Sequence[float] | None) -> None:
        """Take another mean and deviation of grey values (of 0..1) than timm's; None changes nothing."""
        if grey is not None:
            mean, std = map(float, grey)
            self.grey, self.mean, self.std = (mean, std), 255 * mean, 255 * std

    def forward(self, images: Tensor) -> Tensor:
        """(N, H, W) in 0..255, any dtype -> (N, D, h, w)."""
        pixels = (images.to(_dtype(self)) - self.mean) / self.std  # (N, H, W)
        bottom, right = self.padded_size[0] - images.shape[-2], self.padded_size[1] - images.shape[-1]
        if bottom or right:
            pixels = functional.pad(pixels, (0, right, 0, bottom), value=-self.mean / self.std)
        found = self.backbone.forward_features(pixels.unsqueeze(1))
        if found.ndim == 3:  # (N, prefix + h w, D)
            rows, columns = self.backbone.patch_embed.grid_size
            found = found[:, self.backbone.num_prefix_tokens :].transpose(1, 2).unflatten(2, (rows, columns))
        return found


def build_encoder(
    name: str, *, image_size: tuple[int, int], pretrained_folder: str | Path | None = None
) -> ImageEncoder:
    """An encoder by timm name: resnet50, vit_base_patch16_clip_224, vit_base_patch14_dinov2, convnext_tiny,
    convnext_base, or a small `test_*` one. Weights come from the safetensors of a local folder (or of a
    hub name that was fetched), never a network.

    Raises EncoderError for an unknown name or a folder without weights.
    """
    return ImageEncoder(name, image_size=image_size, pretrained_folder=pretrained_folder)


class _MissingKeys(logging.Handler):
    """What timm's loader left at its random start: it says so in its log alone, at a level that nobody reads."""

    _TOLD = re.compile(r"Missing keys \((.*?)\) discovered")
    _LOADER = logging.getLogger("timm.models._builder")

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.names: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Note the names of one message."""
        told = self._TOLD.search(record.getMessage())
        self.names += told[1].split(", ") if told else []

    def __enter__(self) -> _MissingKeys:
        self._level = self._LOADER.level
        self._LOADER.setLevel(logging.INFO)
        self._LOADER.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._LOADER.removeHandler(self)
        self._LOADER.setLevel(self._level)


# The loader's log belongs to the whole process.
_LOADING = threading.Lock()


def _created(name: str, arguments: dict[str, Any]) -> Any:
    """A timm model; with weights only when they fill all of it. Raises EncoderError naming file and part."""
    if not arguments.get("pretrained"):
        return timm.create_model(name, **arguments)
    file = arguments["pretrained_cfg_overlay"]["file"]
    with _LOADING, _MissingKeys() as missing:
        try:
            backbone = timm.create_model(name, **arguments)
        except (RuntimeError, KeyError, SafetensorError) as error:
            said = str(error).strip().splitlines()
            raise EncoderError(
                f"{file}: no weights of {name} ({said[-1].strip() if said else type(error).__name__}); "
                "give those of this very model"
            ) from error
    if missing.names:
        raise EncoderError(
            f"{file}: its weights lack {len(missing.names)} parts of {name} ({missing.names[0]}, for one), which would "
            "stay random; give those of this very model"
        )
    return backbone


def _next_multiple(side: int, step: int) -> int:
    return -(-side // step) * step


def _dtype(module: nn.Module) -> torch.dtype:
    return next(module.parameters()).dtype


def _patch_size(name: str) -> tuple[int, int]:
    """The patch of a plain vision transformer; (1, 1) for encoders that take any image size."""
    with torch.device("meta"):
        model: Any = timm.create_model(name, num_classes=0)
    if not hasattr(model, "pos_embed") or not hasattr(model, "patch_embed"):
        return (1, 1)
    height, width = model.patch_embed.patch_size
    return int(height), int(width)


def weights_file(folder: str | Path) -> Path:
    """The safetensors of a folder of timm weights, or of a hub name's.

    Raises EncoderError for a folder without any, BadRequestError for a hub name that was never fetched.
    """
    folder = weights_folder(folder)
    for name in WEIGHT_FILES:
        if (folder / name).exists():
            return folder / name
    raise EncoderError(
        f"{folder}: no {' or '.join(WEIGHT_FILES)}; point to a folder of timm weights "
        "(`manage.py fetch_weights` brings them)"
    )


def _grey_of(folder: Path) -> Sequence[float] | None:
    """`grey` of the folder's config.json: the mean and deviation that its weights were trained with."""
    file = folder / CONFIG_FILE
    try:
        grey = json.loads(file.read_text("utf-8")).get("grey") if file.exists() else None
    except (OSError, ValueError, AttributeError) as error:
        raise EncoderError(f"{file}: not a JSON object ({error}); copy the folder's files again") from error
    if grey is None:
        return None
    if not isinstance(grey, list) or [type(value) for value in grey] != [float, float] or grey[1] <= 0:
        raise EncoderError(f"{file}: grey is {grey!r}, expected [mean, deviation] of grey values in 0..1")
    return grey
