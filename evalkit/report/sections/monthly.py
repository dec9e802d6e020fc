"""What a month costs over the volume, as a chart of a break-even.

It does not draw: `report.charts` does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evalkit.analysis.economics.pairs import shown_turns
from evalkit.report.breakeven_table import KINDS, equivalence, sentences, together_lines
from evalkit.report.charts.costs import Band, CostLine, cost_chart
from evalkit.report.charts.drawing import Drawing
from evalkit.report.page.parts import Block, Cell, Chart, Column, Notes, Table
from evalkit.report.palette import series
from evalkit.report.sections.cells import file_name, money_cell, number_cell
from evalkit.report.values import MISSING, clean


def monthly_blocks(name: str, monthly: Mapping[str, Mapping[str, Any]]) -> list[Block]:
    """Return a suite's break-even: chart, table, and what follows; nothing where there is none."""
    suite = monthly.get(name)
    if suite is None:
        return []
    table = _table(name, suite)
    drawing = suite_chart(name, suite)
    blocks: list[Block] = []
    if drawing is not None:
        alt = chart_alt(name, suite)
        caption = f"{clean(name)}: what a month costs, by the volume"
        blocks.append(Chart(table.name, caption, alt, drawing, table.name))
    lines = [*sentences(suite), *together_lines(suite["together"]), *suite["warnings"]]
    return [*blocks, table, Notes(tuple(map(clean, lines)), listed=True)]


def _table(name: str, suite: Mapping[str, Any]) -> Table:
    money = (
        "usd_per_month",
        "usd_per_1000_requests",
        "usd_per_1000_accepted",
        "usd_per_1000_correct",
    )
    return Table(
        name=file_name("breakeven", name),
        caption=f"{clean(name)}: what each way costs at the most likely volume",
        columns=(
            Column("way"),
            Column("kind"),
            Column("US$ a month", True),
            Column("for 1,000", True),
            Column("for 1,000 accepted", True),
            Column("for 1,000 correct", True),
            Column("replicas", True),
            Column("equivalent", help="within 3 points of the best API, paired by sample"),
        ),
        rows=tuple(
            (
                Cell(clean(row["arm"])),
                Cell(KINDS[row["kind"]]),
                *(money_cell(row[own], MISSING) for own in money),
                number_cell(row["replicas"]),
                Cell(equivalence(row, suite)),
            )
            for row in suite["arms"]
        ),
        data=tuple(
            {"suite": name, **{key: row[key] for key in ("arm", "kind", *money, "replicas")}}
            for row in suite["arms"]
        ),
    )


def suite_chart(name: str, suite: Mapping[str, Any]) -> Drawing | None:
    """Draw one suite's monthly costs over the volume; None where nothing has a price."""
    costs = suite["curve"]["usd_per_month"]
    kinds = {row["arm"]: row["kind"] for row in suite["arms"]}
    places = {row["model"]: place for place, row in enumerate(suite["arms"])}
    models = {row["arm"]: row["model"] for row in suite["arms"]}
    lines = [
        CostLine(arm, kinds[arm], series(places[models[arm]]), usd)
        for arm, usd in costs.items()
        if max(usd) > 0
    ]
    if not lines:
        return None
    turns = [turn["requests_per_month"] for turn in shown_turns(suite)[0]]
    marks = suite["requests_per_month"]["mode"], turns
    return cost_chart(
        file_name("breakeven", name), chart_alt(name, suite),
        suite["curve"]["requests_per_month"], lines, marks, band=_band(suite, lines),
    )  # fmt: skip


def _band(suite: Mapping[str, Any], lines: Sequence[CostLine]) -> Band | None:
    """Return where nine of ten draws lie, in the colour of their arm."""
    band = suite["curve"]["band"]
    line = next((own for own in lines if band is not None and own.label == band["arm"]), None)
    if band is None or line is None:
        return None
    return Band(
        line.role,
        band["requests_per_month"],
        band["low_usd_per_month"],
        band["high_usd_per_month"],
    )


def chart_alt(name: str, suite: Mapping[str, Any]) -> str:
    """Return what the chart says, in words."""
    return f"Monthly cost over requests a month for {clean(name)}. {sentences(suite)[0]}"
