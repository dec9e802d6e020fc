"""Quality against cost, drawn: the only module that knows matplotlib.

An arm without a price is drawn where its cost is unknown, not at 0; where nothing is priced the
chart shows latency instead. The same rows give the same bytes. It does not compute figures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from evalkit.report.palette import ROLES, series
from evalkit.report.values import Row, arm_name, clean, value_of

_OPEN, _CLOSED, _CLASSICAL = "o", "s", "^"
_INK = "#333333"
_FAINT = "#6b6b6b"
_FAR = 30.0
_MOST_TICKS = 13
_TIME_LABEL = "median latency, ms (log scale); nothing here has a price"
_DIRECTIONS = ((1, 0), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1), (0, 1), (0, -1))
_SETTINGS: Any = {
    "svg.hashsalt": "evalkit",
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.parse_math": False,
}

Box = tuple[float, float, float, float]


class Point(NamedTuple):
    """One arm on the chart.

    Attributes:
        x: Its cost or latency; None where it is unknown.
        across: Interval of x, where there is one.
        y: Its quality with both ends.
    """

    name: str
    x: float | None
    across: tuple[float, float | None] | None
    y: tuple[float, float, float]
    colour: str
    marker: str
    recorded: bool


class Panel(NamedTuple):
    """One suite's panel: its axes, and where each arm was drawn."""

    axes: Any
    points: list[Point]
    drawn: list[float]


def quality_chart(
    rows: Sequence[Row], folder: Path, models: Sequence[str] = ()
) -> tuple[Path, ...]:
    """Draw quality against cost per 1000 requests, one panel for each suite.

    Args:
        rows: Rows of summary.json; those without a quality are left out.
        folder: Where quality.png and quality.svg go.
        models: Models in the order in which they get their colours; others come after.

    Returns:
        The paths of the PNG and the SVG; none where no arm has a quality.
    """
    kept = [row for row in rows if row["quality"] is not None]
    if not kept:
        return ()
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    suites = list(dict.fromkeys(row["suite"] for row in kept))
    ordered = dict.fromkeys([*models, *(row["model"] for row in kept)])
    colours = {model: ROLES[series(place)].light for place, model in enumerate(ordered)}
    with mpl.rc_context(_SETTINGS):
        figure = Figure(figsize=(8.0, 4.8 * len(suites)), dpi=150, layout="constrained")
        canvas: Any = FigureCanvasAgg(figure)
        grid = figure.subplots(len(suites), 1, squeeze=False)[:, 0]
        panels = [
            _draw(axes, suite, [row for row in kept if row["suite"] == suite], colours)
            for axes, suite in zip(grid, suites, strict=True)
        ]
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        for panel in panels:
            _label(panel, canvas.get_renderer())
        paths = folder / "quality.png", folder / "quality.svg"
        figure.savefig(paths[0], metadata={"Software": None})
        figure.savefig(paths[1], metadata={"Date": None, "Creator": None})
    return paths


def _draw(axes: Any, suite: str, rows: Sequence[Row], colours: Mapping[str, str]) -> Panel:
    by_cost = any(row["cost_per_1000_usd"] for row in rows)
    points = [_point(row, colours[row["model"]], by_cost=by_cost) for row in rows]
    axes.set_xscale("log")
    end, drawn = _place(axes, points, "no price known" if by_cost else "no time known")
    for point, x in zip(points, drawn, strict=True):
        _draw_point(axes, point, x)
    axes.set_ylim(0.0, 1.03)
    axes.set_title(clean(suite), loc="left", color=_INK, fontweight="bold")
    label = "cost per 1000 requests, US$ (log scale)" if by_cost else _TIME_LABEL
    axes.set_xlabel(label, color=_INK)
    axes.set_ylabel("quality, with 95 % interval", color=_INK)
    _ticks(axes, end)
    _legend(axes, points)
    return Panel(axes, points, drawn)


