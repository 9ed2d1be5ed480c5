"""Multi-reader multi-case analysis: which method fits the design, what it refuses and where it falls back.

Rules, each with a note beside the numbers:

- Readers x modalities crossed: Obuchowski-Rockette. Each reader in one modality only: nested readers
  (split-plot). A mixture: readers who read in every modality are used, if two remain; else it is refused.
- Cases: DeLong's covariance needs every cell to have read the same cases and is refused elsewhere; where no
  covariance was asked for, the unbiased one stands in.
- Patients with several cases (breasts): DeLong's covariance by Obuchowski (1997) and the jackknife over patients; the
  unbiased covariance is refused there, and the jackknife stands in where readings are missing. A note says so.
- One reader: the reader is fixed. Fewer than five readers: a note.
- An unbiased variance below zero: the jackknife covariance stands in.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from evaluation.statistics import obuchowski_rockette as oro
from evaluation.statistics.crossed import with_adjusted
from evaluation.statistics.mrmc_clusters import CLUSTERED, codes_of
from evaluation.statistics.mrmc_covariance import CellStatistics, cell_statistics
from evaluation.statistics.mrmc_layout import Layout, case_notes, layout_of, split_off
from evaluation.statistics.mrmc_readings import Readings
from evaluation.statistics.nested_readers import between_groups, group_means
from evaluation.statistics.results import Contrast, Estimate
from evaluation.statistics.score_cube import FloatArray

FEW_READERS = 5
FEW = "{n} readers: conclusions about other readers rest on few; five or more are advised"
ONE = "one reader: the reader is fixed, conclusions hold for this reader only"
PARTIAL = "not every reader read every case in every modality (readings missing: {missing} of {whole})"
FALLBACK = "DeLong's covariance does not fit such a design: the unbiased covariance is used"
CLUSTERED_FALLBACK = (
    "DeLong's covariance does not fit such a design: the jackknife covariance over patients is used"
)
NEGATIVE = "the unbiased variance of a difference came out below zero: the jackknife covariance is used"
STANDALONE = "{name} is one fixed system: readers and cases are random, the system is not (1 per case)"
ASKED = "the {covariance} covariance was asked for"
PAIRS_ONLY = "more than two modalities with nested readers: pairwise tests only"
FLAT = "reader {reader}, {modality}: the readings do not vary over cases, the variance is zero"
SEPARATED = "reader {reader}, {modality}: perfect separation, the variance of this AUC is zero"


@dataclass(frozen=True)
class ReaderResult:
    """Performance of one reader in one modality; the interval is over cases."""

    reader: str
    modality: str
    estimate: Estimate


@dataclass(frozen=True)
class GroupResult:
    """Readers by group.

    Attributes:
        groups: the analysis of each group's readers alone.
        differences: group against group, per modality.
        interactions: per pair of modalities, the difference between groups of their differences.
    """

    groups: dict[str, oro.ModelResult]
    differences: dict[str, list[Contrast]]
    interactions: dict[tuple[str, str], list[Contrast]]


@dataclass(frozen=True)
class MrmcAnalysis:
    """A whole analysis; `main` is under the model that was asked for (or its fallback)."""

    endpoint: str
    covariance: str
    modalities: tuple[str, ...]
    n_cases: int
    n_positive: int
    n_readers: int
    main: oro.ModelResult
    models: dict[str, oro.ModelResult]
    components: oro.Components
    readers: list[ReaderResult]
    reader_differences: list[tuple[str, Contrast]] = field(default_factory=list)
    standalone: Estimate | None = None
    against_standalone: list[Contrast] = field(default_factory=list)
    groups: GroupResult | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Choice:
    endpoint: str
    covariance: str | None
    model: str
    level: float
    specificity: float | None


def analyse_mrmc(
    study: Readings,
    *,
    endpoint: str = "auc",
    covariance: str | None = None,
    model: str = oro.RANDOM_RANDOM,
    level: float = 0.95,
    standalone: str | None = None,
    groups: Mapping[str, str] | None = None,
    specificity: float | None = None,
) -> MrmcAnalysis:
    """Analyse readings.

    Args:
        endpoint: auc, sensitivity or specificity (of calls 0 or 1).
        covariance: delong, jackknife or unbiased; None takes delong where it fits.
        model: one of obuchowski_rockette.MODELS.
        standalone: modality (or reader) that is one system reading alone, compared with the mean reader.
        groups: group of each reader, to compare groups.
        specificity: for endpoint sensitivity: read off the ROC curve at this specificity.

    Raises:
        ValueError: the design, the covariance and the model don't fit; says what would.
    """
    if model not in oro.MODELS:
        raise ValueError(f"unknown model {model!r}; known: {'; '.join(oro.MODELS)}")
    choice = _Choice(endpoint, covariance, model, level, specificity)
    system, people = split_off(study, standalone)
    layout = layout_of(people)
    found, notes = _cell_statistics(layout, system, choice)
    analysis = _analyse(layout, found, choice, system, standalone, groups, notes)
    if found.method == "unbiased" and _is_negative(analysis):
        if covariance is not None:
            notes = [*notes, ASKED.format(covariance=covariance)]
        replaced = _Choice(endpoint, "jackknife", model, level, specificity)
        found, _ = _cell_statistics(layout, system, replaced)
        return _analyse(layout, found, replaced, system, standalone, groups, [*notes, NEGATIVE])
    return analysis


def _is_negative(analysis: MrmcAnalysis) -> bool:
    contrasts = [*analysis.main.differences, *analysis.against_standalone]
    return any(oro.NEGATIVE in c.estimate.notes for c in contrasts)


def _cell_statistics(
    layout: Layout, system: Mapping[str, float] | None, choice: _Choice
) -> tuple[CellStatistics, list[str]]:
    """Performance and covariance of all cells, the system's last; and the notes of the case design."""
    study, notes = layout.readings, list(layout.notes)
    rows = np.stack([study.ratings[j, i] for i, j in layout.cells])
    if system is not None:
        rows = np.vstack([rows, [system[case] for case in study.cases]])
    is_whole = not np.isnan(rows).any()
    if not is_whole:
        notes.append(PARTIAL.format(missing=int(np.isnan(rows).sum()), whole=rows.size))
        notes += case_notes(layout)
    is_clustered = codes_of(study.patients) is not None
    covariance = choice.covariance or ("delong" if is_whole else "unbiased")
    if choice.covariance is None and choice.specificity is not None:
        covariance = "jackknife"
    elif choice.covariance is None and not is_whole:
        covariance = "jackknife" if is_clustered else "unbiased"
        notes.append(CLUSTERED_FALLBACK if is_clustered else FALLBACK)
    if is_clustered and study.patients is not None:
        notes.append(CLUSTERED.format(patients=len(set(study.patients)), cases=len(study.cases)))
    if covariance == "delong" and not is_whole:
        raise ValueError(
            "DeLong's covariance needs a balanced design (every reader reads every case in every modality); "
            "here cases are missing: use the jackknife or the unbiased covariance"
        )
    found = cell_statistics(
        rows,
        study.truth,
        endpoint=choice.endpoint,
        covariance=covariance,
        specificity=choice.specificity,
        clusters=study.patients,
    )
    return found, notes


