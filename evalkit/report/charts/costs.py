"""What a month costs over the volume, drawn: a line for each arm, stairs where servers come whole.

It does not compute costs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from evalkit.report.charts.drawing import (
    FAINT,
    Drawing,
    Frame,
    draw,
    label_room,
    label_text,
    light,
)

_LINES = {"api": "-", "hosted_open": "--", "self_hosted": "-", "no_llm": ":"}
_BAND = "nine of ten draws"
_WIDTHS = {"self_hosted": 2.2}


class CostLine(NamedTuple):
    """One arm's cost of a month, US$, over the volumes; its name, kind and palette role."""

    label: str
    kind: str
    role: str
    usd_per_month: Sequence[float]


class Band(NamedTuple):
    """Between which costs of a month, US$, nine of ten draws lie, over volumes of its own."""

    role: str
    requests_per_month: Sequence[float]
    low_usd_per_month: Sequence[float]
    high_usd_per_month: Sequence[float]


def cost_chart(
    name: str,
    alt: str,
    volumes: Sequence[float],
    lines: Sequence[CostLine],
    marks: tuple[float, Sequence[float]],
    *,
    band: Band | None = None,
) -> Drawing:
    """Draw monthly cost over volume, both on log scales.

    Args:
        name: As `draw` takes it.
        alt: What the chart says, in words.
        volumes: Requests a month, rising, above 0.
        lines: At least one, with as many values as volumes.
        marks: The stated volume, and those at which the cheaper side changes.
        band: Of one arm.
    """
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    names = [label_text(own.label) for own in lines]

    def paint(axes: Any) -> None:
        axes.set_xscale("log")
        axes.set_yscale("log")
        handles: list[Any] = []
        for own, label in zip(lines, names, strict=True):
            style: Any = {
                "color": light(own.role), "linestyle": _LINES.get(own.kind, "-."),
                "linewidth": _WIDTHS.get(own.kind, 1.4),
            }  # fmt: skip
            known = [(x, y) for x, y in zip(volumes, own.usd_per_month, strict=True) if y > 0]
            axes.plot(*zip(*known, strict=True), drawstyle="default", **style)
            handles.append(Line2D([], [], label=label, **style))
        if band is not None and min(band.low_usd_per_month) > 0:
            shade: Any = {"color": light(band.role), "alpha": 0.15, "linewidth": 0}
            axes.fill_between(
                band.requests_per_month, band.low_usd_per_month, band.high_usd_per_month, **shade
            )
            handles.append(Patch(label=_BAND, **shade))
        axes.axvline(marks[0], color=FAINT, linewidth=1, linestyle="--")
        handles.append(Line2D([], [], color=FAINT, linewidth=1, ls="--", label="stated volume"))
        for mark in marks[1]:
            axes.axvline(mark, color=FAINT, linewidth=1, linestyle=":")
        if marks[1]:
            handles.append(Line2D([], [], color=FAINT, linewidth=1, ls=":", label="break-even"))
        axes.set_xlim(volumes[0], volumes[-1])
        axes.xaxis.set_major_formatter(lambda x, _: counted(x))
        axes.yaxis.set_major_formatter(lambda y, _: f"${counted(y)}")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_minor_formatter("")
        axes.grid(visible=True)
        axes.set_xlabel("requests a month (log scale)")
        axes.set_ylabel("US$ a month (log scale)")
        axes.legend(
            handles=handles, loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False,
            fontsize=8, borderaxespad=0,
        )  # fmt: skip

    frame = Frame(
        height=max(3.8, 0.8 + 0.2 * len(lines)), left=1.15,
        right=0.45 + 0.9 * label_room([*names, _BAND]), top=0.15,
    )  # fmt: skip
    return draw(name, alt, frame, paint)


def counted(value: float) -> str:
    """Return a number of an axis, short from a million on.

    Example:
        >>> counted(20_000), counted(1e7), counted(1e9), counted(0.1)
        ('20,000', '10 M', '1 B', '0.1')
    """
    for size, name in ((1e9, " B"), (1e6, " M")):
        if value >= size:
            return f"{value / size:,.6g}{name}"
    return f"{value:,.6g}"
