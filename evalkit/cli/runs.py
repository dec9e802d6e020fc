"""List the runs of a results folder (default: ./results), newest first."""

from __future__ import annotations

import argparse
from pathlib import Path

from evalkit.cli.options import add_json, example


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument(
        "folder", nargs="?", type=Path, default=Path("results"), help="the folder to look into"
    )
    parser.epilog = example("evalkit runs results/ --json")
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """List."""
    from evalkit import api
    from evalkit.cli.output import columns, print_json

    rows = api.list_runs(options.folder)
    if options.json:
        print_json({"schema_version": 1, "runs": rows})
        return 0
    table = [
        [
            row["run_id"],
            row["state"],
            ",".join(row["suites"]),
            str(len(row["arms"])),
            str(row["started_at"] or "-")[:16].replace("T", " "),
            row["path"],
        ]
        for row in rows
    ]
    print(columns(table, ["run", "state", "suites", "arms", "started (UTC)", "path"]))
    return 0
