"""What a tuned MammoVLM gets right on held-out patients, by writing answers and reading them back."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from modeling.data.exchange import report_progress
from modeling.data.snapshot import SftSample, Snapshot
from modeling.nn.chat import ChatEncoder
from modeling.nn.generation import Prompt, Sampling, generate_rows
from modeling.nn.mammovlm import MammoVLM
from modeling.training.config import SftConfig
from modeling.training.dialogues import SeenDialogue, SeenDialogues
from modeling.training.stage import device
from modeling.training.stated_facts import Figures, held_out_split, judge, prediction_rows, shares


def measure(
    model: Any,
    encoder: ChatEncoder,
    snapshot: Snapshot,
    vectors: Mapping[str, Tensor],
    *,
    blank: Tensor,
    dialogues: Callable[[Sequence[SftSample]], list[SeenDialogue]],
    config: SftConfig,
    seed: int,
) -> tuple[Figures, list[dict[str, Any]]]:
    """Figures of the held-out split, and one prediction row for each answer that was judged.

    loss, perplexity: per token of the held-out answers; the facts of `stated_facts.judge`, where the vector of a black
    image is `blank` (C,). Answers are the likeliest ones (temperature 0).
    """
    model.to(device()).eval()
    split, held_out = held_out_split(snapshot)
    figures: Figures = {"split": split}
    if not held_out:
        return figures, []
    figures |= loss_figures(model, dialogues(held_out), encoder.pad_id)
    answers = _Answers(model, encoder, snapshot, vectors, blank, config)
    judged = judge(answers.texts, snapshot, held_out, most=config.measured_questions, seed=seed)
    return figures | shares(judged), prediction_rows(judged, split)


@torch.inference_mode()
def loss_figures(model: MammoVLM, dialogues: Sequence[SeenDialogue], pad_id: int) -> Figures:
    """Mean loss per answer token and its exponential."""
    samples = SeenDialogues(dialogues, pad_id=pad_id)
    total, tokens = 0.0, 0
    for start in range(0, len(samples), 16):
        items = [samples[0, index] for index in range(start, min(start + 16, len(samples)))]
        batch = {name: tensor.to(device()) for name, tensor in samples.collate(items).items()}
        counted = int((batch["labels"][:, 1:] >= 0).sum())
        total += float(model(**batch).loss) * counted
        tokens += counted
    return {"loss": total / tokens, "perplexity": math.exp(total / tokens), "held_out_answers": len(samples)}


class _Answers:
    """Writes the likeliest answers to samples' questions, about their own images or others'."""

    def __init__(
        self,
        model: MammoVLM,
        encoder: ChatEncoder,
        snapshot: Snapshot,
        vectors: Mapping[str, Tensor],
        blank: Tensor,
        config: SftConfig,
    ) -> None:
        self.model = model
        self.encoder = encoder
        self.vectors = vectors
        self.blank = blank
        self.views = {s.study: [(v.laterality, v.view) for v in s.views] for s in snapshot.studies}
        self.sampling = Sampling(temperature=0.0, max_new_tokens=config.measured_tokens)

    def texts(self, asked: Sequence[tuple[SftSample, str]], message: str, black: bool) -> list[str]:
        """(question, study whose images are shown) -> answers."""
        prompts = [self._prompt(sample, study, black) for sample, study in asked]
        written = generate_rows(
            self.model,
            prompts,
            sampling=self.sampling,
            stop_ids=self.encoder.stop_ids,
            pad_id=self.encoder.pad_id,
            batch_size=32,
            on_batch=lambda rows: report_progress(rows, len(prompts), f"measuring {message}"),
        )
        return [self.encoder.decode(row.ids) for row in written]

    def _prompt(self, sample: SftSample, study: str, black: bool) -> Prompt:
        config = self.model.config
        ids = self.encoder.prompt(
            sample.turns, visual_tags=config.tags(self.views[study]), per_tag=config.tokens_per_vector
        )
        vectors = self.vectors[study]
        return Prompt(ids, seed=0, visual_vectors=self.blank.expand_as(vectors) if black else vectors)
