"""A decision as a page: what to do and why for a manager, then the figures for an engineer.

It does not decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalkit.report.breakeven_table import KINDS, sentences, together_lines
from evalkit.report.page.parts import (
    Block,
    Cell,
    Chart,
    Column,
    Facts,
    Notes,
    Page,
    Section,
    Table,
    Tone,
    Verdict,
)
from evalkit.report.sections.cells import file_name, money_cell, share_cell, time_cell
from evalkit.report.sections.monthly import suite_chart
from evalkit.report.values import MISSING, clean, money

Row = Mapping[str, Any]
WORDS = {
    "no model": "no language model",
    "api": "buy it from an API",
    "hosted open": "buy the open model from a host",
    "self-host": "run the open model yourselves",
    "hybrid": "both, one after the other",
    "cannot say": "cannot say yet",
    "nothing is fit": "nothing measured here is fit",
}
_TONES: dict[str, tuple[Tone, str]] = {
    "cannot say": ("open", "?"),
    "nothing is fit": ("bad", "✗"),
}


def decision_page(document: Row, title: str | None = None) -> Page:
    """Return the page of a decision."""
    suites = document["suites"]
    sections = []
    for place, (name, suite) in enumerate(suites.items()):
        sections.append(_advice(place, name, suite))
    known = known_lines(document)
    if known:
        blocks = (Notes(tuple(map(clean, known)), listed=True),)
        sections.append(Section("known", "What must be known beside this", blocks))
    for place, (name, suite) in enumerate(suites.items()):
        sections.append(_appendix(place, name, suite))
    return Page(
        title=title or f"Decision: {', '.join(map(clean, suites))}",
        verdict=_verdict(suites),
        facts=(
            ("run", clean(document["run_id"])),
            ("date", document["date"]),
            ("business", clean(document["profile"])),
        ),
        sections=tuple(sections),
        footer=(
            "Made by evalkit from measurements and from what business.yaml says. Terms of "
            "providers are declared, not verified."
        ),
    )


def advice_line(name: str, suite: Row) -> str:
    """Return one suite's recommendation in a sentence."""
    own = suite["recommendation"]
    way = f" ({clean(own['way'])})" if own["way"] else ""
    cost = f", {money(own['usd_per_month'])} a month" if own["usd_per_month"] is not None else ""
    return f"{clean(name)}: {WORDS[own['advice']]}{way}{cost}: {clean(own['why'])}."


def known_lines(document: Row) -> list[str]:
    """Return what a reader must know of the run and of all suites together."""
    lines = [*document["warnings"], *together_lines(document["together"])]
    for name, suite in document["suites"].items():
        if suite["not_compared"]:
            lines.append(
                f"{name}: answered nothing, by failure or because they must not see the data: "
                f"{', '.join(suite['not_compared'])}"
            )
    return lines


def _verdict(suites: Row) -> Verdict:
    lines = tuple(advice_line(name, suite) for name, suite in suites.items())
    advices = {suite["recommendation"]["advice"] for suite in suites.values()}
    first = next(iter(advices))
    tone, symbol = _TONES.get(first, ("good", "✓"))
    if any(suite["recommendation"]["is_open"] for suite in suites.values()):
        tone, symbol = "open", "≈"
    if len(advices) > 1:
        return Verdict("", "≈", "one answer a suite", "The suites ask for different things.", lines)
    return Verdict(tone, symbol, WORDS[first], lines[0], lines[1:])


def _advice(place: int, name: str, suite: Row) -> Section:
    own = suite["recommendation"]
    blocks: list[Block] = [
        Facts(tuple((q["question"], _said(q)) for q in suite["questions"])),
    ]
    for heading, lines in (
        ("Risks", own["risks"]),
        ("What would change it", own["would_change_it"]),
        ("What to measure or to name next", own["measure_next"]),
    ):
        if lines:
            blocks.append(Facts((), heading))
            blocks.append(Notes(tuple(map(clean, lines)), listed=True))
    return Section(f"suite-{place}", clean(name), tuple(blocks))


def _said(question: Row) -> str:
    more = f" To be named or measured: {question['missing']}." if question["missing"] else ""
    return clean(f"{question['answer']}{more}")


def _appendix(place: int, name: str, suite: Row) -> Section:
    """Return the figures behind one suite's recommendation."""
    blocks: list[Block] = [_ways(name, suite)]
    if suite["tuned"]:
        blocks.append(_tuned(name, suite))
    found = suite["breakeven"]
    if found is not None:
        drawing = suite_chart(name, found)
        table = file_name("ways", name)
        if drawing is not None:
            alt = f"{clean(name)}: what a month costs, by the volume"
            blocks.append(Chart(file_name("breakeven", name), alt, alt, drawing, table))
        blocks.append(Notes(tuple(map(clean, sentences(found))), listed=True))
    return Section(f"figures-{place}", f"{clean(name)}: the figures", tuple(blocks))


def _ways(name: str, suite: Row) -> Table:
    return Table(
        name=file_name("ways", name),
        caption=f"{clean(name)}: the ways, and what speaks against each",
        columns=(
            Column("way"),
            Column("kind"),
            Column("quality ↑", True),
            Column("malformed ↓", True),
            Column("p95 ↓", True),
            Column("US$ a month ↓", True),
            Column("fit"),
            Column("against it"),
        ),
        rows=tuple(
            (
                Cell(clean(way["way"])),
                Cell(KINDS[way["kind"]]),
                share_cell(way["quality"]),
                share_cell(way["malformed_rate"]),
                time_cell(way["latency_p95_ms"]),
                money_cell(way["usd_per_month"], MISSING),
                Cell("✓ yes", tone="good") if way["fit"] else Cell("✗ no", tone="bad"),
                Cell(clean("; ".join(way["against"])) or MISSING),
            )
            for way in suite["ways"]
        ),
        data=tuple(
            {
                "suite": name,
                "way": way["way"],
                "kind": way["kind"],
                "quality": way["quality"] and way["quality"]["value"],
                "usd_per_month": way["usd_per_month"],
                "fit": way["fit"],
                "against": "; ".join(way["against"]),
            }
            for way in suite["ways"]
        ),
    )


def _tuned(name: str, suite: Row) -> Table:
    return Table(
        name=file_name("tuned", name),
        caption=f"{clean(name)}: tuned models beside those that they came from",
        columns=(
            Column("tuned"), Column("base"), Column("quality gained, points", True),
            Column("US$ for 1,000", True), Column("base, US$ for 1,000", True),
        ),
        rows=tuple(
            (
                Cell(clean(row["arm"])),
                Cell(clean(row["base_arm"] or f"{row['base']} (not in this run)")),
                Cell(points_text(row["quality_difference"])),
                money_cell(row["usd_per_1000"], MISSING),
                money_cell(row["base_usd_per_1000"], MISSING),
            )
            for row in suite["tuned"]
        ),
        data=tuple(
            {"suite": name, "arm": row["arm"], "base": row["base"]} for row in suite["tuned"]
        ),
    )  # fmt: skip


def points_text(found: Row | None) -> str:
    """Return a difference in points with its interval.

    Example:
        >>> points_text({"value": 0.1, "low": 0.05, "high": 0.15})
        '+10.0 [+5.0, +15.0]'
    """
    if found is None:
        return MISSING
    if found["low"] is None:
        return f"{100 * found['value']:+.1f}"
    return f"{100 * found['value']:+.1f} [{100 * found['low']:+.1f}, {100 * found['high']:+.1f}]"
