"""Figures as SVG, PDF and PNG with equal bytes for equal data: no dates, no random ids, no display."""

import io
from functools import lru_cache
from typing import Any

from django.utils.translation import get_language
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

FORMATS = ("svg", "pdf", "png")
# Okabe & Ito (2008): told apart with every kind of colour vision.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C8C00")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
CHINESE = ("Noto Sans CJK SC", "Source Han Sans SC", "WenQuanYi Zen Hei", "SimHei", "Microsoft YaHei")


@lru_cache(maxsize=1)
def families() -> tuple[str, ...]:
    """Fonts in order: matplotlib's own, then one that has Chinese letters where there is one."""
    known = {font.name for font in font_manager.fontManager.ttflist}
    return ("DejaVu Sans", *(name for name in CHINESE if name in known))


def drawn_language() -> str:
    """The language of a figure's words: the reader's, but where no font has Chinese letters a figure can't show them."""
    return (get_language() or "en") if len(families()) > 1 else "en"


def new_figure(width: float = 7.0, height: float = 4.5) -> Figure:
    """An empty figure in inches."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def to_bytes(figure: Figure, kind: str) -> bytes:
    """The figure as a file.

    Raises:
        ValueError: the format is unknown.
    """
    if kind not in FORMATS:
        raise ValueError(f"unknown format {kind!r}; known: {', '.join(FORMATS)}")
    import matplotlib as mpl

    stream = io.BytesIO()
    metadata: dict[str, Any] = {
        "svg": {"Date": None, "Creator": None},
        "pdf": {"CreationDate": None, "ModDate": None, "Creator": None, "Producer": None},
        "png": {"Software": None},
    }[kind]
    settings: Any = {"svg.hashsalt": "mammovlm", "svg.fonttype": "path", "font.family": list(families())}
    # A text keeps the family that it was made with: only here every one gets all of them.
    for text in figure.findobj(Text):
        text.set_fontfamily(list(families()))
    with mpl.rc_context(settings):
        figure.savefig(stream, format=kind, dpi=150, metadata=metadata)
    return stream.getvalue()


def style_of(place: int) -> dict[str, Any]:
    """Colour and marker of the place-th series."""
    return {"color": COLOURS[place % len(COLOURS)], "marker": MARKERS[place % len(MARKERS)]}
