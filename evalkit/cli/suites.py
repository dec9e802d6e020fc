"""List the suites below a folder (default: ./suites): task, data, and what is wrong with them."""

from __future__ import annotations

import argparse
from pathlib import Path

from evalkit.cli.options import add_json, example


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument(
        "folder", nargs="?", type=Path, default=Path("suites"), help="the folder to look into"
    )
    parser.epilog = example("evalkit suites suites/")
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """List."""
    from evalkit import api
    from evalkit.cli.output import columns, print_json

    rows = api.list_suites(options.folder)
    if options.json:
        print_json({"schema_version": 1, "suites": rows})
        return 0
    table = [
        [
            row["name"] or row["folder"],
            row["version"] or "-",
            row["task"] or "-",
            row["format"] or "-",
            row["data"] or "-",
            row["problem"] or row["description"] or "",
        ]
        for row in rows
    ]
    print(columns(table, ["suite", "version", "task", "format", "data", "description"]))
    return 0
