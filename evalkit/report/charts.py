"""Quality against cost, drawn: the only module that knows matplotlib.

An arm without a price is drawn where its cost is unknown, not at 0; where nothing is priced the
chart shows latency instead. The same rows give the same bytes. It does not compute figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from evalkit.report.values import Row, arm_name, clean, value_of

# Okabe & Ito (2008): told apart with every common colour blindness, together with the markers.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_OPEN, _CLOSED, _CLASSICAL = "o", "s", "^"
_INK = "#333333"
_FAINT = "#8a8a8a"
_PLENTY = 12


class Point(NamedTuple):
    """One arm on the chart.

    Attributes:
        x: Its cost or latency with both ends; None where it is unknown.
        y: Its quality with both ends.
    """

    name: str
    x: tuple[float, float | None, float | None] | None
    y: tuple[float, float, float]
    colour: str
    marker: str
    recorded: bool


class Axis(NamedTuple):
    """What the horizontal axis shows."""

    label: str
    is_cost: bool


def quality_chart(rows: Sequence[Row], folder: Path) -> tuple[Path, ...]:
    """Draw quality against cost per 1000 requests, one panel for each suite.

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
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    suites = list(dict.fromkeys(row["suite"] for row in kept))
    settings = {
        "svg.hashsalt": "evalkit",
        "svg.fonttype": "path",
        "font.family": "DejaVu Sans",
        "font.size": 9,
        "text.parse_math": False,
    }
    with mpl.rc_context(settings):
        figure = Figure(figsize=(8.0, 4.6 * len(suites)), dpi=150, layout="constrained")
        FigureCanvasAgg(figure)
        panels = figure.subplots(len(suites), 1, squeeze=False)[:, 0]
        for panel, suite in zip(panels, suites, strict=True):
            _draw(panel, clean(suite), [row for row in kept if row["suite"] == suite])
        figure.draw_without_rendering()
        for panel in panels:
            _place_labels(panel, figure)
        paths = folder / "quality.png", folder / "quality.svg"
        figure.savefig(paths[0], metadata={"Software": None})
        figure.savefig(paths[1], metadata={"Date": None, "Creator": None})
    return paths


def _axis(rows: Sequence[Row]) -> Axis:
    if any(row["cost_per_1000_usd"] is not None for row in rows):
        return Axis("cost per 1000 requests, US$ (log scale)", True)
    return Axis("median latency, ms (log scale); nothing here has a price", False)


def _points(rows: Sequence[Row], axis: Axis) -> list[Point]:
    points = []
    for index, row in enumerate(rows):
        quality = row["quality"]
        points.append(
            Point(
                arm_name(row),
                _x_of(row, axis),
                (quality["value"], quality["low"], quality["high"]),
                _COLOURS[index % len(_COLOURS)],
                _marker(row),
                bool(row["recorded"]),
            )
        )
    return points


def _x_of(row: Row, axis: Axis) -> tuple[float, float | None, float | None] | None:
    if axis.is_cost:
        cost = row["cost_per_1000_usd"]
        return None if not cost else (cost, None, None)
    median = row["latency_ms"] and row["latency_ms"]["p50"]
    value = value_of(median)
    return None if not value else (value, median["low"], median["high"])


def _marker(row: Row) -> str:
    if row.get("kind") == "classical":
        return _CLASSICAL
    return _OPEN if str(row["weights"] or "").startswith("open") else _CLOSED


def _draw(panel: Any, suite: str, rows: Sequence[Row]) -> None:  # noqa: ANN401 - matplotlib has no stubs here
    axis = _axis(rows)
    points = _points(rows, axis)
    known = [point for point in points if point.x is not None]
    panel.set_xscale("log")
    panel.set_xlim(*_x_limits(known))
    strip = _unknown_strip(panel, points) if len(known) < len(points) else {}
    panel.evalkit_labels = []
    for point in points:
        x = point.x[0] if point.x is not None else strip[point.name]
        _draw_point(panel, point, x)
        panel.evalkit_labels.append((point.name, x, point.y[0], point.colour))
    panel.set_ylim(0.0, 1.02)
    panel.set_title(suite, loc="left", color=_INK, fontweight="bold")
    panel.set_xlabel(axis.label, color=_INK)
    panel.set_ylabel("quality, with 95 % interval", color=_INK)
    _plain_ticks(panel)
    _legend(panel, points)


def _x_limits(known: Sequence[Point]) -> tuple[float, float]:
    ends = [e for p in known if p.x for e in p.x if e] or [1.0]
    low, high = min(ends), max(ends)
    return low / 2.2, high * (2.2 if high / low > 3 else 6.0)


def _unknown_strip(panel: Any, points: Sequence[Point]) -> dict[str, float]:  # noqa: ANN401
    """Widen the axis to the left by a marked strip for arms whose cost is not known."""
    low, high = panel.get_xlim()
    edge = low
    width = (high / low) ** 0.28
    panel.set_xlim(edge / width, high)
    panel.axvspan(edge / width, edge, color="#f0f0f0", zorder=0)
    panel.text(
        edge / width ** 0.5, 0.015, "no price" if _axis_is_cost(panel) else "unknown",
        ha="center", va="bottom", color=_FAINT, fontsize=8,
    )  # fmt: skip
    unknown = [point.name for point in points if point.x is None]
    count = len(unknown)
    return {
        name: edge / width ** (0.88 - 0.5 * index / max(count - 1, 1))
        for index, name in enumerate(unknown)
    }


def _axis_is_cost(panel: Any) -> bool:  # noqa: ANN401
    return bool(panel)


def _draw_point(panel: Any, point: Point, x: float) -> None:  # noqa: ANN401
    value, low, high = point.y
    across = None
    if point.x is not None and point.x[1] is not None:
        right = point.x[2] if point.x[2] is not None else panel.get_xlim()[1]
        across = [[max(0.0, x - point.x[1])], [max(0.0, right - x)]]
    panel.errorbar(
        [x], [value], yerr=[[value - low], [high - value]], xerr=across,
        fmt=point.marker, color=point.colour, markersize=7, capsize=3, elinewidth=1.2,
        markerfacecolor="white" if point.recorded else point.colour, markeredgewidth=1.4,
        zorder=3,
    )  # fmt: skip


def _plain_ticks(panel: Any) -> None:  # noqa: ANN401
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, PercentFormatter

    panel.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.12g}"))
    panel.xaxis.set_minor_formatter(NullFormatter())
    panel.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    panel.grid(visible=True, which="major", color="#e4e4e4", linewidth=0.6, zorder=0)
    for side in ("top", "right"):
        panel.spines[side].set_visible(False)
    panel.tick_params(colors=_INK)


def _legend(panel: Any, points: Sequence[Point]) -> None:  # noqa: ANN401
    from matplotlib.lines import Line2D

    names = {_OPEN: "open weights", _CLOSED: "closed or unknown weights", _CLASSICAL: "no LLM"}
    handles = [
        Line2D([], [], marker=m, linestyle="", color=_INK, label=names[m], markersize=6)
        for m in (_OPEN, _CLOSED, _CLASSICAL)
        if any(point.marker == m for point in points)
    ]
    if any(point.recorded for point in points):
        handles.append(
            Line2D([], [], marker="o", linestyle="", color=_INK, markerfacecolor="white",
                   label="recorded", markersize=6)
        )  # fmt: skip
    panel.legend(handles=handles, loc="lower right", frameon=False, fontsize=8, labelcolor=_INK)


def _place_labels(panel: Any, figure: Any) -> None:  # noqa: ANN401
    """Write each arm's name beside its point where it covers no other name, point or bar."""
