"""Figures as cells: shares in percent with their interval, times, money, names of arms.

One way for all tables of a page. It does not know which figures a table shows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from evalkit.analysis.reporting.evidence import Evidence, ShownArm
from evalkit.core.records import fingerprint
from evalkit.report.page.parts import Cell, Tone
from evalkit.report.palette import SERIES, series
from evalkit.report.values import MISSING, clean, duration, money, share

Figure = Mapping[str, Any] | None
BETTER, WORSE, LEVEL, OPEN = "▲", "▼", "≈", "?"
_NAME = re.compile(r"[^A-Za-z0-9_.-]+")
_LONGEST = 80


class Colours:
    """One colour for each model, the same wherever it is shown.

    Args:
        evidence: The arms, in whose order colours are given.
    """

    def __init__(self, evidence: Evidence) -> None:
        models = dict.fromkeys(arm.side.model for suite in evidence.suites for arm in suite.arms)
        self._places = {model: place for place, model in enumerate(models)}

    def of(self, arm: ShownArm) -> str:
        """Return the palette's role for an arm's model."""
        return series(self._places[arm.side.model])

    def round_of(self, arm: ShownArm) -> int:
        """Return how often all colours were given before this model's: lines are dashed by it."""
        return self._places[arm.side.model] // SERIES


def arm_cell(arm: ShownArm, colours: Colours) -> Cell:
    """Return an arm's name with its model's swatch; recordings are marked."""
    return Cell(arm_text(arm), sort=arm.label, colour=colours.of(arm))


def arm_text(arm: ShownArm) -> str:
    """Return an arm's name; recordings are marked."""
    return clean(arm.label) + (" (recorded)" if arm.row["recorded"] else "")


def share_cell(figure: Figure, *, tone: Tone = "") -> Cell:
    """Return a share in percent, its 95 % interval below."""
    if figure is None:
        return Cell(MISSING, tone="faint")
    return Cell(share(figure["value"]), figure["value"], tone, title=ends(figure))


def ends(figure: Mapping[str, Any]) -> str:
    """Return the ends of a share's interval in percent; one that does not exist is `?`.

    Example:
        >>> ends({"low": 0.123, "high": None})
        '12.3 to ? %'
    """
    low, high = (
        "?" if figure[end] is None else f"{100 * figure[end]:.1f}" for end in ("low", "high")
    )
    return f"{low} to {high} %"


def share_text(figure: Figure) -> str:
    """Return a share with its interval on one line.

    Example:
        >>> share_text({"value": 0.5, "low": 0.25, "high": 0.75})
        '50.0% [25.0, 75.0]'
    """
    if figure is None:
        return MISSING
    low, high = (
        "?" if figure[end] is None else f"{100 * figure[end]:.1f}" for end in ("low", "high")
    )
    return f"{share(figure['value'])} [{low}, {high}]"


def time_cell(figure: Figure) -> Cell:
    """Return a time with its interval below."""
    if figure is None:
        return Cell(MISSING, tone="faint")
    low, high = ("?" if figure[end] is None else duration(figure[end]) for end in ("low", "high"))
    return Cell(duration(figure["value"]), figure["value"], title=f"{low} to {high}")


def money_cell(value: float | None, missing: str, *, figure: Figure = None, mark: str = "") -> Cell:
    """Return an amount; one that is not known says why."""
    if value is None:
        return Cell(missing, tone="faint")
    title = ""
    if figure is not None and figure["low"] is not None:
        high = "?" if figure["high"] is None else money(figure["high"])
        title = f"{money(figure['low'])} to {high}"
    return Cell(money(value) + mark, value, title=title)


def number_cell(value: float | None, places: int = 0) -> Cell:
    """Return a plain number."""
    return Cell(MISSING, tone="faint") if value is None else Cell(f"{value:,.{places}f}", value)


def plain(value: object) -> Cell:
    """Return a text, or a list of texts, as it was declared; a dash where nothing is known."""
    if value is None or value == "" or value == []:
        return Cell("not declared", tone="faint")
    if isinstance(value, Sequence) and not isinstance(value, str):
        return Cell(", ".join(clean(part) for part in value) or "none")
    return Cell(clean(value))


def file_name(*parts: str) -> str:
    """Return a name fit for files and ids, another one for other parts.

    Example:
        >>> file_name("slices", "rag-v1"), file_name("slices", "rag v1")
        ('slices-rag-v1', 'slices-rag-v1-b695c4')
    """
    name = "-".join(_slug(part) for part in parts)
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 7]}-{fingerprint(name)[:6]}"


def _slug(part: str) -> str:
    """Return a part in plain letters; what it loses by that is stood for by a hash."""
    plain = _NAME.sub("-", part).strip("-.")
    if plain and plain == part.replace(":", "-").replace("@", "-"):
        return plain
    return f"{plain[:40]}-{fingerprint(part)[:6]}".lstrip("-")
