"""A break-even as files: the document, a page of Markdown, and a chart for each suite.

It does not compute.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evalkit.report.breakeven_table import breakeven_markdown
from evalkit.report.sections.cells import file_name
from evalkit.report.sections.monthly import suite_chart


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
