"""Ratios of training and answering on the processor, each pair in one run (below 1: ours is faster)."""

import copy
import io
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback

from benchmarks.alone import show

ROUNDS = 5
TRL_ROUNDS = 5


def measure() -> dict[str, float]:
    """All ratios; each is the median over rounds in which both ways alternate."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    found: dict[str, float] = {}
    for part in (routing, packing, proposing, caching, against_trl):
        found |= part()
    return found


def alternate(first: Callable[[], object], second: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Median ratio of seconds of both, after one call of each that is not counted."""
    ratios = []
    for number in range(rounds + 1):
        began = time.perf_counter()
        first()
        between = time.perf_counter()
        second()
        if number:
            ratios.append((between - began) / (time.perf_counter() - between))
    return statistics.median(ratios)


def routing() -> dict[str, float]:
    """Grouped sparse dispatch against a loop over images, all experts, and one expert for all."""
    from modeling.nn.density_selector import DensitySelector
    from modeling.nn.experts import build_encoder
    from modeling.nn.visual_moe import VisualMoE

    size, names = (126, 100), {"clip": "test_vit", "dinov2": "test_vit2", "convnext": "test_convnext"}
    moe = VisualMoE(
        selector=DensitySelector("test_resnet", image_size=size),
        experts={key: build_encoder(name, image_size=size) for key, name in names.items()},
        mapping={"A": "clip", "B": "dinov2", "C": "convnext", "D": "convnext"},
    ).eval()
    images = torch.randint(0, 255, (16, 4, *size)).float()
    density = torch.arange(16) % 4

    @torch.inference_mode()
    def grouped() -> None:
        moe(images, density=density)

    @torch.inference_mode()
    def looped() -> None:
        for study in range(16):
            for view in range(4):
                moe(images[study : study + 1, view : view + 1], density=density[study : study + 1])

    @torch.inference_mode()
    def everyone() -> None:
        for name in names:
            moe(images, expert=name)

    @torch.inference_mode()
    def one() -> None:
        moe(images, expert="convnext")

    return {
        "grouped dispatch / per-image loop": alternate(grouped, looped),
        "grouped dispatch / all three experts": alternate(grouped, everyone),
        "grouped dispatch / one expert for all": alternate(grouped, one),
    }


def _glm() -> tuple[Any, Any, list[Any]]:
    from modeling.data.phantom_texts import dialogues
    from modeling.nn.chat import ChatEncoder
    from modeling.nn.language import TinyGlmSize, build_tiny_glm, train_tokenizer

    rows = list(dialogues(0, 400))
    tokenizer = train_tokenizer([text for row in rows for text in (*row["turns"], row["answer"])], 2000)
    encoder = ChatEncoder(tokenizer)
    size = TinyGlmSize(hidden_size=160, layers=4, heads=4, key_value_heads=2, intermediate_size=432)
    return build_tiny_glm(tokenizer, size), encoder, [encoder.example(r["turns"], r["answer"]) for r in rows]


def _step(model: Any, optimiser: Any, batch: dict[str, Any]) -> None:
    optimiser.zero_grad()
    model(**batch).loss.backward()
    optimiser.step()


def packing() -> dict[str, float]:
    """Answer tokens a second: packs against padded batches of the same dialogues."""
    from modeling.training.dialogues import PackedDialogues, SeenDialogue, SeenDialogues

    model, encoder, encoded = _glm()
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-4)
    chosen = encoded[:96]
    packs = PackedDialogues(chosen, pack_tokens=512, pad_id=encoder.pad_id, seed=0)
    padded = SeenDialogues([SeenDialogue(item, None) for item in chosen], pad_id=encoder.pad_id)

    def packed() -> None:
        for start in range(0, len(packs), 2):
            _step(
                model,
                optimiser,
                packs.collate([packs[0, i] for i in range(start, min(start + 2, len(packs)))]),
            )

    def filled() -> None:
        for start in range(0, len(padded), 8):
            _step(
                model,
                optimiser,
                padded.collate([padded[0, i] for i in range(start, min(start + 8, len(padded)))]),
            )

    return {"packed / padded, seconds for the same dialogues": alternate(packed, filled, rounds=3)}


def proposing() -> dict[str, float]:
    """Three proposals in one batch against three calls."""
    from modeling.nn.generation import Prompt, Sampling, generate_rows

    model, encoder, _ = _glm()
    model.eval()
    ids = encoder.prompt(["我的乳腺密度是哪一型？"])
    sampling = Sampling(max_new_tokens=48)

    def write(seeds: Sequence[int]) -> None:
        generate_rows(
            model,
            [Prompt(ids, seed) for seed in seeds],
            sampling=sampling,
            stop_ids=[],
            pad_id=encoder.pad_id,
        )

    def together() -> None:
        write((1, 2, 3))

    def apart() -> None:
        for seed in (1, 2, 3):
            write((seed,))

    return {"three proposals in one batch / three calls": alternate(together, apart)}


