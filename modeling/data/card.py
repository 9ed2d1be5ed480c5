"""What a training set's answers state, and whether its own labels and images bear it out (PAPER.md section 1).

Answers that were built on a report can teach a model of images to assert what it can't see; the card beside a frozen
set says how much of what is stated its labels support. Sides get lost most easily: the right view is mirrored onto
the left one before the encoder, and only its tag still says which breast it was.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from modeling.data.augmentation import orient
from modeling.data.facts import read_birads, read_density, read_laterality

if TYPE_CHECKING:
    from modeling.data.snapshot import Images, SftSample, Snapshot, Study

# Order of concern; 0 (incomplete) says nothing about which breast is the worse one.
_CATEGORIES = ("1", "2", "3", "4", "4A", "4B", "4C", "5", "6")
_SIDE_NAMES = {"L": "left", "R": "right"}


def card_of(snapshot: Snapshot) -> dict[str, Any]:
    """The card of a frozen set.

    Returns:
        answers: how many there are; about_a_study: of these, with images.
        facts: of density, birads and side, each `stated` (by answers about a study whose labels can tell) and
            `supported` (as the labels have it).
        share: supported of stated over all three; None where nothing is stated.
        sides_without_a_view: answers that speak of one breast of which the set shows no view.
        views: how many hold a breast; views_in_place: of these, those whose breast lies at the left edge once right
            views are mirrored, as their tags say it must.
    """
    studies = {study.study: study for study in snapshot.studies}
    about = [(sample, studies[sample.study]) for sample in snapshot.sft if sample.study in studies]
    found = Counter[str]()
    for sample, study in about:
        for name, is_supported in _facts(sample, study):
            found[f"{name} stated"] += 1
            found[f"{name} supported"] += is_supported
    facts = {
        name: {"stated": found[f"{name} stated"], "supported": found[f"{name} supported"]}
        for name in ("density", "birads", "side")
    }
    stated = sum(fact["stated"] for fact in facts.values())
    views, in_place = views_in_place(snapshot.images, snapshot.studies)
    return {
        "answers": len(snapshot.sft),
        "about_a_study": len(about),
        "facts": facts,
        "share": sum(fact["supported"] for fact in facts.values()) / stated if stated else None,
        "sides_without_a_view": sum(_speaks_of_an_unseen_breast(sample, study) for sample, study in about),
        "views": views,
        "views_in_place": in_place,
    }


def views_in_place(images: Images, studies: Sequence[Study]) -> tuple[int, int]:
    """How many views (H, W) hold anything, and how many of these are heavier on the left once right ones are mirrored.

    A view whose tag names the other breast, or that was mirrored before, is heavier on the right.
    """
    views = in_place = 0
    for study in studies:
        for view in study.views:
            frame = orient(images[view.index][None], [view.laterality], flip_right=True)[0]
            half = frame.shape[1] // 2
            left, right = int(frame[:, :half].sum(dtype=np.int64)), int(frame[:, -half:].sum(dtype=np.int64))
            views += left + right > 0
            in_place += left > right
    return views, in_place


def _facts(sample: SftSample, study: Study) -> list[tuple[str, bool]]:
    """(fact, whether the labels support it) for each that the answer states and the labels can tell."""
    found: list[tuple[str, bool]] = []
    density, category = read_density(sample.answer), read_birads(sample.answer)
    side, worse = read_laterality(sample.answer), worse_side(study)
    if density and study.density:
        found.append(("density", density == study.density))
    known = known_category(study.birads, side)
    if category and known:
        found.append(("birads", agrees(category, known)))
    if side and worse:
        found.append(("side", side == worse))
    return found


def agrees(said: str, known: str) -> bool:
    """Whether two categories are the same; a plain 4 agrees with 4A, 4B and 4C."""
    return said == known or (said[:1] == known[:1] == "4" and "4" in (said, known))


def worse_side(study: Study) -> str | None:
    """The breast that the labels single out: of the higher category, else the one that was biopsied; None for none."""
    left, right = study.birads.get("left"), study.birads.get("right")
    if left in _CATEGORIES and right in _CATEGORIES and left != right:
        return "L" if _CATEGORIES.index(left) > _CATEGORIES.index(right) else "R"
    biopsied = {result.laterality for result in study.pathology}
    return biopsied.pop() if len(biopsied) == 1 else None


def known_category(birads: Mapping[str, str | None], side: str | None) -> str | None:
    """The category of the breast that the answer speaks of, of the examination where it speaks of none or both."""
    if side is not None and birads.get(_SIDE_NAMES[side]):
        return birads[_SIDE_NAMES[side]]
    known = [birads[name] for name in _SIDE_NAMES.values() if birads.get(name) in _CATEGORIES]
    return birads.get("overall") or max(known, key=lambda one: _CATEGORIES.index(str(one)), default=None)


def _speaks_of_an_unseen_breast(sample: SftSample, study: Study) -> bool:
    side = read_laterality(sample.answer)
    return side is not None and side not in {view.laterality for view in study.views}
