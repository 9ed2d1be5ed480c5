"""The plots: each takes numbers that a statistic computed and returns a figure. Nothing is computed anew here."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from evaluation.reports.figures.canvas import COLOURS, new_figure, style_of
from evaluation.statistics.bland_altman import BlandAltman
from evaluation.statistics.calibration import Calibration
from evaluation.statistics.partial_auc import roc_points
from evaluation.statistics.results import Contrast, Estimate
from evaluation.statistics.score_cube import FloatArray, ScoreCube


def radar(
    means: Mapping[str, Sequence[Estimate]], aspects: Sequence[str], *, low: float, high: float
) -> Figure:
    """Means of every arm around the aspects; needs at least three aspects."""
    figure = new_figure(6.5, 5.5)
    axes = figure.add_subplot(projection="polar")
    angles = np.linspace(0, 2 * np.pi, len(aspects), endpoint=False)
    closed = np.append(angles, angles[0])
    for place, (label, estimates) in enumerate(means.items()):
        values = [estimate.value for estimate in estimates]
        axes.plot(closed, [*values, values[0]], label=label, markersize=4, linewidth=1.2, **style_of(place))
    axes.set_xticks(angles, aspects)
    axes.tick_params(axis="x", pad=16)
    seen = [estimate.value for estimates in means.values() for estimate in estimates]
    # The scale begins a tenth below the lowest mean: from 1 all arms would look alike. The axis says where.
    floor = max(low, np.floor((min(seen) - 0.1 * (high - low)) / 10) * 10)
    axes.set_ylim(floor, high)
    figure.legend(loc="outside lower center", ncols=3, fontsize=8, frameon=False)
    return figure


def forest(contrasts: Sequence[Contrast], *, margin: float | None = None, unit: str = "points") -> Figure:
    """Differences with their intervals, zero and the margin marked."""
    figure = new_figure(7.0, max(2.0, 0.32 * len(contrasts) + 1.0))
    axes = figure.add_subplot()
    for place, contrast in enumerate(contrasts):
        y, value = len(contrasts) - place, contrast.estimate.value
        if contrast.estimate.interval is not None:
            axes.plot(contrast.estimate.interval, (y, y), color=COLOURS[0], linewidth=1.4)
        axes.plot([value], [y], "s", color=COLOURS[0], markersize=5)
    axes.axvline(0, color="#555555", linewidth=0.8)
    for side in (-1, 1) if margin is not None else ():
        axes.axvline(side * (margin or 0), color=COLOURS[1], linewidth=0.8, linestyle="--")
    places = [len(contrasts) - place for place in range(len(contrasts))]
    axes.set_yticks(places, [f"{c.first} − {c.second}" for c in contrasts], fontsize=8)
    level = contrasts[0].estimate.level if contrasts else 0.95
    axes.set_xlabel(f"difference [{round(100 * level, 6):g}% CI], {unit}")
    return figure


def distributions(cube: ScoreCube, labels: Mapping[str, str], *, low: float, high: float) -> Figure:
    """Scores of every arm as small histograms over one scale."""
    count = len(cube.systems)
    figure = new_figure(7.0, 0.9 * count + 0.8)
    grid = figure.subplots(count, 1, sharex=True, squeeze=False)[:, 0]
    edges = np.linspace(low - 0.5, high + 0.5, 31)
    for place, (axes, system) in enumerate(zip(grid, cube.systems, strict=True)):
        seen = cube.values[:, :, place]
        axes.hist(seen[~np.isnan(seen)], bins=edges, color=COLOURS[0])
        axes.set_ylabel(labels.get(system, system), rotation=0, ha="right", va="center", fontsize=8)
        axes.set_yticks([])
    grid[-1].set_xlabel("score")
    return figure


def agreement_map(cube: ScoreCube) -> Figure:
    """Correlation of every two raters over the answers that both scored."""
    table = cube.values.reshape(len(cube.raters), -1)
    values = np.array([[_correlation(a, b) for b in table] for a in table])
    figure = new_figure(5.5, 4.8)
    axes = figure.add_subplot()
    image = axes.imshow(values, vmin=-1, vmax=1, cmap="RdBu")
    axes.set_xticks(range(len(cube.raters)), cube.raters, fontsize=8, rotation=90)
    axes.set_yticks(range(len(cube.raters)), cube.raters, fontsize=8)
    if len(cube.raters) <= 12:
        for i, row in enumerate(values):
            for j, value in enumerate(row):
                if not np.isnan(value):
                    colour = "white" if abs(value) > 0.6 else "black"
                    axes.text(j, i, f"{value:.2f}", ha="center", va="center", fontsize=7, color=colour)
    figure.colorbar(image, ax=axes, label="Pearson correlation")
    return figure


def _correlation(first: FloatArray, second: FloatArray) -> float:
    both = ~np.isnan(first) & ~np.isnan(second)
    a, b = first[both], second[both]
    if len(a) < 3 or not a.std() or not b.std():
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def roc_curves(
    curves: Mapping[str, tuple[np.ndarray, FloatArray]],
    *,
    areas: Mapping[str, Estimate],
    points: Mapping[str, tuple[float, float]] | None = None,
) -> Figure:
    """Empirical curves with their areas, and operating points (readers) as (sensitivity, specificity)."""
    figure = new_figure(5.5, 5.5)
    axes = figure.add_subplot()
    for place, (label, (truth, score)) in enumerate(curves.items()):
        false, called = roc_points(truth, score)
        area = areas[label]
        low, high = area.interval or (float("nan"), float("nan"))
        name = f"{label}: {area.value:.3f} [{low:.3f}, {high:.3f}]"
        axes.plot(false, called, color=COLOURS[place % len(COLOURS)], linewidth=1.3, label=name)
    for place, (label, (sensitivity, specificity)) in enumerate((points or {}).items()):
        style = style_of(place)
        axes.plot([1 - specificity], [sensitivity], linestyle="", markersize=6, label=label, **style)
    axes.plot((0, 1), (0, 1), color="#999999", linewidth=0.7, linestyle=":")
    axes.set_xlabel("1 − specificity")
    axes.set_ylabel("sensitivity")
    axes.set_aspect("equal")
    axes.legend(fontsize=8, loc="lower right")
    return figure


def repeats(first: FloatArray, second: FloatArray, limits: BlandAltman) -> Figure:
    """Bland and Altman's plot: difference against mean of repeated scores."""
    figure = new_figure()
    axes = figure.add_subplot()
    axes.plot((first + second) / 2, second - first, "o", color=COLOURS[0], markersize=4, alpha=0.7)
    for name, estimate, style in (
        ("upper limit of agreement", limits.upper, "--"),
        ("bias", limits.bias, "-"),
        ("lower limit of agreement", limits.lower, "--"),
    ):
        axes.axhline(estimate.value, color=COLOURS[1], linestyle=style, linewidth=1.0)
        low, high = estimate.interval or (float("nan"), float("nan"))
        axes.axhspan(low, high, color=COLOURS[1], alpha=0.12, linewidth=0)
        said = f"{name} {estimate.value:.1f} [{low:.1f}, {high:.1f}]"
        # At the left end of the line, above it: names of lines need no legend.
        where = axes.get_yaxis_transform()
        axes.text(0.01, estimate.value, said, transform=where, fontsize=7, va="bottom")
    axes.set_xlabel("mean of both scores")
    axes.set_ylabel("second − first")
    return figure


