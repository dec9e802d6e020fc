"""A break-even as files: the document, a page of Markdown, and a chart for each suite.

It does not compute.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evalkit.report.breakeven_table import breakeven_markdown, sentences
from evalkit.report.charts.costs import CostLine, cost_chart
from evalkit.report.charts.drawing import Drawing
from evalkit.report.palette import series
from evalkit.report.sections.cells import file_name
from evalkit.report.values import clean


def write_breakeven(document: Mapping[str, Any], folder: Path) -> list[Path]:
    """Write a break-even into a folder; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / "breakeven.json", folder / "breakeven.md"]
    paths[0].write_text(json.dumps(document, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    paths[1].write_text(breakeven_markdown(document), encoding="utf-8")
    for name, suite in document["suites"].items():
        drawing = suite_chart(name, suite)
        if drawing is not None:
            stem = folder / f"chart-{file_name('breakeven', name)}"
            paths += [stem.with_name(f"{stem.name}.svg"), stem.with_name(f"{stem.name}.png")]
            paths[-2].write_text(drawing.svg, encoding="utf-8")
            paths[-1].write_bytes(drawing.png)
    return paths


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
