"""What commands print: one JSON document, or tables for the terminal; notes go to stderr."""

from __future__ import annotations

import json
import math
import sys
from typing import Any


def print_json(document: object) -> None:
    """Print one JSON document on stdout; what is not finite becomes null."""
    print(json.dumps(_finite(document), indent=2, ensure_ascii=False, default=str))


def note(text: str) -> None:
    """Print a line for people on stderr."""
    print(text, file=sys.stderr)


def columns(rows: list[list[str]], heads: list[str]) -> str:
    """Return rows as left-aligned columns under their heads."""
    table = [heads, *rows]
    widths = [max(len(row[i]) for row in table) for i in range(len(heads))]
    lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in table]
    return "\n".join(line.rstrip() for line in lines)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(k): _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return value
