"""Parts that a study report consists of, and how its numbers are written."""

from dataclasses import dataclass, field
from functools import cached_property

from matplotlib.figure import Figure

from evaluation.reports.figures.canvas import to_bytes
from evaluation.statistics.results import Estimate


@dataclass(frozen=True)
class Grid:
    """A table: caption, heading and rows of texts."""

    caption: str
    header: list[str]
    rows: list[list[str]]


@dataclass(frozen=True)
class Picture:
    """A figure: file name without ending, caption, and the figure in both forms, drawn when they are asked for."""

    name: str
    caption: str
    figure: Figure

    @cached_property
    def svg(self) -> bytes:
        """The drawing of the page and of the figure's own file."""
        return to_bytes(self.figure, "svg")

    @cached_property
    def png(self) -> bytes:
        """The picture of the PDF and of the figure's own file."""
        # Drawing moves a figure's parts: always in this order, so that equal data give equal bytes.
        _ = self.svg
        return to_bytes(self.figure, "png")

    def file(self, kind: str) -> bytes:
        """The figure as a file: svg, png or pdf.

        Raises:
            ValueError: another kind.
        """
        if kind in ("svg", "png"):
            return self.svg if kind == "svg" else self.png
        # As of `png`: after the others, always in this order.
        _ = self.png
        return to_bytes(self.figure, kind)


@dataclass(frozen=True)
class Section:
    """A heading with paragraphs, tables and figures under it."""

    title: str
    paragraphs: list[str] = field(default_factory=list)
    grids: list[Grid] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)


def shown(estimate: Estimate | None, digits: int = 1) -> str:
    """`86.7 [83.4, 90.1]`; a dash where there is none."""
    if estimate is None:
        return "–"
    value = f"{estimate.value:.{digits}f}"
    if estimate.interval is None:
        return value
    return f"{value} [{estimate.interval[0]:.{digits}f}, {estimate.interval[1]:.{digits}f}]"


def p_text(value: float | None) -> str:
    """A p value; a dash where there is none."""
    return "–" if value is None else f"{value:.3g}"
