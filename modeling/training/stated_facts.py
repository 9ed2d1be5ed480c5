"""Which facts the answers about held-out patients state rightly: the same judgement for every system that is tuned."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from modeling.data.card import agrees, known_category, worse_side
from modeling.data.facts import read_birads, read_density, read_laterality
from modeling.data.snapshot import SftSample, Snapshot, Study

Figures = dict[str, float | int | str]
# (question, study whose images are shown) pairs, a word for the progress line, whether the images are black instead
# -> the likeliest answers.
Writes = Callable[[Sequence[tuple[SftSample, str]], str, bool], list[str]]
Judged = list[tuple[str, bool]]


def judge(
    writes: Writes, snapshot: Snapshot, held_out: Sequence[SftSample], *, most: int, seed: int
) -> dict[str, Judged]:
    """Each fact's (question, whether it was stated rightly), of at most `most` questions a fact.

    By the study's labels, where there are any: density_right: part of the studies whose density the answer to their
    first question about it states rightly. category_right: part of the questions whose picked answer states a BI-RADS
    category, where the answer states that of the breast it speaks of (of the examination when it speaks of none or
    both). line_right: part of those about a biopsied study whose answer is on the label's side of the line between 3
    and 4. laterality_right: part of the questions whose picked answer names one breast, where the answer names the
    breast that the labels single out. follows_swap: part of the questions about density whose answer, when the images
    are exchanged for those of a study of another density, states that density. blank_density_right: density_right when
    the images are black.

    category_as_picked, line_as_picked, laterality_as_picked: part of the same questions, labels or not, whose answer
    states what the picked answer states; that may itself be wrong.
    """
    of_density = _density_questions(snapshot, held_out)[:most]
    of_category = [s for s in held_out if s.study and read_birads(s.answer)][:most]
    of_side = [s for s in held_out if s.study and read_laterality(s.answer)][:most]
    swaps = _swapped_studies(snapshot, of_density, seed)
    studies = {study.study: study for study in snapshot.studies}

    def answers(samples: Sequence[SftSample], word: str, black: bool = False) -> list[tuple[SftSample, str]]:
        texts = writes([(sample, str(sample.study)) for sample in samples], word, black)
        return list(zip(samples, texts, strict=True))

    def densities(rows: Sequence[tuple[SftSample, str]]) -> Judged:
        return [(s.id, read_density(text) == density_of(snapshot, s.study)) for s, text in rows]

    return {
        "density_right": densities(answers(of_density, "density")),
        "follows_swap": [
            (sample.id, read_density(text) == density_of(snapshot, other))
            for (sample, other), text in zip(swaps, writes(swaps, "swapped images", False), strict=True)
        ],
        **_categories(answers(of_category, "category"), studies),
        **_sides(answers(of_side, "side"), studies),
        "blank_density_right": densities(answers(of_density, "black images", True)),
    }


def _categories(rows: Sequence[tuple[SftSample, str]], studies: Mapping[str, Study]) -> dict[str, Judged]:
    """Category and side of the line between 3 and 4, by the labels and by the picked answer."""
    names = ("category_right", "line_right", "category_as_picked", "line_as_picked")
    found: dict[str, Judged] = {name: [] for name in names}
    for sample, text in rows:
        study, said, picked = studies[str(sample.study)], read_birads(text), read_birads(sample.answer)
        known = known_category(study.birads, read_laterality(text))
        for name, truth in (("right", known), ("as_picked", picked)):
            if truth is None:
                continue
            right = said is not None and (agrees(said, truth) if name == "right" else said == truth)
            found[f"category_{name}"].append((sample.id, right))
            if study.pathology and _above_line(truth) is not None:
                found[f"line_{name}"].append((sample.id, _above_line(said) == _above_line(truth)))
    return found


def _sides(rows: Sequence[tuple[SftSample, str]], studies: Mapping[str, Study]) -> dict[str, Judged]:
    """The breast that is named, by the labels and by the picked answer."""
    labelled = [(sample, text, worse_side(studies[str(sample.study)])) for sample, text in rows]
    return {
        "laterality_right": [(s.id, read_laterality(text) == side) for s, text, side in labelled if side],
        "laterality_as_picked": [
            (s.id, read_laterality(text) == read_laterality(s.answer)) for s, text in rows
        ],
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


def _above_line(category: str | None) -> bool | None:
    """Whether a category is 4 or more; None for none and for 0, which says nothing of it."""
    return None if category in (None, "0") else str(category)[0] >= "4"


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
