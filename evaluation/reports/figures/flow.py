"""The flow of a study as a diagram: what went on down the middle, what was left out at the side."""

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import fill

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from evaluation.reports.figures.canvas import COLOURS, new_figure

# Places along the width of the drawing, and letters that fit on a line of a box.
MIDDLE, SIDE, LETTERS = 0.28, 0.76, 30


@dataclass(frozen=True)
class FlowStep:
    """One box.

    Attributes:
        text: what it counts; count: how many.
        is_left_out: it stands at the side of the way between the steps before and after it.
    """

    text: str
    count: int
    is_left_out: bool = False


def flow_diagram(steps: Sequence[FlowStep]) -> Figure:
    """Boxes with arrows, as CONSORT and STARD draw them.

    Raises:
        ValueError: there is no step in the middle.
    """
    if all(step.is_left_out for step in steps):
        raise ValueError("a flow needs a step that went on")
    figure = new_figure(7.0, 0.75 * len(steps) + 0.4)
    axes = figure.add_subplot()
    axes.set_xlim(0, 1)
    axes.set_ylim(-len(steps) + 0.4, 0.6)
    axes.axis("off")
    before: int | None = None
    for place, step in enumerate(steps):
        _box(axes, step, SIDE if step.is_left_out else MIDDLE, -place)
        if step.is_left_out:
            _arrow(axes, (MIDDLE, -place), (SIDE - 0.2, -place))
        elif before is not None:
            _arrow(axes, (MIDDLE, -before - 0.3), (MIDDLE, -place + 0.3))
        before = before if step.is_left_out else place
    return figure


def _box(axes: Axes, step: FlowStep, across: float, down: float) -> None:
    style = {"boxstyle": "round,pad=0.45", "facecolor": "white", "edgecolor": COLOURS[0], "linewidth": 1.0}
    if step.is_left_out:
        style |= {"edgecolor": "#777777", "linestyle": "--"}
    text = f"{fill(step.text, LETTERS)}\nn = {step.count:,}"
    axes.text(across, down, text, ha="center", va="center", fontsize=8, bbox=style, zorder=3)


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    axes.annotate(
        "", xy=end, xytext=start, arrowprops={"arrowstyle": "->", "color": "#444444", "linewidth": 1.0}
    )
