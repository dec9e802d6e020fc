"""How long answers took, drawn: the share that came within a time, a curve for each arm.

Line styles tell apart the modes of one model. It does not time anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from evalkit.report.charts.drawing import Drawing, Frame, draw, label_room, label_text, light
from evalkit.report.values import duration

_MOST_POINTS = 300
_LINES = ("-", "--", ":", "-.")
_MARKS = ((0.5, "o"), (0.95, "s"), (0.99, "^"))
_TICKS = (0, 0.25, 0.5, 0.75, 0.95, 1)


class Series(NamedTuple):
    """One arm's latencies.

    Attributes:
        label: Its name.
        role: Of the palette: its model's colour.
        style: Place of its mode among those of its model: it decides how the line is dashed.
        latency_ms: Of its answered trials, above 0, shape (n,).
    """

    label: str
    role: str
    style: int
    latency_ms: npt.NDArray[np.float64]


def latency_chart(name: str, alt: str, series: Sequence[Series]) -> Drawing:
    """Draw the empirical distribution of each arm's latency, with p50, p95 and p99.

    Args:
        name: As `draw` takes it.
        alt: What the chart says, in words.
        series: At least one, none of them empty.
    """
    from matplotlib.lines import Line2D

    names = [label_text(own.label) for own in series]

    def paint(axes: Any) -> None:
        handles = []
        for own, label in zip(series, names, strict=True):
            style: Any = {
                "color": light(own.role), "linewidth": 1.4,
                "linestyle": _LINES[own.style % len(_LINES)],
            }  # fmt: skip
            axes.step(*curve(own.latency_ms), where="post", **style)
            for q, marker in _MARKS:
                at = np.quantile(own.latency_ms, q, method="higher")
                axes.plot([at], [q], marker, color=light(own.role), markersize=4)
            handles.append(Line2D([], [], label=label, **style))
        _axes(axes, float(min(own.latency_ms.min() for own in series)))
        axes.legend(
            handles=handles, loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, fontsize=8,
            borderaxespad=0, labelspacing=0.4,
        )  # fmt: skip

    frame = Frame(
        height=max(3.6, 0.9 + 0.2 * len(series)), right=0.45 + 0.9 * label_room(names), top=0.15
    )
    return draw(name, alt, frame, paint)


def curve(values: npt.NDArray[np.float64]) -> tuple[Any, Any]:
    """Return times and the share that came within each, at most some hundreds of them.

    Args:
        values: Latencies, shape (n,), in any order.
    """
    ordered = np.sort(values)
    share = np.arange(1, len(ordered) + 1) / len(ordered)
    kept = np.unique(np.linspace(0, len(ordered) - 1, _MOST_POINTS).astype(int))
    return ordered[kept], share[kept]


def _axes(axes: Any, least: float) -> None:
    axes.set_xscale("log")
    left, right = axes.get_xlim()
    axes.set_xlim(max(left, least / 2), right)
    axes.xaxis.set_major_formatter(lambda x, _: duration(x))
    axes.xaxis.set_minor_formatter("")
    axes.set_ylim(0, 1.02)
    axes.set_yticks(_TICKS, [f"{100 * tick:.0f}%" for tick in _TICKS])
    axes.set_xlabel("latency (log scale); ● p50, ■ p95, ▲ p99")
    axes.set_ylabel("answers that came within it")
    axes.grid(visible=True)
