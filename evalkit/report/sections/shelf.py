"""The index of a folder of runs: the runs, and each suite's models over time.

It does not know that it is served.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from evalkit.analysis.reporting.shelf import ShelvedRun
from evalkit.report.charts.trend import Line, Moment, trend_chart
from evalkit.report.page.parts import Block, Cell, Chart, Column, Notes, Page, Section, Table
from evalkit.report.palette import series
from evalkit.report.sections.cells import file_name, share_cell
from evalkit.report.values import MISSING, clean, money, share

MOST_LINES, MOST_MOMENTS, MOST_ROWS = 12, 60, 120


def index_page(runs: Sequence[ShelvedRun], title: str) -> Page:
    """Return the page of a folder's runs.

    Args:
        runs: The newest first.
        title: Its heading.
    """
    readable = [run for run in runs if run.problem is None]
    suites = list(dict.fromkeys(suite for run in readable for suite in run.suites))
    sections = [Section("runs", "Runs", (_runs_table(runs),) if runs else (_nothing(),))]
    if suites:
        parts = tuple(_suite(place, suite, readable) for place, suite in enumerate(suites))
        sections.append(Section("suites", "Suites over time", (), parts))
    return Page(
        title=title,
        verdict=None,
        facts=(
            ("runs", f"{len(readable):,}"),
            ("suites", ", ".join(map(clean, suites)) or "none"),
            ("cannot be read", f"{len(runs) - len(readable):,}"),
        ),
        sections=tuple(sections),
        footer="Served by evalkit view to this machine alone; reload to see new runs.",
    )


def _nothing() -> Notes:
    return Notes(("There is no run in this folder yet.",))


def _runs_table(runs: Sequence[ShelvedRun]) -> Table:
    return Table(
        name="runs",
        caption="Runs, the newest first",
        columns=(
            Column("run"),
            Column("started (UTC)"),
            Column("state"),
            Column("suites"),
            Column("arms", True),
            Column("answered", True),
            Column("best quality ↑", True),
            Column("by"),
            Column("spent", True),
        ),
        rows=tuple(_run_cells(run) for run in runs),
        data=(),
    )


def _run_cells(run: ShelvedRun) -> tuple[Cell, ...]:
    if run.problem is not None:
        told = Cell(clean(run.problem), tone="bad")
        return (Cell(clean(run.run_id)), Cell(MISSING), told, *(Cell(MISSING) for _ in range(6)))
    best = _best(run.rows)
    answered = sum(int(row.get("n_answered") or 0) for row in run.rows)
    known = bool(run.rows)
    return (
        Cell(clean(run.run_id), run.run_id, link=f"/run/{quote(run.folder.name, safe='')}"),
        Cell(run.started_at[:16].replace("T", " "), run.started_at),
        Cell(run.state, tone="" if run.state == "complete" else "open"),
        Cell(", ".join(map(clean, run.suites))),
        Cell(f"{len(run.arms):,}", len(run.arms)),
        Cell(f"{answered:,}" if known else MISSING, answered if known else None),
        share_cell(best["quality"]) if best else Cell(MISSING, tone="faint"),
        Cell(clean(best["arm"]) if best else MISSING),
        Cell(money(run.spent_usd, MISSING), run.spent_usd),
    )


def _best(rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    known = [row for row in rows if _quality(row) is not None]
    return max(known, key=lambda row: row["quality"]["value"], default=None)


def _quality(row: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return a row's quality, None where there is none."""
    found = row.get("quality")
    if not isinstance(found, dict) or not isinstance(found.get("value"), int | float):
        return None
    return {"low": None, "high": None, **found}


def _suite(place: int, suite: str, runs: Sequence[ShelvedRun]) -> Section:
    """Return one suite's history, from the oldest run."""
    own = [run for run in reversed(runs) if suite in run.suites]
    name = file_name(f"suite-{place}", suite)
    blocks: list[Block] = [_history(name, suite, own)]
    chart = _trend(name, suite, own)
    return Section(f"s{place}", clean(suite), (*((chart,) if chart else ()), *blocks))


def _history(name: str, suite: str, runs: Sequence[ShelvedRun]) -> Table:
    found = [(run, row) for run in reversed(runs) for row in run.rows if row["suite"] == suite]
    rows = found[:MOST_ROWS]
    left = f"; {len(found) - MOST_ROWS:,} older rows are left out" if len(found) > MOST_ROWS else ""
    link = f"/suite/{quote(suite, safe='')}"
    return Table(
        name=name,
        caption=f"{clean(suite)}: what each run found, the newest first{left}",
        columns=(
            Column("arm"),
            Column("run of (UTC)"),
            Column("quality ↑", True),
            Column("malformed ↓", True),
            Column("all runs"),
        ),
        rows=tuple(
            (
                Cell(clean(row["arm"]), row["arm"]),
                Cell(run.started_at[:16].replace("T", " "), run.started_at),
                share_cell(_quality(row)),
                share_cell(row.get("malformed_rate")),
                Cell("report", link=link),
            )
            for run, row in rows
        ),
        data=(),
    )


def _trend(name: str, suite: str, runs: Sequence[ShelvedRun]) -> Chart | None:
    """Return quality over time, a line for each arm that stands in several runs."""
    found: dict[str, list[Moment]] = {}
    for run in runs[-MOST_MOMENTS:]:
        for row in run.rows:
            quality = _quality(row)
            if row["suite"] == suite and quality is not None:
                moment = Moment(
                    run.started_at, quality["value"], quality["low"], quality["high"], alike=True
                )
                found.setdefault(row["arm"], []).append(moment)
    several = [(arm, own) for arm, own in found.items() if len(own) > 1][:MOST_LINES]
    if not several:
        return None
    lines = [Line(arm, series(at), tuple(own)) for at, (arm, own) in enumerate(several)]
    told = "; ".join(
        f"{clean(line.label)} {share(line.moments[0].value)} to {share(line.moments[-1].value)}"
        for line in lines
    )
    alt = f"Quality of each arm by the start of its run: {told}."
    caption = f"{clean(suite)}: quality as each run wrote it; the report says which runs compare"
    return Chart(name, caption, alt, trend_chart(name, alt, lines), name)
