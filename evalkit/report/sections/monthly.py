"""What a month costs over the volume, as a chart of a break-even.

It does not draw: `report.charts` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalkit.report.breakeven_table import sentences
from evalkit.report.charts.costs import CostLine, cost_chart
from evalkit.report.charts.drawing import Drawing
from evalkit.report.palette import series
from evalkit.report.sections.cells import file_name
from evalkit.report.values import clean


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
    marks = suite["requests_per_month"]["mode"], suite["breakeven_requests_per_month"]
    return cost_chart(
        file_name("breakeven", name), chart_alt(name, suite),
        suite["curve"]["requests_per_month"], lines, marks,
    )  # fmt: skip


def chart_alt(name: str, suite: Mapping[str, Any]) -> str:
    """Return what the chart says, in words."""
    return f"Monthly cost over requests a month for {clean(name)}. {sentences(suite)[0]}"
