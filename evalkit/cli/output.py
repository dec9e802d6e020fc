"""What commands print: one JSON document, or tables for the terminal; notes go to stderr."""

from __future__ import annotations

import json
import math
import os
import sys
from typing import Any


def print_json(document: object) -> None:
    """Print one JSON document on stdout; what is not finite becomes null.

    No text in it can be a command to the machine that reads a job's log (`##[error]`).
    """
    text = json.dumps(_finite(document), indent=2, ensure_ascii=False, default=str)
    emit(text.replace("##[", "#\\u0023["))


def emit(text: str) -> None:
    """Print on stdout; where its reader has gone, the rest goes nowhere and the command goes on.

    So the exit code is the verdict's, and not that of a closed pipe.
    """
    try:
        print(text)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def note(text: str) -> None:
    """Print a line for people on stderr, without characters that could steer a terminal."""
    print(printable(text), file=sys.stderr)


def printable(text: object) -> str:
    r"""Return text whose lines hold no control or direction characters.

    Example:
        >>> printable("a\x1b[31m\nb")
        'a\ufffd[31m\nb'
    """
    from evalkit.report.values import clean

    return "\n".join(clean(line) for line in str(text).split("\n"))


def columns(rows: list[list[str]], heads: list[str]) -> str:
    """Return rows as left-aligned columns under their heads."""
    from evalkit.report.values import clean

    table = [heads, *([clean(cell) for cell in row] for row in rows)]
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
