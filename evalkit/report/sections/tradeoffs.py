"""Quality against cost and against latency, and what a success costs: charts over the comparison.

It does not draw: `report.charts` does.
"""

from __future__ import annotations

from evalkit.analysis.reporting.evidence import ShownArm, SuiteEvidence
from evalkit.report.charts.per_success import Cost, success_chart
from evalkit.report.charts.quality import Against, front, tradeoff_chart
from evalkit.report.page.parts import Chart
from evalkit.report.sections.cells import Colours, arm_text, file_name
from evalkit.report.values import Row, clean, duration, money, share, value_of

_SAID = {"cost": "cost per 1000 requests", "latency": "median latency"}


def tradeoff_blocks(suite: SuiteEvidence, colours: Colours) -> list[Chart]:
    """Return quality against cost, where anything is priced, and against latency."""
    rows = [arm.row for arm in suite.arms if arm.row["quality"] is not None]
    charts = []
    if any(row["cost_per_1000_usd"] for row in rows):
        charts.append(_tradeoff(suite, colours, "cost"))
    if any(row["latency_ms"] for row in rows):
        charts.append(_tradeoff(suite, colours, "latency"))
    return charts


def _tradeoff(suite: SuiteEvidence, colours: Colours, against: Against) -> Chart:
    arms = [arm for arm in suite.arms if arm.row["quality"] is not None]
    rows = [arm.row for arm in arms]
    best = front(rows, against)
    named = {id(arm.row): arm_text(arm) for arm in arms}
    line = ", ".join(named[id(row)] for row in best)
    name = file_name(f"quality-{against}", suite.name)
    alt = (
        f"Quality of {len(arms)} arms against {_SAID[against]}. "
        f"On the Pareto line: {'; '.join(_point(named[id(r)], r, against) for r in best)}."
    )
    return Chart(
        name,
        f"{clean(suite.name)}: quality against {_SAID[against]}. No other arm beats these on both, "
        f"by the point estimates: {line}",
        alt,
        tradeoff_chart(name, alt, rows, [colours.of(arm) for arm in arms], against),
        file_name("comparison", suite.name),
    )


def _point(name: str, row: Row, against: Against) -> str:
    median = row["latency_ms"] and value_of(row["latency_ms"]["p50"])
    across = money(row["cost_per_1000_usd"]) if against == "cost" else duration(median)
    return f"{name} {share(value_of(row['quality']))} at {across}"


def success_blocks(suite: SuiteEvidence, colours: Colours) -> list[Chart]:
    """Return what a success costs, by arm; nothing where nothing is priced."""
    if not any(arm.row["cost_per_success_usd"] for arm in suite.arms):
        return []
    costs = [_cost(arm, colours) for arm in suite.arms]
    told = "; ".join(f"{arm_text(arm)} {_said(arm)}" for arm in suite.arms)
    name = file_name("cost-per-success", suite.name)
    alt = f"Cost per success of each arm: {told}."
    return [
        Chart(
            name,
            f"{clean(suite.name)}: money spent by answers that passed, with 95 % intervals; every "
            "attempt is paid for, failed and repeated ones too",
            alt,
            success_chart(name, alt, costs),
            file_name("comparison", suite.name),
        )
    ]


def _cost(arm: ShownArm, colours: Colours) -> Cost:
    interval = arm.row["cost_per_success_interval"]
    return Cost(
        arm_text(arm),
        colours.of(arm),
        bool(arm.row["recorded"]),
        arm.row["cost_per_success_usd"],
        (interval["low"], interval["high"]) if interval else None,
        bool(arm.row["priced_fraction"]),
    )


def _said(arm: ShownArm) -> str:
    return money(arm.row["cost_per_success_usd"]) if arm.row["priced_fraction"] else "unpriced"
