"""Options that several commands share, and how their values are read."""

from __future__ import annotations

import argparse
import datetime as dt
from pathlib import Path


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add `--json`."""
    parser.add_argument(
        "--json", action="store_true", help="print one JSON document on stdout and nothing else"
    )


def add_providers(parser: argparse.ArgumentParser) -> None:
    """Add `--providers FILE`."""
    parser.add_argument(
        "--providers", type=Path, metavar="FILE", help="providers file (default: ./providers.yaml)"
    )


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add `--set KEY=VALUE` and `--allow-code`."""
    parser.add_argument(
        "--set", dest="settings", action="append", default=[], metavar="[SUITE:]KEY=VALUE",
        help="override a key of suite.yaml, for example params.seed=1 or data.path=FILE; "
        "with SUITE: only in the suite whose folder has that name",
    )  # fmt: skip
    parser.add_argument(
        "--allow-code", action="store_true",
        help="run the Python of suites that lie outside the current directory",
    )  # fmt: skip


def example(text: str) -> str:
    """Return the epilog of a command: an example that a reader can copy."""
    return f"example: {text}"


def positive(text: str) -> int:
    """Read a whole number above 0."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number above 0, got {text!r}")
    return int(text)


def dollars(text: str) -> float:
    """Read an amount above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"must be an amount above 0, got {text!r}")
    return value


def day(text: str) -> dt.date:
    """Read a day like 2026-11-01."""
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a day like 2026-11-01, got {text!r}") from None


def shard(text: str) -> tuple[int, int]:
    """Read `I/N`; I counts from 0 or from 1 (N/N and 0/N are the same shard)."""
    index, slash, count = text.partition("/")
    if not slash or not index.isdigit() or not count.isdigit() or int(count) < 1:
        raise argparse.ArgumentTypeError(f"must be I/N such as 1/4, got {text!r}")
    if int(index) > int(count):
        raise argparse.ArgumentTypeError(f"I must be at most N, got {text!r}")
    return int(index), int(count)


def names(text: str) -> list[str]:
    """Read a comma-separated list of at least one."""
    found = [part.strip() for part in text.split(",") if part.strip()]
    if not found:
        raise argparse.ArgumentTypeError(f"must name at least one, got {text!r}")
    return found
