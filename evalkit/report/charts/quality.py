"""Quality against cost, or against latency, drawn: with intervals and the Pareto line.

An arm without a price stands in a strip of its own, not at 0. It does not compute figures.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from evalkit.report.charts.drawing import (
    FAINT,
    INK,
    PAPER,
    SETTINGS,
    Drawing,
    Frame,
    add_axes,
    draw,
    label_text,
    light,
    new_figure,
    saved,
)
from evalkit.report.charts.placement import Box, best_corner
from evalkit.report.palette import series
from evalkit.report.values import Row, arm_name, clean, duration, value_of
from evalkit.stats.frontier import pareto_front

Against = Literal["cost", "latency"]

_OPEN, _CLOSED, _CLASSICAL = "o", "s", "^"
_MARKERS = {_OPEN: "open weights", _CLOSED: "closed or unknown weights", _CLASSICAL: "no LLM"}
_FAR = 30.0
_WELL_ABOVE = 0.4
_MOST_TICKS = 13
_LABELS = {
    "cost": "cost per 1000 requests, US$ (log scale)",
    "latency": "median latency (log scale)",
}
_MISSING = {"cost": "no price known", "latency": "no time known"}
_FRAME = Frame(height=4.2, top=0.4)


class Point(NamedTuple):
    """One arm on the chart.

    Attributes:
        name: As it is written.
        x: Its cost in US$ per 1000 requests or its latency in ms; None where it is unknown.
        across: Interval of x, where there is one; its right end may be unknown.
        y: Its quality with both ends.
        colour: As `#rrggbb`.
        marker: Open, closed or no language model.
        recorded: Whether its answers were recorded elsewhere.
    """

    name: str
    x: float | None
    across: tuple[float, float | None] | None
    y: tuple[float, float, float]
    colour: str
    marker: str
    recorded: bool


class Panel(NamedTuple):
    """One suite's panel: its axes, where each arm was drawn, and the Pareto line's corners."""

    axes: Any
    points: list[Point]
    drawn: list[float]
    corners: list[tuple[float, float]]


def tradeoff_chart(
    name: str, alt: str, rows: Sequence[Row], roles: Sequence[str], against: Against
) -> Drawing:
    """Draw one suite's quality against cost or latency.

    Args:
        name: As `draw` takes it.
        alt: What the chart says, in words.
        rows: Rows of summary.json with a quality, at least one.
        roles: The palette's role of each.
        against: What stands across.
    """
    points = [_point(row, light(role), against) for row, role in zip(rows, roles, strict=True)]
    return draw(name, alt, _FRAME, lambda axes: _paint(axes, points, against))


def front(rows: Sequence[Row], against: Against) -> list[Row]:
    """Return the rows that no other beats on both, from the cheapest or fastest.

    Point estimates decide; rows of unknown quality, cost or time are not among them.
    """
    known = [row for row in rows if row["quality"] is not None and _across(row, against)]
    places = pareto_front(
        [_across(row, against) or 0.0 for row in known],
        [row["quality"]["value"] for row in known],
    )
    return [known[place] for place in places]


def quality_chart(rows: Sequence[Row], folder: Path) -> tuple[Path, ...]:
    """Draw quality against cost, a panel for each suite; against latency where nothing is priced.

    Args:
        rows: Rows of summary.json; those without a quality are left out.
        folder: Where quality.png and quality.svg go.

    Returns:
        The paths of the PNG and the SVG; none where no arm has a quality.
    """
    kept = [row for row in rows if row["quality"] is not None]
    if not kept:
        return ()
    import matplotlib as mpl

    suites = list(dict.fromkeys(row["suite"] for row in kept))
    models = list(dict.fromkeys(row["model"] for row in kept))
    colours = {model: light(series(place)) for place, model in enumerate(models)}
    with mpl.rc_context({**SETTINGS, "svg.fonttype": "path"}):
        figure = new_figure(_FRAME.width, _FRAME.height * len(suites))
        for place, suite in enumerate(suites):
            own = [row for row in kept if row["suite"] == suite]
            against: Against = "cost" if any(r["cost_per_1000_usd"] for r in own) else "latency"
            points = [_point(row, colours[row["model"]], against) for row in own]
            axes = add_axes(figure, _FRAME, below=_FRAME.height * place)
            axes.set_title(clean(suite), loc="left", fontweight="bold")
            _paint(axes, points, against)
        svg, png = saved(figure)
    paths = folder / "quality.png", folder / "quality.svg"
    paths[0].write_bytes(png)
    paths[1].write_text(svg, encoding="utf-8")
    return paths


def _across(row: Row, against: Against) -> float | None:
    """Return a row's cost or time; None where it is unknown, or 0, which a log scale lacks."""
    if against == "cost":
        return row["cost_per_1000_usd"] or None
    return value_of(row["latency_ms"] and row["latency_ms"]["p50"]) or None


