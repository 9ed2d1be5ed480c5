"""What stands before MammoVLM: a question and a study's views become the tensors that its `generate` takes.

Saved beside the weights, so `MammoVLM.from_pretrained(folder)` and `AutoProcessor.from_pretrained(folder)` are enough to
ask it. Views are prepared as in training (`data.preprocessing`), texts as in training (`nn.chat`). A training set of the
archive is cut to the breast: give `fits` with its viewing copies, as the rows of its `studies.jsonl` have them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor
from transformers import AutoProcessor, BatchFeature, ProcessorMixin

from modeling.data.augmentation import orient
from modeling.data.preprocessing import Crop, fit, load_view
from modeling.data.snapshot import LATERALITIES, VIEWS, Images
from modeling.nn.chat import ChatEncoder
from modeling.nn.mammovlm import PER_VIEW, MammoVLM, MammoVLMConfig

# A viewing copy's path, a picture, or its grey values (H, W): whole numbers in 0..255 or fractions in 0..1.
Picture = str | Path | Image.Image | npt.NDArray[Any]


class MammoVLMProcessor(ProcessorMixin):
    """The tokenizer and the preparation of views of one MammoVLM.

    Args:
        tokenizer: with a chat template and a token that marks the place of a visual vector.
        height, width: size in pixels of the views that the model was trained on.
        flip_right: right views are mirrored onto left ones, as in training.
        visual_tokens, tokens_per_vector: as in the model's configuration.
    """

    def __init__(
        self,
        tokenizer: Any,
        height: int,
        width: int,
        flip_right: bool = True,
        visual_tokens: str = PER_VIEW,
        tokens_per_vector: int = 1,
        chat_template: str | None = None,
    ) -> None:
        super().__init__(tokenizer, chat_template=chat_template)
        self.height, self.width, self.flip_right = height, width, flip_right
        self.visual_tokens, self.tokens_per_vector = visual_tokens, tokens_per_vector

    @classmethod
    def of(cls, model: MammoVLM, tokenizer: Any) -> Self:
        """The processor of a model: what it was trained with stands in its configuration."""
        height, width = model.vision.visual.image_size
        config = model.config
        return cls(
            tokenizer, height, width, config.flip_right, config.visual_tokens, config.tokens_per_vector
        )

    @property
    def encoder(self) -> ChatEncoder:
        """Dialogues as token ids; made anew, so that nothing but settings is saved."""
        return ChatEncoder(self.tokenizer)

    @property
    def ending(self) -> dict[str, Any]:
        """What tells `generate` where an answer ends: `eos_token_id` and `pad_token_id`."""
        encoder = self.encoder
        return {"eos_token_id": encoder.stop_ids, "pad_token_id": encoder.pad_id}

    def __call__(
        self,
        text: str | Sequence[str],
        images: Sequence[Picture] = (),
        views: Sequence[tuple[str, str]] = (),
        *,
        context: str = "",
        fits: Sequence[Mapping[str, Any] | None] = (),
    ) -> BatchFeature:
        """One dialogue about one study, or about none.

        Args:
            text: the question; or the dialogue so far, question and answer alternating, a question last.
            images: the study's views.
            views: laterality (L or R) and view (CC or MLO) of each image, in the same order.
            context: what the model is told about the patient.
            fits: where the breast is in each image ("top", "left", "height", "width" in its pixels), as the archive
                stores it with a view; None, or no fits at all, for images that are taken whole.

        Returns:
            input_ids and attention_mask (1, T); with images pixel_values (1, V, H, W) uint8 and view_mask (1, V).

        Raises:
            ValueError: images, views and fits differ in number, or a view has another name. ViewError: a file can't
                be read, or a fit is no part of its image.
        """
        if len(images) != len(views):
            raise ValueError(f"{len(images)} images for {len(views)} views: name (laterality, view) of each")
        if fits and len(fits) != len(images):
            raise ValueError(f"{len(fits)} fits for {len(images)} images: give one of each, or None for it")
        for number, (side, view) in enumerate(views):
            if side not in LATERALITIES or view not in VIEWS:
                raise ValueError(
                    f"views[{number}] is ({side!r}, {view!r}): give one of {', '.join(LATERALITIES)} and one of "
                    f"{', '.join(VIEWS)}"
                )
        turns = [text] if isinstance(text, str) else list(text)
        config = MammoVLMConfig(visual_tokens=self.visual_tokens)
        ids = self.encoder.prompt(
            turns, context=context, visual_tags=config.tags(views), per_tag=self.tokens_per_vector
        )
        found = {
            "input_ids": torch.tensor([ids]),
            "attention_mask": torch.ones(1, len(ids), dtype=torch.long),
        }
        if images:
            found["pixel_values"] = torch.from_numpy(self.prepare(images, [side for side, _ in views], fits))[
                None
            ]
            found["view_mask"] = torch.ones(1, len(images), dtype=torch.bool)
        return BatchFeature(found)

    def prepare(
        self,
        images: Sequence[Picture],
        lateralities: Sequence[str],
        fits: Sequence[Mapping[str, Any] | None] = (),
    ) -> Images:
        """Views of any size -> (V, height, width) uint8 as in training. Raises ViewError, ValueError."""
        crops = [None if one is None else Crop.from_dict(one) for one in fits or [None] * len(images)]
        frames = [
            self._frame(image, laterality, crop)
            for image, laterality, crop in zip(images, lateralities, crops, strict=True)
        ]
        return orient(np.stack(frames), list(lateralities), flip_right=self.flip_right)

    def answer(self, generated: Tensor, inputs: BatchFeature) -> str:
        """The text of what `generate` added: `generated` (1, T + n) holds the T ids of `inputs` first."""
        return self.encoder.decode(generated[0, inputs["input_ids"].shape[1] :].tolist())

    def _frame(self, image: Picture, laterality: str, crop: Crop | None) -> Images:
        if isinstance(image, str | Path):
            return load_view(image, height=self.height, width=self.width, laterality=laterality, crop=crop)
        grey = np.asarray(image.convert("L") if isinstance(image, Image.Image) else image)
        if grey.ndim != 2:
            raise ValueError(f"an image of shape {grey.shape}: grey values (height, width) are expected")
        whole = np.issubdtype(grey.dtype, np.integer)
        part = grey.astype(np.float32) / np.float32(255 if whole else 1)
        if part.size and not (float(part.min()) >= 0 and float(part.max()) <= 1):
            raise ValueError("an image holds values outside 0..255 (whole numbers) or 0..1 (fractions)")
        part = part if crop is None else crop.of(part)
        return fit(part, height=self.height, width=self.width, laterality=laterality)


AutoProcessor.register(MammoVLMConfig, MammoVLMProcessor)
