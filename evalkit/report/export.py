"""summary.json, summary.csv and summary.md: a run's figures as files.

The CSV is safe to open in a spreadsheet: a text cell never begins a formula. It does not compute.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from evalkit.report.markdown import summary_markdown
from evalkit.report.values import Row, clean

FIGURES = (
    "quality",
    "quality_given_valid",
    "pass_rate",
    "malformed_rate",
    "usable_rate",
    "refusal_rate",
)
TIMES = ("latency_ms", "attempt_latency_ms", "ttft_ms")
_COUNTED = {"tokens": "tokens", "rungs": "rung", "graders": "grader"}
_LISTED = ("skip_reasons", "grader_failures", "metrics_left_out")
_QUANTILES = ("p50", "p95", "p99")
_PARTS = {"": "value", "_low": "low", "_high": "high", "_n": "n", "_method": "method"}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_summary(
    document: dict[str, Any], folder: Path, warnings: Sequence[str] = ()
) -> tuple[Path, ...]:
    """Write a summary in its three forms.

    Args:
        document: The document of summary.json, as `analysis.summary.summarise` gives it.
        folder: The run's folder.
        warnings: What a reader must know beside the figures; stands in summary.md.

    Returns:
        The paths of summary.json, summary.csv and summary.md.
    """
    texts = {
        "summary.json": json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n",
        "summary.csv": summary_csv(document["rows"]),
        "summary.md": summary_markdown(document, warnings),
    }
    paths = []
    for name, text in texts.items():
        path = folder / name
        draft = folder / f".{name}.draft"
        draft.write_text(text, encoding="utf-8", errors="replace", newline="")
        draft.replace(path)
        paths.append(path)
    return tuple(paths)


def write_preferences(
    document: Mapping[str, Any], comparisons: Sequence[msgspec.Struct], folder: Path
) -> Path:
    """Write preferences.json, and preferences.jsonl with a line a comparison."""
    lines = folder / "preferences.jsonl"
    lines.write_bytes(b"".join(msgspec.json.encode(c) + b"\n" for c in comparisons))
    path = folder / "preferences.json"
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")
    return path


def summary_csv(rows: Sequence[Row]) -> str:
    """Return rows of summary.json as CSV: one line each, slices left out.

    A figure becomes five columns (`quality`, `quality_low`, `quality_high`, `quality_n`,
    `quality_method`); an empty cell is a figure that does not exist.
    """
    flat = [flat_row(row) for row in rows]
    head = list(dict.fromkeys(name for row in flat for name in row))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([safe_cell(name) for name in head])
    for row in flat:
        writer.writerow([safe_cell(row.get(name)) for name in head])
    return out.getvalue()


def safe_cell(value: object) -> object:
    """Return a cell that no spreadsheet takes for a formula and no terminal for a command.

    Example:
        >>> safe_cell("=1+1"), safe_cell(-1.5), safe_cell(None)
        ("'=1+1", -1.5, '')
    """
    if value is None:
        return ""
    if not isinstance(value, str):
        return value
    return ("'" if value.startswith(_FORMULA) else "") + clean(value)


def flat_row(row: Row) -> dict[str, Any]:
    """Return a row of summary.json as one flat record, slices left out.

    A figure becomes five values: `quality`, `quality_low`, `quality_high`, `quality_n`,
    `quality_method`; None is a figure that does not exist.
    """
    flat: dict[str, Any] = {}
    for name, value in row.items():
        if name in FIGURES or name == "cost_per_success_interval":
            flat |= _figure(name, value)
        elif name in TIMES:
            for which in _QUANTILES:
                flat |= _figure(f"{name}_{which}", None if value is None else value[which])
        elif name in _SPREAD:
            flat |= _SPREAD[name](value or {})
        elif name in _COUNTED:
            flat |= {f"{_COUNTED[name]}_{key}": count for key, count in value.items()}
        elif name in _LISTED:
            flat[name] = _listed(value)
        elif name != "slices":
            flat[name] = value
    return flat


def _policy(policy: Mapping[str, Any]) -> dict[str, Any]:
    """Return who answered for a policy and how often it went on; nothing for other arms."""
    if not policy:
        return {}
    return {
        "answered_by": _listed(policy["answered_by"]),
        **_figure("escalation_rate", policy["escalation_rate"]),
    }


def _metrics(found: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for metric, figure in found.items():
        flat |= _figure(f"metric_{metric}", figure)
    return flat


def _judging(judge: Mapping[str, Any]) -> dict[str, Any]:
    """Return who judged and what came of it, a column each."""
    flat: dict[str, Any] = {}
    for name, value in judge.items():
        if name in ("judges", "earlier", "kin", "failures"):
            value = _listed(list(value) if name == "kin" else value)
        flat[name if name.startswith(("n_", "judges")) else f"judge_{name}"] = value
    return flat


def _listed(values: Mapping[str, int] | Sequence[str]) -> str | None:
    """Return names, or reasons with their counts, as one cell."""
    if isinstance(values, Mapping):
        values = [f"{count}x {reason}" for reason, count in values.items()]
    return "; ".join(values) or None


def _figure(name: str, figure: Mapping[str, Any] | None) -> dict[str, Any]:
    return {
        name + suffix: None if figure is None else figure[part] for suffix, part in _PARTS.items()
    }


_SPREAD: Mapping[str, Callable[[Any], dict[str, Any]]] = {
    "metrics": _metrics,
    "judge": _judging,
    "policy": _policy,
}
