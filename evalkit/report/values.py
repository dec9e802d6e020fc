"""How figures are written for people: one way for terminal, Markdown and charts.

A missing figure is a dash and a missing price is "unpriced": neither is ever 0. It does not know
where the text goes.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping
from typing import Any

Row = Mapping[str, Any]
MISSING = "-"
UNPRICED = "unpriced"
_CONTROL = {code: "\ufffd" for code in (*range(32), *range(127, 160))}
_BIDI = {
    code: "\ufffd" for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F)
}
_LINE = {code: "\ufffd" for code in (0x2028, 0x2029)}
_STRAY = {
    code: "\ufffd"
    for code in (0x061C, 0xFEFF, 0xFFFE, 0xFFFF, *range(0xD800, 0xE000), *range(0xE0000, 0xE0080))
}
_UNSAFE = {**_CONTROL, **_BIDI, **_LINE, **_STRAY}


def clean(text: object) -> str:
    r"""Return a name without control or direction characters, which could forge a table.

    Nor can it be a command to the machine that reads a job's log (`::error::`, `##[error]`).

    Example:
        >>> clean("a\x1b[31mb"), clean("::add-mask::a")
        ('a\ufffd[31mb', '\ufffd::add-mask::a')
    """
    safe = str(text).translate(_UNSAFE)
    if "##[" in safe:
        safe = safe.replace("##[", "##\ufffd[")
    return "\ufffd" + safe if safe.lstrip().startswith("::") else safe


def width(text: str) -> int:
    """Return how many columns of a terminal a text takes.

    Example:
        >>> width("ab"), width("東京")
        (2, 4)
    """
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF")
        for c in text
    )


def share(value: float | None) -> str:
    """Return a share as percent.

    Example:
        >>> share(0.0312), share(None)
        ('3.1%', '-')
    """
    return MISSING if value is None else f"{100 * value:.1f}%"


def interval(figure: Mapping[str, Any] | None, digits: int = 3) -> str:
    """Return `value [low, high]`; an end that does not exist is a question mark.

    Example:
        >>> interval({"value": 0.8, "low": 0.49, "high": None})
        '0.800 [0.490, ?]'
    """
    if figure is None:
        return MISSING
    low, high = (
        "?" if figure[end] is None else f"{figure[end]:.{digits}f}" for end in ("low", "high")
    )
    return f"{figure['value']:.{digits}f} [{low}, {high}]"


def value_of(figure: Mapping[str, Any] | None) -> float | None:
    """Return a figure's value, None where there is no figure."""
    return None if figure is None else figure["value"]


def duration(milliseconds: float | None) -> str:
    """Return a time with three digits at most.

    Example:
        >>> duration(3.21), duration(412.4), duration(12345)
        ('3.2ms', '412ms', '12.3s')
    """
    if milliseconds is None:
        return MISSING
    if milliseconds < 9.95:
        return f"{milliseconds:.1f}ms"
    if milliseconds < 999.5:
        return f"{milliseconds:.0f}ms"
    seconds = milliseconds / 1000
    return f"{seconds:.2f}s" if seconds < 9.995 else f"{seconds:.1f}s"


def money(dollars: float | None, missing: str = UNPRICED) -> str:
    """Return dollars with three significant digits, never rounded to nothing.

    Example:
        >>> money(0.000294), money(12.5), money(None), money(0.0)
        ('$0.000294', '$12.50', 'unpriced', '$0')
    """
    if dollars is None:
        return missing
    if dollars == 0:
        return "$0"
    if dollars >= 1:
        return f"${dollars:,.2f}"
    places = 2 - math.floor(math.log10(dollars))
    return f"${dollars:.{places}f}"


def unpriced(row: Row) -> bool:
    """Say whether nothing of a row has a price."""
    return not row["priced_fraction"]


def quantile(row: Row, name: str, which: str) -> float | None:
    """Return one quantile of a row's times, None where nothing was timed."""
    figures = row[name]
    return None if figures is None else value_of(figures[which])


def per_success(row: Row) -> str:
    """Return the cost of a success: unpriced, or a dash where nothing succeeded."""
    return money(row["cost_per_success_usd"], UNPRICED if unpriced(row) else MISSING)


def per_thousand(row: Row) -> str:
    """Return the cost of a thousand answers, marked where only a part is priced."""
    text = money(row["cost_per_1000_usd"], UNPRICED if unpriced(row) else MISSING)
    partly = not unpriced(row) and row["priced_fraction"] < 1
    return f"{text}*" if partly else text


def arm_name(row: Row) -> str:
    """Return an arm's name, recordings marked."""
    mark = " (recorded)" if row["recorded"] else ""
    return clean(row["arm"]) + mark


def weights_of(row: Row) -> str:
    """Return whether an arm's weights are open, or that it has none.

    Example:
        >>> weights_of({"kind": "model", "weights": "open_permissive"})
        'open'
    """
    if row.get("kind") == "classical":
        return "no LLM"
    weights = row["weights"]
    if weights is None:
        return MISSING
    return "open" if weights.startswith("open") else clean(weights)
