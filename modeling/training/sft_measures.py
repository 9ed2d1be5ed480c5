"""What a tuned MammoVLM gets right on held-out patients, by writing answers and reading them back."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from modeling.data.exchange import report_progress
from modeling.data.facts import read_birads, read_density, read_laterality
from modeling.data.snapshot import SftSample, Snapshot
from modeling.nn.chat import ChatEncoder
from modeling.nn.generation import Prompt, Sampling, generate_rows
from modeling.nn.mammovlm import MammoVLM
from modeling.training.config import SftConfig
from modeling.training.dialogues import SeenDialogue, SeenDialogues
from modeling.training.stage import device

Figures = dict[str, float | int | str]


def measure(
    model: MammoVLM,
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

    loss, perplexity: per token of the held-out answers. density_right: part of the studies whose density the
    answer to their first question about it states rightly. follows_swap: part of the same questions whose
    answer, when the images are exchanged for those of a study of another density, states that density.
    blank_density_right: the same when the images are black, whose vector is `blank` (C,). category_right: part of
    the questions whose answer states the BI-RADS category of the picked answer. line_right: part of those about a
    biopsied study whose answer states a category on the picked one's side of the line between 3 and 4.
    laterality_right: part of the questions whose picked answer names one breast, where the answer names the same.
    Answers are the likeliest ones (temperature 0). Each figure comes with its n; one with n = 0 is left out.
    """
    _ready(model)
    split = "test" if any(sample.split == "test" for sample in snapshot.sft) else "validation"
    held_out = [sample for sample in snapshot.sft if sample.split == split]
    figures: Figures = {"split": split}
    if not held_out:
        return figures, []
    figures |= loss_figures(model, dialogues(held_out), encoder.pad_id)
    report = _Answers(model, encoder, snapshot, vectors, config)
    of_density = _density_questions(snapshot, held_out)[: config.measured_questions]
    of_category = [s for s in held_out if s.study and read_birads(s.answer)][: config.measured_questions]
    swaps = _swapped_studies(snapshot, of_density, seed)
    of_side = [s for s in held_out if s.study and read_laterality(s.answer)][: config.measured_questions]
    biopsied = {study.study for study in snapshot.studies if study.pathology}
    of_categories = report.texts([(s, s.study) for s in of_category], "category")
    judged = {
        "density_right": [
            (sample.id, read_density(text) == _density(snapshot, sample.study))
            for sample, text in report.texts([(s, s.study) for s in of_density], "density")
        ],
        "follows_swap": [
            (sample.id, read_density(text) == _density(snapshot, other))
            for (sample, text), (_, other) in zip(report.texts(swaps, "swapped images"), swaps, strict=True)
        ],
        "category_right": [
            (sample.id, read_birads(text) == read_birads(sample.answer)) for sample, text in of_categories
        ],
        "line_right": [
            (sample.id, _above_line(text) == _above_line(sample.answer))
            for sample, text in of_categories
            if sample.study in biopsied
        ],
        "laterality_right": [
            (sample.id, read_laterality(text) == read_laterality(sample.answer))
            for sample, text in report.texts([(s, s.study) for s in of_side], "side")
        ],
        "blank_density_right": [
            (sample.id, read_density(text) == _density(snapshot, sample.study))
            for sample, text in _Answers(
                model,
                encoder,
                snapshot,
                {str(s.study): _black(blank, vectors[str(s.study)]) for s in of_density},
                config,
            ).texts([(s, s.study) for s in of_density], "black images")
        ],
    }
    predictions = []
    for name, rows in judged.items():
        if rows:
            figures |= {name: sum(right for _, right in rows) / len(rows), f"{name}_n": len(rows)}
        predictions += [_prediction(name, unit, right, split) for unit, right in rows]
    return figures, predictions


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
        config: SftConfig,
    ) -> None:
        self.model = model
        self.encoder = encoder
        self.vectors = vectors
        self.views = {s.study: [(v.laterality, v.view) for v in s.views] for s in snapshot.studies}
        self.sampling = Sampling(temperature=0.0, max_new_tokens=config.measured_tokens)

    def texts(
        self, asked: Sequence[tuple[SftSample, str | None]], message: str
    ) -> list[tuple[SftSample, str]]:
        """(sample, study whose images are shown) -> (sample, answer)."""
        prompts = [self._prompt(sample, str(study)) for sample, study in asked]
        written = generate_rows(
            self.model,
            prompts,
            sampling=self.sampling,
            stop_ids=self.encoder.stop_ids,
            pad_id=self.encoder.pad_id,
            batch_size=32,
            on_batch=lambda rows: report_progress(rows, len(prompts), f"measuring {message}"),
        )
        return [(s, self.encoder.decode(row.ids)) for (s, _), row in zip(asked, written, strict=True)]

    def _prompt(self, sample: SftSample, study: str) -> Prompt:
        config = self.model.config
        ids = self.encoder.prompt(
            sample.turns, visual_tags=config.tags(self.views[study]), per_tag=config.tokens_per_vector
        )
        return Prompt(ids, seed=0, visual_vectors=self.vectors[study])


def _black(blank: Tensor, vectors: Tensor) -> Tensor:
    """The black image's vector in place of a study's (V, C)."""
    return blank.expand_as(vectors)


def _above_line(text: str) -> bool | None:
    """Whether the category that a text states is 4 or more; None when it states none."""
    category = read_birads(text)
    return None if category is None else category[0] >= "4"


def _ready(model: nn.Module) -> None:
    model.to(device()).eval()


def _density(snapshot: Snapshot, study: str | None) -> str | None:
    return next((s.density for s in snapshot.studies if s.study == study), None)


def _density_questions(snapshot: Snapshot, held_out: Sequence[SftSample]) -> list[SftSample]:
    """The first question of each study whose picked answer states a density."""
    known = {study.study for study in snapshot.studies if study.density is not None}
    first: dict[str, SftSample] = {}
    for sample in held_out:
        if sample.study in known and read_density(sample.answer) is not None:
            first.setdefault(str(sample.study), sample)
    return list(first.values())


def _swapped_studies(
    snapshot: Snapshot, samples: Sequence[SftSample], seed: int
) -> list[tuple[SftSample, str]]:
    """Each question with another of these studies, of another density, drawn at random."""
    rng = np.random.default_rng([seed, len(samples)])
    studies = [str(sample.study) for sample in samples]
    density = {study: _density(snapshot, study) for study in studies}
    swaps = []
    for sample in samples:
        others = [study for study in studies if density[study] != density[str(sample.study)]]
        if others:
            swaps.append((sample, others[int(rng.integers(len(others)))]))
    return swaps


def _prediction(name: str, unit: str, right: bool, split: str) -> dict[str, Any]:
    return {
        "kind": "prediction",
        "unit_kind": "question",
        "unit": unit,
        "name": name,
        "method": "image",
        "split": split,
        "value": float(right),
    }
