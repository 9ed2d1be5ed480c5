"""How the cells of a multi-reader study lie: crossed or nested readers, which are left out, shared cases."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from evaluation.statistics.mrmc_readings import Readings

NESTED = "every reader reads in one modality only: nested readers (split-plot Obuchowski-Rockette)"
MIXED = "{left} read in some modalities only and are left out; the {used} who read in every one are used"
BY_READER = "readers share no case: cases are nested in readers, covariances between readers are zero"
BY_MODALITY = "modalities share no case: cases are nested in modalities, covariances between them are zero"


@dataclass(frozen=True)
class Layout:
    """Cells that are analysed: (modality, reader) of each, and whether readers and modalities are crossed."""

    readings: Readings
    cells: list[tuple[int, int]]
    is_crossed: bool
    notes: list[str]


def split_off(study: Readings, standalone: str | None) -> tuple[Mapping[str, float] | None, Readings]:
    """Ratings of the stand-alone system by case, and the study without it.

    Raises:
        ValueError: there is no such modality or reader, it has not one rating per case, or no reader is left.
    """
    if standalone is None:
        return None, study
    readers, modalities = list(range(len(study.readers))), list(range(len(study.modalities)))
    if standalone in study.modalities:
        place = study.modalities.index(standalone)
        alone = study.ratings[:, place]
        modalities.remove(place)
    elif standalone in study.readers:
        place = study.readers.index(standalone)
        alone = study.ratings[place]
        readers.remove(place)
    else:
        raise ValueError(
            f"stand-alone {standalone!r} is no modality and no reader; modalities: {', '.join(study.modalities)}"
        )
    used = ~np.isnan(alone).all(axis=1)
    if used.sum() != 1:
        raise ValueError(f"stand-alone {standalone!r} has {used.sum()} ratings per case; it must have one")
    readers = [r for r in readers if study.cells[r][modalities].any()] if modalities else []
    if not readers:
        raise ValueError(f"without {standalone!r} no reader is left to compare it with")
    # Cases that only the system read say nothing about the readers, and stay out.
    return dict(zip(study.cases, alone[used][0].tolist(), strict=True)), study.of(readers, modalities)


def layout_of(people: Readings) -> Layout:
    """Which cells are analysed, and whether readers and modalities are crossed.

    Raises:
        ValueError: neither crossed nor nested; says what to do.
    """
    read = people.cells
    t = len(people.modalities)
    if read.all():
        cells = [(i, j) for i in range(t) for j in range(len(people.readers))]
        return Layout(people, cells, True, [])
    if t > 1 and (read.sum(axis=1) == 1).all():
        cells = [(i, j) for i in range(t) for j in np.flatnonzero(read[:, i]).tolist()]
        return Layout(people, cells, False, [NESTED])
    whole = [int(j) for j in np.flatnonzero(read.all(axis=1))]
    left = [name for j, name in enumerate(people.readers) if j not in whole]
    if len(whole) < 2:
        raise ValueError(
            f"readers {', '.join(left)} read in some modalities only and fewer than two read in every one: "
            "neither crossed nor nested; analyse the modalities pair by pair"
        )
    used = people.of(whole, list(range(t)))
    note = MIXED.format(left=", ".join(left), used=len(whole))
    return Layout(used, [(i, j) for i in range(t) for j in range(len(whole))], True, [note])


def case_notes(layout: Layout) -> list[str]:
    """What to say about cases that readers or modalities do not share."""
    read = ~np.isnan(layout.readings.ratings)
    by_reader, by_modality = np.asarray(read.any(axis=1)), np.asarray(read.any(axis=0))
    notes = []
    if len(by_reader) > 1 and (by_reader.sum(axis=0) <= 1).all():
        notes.append(BY_READER)
    if len(by_modality) > 1 and (by_modality.sum(axis=0) <= 1).all():
        notes.append(BY_MODALITY)
    return notes
