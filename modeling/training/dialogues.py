"""Encoded dialogues as training batches: packed for text alone, one by one where visual vectors belong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from modeling.nn.chat import IGNORED_LABEL, EncodedDialogue
from modeling.nn.generation import stack_views


class PackedDialogues:
    """Dialogues put together in packs of about equal length, so that little of a batch is filler.

    Args:
        dialogues: encoded dialogues.
        pack_tokens: length of a pack; a longer dialogue gets a pack of its own.
        pad_id: filler at the end of a pack.
        seed: which dialogues share a pack.
    """

    def __init__(
        self, dialogues: Sequence[EncodedDialogue], *, pack_tokens: int, pad_id: int, seed: int
    ) -> None:
        self.pad_id = pad_id
        self.packs: list[list[EncodedDialogue]] = []
        order = np.random.default_rng([seed, len(dialogues)]).permutation(len(dialogues))
        open_packs: list[tuple[int, list[EncodedDialogue]]] = []  # (free tokens, pack)
        for index in order:
            dialogue = dialogues[int(index)]
            length = len(dialogue.input_ids)
            place = next((i for i, (free, _) in enumerate(open_packs) if free >= length), None)
            if place is None:
                pack: list[EncodedDialogue] = []
                self.packs.append(pack)
                open_packs.append((max(pack_tokens, length), pack))
                place = len(open_packs) - 1
            free, pack = open_packs[place]
            pack.append(dialogue)
            open_packs[place] = (free - length, pack)
            open_packs = [item for item in open_packs if item[0] >= 8]

    def __len__(self) -> int:
        return len(self.packs)

    def __getitem__(self, key: tuple[int, int]) -> list[EncodedDialogue]:
        return self.packs[key[1]]

    def collate(self, packs: Sequence[list[EncodedDialogue]]) -> dict[str, Any]:
        """input_ids, labels and position_ids, each (B, T), and use_cache.

        Positions begin at 0 with each dialogue, by which transformers keeps those of a pack from seeing each
        other; it does so only without an attention mask and without a cache.
        """
        longest = max(sum(len(d.input_ids) for d in pack) for pack in packs)
        ids = torch.full((len(packs), longest), self.pad_id)
        labels = torch.full_like(ids, IGNORED_LABEL)
        positions = torch.zeros_like(ids)
        for row, pack in enumerate(packs):
            start = 0
            for dialogue in pack:
                end = start + len(dialogue.input_ids)
                ids[row, start:end] = torch.tensor(dialogue.input_ids)
                labels[row, start:end] = torch.tensor(dialogue.labels)
                positions[row, start:end] = torch.arange(end - start)
                start = end
            positions[row, start:] = torch.arange(longest - start)
        return {"input_ids": ids, "labels": labels, "position_ids": positions, "use_cache": False}


@dataclass(frozen=True)
class SeenDialogue:
    """An encoded dialogue with its study's visual vectors (V, C), or none for a question without images."""

    encoded: EncodedDialogue
    visual_vectors: Tensor | None


class SeenDialogues:
    """Dialogues with visual vectors, padded on the right."""

    def __init__(self, dialogues: Sequence[SeenDialogue], *, pad_id: int) -> None:
        self.dialogues = list(dialogues)
        self.pad_id = pad_id

    def __len__(self) -> int:
        return len(self.dialogues)

    @property
    def lengths(self) -> list[int]:
        """Tokens of each dialogue."""
        return [len(item.encoded.input_ids) for item in self.dialogues]

    def __getitem__(self, key: tuple[int, int]) -> SeenDialogue:
        return self.dialogues[key[1]]

    def collate(self, items: Sequence[SeenDialogue]) -> dict[str, Any]:
        """input_ids, attention_mask, labels (B, T), and visual_vectors (B, V, C), view_mask (B, V) if any."""
        longest = max(len(item.encoded.input_ids) for item in items)
        ids = torch.full((len(items), longest), self.pad_id)
        mask = torch.zeros_like(ids)
        labels = torch.full_like(ids, IGNORED_LABEL)
        for row, item in enumerate(items):
            length = len(item.encoded.input_ids)
            ids[row, :length] = torch.tensor(item.encoded.input_ids)
            labels[row, :length] = torch.tensor(item.encoded.labels)
            mask[row, :length] = 1
        batch: dict[str, Any] = {"input_ids": ids, "attention_mask": mask, "labels": labels}
        if any(item.visual_vectors is not None for item in items):
            vectors, view_mask = stack_views([item.visual_vectors for item in items])
            batch |= {"visual_vectors": vectors, "view_mask": view_mask}
        return batch
