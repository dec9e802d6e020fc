"""Where outputs stand, drawn: stacked bars of rungs, a bar for each arm and structured mode.

Patterns and figures say what colours say. It does not parse outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from evalkit.report.charts.drawing import PAPER, Drawing, Frame, draw, label_room, label_text, light

_WORTH_A_LABEL = 0.06


class Rung(NamedTuple):
    """A group of rungs: its name, which rungs it takes, its colour's role and its pattern."""

    name: str
    takes: Callable[[str], bool]
    role: str
    pattern: str


RUNGS = (
    Rung("valid", lambda r: r in ("valid", "unchecked"), "r0", ""),
    Rung("fenced or embedded", lambda r: r in ("fenced", "embedded"), "r1", ""),
    Rung("repaired", lambda r: r == "repaired", "r2", ""),
    Rung("breaks schema", lambda r: r.startswith("schema:"), "r3", "//"),
    Rung("truncated", lambda r: r == "truncated", "r4", "\\\\"),
    Rung("no JSON, no label", lambda r: r in ("not_json", "not_label"), "r5", "xx"),
    Rung("empty", lambda r: r == "empty", "r6", ".."),
    Rung("refusal", lambda r: r == "refusal", "r7", "||"),
    Rung("other", lambda r: True, "r8", "--"),
)


def rung_counts(rungs: dict[str, int]) -> list[int]:
    """Return how many outputs stand in each of `RUNGS`; each counts once.

    Example:
        >>> rung_counts({"valid": 3, "schema:type": 1, "strange": 2})
        [3, 0, 0, 1, 0, 0, 0, 0, 2]
    """
    counts = [0] * len(RUNGS)
    for rung, count in rungs.items():
        counts[next(i for i, group in enumerate(RUNGS) if group.takes(rung))] += count
    return counts


def rung_chart(
    name: str, alt: str, labels: Sequence[str], counts: Sequence[Sequence[int]]
) -> Drawing:
    """Draw stacked bars: a bar for each arm, a part for each group of rungs.

    Args:
        name: As `draw` takes it.
        alt: What the chart says, in words.
        labels: The arms.
        counts: As `rung_counts` gives them, one for each arm; none of them empty.
    """
    names = [label_text(label) for label in labels]
    totals = [sum(own) for own in counts]
    shares = np.array(counts, dtype=np.float64) / np.array(totals)[:, None]
    used = [place for place in range(len(RUNGS)) if shares[:, place].any()]
    rows = np.arange(len(labels))[::-1]

    def paint(axes: Any) -> None:
        left = np.zeros(len(labels))
        for place in used:
            _bars(axes, rows, left, shares[:, place], RUNGS[place])
            left = left + shares[:, place]
        for row, total in zip(rows, totals, strict=True):
            axes.text(1.01, row, f"n = {total:,}", va="center", fontsize=8)
        axes.set_yticks(rows, names)
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(-0.6, len(labels) - 0.4)
        axes.set_xlim(0, 1)
        axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0%", "25%", "50%", "75%", "100%"])
        axes.set_xlabel("share of answered outputs")
        axes.legend(
            loc="lower left", bbox_to_anchor=(0, 1.0), ncols=4, frameon=False, fontsize=8,
            borderaxespad=0.3, columnspacing=1.2, handlelength=1.6,
        )  # fmt: skip

    top = 0.25 + 0.2 * -(-len(used) // 4)
    frame = Frame(
        height=top + 0.5 + 0.34 * len(labels), left=label_room(names), right=0.85, top=top,
        bottom=0.5,
    )  # fmt: skip
    return draw(name, alt, frame, paint)


def _bars(axes: Any, rows: Any, left: Any, parts: Any, group: Rung) -> None:
    axes.barh(
        rows, parts, left=left, height=0.7, color=light(group.role), hatch=group.pattern,
        edgecolor=PAPER, linewidth=0.4, label=group.name,
    )  # fmt: skip
    for row, start, part in zip(rows, left, parts, strict=True):
        if part >= _WORTH_A_LABEL:
            axes.text(
                start + part / 2, row, f"{100 * part:.0f}%", ha="center", va="center", fontsize=8,
                bbox={"facecolor": PAPER, "alpha": 0.75, "linewidth": 0, "pad": 1},
            )  # fmt: skip
