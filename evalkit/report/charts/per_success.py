"""What a success costs, drawn: a point with its interval for each arm that has a price.

An arm without a price is named without a point, never at 0. It does not price anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from evalkit.report.charts.drawing import (
    FAINT,
    PAPER,
    Drawing,
    Frame,
    draw,
    label_room,
    label_text,
    light,
)
from evalkit.report.values import MISSING, UNPRICED, money

_WIDE = 20.0


class Cost(NamedTuple):
    """One arm's cost per success.

    Attributes:
        label: Its name.
        role: Of the palette: its model's colour.
        recorded: Whether its answers were recorded elsewhere.
        usd: Per success; None where it is unknown.
        ends: Its interval, where there is one; an end that does not exist is None.
        priced: Whether anything of it has a price.
    """

    label: str
    role: str
    recorded: bool
    usd: float | None
    ends: tuple[float | None, float | None] | None
    priced: bool


def success_chart(name: str, alt: str, costs: Sequence[Cost]) -> Drawing:
    """Draw the cost per success of each arm, on a log scale where they lie far apart.

    Args:
        name: As `draw` takes it.
        alt: What the chart says, in words.
        costs: At least one of them known and above 0.
    """
    names = [label_text(own.label) for own in costs]
    known = [own.usd for own in costs if own.usd]
    wide = max(known) / min(known) > _WIDE

    def paint(axes: Any) -> None:
        if wide:
            axes.set_xscale("log")
        rows = range(len(costs) - 1, -1, -1)
        for row, own in zip(rows, costs, strict=True):
            _point(axes, row, own)
        axes.set_yticks(list(rows), names)
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(-0.6, len(costs) - 0.4)
        if not wide:
            axes.set_xlim(left=0)
        axes.xaxis.set_major_formatter(lambda x, _: money(x))
        axes.xaxis.set_minor_formatter("")
        axes.set_xlabel("cost per success, US$" + (" (log scale)" if wide else ""))
        axes.grid(visible=True, axis="x")

    frame = Frame(height=0.75 + 0.32 * len(costs), left=label_room(names), right=1.0, top=0.1)
    return draw(name, alt, frame, paint)


def _point(axes: Any, row: int, own: Cost) -> None:
    colour = light(own.role)
    across = axes.get_yaxis_transform()
    if not own.usd:
        free = "$0" if own.usd == 0 else (MISSING if own.priced else UNPRICED)
        axes.text(1.02, row, free, transform=across, va="center", fontsize=8, color=FAINT)
        return
    low, high = own.ends or (None, None)
    if low is not None:
        axes.plot([low, high if high is not None else own.usd], [row, row], color=colour, lw=1.4)
    if low is not None and high is None:
        axes.annotate(
            "", xy=(1.0, row), xytext=(own.usd, row), xycoords=across, textcoords="data",
            arrowprops={"arrowstyle": "->", "color": colour, "shrinkA": 0, "shrinkB": 0},
        )  # fmt: skip
    axes.plot(
        [own.usd], [row], "o", color=colour, markersize=6,
        markerfacecolor=PAPER if own.recorded else colour,
    )  # fmt: skip
    axes.text(1.02, row, money(own.usd), transform=across, va="center", fontsize=8)