def calibration_plot(found: Calibration) -> Figure:
    """Observed share against mean chance, by groups of equal size."""
    figure = new_figure(5.0, 5.0)
    axes = figure.add_subplot()
    for mean, observed in found.bins:
        if observed.interval is not None:
            axes.plot((mean, mean), observed.interval, color=COLOURS[0], linewidth=1.0)
        axes.plot([mean], [observed.value], "o", color=COLOURS[0], markersize=5)
    axes.plot((0, 1), (0, 1), color="#999999", linewidth=0.7, linestyle=":")
    axes.set_xlabel("predicted chance")
    axes.set_ylabel("observed share [95% CI]")
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    axes.set_aspect("equal")
    return figure


def dots(rows: Sequence[tuple[str, float, tuple[float, float] | None]], *, axis: str) -> Figure:
    """Values with their intervals, one line each."""
    figure = new_figure(7.0, max(2.0, 0.32 * len(rows) + 1.0))
    axes = figure.add_subplot()
    for place, (_label, value, interval) in enumerate(rows):
        y = len(rows) - place
        if interval is not None:
            axes.plot(interval, (y, y), color=COLOURS[0], linewidth=1.4)
        axes.plot([value], [y], "o", color=COLOURS[0], markersize=5)
    axes.set_yticks([len(rows) - place for place in range(len(rows))], [row[0] for row in rows], fontsize=8)
    axes.set_xlabel(f"{axis} [CI]")
    return figure
