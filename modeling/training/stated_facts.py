"""Which facts the answers about held-out patients state rightly: the same judgement for every system that is tuned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from modeling.data.facts import read_birads, read_density, read_laterality
from modeling.data.snapshot import SftSample, Snapshot

Figures = dict[str, float | int | str]
# (question, study whose images are shown) pairs, a word for the progress line, whether the images are black instead
# -> the likeliest answers.
Writes = Callable[[Sequence[tuple[SftSample, str]], str, bool], list[str]]
Judged = list[tuple[str, bool]]


def judge(
    writes: Writes, snapshot: Snapshot, held_out: Sequence[SftSample], *, most: int, seed: int
) -> dict[str, Judged]:
    """Each fact's (question, whether it was stated rightly), of at most `most` questions a fact.

    density_right: part of the studies whose density the answer to their first question about it states rightly.
    follows_swap: part of the same questions whose answer, when the images are exchanged for those of a study of another
    density, states that density. blank_density_right: the same when the images are black. category_right: part of the
    questions whose answer states the BI-RADS category of the picked answer. line_right: part of those about a biopsied
    study whose answer states a category on the picked one's side of the line between 3 and 4. laterality_right: part
    of the questions whose picked answer names one breast, where the answer names the same.
    """
    of_density = _density_questions(snapshot, held_out)[:most]
    of_category = [s for s in held_out if s.study and read_birads(s.answer)][:most]
    of_side = [s for s in held_out if s.study and read_laterality(s.answer)][:most]
    swaps = _swapped_studies(snapshot, of_density, seed)
    biopsied = {study.study for study in snapshot.studies if study.pathology}

    def answers(samples: Sequence[SftSample], word: str, black: bool = False) -> list[tuple[SftSample, str]]:
        texts = writes([(sample, str(sample.study)) for sample in samples], word, black)
        return list(zip(samples, texts, strict=True))

    def densities(rows: Sequence[tuple[SftSample, str]]) -> Judged:
        return [(s.id, read_density(text) == density_of(snapshot, s.study)) for s, text in rows]

    of_categories = answers(of_category, "category")
    return {
        "density_right": densities(answers(of_density, "density")),
        "follows_swap": [
            (sample.id, read_density(text) == density_of(snapshot, other))
            for (sample, other), text in zip(swaps, writes(swaps, "swapped images", False), strict=True)
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
            for sample, text in answers(of_side, "side")
        ],
        "blank_density_right": densities(answers(of_density, "black images", True)),
    }


def shares(judged: dict[str, Judged]) -> Figures:
    """The part that is right of each fact, with its n; a fact that nothing was asked about is left out."""
    found: Figures = {}
    for name, rows in judged.items():
        if rows:
            found |= {name: sum(right for _, right in rows) / len(rows), f"{name}_n": len(rows)}
    return found


def prediction_rows(judged: dict[str, Judged], split: str) -> list[dict[str, Any]]:
    """One row for each answer that was judged."""
    return [
        {"kind": "prediction", "unit_kind": "question", "unit": unit, "name": name, "method": "image",
         "split": split, "value": float(right)}
        for name, rows in judged.items()
        for unit, right in rows
    ]  # fmt: skip


def held_out_split(snapshot: Snapshot) -> tuple[str, list[SftSample]]:
    """The split that answers are measured on, test where the snapshot has one, and its questions."""
    split = "test" if any(sample.split == "test" for sample in snapshot.sft) else "validation"
    return split, [sample for sample in snapshot.sft if sample.split == split]


def density_of(snapshot: Snapshot, study: str | None) -> str | None:
    """A study's density."""
    return next((s.density for s in snapshot.studies if s.study == study), None)


def _above_line(text: str) -> bool | None:
    """Whether the category that a text states is 4 or more; None when it states none."""
    category = read_birads(text)
    return None if category is None else category[0] >= "4"


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
    density = {study: density_of(snapshot, study) for study in studies}
    swaps = []
    for sample in samples:
        others = [study for study in studies if density[study] != density[str(sample.study)]]
        if others:
            swaps.append((sample, others[int(rng.integers(len(others)))]))
    return swaps
