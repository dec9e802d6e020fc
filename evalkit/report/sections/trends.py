"""The same arm over several runs: figures by date, and what changed since the oldest.

It does not say since when something changed: `evalkit drift` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evalkit.analysis.compare import reading_of
from evalkit.analysis.reading import Reading
from evalkit.analysis.reporting.evidence import Past, ShownArm, SuiteEvidence
from evalkit.report.charts.trend import Line, Moment, trend_chart
from evalkit.report.compare_table import difference, said
from evalkit.report.page.parts import Block, Cell, Chart, Column, Notes, Table
from evalkit.report.sections.cells import (
    Colours,
    arm_text,
    file_name,
    money_cell,
    share_cell,
    time_cell,
)
from evalkit.report.values import MISSING, UNPRICED, clean, share, unpriced


def day_of(arm: ShownArm, readings: Sequence[Reading]) -> str:
    """Return the day on which an arm was asked, ISO 8601: that of its run."""
    return str(readings[arm.number].run.manifest["started_at"])[:10]


def trend_blocks(
    suite: SuiteEvidence, readings: Sequence[Reading], colours: Colours
) -> list[Block]:
    """Return quality over time as a chart, and the figures of every run as a table."""
    table = trend_table(suite, readings, colours)
    lines = [
        Line(
            arm_text(past.arms[-1]),
            colours.of(past.arms[-1]),
            tuple(
                _moment(arm, readings, alike=not unlike)
                for arm, unlike in zip(past.arms, past.unlike, strict=True)
            ),
        )
        for past in suite.past
    ]
    told = "; ".join(_told(line) for line in lines)
    alt = f"Quality of each arm by the start of its run, from the oldest: {told}."
    caption = f"{clean(suite.name)}: quality over time; hollow: not comparable with the newest run"
    drawing = trend_chart(table.name, alt, lines)
    return [Chart(table.name, caption, alt, drawing, table.name), table]


def _moment(arm: ShownArm, readings: Sequence[Reading], *, alike: bool) -> Moment:
    quality = arm.row["quality"] or {"value": None, "low": None, "high": None}
    return Moment(
        str(readings[arm.number].run.manifest["started_at"]),
        quality["value"],
        quality["low"],
        quality["high"],
        alike,
    )


def _told(line: Line) -> str:
    return f"{line.label} {', '.join(share(moment.value) for moment in line.moments)}"


def trend_table(suite: SuiteEvidence, readings: Sequence[Reading], colours: Colours) -> Table:
    """Return the figures of every run of the arms that stand in several."""
    rows, data = [], []
    for past in suite.past:
        for arm, unlike in zip(past.arms, past.unlike, strict=True):
            rows.append(_cells(arm, unlike, readings, colours))
            data.append(_data(arm, unlike, readings))
    return Table(
        name=file_name("trend", suite.name),
        caption=f"{clean(suite.name)}: arms that stand in several runs, from the oldest",
        columns=(
            Column("arm"),
            Column("run of (UTC)"),
            Column("quality ↑", True),
            Column("malformed ↓", True),
            Column("p95 ↓", True),
            Column("cost per 1000 ↓", True),
            Column("comparable with the newest"),
        ),
        rows=tuple(rows),
        data=tuple(data),
    )


def _cells(
    arm: ShownArm, unlike: Sequence[str], readings: Sequence[Reading], colours: Colours
) -> tuple[Cell, ...]:
    row, latency = arm.row, arm.row["latency_ms"]
    missing = UNPRICED if unpriced(row) else MISSING
    started = str(readings[arm.number].run.manifest["started_at"])
    return (
        Cell(arm_text(arm), colour=colours.of(arm)),
        Cell(started[:16].replace("T", " "), started),
        share_cell(row["quality"]),
        share_cell(row["malformed_rate"]),
        time_cell(latency and latency["p95"]),
        money_cell(row["cost_per_1000_usd"], missing),
        Cell(f"no: {'; '.join(map(clean, unlike))}" if unlike else "yes"),
    )


def _data(arm: ShownArm, unlike: Sequence[str], readings: Sequence[Reading]) -> dict[str, Any]:
    row = arm.row
    flat: dict[str, Any] = {
        "suite": row["suite"],
        "arm": arm.label,
        "run_id": readings[arm.number].run.run_id,
        "started_at": readings[arm.number].run.manifest["started_at"],
        "comparable": not unlike,
    }
    for name in ("quality", "malformed_rate"):
        figure = row[name] or {"value": None, "low": None, "high": None, "n": None}
        flat |= {f"{name}_{part}": figure[part] for part in ("value", "low", "high", "n")}
    return {**flat, "cost_per_1000_usd": row["cost_per_1000_usd"]}


def change_notes(suite: SuiteEvidence, readings: Sequence[Reading]) -> Notes | None:
    """Say how the newest run of each arm differs from the oldest that is comparable."""
    lines = [_change(past, readings) for past in suite.past]
    return Notes(tuple(lines), listed=True) if lines else None


def _change(past: Past, readings: Sequence[Reading]) -> str:
    name = arm_text(past.arms[-1])
    if past.change is None or past.since is None:
        return f"{name}: no older run can be compared with the newest"
    first, last = past.arms[past.since], past.arms[-1]
    between = f"{day_of(first, readings)} to {day_of(last, readings)}"
    word = {"better": "▲ better", "worse": "▼ worse"}.get(reading_of(past.change), "≈ no change")
    gap = f"{difference(past.change)} points"
    return f"{name}: {word} from {between}: {gap}, n = {past.change['n']} ({said(past.change)})"