def _point(row: Row, colour: str, against: Against) -> Point:
    quality, median = row["quality"], row["latency_ms"] and row["latency_ms"]["p50"]
    across = None
    if against == "latency" and median and median["value"] and median["low"]:
        across = (median["low"], median["high"])
    return Point(
        label_text(arm_name(row)),
        _across(row, against),
        across,
        (quality["value"], quality["low"], quality["high"]),
        colour,
        _marker(row),
        bool(row["recorded"]),
    )


def _marker(row: Row) -> str:
    if row.get("kind") == "classical":
        return _CLASSICAL
    return _OPEN if str(row["weights"] or "").startswith("open") else _CLOSED


def _paint(axes: Any, points: list[Point], against: Against) -> None:
    axes.set_xscale("log")
    end, drawn = _place(axes, points, _MISSING[against])
    corners = _draw_front(axes, points)
    for point, x in zip(points, drawn, strict=True):
        _draw_point(axes, point, x)
    axes.set_ylim(_lowest(points), 1.03)
    axes.set_xlabel(_LABELS[against])
    axes.set_ylabel("quality, with 95 % interval")
    _ticks(axes, end, against)
    _legend(axes, points)
    _label(Panel(axes, points, drawn, corners), axes.figure.canvas.get_renderer())


def _lowest(points: Sequence[Point]) -> float:
    """Return where the scale of quality begins: at 0, or at a tenth where all stand well above."""
    least = min(point.y[1] for point in points)
    return -0.03 if least < _WELL_ABOVE else math.floor(10 * least - 0.5) / 10


def _place(axes: Any, points: Sequence[Point], missing: str) -> tuple[float, list[float]]:
    """Set the horizontal limits; arms of unknown x stand in a strip of their own at the right.

    Returns:
        Where the scale ends, and each point's place.
    """
    ends = [e for p in points for e in (p.x, *(p.across or ())) if e] or [1.0]
    low, edge = min(ends) / 2.0, max(ends) * 2.0
    unknown = [point for point in points if point.x is None]
    if not unknown:
        axes.set_xlim(low, edge)
        return edge, [point.x or low for point in points]
    width = (edge / low) ** 0.3
    axes.set_xlim(low, edge * width)
    axes.axvspan(edge, edge * width, color=light("raised"), linewidth=0, zorder=0)
    axes.text(edge * width**0.5, 0.012, missing, ha="center", va="bottom", color=FAINT, fontsize=8)
    step = 1.0 / (len(unknown) + 1)
    inside = iter(edge * width ** (step * (i + 1)) for i in range(len(unknown)))
    return edge, [next(inside) if point.x is None else point.x for point in points]


def _draw_front(axes: Any, points: Sequence[Point]) -> list[tuple[float, float]]:
    """Draw the Pareto line, the best quality that is to be had up to each cost.

    Returns:
        Its corners.
    """
    known = [point for point in points if point.x is not None]
    places = pareto_front([p.x or 0.0 for p in known], [p.y[0] for p in known])
    corners: list[tuple[float, float]] = []
    for point in (known[place] for place in places):
        if corners:
            corners.append((point.x or 0.0, corners[-1][1]))
        corners.append((point.x or 0.0, point.y[0]))
    if len(corners) > 1:
        axes.plot(*zip(*corners, strict=True), color=FAINT, linewidth=1, linestyle="--", zorder=1)
    return corners


def _draw_point(axes: Any, point: Point, x: float) -> None:
    value, low, high = point.y
    across = None
    if point.across is not None:
        right = point.across[1] or axes.get_xlim()[1]
        across = [[max(0.0, x - point.across[0])], [max(0.0, right - x)]]
    axes.errorbar(
        [x], [value], yerr=[[max(0.0, value - low)], [max(0.0, high - value)]], xerr=across,
        fmt=point.marker, color=point.colour, markersize=7, capsize=3, elinewidth=1.2,
        markerfacecolor=PAPER if point.recorded else point.colour, markeredgewidth=1.4,
        zorder=3,
    )  # fmt: skip


