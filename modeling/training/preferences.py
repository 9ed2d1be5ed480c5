"""Preference tuning on the seniors' picks, after SFT: the answers that were not picked are used too.

python -m modeling.training.preferences REQUEST.json ANSWER.jsonl

Direct preference optimisation (Rafailov 2023, eq. 7). Nothing of the kind is in the paper, which throws the unpicked
answers away. The tuned model itself is the reference; its log-probabilities are computed once before training, so
that no second model stays in memory.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from modeling.data.exchange import AnswerWriter, BadRequestError, report_progress
from modeling.data.planted import read_planted, write_planted
from modeling.data.snapshot import SftSample, Snapshot
from modeling.nn.chat import IGNORED_LABEL, ChatEncoder
from modeling.nn.language import (
    ModelFolderError,
    check_model_folder,
    limit_threads,
    load_tokenizer,
    load_whole,
    save_language_model,
)
from modeling.nn.mammovlm import MammoVLM
from modeling.nn.processor import MammoVLMProcessor
from modeling.training.config import PreferencesConfig
from modeling.training.dialogues import SeenDialogue, SeenDialogues
from modeling.training.sft import (
    asked_about,
    blank_vector,
    encode_dialogues,
    encode_studies,
    finish_tuning,
    prepare_tuning,
)
from modeling.training.sft_measures import measure
from modeling.training.stage import StageRequest, device, mixes_precision, run_stage
from modeling.training.trainer import run_training
from modeling.training.validation import Validation


@dataclass(frozen=True)
class Pair:
    """A picked answer and one that was not, with the reference's log-probabilities of both."""

    chosen: SeenDialogue
    rejected: SeenDialogue
    reference: tuple[float, float]


class Pairs:
    """Training pairs in order."""

    def __init__(self, pairs: Sequence[Pair], *, pad_id: int) -> None:
        self.pairs = list(pairs)
        self._dialogues = SeenDialogues([], pad_id=pad_id)

    def __len__(self) -> int:
        return len(self.pairs)

    @property
    def lengths(self) -> list[int]:
        """Tokens of the longer answer's dialogue of each pair."""
        return [max(len(side.encoded.input_ids) for side in (p.chosen, p.rejected)) for p in self.pairs]

    def __getitem__(self, key: tuple[int, int]) -> Pair:
        return self.pairs[key[1]]

    def collate(self, items: Sequence[Pair]) -> dict[str, Any]:
        """As SeenDialogues gives 2B rows, chosen before rejected; reference (2, B)."""
        rows = [item.chosen for item in items] + [item.rejected for item in items]
        return {
            **self._dialogues.collate(rows),
            "reference": torch.tensor([item.reference for item in items]).T,
        }


def answer_log_probability(logits: Tensor, labels: Tensor) -> Tensor:
    """Sum of the answer tokens' log-probabilities. logits (B, T, V), labels (B, T) -> (B,)."""
    following = labels[:, 1:]
    losses = functional.cross_entropy(
        logits[:, :-1].float().transpose(1, 2), following, ignore_index=IGNORED_LABEL, reduction="none"
    )
    return -losses.sum(-1)


def preference_loss(policy: Tensor, reference: Tensor, *, beta: float) -> Tensor:
    """- log sigmoid(beta ((log pi/ref of chosen) - (log pi/ref of rejected))), averaged; both are (2, B)."""
    gained = policy - reference
    return -functional.logsigmoid(beta * (gained[0] - gained[1])).mean()


def objective(config: PreferencesConfig) -> Any:
    """The loss of a batch of pairs as the trainer asks for it."""

    def loss(model: nn.Module, batch: dict[str, Any]) -> Tensor:
        inputs = {name: value for name, value in batch.items() if name not in ("reference", "labels")}
        log_probability = answer_log_probability(model(**inputs).logits, batch["labels"])
        pairs = len(log_probability) // 2
        found = preference_loss(log_probability.view(2, pairs), batch["reference"], beta=config.beta)
        if config.sft_weight:
            tokens = (batch["labels"][:pairs, 1:] != IGNORED_LABEL).sum()
            found = found - config.sft_weight * log_probability[:pairs].sum() / tokens
        return found

    return loss


