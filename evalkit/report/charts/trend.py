"""Figures over time, drawn: a line for each arm, with intervals, broken where runs are not alike.

It does not say whether something changed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, NamedTuple

from evalkit.report.charts.drawing import (
    PAPER,
    Drawing,
    Frame,
    draw,
    label_room,
    label_text,
    light,
)


class Moment(NamedTuple):
    """A share on one day.

    Attributes:
        at: When, ISO 8601.
        value: The share; None where nothing was scored.
        low: Lower end of its interval; None where it does not exist.
        high: Upper end.
        alike: Whether the run can be compared with the arm's newest.
    """

    at: str
    value: float | None
    low: float | None
    high: float | None
    alike: bool


class Line(NamedTuple):
    """One arm's history, from the oldest: its name, its model's role, its moments."""

    label: str
    role: str
    moments: tuple[Moment, ...]


def trend_chart(name: str, alt: str, lines: Sequence[Line], said: str = "quality") -> Drawing:
    """Draw a share over time.

    Args:
        name: As `draw` takes it.
        alt: What the chart says, in words.
        lines: At least one, with at least one moment.
        said: What the share is.
    """
    from matplotlib.lines import Line2D

    names = [label_text(own.label) for own in lines]

    def paint(axes: Any) -> None:
        for place, own in enumerate(lines):
            _line(axes, own, ("-", "--", ":", "-.")[place // 8 % 4])
        axes.set_ylim(-0.02, 1.03)
        axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0%", "25%", "50%", "75%", "100%"])
        axes.set_ylabel(f"{said}, with 95 % interval")
        axes.grid(visible=True)
        _days(axes, [_moment(m.at) for own in lines for m in own.moments])
        handles = [
            Line2D([], [], color=light(own.role), marker="o", markersize=4, label=label)
            for own, label in zip(lines, names, strict=True)
        ]
        axes.legend(
            handles=handles, loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False,
            fontsize=8, borderaxespad=0,
        )  # fmt: skip

    frame = Frame(
        height=max(3.0, 0.8 + 0.2 * len(lines)), right=0.45 + 0.9 * label_room(names), top=0.15,
        bottom=0.5,
    )  # fmt: skip
    return draw(name, alt, frame, paint)


def _line(axes: Any, own: Line, style: str) -> None:
    colour = light(own.role)
    known = [moment for moment in own.moments if moment.value is not None]
    alike = [moment for moment in known if moment.alike]
    axes.plot(
        [_moment(m.at) for m in alike], [m.value for m in alike], color=colour, linestyle=style,
        linewidth=1.3,
    )  # fmt: skip
    for moment in known:
        at = _moment(moment.at)
        if moment.low is not None and moment.high is not None:
            axes.plot([at, at], [moment.low, moment.high], color=colour, linewidth=1)
        axes.plot(
            [at], [moment.value], "o", color=colour, markersize=5,
            markerfacecolor=colour if moment.alike else PAPER,
        )  # fmt: skip


def _moment(at: str) -> dt.datetime:
    moment = dt.datetime.fromisoformat(at)
    return moment.astimezone(dt.UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _days(axes: Any, moments: Sequence[dt.datetime]) -> None:
    """Set ticks by date, a little room at both ends; one day alone gets the hours of that day."""
    from matplotlib import dates

    found: Any = dates  # some of its functions have no types

    first, last = min(moments), max(moments)
    room = max((last - first) * 0.05, dt.timedelta(hours=1))
    axes.set_xlim(first - room, last + room)
    locator = found.AutoDateLocator(maxticks=8)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(found.ConciseDateFormatter(locator))
    axes.set_xlabel("start of the run (UTC)")
