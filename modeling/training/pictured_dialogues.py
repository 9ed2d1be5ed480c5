"""Dialogues about pictures as batches for any vision-language model of transformers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from modeling.data.pictures import Layout, frames_as_pictures
from modeling.data.snapshot import Snapshot, Study
from modeling.nn.chat import IGNORED_LABEL, disarm
from modeling.nn.vision_language import question_text

# Encoded dialogues are kept between epochs up to this many bytes; beyond, they are made anew when asked for.
KEPT_BYTES = 512 * 2**20
Encoded = dict[str, Tensor]


class PictureEncoder:
    """Turns questions about a snapshot's studies into a model's inputs, exactly as they will be asked.

    Args:
        processor: of the model; its template, tokenizer and image processor.
        closing_id: the token that ends an answer.
        needs_picture: a model that reads no question without a picture (BLIP-2) is shown a black one.
    """

    def __init__(
        self, processor: Any, snapshot: Snapshot, *, layout: Layout, closing_id: int, needs_picture: bool
    ) -> None:
        self.processor = processor
        self.tokenizer = processor.tokenizer
        self.snapshot = snapshot
        self.layout: Layout = layout
        self.closing_id = closing_id
        self.needs_picture = needs_picture
        pad = self.tokenizer.pad_token_id
        self.pad_id = closing_id if pad is None else int(pad)
        self._studies: Mapping[str, Study] = {study.study: study for study in snapshot.studies}

    def question(self, turns: Sequence[str], study: str | None, *, black: bool = False) -> Encoded:
        """Inputs up to where the model answers: input_ids (1, T) and what else it takes."""
        pictures = self._pictures(study, black=black)
        given = {"images": pictures} if pictures else {}
        text = question_text(self.processor, turns, len(pictures))
        return dict(self.processor(text=[text], **given, return_tensors="pt"))

    def example(self, turns: Sequence[str], answer: str, study: str | None) -> Encoded:
        """The same with the answer and the token that ends it; labels are IGNORED_LABEL before them."""
        asked = self.question(turns, study)
        said = disarm(self.tokenizer, answer)
        if not getattr(self.processor, "chat_template", None):
            said = " " + said
        ids = [*self.tokenizer.encode(said, add_special_tokens=False), self.closing_id]
        length = asked["input_ids"].shape[1]
        filled: Encoded = {}
        for name, tensor in asked.items():
            if _is_by_token(name, tensor, length):
                rest = (
                    torch.tensor([ids])
                    if name == "input_ids"
                    else torch.full((1, len(ids)), int(name == "attention_mask"))
                )
                tensor = torch.cat([tensor, rest.to(tensor)], 1)
            filled[name] = tensor
        labels = torch.full_like(filled["input_ids"], IGNORED_LABEL)
        labels[0, length:] = torch.tensor(ids)
        return {**filled, "labels": labels}

    def stack(self, items: Sequence[Encoded], *, side: str) -> Encoded:
        """One batch: what belongs to tokens is filled up on that side, pictures and patches are put one after another."""
        longest = max(item["input_ids"].shape[1] for item in items)
        fillers = {"input_ids": self.pad_id, "labels": IGNORED_LABEL}
        batch: Encoded = {}
        for name in dict.fromkeys(key for item in items for key in item):
            parts = []
            for item in items:
                if name not in item:
                    continue
                tensor, length = item[name], item["input_ids"].shape[1]
                if _is_by_token(name, tensor, length):
                    filler = tensor.new_full((1, longest - length), fillers.get(name, 0))
                    tensor = torch.cat([filler, tensor] if side == "left" else [tensor, filler], 1)
                parts.append(tensor)
            batch[name] = torch.cat(parts)
        return batch

    def _pictures(self, study: str | None, *, black: bool) -> list[Image.Image]:
        if study is None:
            return [Image.new("RGB", self.snapshot.image_size[::-1])] if self.needs_picture else []
        views = self._studies[study].views
        frames = self.snapshot.images[[view.index for view in views]]
        return frames_as_pictures(
            frames * 0 if black else frames, [(view.laterality, view.view) for view in views], self.layout
        )


def _is_by_token(name: str, tensor: Tensor, length: int) -> bool:
    return tensor.dim() == 2 and tensor.shape[1] == length and not name.startswith(("pixel", "image"))


class PicturedDialogues:
    """Training samples: (question and its turns, study, answer), encoded when they are asked for."""

    def __init__(
        self, encoder: PictureEncoder, dialogues: Sequence[tuple[Sequence[str], str, str | None]]
    ) -> None:
        self.encoder = encoder
        self.dialogues = list(dialogues)
        self._kept: dict[int, Encoded] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return len(self.dialogues)

    def __getitem__(self, key: tuple[int, int]) -> Encoded:
        index = key[1]
        if index in self._kept:
            return self._kept[index]
        encoded = self.encoder.example(*self.dialogues[index])
        self._bytes += sum(tensor.numel() * tensor.element_size() for tensor in encoded.values())
        if self._bytes < KEPT_BYTES:
            self._kept[index] = encoded
        return encoded

    def collate(self, items: Sequence[Encoded]) -> dict[str, Any]:
        """input_ids, attention_mask, labels (B, T), and the model's own picture tensors."""
        return dict(self.encoder.stack(items, side="right"))
