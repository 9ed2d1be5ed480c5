"""Curves of a run, drawn small: one line per metric."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from modeling.models import Metric

WIDTH, HEIGHT = 240, 48


@dataclass(frozen=True)
class Curve:
    """One metric over the steps; `points` is an SVG polyline in a box of 240 x 48."""

    name: str
    points: str
    first: float
    last: float
    steps: int


def curves_of(metrics: Iterable[Metric]) -> list[Curve]:
    """The curves of a run's metrics, by name."""
    series: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for metric in metrics:
        series[metric.name].append((metric.step, metric.value))
    return [_curve(name, sorted(series[name])) for name in sorted(series)]


def _curve(name: str, points: list[tuple[int, float]]) -> Curve:
    steps, values = [step for step, _ in points], [value for _, value in points]
    across = max(steps[-1] - steps[0], 1)
    low, high = min(values), max(values)
    height = (high - low) or 1.0
    drawn = " ".join(
        f"{(step - steps[0]) / across * WIDTH:.1f},{(high - value) / height * HEIGHT:.1f}"
        for step, value in points
    )
    return Curve(name, drawn, values[0], values[-1], steps[-1])
