"""A decision as text, Markdown and files: one page for a manager, the document beside it.

It does not decide.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evalkit.core.errors import ConfigError
from evalkit.report.grid import grid
from evalkit.report.markdown import escaped, table
from evalkit.report.page.render import render
from evalkit.report.sections.decision import advice_line, decision_page, known_lines
from evalkit.report.terminal import Style, ascii_of
from evalkit.report.values import MISSING, clean, money, share, value_of

Row = Mapping[str, Any]


def decision_table(document: Row, style: Style) -> str:
    """Return a decision for the terminal."""
    blocks = []
    for name, suite in document["suites"].items():
        lines = [_filled(advice_line(name, suite), style), ""]
        for own in suite["questions"]:
            more = f" To be named or measured: {own['missing']}." if own["missing"] else ""
            lines.append(_filled(f"{own['question']} {clean(own['answer'])}{more}", style))
        lines += ["", grid("way", [w["way"] for w in suite["ways"]], _columns(suite), style), ""]
        lines += [_filled(line, style) for line in _lists(suite)]
        blocks.append("\n".join(lines))
    known = known_lines(document)[len(document["warnings"]) :]  # warnings go to standard error
    blocks += ["\n".join(_filled(clean(line), style) for line in known)] if known else []
    text = "\n\n".join(blocks)
    return text if style.unicode else ascii_of(text)


def decision_markdown(document: Row) -> str:
    """Return a decision as Markdown."""
    parts = ["# Decision"]
    for name, suite in document["suites"].items():
        parts += [f"## {escaped(name)}", f"**{escaped(advice_line(name, suite))}**"]
        parts.append(
            "\n".join(
                f"- {escaped(own['question'])} {escaped(own['answer'])}"
                for own in suite["questions"]
            )
        )
        columns = _columns(suite)
        rows = [
            [escaped(way["way"]), *(escaped(cells[place]) for _, cells in columns)]
            for place, way in enumerate(suite["ways"])
        ]
        parts.append(table(["way", *(head for head, _ in columns)], rows))
        parts.append("\n".join(f"- {escaped(line)}" for line in _lists(suite)))
    known = known_lines(document)
    if known:
        parts += ["## What must be known beside this", "\n".join(f"- {escaped(k)}" for k in known)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _columns(suite: Row) -> list[tuple[str, list[str]]]:
    ways = suite["ways"]
    return [
        ("kind", [way["kind"].replace("_", " ") for way in ways]),
        ("quality", [share(value_of(way["quality"])) for way in ways]),
        ("$/month", [money(way["usd_per_month"], MISSING) for way in ways]),
        ("fit", ["yes" if way["fit"] else "no" for way in ways]),
        ("against it", [clean("; ".join(way["against"])) for way in ways]),
    ]


def _lists(suite: Row) -> list[str]:
    own = suite["recommendation"]
    return [
        *(f"risk: {clean(line)}" for line in own["risks"]),
        *(f"would change it: {clean(line)}" for line in own["would_change_it"]),
        *(f"next: {clean(line)}" for line in own["measure_next"]),
    ]


def _filled(text: str, style: Style) -> str:
    return textwrap.fill(text, style.width, subsequent_indent="  ")


def write_decision(document: Row, output: Path) -> list[Path]:
    """Write the page, and beside it the same as Markdown and JSON.

    Raises:
        ConfigError: If the output cannot be a page.
    """
    if output.suffix not in (".html", ".htm") or output.is_dir():
        raise ConfigError(f"decide: -o must be a file that ends in .html, got {str(output)!r}")
    output.parent.mkdir(parents=True, exist_ok=True)
    texts = {
        output: render(decision_page(document)),
        output.with_suffix(".md"): decision_markdown(document),
        output.with_suffix(".json"): json.dumps(document, indent=2, allow_nan=False) + "\n",
    }
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8", errors="replace")
    return list(texts)
