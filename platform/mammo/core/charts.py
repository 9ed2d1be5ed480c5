"""Line charts drawn by the server: SVG with axes and a key, and a table of the points for who can't see it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

Point = tuple[float, float]
WIDTH, HEIGHT = 520, 240
LEFT, RIGHT, TOP, BOTTOM = 72, 12, 8, 44
TICKS = 5
MOST_ROWS = 25


@dataclass(frozen=True)
class Tick:
    """A mark on an axis: where it stands in the drawing, and its label."""

    at: float
    label: str


@dataclass(frozen=True)
class Line:
    """One series: its place in the key, its polyline, its first and last value."""

    name: str
    number: int
    points: str
    first: str
    last: str
    end: Point


@dataclass(frozen=True)
class Axis:
    """From values to pixels along one side."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """The pixel of a value."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self) -> list[Tick]:
        """Marks at round values."""
        step = _round_step((self.high - self.low) / TICKS)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [Tick(round(self.at(n * step), 1), shown(n * step)) for n in range(first, last + 1)]


def shown(value: float) -> str:
    """A value as an axis or a table says it: four significant digits."""
    if value == 0 or abs(value) < 1e-12:
        return "0"
    return f"{value:.4g}"


def _round_step(rough: float) -> float:
    """The smallest of 1, 2, 5 times a power of ten that is not below `rough`."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))


def _axis(values: Sequence[float], start: float, end: float) -> Axis:
    low, high = min(values), max(values)
    if low == high:
        margin = abs(low) * 0.1 or 1.0
        low, high = low - margin, high + margin
    return Axis(low, high, start, end)


def _finite(points: Sequence[Point]) -> list[Point]:
    return sorted((x, y) for x, y in points if math.isfinite(x) and math.isfinite(y))


def line_chart(title: str, series: Mapping[str, Sequence[Point]], *, x_label: str) -> SafeString:
    """A figure of up to four lines over one axis; values that are no finite numbers are left out.

    Args:
        title: what is drawn, in words; the figure's caption.
        series: name -> points (x, y), in any order.
        x_label: what runs along the lower side, with its unit.
    """
    kept = {name: found for name, points in series.items() if (found := _finite(points))}
    if not kept:
        return SafeString("")
    across = _axis([x for points in kept.values() for x, _ in points], LEFT, WIDTH - RIGHT)
    up = _axis([y for points in kept.values() for _, y in points], HEIGHT - BOTTOM, TOP)
    context = {
        "title": title,
        "x_label": x_label,
        "lines": [_line(name, n, points, across, up) for n, (name, points) in enumerate(kept.items(), 1)],
        "across": across.ticks(),
        "up": up.ticks(),
        "box": {"width": WIDTH, "height": HEIGHT, "left": LEFT, "right": WIDTH - RIGHT, "top": TOP},
        "floor": HEIGHT - BOTTOM,
        "x_label_at": (LEFT + WIDTH - RIGHT) / 2,
        "rows": _rows(kept),
    }
    return SafeString(render_to_string("parts/_line_chart.html", context))


def _line(name: str, number: int, points: Sequence[Point], across: Axis, up: Axis) -> Line:
    drawn = [(round(across.at(x), 1), round(up.at(y), 1)) for x, y in points]
    text = " ".join(f"{x:g},{y:g}" for x, y in drawn)
    return Line(name, number, text, shown(points[0][1]), shown(points[-1][1]), drawn[-1])


def _rows(series: Mapping[str, Sequence[Point]]) -> list[list[str]]:
    """The table beside the drawing: x and each series, thinned evenly, first and last kept."""
    by_x = {name: dict(points) for name, points in series.items()}
    every = sorted({x for points in by_x.values() for x in points})
    stride = max(1, math.ceil(len(every) / MOST_ROWS))
    chosen = sorted({*every[::stride], every[-1]})
    return [
        [shown(x), *(shown(points[x]) if x in points else "–" for points in by_x.values())] for x in chosen
    ]