def _analyse(
    layout: Layout,
    found: CellStatistics,
    choice: _Choice,
    system: Mapping[str, float] | None,
    standalone: str | None,
    groups: Mapping[str, str] | None,
    notes: list[str],
) -> MrmcAnalysis:
    study, notes = layout.readings, list(notes)
    n_cells, n_readers = len(layout.cells), len(study.readers)
    values, covariance = found.values[:n_cells], found.covariance[:n_cells, :n_cells]
    smallest = n_readers if layout.is_crossed else max(int(study.cells.sum(axis=0).max()), 1)
    model = choice.model
    if smallest < 2:
        if model != oro.FIXED_RANDOM:
            notes.append(ONE)
        model = oro.FIXED_RANDOM
    elif n_readers < FEW_READERS and model != oro.FIXED_RANDOM:
        notes.append(FEW.format(n=n_readers))
    names = oro.MODELS if smallest > 1 else (oro.FIXED_RANDOM,)
    models = {name: _model(layout, values, covariance, name, choice.level) for name in names}
    against = []
    alone = None
    if system is not None and standalone is not None:
        alone = _cell_estimate(found, n_cells, choice, study)
        against = _against(layout, found, standalone, model, choice.level)
        notes.append(STANDALONE.format(name=standalone))
    notes += models[model].notes
    readers = [
        ReaderResult(study.readers[j], study.modalities[i], _cell_estimate(found, place, choice, study))
        for place, (i, j) in enumerate(layout.cells)
    ]
    notes += _notes_of_readers(readers, choice)
    return MrmcAnalysis(
        choice.endpoint,
        found.method,
        study.modalities,
        len(study.cases),
        int(study.truth.sum()),
        n_readers,
        models[model],
        models,
        _components(layout, values, covariance),
        readers,
        _reader_differences(layout, found, choice.level) if layout.is_crossed else [],
        alone,
        against,
        _groups(layout, values, covariance, groups, model, choice.level) if groups else None,
        tuple(dict.fromkeys(notes)),
    )


def _notes_of_readers(readers: list[ReaderResult], choice: _Choice) -> list[str]:
    """Who separates the classes wholly, and whose figure does not vary."""
    extreme = (0.0, 1.0)
    separated = [r for r in readers if choice.endpoint == "auc" and r.estimate.value in extreme]
    flat = [r for r in readers if r.estimate.se == 0 and r.estimate.value not in extreme]
    return [
        note.format(reader=r.reader, modality=r.modality)
        for note, found in ((SEPARATED, separated), (FLAT, flat))
        for r in found
    ]