def train(request: StageRequest[PreferencesConfig], answer: AnswerWriter) -> None:
    """Tune on pairs, save the whole model, and measure it as SFT does and by the pairs held out."""
    config, snapshot = request.config, request.snapshot
    model, encoder = _load(request)
    vectors = encode_studies(model, snapshot, asked_about(snapshot), flip_right=model.config.flip_right)
    limit_threads(model)
    # Before the reference is computed, so that both speak in one precision.
    tuned, mixed = prepare_tuning(model, config), mixes_precision(config)

    def pairs_of(split: str) -> Pairs:
        samples = [s for s in snapshot.sft if s.split == split and s.rejected]
        return _pairs(model, encoder, snapshot, samples, vectors, mixed=mixed)

    training, validation, held_out = pairs_of("train"), pairs_of("validation"), pairs_of("test")
    if not len(training):
        raise BadRequestError(
            f"snapshot {snapshot.name}: no question of its train split has an unpicked answer"
        )
    # What SFT planted is in these weights too.
    write_planted(request.output, read_planted(request.init["mammovlm"].parent))
    metrics = run_training(
        stage="preferences",
        model=tuned,
        config=config,
        samples=training,
        validation=Validation(validation),
        collate=training.collate,
        output=request.output,
        seed=request.seed,
        resume=request.resume,
        identity={"snapshot": snapshot.content_hash, **request.init_hashes()},
        stop=request.stop,
        objective=objective(config),
    )
    whole = finish_tuning(tuned)
    processor = MammoVLMProcessor.of(whole, encoder.tokenizer)
    digest = save_language_model(request.weights, whole, processor, beside=request.note("preferences"))
    figures, predictions = measure(
        whole, encoder, snapshot, vectors,
        dialogues=lambda samples: encode_dialogues(encoder, whole, snapshot, samples, vectors),
        blank=blank_vector(whole), config=config, seed=request.seed,
    )  # fmt: skip
    figures |= pair_figures(whole, held_out, beta=config.beta, mixed=mixed) if len(held_out) else {}
    for row in (*metrics, *predictions):
        answer.write(row)
    figures |= {"training_pairs": len(training)}
    answer.write({"kind": "checkpoint", "path": str(request.weights), "sha256": digest, "metrics": figures})


def pair_figures(model: MammoVLM, pairs: Pairs, *, beta: float, mixed: bool) -> dict[str, float | int]:
    """Of held-out pairs: the part whose picked answer gained more than the other, and the mean margin (nats)."""
    now = log_probabilities(model, pairs, mixed=mixed)
    gained = now - torch.tensor([pair.reference for pair in pairs.pairs])  # (N, 2)
    margins = beta * (gained[:, 0] - gained[:, 1])
    return {
        "preference_accuracy": float((margins > 0).float().mean()),
        "preference_margin": float(margins.mean()),
        "picked_likelier": float((now[:, 0] > now[:, 1]).float().mean()),
        "held_out_pairs": len(pairs),
    }


@torch.inference_mode()
def log_probabilities(model: MammoVLM, pairs: Pairs, *, mixed: bool, size: int = 8) -> Tensor:
    """Log-probabilities (N, 2) of the pairs' answers; `mixed` in bfloat16 where the training step computes in it."""
    placed: nn.Module = model
    placed.to(device()).eval()
    found = []
    for start in range(0, len(pairs), size):
        items = [pairs[0, index] for index in range(start, min(start + size, len(pairs)))]
        batch = {
            name: tensor.to(device()) for name, tensor in pairs.collate(items).items() if name != "reference"
        }
        labels = batch.pop("labels")
        with torch.autocast(device().type, torch.bfloat16, enabled=mixed):
            logits = model(**batch).logits
        rows = answer_log_probability(logits, labels)
        found.append(rows.view(2, len(items)).T.cpu())
        report_progress(start + len(items), len(pairs), "log-probabilities")
    return torch.cat(found)


def _pairs(
    model: MammoVLM,
    encoder: ChatEncoder,
    snapshot: Snapshot,
    samples: Sequence[SftSample],
    vectors: Any,
    *,
    mixed: bool,
) -> Pairs:
    """Every sample's picked answer against each of the others, with the reference's log-probabilities."""
    both = [(s, replace(s, answer=other)) for s in samples for other in s.rejected]
    chosen = encode_dialogues(encoder, model, snapshot, [first for first, _ in both], vectors)
    rejected = encode_dialogues(encoder, model, snapshot, [second for _, second in both], vectors)
    pairs = Pairs(
        [Pair(c, r, (0.0, 0.0)) for c, r in zip(chosen, rejected, strict=True)], pad_id=encoder.pad_id
    )
    if pairs.pairs:
        reference = log_probabilities(model, pairs, mixed=mixed).tolist()
        pairs.pairs = [replace(p, reference=(a, b)) for p, (a, b) in zip(pairs.pairs, reference, strict=True)]
    return pairs


def _load(request: StageRequest[PreferencesConfig]) -> tuple[MammoVLM, ChatEncoder]:
    folder = request.init.get("mammovlm")
    if folder is None:
        raise BadRequestError("init.mammovlm: missing; name the folder of a tuned MammoVLM")
    try:
        model = load_whole(MammoVLM, check_model_folder(folder))
        encoder = ChatEncoder(load_tokenizer(folder))
    except (ModelFolderError, ValueError) as error:
        raise BadRequestError(f"init.mammovlm: {error}") from error
    if model.vision.visual.image_size != request.snapshot.image_size:
        raise BadRequestError(f"init.mammovlm: trained on images of {model.vision.visual.image_size}")
    return model, encoder


if __name__ == "__main__":
    sys.exit(run_stage(sys.argv, PreferencesConfig, train))