def caching() -> dict[str, float]:
    """A static cache (the spec's `cache`) against one that grows, not compiled: three rows of 48 tokens."""
    from modeling.nn.generation import Decoding, Prompt, Sampling, generate_rows

    model, encoder, _ = _glm()
    model.eval()
    prompts = [Prompt(encoder.prompt(["我的乳腺密度是哪一型？"]), seed) for seed in (1, 2, 3)]

    def write(decoding: Decoding) -> None:
        generate_rows(
            model,
            prompts,
            sampling=Sampling(max_new_tokens=48),
            stop_ids=[],
            pad_id=encoder.pad_id,
            decoding=decoding,
        )

    static = Decoding(cache="static")
    return {"static cache / growing cache": alternate(lambda: write(static), lambda: write(Decoding()))}


class StepClock(TrainerCallback):
    """Seconds from the end of an epoch's first step to the end of its last: nothing that is done once an epoch."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_step_end(self, *arguments: Any, **named: Any) -> None:
        """Note when the step ended."""
        self.ends.append(time.perf_counter())

    @property
    def seconds(self) -> float:
        """Of a step on average."""
        return (self.ends[-1] - self.ends[0]) / (len(self.ends) - 1)


def against_trl() -> dict[str, float]:
    """A step of our trainer's SFT against one of trl's: equal weights, dialogues, batches; each its own model.

    trl replaces the forward of the model it is given, so a model that both train would be trl's in both. A whole
    epoch is compared by processor time: ours hashes its checkpoint and waits until the disk has it, trl's does not.
    """
    from transformers.utils import logging

    logging.disable_progress_bar()
    first, encoder, encoded = _glm()
    second = copy.deepcopy(first)
    steps, whole = [], []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(TRL_ROUNDS + 1):
            ours = _our_epoch(first, encoder, encoded[:160], Path(folder) / "ours")
            theirs = _trls_epoch(second, encoder, encoded[:160], Path(folder) / "theirs")
            if number:
                steps.append(ours[0] / theirs[0])
                whole.append(ours[1] / theirs[1])
    return {
        "our SFT step / trl's": statistics.median(steps),
        "our SFT epoch / trl's, processor time, with one checkpoint each": statistics.median(whole),
    }


def _our_epoch(model: Any, encoder: Any, encoded: list[Any], folder: Path) -> tuple[float, float]:
    from modeling.training.callbacks import StageCallback, StopRequest
    from modeling.training.config import LanguageConfig
    from modeling.training.curves import CurveFiles
    from modeling.training.dialogues import SeenDialogue, SeenDialogues
    from modeling.training.trainer import StageTrainer

    setting = LanguageConfig(epochs=1, decay_after_epoch=None, validate_every_epochs=0)
    samples = SeenDialogues([SeenDialogue(item, None) for item in encoded], pad_id=encoder.pad_id)
    clock, began = StepClock(), time.process_time()
    callback = StageCallback("bench", stop=StopRequest(), config=setting, curves=CurveFiles(folder))
    trainer = StageTrainer(
        model=model, config=setting, samples=samples, collate=samples.collate, output=folder, seed=0, callback=callback
    )  # fmt: skip
    trainer.add_callback(clock)
    with redirect_stdout(io.StringIO()):
        trainer.train()
    return clock.seconds, time.process_time() - began


def _trls_epoch(model: Any, encoder: Any, encoded: list[Any], folder: Path) -> tuple[float, float]:
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    from modeling.training.dialogues import SeenDialogue, SeenDialogues

    samples = SeenDialogues([SeenDialogue(item, None) for item in encoded], pad_id=encoder.pad_id)
    rows = [
        {"input_ids": item.input_ids, "labels": item.labels, "place": i} for i, item in enumerate(encoded)
    ]
    clock, began = StepClock(), time.process_time()
    trainer = SFTTrainer(
        model=model,
        args=SFTConfig(
            output_dir=str(folder), num_train_epochs=1, per_device_train_batch_size=8, use_cpu=True,
            learning_rate=2.5e-3, report_to=[], save_strategy="epoch", disable_tqdm=True, bf16=False,
            remove_unused_columns=False, dataset_kwargs={"skip_prepare_dataset": True}, optim="adamw_torch",
            gradient_checkpointing=False, logging_strategy="epoch",
        ),
        train_dataset=Dataset.from_list(rows),
        data_collator=lambda items: samples.collate([samples[0, int(item["place"])] for item in items]),
        processing_class=encoder.tokenizer,
        callbacks=[clock],
    )  # fmt: skip
    with redirect_stdout(io.StringIO()):
        trainer.train()
    return clock.seconds, time.process_time() - began


if __name__ == "__main__":
    show(measure())