def _point(row: Row, colour: str, *, by_cost: bool) -> Point:
    quality = row["quality"]
    x, across = row["cost_per_1000_usd"], None
    if not by_cost:
        median = row["latency_ms"] and row["latency_ms"]["p50"]
        x = value_of(median)
        if x and median["low"]:
            across = (median["low"], median["high"])
    return Point(
        arm_name(row),
        x or None,
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
    axes.axvspan(edge, edge * width, color="#f1f1f1", linewidth=0, zorder=0)
    axes.text(edge * width**0.5, 0.012, missing, ha="center", va="bottom", color=_FAINT, fontsize=8)
    step = 1.0 / (len(unknown) + 1)
    inside = iter(edge * width ** (step * (i + 1)) for i in range(len(unknown)))
    return edge, [next(inside) if point.x is None else point.x for point in points]


def _draw_point(axes: Any, point: Point, x: float) -> None:
    value, low, high = point.y
    across = None
    if point.across is not None:
        right = point.across[1] or axes.get_xlim()[1]
        across = [[max(0.0, x - point.across[0])], [max(0.0, right - x)]]
    axes.errorbar(
        [x], [value], yerr=[[max(0.0, value - low)], [max(0.0, high - value)]], xerr=across,
        fmt=point.marker, color=point.colour, markersize=7, capsize=3, elinewidth=1.2,
        markerfacecolor="white" if point.recorded else point.colour, markeredgewidth=1.4,
        zorder=3,
    )  # fmt: skip


def _ticks(axes: Any, end: float) -> None:
    """Set ticks up to where x is known: a strip of unknown costs has no scale."""
    from matplotlib.ticker import FixedLocator, LogLocator, NullLocator, PercentFormatter

    start = axes.get_xlim()[0]
    ticks = _within(LogLocator(subs=(1.0, 2.0, 5.0)).tick_values(start, end), start, end)
    if len(ticks) > _MOST_TICKS:
        ticks = _within(LogLocator().tick_values(start, end), start, end)
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:,.12g}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.grid(visible=True, which="major", color="#e4e4e4", linewidth=0.6, zorder=0)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(colors=_INK)


def _within(ticks: Sequence[float], start: float, end: float) -> list[float]:
    return [float(f"{tick:.6g}") for tick in ticks if start <= tick <= end]


def _legend(axes: Any, points: Sequence[Point]) -> None:
    from matplotlib.lines import Line2D

    names = {_OPEN: "open weights", _CLOSED: "closed or unknown weights", _CLASSICAL: "no LLM"}
    look: Any = {"linestyle": "", "color": _INK, "markersize": 6}
    handles = [
        Line2D([], [], marker=marker, label=name, **look)
        for marker, name in names.items()
        if any(point.marker == marker for point in points)
    ]
    if any(point.recorded for point in points):
        handles.append(
            Line2D([], [], marker="o", markerfacecolor="white", label="hollow: recorded", **look)
        )
    axes.legend(
        handles=handles, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=len(handles),
        frameon=False, fontsize=8, labelcolor=_INK, borderaxespad=0.2, handletextpad=0.2,
    )  # fmt: skip


def _label(panel: Panel, renderer: Any) -> None:
    """Write each arm's name near its point, where it covers no name, point or bar."""
    axes = panel.axes
    frame = axes.get_window_extent(renderer)
    taken = [
        box for p, x in zip(panel.points, panel.drawn, strict=True) for box in _boxes(axes, p, x)
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


def best_corner(
    anchor: tuple[float, float], size: tuple[float, float], frame: Box, taken: Sequence[Box]
) -> tuple[float, float]:
    """Return the lower left corner for a label: near its point, inside the frame, on free ground.

    Args:
        anchor: The point, in pixels.
        size: Width and height of the label.
        frame: The panel: left, bottom, right, top.
        taken: What must not be covered.

    Returns:
        Of all corners around the point the one that covers least, then the nearest.
    """
    width, height = size
    best, least = (anchor[0], anchor[1]), float("inf")
    for ring in range(14):
        reach = 14.0 + 9.0 * ring
        for dx, dy in _DIRECTIONS:
            left = anchor[0] + dx * reach - (0.5 - 0.5 * dx) * width
            bottom = anchor[1] + dy * reach - (0.5 - 0.5 * dy) * height
            left = min(max(left, frame[0] + 3), max(frame[2] - width - 3, frame[0] + 3))
            bottom = min(max(bottom, frame[1] + 3), frame[3] - height - 3)
            box = (left, bottom, left + width, bottom + height)
            covered = sum(_overlap(box, other) for other in taken)
            if covered < least:
                best, least = (left, bottom), covered
            if covered == 0.0:
                return best
    return best


def _overlap(a: Box, b: Box) -> float:
    wide = min(a[2], b[2]) - max(a[0], b[0])
    high = min(a[3], b[3]) - max(a[1], b[1])
    return wide * high if wide > 0 and high > 0 else 0.0


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
