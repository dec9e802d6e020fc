"""How a chart is drawn: once, with colours of the palette, and kept as SVG and PNG.

The same input gives the same bytes. It does not know what a chart shows.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from evalkit.report.charts.markup import file_markup, page_markup
from evalkit.report.palette import ROLES
from evalkit.report.terminal import shortened
from evalkit.report.values import clean

WIDTH = 7.6
LONGEST = 34
_DPI = 130


def light(role: str) -> str:
    """Return a role's colour on light ground: what charts draw with."""
    return ROLES[role].light


INK, FAINT, LINE, PAPER = (light(role) for role in ("ink", "faint", "line", "paper"))
SETTINGS: Any = {
    "svg.hashsalt": "evalkit",
    "svg.fonttype": "none",
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.parse_math": False,
    "text.color": INK,
    "axes.labelcolor": FAINT,
    "axes.edgecolor": LINE,
    "axes.facecolor": "none",
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "grid.color": LINE,
    "grid.linewidth": 0.5,
    "hatch.linewidth": 0.6,
}


@dataclass(frozen=True, slots=True)
class Drawing:
    """One chart as it is kept.

    Attributes:
        markup: For the page: SVG without styles, colours as classes of the palette.
        png: A picture on white ground.
    """

    markup: str
    png: bytes

    @property
    def svg(self) -> str:
        """The drawing as a file that stands alone, light and dark."""
        return file_markup(self.markup)


@dataclass(frozen=True, slots=True)
class Frame:
    """The room around a chart's axes, in inches; the rest of the figure is the axes'."""

    width: float = WIDTH
    height: float = 3.6
    left: float = 0.7
    right: float = 0.2
    top: float = 0.3
    bottom: float = 0.55


def draw(name: str, alt: str, frame: Frame, paint: Callable[[Any], None]) -> Drawing:
    """Draw a chart of one pair of axes.

    Args:
        name: What its ids begin with: letters, digits, `-`, `_` and `.`.
        alt: What it says, in words.
        frame: Its size.
        paint: Draws on the axes; every colour it uses is the light one of a role.

    Raises:
        ValueError: If a colour is none of the palette.
    """
    import matplotlib as mpl

    with mpl.rc_context(SETTINGS):
        figure = new_figure(frame.width, frame.height)
        paint(add_axes(figure, frame))
        svg, png = saved(figure)
    return Drawing(page_markup(svg, name, alt), png)


def new_figure(width: float, height: float) -> Any:
    """Return an empty figure of this size in inches, with a canvas that measures text."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=_DPI)
    FigureCanvasAgg(figure)
    return figure


def add_axes(figure: Any, frame: Frame, *, below: float = 0.0) -> Any:
    """Return axes inside a frame whose top edge lies so many inches below the figure's."""
    total = figure.get_figheight()
    return figure.add_axes(
        (
            frame.left / frame.width,
            (total - below - frame.height + frame.bottom) / total,
            (frame.width - frame.left - frame.right) / frame.width,
            (frame.height - frame.top - frame.bottom) / total,
        )
    )


def saved(figure: Any) -> tuple[str, bytes]:
    """Return a figure as SVG, and as PNG on white ground."""
    text, picture = io.StringIO(), io.BytesIO()
    figure.savefig(text, format="svg", facecolor="none", metadata={"Date": None, "Creator": None})
    figure.savefig(picture, format="png", facecolor=PAPER, metadata={"Software": None})
    return text.getvalue(), picture.getvalue()


def label_text(label: str) -> str:
    """Return a label that the font can write and that fits."""
    plain = clean(label).encode("latin-1", "replace").decode("latin-1")
    return shortened(plain.strip() or "-", LONGEST)


def label_room(labels: list[str]) -> float:
    """Return the inches that the longest of some labels takes beside an axis."""
    return 0.25 + 0.083 * max(map(len, labels), default=0)
