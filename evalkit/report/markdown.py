"""summary.md: the table of a run in Markdown that renders the same everywhere.

Names are data: nothing in them can open a cell, a link, code or HTML. It does not write files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from evalkit.report.terminal import COLUMNS, judging, metrics, notes, policy_of, rungs
from evalkit.report.values import Row, arm_name, clean, interval

_SPECIAL = re.compile(r"([\\`*_\[\]|~$])")


def escaped(text: object) -> str:
    r"""Return text that Markdown shows as it is, on one line.

    Example:
        >>> print(escaped("a|b`c`\n<b>"))
        a\|b\`c\`�&lt;b&gt;
    """
    safe = clean(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(r"\\\1", safe)


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, left: int = 1) -> str:
    """Return a Markdown table; the cells are escaped already.

    Args:
        head: Heads of the columns.
        rows: Cells of each row.
        left: So many columns are set left, the others right.
    """
    rule = ["---" if index < left else "---:" for index in range(len(head))]
    lines = [head, rule, *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def summary_markdown(document: dict[str, Any], warnings: Sequence[str] = ()) -> str:
    """Return summary.md for the document of summary.json.

    Args:
        document: The document.
        warnings: What a reader must know beside the figures, a sentence each.
    """
    rows: list[Row] = document["rows"]
    parts = [f"# Run {escaped(document['run_id'])}"]
    for suite in dict.fromkeys(row["suite"] for row in rows):
        own = [row for row in rows if row["suite"] == suite]
        head = ["arm", *(escaped(column.head) for column in COLUMNS)]
        cells = [
            [
                escaped(arm_name(row)),
                *(escaped(column.cell(row)) for column in COLUMNS),
            ]
            for row in own
        ]
        parts += [f"## {escaped(suite)}", table(head, cells, left=3), _rungs(own)]
        parts += [_policies(own), _metrics(own), _judges(own), _sizes(own)]
    if not rows:
        parts.append("No trial was made.")
    parts += ["\n".join(f"- {escaped(note)}" for note in (*notes(rows), *warnings))]
    return "\n\n".join(part for part in parts if part) + "\n"


def _rungs(rows: Sequence[Row]) -> str:
    """Say on which rungs the outputs stand, where any is not `valid`."""
    odd = [row for row in rows if set(row["rungs"]) - {"valid"}]
    lines = [f"- {escaped(arm_name(row))}: {escaped(rungs(row))}" for row in odd]
    return "\n".join(["Outputs by rung:", "", *lines]) if lines else ""


def _metrics(rows: Sequence[Row]) -> str:
    """Say what graders tell beside their scores."""
    told = [
        (escaped(arm_name(row)), escaped(name), escaped(interval(figure)), str(figure["n"]))
        for row, name, figure in metrics(rows)
    ]
    return table(("arm", "metric", "value \\[95%\\]", "n"), told, left=2) if told else ""


def _policies(rows: Sequence[Row]) -> str:
    """Say who answered for a policy."""
    told = [row for row in rows if row.get("policy")]
    lines = [f"- {escaped(arm_name(row))}: {escaped(policy_of(row))}" for row in told]
    return "\n".join(["Policies:", "", *lines]) if lines else ""


def _judges(rows: Sequence[Row]) -> str:
    """Say who judged, where anybody did."""
    judged = [row for row in rows if row.get("judge")]
    lines = [f"- {escaped(arm_name(row))}: {escaped(judging(row))}" for row in judged]
    return "\n".join(["Judged by:", "", *lines]) if lines else ""


def _sizes(rows: Sequence[Row]) -> str:
    """Say what the intervals count."""
    said = {
        (row["quality"]["n"], row["n_trials"], row["quality"]["method"])
        for row in rows
        if row["quality"]
    }
    lines = [f"n = {n}, from {trials} trials ({method})" for n, trials, method in sorted(said)]
    return "Quality intervals (95 %): " + "; ".join(lines) + "." if lines else ""
