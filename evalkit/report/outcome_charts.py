"""How outputs came out and how long they took: rungs as stacked bars, latencies as curves.

Patterns and line styles say what colours say. The same rows give the same bytes. It does not
compute figures.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from evalkit.report.terminal import shortened
from evalkit.report.values import clean, duration

_INK = "#1f2328"
_FAINT = "#57606a"
_MOST_POINTS = 300
_LONGEST = 34
_LINES = ("-", "--", ":", "-.")
_MARKED = (0.5, 0.95, 0.99)
_SETTINGS: Any = {
    "svg.hashsalt": "evalkit",
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.parse_math": False,
    "hatch.linewidth": 0.6,
}


class Rung(NamedTuple):
    """A group of rungs: its name, which rungs it takes, its colour and its pattern."""

    name: str
    takes: Callable[[str], bool]
    colour: str
    pattern: str


RUNGS = (
    Rung("valid", lambda r: r in ("valid", "unchecked"), "#9ecae1", ""),
    Rung("fenced or embedded", lambda r: r in ("fenced", "embedded"), "#4292c6", ""),
    Rung("repaired", lambda r: r == "repaired", "#d9c37a", ""),
    Rung("breaks schema", lambda r: r.startswith("schema:"), "#e6a15c", "//"),
    Rung("truncated", lambda r: r == "truncated", "#c9714a", "\\\\"),
    Rung("no JSON, no label", lambda r: r in ("not_json", "not_label"), "#b2432f", "xx"),
    Rung("empty", lambda r: r == "empty", "#7a2a20", ".."),
    Rung("refusal", lambda r: r == "refusal", "#9a9a9a", "||"),
    Rung("other", lambda r: True, "#d0d0d0", "--"),
)


class Series(NamedTuple):
    """One arm's latencies.

    Attributes:
        label: Its name.
        colour: Its model's colour, `#rrggbb`.
        style: Place of its mode among those of its model: it decides how the line is dashed.
        latency_ms: Of its answered trials, shape (n,).
    """

    label: str
    colour: str
    style: int
    latency_ms: npt.NDArray[np.float64]


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


def rung_chart(labels: Sequence[str], counts: Sequence[Sequence[int]]) -> bytes:
    """Return stacked bars as SVG: a bar for each arm, a part for each group of rungs.

    Args:
        labels: The arms.
        counts: As `rung_counts` gives them, one for each arm; none of them empty.
    """
    shares = np.array(counts, dtype=np.float64)
    shares = shares / shares.sum(axis=1, keepdims=True)
    rows = np.arange(len(labels))[::-1]

    def draw(axes: Any) -> None:
        left = np.zeros(len(labels))
        for place, group in enumerate(RUNGS):
            if not shares[:, place].any():
                continue
            axes.barh(
                rows, shares[:, place], left=left, height=0.7, color=group.colour,
                hatch=group.pattern, edgecolor="white", linewidth=0.4, label=group.name,
            )  # fmt: skip
            for row, start, part in zip(rows, left, shares[:, place], strict=True):
                if part >= 0.06:
                    axes.text(
                        start + part / 2, row, f"{100 * part:.0f}%", ha="center", va="center",
                        fontsize=8, color=_INK,
                        bbox={"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 1},
                    )  # fmt: skip
            left = left + shares[:, place]
        axes.set_yticks(rows, [_name(label) for label in labels])
        axes.set_xlim(0, 1)
        axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0%", "25%", "50%", "75%", "100%"])
        axes.set_xlabel("share of answered outputs")
        axes.legend(
            loc="lower left", bbox_to_anchor=(0, 1.01), ncols=4, frameon=False, fontsize=8,
            labelcolor=_INK,
        )  # fmt: skip

    return _svg(draw, height=1.4 + 0.34 * len(labels))


def latency_chart(series: Sequence[Series]) -> bytes:
    """Return the share of answers that came within a time as SVG: a curve for each arm."""

    def draw(axes: Any) -> None:
        for own in series:
            values = np.sort(own.latency_ms)
            share = np.arange(1, len(values) + 1) / len(values)
            kept = np.unique(np.linspace(0, len(values) - 1, _MOST_POINTS).astype(int))
            axes.step(
                values[kept], share[kept], where="post", color=own.colour, linewidth=1.4,
                linestyle=_LINES[own.style % len(_LINES)], label=_name(own.label),
            )  # fmt: skip
            marks = np.quantile(values, _MARKED, method="higher")
            axes.plot(marks, _MARKED, "o", color=own.colour, markersize=3.5)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(lambda x, _: duration(x))
        axes.xaxis.set_minor_formatter("")
        axes.set_ylim(0, 1.02)
        axes.set_yticks([0, 0.25, 0.5, 0.75, 0.95, 1], ["0%", "25%", "50%", "75%", "95%", "100%"])
        axes.set_xlabel("latency (log scale); dots: p50, p95, p99")
        axes.set_ylabel("answers that came within it")
        axes.grid(visible=True, color="#e4e4e4", linewidth=0.6)
        axes.legend(
            loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, fontsize=8, labelcolor=_INK
        )

    return _svg(draw, height=max(3.6, 0.6 + 0.2 * len(series)))


def _name(label: str) -> str:
    """Return a label that the font can write and that fits."""
    plain = clean(label).encode("latin-1", "replace").decode("latin-1")
    return shortened(plain.strip() or "-", _LONGEST)


def _svg(draw: Callable[[Any], None], height: float) -> bytes:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(_SETTINGS):
        figure = Figure(figsize=(8.0, height), layout="constrained")
        axes = figure.subplots()
        axes.set_axisbelow(True)
        axes.tick_params(colors=_INK)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        draw(axes)
        axes.xaxis.label.set_color(_FAINT)
        axes.yaxis.label.set_color(_FAINT)
        out = io.BytesIO()
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return out.getvalue()
