"""Quality by slice, drawn: a field for each slice and arm, darker where it is higher.

The figures stand in the fields, so shade is not needed to read them. It does not compute figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from evalkit.report.charts.drawing import (
    LINE,
    PAPER,
    Drawing,
    Frame,
    draw,
    label_room,
    label_text,
    light,
)
from evalkit.report.palette import STEPS

_WIDE = 1.15


class Field(NamedTuple):
    """Quality of one arm in one slice: a share with its interval, whose ends may be unknown."""

    value: float
    low: float | None
    high: float | None


class SliceFields(NamedTuple):
    """One slice: its name, its samples, and a field for each arm; None where nothing is known."""

    label: str
    n: int
    fields: tuple[Field | None, ...]


def heat_chart(name: str, alt: str, arms: Sequence[str], slices: Sequence[SliceFields]) -> Drawing:
    """Draw a heat map of quality.

    Args:
        name: As `draw` takes it.
        alt: What the chart says, in words.
        arms: Names of the columns.
        slices: Rows, from the top; each has as many fields as there are arms.
    """
    names = [f"{label_text(own.label)} (n = {own.n:,})" for own in slices]
    heads = [label_text(arm) for arm in arms]

    def paint(axes: Any) -> None:
        for place, own in enumerate(slices):
            for column, field in enumerate(own.fields):
                _field(axes, column, len(slices) - 1 - place, field)
        axes.set_xlim(0, len(arms))
        axes.set_ylim(0, len(slices))
        axes.set_yticks([len(slices) - 0.5 - i for i in range(len(slices))], names)
        axes.set_xticks([i + 0.5 for i in range(len(arms))], heads)
        axes.xaxis.tick_top()
        for text in axes.get_xticklabels():
            text.set(rotation=35, ha="left", rotation_mode="anchor")
        axes.tick_params(length=0, pad=3)
        for side in axes.spines.values():
            side.set_visible(False)

    # A head that is turned by 35 degrees rises by sin(35) of its length, and leans by cos(35).
    long = label_room(heads)
    frame = Frame(
        width=label_room(names) + _WIDE * len(arms) + 0.8 * long,
        height=0.57 * long + 0.2 + 0.42 * len(slices),
        left=label_room(names), right=0.8 * long, top=0.57 * long + 0.1, bottom=0.1,
    )  # fmt: skip
    return draw(name, alt, frame, paint)


def _field(axes: Any, left: int, bottom: int, field: Field | None) -> None:
    from matplotlib.patches import Rectangle

    if field is None:
        axes.add_patch(
            Rectangle((left, bottom), 1, 1, facecolor=PAPER, edgecolor=LINE, hatch="//", lw=0)
        )
        return
    step = min(STEPS - 1, int(field.value * STEPS))
    axes.add_patch(
        Rectangle((left, bottom), 1, 1, facecolor=light(f"h{step}"), edgecolor=PAPER, lw=1.5)
    )
    axes.text(left + 0.5, bottom + 0.62, f"{100 * field.value:.0f}%", ha="center", va="center")
    ends = ("?" if end is None else f"{100 * end:.0f}" for end in (field.low, field.high))
    axes.text(left + 0.5, bottom + 0.25, " to ".join(ends), ha="center", va="center", fontsize=7.5)