def _ticks(axes: Any, end: float, against: Against) -> None:
    """Set ticks up to where x is known: a strip of unknown costs has no scale."""
    from matplotlib.ticker import FixedLocator, LogLocator, NullLocator, PercentFormatter

    start = axes.get_xlim()[0]
    ticks = _within(LogLocator(subs=(1.0, 2.0, 5.0)).tick_values(start, end), start, end)
    if len(ticks) > _MOST_TICKS:
        ticks = _within(LogLocator().tick_values(start, end), start, end)
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_major_formatter(
        (lambda x, _: duration(x)) if against == "latency" else (lambda x, _: f"{x:,.12g}")
    )
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.grid(visible=True, which="major")


def _within(ticks: Sequence[float], start: float, end: float) -> list[float]:
    return [float(f"{tick:.6g}") for tick in ticks if start <= tick <= end]


def _legend(axes: Any, points: Sequence[Point]) -> None:
    from matplotlib.lines import Line2D

    look: Mapping[str, Any] = {"linestyle": "", "color": INK, "markersize": 6}
    handles = [
        Line2D([], [], marker=marker, label=name, **look)
        for marker, name in _MARKERS.items()
        if any(point.marker == marker for point in points)
    ]
    if any(point.recorded for point in points):
        handles.append(
            Line2D([], [], marker="o", markerfacecolor=PAPER, label="hollow: recorded", **look)
        )
    handles.append(Line2D([], [], linestyle="--", color=FAINT, label="Pareto line"))
    axes.legend(
        handles=handles, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=len(handles),
        frameon=False, fontsize=8, borderaxespad=0.2, handletextpad=0.3,
    )  # fmt: skip


def _label(panel: Panel, renderer: Any) -> None:
    """Write each arm's name near its point, where it covers no name, point or bar."""
    axes = panel.axes
    frame = axes.get_window_extent(renderer)
    taken = [
        box for p, x in zip(panel.points, panel.drawn, strict=True) for box in _boxes(axes, p, x)
    ]
    ends = [tuple(axes.transData.transform(corner)) for corner in panel.corners]
    taken += [
        (a[0], min(a[1], b[1]) - 2, b[0] + 2, max(a[1], b[1]) + 2)
        for a, b in itertools.pairwise(ends)
    ]
    order = sorted(range(len(panel.points)), key=lambda i: -panel.points[i].y[0])
    for index in order:
        point, x = panel.points[index], panel.drawn[index]
        text = axes.annotate(
            point.name, (x, point.y[0]), xytext=(0, 0), textcoords="offset pixels",
            color=point.colour, fontsize=8.5, zorder=4,
        )  # fmt: skip
        extent = text.get_window_extent(renderer)
        anchor = axes.transData.transform((x, point.y[0]))
        size = (extent.width, extent.height)
        corner = best_corner(tuple(anchor), size, (frame.x0, frame.y0, frame.x1, frame.y1), taken)
        text.remove()
        box = (*corner, corner[0] + size[0], corner[1] + size[1])
        taken.append(box)
        _write(axes, point, tuple(anchor), box)


def _boxes(axes: Any, point: Point, x: float) -> list[Box]:
    """Return the pixels that a point and its bars cover."""
    to_pixels = axes.transData.transform
    centre = to_pixels((x, point.y[0]))
    low, high = to_pixels((x, point.y[1]))[1], to_pixels((x, point.y[2]))[1]
    boxes = [
        (centre[0] - 11, centre[1] - 11, centre[0] + 11, centre[1] + 11),
        (centre[0] - 7, low - 2, centre[0] + 7, high + 2),
    ]
    if point.across is not None:
        left = to_pixels((point.across[0], point.y[0]))[0]
        right = to_pixels((point.across[1] or axes.get_xlim()[1], point.y[0]))[0]
        boxes.append((left, centre[1] - 7, right, centre[1] + 7))
    return boxes


def _write(axes: Any, point: Point, anchor: tuple[float, float], box: Box) -> None:
    """Write one label, with a thin line to its point where they stand apart."""
    nearest = (
        min(max(anchor[0], box[0]), box[2]),
        min(max(anchor[1], box[1]), box[3]),
    )
    from_pixels = axes.transAxes.inverted().transform
    if abs(nearest[0] - anchor[0]) + abs(nearest[1] - anchor[1]) > _FAR:
        ends = from_pixels([anchor, nearest])
        axes.plot(
            ends[:, 0], ends[:, 1], transform=axes.transAxes, color=point.colour, linewidth=0.6,
            alpha=0.7, zorder=2,
        )  # fmt: skip
    x, y = from_pixels((box[0], box[1]))
    axes.text(
        x, y, point.name, transform=axes.transAxes, color=point.colour, fontsize=8.5,
        va="bottom", ha="left", zorder=4,
    )  # fmt: skip