def _square(layout: Layout, values: FloatArray, covariance: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Values (modalities, readers) and covariance (modalities, readers, modalities, readers)."""
    t, r = len(layout.readings.modalities), len(layout.readings.readers)
    return values.reshape(t, r), covariance.reshape(t, r, t, r)


def _components(layout: Layout, values: FloatArray, covariance: FloatArray) -> oro.Components:
    if layout.is_crossed:
        return oro.components(*_square(layout, values, covariance))
    modality = np.array([i for i, _ in layout.cells])
    same, apart = modality[:, None] == modality, ~np.eye(len(values), dtype=bool)
    cov2 = float(covariance[same & apart].mean()) if (same & apart).any() else 0.0
    return oro.Components(
        None,
        None,
        None,
        float(np.diag(covariance).mean()),
        0.0,
        cov2,
        float(covariance[~same].mean()),
        None,
        None,
    )


def _model(
    layout: Layout, values: FloatArray, covariance: FloatArray, model: str, level: float
) -> oro.ModelResult:
    names = layout.readings.modalities
    if layout.is_crossed:
        result = oro.analyse_model(*_square(layout, values, covariance), names, model=model, level=level)
        return oro.ModelResult(
            result.model,
            result.means,
            with_adjusted(result.differences),
            result.statistic,
            result.df1,
            result.df2,
            result.p,
            result.notes,
        )
    of_cell = [names[i] for i, _ in layout.cells]
    means = group_means(values, covariance, of_cell, model=model, level=level)
    differences = with_adjusted(between_groups(values, covariance, of_cell, model=model, level=level))
    notes = tuple(note for c in differences for note in c.estimate.notes)
    if len(names) > 2:
        notes = (*notes, PAIRS_ONLY)
        return oro.ModelResult(
            model, list(means.values()), differences, None, len(names) - 1, None, None, notes
        )
    only = differences[0]
    f = only.statistic**2 if only.statistic is not None else None
    df2 = only.estimate.df if model != oro.FIXED_RANDOM else None
    return oro.ModelResult(model, list(means.values()), differences, f, 1, df2, only.p, notes)


def _cell_estimate(found: CellStatistics, place: int, choice: _Choice, study: Readings) -> Estimate:
    return oro.estimate(
        float(found.values[place]),
        float(found.covariance[place, place]),
        float("inf"),
        method=f"{choice.endpoint}, {found.method} variance over cases, normal",
        level=choice.level,
        n=len(study.cases),
        is_share=True,
    )


def _reader_differences(layout: Layout, found: CellStatistics, level: float) -> list[tuple[str, Contrast]]:
    """Per reader, each pair of modalities: over cases only."""
    names, r = layout.readings.modalities, len(layout.readings.readers)
    made = []
    for j, reader in enumerate(layout.readings.readers):
        for a, b in combinations(range(len(names)), 2):
            first, second = a * r + j, b * r + j
            c = found.covariance
            variance = float(c[first, first] + c[second, second] - 2 * c[first, second])
            difference = oro.estimate(
                float(found.values[first] - found.values[second]),
                variance,
                float("inf"),
                method=f"paired, {found.method} variance over cases, normal",
                level=level,
                n=len(layout.readings.cases),
                is_share=False,
            )
            made.append((reader, oro.contrast(names[a], names[b], difference)))
    return made


def _against(
    layout: Layout, found: CellStatistics, standalone: str, model: str, level: float
) -> list[Contrast]:
    """Mean reader minus the system, per modality (Hillis, Obuchowski & Berbaum 2011: one-modality analysis of
    the readers' differences from the system)."""
    last, made = len(layout.cells), []
    for i, name in enumerate(layout.readings.modalities):
        members = [place for place, (modality, _) in enumerate(layout.cells) if modality == i]
        c = found.covariance
        own = c[np.ix_(members, members)]
        shared = c[members, last]
        difference = oro.mean_of_readers(
            found.values[members] - found.values[last],
            own - shared[:, None] - shared + c[last, last],
            model=model if len(members) > 1 else oro.FIXED_RANDOM,
            level=level,
            is_share=False,
        )
        made.append(oro.contrast(name, standalone, difference))
    return with_adjusted(made)


def _groups(
    layout: Layout,
    values: FloatArray,
    covariance: FloatArray,
    groups: Mapping[str, str],
    model: str,
    level: float,
) -> GroupResult:
    if not layout.is_crossed:
        raise ValueError("groups are compared where every reader reads in every modality")
    of_reader = [groups[name] for name in layout.readings.readers]
    v, c = _square(layout, values, covariance)
    names, alone = layout.readings.modalities, {}
    for group in dict.fromkeys(of_reader):
        members = [j for j, name in enumerate(of_reader) if name == group]
        used = model if len(members) > 1 else oro.FIXED_RANDOM
        part = c[:, members][:, :, :, members]
        alone[group] = oro.analyse_model(v[:, members], part, names, model=used, level=level)
    how = {"groups": of_reader, "model": model, "level": level}
    return GroupResult(
        alone,
        {n: between_groups(v[i], c[i, :, i, :], **how) for i, n in enumerate(names)},  # type: ignore[arg-type]
        {
            (names[a], names[b]): between_groups(
                v[a] - v[b],
                c[a, :, a, :] + c[b, :, b, :] - c[a, :, b, :] - c[b, :, a, :],
                **how,  # type: ignore[arg-type]
            )
            for a, b in combinations(range(len(names)), 2)
        },
    )
