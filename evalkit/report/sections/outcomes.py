"""How outputs came out and how long they took, drawn and as tables.

It does not draw: `report.charts` does.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from evalkit.analysis.reporting.evidence import ShownArm, SuiteEvidence
from evalkit.report.charts.latency import Series, latency_chart
from evalkit.report.charts.rungs import RUNGS, rung_chart, rung_counts
from evalkit.report.page.parts import Cell, Chart, Column, Table
from evalkit.report.sections.cells import Colours, arm_cell, arm_text, file_name, time_cell
from evalkit.report.values import clean, duration, share

_QUANTILES = ("p50", "p95", "p99")


def rung_blocks(suite: SuiteEvidence, colours: Colours) -> list[Chart | Table]:
    """Return the share of each rung by arm; nothing where all outputs are as they should be."""
    arms = [arm for arm in suite.arms if sum(arm.row["rungs"].values())]
    if all(set(arm.row["rungs"]) <= {"valid", "unchecked"} for arm in arms):
        return []
    counts = [rung_counts(arm.row["rungs"]) for arm in arms]
    told = "; ".join(
        f"{arm_text(arm)} {share(own[0] / sum(own))} valid"
        for arm, own in zip(arms, counts, strict=True)
    )
    name, alt = file_name("rungs", suite.name), f"Stacked bars of outputs by rung: {told}."
    return [
        Chart(
            name,
            f"{clean(suite.name)}: where outputs stand, by arm and structured mode",
            alt,
            rung_chart(name, alt, [arm_text(arm) for arm in arms], counts),
            name,
        ),
        _rung_table(suite, arms, counts, colours),
    ]


def _rung_table(
    suite: SuiteEvidence, arms: list[ShownArm], counts: list[list[int]], colours: Colours
) -> Table:
    used = [place for place in range(len(RUNGS)) if any(own[place] for own in counts)]
    return Table(
        name=file_name("rungs", suite.name),
        caption=f"{clean(suite.name)}: share of answered outputs on each rung",
        columns=(
            Column("arm"),
            Column("outputs", True),
            *(Column(RUNGS[place].name, True) for place in used),
        ),
        rows=tuple(
            (
                arm_cell(arm, colours),
                Cell(f"{sum(own):,}", sum(own)),
                *(Cell(share(own[place] / sum(own)), own[place] / sum(own)) for place in used),
            )
            for arm, own in zip(arms, counts, strict=True)
        ),
        data=tuple(
            {"suite": suite.name, "arm": arm.label, "rung": rung, "outputs": count}
            for arm in arms
            for rung, count in arm.row["rungs"].items()
        ),
    )


def latency_blocks(suite: SuiteEvidence, colours: Colours) -> list[Chart | Table]:
    """Return how long answers took, by arm; nothing where nothing was timed."""
    seen: Counter[str] = Counter()
    series, timed = [], []
    for arm in suite.arms:
        values = arm.side.outcomes.latency_ms
        values = values[~np.isnan(values) & (values > 0)]
        style = seen[arm.side.model] + colours.round_of(arm)
        seen[arm.side.model] += 1
        if len(values) and arm.row["latency_ms"]:
            series.append(Series(arm_text(arm), colours.of(arm), style, values))
            timed.append(arm)
    if not series:
        return []
    told = "; ".join(
        f"{arm_text(arm)} p50 {duration(arm.row['latency_ms']['p50']['value'])}, "
        f"p95 {duration(arm.row['latency_ms']['p95']['value'])}"
        for arm in timed
    )
    name, alt = file_name("latency", suite.name), f"A curve of latencies for each arm: {told}."
    return [
        Chart(
            name,
            f"{clean(suite.name)}: share of answers that came within a time",
            alt,
            latency_chart(name, alt, series),
            name,
        ),
        _latency_table(suite, timed, colours),
    ]


def _latency_table(suite: SuiteEvidence, arms: list[ShownArm], colours: Colours) -> Table:
    return Table(
        name=file_name("latency", suite.name),
        caption=f"{clean(suite.name)}: latency with 95 % intervals; `?` where samples are too few",
        columns=(Column("arm"), *(Column(name, True) for name in _QUANTILES), Column("n", True)),
        rows=tuple(
            (
                arm_cell(arm, colours),
                *(time_cell(arm.row["latency_ms"][name]) for name in _QUANTILES),
                Cell(f"{arm.row['latency_ms']['p50']['n']:,}", arm.row["latency_ms"]["p50"]["n"]),
            )
            for arm in arms
        ),
        data=tuple(
            {
                "suite": suite.name,
                "arm": arm.label,
                **{
                    f"{name}_{part}_ms": arm.row["latency_ms"][name][part]
                    for name in _QUANTILES
                    for part in ("value", "low", "high")
                },
            }
            for arm in arms
        ),
    )
